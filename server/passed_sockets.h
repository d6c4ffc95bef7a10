// Sockets that the service manager opened (systemd.socket(5)) and passed by
// LISTEN_FDS, as sd_listen_fds(3) says.
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

// The descriptors, close-on-exec from now on. The environment no longer names
// them afterwards. None were passed: empty.
std::vector<int> TakePassedSockets();

// The addresses of what TakePassedSockets would take and SharePassedSockets
// serve, each once: "127.0.0.1:5300". Leaves all as it is for the program that
// this one becomes.
std::vector<std::string> PassedAddresses();

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
