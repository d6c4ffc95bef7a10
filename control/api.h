// Api: the control API without its transport: a request value goes in, a
// response value comes out. docs/CONTROL_API.md describes every route.
//
// Thread-safe: any number of threads may call Handle at once. The publisher
// and the daemon outlive the Api and every response it gave.
#ifndef RBLD_CONTROL_API_H_
#define RBLD_CONTROL_API_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "control/daemon_control.h"
#include "control/role.h"
#include "store/publisher.h"
#include "zones/byte_source.h"

namespace rbld {

inline constexpr uint64_t kMaxJsonBodyBytes = uint64_t{16} << 20;
inline constexpr uint64_t kMaxImportBodyBytes = uint64_t{1} << 36;
inline constexpr int kMaxChangesPerRequest = 10'000;

struct ApiRequest {
  Role role = Role::kPublic;
  std::string method;                        // "GET", "POST"
  std::string path;                          // decoded, "/v1/targets/192.0.2.1"
  std::map<std::string, std::string> query;  // decoded
  // The whole body of a route that takes JSON …
  std::string body;
  // … or its bytes as they come, of a route that streams (Api::BodyOf).
  std::unique_ptr<ByteSource> body_stream;
  // Who asks, as the transport knows it: "uid:1000(name)".
  std::string peer;
  std::string accept;           // the Accept header
  std::string idempotency_key;  // the Idempotency-Key header
};

// Takes bytes of a response; false when the client is gone.
using ResponseSink = std::function<bool(absl::string_view)>;

struct ApiResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers;
  std::string body;
  // When set, `body` is empty and this writes the body, once, in pieces.
  std::function<void(const ResponseSink&)> stream;
};

class ApiRoutes;

class Api {
 public:
  Api(Publisher* publisher, DaemonControl* daemon, const Clock* clock);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // How the transport should read a request's body before Handle.
  struct BodyPlan {
    bool stream = false;
    uint64_t limit_bytes = kMaxJsonBodyBytes;
  };
  static BodyPlan BodyOf(absl::string_view method, absl::string_view path);

  // Never throws; every error is a problem object (control/problem.h).
  ApiResponse Handle(ApiRequest request);

 private:
  const std::unique_ptr<ApiRoutes> routes_;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_API_H_
