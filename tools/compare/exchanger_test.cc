// Against servers of the test's own, on free ports of 127.0.0.1. What needs
// other programs is in tests/rblctl/compare_test.py.
#include "tools/compare/exchanger.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dns/constants.h"
#include "dns/name.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

// An A record of 127.0.0.2 for the query's question, or none.
std::string ReplyTo(const std::string& query, uint16_t flags, bool listed) {
  std::string reply = query;
  WriteU16(reinterpret_cast<uint8_t*>(reply.data()) + 2, flags);
  if (!listed) return reply;
  reply[7] = 1;
  return reply + std::string("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\2", 16);
}

// One connection or datagram at a time.
class FakeServer {
 public:
  using Serve = std::function<std::string(const std::string& query, bool tcp)>;

  explicit FakeServer(Serve serve) : serve_(std::move(serve)) {
    // A port that is free for both.
    for (bool bound = false; !bound;) {
      udp_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      tcp_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address = {};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      socklen_t size = sizeof(address);
      auto* const generic = reinterpret_cast<sockaddr*>(&address);
      bound = bind(udp_, generic, size) == 0 &&
              getsockname(udp_, generic, &size) == 0 &&
              bind(tcp_, generic, size) == 0 && listen(tcp_, 64) == 0;
      port_ = ntohs(address.sin_port);
      if (!bound) Close();
    }
    thread_ = std::thread([this] { Loop(); });
  }
  ~FakeServer() {
    ended_ = true;
    thread_.join();
    Close();
  }

  ListenAddress address() const {
    return {absl::StrCat("127.0.0.1:", port_), "127.0.0.1", port_};
  }

 private:
  void Close() {
    close(udp_);
    close(tcp_);
  }

  void Loop() {
    char buffer[65536];
    std::map<int, std::string> clients;
    while (!ended_) {
      std::vector<pollfd> fds = {{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}};
      for (const auto& [fd, in] : clients) fds.push_back({fd, POLLIN, 0});
      if (poll(fds.data(), fds.size(), 20) <= 0) continue;
      if ((fds[0].revents & POLLIN) != 0) {
        sockaddr_in from = {};
        socklen_t size = sizeof(from);
        auto* const generic = reinterpret_cast<sockaddr*>(&from);
        const ssize_t got =
            recvfrom(udp_, buffer, sizeof(buffer), 0, generic, &size);
        const std::string reply =
            serve_(std::string(buffer, static_cast<size_t>(got)), false);
        if (!reply.empty()) {
          sendto(udp_, reply.data(), reply.size(), 0, generic, size);
        }
      }
      if ((fds[1].revents & POLLIN) != 0) {
        clients[accept(tcp_, nullptr, nullptr)];
      }
      for (size_t i = 2; i < fds.size(); ++i) {
        if (fds[i].revents == 0) continue;
        const int fd = fds[i].fd;
        const ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
        if (got > 0 &&
            Converse(fd, absl::string_view(buffer, static_cast<size_t>(got)),
                     &clients[fd])) {
          continue;
        }
        close(fd);
        clients.erase(fd);
      }
    }
    for (const auto& [fd, in] : clients) close(fd);
  }

  // False: the connection is to be closed.
  bool Converse(int fd, absl::string_view bytes, std::string* in) {
    absl::StrAppend(in, bytes);
    if (in->size() < 2) return true;
    const size_t size = ReadU16(reinterpret_cast<const uint8_t*>(in->data()));
    if (in->size() < 2 + size) return true;
    const std::string reply = serve_(in->substr(2, size), true);
    in->erase(0, 2 + size);
    if (reply.empty()) return false;
    const std::string head = {static_cast<char>(reply.size() >> 8),
                              static_cast<char>(reply.size())};
    return send(fd, (head + reply).data(), reply.size() + 2, MSG_NOSIGNAL) > 0;
  }

  const Serve serve_;
  int udp_ = -1;
  int tcp_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

// "n0.test" to "nLAST.test", type A.
class NumberedSource : public QuestionSource {
 public:
  explicit NumberedSource(int count) : count_(count) {}
  absl::StatusOr<bool> Next(Question* question) override {
    if (next_ == count_) return false;
    *question = {*NameFromText(absl::StrCat("n", next_++, ".test")), 1};
    return true;
  }
  double part() const override { return -1; }
  const LeftOut& left_out() const override { return left_out_; }

 private:
  const int count_;
  int next_ = 0;
  LeftOut left_out_;
};

class ExchangerTest : public ::testing::Test {
 protected:
  ExchangerTest() {
    options_.rate = 0;
    // Long enough for a busy machine.
    options_.timeout = std::chrono::milliseconds(1000);
  }

  // How often each set of differences was found, by its kinds' bits.
  std::map<DifferenceSet, int> Run(int questions, FakeServer::Serve other) {
    FakeServer good([](const std::string& query, bool) {
      return ReplyTo(query, kFlagQr | kFlagAa, true);
    });
    FakeServer fresh(std::move(other));
    NumberedSource source(questions);
    std::map<DifferenceSet, int> found;
    std::set<uint64_t> numbers;
    result_ =
        Exchanger(good.address(), fresh.address(), options_)
            .Run(&source,
                 [&](uint64_t number, const Question& question,
                     const ServerReply& old, const ServerReply& reply) {
                   EXPECT_EQ(question.name,
                             *NameFromText(absl::StrCat("n", number, ".test")));
                   EXPECT_TRUE(numbers.insert(number).second);
                   ++found[CompareReplies(question, {}, old, reply)];
                 });
    return found;
  }

  using Counts = std::map<DifferenceSet, int>;
  ExchangeOptions options_;
  ExchangeResult result_;
};

TEST_F(ExchangerTest, PairsThousandsOfReplies) {
  EXPECT_EQ((Counts{{0, 3000}}), Run(3000, [](const std::string& query, bool) {
              return ReplyTo(query, kFlagQr | kFlagAa, true);
            }));
  EXPECT_EQ(ExchangeResult::End::kDone, result_.end);
  EXPECT_EQ(3000u, result_.asked);
}

TEST_F(ExchangerTest, AsksAgainWhatIsLost) {
  // Each query's first try is lost; every tenth one's others too.
  std::map<std::string, int> tries;
  EXPECT_EQ((Counts{{0, 90}, {BitOf(DifferenceKind::kNoAnswer), 10}}),
            Run(100, [&tries](const std::string& query, bool) {
              const std::string name = query.substr(12);
              const int number = atoi(name.c_str() + 2);
              if (++tries[name] == 1 || number % 10 == 5) return std::string();
              return ReplyTo(query, kFlagQr | kFlagAa, true);
            }));
  for (const auto& [name, count] : tries) {
    EXPECT_EQ(atoi(name.c_str() + 2) % 10 == 5 ? 3 : 2, count) << name;
  }
}

TEST_F(ExchangerTest, GetsOverTcpWhatIsCutOff) {
  // It closes the connection now and then.
  int asked = 0;
  EXPECT_EQ((Counts{{BitOf(DifferenceKind::kFlags), 500}}),
            Run(500, [&asked](const std::string& query, bool tcp) {
              if (!tcp) return ReplyTo(query, kFlagQr | kFlagTc, false);
              if (++asked % 7 == 0) return std::string();
              return ReplyTo(query, kFlagQr | kFlagAa, true);
            }));
}

TEST_F(ExchangerTest, EndsEarlyWithoutAServer) {
  options_.timeout = std::chrono::milliseconds(100);
  EXPECT_TRUE(Run(100'000, [](const std::string&, bool) {
                return std::string();
              }).size() <= 1);
  EXPECT_EQ(ExchangeResult::End::kNoServer, result_.end);
  EXPECT_TRUE(absl::StrContains(result_.why, "NEW (127.0.0.1:")) << result_.why;
  EXPECT_LT(result_.asked, 20u);
}

TEST_F(ExchangerTest, StopsWhenItIsTold) {
  int calls = 0;
  options_.stop = [&calls] { return ++calls > 5; };
  Run(100'000, [](const std::string& query, bool) {
    return ReplyTo(query, kFlagQr, true);
  });
  EXPECT_EQ(ExchangeResult::End::kStopped, result_.end);
}

}  // namespace
}  // namespace rbld
