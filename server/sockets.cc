#include "server/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

// Tries to find a port that is free for both transports.
constexpr int kMaxPortTries = 16;

union SocketAddress {
  sockaddr any;
  sockaddr_in ipv4;
  sockaddr_in6 ipv6;
};

struct Endpoint {
  SocketAddress address;
  socklen_t bytes;
  int family;
  bool wildcard;
};

absl::StatusOr<Endpoint> Resolve(const ListenAddress& listen) {
  Endpoint endpoint;
  memset(&endpoint, 0, sizeof(endpoint));
  if (inet_pton(AF_INET, listen.address.c_str(),
                &endpoint.address.ipv4.sin_addr) == 1) {
    endpoint.family = AF_INET;
    endpoint.address.ipv4.sin_family = AF_INET;
    endpoint.bytes = sizeof(sockaddr_in);
    endpoint.wildcard = endpoint.address.ipv4.sin_addr.s_addr == INADDR_ANY;
    return endpoint;
  }
  if (inet_pton(AF_INET6, listen.address.c_str(),
                &endpoint.address.ipv6.sin6_addr) == 1) {
    endpoint.family = AF_INET6;
    endpoint.address.ipv6.sin6_family = AF_INET6;
    endpoint.bytes = sizeof(sockaddr_in6);
    endpoint.wildcard =
        IN6_IS_ADDR_UNSPECIFIED(&endpoint.address.ipv6.sin6_addr) != 0;
    return endpoint;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "listen address ", listen.text, ": not a numeric IPv4 or IPv6 address"));
}

void SetPort(uint16_t port, Endpoint* endpoint) {
  if (endpoint->family == AF_INET) {
    endpoint->address.ipv4.sin_port = htons(port);
  } else {
    endpoint->address.ipv6.sin6_port = htons(port);
  }
}

uint16_t PortOf(const Fd& socket) {
  SocketAddress address;
  socklen_t bytes = sizeof(address);
  memset(&address, 0, sizeof(address));
  getsockname(socket.get(), &address.any, &bytes);
  return ntohs(address.any.sa_family == AF_INET ? address.ipv4.sin_port
                                                : address.ipv6.sin6_port);
}

bool SetOption(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

absl::Status SocketError(const std::string& text, const char* transport,
                         int error) {
  std::string message =
      absl::StrCat("cannot listen on ", text, " (", transport, "): ");
  switch (error) {
    case EADDRINUSE:
      absl::StrAppend(&message,
                      "the address is in use; stop the program that listens "
                      "there (`ss -lntup` names it) or choose another "
                      "address or port under server.listen");
      return absl::AlreadyExistsError(message);
    case EADDRNOTAVAIL:
      absl::StrAppend(&message,
                      "this machine does not have that address; correct "
                      "server.listen or set the address up first");
      return absl::FailedPreconditionError(message);
    case EACCES:
      absl::StrAppend(&message,
                      "not allowed; ports below 1024 want root or the "
                      "capability CAP_NET_BIND_SERVICE");
      return absl::PermissionDeniedError(message);
    default:
      absl::StrAppend(&message, strerror(error));
      return absl::InternalError(message);
  }
}

// A bound socket, or an error number. Without `share` the port must be free of
// everybody, those who would share it included.
Fd OpenSocket(const Endpoint& endpoint, int type, bool share, int* error) {
  Fd fd(socket(endpoint.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  *error = errno;
  if (!fd.valid()) return fd;
  bool ok = true;
  if (share) ok = SetOption(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  // So that connections of a former run in TIME_WAIT are no obstacle.
  if (type == SOCK_STREAM) {
    ok = ok && SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  }
  // "[::]" means IPv6 alone; "0.0.0.0" has a socket of its own.
  if (endpoint.family == AF_INET6) {
    ok = ok && SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  }
  ok = ok && bind(fd.get(), &endpoint.address.any, endpoint.bytes) == 0;
  *error = errno;
  if (!ok) fd.Close();
  return fd;
}

// Takes all sockets of one port. `*retry` when another port may do better.
absl::Status BindPort(const ListenAddress& wanted, Endpoint endpoint,
                      int workers, BoundAddress* bound, bool* retry) {
  *retry = false;
  int error = 0;
  // SO_REUSEPORT lets a second process of the same user take half of our
  // queries unseen, so first see whether anybody is there.
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    const Fd probe = OpenSocket(endpoint, type, /*share=*/false, &error);
    if (!probe.valid()) {
      *retry = wanted.port == 0 && error == EADDRINUSE;
      return SocketError(wanted.text, type == SOCK_DGRAM ? "UDP" : "TCP",
                         error);
    }
    if (PortOf(probe) != 0) SetPort(PortOf(probe), &endpoint);
  }
  for (int i = 0; i < workers; ++i) {
    SocketPair pair;
    pair.wildcard = endpoint.wildcard;
    pair.udp = OpenSocket(endpoint, SOCK_DGRAM, /*share=*/true, &error);
    if (!pair.udp.valid()) {
      *retry = wanted.port == 0 && error == EADDRINUSE;
      return SocketError(wanted.text, "UDP", error);
    }
    TuneUdp(endpoint.family, endpoint.wildcard, pair.udp.get());
    pair.tcp = OpenSocket(endpoint, SOCK_STREAM, /*share=*/true, &error);
    if (!pair.tcp.valid() || listen(pair.tcp.get(), kTcpBacklog) != 0) {
      if (pair.tcp.valid()) error = errno;
      *retry = wanted.port == 0 && error == EADDRINUSE;
      return SocketError(wanted.text, "TCP", error);
    }
    bound->sockets.push_back(std::move(pair));
  }
  bound->port = PortOf(bound->sockets.front().udp);
  return absl::OkStatus();
}

}  // namespace

void TuneUdp(int family, bool wildcard, int fd) {
  // What a burst needs while the worker is busy. FORCE passes the system's
  // limit where we may; the plain option takes what is allowed.
  for (const auto& [force, plain] : {std::pair{SO_RCVBUFFORCE, SO_RCVBUF},
                                     std::pair{SO_SNDBUFFORCE, SO_SNDBUF}}) {
    if (!SetOption(fd, SOL_SOCKET, force, kUdpSocketBufferBytes)) {
      SetOption(fd, SOL_SOCKET, plain, kUdpSocketBufferBytes);
    }
  }
  if (family == AF_INET) {
    // "Don't Fragment" (RFC 9715 §3.1). Replies are at most 1232 bytes; a
    // forged "fragmentation needed" must neither split nor stop them. It also
    // saves the kernel the search for an identification, 3 % of what a reply
    // costs.
    SetOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    if (wildcard) SetOption(fd, IPPROTO_IP, IP_PKTINFO, 1);
  } else {
    SetOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
    if (wildcard) {
      SetOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    }
  }
}

void Fd::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::StatusOr<ListenAddress> ParseListenFlag(absl::string_view text) {
  constexpr uint32_t kDefaultPort = 53;
  ListenAddress listen;
  listen.text = std::string(text);
  absl::string_view address = text;
  absl::string_view port;
  bool has_port = false;
  if (!text.empty() && text[0] == '[') {
    const size_t end = text.find(']');
    address = text.substr(1, end == absl::string_view::npos ? 0 : end - 1);
    const absl::string_view rest =
        end == absl::string_view::npos ? text : text.substr(end + 1);
    has_port = !rest.empty();
    if (has_port && rest[0] == ':') port = rest.substr(1);
  } else {
    const size_t colon = text.find(':');
    has_port = colon != absl::string_view::npos;
    address = text.substr(0, colon);
    if (has_port) port = text.substr(colon + 1);
  }
  listen.address = std::string(address);
  uint32_t number = kDefaultPort;
  if ((has_port && (!absl::SimpleAtoi(port, &number) || number > 65535)) ||
      !Resolve(listen).ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" is no address to listen on; write 192.0.2.1:53 or "
                     "[2001:db8::1]:53"));
  }
  listen.port = static_cast<uint16_t>(number);
  return listen;
}

absl::Status SteerByCpu(const BoundAddress& address,
                        absl::Span<const int> cpus) {
  // A number that no socket has means what the kernel does without a program.
  constexpr uint32_t kSpreadOverAll = 0xffffffff;
  std::vector<sock_filter> program;
  program.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0,
                     static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_CPU)});
  for (size_t i = 0; i < cpus.size(); ++i) {
    program.push_back(
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<uint32_t>(cpus[i])});
    // Sockets are numbered in the order in which they were bound.
    program.push_back({BPF_RET | BPF_K, 0, 0, static_cast<uint32_t>(i)});
  }
  program.push_back({BPF_RET | BPF_K, 0, 0, kSpreadOverAll});
  const sock_fprog attached = {static_cast<unsigned short>(program.size()),
                               program.data()};
  if (setsockopt(address.sockets.front().udp.get(), SOL_SOCKET,
                 SO_ATTACH_REUSEPORT_CBPF, &attached, sizeof(attached)) == 0) {
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat(
      "cannot spread the queries to ", address.text,
      " by CPU: ", strerror(errno), "; leave server.cpu_affinity out"));
}

absl::StatusOr<BoundAddress> Bind(const ListenAddress& listen, int workers) {
  absl::StatusOr<Endpoint> endpoint = Resolve(listen);
  if (!endpoint.ok()) return endpoint.status();
  SetPort(listen.port, &*endpoint);
  for (int attempt = 1;; ++attempt) {
    BoundAddress bound;
    bool retry = false;
    absl::Status status = BindPort(listen, *endpoint, workers, &bound, &retry);
    if (status.ok()) {
      bound.text = endpoint->family == AF_INET
                       ? absl::StrCat(listen.address, ":", bound.port)
                       : absl::StrCat("[", listen.address, "]:", bound.port);
      return bound;
    }
    if (!retry || attempt == kMaxPortTries) return status;
  }
}

}  // namespace rbld
