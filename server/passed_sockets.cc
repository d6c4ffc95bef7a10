#include "server/passed_sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace rbld {
namespace {

struct Passed {
  int fd = -1;
  int family = AF_INET;
  bool is_udp = false;
  bool wildcard = false;
  bool also_ipv4 = false;  // of family AF_INET6
  uint16_t port = 0;
  std::string text;
};

int Option(int fd, int level, int option) {
  int value = -1;
  socklen_t bytes = sizeof(value);
  return getsockopt(fd, level, option, &value, &bytes) == 0 ? value : -1;
}

std::string Text(int family, const std::string& address, uint16_t port) {
  return family == AF_INET ? absl::StrCat(address, ":", port)
                           : absl::StrCat("[", address, "]:", port);
}

// Nothing when it is no socket that can be served.
std::optional<Passed> Look(int fd) {
  Passed passed;
  passed.fd = fd;
  union {
    sockaddr any;
    sockaddr_in ipv4;
    sockaddr_in6 ipv6;
    sockaddr_storage most;
  } name = {};
  socklen_t bytes = sizeof(name);
  if (getsockname(fd, &name.any, &bytes) != 0) return std::nullopt;
  passed.family = name.any.sa_family;
  const int type = Option(fd, SOL_SOCKET, SO_TYPE);
  passed.is_udp = type == SOCK_DGRAM;
  if (!passed.is_udp &&
      (type != SOCK_STREAM || Option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)) {
    return std::nullopt;
  }
  char address[INET6_ADDRSTRLEN];
  if (passed.family == AF_INET) {
    inet_ntop(AF_INET, &name.ipv4.sin_addr, address, sizeof(address));
    passed.wildcard = name.ipv4.sin_addr.s_addr == INADDR_ANY;
    passed.port = ntohs(name.ipv4.sin_port);
  } else if (passed.family == AF_INET6) {
    inet_ntop(AF_INET6, &name.ipv6.sin6_addr, address, sizeof(address));
    passed.wildcard = IN6_IS_ADDR_UNSPECIFIED(&name.ipv6.sin6_addr) != 0;
    passed.also_ipv4 =
        passed.wildcard && Option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
    passed.port = ntohs(name.ipv6.sin6_port);
  } else {
    return std::nullopt;
  }
  passed.text = Text(passed.family, address, passed.port);
  return passed;
}

absl::Status Share(const Passed& passed, BoundAddress* bound) {
  if (passed.is_udp) {
    TuneUdp(passed.family, passed.wildcard, passed.fd);
  } else if (fcntl(passed.fd, F_SETFL,
                   fcntl(passed.fd, F_GETFL) | O_NONBLOCK) != 0) {
    return absl::InternalError(
        absl::StrCat(passed.text, ": ", strerror(errno)));
  }
  for (SocketPair& pair : bound->sockets) {
    Fd copy(fcntl(passed.fd, F_DUPFD_CLOEXEC, 3));
    if (!copy.valid()) {
      return absl::InternalError(
          absl::StrCat(passed.text, ": ", strerror(errno)));
    }
    pair.wildcard = passed.wildcard;
    (passed.is_udp ? pair.udp : pair.tcp) = std::move(copy);
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<int> TakePassedSockets() {
  const int count = sd_listen_fds(/*unset_environment=*/1);
  if (count < 0) {
    LogWarning(absl::StrCat("LISTEN_FDS cannot be used: ", strerror(-count)));
  }
  std::vector<int> sockets;
  for (int i = 0; i < count; ++i) sockets.push_back(SD_LISTEN_FDS_START + i);
  return sockets;
}

std::vector<std::string> PassedAddresses() {
  std::vector<std::string> texts;
  const int count = sd_listen_fds(/*unset_environment=*/0);
  for (int i = 0; i < count; ++i) {
    const int fd = SD_LISTEN_FDS_START + i;
    // sd_listen_fds made it close-on-exec.
    fcntl(fd, F_SETFD, 0);
    const std::optional<Passed> passed = Look(fd);
    if (passed.has_value() &&
        std::find(texts.begin(), texts.end(), passed->text) == texts.end()) {
      texts.push_back(passed->text);
    }
  }
  return texts;
}

absl::StatusOr<std::vector<BoundAddress>> SharePassedSockets(
    absl::Span<const int> sockets, int workers) {
  std::vector<BoundAddress> all;
  for (const int fd : sockets) {
    const std::optional<Passed> passed = Look(fd);
    if (!passed.has_value()) {
      LogWarning(absl::StrCat(
          "descriptor ", fd,
          " of the service manager is left out: it is no "
          "UDP socket and no listening TCP socket over IPv4 or IPv6"));
      continue;
    }
    if (passed->also_ipv4) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the service manager's socket on ", passed->text,
          " takes IPv4, too; write BindIPv6Only=ipv6-only in the socket unit, "
          "and 0.0.0.0:",
          passed->port, " beside it for IPv4"));
    }
    auto bound = std::find_if(all.begin(), all.end(), [&](const auto& known) {
      // A second one of a kind has its own workers' pairs.
      const SocketPair& pair = known.sockets.front();
      return known.text == passed->text &&
             !(passed->is_udp ? pair.udp : pair.tcp).valid();
    });
    if (bound == all.end()) {
      BoundAddress fresh;
      fresh.text = passed->text;
      fresh.port = passed->port;
      fresh.sockets.resize(static_cast<size_t>(workers));
      all.push_back(std::move(fresh));
      bound = all.end() - 1;
    }
    if (const absl::Status s = Share(*passed, &*bound); !s.ok()) return s;
  }
  for (const BoundAddress& bound : all) {
    if (bound.sockets.front().tcp.valid()) continue;
    LogInfo(absl::StrCat(
        bound.text,
        " was passed for UDP alone: a client whose answer is cut "
        "off cannot ask again over TCP; ListenStream= in the socket unit "
        "adds that"));
  }
  return all;
}

std::string AddressText(const ListenAddress& address) {
  unsigned char bytes[sizeof(in6_addr)];
  char text[INET6_ADDRSTRLEN];
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, address.address.c_str(), bytes) == 1 &&
        inet_ntop(family, bytes, text, sizeof(text)) != nullptr) {
      return Text(family, text, address.port);
    }
  }
  return address.text;
}

}  // namespace rbld
