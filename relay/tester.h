// Tester: leases sessions from rbld, makes them, and tells what came of them.
//
// Used by the loop's thread.
#ifndef RBLD_RELAY_TESTER_H_
#define RBLD_RELAY_TESTER_H_

#include <uv.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_prefix.h"
#include "relay/connect_guard.h"
#include "relay/control_link.h"
#include "relay/dialogue.h"

namespace rbld {

struct TesterOptions {
  DialogueSettings dialogue;
  ConnectGuard guard;
  int max_sessions = 1000;                 // at once
  std::vector<IpPrefix> source_addresses;  // one a family; else the system's
  bool reverse_names = true;               // are they looked up?
};

class Tester {
 public:
  // `loop` and `control` outlive it.
  Tester(uv_loop_t* loop, ControlLink* control, TesterOptions options);
  ~Tester();
  Tester(const Tester&) = delete;
  Tester& operator=(const Tester&) = delete;

  void Start();
  // Leases no more; `done` is called when the running sessions have ended and
  // rbld knows, or at once if there are none.
  void Drain(std::function<void()> done);

 private:
  class Session;
  friend class Session;

  // The first one at once.
  void StartTicking();
  void OnTick();
  // Unless there is room for fewer than `at_least`.
  void LeaseMore(int at_least);
  int GoodLease() const;
  void Begin(LeasedSession leased);
  // A session is over; it may be destroyed from then on.
  void OnFinished(Session* session, FinishedSession result);
  // Not while a session is on the stack: closes those that have ended.
  void SendResults();
  void AskForProofs();
  void EndIfDrained();

  uv_loop_t* const loop_;
  ControlLink* const control_;
  const TesterOptions options_;
  uv_timer_t* tick_;
  // By test: one session of a test at a time.
  std::map<uint64_t, std::unique_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<Session>> ended_;
  std::vector<FinishedSession> results_;
  bool leasing_ = false;
  bool sending_ = false;
  size_t one_by_one_ = 0;  // so many results are told each for itself
  bool asking_ = false;
  bool complained_ = false;
  int64_t lease_after_ms_ = 0;
  std::function<void()> drained_;
  // Guards callbacks that come after the tester has gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace rbld

#endif  // RBLD_RELAY_TESTER_H_
