// The life of a relay case: when it is tested, what a test's end means, when it
// is listed and when taken off. docs/RELAY_TESTING.md states the same rules for
// administrators.
//
// Pure functions of (policy, case, event, now): no clock, no store, no network.
// Any thread. Each leaves the case as it is after the event, and says what must
// become of its listing, which the caller commits together with the case.
//
// What always holds:
//  * Only a token that came back lists (Arrive).
//  * A case with a lease begins no session.
//  * Every test ends: its sessions and its fruitless tries are counted.
#ifndef RBLD_STORE_RELAY_LIFECYCLE_H_
#define RBLD_STORE_RELAY_LIFECYCLE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "store/relay/case.h"

namespace rbld {

struct RelayPolicy {
  // A test's sessions that got nowhere are tried again after these.
  std::vector<int64_t> retry_seconds = {1800, 7200, 28800};
  // While it is listed, from one test to the next; the last one repeats.
  std::vector<int64_t> retest_seconds = {86400, 2 * 86400, 4 * 86400, 7 * 86400,
                                         14 * 86400};
  double retest_jitter = 0.2;         // of the interval, both ways
  int max_interval_factor = 4;        // for what was listed again
  int64_t clean_gap_seconds = 86400;  // between the two clean tests
  int64_t late_mail_seconds = 3600;   // from the last message to the verdict
  int64_t token_seconds = 7 * 86400;
  // From a test to the one that the next report may cause.
  int64_t report_gap_seconds = 86400;

  // The owner's requests.
  int64_t owner_gap_seconds = 6 * 3600;  // doubled after each that failed
  int64_t max_owner_gap_seconds = 14 * 86400;
  int64_t owner_wait_seconds = 3600;  // from the clean test to the removal
  std::vector<int64_t> follow_up_seconds = {86400, 7 * 86400, 30 * 86400};

  // Nobody answers any more.
  int64_t unreachable_seconds = 30 * 86400;
  int unreachable_failures = 5;
  int64_t hard_expiry_seconds = 90 * 86400;  // without fresh proof
  // How long a case of which nothing more is expected is remembered.
  int64_t keep_seconds = 400 * 86400;

  // Manners.
  int max_forms_per_session = 8;
  int max_malformed_per_session = 2;
  int max_messages_per_test = 3;
  int max_sessions_per_test = 12;
  int max_sessions_per_day = 4;  // to one address
  int64_t session_gap_seconds = 600;
  int64_t lease_seconds = 1500;  // a session is cut after 20 minutes
};

// What must become of the target's listing.
struct CaseEffects {
  enum class Listing : uint8_t { kKeep, kList, kRenew, kDelist };
  Listing listing = Listing::kKeep;
  int64_t expires = 0;  // of kList and kRenew
  std::string why;      // for the audit and the history; empty for kKeep
  // A test has ended.
  Verdict verdict = Verdict::kNone;
};

// When something is to happen by itself: Tick is called then, or the case is
// forgotten, if nothing but that is left (IsOver).
int64_t TimerAt(const RelayPolicy& policy, const RelayCase& relay);
bool IsOver(const RelayPolicy& policy, const RelayCase& relay, int64_t now);
// The listing's end without fresh proof; 0 if it is not listed.
int64_t HardExpiry(const RelayPolicy& policy, const RelayCase& relay);

enum class ReportOutcome : uint8_t {
  kTest,      // a test was planned
  kJoined,    // one is planned or under way already
  kListed,    // it is listed and is tested again in any case
  kTooEarly,  // the last test ended less than a day ago
};
inline constexpr int kReportOutcomeCount = 4;
const char* ReportOutcomeName(ReportOutcome outcome);

// Somebody reports the target.
ReportOutcome Report(const RelayPolicy& policy, int64_t now, RelayCase* relay);

// Its owner asks to be tested and taken off. FailedPrecondition: it is neither
// listed nor under test. ResourceExhausted: too early; the message says when.
absl::Status RequestRecheck(const RelayPolicy& policy, int64_t now,
                            RelayCase* relay);

// Grants the session that is planned, or moves it to when it may be: false.
// `new_test_id` names the test that it begins, if it begins one.
// Precondition: session_at is neither 0 nor in the future.
struct SessionPlan {
  std::vector<FormId> forms;
  int max_messages = 0;
  bool new_test = false;
};
bool Lease(const RelayPolicy& policy, int64_t now, uint64_t new_test_id,
           RelayCase* relay, SessionPlan* plan);

// What a session's maker tells of it.
struct SessionReport {
  uint64_t test = 0;
  int session = 0;
  SessionEnd end = SessionEnd::kLost;
  std::vector<std::pair<FormId, FormOutcome>> outcomes;  // those asked
};
// False: that session's end is known already, nothing changed.
bool FinishSession(const RelayPolicy& policy, int64_t now,
                   const SessionReport& report, RelayCase* relay,
                   CaseEffects* effects);

// A valid recipient's token of the test `record` came back, for the first time,
// from the tested address or, `multihop`, from another one.
void Arrive(const RelayPolicy& policy, int64_t now, uint64_t test, FormId form,
            bool multihop, RelayCase* relay, CaseEffects* effects);

// A valid sender's token came: a bounce.
void Bounce(uint64_t test, FormId form, RelayCase* relay);

// What is due by `now`, one thing a call: call again while TimerAt is not in
// the future.
void Tick(const RelayPolicy& policy, int64_t now, RelayCase* relay,
          CaseEffects* effects);

// No more sessions: planned ones are given up, and what was asked already comes
// to its end. A listing stays until its own.
void OptOut(const RelayPolicy& policy, RelayCase* relay);

// An operator took the listing off.
void ForgetListing(RelayCase* relay);

}  // namespace rbld

#endif  // RBLD_STORE_RELAY_LIFECYCLE_H_
