#include "tools/compare/exchanger.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dns/constants.h"
#include "dns/query_builder.h"
#include "dns/tcp_framing.h"

namespace rbld {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Questions under way: what a socket's buffer of the usual size holds.
constexpr size_t kWindow = 128;
// Until both servers have answered once.
constexpr size_t kFirstWindow = 8;
// TCP connections to each server.
constexpr size_t kConnections = 8;
// Questions in a row that a server leaves unanswered before it is taken for
// lost, if it has also been silent for that long.
constexpr uint64_t kLostAfter = 100;
constexpr milliseconds kLostSilence(5000);
// That it has refused before it is known to be there.
constexpr int kRefusals = 3;
// New questions come in steps of at most so much of a second.
constexpr double kBurstSeconds = 0.02;
constexpr int kReceiveBufferBytes = 4 << 20;
constexpr int kNoSlot = -1;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = 0;

  explicit SocketAddress(const ListenAddress& address) {
    auto* const six = reinterpret_cast<sockaddr_in6*>(&storage);
    if (inet_pton(AF_INET6, address.address.c_str(), &six->sin6_addr) == 1) {
      six->sin6_family = AF_INET6;
      six->sin6_port = htons(address.port);
      size = sizeof(sockaddr_in6);
      return;
    }
    storage = {};
    auto* const four = reinterpret_cast<sockaddr_in*>(&storage);
    inet_pton(AF_INET, address.address.c_str(), &four->sin_addr);
    four->sin_family = AF_INET;
    four->sin_port = htons(address.port);
    size = sizeof(sockaddr_in);
  }
};

// -1 with errno set: it failed. A TCP socket may not be connected yet.
Fd Connect(const SocketAddress& address, int type) {
  Fd fd(socket(address.storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC,
               0));
  if (fd.get() < 0) return fd;
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage),
              address.size) != 0 &&
      errno != EINPROGRESS) {
    const int error = errno;
    fd = Fd();
    errno = error;
  }
  return fd;
}

// One question at one server.
struct Side {
  bool done = false;
  int tries_left = 0;
  // Changes with each try, so that a timer of an earlier one is known.
  uint64_t epoch = 0;
  ServerReply reply;
  std::string cut_off;  // the reply with TC
};

struct Slot {
  uint64_t number = 0;
  Question question;
  std::string query;
  uint16_t id = 0;
  Side sides[2];
};

struct Timer {
  Clock::time_point deadline;
  int slot;
  uint64_t epoch;
};

// Carries one query after another.
struct Connection {
  Fd fd;
  int slot = kNoSlot;
  std::string out;
  size_t sent = 0;
  std::string in;
  Clock::time_point deadline;
  bool used_before = false;
};

struct Server {
  const char* role = "";  // "OLD"
  ListenAddress address;
  Fd udp;
  std::vector<int> slot_of_id = std::vector<int>(65536, kNoSlot);
  std::deque<Timer> timers;     // in the order of their deadlines
  std::deque<int> tcp_waiting;  // slots
  std::vector<std::unique_ptr<Connection>> connections;
  uint64_t answered = 0;
  uint64_t given_up = 0;
  uint64_t given_up_in_a_row = 0;
  int refusals = 0;
  Clock::time_point last_answer;
  std::string last_problem;

  std::string ToString() const {
    return absl::StrCat(role, " (", address.text, ")");
  }
};

// Does the message repeat the query's question? Names in any case. What cannot
// be understood may come back without one.
bool FitsQuery(absl::string_view message, absl::string_view query) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(message.data());
  if ((ReadU16(bytes + 2) & kFlagQr) == 0) return false;
  if (ReadU16(bytes + 4) == 0) return (bytes[3] & 0x0f) != 0;
  size_t question_bytes = kHeaderBytes;
  while (query[question_bytes] != 0) {
    question_bytes += size_t{1} + static_cast<uint8_t>(query[question_bytes]);
  }
  question_bytes += 5 - kHeaderBytes;
  if (message.size() < kHeaderBytes + question_bytes) return false;
  const auto question = [&](absl::string_view text) {
    return text.substr(kHeaderBytes, question_bytes);
  };
  return absl::EqualsIgnoreCase(question(message), question(query));
}

class Run {
 public:
  Run(const ListenAddress* addresses, const ExchangeOptions& options,
      QuestionSource* source, const Exchanger::Sink& sink)
      : options_(options),
        source_(*source),
        sink_(sink),
        slots_(kWindow),
        next_id_(static_cast<uint16_t>(std::random_device()())) {
    for (size_t i = 0; i < 2; ++i) {
      servers_[i].role = i == 0 ? "OLD" : "NEW";
      servers_[i].address = addresses[i];
    }
    for (size_t i = kWindow; i-- > 0;) free_.push_back(static_cast<int>(i));
  }

  ExchangeResult Do() {
    const Clock::time_point start = Clock::now();
    for (Server& server : servers_) {
      server.last_answer = start;
      OpenUdp(&server);
    }
    last_fill_ = start;
    tokens_ = 1;
    while (!ended_) {
      Fill();
      if (ended_ || (source_ended_ && UnderWay() == 0)) break;
      Wait();
      if (options_.stop != nullptr && options_.stop()) {
        End(ExchangeResult::End::kStopped, "interrupted");
      }
    }
    for (const Server& server : servers_) {
      if (!ended_ && result_.asked > 0 && server.answered == 0) {
        EndWithoutServer(server);
      }
    }
    return std::move(result_);
  }

 private:
  size_t UnderWay() const { return kWindow - free_.size(); }

  // For one more question.
  bool HasRoom() const {
    const bool both_answer =
        servers_[0].answered > 0 && servers_[1].answered > 0;
    return UnderWay() < (both_answer ? kWindow : kFirstWindow);
  }

  void End(ExchangeResult::End end, std::string why) {
    if (ended_) return;
    ended_ = true;
    result_.end = end;
    result_.why = std::move(why);
  }

  void EndWithoutServer(const Server& server) {
    const std::string problem =
        server.last_problem.empty()
            ? absl::StrCat("no reply within ",
                           static_cast<double>(options_.timeout.count()) / 1000,
                           " s, ", options_.retries + 1, " tries each")
            : server.last_problem;
    End(ExchangeResult::End::kNoServer,
        absl::StrCat(server.ToString(), " does not answer: ", problem,
                     ". Does it run, at this address and port, and may this "
                     "machine ask it?"));
  }

  void OpenUdp(Server* server) {
    server->udp = Connect(SocketAddress(server->address), SOCK_DGRAM);
    if (server->udp.get() < 0) {
      End(ExchangeResult::End::kNoServer,
          absl::StrCat(server->ToString(), ": ", strerror(errno)));
      return;
    }
    // As far as the system allows.
    setsockopt(server->udp.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes,
               sizeof(kReceiveBufferBytes));
  }

  // ---- new questions ----

  void Fill() {
    const Clock::time_point now = Clock::now();
    if (options_.rate > 0) {
      tokens_ += std::chrono::duration<double>(now - last_fill_).count() *
                 options_.rate;
      tokens_ = std::min(tokens_, std::max(1.0, options_.rate * kBurstSeconds));
      last_fill_ = now;
    }
    while (!source_ended_ && !ended_ && HasRoom() &&
           (options_.rate <= 0 || tokens_ >= 1)) {
      Question question;
      const absl::StatusOr<bool> more = source_.Next(&question);
      if (!more.ok() || !*more) {
        // What is under way is still waited for.
        source_ended_ = true;
        if (more.ok()) return;
        result_.end = ExchangeResult::End::kSourceFailed;
        result_.why = std::string(more.status().message());
        return;
      }
      tokens_ -= 1;
      Ask(std::move(question));
    }
  }

  void Ask(Question question) {
    const int number = free_.back();
    free_.pop_back();
    Slot& slot = slots_[static_cast<size_t>(number)];
    slot = Slot();
    slot.number = result_.asked++;
    slot.question = std::move(question);
    while (servers_[0].slot_of_id[next_id_] != kNoSlot) ++next_id_;
    slot.id = next_id_++;
    QueryBuilder query(slot.id);
    query.RawQuestion(slot.question.name, slot.question.type);
    if (options_.edns_bytes > 0) query.Opt(options_.edns_bytes);
    slot.query = query.message();
    for (int i = 0; i < 2; ++i) {
      servers_[i].slot_of_id[slot.id] = number;
      slot.sides[i].tries_left = options_.retries + 1;
      if (options_.tcp) {
        servers_[i].tcp_waiting.push_back(number);
      } else {
        SendUdp(i, number);
      }
    }
  }

  Side& SideOf(int server, int slot) {
    return slots_[static_cast<size_t>(slot)].sides[server];
  }

  void Finish(int server, int number) {
    Slot& slot = slots_[static_cast<size_t>(number)];
    Side& side = slot.sides[server];
    side.done = true;
    side.epoch = ++next_epoch_;
    if (side.reply.state == ServerReply::State::kSilent) {
      ++servers_[server].given_up;
      ++servers_[server].given_up_in_a_row;
      CheckLost(server);
    }
    if (!slot.sides[0].done || !slot.sides[1].done) return;
    for (Server& one : servers_) one.slot_of_id[slot.id] = kNoSlot;
    // What a server that is not there has not answered tells nothing.
    if (!ended_ || result_.end != ExchangeResult::End::kNoServer) {
      sink_(slot.number, slot.question, slot.sides[0].reply,
            slot.sides[1].reply);
    }
    free_.push_back(number);
  }

  void FinishWith(int server, int number, absl::string_view message) {
    ServerReply& reply = SideOf(server, number).reply;
    absl::StatusOr<Response> response = ReadResponse(
        reinterpret_cast<const uint8_t*>(message.data()), message.size());
    if (response.ok()) {
      reply.state = ServerReply::State::kRead;
      reply.response = *std::move(response);
    } else {
      reply.state = ServerReply::State::kMalformed;
      reply.problem = std::string(response.status().message());
    }
    Server& one = servers_[server];
    ++one.answered;
    one.given_up_in_a_row = 0;
    one.refusals = 0;
    one.last_answer = Clock::now();
    Finish(server, number);
  }

  void CheckLost(int server) {
    const Server& one = servers_[server];
    if (one.answered == 0) {
      if (one.given_up >= kFirstWindow) EndWithoutServer(one);
      return;
    }
    if (one.given_up_in_a_row >= kLostAfter &&
        Clock::now() - one.last_answer > kLostSilence) {
      End(ExchangeResult::End::kServerLost,
          absl::StrCat(one.ToString(), " has stopped answering, after ",
                       one.answered, " answers"));
    }
  }

  // ---- UDP ----

  void SendUdp(int server, int number) {
    Side& side = SideOf(server, number);
    --side.tries_left;
    side.epoch = ++next_epoch_;
    servers_[server].timers.push_back(
        {Clock::now() + options_.timeout, number, side.epoch});
    const std::string& query = slots_[static_cast<size_t>(number)].query;
    // An error that an earlier query met is told once; then this one can go.
    for (int i = 0; i < 2; ++i) {
      if (send(servers_[server].udp.get(), query.data(), query.size(), 0) >=
          0) {
        return;
      }
      if (errno == EAGAIN || errno == ENOBUFS) return;  // as if it were lost
      NoteError(server, errno);
      if (ended_) return;
    }
  }

  void NoteError(int server, int error) {
    Server& one = servers_[server];
    one.last_problem = error == ECONNREFUSED
                           ? "nothing listens there (port unreachable)"
                           : std::string(strerror(error));
    if (one.answered == 0 && ++one.refusals >= kRefusals) EndWithoutServer(one);
  }

  void ReadUdp(int server) {
    Server& one = servers_[server];
    while (!ended_) {
      const ssize_t got =
          recv(one.udp.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (got < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return;
        NoteError(server, errno);
        continue;
      }
      const absl::string_view message(buffer_.data(), static_cast<size_t>(got));
      if (message.size() < size_t{kHeaderBytes}) continue;
      const auto* const bytes =
          reinterpret_cast<const uint8_t*>(message.data());
      const int number = one.slot_of_id[ReadU16(bytes)];
      if (number == kNoSlot) continue;
      Side& side = SideOf(server, number);
      // A second copy, or another's: late, or forged.
      if (side.done || !side.cut_off.empty() || options_.tcp ||
          !FitsQuery(message, slots_[static_cast<size_t>(number)].query)) {
        continue;
      }
      if ((ReadU16(bytes + 2) & kFlagTc) == 0) {
        FinishWith(server, number, message);
        continue;
      }
      side.reply.udp_truncated = true;
      side.cut_off = std::string(message);
      side.epoch = ++next_epoch_;
      side.tries_left = options_.retries + 1;
      one.tcp_waiting.push_back(number);
    }
  }

  void RunTimers(int server, Clock::time_point now) {
    std::deque<Timer>& timers = servers_[server].timers;
    while (!ended_ && !timers.empty()) {
      const Timer timer = timers.front();
      const Side& side = SideOf(server, timer.slot);
      const bool valid = !side.done && side.epoch == timer.epoch;
      if (valid && timer.deadline > now) return;
      timers.pop_front();
      if (!valid) continue;
      if (side.tries_left > 0) {
        SendUdp(server, timer.slot);
      } else {
        Finish(server, timer.slot);
      }
    }
  }

  // ---- TCP ----

  void StartTcp(int server) {
    Server& one = servers_[server];
    while (!ended_ && !one.tcp_waiting.empty()) {
      Connection* connection = nullptr;
      for (const auto& candidate : one.connections) {
        if (candidate->slot == kNoSlot) connection = candidate.get();
      }
      if (connection == nullptr) {
        if (one.connections.size() >= kConnections) return;
        Fd fd = Connect(SocketAddress(one.address), SOCK_STREAM);
        if (fd.get() < 0) {
          const int number = one.tcp_waiting.front();
          one.tcp_waiting.pop_front();
          TcpFailed(server, number, strerror(errno));
          continue;
        }
        one.connections.push_back(std::make_unique<Connection>());
        connection = one.connections.back().get();
        connection->fd = std::move(fd);
      }
      const int number = one.tcp_waiting.front();
      one.tcp_waiting.pop_front();
      const std::string& query = slots_[static_cast<size_t>(number)].query;
      connection->slot = number;
      connection->out = {static_cast<char>(query.size() >> 8),
                         static_cast<char>(query.size())};
      connection->out += query;
      connection->sent = 0;
      connection->in.clear();
      connection->deadline = Clock::now() + options_.timeout;
      --SideOf(server, number).tries_left;
    }
  }

  // Nothing came of a try.
  void TcpFailed(int server, int number, absl::string_view why) {
    Side& side = SideOf(server, number);
    const std::string problem = absl::StrCat("TCP: ", why);
    if (side.tries_left > 0) {
      servers_[server].tcp_waiting.push_back(number);
      return;
    }
    side.reply.problem = problem;
    if (!side.cut_off.empty()) {
      const std::string message = std::move(side.cut_off);
      FinishWith(server, number, message);
      return;
    }
    servers_[server].last_problem = problem;
    Finish(server, number);
  }

  // The connection is of no more use.
  void DropConnection(int server, Connection* connection,
                      absl::string_view why) {
    const int number = connection->slot;
    // A server may close a connection after any reply.
    const bool is_stale = connection->used_before && connection->in.empty();
    std::vector<std::unique_ptr<Connection>>& all =
        servers_[server].connections;
    all.erase(std::find_if(all.begin(), all.end(), [&](const auto& candidate) {
      return candidate.get() == connection;
    }));
    if (number == kNoSlot) return;
    if (is_stale) ++SideOf(server, number).tries_left;
    TcpFailed(server, number, why);
  }

  // Goes on with what the connection does; false when it was dropped.
  void RunConnection(int server, Connection* connection) {
    while (connection->sent < connection->out.size()) {
      const ssize_t put =
          send(connection->fd.get(), connection->out.data() + connection->sent,
               connection->out.size() - connection->sent, MSG_NOSIGNAL);
      if (put < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == ENOTCONN) return;
        DropConnection(server, connection, strerror(errno));
        return;
      }
      connection->sent += static_cast<size_t>(put);
    }
    while (true) {
      const ssize_t got = recv(connection->fd.get(), buffer_.data(),
                               buffer_.size(), MSG_DONTWAIT);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) {
        DropConnection(server, connection,
                       got < 0 ? strerror(errno) : "closed without a reply");
        return;
      }
      connection->in.append(buffer_.data(), static_cast<size_t>(got));
      if (!TakeFrame(server, connection)) return;
    }
  }

  // False when the connection was dropped.
  bool TakeFrame(int server, Connection* connection) {
    Frame frame;
    const FrameResult result =
        ReadFrame(reinterpret_cast<const uint8_t*>(connection->in.data()),
                  connection->in.size(), &frame);
    if (result == FrameResult::kIncomplete) return true;
    const int number = connection->slot;
    if (result == FrameResult::kEmpty || number == kNoSlot ||
        frame.message_bytes < size_t{kHeaderBytes}) {
      DropConnection(server, connection, "bytes that are no reply");
      return false;
    }
    const std::string message(reinterpret_cast<const char*>(frame.message),
                              frame.message_bytes);
    const Slot& slot = slots_[static_cast<size_t>(number)];
    if (ReadU16(frame.message) != slot.id || !FitsQuery(message, slot.query)) {
      DropConnection(server, connection, "a reply to another question");
      return false;
    }
    connection->in.erase(0, frame.frame_bytes);
    connection->slot = kNoSlot;
    connection->out.clear();
    connection->sent = 0;
    connection->used_before = true;
    FinishWith(server, number, message);
    return true;
  }

  void DropLateConnections(int server, Clock::time_point now) {
    std::vector<Connection*> late;
    for (const auto& connection : servers_[server].connections) {
      if (connection->slot != kNoSlot && connection->deadline <= now) {
        late.push_back(connection.get());
      }
    }
    for (Connection* connection : late) {
      if (ended_) return;
      // The next try is on a new one.
      connection->used_before = false;
      DropConnection(server, connection, "no reply in time");
    }
  }

  // ---- waiting ----

  int WaitMilliseconds(Clock::time_point now) const {
    Clock::time_point until = now + milliseconds(200);  // to look at `stop`
    for (const Server& server : servers_) {
      if (!server.timers.empty()) {
        until = std::min(until, server.timers.front().deadline);
      }
      for (const auto& connection : server.connections) {
        if (connection->slot != kNoSlot) {
          until = std::min(until, connection->deadline);
        }
      }
    }
    if (!source_ended_ && options_.rate > 0 && HasRoom()) {
      const double missing = std::max(0.0, 1 - tokens_) / options_.rate;
      until =
          std::min(until, now + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(missing)));
    }
    const auto left =
        std::chrono::ceil<milliseconds>(std::max(until, now) - now);
    return static_cast<int>(left.count());
  }

  void Wait() {
    for (int i = 0; i < 2; ++i) StartTcp(i);
    if (ended_) return;
    struct Watched {
      int server;
      Connection* connection;  // null: UDP
    };
    std::vector<pollfd> fds;
    std::vector<Watched> watched;
    for (int i = 0; i < 2; ++i) {
      fds.push_back({servers_[i].udp.get(), POLLIN, 0});
      watched.push_back({i, nullptr});
      for (const auto& connection : servers_[i].connections) {
        const bool sends = connection->sent < connection->out.size();
        fds.push_back({connection->fd.get(),
                       static_cast<short>(sends ? POLLIN | POLLOUT : POLLIN),
                       0});
        watched.push_back({i, connection.get()});
      }
    }
    const int ready =
        poll(fds.data(), fds.size(), WaitMilliseconds(Clock::now()));
    for (size_t i = 0; ready > 0 && i < fds.size() && !ended_; ++i) {
      if (fds[i].revents == 0) continue;
      // A connection ends nowhere but in its own turn.
      if (watched[i].connection == nullptr) {
        ReadUdp(watched[i].server);
      } else {
        RunConnection(watched[i].server, watched[i].connection);
      }
    }
    const Clock::time_point now = Clock::now();
    for (int i = 0; i < 2; ++i) {
      RunTimers(i, now);
      DropLateConnections(i, now);
    }
  }

  const ExchangeOptions& options_;
  QuestionSource& source_;
  const Exchanger::Sink& sink_;
  Server servers_[2];
  std::vector<Slot> slots_;
  std::vector<int> free_;
  uint16_t next_id_;
  uint64_t next_epoch_ = 0;
  double tokens_ = 0;
  Clock::time_point last_fill_;
  bool source_ended_ = false;
  bool ended_ = false;
  ExchangeResult result_;
  std::vector<char> buffer_ = std::vector<char>(65536);
};

}  // namespace

Exchanger::Exchanger(ListenAddress old, ListenAddress fresh,
                     ExchangeOptions options)
    : servers_{std::move(old), std::move(fresh)},
      options_(std::move(options)) {}

ExchangeResult Exchanger::Run(QuestionSource* source, const Sink& sink) {
  return rbld::Run(servers_, options_, source, sink).Do();
}

}  // namespace rbld
