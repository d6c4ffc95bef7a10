// HttpServer: the control API's transport: HTTP/1.1 on Unix sockets, one socket
// for each role.
//
// Bind makes the socket files (before the daemon drops its privileges), Start
// begins to answer, Stop ends it. Those three are called by one thread. Each
// request runs on a thread of a bounded pool; a client that is slow, silent or
// endless is cut off by the limits below and holds nobody else up for longer.
#ifndef RBLD_CONTROL_HTTP_SERVER_H_
#define RBLD_CONTROL_HTTP_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/api.h"
#include "control/http_options.h"
#include "control/role.h"

namespace rbld {

struct ControlSocket {
  std::string path;  // absolute, at most kMaxSocketPathBytes
  Role role = Role::kPublic;
  int mode = 0660;
  // Whom the file belongs to; -1: whoever runs the process.
  int owner_uid = -1;
  int owner_gid = -1;
};

class HttpListener;

class HttpServer {
 public:
  // Makes the socket files. One that is there already is replaced if nobody
  // answers on it; AlreadyExists if somebody does, FailedPrecondition if it is
  // no socket; messages name path and cure. Sockets with an empty path are
  // left out.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Bind(
      std::vector<ControlSocket> sockets, HttpServerOptions options = {});
  // Stops, and removes the socket files if they are still ours.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // `api` is not owned and must outlive the server.
  void Start(Api* api);
  // Refuses new requests and waits for those that run; idle connections are
  // closed at once. May be called twice.
  void Stop();

 private:
  HttpServer();

  std::vector<std::unique_ptr<HttpListener>> listeners_;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_HTTP_SERVER_H_
