// ControlLink: rbl-relayd's side of rbld's control API, for a libuv loop: each
// call returns at once, and its answer comes later, on the loop's thread.
//
// The requests themselves run on two threads, so that a message that is being
// received never waits for a lease, nor the other way round. Used by the
// loop's thread.
#ifndef RBLD_RELAY_CONTROL_LINK_H_
#define RBLD_RELAY_CONTROL_LINK_H_

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/relay_codec.h"
#include "store/relay/cases.h"

namespace rbld {

class ControlLink {
 public:
  template <typename T>
  using Done = std::function<void(absl::StatusOr<T>)>;

  ControlLink(uv_loop_t* loop, const std::string& socket_path);
  // Waits for the requests that run; those that wait are not made, and no
  // answer comes any more.
  ~ControlLink();
  ControlLink(const ControlLink&) = delete;
  ControlLink& operator=(const ControlLink&) = delete;

  // The answers are errors when rbld is not there (Unavailable, NotFound: call
  // again later) or says no. ResourceExhausted: too many requests wait here.
  void GetSettings(Done<TesterSettings> done);
  void Lease(int limit, Done<std::vector<LeasedSession>> done);
  // May be repeated: what is known already is not applied again.
  void Finish(const std::vector<FinishedSession>& sessions,
              Done<std::vector<bool>> done);
  void FindProven(const std::vector<uint64_t>& tests,
                  Done<std::vector<uint64_t>> done);
  void CheckToken(absl::string_view token, Done<TokenState> done);
  void Arrive(const Arrival& arrival, Done<TokenState> done);

 private:
  class Lane;
  class Answers;

  const std::shared_ptr<Answers> answers_;
  const std::unique_ptr<Lane> tests_;
  const std::unique_ptr<Lane> mail_;
};

}  // namespace rbld

#endif  // RBLD_RELAY_CONTROL_LINK_H_
