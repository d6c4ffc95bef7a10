// ApiTransport: how rblctl reaches the control API: over the daemon's socket,
// or in its own process on a store that no daemon serves.
//
// Used by one thread.
#ifndef RBLD_TOOLS_TRANSPORT_H_
#define RBLD_TOOLS_TRANSPORT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/http_client.h"

namespace rbld {

class ApiTransport {
 public:
  virtual ~ApiTransport() = default;
  // Errors as HttpClient::Send.
  virtual absl::StatusOr<ClientReply> Send(const ClientRequest& request) = 0;
};

std::unique_ptr<ApiTransport> SocketTransport(const std::string& socket_path);

struct StoreTransportOptions {
  std::string directory;
  // Where the lists' policies and the zones come from; empty: every list that
  // the store knows, and `lists`, under the default policy, and no zones.
  std::string config_path;
  std::vector<std::string> lists;
  bool create_if_missing = false;
};
// Opens the store; it is closed with the transport. FailedPrecondition when a
// daemon holds it.
absl::StatusOr<std::unique_ptr<ApiTransport>> StoreTransport(
    const StoreTransportOptions& options);

}  // namespace rbld

#endif  // RBLD_TOOLS_TRANSPORT_H_
