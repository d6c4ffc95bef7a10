#include "relay/bound_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace rbld {
namespace {

TEST(BoundSocket, HoldsItsPortUntilItIsGone) {
  const IpPrefix loopback = *ParseIpPrefix("127.0.0.1");
  uint16_t port = 0;
  {
    absl::StatusOr<BoundSocket> first = BoundSocket::Bind(loopback, 0);
    ASSERT_TRUE(first.ok()) << first.status();
    port = first->port();
    ASSERT_NE(port, 0);
    const int fd = first->Release();
    // Only what listens keeps others out, with SO_REUSEADDR.
    ASSERT_EQ(listen(fd, 1), 0);
    const absl::StatusOr<BoundSocket> second =
        BoundSocket::Bind(loopback, port);
    ASSERT_FALSE(second.ok());
    EXPECT_NE(second.status().message().find("127.0.0.1 port"),
              absl::string_view::npos)
        << second.status();
    close(fd);
  }
  EXPECT_TRUE(BoundSocket::Bind(loopback, port).ok());
}

TEST(BoundSocket, Ipv6LeavesIpv4Alone) {
  absl::StatusOr<BoundSocket> v6 = BoundSocket::Bind(*ParseIpPrefix("::"), 0);
  if (!v6.ok()) GTEST_SKIP() << v6.status();
  const uint16_t port = v6->port();
  // Only a socket that listens is in another's way.
  const int v6_fd = v6->Release();
  ASSERT_EQ(listen(v6_fd, 1), 0);
  absl::StatusOr<BoundSocket> v4 =
      BoundSocket::Bind(*ParseIpPrefix("0.0.0.0"), port);
  EXPECT_TRUE(v4.ok()) << v4.status();
  if (v4.ok()) {
    const int v4_fd = v4->Release();
    EXPECT_EQ(listen(v4_fd, 1), 0);
    close(v4_fd);
  }
  close(v6_fd);
}

TEST(BoundSocket, SaysWhatIsWrong) {
  // An address of documentation, which no host has.
  const absl::Status status =
      BoundSocket::Bind(*ParseIpPrefix("192.0.2.1"), 0).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace rbld
