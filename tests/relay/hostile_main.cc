// hostile: mail servers on every address of this network namespace, each of
// them hostile in a way of its own (hostile_script.h). They take messages and
// deliver none, but for those that the flags name.
//
//   --relays    true relays: what they take goes to the catcher, from their own
//               address; every other one drops the connection first
//   --forgers   deliver with a token that they changed by one character
//   --bouncers  send what they take back to its sender
//
// Watches the client all the while. Ends with SIGTERM; --report is written
// then.

#include <arpa/inet.h>
#include <gflags/gflags.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <fstream>
#include <memory>
#include <queue>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/mutex.h"
#include "tests/relay/hostile_script.h"

DEFINE_int32(port, 25, "where to listen, and where the catcher does");
DEFINE_uint64(seed, 1, "of all that is random");
DEFINE_string(catcher, "198.18.0.2", "where mail is delivered");
DEFINE_string(relays, "", "addresses of true relays");
DEFINE_string(forgers, "", "addresses that deliver with forged tokens");
DEFINE_string(bouncers, "", "addresses that bounce what they take");
DEFINE_string(report, "", "the file that gets the facts, as JSON");

namespace rbld {
namespace {

constexpr int kBacklog = 4096;
constexpr size_t kMaxInputBytes = size_t{1} << 16;
// Less than a segment: it arrives whole.
constexpr size_t kOneSegment = 1400;
constexpr size_t kMaxExamples = 20;
constexpr size_t kExampleReplyBytes = 20;
constexpr int kDeliverySeconds = 30;
constexpr size_t kMaxCommandBytes = 512;  // RFC 5321 §4.5.3.1.4
constexpr char kTlsHandshake = 0x16;

volatile sig_atomic_t stopping = 0;

int64_t NowMs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1000} + now.tv_nsec / 1'000'000;
}

std::string AddressText(uint32_t address) {
  const in_addr in = {htonl(address)};
  std::array<char, INET_ADDRSTRLEN> text = {};
  inet_ntop(AF_INET, &in, text.data(), text.size());
  return text.data();
}

uint32_t ParseAddress(const std::string& text) {
  in_addr in = {};
  inet_pton(AF_INET, text.c_str(), &in);
  return ntohl(in.s_addr);
}

sockaddr_in SocketAddress(uint32_t address, int port) {
  sockaddr_in where = {};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(address);
  where.sin_port = htons(static_cast<uint16_t>(port));
  return where;
}

// ---- what is delivered ----

struct Delivery {
  uint32_t from = 0;
  std::string recipient;
  bool is_forged = false;
};

// Blocking; false if it was refused. Nothing: nobody could be asked.
enum class Delivered { kTaken, kRefused, kFailed };

Delivered Deliver(const Delivery& delivery) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience = {kDeliverySeconds, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const sockaddr_in from = SocketAddress(delivery.from, 0);
  const sockaddr_in to = SocketAddress(ParseAddress(FLAGS_catcher), FLAGS_port);
  Delivered result = Delivered::kFailed;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof(from)) == 0 &&
      connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0) {
    result = Delivered::kTaken;
    for (const std::string& say :
         {std::string(), std::string("HELO mx.hostile.test\r\n"),
          std::string("MAIL FROM:<>\r\n"),
          absl::StrCat("RCPT TO:<", delivery.recipient, ">\r\n"),
          std::string("DATA\r\n"),
          std::string("Subject: back\r\n\r\nx\r\n.\r\n"),
          std::string("QUIT\r\n")}) {
      if (!say.empty() && send(fd, say.data(), say.size(), MSG_NOSIGNAL) < 0) {
        result = Delivered::kFailed;
        break;
      }
      std::array<char, 1024> reply;
      const ssize_t bytes = recv(fd, reply.data(), reply.size(), 0);
      if (bytes <= 0 || reply[0] == '4') {
        result = Delivered::kFailed;
        break;
      }
      if (reply[0] == '5') {
        result = Delivered::kRefused;
        break;
      }
    }
  }
  close(fd);
  return result;
}

// A thread that delivers one message after the other.
class Deliverer {
 public:
  struct Counts {
    int taken = 0;  // of those that are not forged
    int forged_taken = 0;
    int forged_refused = 0;
    int other = 0;  // refused though not forged, or failed
  };

  Deliverer() : thread_([this] { Loop(); }) {}
  ~Deliverer() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
    }
    changed_.NotifyAll();
    thread_.join();
  }

  void Add(Delivery delivery) {
    MutexLock lock(&mutex_);
    waiting_.push_back(std::move(delivery));
    changed_.NotifyOne();
  }
  Counts counts() {
    MutexLock lock(&mutex_);
    return counts_;
  }

 private:
  void Loop() {
    while (true) {
      Delivery delivery;
      {
        MutexLock lock(&mutex_);
        while (waiting_.empty() && !stopping_) changed_.Wait(&mutex_);
        if (stopping_) return;
        delivery = std::move(waiting_.front());
        waiting_.pop_front();
      }
      const Delivered result = Deliver(delivery);
      MutexLock lock(&mutex_);
      if (result == Delivered::kFailed ||
          (result == Delivered::kRefused && !delivery.is_forged)) {
        ++counts_.other;
      } else if (!delivery.is_forged) {
        ++counts_.taken;
      } else if (result == Delivered::kTaken) {
        ++counts_.forged_taken;
      } else {
        ++counts_.forged_refused;
      }
    }
  }

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ RBLD_GUARDED_BY(mutex_) = false;
  std::deque<Delivery> waiting_ RBLD_GUARDED_BY(mutex_);
  Counts counts_ RBLD_GUARDED_BY(mutex_);
  std::thread thread_;
};

// ---- the servers ----

enum class Role { kHostile, kRelay, kForger, kBouncer };

struct AddressFacts {
  uint32_t connections = 0;
  // Messages that were taken, or of which nobody told the client anything.
  uint32_t messages = 0;
  uint32_t refused = 0;
  std::string told;  // what the client was told of its messages
};

struct Peer {
  Peer(uint64_t seed, uint32_t the_address, uint32_t number, Role the_role)
      : address(the_address),
        role(the_role),
        script(seed, the_address, number) {}

  const uint32_t address;
  const Role role;
  Script script;
  uint64_t id = 0;
  int fd = -1;

  // From the client.
  std::string input;
  enum class State {
    kCommand,
    kAfterData,
    kMessage,
    kAfterStartTls,
    kTls
  } state = State::kCommand;
  std::string sender;
  std::string recipient;
  int asked = 0;  // commands and messages

  // To the client.
  std::deque<Piece> queue;
  std::string endless;
  size_t endless_at = 0;
  int64_t wait_until_ms = 0;
  std::string line;   // what has been sent of the present one, 4 bytes at most
  int replied = 0;    // ends of replies, in the widest sense
  int last_kind = 0;  // of the last of these
  bool double_is_due = false;   // the bytes that wait are a double reply
  bool must_be_silent = false;  // such a one has left
  bool is_early = false;
};

class Servers {
 public:
  Servers() {
    for (const auto& [flag, role] :
         {std::pair(&FLAGS_relays, Role::kRelay),
          std::pair(&FLAGS_forgers, Role::kForger),
          std::pair(&FLAGS_bouncers, Role::kBouncer)}) {
      for (const absl::string_view text :
           absl::StrSplit(*flag, ',', absl::SkipEmpty())) {
        roles_[ParseAddress(std::string(text))] = role;
      }
    }
  }

  bool Listen();
  void Run();
  void Report();

 private:
  struct Timer {
    int64_t at_ms;
    uint64_t id;
    bool operator>(const Timer& other) const { return at_ms > other.at_ms; }
  };

  void AcceptAll();
  void Begin(int fd, uint32_t address);
  // False: it is gone.
  bool OnReadable(Peer* peer);
  bool Process(Peer* peer);
  bool OnLine(Peer* peer, absl::string_view line);
  bool OnMessage(Peer* peer);
  bool Give(Peer* peer, Answer answer);
  bool Pump(Peer* peer);
  void NoteSent(Peer* peer, absl::string_view bytes);
  void NoteAsked(Peer* peer, absl::string_view what);
  // Nothing that `answer` says has left yet.
  static void NoteTold(const Peer& peer, const Answer& answer,
                       AddressFacts* facts);
  void Close(Peer* peer, bool reset);
  void CountTogether(uint32_t address);
  void Wrong(const Peer& peer, const std::string& what,
             absl::string_view detail);

  int listener_ = -1;
  int epoll_ = -1;
  uint64_t last_id_ = 0;
  std::unordered_map<uint64_t, std::unique_ptr<Peer>> peers_;
  std::unordered_map<uint32_t, AddressFacts> addresses_;
  std::unordered_map<uint32_t, std::unordered_set<uint64_t>> networks_;
  std::unordered_map<uint32_t, Role> roles_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::array<uint64_t, kTraitCount> traits_ = {};
  std::unordered_map<std::string, uint64_t> verbs_;
  std::unordered_map<std::string, uint64_t> wrong_;
  std::vector<std::string> examples_;
  uint64_t connections_ = 0;
  uint64_t accept_failures_ = 0;
  uint64_t confused_ = 0;  // messages after replies that came unasked
  size_t most_open_ = 0;
  Deliverer deliverer_;
};

void Servers::Wrong(const Peer& peer, const std::string& what,
                    absl::string_view detail) {
  ++wrong_[what];
  if (examples_.size() < kMaxExamples) {
    examples_.push_back(absl::StrCat(what, " at ", AddressText(peer.address),
                                     ": ", detail.substr(0, 80)));
  }
}

bool Servers::Listen() {
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const sockaddr_in any = SocketAddress(INADDR_ANY, FLAGS_port);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof(any)) !=
          0 ||
      listen(listener_, kBacklog) != 0) {
    perror("hostile: listening");
    return false;
  }
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = 0;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
  return true;
}

void Servers::Run() {
  std::array<epoll_event, 512> events;
  while (stopping == 0) {
    int wait_ms = 200;
    if (!timers_.empty()) {
      wait_ms = static_cast<int>(
          std::clamp<int64_t>(timers_.top().at_ms - NowMs(), 0, wait_ms));
    }
    const int count = epoll_wait(epoll_, events.data(),
                                 static_cast<int>(events.size()), wait_ms);
    // Newcomers last: who has left must be known before.
    bool newcomers = false;
    for (int i = 0; i < count; ++i) {
      const uint64_t id = events[static_cast<size_t>(i)].data.u64;
      if (id == 0) {
        newcomers = true;
        continue;
      }
      const auto at = peers_.find(id);
      if (at == peers_.end()) continue;
      Peer* const peer = at->second.get();
      if (OnReadable(peer)) Pump(peer);
    }
    const int64_t now = NowMs();
    while (!timers_.empty() && timers_.top().at_ms <= now) {
      const auto at = peers_.find(timers_.top().id);
      timers_.pop();
      if (at != peers_.end()) Pump(at->second.get());
    }
    if (newcomers) AcceptAll();
  }
}

void Servers::AcceptAll() {
  while (true) {
    const int fd =
        accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno != EAGAIN && errno != ECONNABORTED) ++accept_failures_;
      return;
    }
    sockaddr_in local = {};
    socklen_t bytes = sizeof(local);
    getsockname(fd, reinterpret_cast<sockaddr*>(&local), &bytes);
    Begin(fd, ntohl(local.sin_addr.s_addr));
  }
}

// Is anybody else of this network connected at this moment?
void Servers::CountTogether(uint32_t address) {
  const std::unordered_set<uint64_t> others = networks_[address >> 8];
  for (const uint64_t id : others) {
    Peer* const other = peers_.at(id).get();
    // It may have gone, and nobody has looked.
    if (!OnReadable(other)) continue;
    Wrong(*other,
          other->address == address ? "two at once" : "two at once in a /24",
          AddressText(address));
  }
}

void Servers::Begin(int fd, uint32_t address) {
  CountTogether(address);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  AddressFacts& facts = addresses_[address];
  const auto role = roles_.find(address);
  auto peer = std::make_unique<Peer>(
      FLAGS_seed, address, ++facts.connections,
      role == roles_.end() ? Role::kHostile : role->second);
  ++connections_;
  peer->id = ++last_id_;
  peer->fd = fd;
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = peer->id;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  networks_[address >> 8].insert(peer->id);
  Peer* const started = peer.get();
  peers_[started->id] = std::move(peer);
  most_open_ = std::max(most_open_, peers_.size());
  if (started->role == Role::kHostile) {
    Give(started, started->script.Greet());
  } else {
    Give(started, {{{"220 mx.hostile.test ESMTP\r\n"}}, "", {}, 220});
  }
}

void Servers::Close(Peer* peer, bool reset) {
  if (reset) {
    const linger now = {1, 0};
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }
  close(peer->fd);
  const auto network = networks_.find(peer->address >> 8);
  network->second.erase(peer->id);
  if (network->second.empty()) networks_.erase(network);
  peers_.erase(peer->id);
}

// ---- to the client ----

bool Servers::Give(Peer* peer, Answer answer) {
  for (const Trait trait : answer.traits) ++traits_[static_cast<size_t>(trait)];
  peer->is_early |= answer.is_early;
  if (answer.is_double && peer->queue.empty() && peer->endless.empty() &&
      answer.pieces.front().bytes.size() < kOneSegment) {
    peer->double_is_due = true;
  }
  for (Piece& piece : answer.pieces) peer->queue.push_back(std::move(piece));
  if (!answer.endless.empty()) peer->endless = std::move(answer.endless);
  return Pump(peer);
}

bool Servers::Pump(Peer* peer) {
  while (!peer->queue.empty()) {
    Piece& piece = peer->queue.front();
    if (piece.wait_ms > 0) {
      peer->wait_until_ms = NowMs() + std::exchange(piece.wait_ms, 0);
      timers_.push({peer->wait_until_ms, peer->id});
    }
    if (peer->wait_until_ms > NowMs()) return true;
    if (!piece.bytes.empty()) {
      const ssize_t sent =
          send(peer->fd, piece.bytes.data(), piece.bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EAGAIN) return true;
        Close(peer, false);
        return false;
      }
      NoteSent(
          peer,
          absl::string_view(piece.bytes).substr(0, static_cast<size_t>(sent)));
      piece.bytes.erase(0, static_cast<size_t>(sent));
      if (std::exchange(peer->double_is_due, false) && !peer->is_early) {
        peer->must_be_silent = true;
      }
      if (!piece.bytes.empty()) continue;
    }
    const Then then = piece.then;
    peer->queue.pop_front();
    if (then != Then::kGoOn) {
      Close(peer, then == Then::kReset);
      return false;
    }
  }
  while (!peer->endless.empty()) {
    const ssize_t sent =
        send(peer->fd, peer->endless.data() + peer->endless_at,
             peer->endless.size() - peer->endless_at, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EAGAIN) return true;
      Close(peer, false);
      return false;
    }
    peer->endless_at += static_cast<size_t>(sent);
    if (peer->endless_at == peer->endless.size()) peer->endless_at = 0;
  }
  return true;
}

void Servers::NoteSent(Peer* peer, absl::string_view bytes) {
  for (const char c : bytes) {
    if (c != '\n') {
      if (peer->line.size() < 4) peer->line.push_back(c);
      continue;
    }
    const std::string line = std::exchange(peer->line, "");
    if (line.size() >= 3 && absl::ascii_isdigit(line[0]) &&
        absl::ascii_isdigit(line[1]) && absl::ascii_isdigit(line[2]) &&
        (line.size() == 3 || line[3] != '-')) {
      ++peer->replied;
      peer->last_kind = line[0] - '0';
    }
  }
}

// ---- from the client ----

bool Servers::OnReadable(Peer* peer) {
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t bytes = recv(peer->fd, buffer.data(), buffer.size(), 0);
    if (bytes > 0) {
      peer->input.append(buffer.data(), static_cast<size_t>(bytes));
      if (peer->input.size() > kMaxInputBytes) {
        Wrong(*peer, "too much at once", "");
        peer->input.clear();
      }
      if (!Process(peer)) return false;
      continue;
    }
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0 && errno == EAGAIN) return true;
    Close(peer, false);
    return false;
  }
}

// Something has been asked; was it the client's turn?
void Servers::NoteAsked(Peer* peer, absl::string_view what) {
  ++peer->asked;
  if (peer->asked > peer->replied) {
    Wrong(*peer, "asked before the reply", what);
  }
  if (peer->must_be_silent) Wrong(*peer, "went on after two replies", what);
}

bool Servers::Process(Peer* peer) {
  while (!peer->input.empty()) {
    std::string& input = peer->input;
    if (peer->state == Peer::State::kTls) {
      input.clear();
      return Give(peer, peer->script.ToTls());
    }
    if (peer->state == Peer::State::kAfterStartTls) {
      // Whatever the reply was, a client may have read it as yes.
      peer->state =
          input[0] == kTlsHandshake ? Peer::State::kTls : Peer::State::kCommand;
      continue;
    }
    if (peer->state == Peer::State::kAfterData) {
      constexpr absl::string_view kFirst = "From: ";
      if (input.size() < kFirst.size() && absl::StartsWith(kFirst, input)) {
        return true;
      }
      peer->state = absl::StartsWith(input, kFirst) ? Peer::State::kMessage
                                                    : Peer::State::kCommand;
      if (peer->state == Peer::State::kMessage) {
        NoteAsked(peer, "a message");
        if (peer->last_kind != 3 && !peer->is_early) {
          Wrong(*peer, "a message without 354", input);
        }
      }
      continue;
    }
    if (peer->state == Peer::State::kMessage) {
      const std::string message_end = "\r\n.\r\n";
      const size_t end = input.find(message_end);
      if (end == std::string::npos) return true;
      input.erase(0, end + message_end.size());
      if (!input.empty() && !peer->is_early) {
        Wrong(*peer, "pipelined", input);
      }
      peer->state = Peer::State::kCommand;
      if (!OnMessage(peer)) return false;
      continue;
    }
    const size_t end = input.find('\n');
    if (end == std::string::npos) return true;
    const std::string line = input.substr(0, end);
    input.erase(0, end + 1);
    if (line.empty() || line.back() != '\r' || line.size() > kMaxCommandBytes) {
      Wrong(*peer, "a line that is none", line);
    }
    if (!input.empty() && !peer->is_early) Wrong(*peer, "pipelined", input);
    if (!OnLine(peer, absl::StripTrailingAsciiWhitespace(line))) return false;
  }
  return true;
}

bool Servers::OnLine(Peer* peer, absl::string_view line) {
  static const auto* const kKnown = new std::unordered_set<std::string>{
      "EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "QUIT", "STARTTLS"};
  const std::string verb =
      absl::AsciiStrToUpper(line.substr(0, line.find(' ')));
  if (kKnown->count(verb) == 0) Wrong(*peer, "a verb that is not its", line);
  ++verbs_[kKnown->count(verb) != 0 ? verb : "other"];
  NoteAsked(peer, line);
  // The address between the brackets.
  const size_t open = line.find('<');
  const std::string path =
      open == absl::string_view::npos
          ? std::string()
          : std::string(line.substr(open + 1, line.rfind('>') - open - 1));
  if (verb == "MAIL") peer->sender = path;
  if (verb == "RCPT") peer->recipient = path;
  if (verb == "DATA") peer->state = Peer::State::kAfterData;
  if (verb == "STARTTLS") peer->state = Peer::State::kAfterStartTls;
  if (peer->role == Role::kHostile) {
    return Give(peer, peer->script.ToCommand(line));
  }
  const int code = verb == "DATA" ? 354 : verb == "QUIT" ? 221 : 250;
  return Give(peer, {{{absl::StrCat(code, " fine\r\n")}}, "", {}, code});
}

void Servers::NoteTold(const Peer& peer, const Answer& answer,
                       AddressFacts* facts) {
  absl::StrAppend(&facts->told, facts->told.empty() ? "" : "; ", "connection ",
                  facts->connections, peer.is_early ? ", confused: " : ": ");
  for (const Trait trait : answer.traits) {
    absl::StrAppend(&facts->told, TraitName(trait), ", ");
  }
  absl::StrAppend(
      &facts->told, "read as ", answer.code, " from ",
      absl::string_view(answer.pieces.empty() ? answer.endless
                                              : answer.pieces.front().bytes)
          .substr(0, kExampleReplyBytes));
}

bool Servers::OnMessage(Peer* peer) {
  AddressFacts& facts = addresses_[peer->address];
  if (peer->role == Role::kHostile) {
    Answer answer = peer->script.ToMessage();
    NoteTold(*peer, answer, &facts);
    if (peer->is_early) {
      // Which reply the client took for this one's, nobody knows.
      ++confused_;
    } else if (answer.is_refusal()) {
      ++facts.refused;
    } else {
      ++facts.messages;
    }
    return Give(peer, std::move(answer));
  }
  ++facts.messages;
  Delivery delivery;
  delivery.from = peer->address;
  delivery.recipient =
      peer->role == Role::kBouncer ? peer->sender : peer->recipient;
  if (peer->role == Role::kForger && !delivery.recipient.empty()) {
    // Within what is signed and the signature.
    char& changed = delivery.recipient[facts.messages * 7 % 32];
    changed = changed == 'a' ? 'b' : 'a';
    delivery.is_forged = true;
  }
  deliverer_.Add(std::move(delivery));
  if (peer->role == Role::kRelay && peer->address / 256 % 2 != 0) {
    Close(peer, /*reset=*/true);
    return false;
  }
  return Give(peer, {{{"250 taken\r\n"}}, "", {}, 250});
}

// ---- the facts ----

std::string JsonText(absl::string_view text) {
  std::string clean = "\"";
  for (const char c : text) {
    clean.push_back(absl::ascii_isprint(c) && c != '"' && c != '\\' ? c : '?');
  }
  return clean + "\"";
}

template <typename Map>
std::string CountsJson(const Map& counts) {
  return absl::StrCat("{",
                      absl::StrJoin(counts, ",",
                                    [](std::string* out, const auto& one) {
                                      absl::StrAppend(out, "\"", one.first,
                                                      "\":", one.second);
                                    }),
                      "}");
}

void Servers::Report() {
  uint64_t messages = 0;
  uint64_t refused = 0;
  uint32_t most_messages = 0;
  uint32_t most_connections = 0;
  std::pair<std::string, std::string> most_mailed;
  for (const auto& [address, facts] : addresses_) {
    messages += facts.messages;
    refused += facts.refused;
    if (facts.messages > most_messages) {
      most_messages = facts.messages;
      most_mailed = {AddressText(address), facts.told};
    }
    most_connections = std::max(most_connections, facts.connections);
  }
  std::vector<std::pair<std::string, uint64_t>> traits;
  for (int i = 0; i < kTraitCount; ++i) {
    traits.emplace_back(TraitName(static_cast<Trait>(i)),
                        traits_[static_cast<size_t>(i)]);
  }
  const Deliverer::Counts delivered = deliverer_.counts();
  std::vector<std::string> examples;
  for (const std::string& example : examples_) {
    examples.push_back(JsonText(example));
  }
  const std::vector<std::pair<std::string, uint64_t>> facts = {
      {"addresses", addresses_.size()},
      {"connections", connections_},
      {"most_open", most_open_},
      {"still_open", peers_.size()},
      {"most_connections", most_connections},
      {"messages", messages},
      {"messages_refused", refused},
      {"messages_confused", confused_},
      {"most_messages", most_messages},
      {"accept_failures", accept_failures_},
      {"delivered", static_cast<uint64_t>(delivered.taken)},
      {"forged_taken", static_cast<uint64_t>(delivered.forged_taken)},
      {"forged_refused", static_cast<uint64_t>(delivered.forged_refused)},
      {"deliveries_failed", static_cast<uint64_t>(delivered.other)}};
  std::ofstream out(FLAGS_report);
  out << "{\"facts\":" << CountsJson(facts)
      << ",\"traits\":" << CountsJson(traits)
      << ",\"verbs\":" << CountsJson(verbs_)
      << ",\"wrong\":" << CountsJson(wrong_) << ",\"most_mailed\":["
      << JsonText(most_mailed.first) << "," << JsonText(most_mailed.second)
      << "],\"examples\":[" << absl::StrJoin(examples, ",") << "]}\n";
}

int Main() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, [](int) { stopping = 1; });
  Servers servers;
  if (!servers.Listen()) return 1;
  std::fprintf(stderr, "hostile: listens\n");
  servers.Run();
  servers.Report();
  return 0;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return rbld::Main();
}
