#include "control/http_server.h"

#include <utility>

#include "control/http_listener.h"

namespace rbld {

HttpServer::HttpServer() = default;
HttpServer::~HttpServer() { Stop(); }

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Bind(
    std::vector<ControlSocket> sockets, HttpServerOptions options) {
  auto server = std::unique_ptr<HttpServer>(new HttpServer());
  for (const ControlSocket& socket : sockets) {
    if (socket.path.empty()) continue;
    absl::StatusOr<SocketFile> file =
        SocketFile::Listen({.path = socket.path,
                            .mode = socket.mode,
                            .owner_uid = socket.owner_uid,
                            .owner_gid = socket.owner_gid,
                            .backlog = options.backlog});
    if (!file.ok()) return file.status();
    server->listeners_.push_back(
        std::make_unique<HttpListener>(*std::move(file), socket.role, options));
  }
  return server;
}

void HttpServer::Start(Api* api) {
  for (auto& listener : listeners_) listener->Start(api);
}

void HttpServer::Stop() {
  // All are told before the first is waited for.
  for (auto& listener : listeners_) listener->Interrupt();
  for (auto& listener : listeners_) listener->Join();
}

}  // namespace rbld
