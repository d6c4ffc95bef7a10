// HttpWorker: turns one connection's next request into a call of the Api and
// the Api's response into bytes. httplib parses and writes the HTTP.
//
// Used by one thread; each thread of the server's pool has its own.
#ifndef RBLD_CONTROL_HTTP_WORKER_H_
#define RBLD_CONTROL_HTTP_WORKER_H_

#include <string>

#include "control/api.h"
#include "control/http_connection.h"
#include "control/http_options.h"
#include "control/role.h"
#include "httplib.h"

namespace rbld {

class HttpWorker : private httplib::Server {
 public:
  // `api` outlives the worker.
  HttpWorker(Api* api, Role role, const HttpServerOptions& options);

  // Serves the request whose head `connection` holds. False when the
  // connection must be closed.
  bool Serve(HttpConnection* connection);

 private:
  // Before anything of the body is read: removes header fields that only we
  // may set, and notes in one of them what is wrong with the request.
  void Prepare(httplib::Request* request) const;
  HandlerResponse Route(const httplib::Request& request,
                        httplib::Response* response);
  void ServePost(const httplib::Request& request, httplib::Response* response,
                 const httplib::ContentReader& reader);
  void ServeStreamed(ApiRequest api_request, uint64_t limit_bytes,
                     httplib::Response* response,
                     const httplib::ContentReader& reader);
  ApiRequest MakeRequest(const httplib::Request& request) const;
  void Send(ApiResponse api_response, httplib::Response* response);
  void Refuse(int status, absl::string_view code, absl::string_view detail,
              httplib::Response* response);

  Api* const api_;
  const Role role_;
  const int body_timeout_seconds_;
  HttpConnection* connection_ = nullptr;  // of the request that is served
  bool must_close_ = false;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_HTTP_WORKER_H_
