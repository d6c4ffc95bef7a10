// smtp_sink: a mail server for many test sessions at once that relays nothing:
// MAIL is taken, every RCPT refused with 550.
//
//   smtp_sink PORT DELAY_MILLISECONDS COUNTERS
//
// listens on all addresses, the AnyIP ones of its host included, and runs until
// a signal ends it. The greeting comes at once, each reply after the delay; 0:
// at once. COUNTERS is a file, written while it runs: a Counters as it is in
// memory.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string_view>
#include <vector>

namespace {

constexpr int kEvents = 512;
constexpr size_t kLineBytes = 1024;
// What a session is when it counts as whole.
constexpr int kForms = 8;

// relay.py reads them in this order.
struct Counters {
  std::atomic<uint64_t> accepted;
  std::atomic<uint64_t> open;
  std::atomic<uint64_t> most_open;
  std::atomic<uint64_t> refused;  // RCPTs
  std::atomic<uint64_t> whole;    // sessions of eight refused RCPTs and a QUIT
};

struct Session {
  bool is_open = false;
  uint32_t number = 0;  // tells it from an earlier one with the same socket
  int refused = 0;
  size_t bytes = 0;
  char line[kLineBytes];
};

struct Reply {
  int64_t at_ms;
  int fd;
  uint32_t number;
  std::string_view text;
  bool closes;
};

int64_t NowMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool HasVerb(std::string_view line, std::string_view verb) {
  return line.size() >= verb.size() &&
         strncasecmp(line.data(), verb.data(), verb.size()) == 0;
}

class Sink {
 public:
  Sink(int listener, int64_t delay_ms, Counters* counters, size_t most_fds)
      : listener_(listener),
        delay_ms_(delay_ms),
        counters_(*counters),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        sessions_(most_fds) {
    Watch(listener_);
  }

  void Run() {
    epoll_event events[kEvents];
    while (true) {
      const int ready = epoll_wait(epoll_, events, kEvents, Wait());
      for (int i = 0; i < ready; ++i) {
        if (events[i].data.fd == listener_) {
          Accept();
        } else {
          Receive(events[i].data.fd);
        }
      }
      SendWhatIsDue();
    }
  }

 private:
  void Watch(int fd) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  int Wait() const {
    if (waiting_.empty()) return -1;
    const int64_t wait = waiting_.front().at_ms - NowMilliseconds();
    return wait < 0 ? 0 : static_cast<int>(wait);
  }

  void Accept() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      if (static_cast<size_t>(fd) >= sessions_.size()) {
        close(fd);
        continue;
      }
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      Session& session = sessions_[fd];
      session.is_open = true;
      session.refused = 0;
      session.bytes = 0;
      ++session.number;
      ++counters_.accepted;
      const uint64_t open = ++counters_.open;
      if (open > counters_.most_open) counters_.most_open = open;
      Watch(fd);
      Send(fd, "220 sink.bench.test ESMTP\r\n");
    }
  }

  void Receive(int fd) {
    Session& session = sessions_[fd];
    const ssize_t got =
        recv(fd, session.line + session.bytes, kLineBytes - session.bytes, 0);
    if (got <= 0) {
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) Close(fd);
      return;
    }
    session.bytes += static_cast<size_t>(got);
    std::string_view rest(session.line, session.bytes);
    for (size_t end;
         session.is_open && (end = rest.find('\n')) != std::string_view::npos;
         rest.remove_prefix(end + 1)) {
      Command(fd, rest.substr(0, end));
    }
    if (!session.is_open) return;
    if (rest.size() == kLineBytes) return Close(fd);
    memmove(session.line, rest.data(), rest.size());
    session.bytes = rest.size();
  }

  void Command(int fd, std::string_view line) {
    if (HasVerb(line, "RCPT")) {
      ++sessions_[fd].refused;
      ++counters_.refused;
      Answer(fd, "550 5.7.1 Relaying denied\r\n");
    } else if (HasVerb(line, "MAIL") || HasVerb(line, "RSET")) {
      Answer(fd, "250 2.0.0 Ok\r\n");
    } else if (HasVerb(line, "EHLO")) {
      Answer(fd, "250-sink.bench.test\r\n250 8BITMIME\r\n");
    } else if (HasVerb(line, "QUIT")) {
      if (sessions_[fd].refused == kForms) ++counters_.whole;
      Answer(fd, "221 2.0.0 Bye\r\n", /*closes=*/true);
    } else {
      Answer(fd, "502 5.5.1 Not here\r\n");
    }
  }

  void Answer(int fd, std::string_view text, bool closes = false) {
    if (delay_ms_ != 0) {
      waiting_.push_back({NowMilliseconds() + delay_ms_, fd,
                          sessions_[fd].number, text, closes});
      return;
    }
    Send(fd, text);
    if (closes) Close(fd);
  }

  void SendWhatIsDue() {
    while (!waiting_.empty() && waiting_.front().at_ms <= NowMilliseconds()) {
      const Reply reply = waiting_.front();
      waiting_.pop_front();
      const Session& session = sessions_[reply.fd];
      if (!session.is_open || session.number != reply.number) continue;
      Send(reply.fd, reply.text);
      if (reply.closes) Close(reply.fd);
    }
  }

  void Send(int fd, std::string_view text) {
    // So little always fits, unless the other side is gone.
    if (send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) Close(fd);
  }

  void Close(int fd) {
    if (!sessions_[fd].is_open) return;
    sessions_[fd].is_open = false;
    --counters_.open;
    close(fd);
  }

  const int listener_;
  const int64_t delay_ms_;
  Counters& counters_;
  const int epoll_;
  std::vector<Session> sessions_;  // by socket
  std::deque<Reply> waiting_;      // by time: the delay is the same for all
};

int Listen(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    std::perror("smtp_sink");
    return -1;
  }
  return fd;
}

Counters* MapCounters(const char* path) {
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof(Counters)) != 0) return nullptr;
  void* const mapped = mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE,
                            MAP_SHARED, fd, 0);
  return mapped == MAP_FAILED ? nullptr : static_cast<Counters*>(mapped);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 || std::atoi(argv[1]) <= 0 || std::atoi(argv[2]) < 0) {
    std::fprintf(stderr, "usage: smtp_sink PORT DELAY_MILLISECONDS COUNTERS\n");
    return 2;
  }
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  constexpr rlim_t kMostFiles = 65'536;
  Counters* const counters = MapCounters(argv[3]);
  if (counters == nullptr) {
    std::perror(argv[3]);
    return 1;
  }
  const int listener = Listen(static_cast<uint16_t>(std::atoi(argv[1])));
  if (listener < 0) return 1;
  Sink(listener, std::atoi(argv[2]), counters,
       std::min(files.rlim_cur, kMostFiles))
      .Run();
}
