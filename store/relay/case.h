// RelayCase: all that is known of one address that was reported as an open
// relay, and what happens to it next. Plain values; store/relay/lifecycle.h has
// the rules by which they change.
//
// Times are seconds since 1970 UTC; 0 is "never" or "not planned".
#ifndef RBLD_STORE_RELAY_CASE_H_
#define RBLD_STORE_RELAY_CASE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/relay/form.h"
#include "store/relay/token.h"

namespace rbld {

// Why a test is made.
enum class TestReason : uint8_t {
  kReport = 0,    // somebody reported the address
  kRetest = 1,    // it is listed, and its time has come
  kOwner = 2,     // its owner asked for it
  kFollowUp = 3,  // it was taken off at its owner's request
  kLateMail = 4,  // a token of an earlier test came back
};
inline constexpr int kTestReasonCount = 5;
const char* TestReasonName(TestReason reason);  // "report", …

// What a test found.
enum class Verdict : uint8_t {
  kNone = 0,          // no test has ended yet
  kOpen = 1,          // a token came back from the tested address
  kMultihop = 2,      // a token came back from another address
  kAccepted = 3,      // messages were taken, and none came back in time
  kBounced = 4,       // … and a bounce came to the sender
  kClosed = 5,        // every form was refused
  kInconclusive = 6,  // not all forms could be asked
};
inline constexpr int kVerdictCount = 7;
const char* VerdictName(Verdict verdict);  // "open", …
inline bool IsProof(Verdict verdict) {
  return verdict == Verdict::kOpen || verdict == Verdict::kMultihop;
}
inline bool IsClean(Verdict verdict) {
  return verdict == Verdict::kAccepted || verdict == Verdict::kBounced ||
         verdict == Verdict::kClosed;
}

// What came of one form.
enum class FormOutcome : uint8_t {
  kNotAsked = 0,
  kRefused = 1,   // 5xx to MAIL, RCPT or the message
  kDeferred = 2,  // 4xx; to be asked again
  kAccepted = 3,  // 2xx to the message
  kBounced = 4,   // … which then bounced
};
inline constexpr int kFormOutcomeCount = 5;
const char* FormOutcomeName(FormOutcome outcome);  // "not asked", …

// How a session ended.
enum class SessionEnd : uint8_t {
  kDone = 0,         // every form of it was asked
  kCut = 1,          // the server, a timeout or a limit ended it before that
  kUnreachable = 2,  // no connection, or no greeting but a refusal
  kLost = 3,         // nobody said what came of it
};
inline constexpr int kSessionEndCount = 4;
const char* SessionEndName(SessionEnd end);  // "done", …

// Some of the forms, as bits.
using FormSet = uint32_t;
static_assert(kFormCount <= 32);
inline constexpr FormSet BitOf(FormId form) { return FormSet{1} << form; }

// A test that is under way: a plan that survives when a session is cut.
struct RelayTest {
  uint64_t id = 0;  // what its tokens name
  TestReason reason = TestReason::kReport;
  int64_t started = 0;
  std::vector<FormId> remaining;  // still to be asked, in order
  std::array<FormOutcome, kFormCount> outcomes = {};
  int messages = 0;  // accepted by the target
  int sessions = 0;  // begun
  int retries = 0;   // sessions that got nowhere and were tried again
  int64_t last_message = 0;
  // Not 0: all has been asked; the verdict falls then.
  int64_t deadline = 0;

  friend bool operator==(const RelayTest&, const RelayTest&) = default;
};

// A session that somebody was told to make.
struct RelayLease {
  uint64_t test = 0;
  int session = 0;  // of the test, from 1
  int64_t granted = 0;
  int64_t until = 0;  // when it is given up as lost

  friend bool operator==(const RelayLease&, const RelayLease&) = default;
};

struct RelayCase {
  RelayTarget target;
  int64_t created = 0;
  uint32_t reports = 0;
  int64_t last_report = 0;

  std::optional<RelayTest> test;
  // One connection at a time: while there is a lease, no session may begin.
  std::optional<RelayLease> lease;
  // When the next session may begin; 0: none is planned.
  int64_t session_at = 0;
  TestReason next_reason = TestReason::kReport;  // of the test it begins
  std::vector<int64_t> recent_sessions;          // of the last day, ascending
  int64_t last_session_end = 0;

  bool listed = false;
  int64_t listed_since = 0;
  int64_t last_proof = 0;
  std::optional<FormId> proven_form;  // kept when it is taken off
  uint64_t proven_test = 0;           // likewise
  int times_listed = 0;
  int retests = 0;          // since it was listed, that found it open
  int64_t first_clean = 0;  // of the clean tests since the last proof
  int64_t delist_at = 0;    // the owner's request is granted then
  int64_t delisted = 0;     // the last time

  // Sessions that could not be begun, since the last one that could.
  int failures = 0;
  int64_t first_failure = 0;

  int64_t next_owner_request = 0;  // not before
  int failed_owner_requests = 0;
  int follow_up = 0;  // the next one's number, from 1; 0: none

  uint64_t last_test = 0;
  int64_t last_tested = 0;
  Verdict last_verdict = Verdict::kNone;

  friend bool operator==(const RelayCase&, const RelayCase&) = default;
};

// A test's tokens outlive it: this is what they are checked against.
struct RelayTestRecord {
  RelayTarget target;
  int64_t started = 0;
  int64_t expires = 0;   // of its tokens; the record goes then
  FormSet returned = 0;  // recipients' tokens that came
  FormSet bounced = 0;   // senders' tokens that came

  friend bool operator==(const RelayTestRecord&,
                         const RelayTestRecord&) = default;
};

}  // namespace rbld

#endif  // RBLD_STORE_RELAY_CASE_H_
