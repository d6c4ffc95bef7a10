// HttpClient: the control API's client over a Unix socket, for rblctl and
// tests. Keeps its connection between requests.
//
// Used by one thread.
#ifndef RBLD_CONTROL_HTTP_CLIENT_H_
#define RBLD_CONTROL_HTTP_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "zones/byte_source.h"

namespace rbld {

// Escapes what may not stand in a path's segment or a query's value.
std::string PercentEncode(absl::string_view text);

struct ClientRequest {
  std::string method = "GET";
  std::string path;  // already escaped: "/v1/targets/192.0.2.0%2F24"
  std::vector<std::pair<std::string, std::string>> query;  // not escaped
  std::string body;
  // Instead of `body`, sent in pieces as it comes; borrowed.
  ByteSource* body_source = nullptr;
  std::string idempotency_key;
  std::string accept;
  // When set, a response with status 200 is given to it in pieces as it comes,
  // and not kept. Return false to break off.
  std::function<bool(absl::string_view)> on_bytes;
};

struct ClientReply {
  int status = 0;
  std::string content_type;
  std::string body;
};

// How long a silent server is waited for. Imports and backups report nothing
// for as long as they take when no progress was asked for.
inline constexpr int kClientReadTimeoutSeconds = 3600;

class HttpClient {
 public:
  // `timeout_seconds`: how long a silent server is waited for.
  explicit HttpClient(std::string socket_path,
                      int timeout_seconds = kClientReadTimeoutSeconds);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // A reply of any status is a success here. Errors: NotFound,
  // PermissionDenied, FailedPrecondition and InvalidArgument when there is
  // nobody to talk to; Unavailable when the connection broke after the request
  // had begun to leave, so that nobody knows what came of it; an error of
  // `body_source` as it is.
  absl::StatusOr<ClientReply> Send(const ClientRequest& request);

 private:
  class Connection;
  const std::string socket_path_;
  const int timeout_seconds_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_HTTP_CLIENT_H_
