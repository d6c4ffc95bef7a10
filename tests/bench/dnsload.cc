// dnsload: asks a DNS server over UDP at a set rate, or as fast as it answers,
// and costs little enough that a server with a core of its own is the slower
// side.
//
//   dnsload --port 5300 --queries FILE --rate 100000 --seconds 10
//
// FILE is dnsperf's: "name TYPE" on each line, sent in its order.
//
// With a rate the loop is open: queries leave by a schedule, whether or not
// answers come, and a latency counts from the time in the schedule. So a server
// that stands still, or a client that was late, is seen in every query that had
// to wait for it. With --rate=0 the loop is closed: up to --outstanding queries
// wait at once, and a latency counts from the sending.
//
// One thread asks, without epoll: each round reads the sockets that wait for
// answers, then sends what is due. Without --nap_us it never sleeps; an
// answer's time is that after the recvmmsg that brought it. Queries are not
// joined by UDP_SEGMENT: it wants them of one size, and so saved 5 % of the CPU
// time with 512 queries waiting, and cost 13 % with 100.
//
// One JSON object on standard output, a summary for people on standard error.
// Exit status: 0 after answers, 1 without any or when the system refused
// something, 2 for wrong flags.
#include <arpa/inet.h>
#include <gflags/gflags.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/bench/flight.h"
#include "tests/bench/histogram.h"
#include "tests/bench/query_set.h"
#include "tests/bench/schedule.h"

DEFINE_string(server, "127.0.0.1", "the server's IPv4 or IPv6 address");
DEFINE_int32(port, 0, "the server's port");
DEFINE_string(queries, "", "a file of queries, \"name TYPE\" on each line");
DEFINE_uint64(rate, 0,
              "queries a second, by a schedule (open loop); 0: as many as are "
              "answered (closed loop)");
DEFINE_uint64(outstanding, 100,
              "with --rate=0: how many wait for answers at once");
DEFINE_uint64(seconds, 10, "how long to send");
DEFINE_uint64(burst, 1, "with a rate: how many become due at once");
DEFINE_uint64(ports, 16, "how many source ports, each used in turn");
DEFINE_uint64(batch, 32, "how many queries or answers a system call moves");
DEFINE_uint64(timeout_ms, 2000,
              "an answer that comes later after the sending is lost");
DEFINE_uint64(nap_us, 0,
              "how long to sleep when there is nothing to do; 0: not at all, "
              "which takes a whole core and tells latencies best");

namespace rbld {
namespace {

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

constexpr int64_t kMicrosecond = 1000;
constexpr int64_t kMillisecond = 1000 * kMicrosecond;
constexpr int64_t kSecond = 1000 * kMillisecond;

constexpr uint64_t kMaxBatch = 256;
constexpr uint64_t kMaxPorts = 4096;
constexpr uint64_t kMaxSeconds = 86'400;
constexpr size_t kMinPlaces = 1024;
constexpr size_t kMaxPlaces = 65'536;  // ids
// Of all ports together: two seconds at 500,000 queries a second.
constexpr uint64_t kClosedLoopPlaces = 1 << 20;
constexpr int kSocketBufferBytes = 4 << 20;
constexpr int64_t kExpireEvery = 10 * kMillisecond;
// Between two looks for answers.
constexpr int kBatchesPerRound = 4;
// The question is at the front; the rest is not read.
constexpr size_t kAnswerBytes = kMaxQueryBytes;

volatile sig_atomic_t interrupted = 0;

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

absl::Status Failed(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", strerror(errno)));
}

// Of the calling thread.
struct CpuTime {
  int64_t user_ns = 0;
  int64_t system_ns = 0;
};

CpuTime CpuSoFar() {
  rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  const auto ns = [](const timeval& t) {
    return t.tv_sec * kSecond + t.tv_usec * kMicrosecond;
  };
  return {ns(usage.ru_utime), ns(usage.ru_stime)};
}

// A connected socket, and what waits for answers on it.
class Port {
 public:
  static absl::StatusOr<std::unique_ptr<Port>> Open(
      const sockaddr_storage& server, socklen_t server_bytes, size_t places) {
    auto port = std::unique_ptr<Port>(new Port(
        socket(server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), places));
    if (port->fd_ < 0) return Failed("cannot open a socket");
    // A limit of the system may cut them; what that loses is counted.
    for (const int option : {SO_RCVBUF, SO_SNDBUF}) {
      setsockopt(port->fd_, SOL_SOCKET, option, &kSocketBufferBytes,
                 sizeof(kSocketBufferBytes));
    }
    if (connect(port->fd_, reinterpret_cast<const sockaddr*>(&server),
                server_bytes) != 0) {
      return Failed("cannot connect a socket");
    }
    return port;
  }

  ~Port() {
    if (fd_ >= 0) close(fd_);
  }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  int fd() const { return fd_; }
  Flight& flight() { return flight_; }

  // Answers that found no room in the socket's buffer.
  uint64_t Drops() const {
    uint32_t info[SK_MEMINFO_VARS] = {};
    socklen_t bytes = sizeof(info);
    if (getsockopt(fd_, SOL_SOCKET, SO_MEMINFO, info, &bytes) != 0) return 0;
    return info[SK_MEMINFO_DROPS];
  }

 private:
  Port(int fd, size_t places) : fd_(fd), flight_(places) {}

  const int fd_;
  Flight flight_;
};

struct Counts {
  uint64_t sent = 0;
  uint64_t answered = 0;
  uint64_t lost = 0;        // no answer in time
  uint64_t displaced = 0;   // of the lost: so many waited that ids ran out
  uint64_t late = 0;        // of the lost: the answer came all the same
  uint64_t duplicates = 0;  // answers to what was answered
  uint64_t strays = 0;      // answers to nothing that was asked
  uint64_t refused = 0;     // ICMP errors: nobody has the server's port
  uint64_t blocked = 0;     // sends that had to wait for room
  uint64_t send_calls = 0;
  uint64_t receive_calls = 0;
  uint64_t answer_bytes = 0;
  uint64_t rcodes[16] = {};
  uint64_t noerror_with_answers = 0;
};

// The batch that is sent.
struct Outgoing {
  mmsghdr messages[kMaxBatch] = {};
  iovec vectors[kMaxBatch] = {};
  uint8_t bytes[kMaxBatch][kMaxQueryBytes];
};

// The batch that is received.
struct Incoming {
  mmsghdr messages[kMaxBatch] = {};
  iovec vectors[kMaxBatch] = {};
  uint8_t bytes[kMaxBatch][kAnswerBytes];
};

class Client {
 public:
  Client(const QuerySet* queries, std::vector<std::unique_ptr<Port>> ports)
      : queries_(*queries), ports_(std::move(ports)) {
    for (size_t i = 0; i < kMaxBatch; ++i) {
      in_.vectors[i] = {in_.bytes[i], kAnswerBytes};
      in_.messages[i].msg_hdr.msg_iov = &in_.vectors[i];
      in_.messages[i].msg_hdr.msg_iovlen = 1;
      out_.vectors[i] = {out_.bytes[i], 0};
      out_.messages[i].msg_hdr.msg_iov = &out_.vectors[i];
      out_.messages[i].msg_hdr.msg_iovlen = 1;
    }
  }

  absl::Status Run();
  std::string Json() const;
  std::string Summary() const;
  bool answered() const { return counts_.answered > 0; }

 private:
  bool open_loop() const { return FLAGS_rate > 0; }
  double Seconds() const { return static_cast<double>(took_ns_) / kSecond; }
  uint64_t Drops() const;

  // How many answers came, to ports that wait for some, or to any.
  absl::StatusOr<uint64_t> ReceiveAll(bool from_any = false);
  absl::Status ReceiveFrom(Port* port, uint64_t* received);
  void TakeAnswer(Flight* flight, const uint8_t* message, size_t bytes,
                  size_t whole_bytes, int64_t now_ns);
  // How many queries left. `idle`: no answer has come in this round.
  absl::StatusOr<uint64_t> SendDue(bool idle);
  absl::Status SendBatch(uint64_t count);
  void Wait() const;
  void ExpireOld(int64_t now_ns);

  const QuerySet& queries_;
  const std::vector<std::unique_ptr<Port>> ports_;
  const Schedule* schedule_ = nullptr;
  size_t next_port_ = 0;
  uint32_t next_query_ = 0;
  uint64_t waiting_ = 0;
  int64_t end_ns_ = 0;
  int64_t next_expiry_ns_ = 0;

  int64_t took_ns_ = 0;
  bool was_interrupted_ = false;
  CpuTime cpu_;
  Counts counts_;
  Histogram latency_;
  Histogram send_delay_;

  Outgoing out_;
  Incoming in_;
};

absl::Status Client::Run() {
  // Naps as short as they were asked for; the usual slack is 50 µs.
  prctl(PR_SET_TIMERSLACK, 1);
  const CpuTime cpu_before = CpuSoFar();
  const int64_t start_ns = Now();
  const Schedule schedule(start_ns, std::max<uint64_t>(1, FLAGS_rate),
                          FLAGS_seconds, FLAGS_burst);
  schedule_ = &schedule;
  end_ns_ = start_ns + static_cast<int64_t>(FLAGS_seconds) * kSecond;
  next_expiry_ns_ = start_ns + kExpireEvery;
  // An open loop that is late sends the rest after the end, but not for ever.
  const int64_t last_ns =
      end_ns_ + static_cast<int64_t>(FLAGS_timeout_ms) * kMillisecond;
  const auto sending = [&](int64_t now) {
    if (interrupted) return false;
    if (!open_loop()) return now < end_ns_;
    return counts_.sent < schedule.total() && now < last_ns;
  };
  int64_t now = start_ns;
  while (sending(now)) {
    const absl::StatusOr<uint64_t> received = ReceiveAll();
    if (!received.ok()) return received.status();
    const absl::StatusOr<uint64_t> sent = SendDue(*received == 0);
    if (!sent.ok()) return sent.status();
    if (*received + *sent == 0) Wait();
    now = Now();
    ExpireOld(now);
  }
  // The last interval of a schedule belongs to it.
  took_ns_ =
      (open_loop() && !interrupted ? std::max(now, end_ns_) : now) - start_ns;
  was_interrupted_ = interrupted != 0;
  const CpuTime cpu_after = CpuSoFar();
  cpu_ = {cpu_after.user_ns - cpu_before.user_ns,
          cpu_after.system_ns - cpu_before.system_ns};
  while (waiting_ > 0) {
    const absl::StatusOr<uint64_t> received = ReceiveAll();
    if (!received.ok()) return received.status();
    if (*received == 0) Wait();
    ExpireOld(Now());
  }
  schedule_ = nullptr;
  // What nothing waited for: late answers and second ones.
  return ReceiveAll(/*from_any=*/true).status();
}

absl::StatusOr<uint64_t> Client::ReceiveAll(bool from_any) {
  uint64_t received = 0;
  for (const auto& port : ports_) {
    if (!from_any && port->flight().waiting() == 0) continue;
    if (absl::Status s = ReceiveFrom(port.get(), &received); !s.ok()) return s;
  }
  return received;
}

absl::Status Client::ReceiveFrom(Port* port, uint64_t* received) {
  for (int round = 0; round < kBatchesPerRound; ++round) {
    // MSG_TRUNC: how long the answers are, whatever has room.
    const int got =
        recvmmsg(port->fd(), in_.messages, static_cast<unsigned>(FLAGS_batch),
                 MSG_DONTWAIT | MSG_TRUNC, nullptr);
    ++counts_.receive_calls;
    if (got < 0) {
      if (errno == EAGAIN || errno == EINTR) return absl::OkStatus();
      if (errno != ECONNREFUSED) return Failed("cannot receive");
      ++counts_.refused;
      continue;
    }
    const int64_t now = Now();
    for (int i = 0; i < got; ++i) {
      const size_t whole = in_.messages[i].msg_len;
      TakeAnswer(&port->flight(), in_.bytes[i], std::min(whole, kAnswerBytes),
                 whole, now);
    }
    *received += static_cast<uint64_t>(got);
    if (static_cast<uint64_t>(got) < FLAGS_batch) return absl::OkStatus();
  }
  return absl::OkStatus();
}

void Client::TakeAnswer(Flight* flight, const uint8_t* message, size_t bytes,
                        size_t whole_bytes, int64_t now_ns) {
  Flight::Query* query = nullptr;
  if (bytes >= kHeaderBytes && (message[2] & 0x80) != 0) {
    query = flight->Find(static_cast<uint16_t>(message[0] << 8 | message[1]));
  }
  // A server that could not read the question may send the header only.
  if (query == nullptr ||
      (bytes > kHeaderBytes &&
       !queries_.HasQuestion(query->query, message, bytes))) {
    ++counts_.strays;
    return;
  }
  if (query->state == Flight::State::kAnswered) {
    ++counts_.duplicates;
    return;
  }
  if (query->state == Flight::State::kLost) {
    ++counts_.late;
    flight->CameLate(query);
    return;
  }
  flight->Answered(query);
  --waiting_;
  ++counts_.answered;
  counts_.answer_bytes += whole_bytes;
  const int rcode = message[3] & 15;
  ++counts_.rcodes[rcode];
  if (rcode == 0 && (message[6] | message[7]) != 0) {
    ++counts_.noerror_with_answers;
  }
  latency_.Add(now_ns - query->scheduled_ns);
}

absl::StatusOr<uint64_t> Client::SendDue(bool idle) {
  uint64_t left;
  if (open_loop()) {
    left = schedule_->Due(Now()) - counts_.sent;
  } else {
    left = FLAGS_outstanding - waiting_;
    // Few at a time would cost more; what waits keeps the server busy.
    if (!idle && left < FLAGS_batch) return 0;
  }
  uint64_t sent = 0;
  for (int i = 0; i < kBatchesPerRound && sent < left; ++i) {
    const uint64_t count = std::min(left - sent, FLAGS_batch);
    if (absl::Status s = SendBatch(count); !s.ok()) return s;
    sent += count;
  }
  return sent;
}

absl::Status Client::SendBatch(uint64_t count) {
  Port& port = *ports_[next_port_];
  next_port_ = next_port_ + 1 < ports_.size() ? next_port_ + 1 : 0;
  const int64_t now = Now();
  for (uint64_t i = 0; i < count; ++i) {
    const int64_t scheduled =
        open_loop() ? schedule_->At(counts_.sent + i) : now;
    if (open_loop()) send_delay_.Add(now - scheduled);
    bool displaced;
    const uint16_t id =
        port.flight().Add(next_query_, scheduled, now, &displaced);
    if (displaced) {
      --waiting_;
      ++counts_.lost;
      ++counts_.displaced;
    }
    queries_.Write(next_query_, id, out_.bytes[i]);
    out_.vectors[i].iov_len = queries_.QueryBytes(next_query_);
    next_query_ = queries_.Next(next_query_);
  }
  counts_.sent += count;
  waiting_ += count;
  for (uint64_t done = 0; done < count;) {
    const int got = sendmmsg(port.fd(), out_.messages + done,
                             static_cast<unsigned>(count - done), 0);
    ++counts_.send_calls;
    if (got > 0) {
      done += static_cast<uint64_t>(got);
    } else if (errno == ECONNREFUSED) {
      // It tells of an earlier one, and is told once.
      ++counts_.refused;
    } else if (errno == EAGAIN || errno == ENOBUFS) {
      ++counts_.blocked;
    } else if (errno != EINTR) {
      return Failed("cannot send");
    }
  }
  return absl::OkStatus();
}

void Client::Wait() const {
  if (FLAGS_nap_us == 0) return;
  int64_t ns = static_cast<int64_t>(FLAGS_nap_us) * kMicrosecond;
  if (open_loop() && counts_.sent < schedule_->total()) {
    ns = std::min(ns, schedule_->At(counts_.sent) - Now());
  }
  if (ns <= 0) return;
  const timespec nap = {ns / kSecond, ns % kSecond};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, nullptr);
}

void Client::ExpireOld(int64_t now_ns) {
  if (now_ns < next_expiry_ns_) return;
  next_expiry_ns_ = now_ns + kExpireEvery;
  const int64_t limit_ns =
      now_ns - static_cast<int64_t>(FLAGS_timeout_ms) * kMillisecond;
  for (const auto& port : ports_) {
    const uint64_t lost = port->flight().Expire(limit_ns);
    counts_.lost += lost;
    waiting_ -= lost;
  }
}

uint64_t Client::Drops() const {
  uint64_t drops = 0;
  for (const auto& port : ports_) drops += port->Drops();
  return drops;
}

double PerQuery(int64_t ns, uint64_t queries) {
  return queries == 0 ? 0
                      : static_cast<double>(ns) / kMicrosecond /
                            static_cast<double>(queries);
}

double Microseconds(uint64_t ns) {
  return static_cast<double>(ns) / kMicrosecond;
}

std::string RcodeName(int rcode) {
  static constexpr const char* kNames[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                           "NXDOMAIN", "NOTIMP",  "REFUSED"};
  return rcode < 6 ? kNames[rcode] : absl::StrCat("RCODE", rcode);
}

std::string HistogramText(const Histogram& histogram) {
  return absl::StrFormat(
      "mean %.1f  p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f µs",
      histogram.MeanNs() / kMicrosecond,
      Microseconds(histogram.PercentileNs(0.5)),
      Microseconds(histogram.PercentileNs(0.9)),
      Microseconds(histogram.PercentileNs(0.99)),
      Microseconds(histogram.PercentileNs(0.999)),
      Microseconds(histogram.max_ns()));
}

std::string Client::Json() const {
  std::string rcodes;
  for (int i = 0; i < 16; ++i) {
    if (counts_.rcodes[i] == 0) continue;
    absl::StrAppend(&rcodes, rcodes.empty() ? "" : ",", "\"", RcodeName(i),
                    "\":", counts_.rcodes[i]);
  }
  const double seconds = std::max(1e-9, Seconds());
  return absl::StrCat(
      absl::StrFormat(
          R"({"wanted_rate":%d,"seconds":%.6f,"sent":%d,"answered":%d,)"
          R"("lost":%d,"displaced":%d,"late":%d,"duplicates":%d,"strays":%d,)"
          R"("refused":%d,"blocked":%d,"client_drops":%d,)",
          FLAGS_rate, seconds, counts_.sent, counts_.answered, counts_.lost,
          counts_.displaced, counts_.late, counts_.duplicates, counts_.strays,
          counts_.refused, counts_.blocked, Drops()),
      absl::StrFormat(R"("sent_per_second":%.1f,"answered_per_second":%.1f,)",
                      static_cast<double>(counts_.sent) / seconds,
                      static_cast<double>(counts_.answered) / seconds),
      R"("rcodes":{)", rcodes, R"(},"noerror_with_answers":)",
      counts_.noerror_with_answers, R"(,"answer_bytes":)", counts_.answer_bytes,
      R"(,"latency_us":)", HistogramJson(latency_), R"(,"send_delay_us":)",
      HistogramJson(send_delay_),
      absl::StrFormat(R"(,"cpu_us_per_query":{"user":%.4f,"system":%.4f},)"
                      R"("send_calls":%d,"receive_calls":%d,)"
                      R"("queries":%d,"query_bytes":%d,"interrupted":%s})",
                      PerQuery(cpu_.user_ns, counts_.sent),
                      PerQuery(cpu_.system_ns, counts_.sent),
                      counts_.send_calls, counts_.receive_calls,
                      queries_.count(), queries_.bytes(),
                      was_interrupted_ ? "true" : "false"));
}

std::string Client::Summary() const {
  const double seconds = std::max(1e-9, Seconds());
  std::string text = absl::StrFormat(
      "sent      %d in %.2f s, %.0f/s%s\n"
      "answered  %d, %.0f/s\n"
      "lost      %d (%.4f %%), %d of them late; %d duplicates, %d strays\n",
      counts_.sent, seconds, static_cast<double>(counts_.sent) / seconds,
      was_interrupted_ ? ", interrupted" : "", counts_.answered,
      static_cast<double>(counts_.answered) / seconds, counts_.lost,
      static_cast<double>(counts_.lost) * 100 /
          static_cast<double>(std::max<uint64_t>(1, counts_.sent)),
      counts_.late, counts_.duplicates, counts_.strays);
  absl::StrAppend(&text, "rcodes   ");
  for (int i = 0; i < 16; ++i) {
    if (counts_.rcodes[i] == 0) continue;
    absl::StrAppend(&text, " ", RcodeName(i), " ", counts_.rcodes[i]);
  }
  absl::StrAppend(&text, "; NOERROR with answers ",
                  counts_.noerror_with_answers, "\nlatency   ",
                  HistogramText(latency_), "\n");
  if (open_loop()) {
    absl::StrAppend(&text, "the sending itself was late by: ",
                    HistogramText(send_delay_), "\n");
  }
  absl::StrAppendFormat(&text, "client    user %.2f + system %.2f µs a query\n",
                        PerQuery(cpu_.user_ns, counts_.sent),
                        PerQuery(cpu_.system_ns, counts_.sent));
  if (counts_.refused > 0) {
    absl::StrAppend(&text, "the port was refused ", counts_.refused,
                    " times (ICMP): nobody listens there\n");
  }
  if (counts_.blocked > 0) {
    absl::StrAppend(&text, "a send found no room ", counts_.blocked,
                    " times\n");
  }
  if (const uint64_t drops = Drops(); drops > 0) {
    absl::StrAppend(&text, "the client's own buffers were full: ", drops,
                    " answers were dropped; net.core.rmem_max limits them\n");
  }
  if (counts_.displaced > 0) {
    absl::StrAppend(&text, counts_.displaced,
                    " were given up early, for want of ids: use more "
                    "--ports or a shorter --timeout_ms\n");
  }
  return text;
}

absl::Status OutOfRange(absl::string_view flag, uint64_t value, uint64_t least,
                        uint64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--", flag, ": ", value, " is not from ", least, " to ", most));
}

absl::Status CheckFlags() {
  if (FLAGS_queries.empty()) {
    return absl::InvalidArgumentError("--queries: which file?");
  }
  const absl::Status checks[] = {
      OutOfRange("port", static_cast<uint64_t>(std::max(0, FLAGS_port)), 1,
                 65'535),
      OutOfRange("rate", FLAGS_rate, 0, 100'000'000),
      OutOfRange("outstanding", FLAGS_outstanding, 1, kMaxPlaces),
      OutOfRange("seconds", FLAGS_seconds, 1, kMaxSeconds),
      OutOfRange("burst", FLAGS_burst, 1, 1'000'000),
      OutOfRange("ports", FLAGS_ports, 1, kMaxPorts),
      OutOfRange("batch", FLAGS_batch, 1, kMaxBatch),
      OutOfRange("timeout_ms", FLAGS_timeout_ms, 1, 60'000),
      OutOfRange("nap_us", FLAGS_nap_us, 0, 100'000),
  };
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  if (FLAGS_rate * FLAGS_seconds > kMaxScheduled) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--rate times --seconds is over ", kMaxScheduled, " queries"));
  }
  return absl::OkStatus();
}

absl::StatusOr<sockaddr_storage> ServerAddress(socklen_t* bytes) {
  sockaddr_storage storage = {};
  const auto port = htons(static_cast<uint16_t>(FLAGS_port));
  auto* const four = reinterpret_cast<sockaddr_in*>(&storage);
  if (inet_pton(AF_INET, FLAGS_server.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = port;
    *bytes = sizeof(*four);
    return storage;
  }
  auto* const six = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET6, FLAGS_server.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = port;
    *bytes = sizeof(*six);
    return storage;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--server: '", FLAGS_server, "' is not an address"));
}

// Enough that a place is not needed again before its query is answered or
// given up, also when others are answered meanwhile.
size_t PlacesForOnePort() {
  uint64_t most = std::max(FLAGS_outstanding, kClosedLoopPlaces / FLAGS_ports);
  if (FLAGS_rate > 0) {
    most = 2 * (FLAGS_rate * FLAGS_timeout_ms / 1000 / FLAGS_ports +
                FLAGS_burst + FLAGS_batch);
  }
  return std::bit_ceil(std::clamp<uint64_t>(most, kMinPlaces, kMaxPlaces));
}

void AllowOpenFiles() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void EndOnSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  // A second one ends the program at once.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int Fail(const absl::Status& status, int exit_status) {
  fprintf(stderr, "dnsload: %s\n", std::string(status.message()).c_str());
  return exit_status;
}

int Main() {
  if (absl::Status s = CheckFlags(); !s.ok()) return Fail(s, kExitUsage);
  socklen_t server_bytes = 0;
  const absl::StatusOr<sockaddr_storage> server = ServerAddress(&server_bytes);
  if (!server.ok()) return Fail(server.status(), kExitUsage);
  const absl::StatusOr<QuerySet> queries =
      QuerySet::ReadFile(FLAGS_queries.c_str());
  if (!queries.ok()) return Fail(queries.status(), kExitFailed);
  AllowOpenFiles();
  std::vector<std::unique_ptr<Port>> ports;
  for (uint64_t i = 0; i < FLAGS_ports; ++i) {
    auto port = Port::Open(*server, server_bytes, PlacesForOnePort());
    if (!port.ok()) return Fail(port.status(), kExitFailed);
    ports.push_back(*std::move(port));
  }
  EndOnSignals();
  const auto client = std::make_unique<Client>(&*queries, std::move(ports));
  // In a thread of its own: the kernel splits a thread's time into user and
  // system by samples of its whole life, which would be those of the loading.
  absl::Status ran;
  std::thread([&client, &ran] { ran = client->Run(); }).join();
  if (!ran.ok()) return Fail(ran, kExitFailed);
  fprintf(stderr, "%s", client->Summary().c_str());
  printf("%s\n", client->Json().c_str());
  if (fflush(stdout) != 0) {
    return Fail(Failed("cannot write"), kExitFailed);
  }
  if (!client->answered()) {
    return Fail(absl::UnavailableError("no answer came"), kExitFailed);
  }
  return kExitDone;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) {
  gflags::SetUsageMessage(
      "asks a DNS server over UDP and tells rates, losses and latencies: "
      "dnsload --port PORT --queries FILE [--rate QUERIES_A_SECOND]");
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  if (argc > 1) {
    fprintf(stderr, "dnsload: '%s': what for? See --help\n", argv[1]);
    return rbld::kExitUsage;
  }
  return rbld::Main();
}
