// Who is at the other end of a Unix socket.
#ifndef RBLD_CONTROL_PEER_H_
#define RBLD_CONTROL_PEER_H_

#include <sys/types.h>

#include <string>

#include "absl/strings/string_view.h"

namespace rbld {

// "uid:1000(name)" by the kernel's word (SO_PEERCRED); "uid:1000" where the
// user has no name, "unknown" where the kernel does not say.
std::string PeerName(int socket_fd);

// "uid:1000(name)" or "uid:1000".
std::string UserText(uid_t uid);

// Whom a change is recorded under: the peer, and what it says of itself before
// that: "alice via uid:1000(web)".
std::string ActorText(absl::string_view claimed, absl::string_view peer);

}  // namespace rbld

#endif  // RBLD_CONTROL_PEER_H_
