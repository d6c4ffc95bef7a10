// ConnectGuard: whom the tester may connect to, asked right before every
// connect, whatever rbld said: nobody but public hosts, never our own.
//
// A value; used by one thread.
#ifndef RBLD_RELAY_CONNECT_GUARD_H_
#define RBLD_RELAY_CONNECT_GUARD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/ip_prefix.h"

namespace rbld {

struct ConnectGuard {
  uint16_t port = 25;                  // the only one
  std::vector<IpPrefix> never;         // our own addresses, as configured
  std::vector<IpPrefix> lab_networks;  // special-purpose, but a closed lab's

  // Ok, or FailedPrecondition with the rule: another port, special-purpose
  // space (RFC 6890), an IPv6 address with an IPv4 one inside, an address in
  // `never`, one of this machine's interfaces.
  absl::Status Check(const IpPrefix& address, uint16_t port) const;
};

// The addresses of this machine's interfaces, now.
std::vector<IpPrefix> InterfaceAddresses();

}  // namespace rbld

#endif  // RBLD_RELAY_CONNECT_GUARD_H_
