#include "relay/catcher.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "gtest/gtest.h"

namespace rbld {
namespace {

constexpr uint64_t kLongestMilliseconds = 20'000;

// A catcher on a port of its own; rbld is away. Nothing else wakes the loop.
class CatcherTest : public testing::Test {
 protected:
  CatcherTest() {
    uv_loop_init(&loop_);
    uv_timer_init(&loop_, &alarm_);
    alarm_.data = this;
    uv_timer_start(
        &alarm_,
        [](uv_timer_t* alarm) {
          static_cast<CatcherTest*>(alarm->data)->is_late_ = true;
        },
        kLongestMilliseconds, 0);
  }
  ~CatcherTest() override {
    catcher_.reset();
    control_.reset();
    uv_close(reinterpret_cast<uv_handle_t*>(&alarm_), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }

  void Start(const CatcherOptions& options) {
    control_ = std::make_unique<ControlLink>(&loop_, "/nonexistent/socket");
    catcher_ = std::make_unique<Catcher>(&loop_, control_.get(), options);
    absl::StatusOr<BoundSocket> bound =
        BoundSocket::Bind(*ParseIpPrefix("127.0.0.1"), 0);
    ASSERT_TRUE(bound.ok()) << bound.status();
    port_ = bound->port();
    ASSERT_TRUE(catcher_->Listen(*std::move(bound)).ok());
  }

  int Connect(const char* from) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in local = {};
    local.sin_family = AF_INET;
    inet_pton(AF_INET, from, &local.sin_addr);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof(local)), 0);
    inet_pton(AF_INET, "127.0.0.1", &local.sin_addr);
    local.sin_port = htons(port_);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&local), sizeof(local)),
              0);
    return fd;
  }

  // The code of the next line; "" once it is closed.
  std::string Code(int fd) {
    std::array<char, 512> text;
    while (!is_late_) {
      const ssize_t bytes = recv(fd, text.data(), text.size(), MSG_DONTWAIT);
      if (bytes > 0) return std::string(text.data(), 3);
      if (bytes == 0) return "";
      uv_run(&loop_, UV_RUN_ONCE);
    }
    return "nothing";
  }

  uv_loop_t loop_;
  uv_timer_t alarm_;
  bool is_late_ = false;
  std::unique_ptr<ControlLink> control_;
  std::unique_ptr<Catcher> catcher_;
  uint16_t port_ = 0;
};

TEST_F(CatcherTest, SoManyConnectionsOfOneAddress) {
  CatcherOptions options;
  options.max_connections_per_address = 2;
  Start(options);
  const int first = Connect("127.0.0.1");
  EXPECT_EQ(Code(first), "220");
  const int second = Connect("127.0.0.1");
  EXPECT_EQ(Code(second), "220");
  const int third = Connect("127.0.0.1");
  EXPECT_EQ(Code(third), "421");
  EXPECT_EQ(Code(third), "");
  const int other = Connect("127.0.0.2");
  EXPECT_EQ(Code(other), "220");
  // Who leaves makes room.
  ASSERT_EQ(send(first, "QUIT\r\n", 6, 0), 6);
  EXPECT_EQ(Code(first), "221");
  EXPECT_EQ(Code(first), "");
  const int fourth = Connect("127.0.0.1");
  EXPECT_EQ(Code(fourth), "220");
  for (const int fd : {first, second, third, other, fourth}) close(fd);
}

TEST_F(CatcherTest, SoManyConnectionsInAll) {
  CatcherOptions options;
  options.max_connections = 1;
  Start(options);
  const int first = Connect("127.0.0.1");
  EXPECT_EQ(Code(first), "220");
  const int second = Connect("127.0.0.2");
  EXPECT_EQ(Code(second), "421");
  EXPECT_EQ(Code(second), "");
  for (const int fd : {first, second}) close(fd);
}

TEST_F(CatcherTest, WhoIsSilentIsSentAway) {
  CatcherOptions options;
  options.session.idle_seconds = 1;
  Start(options);
  const int fd = Connect("127.0.0.1");
  EXPECT_EQ(Code(fd), "220");
  EXPECT_EQ(Code(fd), "421");
  EXPECT_EQ(Code(fd), "");
  close(fd);
}

TEST(CountedAs, AnIpv6HostHasAWholeNetwork) {
  EXPECT_EQ(CountedAs(*ParseIpPrefix("192.0.2.1")),
            *ParseIpPrefix("192.0.2.1"));
  EXPECT_EQ(CountedAs(*ParseIpPrefix("2001:db8::1")),
            *ParseIpPrefix("2001:db8::/64"));
  EXPECT_NE(CountedAs(*ParseIpPrefix("2001:db8::1")),
            CountedAs(*ParseIpPrefix("2001:db8:0:1::1")));
}

}  // namespace
}  // namespace rbld
