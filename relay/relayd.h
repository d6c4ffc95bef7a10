// Relayd: the whole of rbl-relayd on one libuv loop: it asks rbld for the
// configuration, listens for messages that come back, and makes the tests.
//
// Used by one thread.
#ifndef RBLD_RELAY_RELAYD_H_
#define RBLD_RELAY_RELAYD_H_

#include <uv.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/ip_prefix.h"
#include "relay/bound_socket.h"
#include "relay/catcher.h"
#include "relay/control_link.h"
#include "relay/dialogue.h"
#include "relay/tester.h"

namespace rbld {

struct RelaydOptions {
  std::string control_socket;
  std::string host_name;  // for EHLO and the catcher's greeting
  std::vector<std::pair<IpPrefix, uint16_t>> listen;  // none: no catcher here
  std::vector<IpPrefix> source_addresses;
  DialogueSettings dialogue;  // its times; the rest comes from rbld
  // At once; the limit of open files may make them fewer.
  int max_sessions = 1000;
  int idle_seconds = 300;  // who delivers may be silent for so long
  bool reverse_names = true;
  bool tests = true;  // false: a catcher only
  // Whom to become once the ports are taken: "USER" or "USER:GROUP"; empty:
  // nobody else.
  std::string user;
};

class Relayd {
 public:
  explicit Relayd(RelaydOptions options);
  ~Relayd();
  Relayd(const Relayd&) = delete;
  Relayd& operator=(const Relayd&) = delete;

  // Until SIGTERM or SIGINT, and until the sessions that run have ended; a
  // second signal, or 30 s, cuts those. The error names what could not be
  // begun.
  absl::Status Run();

 private:
  absl::Status TakePorts();
  void AskForSettings();
  void Begin(const TesterSettings& settings);
  void OnSignal();
  void End();

  const RelaydOptions options_;
  uv_loop_t loop_;
  uv_signal_t terminate_;
  uv_signal_t interrupt_;
  uv_timer_t timer_;
  bool stopping_ = false;
  bool complained_ = false;
  absl::Status status_;
  std::unique_ptr<ControlLink> control_;
  uint64_t open_files_ = 0;
  std::vector<BoundSocket> ports_;  // until the catcher has them
  std::unique_ptr<Catcher> catcher_;
  std::unique_ptr<Tester> tester_;
};

}  // namespace rbld

#endif  // RBLD_RELAY_RELAYD_H_
