#include "server/passed_sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/service_sockets.h"

namespace rbld {
namespace {

absl::Status Share(const ServiceSocket& passed, BoundAddress* bound) {
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

absl::StatusOr<std::vector<BoundAddress>> SharePassedSockets(
    absl::Span<const int> sockets, int workers) {
  std::vector<BoundAddress> all;
  for (const int fd : sockets) {
    const std::optional<ServiceSocket> passed = LookAtSocket(fd);
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
      return SocketText(family, text, address.port);
    }
  }
  return address.text;
}

}  // namespace rbld
