// Fuzzes any bytes as what a client sends on the public's socket, before it
// closes its end. The transport, the Api and the store behind them are the real
// ones. The word is the first reply's status.

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/fuzz/fuzz_target.h"
#include "control/api_test_util.h"
#include "control/http_connection.h"
#include "control/http_options.h"
#include "control/http_worker.h"

namespace rbld {
namespace {

// What the kernel's buffer holds, so that nobody has to read meanwhile.
constexpr size_t kMaxInputBytes = 100 << 10;
constexpr int kMaxRequests = 50;

}  // namespace

std::string FuzzOne(absl::string_view input) {
  static ApiForTests* const world = new ApiForTests();
  static HttpWorker* const worker = new HttpWorker(
      world->api(), Role::kPublic,
      HttpServerOptions{.idle_timeout_seconds = 1, .body_timeout_seconds = 1});
  if (input.size() > kMaxInputBytes) return "";
  int ends[2];
  FuzzCheck(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  FuzzCheck(send(ends[0], input.data(), input.size(), 0) ==
            static_cast<ssize_t>(input.size()));
  shutdown(ends[0], SHUT_WR);
  {
    HttpConnection connection(ends[1], "uid:7(fuzz)",
                              ConnectionLimits{.idle_timeout_seconds = 1});
    for (int i = 0; i < kMaxRequests; ++i) {
      if (connection.GatherHead() != HttpConnection::Head::kComplete) break;
      if (!worker->Serve(&connection)) break;
    }
  }
  std::string reply;
  char buffer[4096];
  ssize_t got;
  while ((got = recv(ends[0], buffer, sizeof buffer, 0)) > 0) {
    reply.append(buffer, static_cast<size_t>(got));
  }
  close(ends[0]);
  FuzzCheck(reply.empty() || absl::StartsWith(reply, "HTTP/1.1 "));
  FuzzCheck(!absl::StartsWith(reply, "HTTP/1.1 5"));
  // The public changes nothing, whatever it says.
  FuzzCheck(world->publisher()->view()->sequence == 0);
  return reply.empty() ? "none" : reply.substr(strlen("HTTP/1.1 "), 3);
}

}  // namespace rbld
