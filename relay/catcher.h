// Catcher: listens for the test messages that come back.
//
// Used by the loop's thread.
#ifndef RBLD_RELAY_CATCHER_H_
#define RBLD_RELAY_CATCHER_H_

#include <uv.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/ip_prefix.h"
#include "relay/bound_socket.h"
#include "relay/catcher_session.h"
#include "relay/control_link.h"

namespace rbld {

struct CatcherOptions {
  CatcherSettings session;
  int max_connections = 20'000;
  int max_connections_per_address = 100;
};

// Whom a connection counts for: an IPv6 host has a /64 to come from.
IpPrefix CountedAs(const IpPrefix& peer);

class Catcher {
 public:
  // `loop` and `control` outlive it.
  Catcher(uv_loop_t* loop, ControlLink* control, CatcherOptions options);
  ~Catcher();
  Catcher(const Catcher&) = delete;
  Catcher& operator=(const Catcher&) = delete;

  // May be called for several. The error names the address and the cure.
  absl::Status Listen(BoundSocket socket);

 private:
  class Client;
  friend class Client;

  void OnConnection(uv_stream_t* server);
  void OnEnded(Client* client);

  uv_loop_t* const loop_;
  ControlLink* const control_;
  const CatcherOptions options_;
  std::vector<uv_tcp_t*> servers_;
  std::map<Client*, std::unique_ptr<Client>> clients_;
  std::map<IpPrefix, int> clients_of_;
  // Ended ones, to be destroyed when nothing of them is on the stack.
  std::vector<std::unique_ptr<Client>> ended_;
  uv_timer_t* sweep_;
};

}  // namespace rbld

#endif  // RBLD_RELAY_CATCHER_H_
