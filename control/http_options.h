// The limits of the control API's transport. Each has a name, so that each can
// be tested and changed.
#ifndef RBLD_CONTROL_HTTP_OPTIONS_H_
#define RBLD_CONTROL_HTTP_OPTIONS_H_

#include <cstdint>

namespace rbld {

struct HttpServerOptions {
  int threads_per_socket = 8;
  // More at a time are left in the kernel's queue. A connection costs a thread
  // only while a request of it is served.
  int max_connections_per_socket = 512;
  // Requests that wait for a thread; more are told to come back.
  int max_waiting_requests = 256;
  int backlog = 128;
  // From the first byte of a request to the end of its head.
  int head_timeout_seconds = 10;
  uint64_t max_head_bytes = 64 << 10;
  // Without a byte of a body, or without room for one of a response.
  int idle_timeout_seconds = 30;
  // For a JSON body to come, and for the response to it to leave. Imports and
  // streamed responses have no such limit.
  int body_timeout_seconds = 60;
  // Between requests.
  int keep_alive_seconds = 60;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_HTTP_OPTIONS_H_
