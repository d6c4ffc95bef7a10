// Workers over real sockets on the loopback interface.

#include "server/worker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <system_error>
#include <thread>

#include "absl/strings/str_cat.h"
#include "dns/query_builder.h"
#include "gtest/gtest.h"
#include "server/test_client.h"
#include "server/test_snapshot.h"

namespace rbld {
namespace {

constexpr uint32_t kCode2 = 0x7f000002;

uint64_t Row(const Stats& stats, const std::string& name) {
  for (const StatsTotals::Row& row : stats.Sum().rows) {
    if (row.name == name) return row.value;
  }
  return 0;
}

// How many UDP sockets of that port some event loop of this process watches:
// what the kernel says of each epoll instance ("tfd: 12 events: …").
int WatchedUdpSockets(uint16_t port) {
  int watched = 0;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/self/fd", error)) {
    std::ifstream info(
        absl::StrCat("/proc/self/fdinfo/", entry.path().filename().string()));
    for (std::string word; info >> word;) {
      int fd = -1;
      if (word != "tfd:" || !(info >> fd)) continue;
      int type = 0;
      socklen_t bytes = sizeof(type);
      sockaddr_in address = {};
      socklen_t address_bytes = sizeof(address);
      if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 &&
          type == SOCK_DGRAM &&
          getsockname(fd, reinterpret_cast<sockaddr*>(&address),
                      &address_bytes) == 0 &&
          ntohs(address.sin_port) == port) {
        ++watched;
      }
    }
  }
  return watched;
}

class WorkerTest : public ::testing::Test {
 protected:
  ~WorkerTest() override { Stop(); }

  void Start(int workers, const std::string& address = "127.0.0.1") {
    limits_.open = &open_;
    stats_ = std::make_unique<Stats>(workers);
    absl::StatusOr<BoundAddress> bound = Bind({address, address, 0}, workers);
    ASSERT_TRUE(bound.ok()) << bound.status();
    port_ = bound->port;
    holder_.Publish(MakeSnapshot(1));
    for (int i = 0; i < workers; ++i) {
      std::vector<SocketPair> sockets;
      sockets.push_back(std::move(bound->sockets[static_cast<size_t>(i)]));
      absl::StatusOr<std::unique_ptr<Worker>> worker = Worker::Create(
          std::move(sockets), limits_, &holder_, stats_->worker(i), &clock_);
      ASSERT_TRUE(worker.ok()) << worker.status();
      holder_.AddWaker([raw = worker->get()] { raw->Wake(); });
      (*worker)->Start();
      workers_.push_back(*std::move(worker));
    }
  }

  void Stop() {
    holder_.ClearWakers();
    for (const auto& worker : workers_) worker->Stop();
    workers_.clear();
  }

  static std::shared_ptr<const Snapshot> MakeSnapshot(uint32_t serial) {
    TestSnapshot builder;
    builder.AddZone(TestZone("rbl.example"))
        .SetSerial("rbl.example", serial)
        .Add("list", "192.0.2.1", {{kCode2, std::string(4000, 'x') + " $", 0}});
    return builder.Build();
  }

  static std::string Query(uint16_t id,
                           absl::string_view name = "2.0.0.127.rbl.example",
                           RrType type = RrType::kA) {
    return QueryBuilder(id).Question(name, type).message();
  }

  static uint16_t Id(const std::string& message) {
    return ReadU16(reinterpret_cast<const uint8_t*>(message.data()));
  }

  SystemClock clock_;
  TcpLimits limits_;
  std::atomic<int> open_{0};
  std::unique_ptr<Stats> stats_;
  SnapshotHolder holder_;
  std::vector<std::unique_ptr<Worker>> workers_;
  uint16_t port_ = 0;
};

TEST_F(WorkerTest, AnswersOverUdp) {
  Start(1);
  UdpClient client("127.0.0.1", port_);
  for (uint16_t id = 1; id < 50; ++id) {
    const auto reply = client.Ask(Query(id));
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(id, Id(*reply));
    EXPECT_EQ(1, (*reply)[7]);  // one answer
  }
  EXPECT_EQ(49u, Row(*stats_, "udp_queries"));
  EXPECT_EQ(49u, Row(*stats_, "listed"));
}

TEST_F(WorkerTest, AnswersBurstsLongerThanABatch) {
  Start(2);
  // As many replies as a client's receive buffer takes by default.
  constexpr int kQueries = 3 * kUdpBatchMessages;
  UdpClient client("127.0.0.1", port_);
  std::vector<bool> seen(kQueries);
  for (int i = 0; i < kQueries; ++i) {
    client.Send(Query(static_cast<uint16_t>(i)));
  }
  for (int i = 0; i < kQueries; ++i) {
    const auto reply = client.Receive();
    ASSERT_TRUE(reply.has_value()) << i;
    ASSERT_LT(Id(*reply), kQueries);
    EXPECT_FALSE(seen[Id(*reply)]);
    seen[Id(*reply)] = true;
  }
}

TEST_F(WorkerTest, SpreadsClientsOverItsWorkers) {
  Start(2);
  // The kernel hashes source ports; of 64 ports some go to each.
  for (int i = 0; i < 64; ++i) {
    UdpClient client("127.0.0.1", port_);
    ASSERT_TRUE(client.Ask(Query(9)).has_value());
  }
  EXPECT_EQ(64u, Row(*stats_, "udp_queries"));
  EXPECT_GT(stats_->worker(0)->counters.udp_queries.Get(), 0u);
  EXPECT_GT(stats_->worker(1)->counters.udp_queries.Get(), 0u);
}

TEST_F(WorkerTest, IsSilentToWhatDeservesNoReply) {
  Start(1);
  UdpClient client("127.0.0.1", port_);
  client.Send("short");
  client.Send(QueryBuilder(1, kFlagQr).Question("a", RrType::kA).message());
  client.Send(Query(77));
  const auto reply = client.Receive();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(77, Id(*reply));
  EXPECT_EQ(2u, Row(*stats_, "dropped"));
}

TEST_F(WorkerTest, RepliesFromTheAddressThatWasAsked) {
  for (const std::string any : {"0.0.0.0", "::"}) {
    Start(1, any);
    // A connected socket takes replies from that very address only.
    const std::vector<std::string> targets =
        any == "::" ? std::vector<std::string>{"::1"}
                    : std::vector<std::string>{"127.0.0.1", "127.1.2.3"};
    for (const std::string& target : targets) {
      UdpClient client(target, port_);
      const auto reply = client.Ask(Query(5));
      ASSERT_TRUE(reply.has_value()) << target;
      EXPECT_EQ(5, Id(*reply));
    }
    Stop();
  }
}

TEST_F(WorkerTest, AnswersOverIpv6) {
  Start(1, "::1");
  UdpClient udp("::1", port_);
  EXPECT_TRUE(udp.Ask(Query(5)).has_value());
  TcpClient tcp("::1", port_);
  tcp.SendRaw(TcpClient::Frame(Query(6)));
  EXPECT_TRUE(tcp.Receive().has_value());
}

TEST_F(WorkerTest, SeesAPublishedSnapshotInTheNextReply) {
  Start(2);
  UdpClient udp("127.0.0.1", port_);
  TcpClient tcp("127.0.0.1", port_);
  for (uint32_t serial = 2; serial < 60; ++serial) {
    holder_.Publish(MakeSnapshot(serial));
    const std::string query = Query(1, "rbl.example", RrType::kSoa);
    const auto over_udp = udp.Ask(query);
    tcp.SendRaw(TcpClient::Frame(query));
    const auto over_tcp = tcp.Receive();
    for (const auto& reply : {over_udp, over_tcp}) {
      ASSERT_TRUE(reply.has_value());
      // SERIAL is the fifth word from the end of the SOA.
      const auto* end =
          reinterpret_cast<const uint8_t*>(reply->data()) + reply->size();
      ASSERT_EQ(serial, ReadU32(end - 20));
    }
  }
}

TEST_F(WorkerTest, LetsGoOfOldSnapshotsWhenIdle) {
  Start(2);
  for (uint32_t serial = 2; serial < 10; ++serial) {
    holder_.Publish(MakeSnapshot(serial));
  }
  int held = -1;
  for (int i = 0; i < 100 && held != 0; ++i) {
    held = holder_.Reap();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(0, held);
}

// A socket of its own, or one beside another of the same worker.
class BusyWorkerTest : public WorkerTest,
                       public ::testing::WithParamInterface<bool> {
 protected:
  void StartOne() {
    limits_.open = &open_;
    stats_ = std::make_unique<Stats>(1);
    holder_.Publish(MakeSnapshot(1));
    std::vector<SocketPair> sockets;
    for (int i = 0; i < (GetParam() ? 2 : 1); ++i) {
      absl::StatusOr<BoundAddress> bound =
          Bind({"127.0.0.1", "127.0.0.1", 0}, 1);
      ASSERT_TRUE(bound.ok()) << bound.status();
      port_ = bound->port;
      sockets.push_back(std::move(bound->sockets[0]));
    }
    auto worker = Worker::Create(std::move(sockets), limits_, &holder_,
                                 stats_->worker(0), &clock_);
    ASSERT_TRUE(worker.ok()) << worker.status();
    holder_.AddWaker([raw = worker->get()] { raw->Wake(); });
    (*worker)->Start();
    workers_.push_back(*std::move(worker));
    ASSERT_TRUE(IsSoonWatched());
  }

  bool IsSoonWatched() {
    for (int i = 0; i < 500; ++i) {
      if (WatchedUdpSockets(port_) == 1) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  // Asks in bursts until the loop was seen not to watch the socket, and lets
  // `busy` do things then.
  void MakeBusy(const std::function<void()>& busy) {
    std::atomic<bool> stop{false};
    std::thread asking([this, &stop] {
      UdpClient client("127.0.0.1", port_);
      while (!stop) {
        for (int i = 0; i < kUdpBatchMessages; ++i) client.Send(Query(1));
      }
    });
    bool was_busy = false;
    for (int i = 0; i < 20000 && !was_busy; ++i) {
      was_busy = WatchedUdpSockets(port_) == 0;
    }
    EXPECT_TRUE(was_busy);
    busy();
    stop = true;
    asking.join();
  }
};

TEST_P(BusyWorkerTest, IsWatchedAgainWhenItIsQuiet) {
  ASSERT_NO_FATAL_FAILURE(StartOne());
  for (int times = 0; times < 3; ++times) {
    MakeBusy([] {});
    EXPECT_TRUE(IsSoonWatched());
    UdpClient client("127.0.0.1", port_);
    const auto reply = client.Ask(Query(77));
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(77, Id(*reply));
  }
}

TEST_P(BusyWorkerTest, ServesTcpAndChangesAllTheSame) {
  ASSERT_NO_FATAL_FAILURE(StartOne());
  MakeBusy([this] {
    TcpClient tcp("127.0.0.1", port_);
    for (uint32_t serial = 2; serial < 10; ++serial) {
      holder_.Publish(MakeSnapshot(serial));
      tcp.SendRaw(TcpClient::Frame(Query(1, "rbl.example", RrType::kSoa)));
      const auto reply = tcp.Receive();
      ASSERT_TRUE(reply.has_value());
      const auto* end =
          reinterpret_cast<const uint8_t*>(reply->data()) + reply->size();
      EXPECT_EQ(serial, ReadU32(end - 20));
    }
  });
  int held = -1;
  for (int i = 0; i < 500 && held != 0; ++i) {
    held = holder_.Reap();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(0, held);
}

TEST_P(BusyWorkerTest, StopsWhenItIsBusy) {
  ASSERT_NO_FATAL_FAILURE(StartOne());
  MakeBusy([this] {
    Stop();
    EXPECT_EQ(0, WatchedUdpSockets(port_));
  });
}

INSTANTIATE_TEST_SUITE_P(Sockets, BusyWorkerTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "OfTwo" : "Alone";
                         });

TEST_F(WorkerTest, AnswersPipelinedQueriesOnOneConnection) {
  Start(1);
  TcpClient client("127.0.0.1", port_);
  std::string frames;
  constexpr uint16_t kQueries = 1000;
  for (uint16_t id = 0; id < kQueries; ++id) {
    frames += TcpClient::Frame(Query(id));
  }
  ASSERT_TRUE(client.SendRaw(frames));
  for (uint16_t id = 0; id < kQueries; ++id) {
    const auto reply = client.Receive();
    ASSERT_TRUE(reply.has_value()) << id;
    ASSERT_EQ(id, Id(*reply));
  }
  EXPECT_EQ(uint64_t{kQueries}, Row(*stats_, "tcp_queries"));
}

TEST_F(WorkerTest, PutsFramesTogetherFromSingleBytes) {
  Start(1);
  TcpClient client("127.0.0.1", port_);
  const std::string frames =
      TcpClient::Frame(Query(1)) + TcpClient::Frame(Query(2));
  for (const char byte : frames) {
    ASSERT_TRUE(client.SendRaw(std::string(1, byte)));
  }
  EXPECT_EQ(1, Id(*client.Receive()));
  EXPECT_EQ(2, Id(*client.Receive()));
}

TEST_F(WorkerTest, SendsLongRepliesOverTcp) {
  Start(1);
  TcpClient client("127.0.0.1", port_);
  client.SendRaw(
      TcpClient::Frame(Query(1, "1.2.0.192.rbl.example", RrType::kTxt)));
  const auto reply = client.Receive();
  ASSERT_TRUE(reply.has_value());
  EXPECT_GT(reply->size(), 4000u);
  UdpClient udp("127.0.0.1", port_);
  const auto cut = udp.Ask(Query(1, "1.2.0.192.rbl.example", RrType::kTxt));
  ASSERT_TRUE(cut.has_value());
  EXPECT_TRUE((*cut)[2] & 0x02) << "TC";
}

TEST_F(WorkerTest, OwesAnswersToAHalfClosedConnection) {
  Start(1);
  TcpClient client("127.0.0.1", port_);
  std::string frames;
  for (uint16_t id = 0; id < 200; ++id) {
    frames +=
        TcpClient::Frame(Query(id, "1.2.0.192.rbl.example", RrType::kTxt));
  }
  ASSERT_TRUE(client.SendRaw(frames));
  client.HalfClose();
  for (uint16_t id = 0; id < 200; ++id) {
    const auto reply = client.Receive();
    ASSERT_TRUE(reply.has_value()) << id;
    ASSERT_EQ(id, Id(*reply));
  }
  EXPECT_TRUE(client.Closed());
}

TEST_F(WorkerTest, ClosesOnAnEmptyFrameAfterTheAnswersBeforeIt) {
  Start(1);
  TcpClient client("127.0.0.1", port_);
  client.SendRaw(TcpClient::Frame(Query(3)) + TcpClient::Frame(""));
  EXPECT_EQ(3, Id(*client.Receive()));
  EXPECT_TRUE(client.Closed());
}

TEST_F(WorkerTest, StopsReadingFromAPeerThatDoesNotRead) {
  Start(1);
  TcpClient client("127.0.0.1", port_, /*receive_buffer_bytes=*/4096);
  const std::string frame =
      TcpClient::Frame(Query(1, "1.2.0.192.rbl.example", RrType::kTxt));
  // 40 MB of replies, if they were all made.
  std::string flood;
  for (int i = 0; i < 10000; ++i) flood += frame;
  const bool all_taken = client.SendRaw(flood, /*timeout_ms=*/500);
  const uint64_t answered = Row(*stats_, "tcp_queries");
  EXPECT_LT(answered, 10000u);
  // Other clients do not wait for that one.
  UdpClient udp("127.0.0.1", port_);
  EXPECT_TRUE(udp.Ask(Query(5)).has_value());
  TcpClient other("127.0.0.1", port_);
  other.SendRaw(TcpClient::Frame(Query(6)));
  EXPECT_TRUE(other.Receive().has_value());
  // Once it reads, it gets everything that it managed to ask.
  if (all_taken) {
    for (int i = 0; i < 10000; ++i) {
      ASSERT_TRUE(client.Receive().has_value()) << i;
    }
  } else {
    for (uint64_t i = 0; i < answered; ++i) {
      ASSERT_TRUE(client.Receive().has_value()) << i;
    }
  }
}

TEST_F(WorkerTest, ClosesIdleConnections) {
  limits_.idle_ms = 300;
  Start(1);
  TcpClient silent("127.0.0.1", port_);
  TcpClient dribbler("127.0.0.1", port_);
  TcpClient busy("127.0.0.1", port_);
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed_ms = [&start] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now() - start)
        .count();
  };
  // A byte now and then is no query, so it does not keep a connection open.
  while (elapsed_ms() < 1000) {
    dribbler.SendRaw("\1", 10);
    busy.SendRaw(TcpClient::Frame(Query(1)));
    ASSERT_TRUE(busy.Receive().has_value());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE(silent.Closed(0));
  EXPECT_TRUE(dribbler.Closed(0));
  EXPECT_EQ(2u, Row(*stats_, "tcp_timeouts"));
}

TEST_F(WorkerTest, ClosesConnectionsThatLastTooLong) {
  limits_.total_ms = 400;
  Start(1);
  TcpClient busy("127.0.0.1", port_);
  bool closed = false;
  for (int i = 0; i < 100 && !closed; ++i) {
    busy.SendRaw(TcpClient::Frame(Query(1)));
    closed = !busy.Receive().has_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(closed);
  EXPECT_EQ(1u, Row(*stats_, "tcp_timeouts"));
}

TEST_F(WorkerTest, MakesRoomByClosingTheConnectionThatIsIdleLongest) {
  limits_.max_connections = 3;
  Start(1);
  TcpClient first("127.0.0.1", port_);
  first.SendRaw(TcpClient::Frame(Query(1)));
  ASSERT_TRUE(first.Receive().has_value());
  TcpClient second("127.0.0.1", port_);
  second.SendRaw(TcpClient::Frame(Query(1)));
  ASSERT_TRUE(second.Receive().has_value());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  first.SendRaw(TcpClient::Frame(Query(2)));
  ASSERT_TRUE(first.Receive().has_value());
  TcpClient third("127.0.0.1", port_);
  third.SendRaw(TcpClient::Frame(Query(1)));
  ASSERT_TRUE(third.Receive().has_value());
  TcpClient fourth("127.0.0.1", port_);
  fourth.SendRaw(TcpClient::Frame(Query(1)));
  ASSERT_TRUE(fourth.Receive().has_value());
  EXPECT_TRUE(second.Closed());
  first.SendRaw(TcpClient::Frame(Query(3)));
  EXPECT_TRUE(first.Receive().has_value());
  EXPECT_EQ(1u, Row(*stats_, "tcp_evicted"));
  EXPECT_LE(open_.load(), 3);
}

TEST_F(WorkerTest, RefusesNewConnectionsWhenNoneIsIdle) {
  limits_.max_connections = 1;
  Start(1);
  TcpClient unfinished("127.0.0.1", port_);
  unfinished.SendRaw(TcpClient::Frame(Query(1)) + "\1");
  ASSERT_TRUE(unfinished.Receive().has_value());
  TcpClient refused("127.0.0.1", port_);
  EXPECT_TRUE(refused.Closed());
  EXPECT_EQ(1u, Row(*stats_, "tcp_refused"));
}

TEST_F(WorkerTest, SurvivesResetsAndGoesOn) {
  Start(1);
  for (int i = 0; i < 50; ++i) {
    TcpClient client("127.0.0.1", port_);
    client.SendRaw(
        TcpClient::Frame(Query(1, "1.2.0.192.rbl.example", RrType::kTxt)));
    const linger at_once = {1, 0};
    setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }
  TcpClient client("127.0.0.1", port_);
  client.SendRaw(TcpClient::Frame(Query(1)));
  EXPECT_TRUE(client.Receive().has_value());
  for (int i = 0; i < 100 && open_.load() > 1; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(1, open_.load());
}

TEST_F(WorkerTest, StopsWithConnectionsOpen) {
  Start(2);
  TcpClient client("127.0.0.1", port_);
  client.SendRaw(TcpClient::Frame(Query(1)));
  ASSERT_TRUE(client.Receive().has_value());
  Stop();
  EXPECT_TRUE(client.Closed());
  EXPECT_EQ(0, open_.load());
}

}  // namespace
}  // namespace rbld
