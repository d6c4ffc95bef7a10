#include "server/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

using ::testing::HasSubstr;

ListenAddress At(const std::string& address, uint16_t port) {
  return {absl::StrCat(address, ":", port), address, port};
}

TEST(Sockets, TakeOnePortForBothTransportsAndAllWorkers) {
  const absl::StatusOr<BoundAddress> bound = Bind(At("127.0.0.1", 0), 3);
  ASSERT_TRUE(bound.ok()) << bound.status();
  ASSERT_EQ(3u, bound->sockets.size());
  EXPECT_NE(0, bound->port);
  EXPECT_EQ(absl::StrCat("127.0.0.1:", bound->port), bound->text);
  for (const SocketPair& pair : bound->sockets) {
    for (const Fd* fd : {&pair.udp, &pair.tcp}) {
      sockaddr_in address;
      socklen_t bytes = sizeof(address);
      ASSERT_EQ(0, getsockname(fd->get(), reinterpret_cast<sockaddr*>(&address),
                               &bytes));
      EXPECT_EQ(bound->port, ntohs(address.sin_port));
    }
    EXPECT_FALSE(pair.wildcard);
  }
}

TEST(Sockets, FindAPortThatAnotherRbldShares) {
  const absl::StatusOr<BoundAddress> first = Bind(At("127.0.0.1", 0), 1);
  ASSERT_TRUE(first.ok()) << first.status();
  // The first has SO_REUSEPORT, so the kernel alone would let this pass.
  const absl::StatusOr<BoundAddress> second =
      Bind(At("127.0.0.1", first->port), 1);
  EXPECT_EQ(absl::StatusCode::kAlreadyExists, second.status().code());
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(absl::StrCat("127.0.0.1:", first->port)));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
}

TEST(Sockets, NameAnAddressThatIsNotOurs) {
  const absl::StatusOr<BoundAddress> bound = Bind(At("192.0.2.1", 0), 1);
  ASSERT_FALSE(bound.ok());
  EXPECT_THAT(std::string(bound.status().message()), HasSubstr("192.0.2.1:0"));
}

TEST(Sockets, BindBothFamiliesToOnePort) {
  const absl::StatusOr<BoundAddress> four = Bind(At("0.0.0.0", 0), 1);
  ASSERT_TRUE(four.ok()) << four.status();
  EXPECT_TRUE(four->sockets[0].wildcard);
  const absl::StatusOr<BoundAddress> six = Bind(At("::", four->port), 1);
  ASSERT_TRUE(six.ok()) << six.status();
  EXPECT_TRUE(six->sockets[0].wildcard);
  EXPECT_EQ(absl::StrCat("[::]:", four->port), six->text);
}

TEST(ListenFlag, ReadsAddressesOfBothFamilies) {
  const absl::StatusOr<ListenAddress> four = ParseListenFlag("127.0.0.1:5300");
  ASSERT_TRUE(four.ok()) << four.status();
  EXPECT_EQ("127.0.0.1", four->address);
  EXPECT_EQ(5300, four->port);
  const absl::StatusOr<ListenAddress> six = ParseListenFlag("[::1]:0");
  ASSERT_TRUE(six.ok()) << six.status();
  EXPECT_EQ("::1", six->address);
  EXPECT_EQ(0, six->port);
  EXPECT_EQ(53, ParseListenFlag("[::]")->port);
  EXPECT_EQ(53, ParseListenFlag("192.0.2.1")->port);
}

TEST(ListenFlag, RejectsEverythingElse) {
  for (const char* text :
       {"", "localhost:53", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
        "::1:53", "[::1", "[::1]53", "[127.0.0.1", "127.0.0.1:-1", "[]:53"}) {
    EXPECT_FALSE(ParseListenFlag(text).ok()) << text;
  }
}

}  // namespace
}  // namespace rbld
