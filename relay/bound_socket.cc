#include "relay/bound_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "relay/connection.h"

namespace rbld {

BoundSocket::~BoundSocket() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<BoundSocket> BoundSocket::Bind(const IpPrefix& address,
                                              uint16_t port) {
  sockaddr_storage where = SocketAddress(address, port);
  socklen_t bytes =
      where.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  BoundSocket bound(
      address,
      socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  sockaddr* const raw = reinterpret_cast<sockaddr*>(&where);
  if (bound.fd_ < 0 ||
      setsockopt(bound.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      (where.ss_family == AF_INET6 &&
       setsockopt(bound.fd_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) !=
           0) ||
      bind(bound.fd_, raw, bytes) != 0 ||
      getsockname(bound.fd_, raw, &bytes) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot take ", address.ToString(), " port ", port, ": ",
        strerror(errno),
        "; another mail server may be there, or the port needs root"));
  }
  bound.port_ =
      ntohs(where.ss_family == AF_INET6
                ? reinterpret_cast<const sockaddr_in6*>(&where)->sin6_port
                : reinterpret_cast<const sockaddr_in*>(&where)->sin_port);
  return bound;
}

}  // namespace rbld
