#include "tests/peers/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_util.h"
#include "dns/query_builder.h"

namespace rbld {
namespace {

constexpr int kReplyTimeoutMilliseconds = 500;
constexpr int kTries = 20;
constexpr int kStartTries = 100;
// Of AskAll: few enough that no socket's buffer overflows.
constexpr size_t kWindow = 100;
constexpr int kWindowMilliseconds = 1000;
constexpr int kWindowTries = 2;
constexpr uint16_t kEndMarkId = 0xffff;

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A port that was free a moment ago, for UDP.
uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

}  // namespace

Peer::Peer(uint16_t port, std::string log_path)
    : port_(port), log_path_(std::move(log_path)) {}

absl::StatusOr<std::unique_ptr<Peer>> Peer::StartRbldnsd(
    const std::string& directory, const std::vector<std::string>& datasets,
    const std::vector<std::string>& options, OptionsPlace place) {
  std::unique_ptr<Peer> peer(
      new Peer(FreePort(), absl::StrCat(directory, "/rbldnsd.log")));
  std::vector<std::string> arguments = {
      "-n", "-w", directory, "-b", absl::StrCat("127.0.0.1/", peer->port_)};
  // It will not run as root.
  if (geteuid() == 0) {
    arguments.insert(arguments.end(), {"-u", "nobody"});
  }
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.insert(
      place == OptionsPlace::kFirst ? arguments.end() : arguments.begin(),
      datasets.begin(), datasets.end());
  arguments.insert(arguments.begin(), "/usr/sbin/rbldnsd");
  // It loads before it answers. A zone of ours might have an access list.
  const absl::Status status = peer->Start(arguments, "end.invalid");
  if (!status.ok()) return status;
  return peer;
}

absl::StatusOr<std::unique_ptr<Peer>> Peer::StartNsd(
    const std::string& directory, const std::string& zone,
    const std::string& zone_file) {
  std::unique_ptr<Peer> peer(
      new Peer(FreePort(), absl::StrCat(directory, "/nsd.log")));
  const std::string configuration = absl::StrCat(
      "server:\n  ip-address: 127.0.0.1@", peer->port_,
      "\n  username: \"\"\n  chroot: \"\"\n  database: \"\"\n  zonesdir: \"",
      directory, "\"\n  pidfile: \"", directory, "/nsd.pid\"\n  xfrdfile: \"",
      directory, "/xfrd.state\"\n  zonelistfile: \"", directory,
      "/zone.list\"\n  xfrdir: \"", directory,
      "\"\n  server-count: 1\n  ipv4-edns-size: 4096\n  rrl-ratelimit: 0\n"
      "remote-control:\n  control-enable: no\nzone:\n  name: \"",
      zone, "\"\n  zonefile: \"", zone_file, "\"\n");
  const std::string path = absl::StrCat(directory, "/nsd.conf");
  absl::Status status = WriteFileAtomically(path, configuration);
  if (!status.ok()) return status;
  status = peer->Start({"/usr/sbin/nsd", "-d", "-c", path}, zone);
  if (!status.ok()) return status;
  return peer;
}

absl::Status Peer::Start(const std::vector<std::string>& arguments,
                         const std::string& zone) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) return ErrnoStatus(errno, arguments[0], "fork");
  if (pid_ == 0) {
    const int log = open(log_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(log, 1);
    dup2(log, 2);
    execv(argv[0], argv.data());
    _exit(127);
  }
  socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port_);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) != 0) {
    return ErrnoStatus(errno, arguments[0], "connect");
  }
  QueryBuilder query(1);
  query.Question(zone, RrType::kSoa);
  for (int i = 0; i < kStartTries; ++i) {
    if (Ask(query.message()).ok()) return absl::OkStatus();
    usleep(50'000);
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
  }
  return absl::UnavailableError(absl::StrCat(
      arguments[0],
      " did not start: ", ReadFile(log_path_, 1 << 20).value_or("no log")));
}

Peer::~Peer() {
  if (socket_ >= 0) close(socket_);
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
}

absl::StatusOr<std::string> Peer::Ask(const std::string& query) {
  char reply[65536];
  for (int i = 0; i < kTries; ++i) {
    if (send(socket_, query.data(), query.size(), 0) < 0) {
      // Nobody listens there yet.
      return ErrnoStatus(errno, "127.0.0.1", "send");
    }
    pollfd poll_fd = {socket_, POLLIN, 0};
    while (poll(&poll_fd, 1, kReplyTimeoutMilliseconds) > 0) {
      const ssize_t got = recv(socket_, reply, sizeof(reply), 0);
      if (got < 0) return ErrnoStatus(errno, "127.0.0.1", "recv");
      // The id keeps a late reply to another query apart.
      if (got >= 2 && reply[0] == query[0] && reply[1] == query[1]) {
        return std::string(reply, static_cast<size_t>(got));
      }
    }
  }
  return absl::DeadlineExceededError("no reply");
}

absl::StatusOr<std::vector<std::string>> Peer::AskAll(
    const std::vector<std::string>& queries) {
  std::vector<std::string> replies(queries.size());
  // The end of a window: once this is answered, so is what came before.
  QueryBuilder end_mark(kEndMarkId);
  end_mark.Question("end.invalid", RrType::kA);
  const auto send_one = [this](const std::string& query) {
    return send(socket_, query.data(), query.size(), 0) >= 0
               ? absl::OkStatus()
               : ErrnoStatus(errno, "127.0.0.1", "send");
  };
  char reply[65536];
  for (size_t begin = 0; begin < queries.size(); begin += kWindow) {
    const size_t end = std::min(begin + kWindow, queries.size());
    // What got no reply is asked once more, so that nothing that was lost looks
    // as if it had been dropped.
    for (int i = 0; i < kWindowTries; ++i) {
      size_t missing = 0;
      for (size_t at = begin; at < end; ++at) {
        if (!replies[at].empty()) continue;
        ++missing;
        // The place in the window is the id on the wire.
        std::string query = queries[at];
        query[0] = static_cast<char>((at - begin) >> 8);
        query[1] = static_cast<char>(at - begin);
        const absl::Status status = send_one(query);
        if (!status.ok()) return status;
      }
      if (missing == 0) break;
      const absl::Status status = send_one(end_mark.message());
      if (!status.ok()) return status;
      pollfd poll_fd = {socket_, POLLIN, 0};
      while (poll(&poll_fd, 1, kWindowMilliseconds) > 0) {
        const ssize_t got = recv(socket_, reply, sizeof(reply), 0);
        if (got < 0) return ErrnoStatus(errno, "127.0.0.1", "recv");
        if (got < 2) continue;
        const size_t id = size_t{static_cast<uint8_t>(reply[0])} << 8 |
                          static_cast<uint8_t>(reply[1]);
        if (id == kEndMarkId) break;
        if (id < end - begin && replies[begin + id].empty()) {
          replies[begin + id].assign(reply, static_cast<size_t>(got));
        }
      }
    }
  }
  return replies;
}

}  // namespace rbld
