// Serving the sockets that the service manager passed (base/service_sockets.h).
//
// Called while a program starts, by one thread.
#ifndef RBLD_SERVER_PASSED_SOCKETS_H_
#define RBLD_SERVER_PASSED_SOCKETS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/sockets.h"
#include "zones/config.h"

namespace rbld {

// One BoundAddress for each address, with a pair for each worker, which share
// the same socket: each query goes to the one worker that takes it first. Of
// another kind than UDP or listening TCP over IPv4 or IPv6: left out, with a
// warning. An IPv6 wildcard that takes IPv4, too, is an error, since IPv4
// clients would then have other addresses than access rules give them.
// `sockets` stay open.
absl::StatusOr<std::vector<BoundAddress>> SharePassedSockets(
    absl::Span<const int> sockets, int workers);

// The address as BoundAddress::text has it.
std::string AddressText(const ListenAddress& address);

}  // namespace rbld

#endif  // RBLD_SERVER_PASSED_SOCKETS_H_
