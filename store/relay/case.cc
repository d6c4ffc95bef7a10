#include "store/relay/case.h"

namespace rbld {

const char* TestReasonName(TestReason reason) {
  switch (reason) {
    case TestReason::kReport:
      return "report";
    case TestReason::kRetest:
      return "re-test";
    case TestReason::kOwner:
      return "owner's request";
    case TestReason::kFollowUp:
      return "follow-up";
    case TestReason::kLateMail:
      break;
  }
  return "late mail";
}

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNone:
      return "none";
    case Verdict::kOpen:
      return "open";
    case Verdict::kMultihop:
      return "multihop";
    case Verdict::kAccepted:
      return "accepted";
    case Verdict::kBounced:
      return "bounced";
    case Verdict::kClosed:
      return "closed";
    case Verdict::kInconclusive:
      break;
  }
  return "inconclusive";
}

const char* FormOutcomeName(FormOutcome outcome) {
  switch (outcome) {
    case FormOutcome::kNotAsked:
      return "not asked";
    case FormOutcome::kRefused:
      return "refused";
    case FormOutcome::kDeferred:
      return "deferred";
    case FormOutcome::kAccepted:
      return "accepted";
    case FormOutcome::kBounced:
      break;
  }
  return "bounced";
}

const char* SessionEndName(SessionEnd end) {
  switch (end) {
    case SessionEnd::kDone:
      return "done";
    case SessionEnd::kCut:
      return "cut";
    case SessionEnd::kUnreachable:
      return "unreachable";
    case SessionEnd::kLost:
      break;
  }
  return "lost";
}

}  // namespace rbld
