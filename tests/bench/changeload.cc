// changeload: makes single changes at a set rate, each a request of its own to
// rbld's control API, and tells how soon the DNS answers by them.
//
//   changeload --socket op.sock --list relays --targets FILE --zone ZONE
//              --port 5300 --rate 1000 --seconds 10 [--skip N] [--remove]
//
// FILE has an IPv4 address on each line; the first --skip are left out. The
// loop is open: requests leave by a schedule. A thread that was late shows in
// "late_us" and in "request_to_answer_us", which counts from the schedule.
// After the acknowledgement the thread asks the DNS, again and again while the
// answer is the old one, of which "stale" counts how many there were.
//
// One JSON object on standard output. Exit status: 0 if every change was
// acknowledged and seen, 1 if not, 2 for wrong flags.
#include <arpa/inet.h>
#include <gflags/gflags.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "dns/query_builder.h"
#include "tests/bench/histogram.h"
#include "tests/bench/schedule.h"

DEFINE_string(socket, "", "the operator's socket of rbld");
DEFINE_string(list, "relays", "the list that is changed");
DEFINE_string(targets, "", "a file of IPv4 addresses, one on each line");
DEFINE_string(zone, "", "the zone that publishes the list");
DEFINE_int32(port, 0, "the DNS port on 127.0.0.1");
DEFINE_uint64(skip, 0, "how many addresses of the file to leave out");
DEFINE_uint64(rate, 1000, "changes a second");
DEFINE_uint64(seconds, 10, "for how long");
DEFINE_uint64(threads, 8, "connections, each with one request at a time");
DEFINE_bool(remove, false, "remove them instead of adding them");

namespace rbld {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr uint64_t kMaxThreads = 64;
constexpr uint64_t kMaxRate = 100'000;
constexpr uint64_t kMaxSeconds = 3600;
constexpr int kAskAgainMilliseconds = 200;
constexpr int64_t kGiveUpAfter = 10 * kSecond;
constexpr size_t kMaxReplyBytes = 64 * 1024;

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

absl::Status Failed(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", strerror(errno)));
}

// What one thread saw, in nanoseconds.
struct Seen {
  std::vector<int64_t> late;
  std::vector<int64_t> acknowledged;  // after the schedule
  std::vector<int64_t> answered;      // after the acknowledgement
  std::vector<int64_t> both;          // after the schedule
  uint64_t stale = 0;
  absl::Status status;
};

class Changer {
 public:
  Changer() = default;
  ~Changer() {
    if (api_ >= 0) close(api_);
    if (dns_ >= 0) close(dns_);
  }
  Changer(const Changer&) = delete;
  Changer& operator=(const Changer&) = delete;

  absl::Status Connect();
  // One request, and its answer with status 200.
  absl::Status Change(const std::string& target);
  // Until the DNS answers by the change; how many answers did not.
  absl::StatusOr<uint64_t> WaitForAnswer(const std::string& target);

 private:
  absl::Status ReadReply();

  int api_ = -1;
  int dns_ = -1;
  uint16_t next_id_ = 0;
};

absl::Status Changer::Connect() {
  sockaddr_un path = {};
  path.sun_family = AF_UNIX;
  if (FLAGS_socket.size() >= sizeof(path.sun_path)) {
    return absl::InvalidArgumentError("--socket: too long");
  }
  memcpy(path.sun_path, FLAGS_socket.data(), FLAGS_socket.size());
  api_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (api_ < 0 ||
      connect(api_, reinterpret_cast<sockaddr*>(&path), sizeof(path)) != 0) {
    return Failed(FLAGS_socket);
  }
  sockaddr_in server = {};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<uint16_t>(FLAGS_port));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  dns_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (dns_ < 0 || connect(dns_, reinterpret_cast<sockaddr*>(&server),
                          sizeof(server)) != 0) {
    return Failed("the DNS port");
  }
  return absl::OkStatus();
}

absl::Status Changer::Change(const std::string& target) {
  const std::string body = absl::StrCat(
      R"({"changes":[{"verb":")", FLAGS_remove ? "remove" : "add",
      R"(","list":")", FLAGS_list, R"(","target":")", target, R"("}]})");
  const std::string request = absl::StrCat(
      "POST /v1/changes HTTP/1.1\r\nHost: rbld\r\nContent-Type: "
      "application/json\r\nContent-Length: ",
      body.size(), "\r\n\r\n", body);
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t got =
        send(api_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("cannot send a request");
    sent += static_cast<size_t>(got);
  }
  return ReadReply();
}

absl::Status Changer::ReadReply() {
  std::string reply;
  size_t whole = std::string::npos;
  while (reply.size() < whole) {
    char buffer[4096];
    const ssize_t got = recv(api_, buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("cannot read a reply");
    if (got == 0 || reply.size() > kMaxReplyBytes) {
      return absl::InternalError(absl::StrCat("a broken reply: ", reply));
    }
    reply.append(buffer, static_cast<size_t>(got));
    const size_t head = reply.find("\r\n\r\n");
    if (whole != std::string::npos || head == std::string::npos) continue;
    size_t body = 0;
    for (const absl::string_view line :
         absl::StrSplit(absl::string_view(reply).substr(0, head), "\r\n")) {
      if (!absl::StartsWithIgnoreCase(line, "content-length:")) continue;
      if (!absl::SimpleAtoi(line.substr(line.find(':') + 1), &body)) body = 0;
    }
    whole = head + 4 + body;
  }
  if (absl::StartsWith(reply, "HTTP/1.1 200 ")) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("refused: ", reply));
}

absl::StatusOr<uint64_t> Changer::WaitForAnswer(const std::string& target) {
  std::vector<std::string> octets = absl::StrSplit(target, '.');
  std::reverse(octets.begin(), octets.end());
  uint64_t stale = 0;
  const int64_t last = Now() + kGiveUpAfter;
  while (Now() < last) {
    QueryBuilder query(++next_id_);
    query.Question(absl::StrCat(absl::StrJoin(octets, "."), ".", FLAGS_zone),
                   RrType::kA);
    const std::string message = query.message();
    if (send(dns_, message.data(), message.size(), 0) < 0) {
      return Failed("cannot ask");
    }
    pollfd wait = {dns_, POLLIN, 0};
    while (poll(&wait, 1, kAskAgainMilliseconds) > 0) {
      uint8_t reply[1024];
      const ssize_t got = recv(dns_, reply, sizeof(reply), 0);
      if (got < 12) return Failed("a short answer");
      if ((reply[0] << 8 | reply[1]) != next_id_) continue;
      const bool listed = (reply[6] | reply[7]) != 0;
      if (listed != FLAGS_remove) return stale;
      ++stale;
      break;
    }
  }
  return absl::DeadlineExceededError(
      absl::StrCat(target, " was acknowledged and not seen"));
}

void SleepUntil(int64_t ns) {
  const timespec when = {ns / kSecond, ns % kSecond};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr) ==
         EINTR) {
  }
}

absl::Status MakeChanges(const Schedule& schedule,
                         const std::vector<std::string>& targets,
                         std::atomic<uint64_t>* next, Seen* seen) {
  prctl(PR_SET_TIMERSLACK, 1);
  Changer changer;
  if (absl::Status s = changer.Connect(); !s.ok()) return s;
  while (true) {
    // Only the number matters; nothing is read by what others did before.
    const uint64_t i = next->fetch_add(1, std::memory_order_relaxed);
    if (i >= schedule.total()) return absl::OkStatus();
    const int64_t due = schedule.At(i);
    SleepUntil(due);
    seen->late.push_back(Now() - due);
    if (absl::Status s = changer.Change(targets[i]); !s.ok()) return s;
    const int64_t acknowledged = Now();
    const absl::StatusOr<uint64_t> stale = changer.WaitForAnswer(targets[i]);
    if (!stale.ok()) return stale.status();
    const int64_t answered = Now();
    seen->stale += *stale;
    seen->acknowledged.push_back(acknowledged - due);
    seen->answered.push_back(answered - acknowledged);
    seen->both.push_back(answered - due);
  }
}

std::string Json(const std::vector<Seen>& all, double seconds) {
  uint64_t changes = 0;
  uint64_t stale = 0;
  for (const Seen& one : all) {
    changes += one.both.size();
    stale += one.stale;
  }
  const auto histogram = [&all](std::vector<int64_t> Seen::*times) {
    Histogram sum;
    for (const Seen& one : all) {
      for (const int64_t ns : one.*times) sum.Add(ns);
    }
    return HistogramJson(sum);
  };
  return absl::StrFormat(
      R"({"changes":%d,"seconds":%.3f,"stale":%d,"late_us":%s,)"
      R"("request_to_ack_us":%s,"ack_to_answer_us":%s,)"
      R"("request_to_answer_us":%s})",
      changes, seconds, stale, histogram(&Seen::late),
      histogram(&Seen::acknowledged), histogram(&Seen::answered),
      histogram(&Seen::both));
}

bool FlagsAreRight() {
  return !FLAGS_socket.empty() && !FLAGS_zone.empty() && FLAGS_port > 0 &&
         FLAGS_port < 65'536 && FLAGS_threads >= 1 &&
         FLAGS_threads <= kMaxThreads && FLAGS_rate >= 1 &&
         FLAGS_rate <= kMaxRate && FLAGS_seconds >= 1 &&
         FLAGS_seconds <= kMaxSeconds;
}

absl::StatusOr<std::vector<std::string>> ReadTargets(uint64_t wanted) {
  std::ifstream file(FLAGS_targets);
  std::vector<std::string> targets;
  std::string line;
  for (uint64_t i = 0; targets.size() < wanted && std::getline(file, line);
       ++i) {
    if (i >= FLAGS_skip) targets.push_back(line);
  }
  if (targets.size() == wanted) return targets;
  return absl::InvalidArgumentError(
      absl::StrCat(FLAGS_targets, ": ", wanted, " addresses are needed after ",
                   FLAGS_skip, ", and ", targets.size(), " are there"));
}

int Main() {
  if (!FlagsAreRight()) {
    fprintf(stderr, "changeload: a flag is missing or wrong; see --help\n");
    return 2;
  }
  const auto targets = ReadTargets(FLAGS_rate * FLAGS_seconds);
  if (!targets.ok()) {
    fprintf(stderr, "changeload: %s\n",
            std::string(targets.status().message()).c_str());
    return 2;
  }
  const int64_t start = Now() + kSecond / 10;
  const Schedule schedule(start, FLAGS_rate, FLAGS_seconds, 1);
  std::atomic<uint64_t> next = 0;
  std::vector<Seen> seen(FLAGS_threads);
  std::vector<std::thread> threads;
  for (Seen& one : seen) {
    threads.emplace_back([&schedule, &targets, &next, &one] {
      one.status = MakeChanges(schedule, *targets, &next, &one);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = static_cast<double>(Now() - start) / kSecond;
  printf("%s\n", Json(seen, seconds).c_str());
  int result = fflush(stdout) == 0 ? 0 : 1;
  for (const Seen& one : seen) {
    if (one.status.ok()) continue;
    fprintf(stderr, "changeload: %s\n",
            std::string(one.status.message()).c_str());
    result = 1;
  }
  return result;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) {
  gflags::SetUsageMessage(
      "makes single changes over the control API and tells how soon the DNS "
      "answers by them");
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return rbld::Main();
}
