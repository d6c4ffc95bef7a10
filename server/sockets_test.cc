#include "server/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "base/cpus.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/test_client.h"

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

// Over the loopback interface a message is received by the CPU that sends it.
TEST(Sockets, GiveAMessageToTheWorkerOfTheCpuThatReceivedIt) {
  const std::vector<int> cpus = UsableCpus();
  ASSERT_FALSE(cpus.empty());
  // All workers but one have a CPU that does not exist: what they get, they got
  // by chance.
  constexpr int kNoCpu = 8191;
  constexpr int kWorkers = 4;
  constexpr int kClients = 32;
  for (const int cpu : {cpus.front(), cpus.back()}) {
    for (size_t chosen = 0; chosen < kWorkers; ++chosen) {
      const absl::StatusOr<BoundAddress> bound =
          Bind(At("127.0.0.1", 0), kWorkers);
      ASSERT_TRUE(bound.ok()) << bound.status();
      std::vector<int> of_workers(kWorkers, kNoCpu);
      of_workers[chosen] = cpu;
      ASSERT_EQ(absl::OkStatus(), SteerByCpu(*bound, of_workers));
      std::thread([&bound, cpu] {
        ASSERT_EQ(absl::OkStatus(), KeepToCpu(cpu));
        for (int i = 0; i < kClients; ++i) {
          UdpClient("127.0.0.1", bound->port).Send("x");
        }
      }).join();
      for (size_t i = 0; i < kWorkers; ++i) {
        int messages = 0;
        char byte = 0;
        while (recv(bound->sockets[i].udp.get(), &byte, 1, MSG_DONTWAIT) == 1) {
          ++messages;
        }
        EXPECT_EQ(i == chosen ? kClients : 0, messages) << i;
      }
    }
  }
}

TEST(Sockets, SpreadWhatCpusWithoutAWorkerReceive) {
  constexpr int kNoCpu = 8191;
  const absl::StatusOr<BoundAddress> bound = Bind(At("127.0.0.1", 0), 2);
  ASSERT_TRUE(bound.ok()) << bound.status();
  ASSERT_EQ(absl::OkStatus(), SteerByCpu(*bound, {kNoCpu, kNoCpu - 1}));
  for (int i = 0; i < 64; ++i) UdpClient("127.0.0.1", bound->port).Send("x");
  for (const SocketPair& pair : bound->sockets) {
    char byte = 0;
    EXPECT_EQ(1, recv(pair.udp.get(), &byte, 1, MSG_DONTWAIT));
  }
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
