// BoundSocket: a TCP socket at a port of its own, not listening yet. So a
// process takes its ports first, gives up root, and only then meets anybody.
#ifndef RBLD_RELAY_BOUND_SOCKET_H_
#define RBLD_RELAY_BOUND_SOCKET_H_

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "base/ip_prefix.h"

namespace rbld {

// Used by one thread.
class BoundSocket {
 public:
  // Port 0 takes a free one. An IPv6 socket takes no IPv4, so that both may
  // have the same port. The error names the address and the cure.
  static absl::StatusOr<BoundSocket> Bind(const IpPrefix& address,
                                          uint16_t port);
  BoundSocket(BoundSocket&& other) noexcept
      : address_(other.address_),
        port_(other.port_),
        fd_(std::exchange(other.fd_, -1)) {}
  BoundSocket& operator=(BoundSocket&&) = delete;
  ~BoundSocket();

  const IpPrefix& address() const { return address_; }
  uint16_t port() const { return port_; }
  // The descriptor, which is the caller's from then on.
  int Release() { return std::exchange(fd_, -1); }

 private:
  BoundSocket(const IpPrefix& address, int fd) : address_(address), fd_(fd) {}

  IpPrefix address_;
  uint16_t port_ = 0;
  int fd_;
};

}  // namespace rbld

#endif  // RBLD_RELAY_BOUND_SOCKET_H_
