#include "store/relay/lifecycle.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace rbld {
namespace {

// 0 to 1, the same for the same test: a plan can be worked out again.
double Spread(const RelayCase& relay) {
  uint64_t hash = relay.last_test * 0x9e3779b97f4a7c15u;
  for (const uint8_t byte : relay.target.address.bytes) {
    hash = (hash ^ byte) * 0x100000001b3u;
  }
  hash ^= hash >> 29;
  return static_cast<double>(hash % 10'001) / 10'000;
}

int64_t RetestInterval(const RelayPolicy& policy, const RelayCase& relay) {
  const size_t step =
      std::min<size_t>(relay.retests, policy.retest_seconds.size() - 1);
  int64_t factor = 1;
  for (int i = 1; i < relay.times_listed && factor < policy.max_interval_factor;
       ++i) {
    factor *= 2;
  }
  const int64_t interval =
      policy.retest_seconds[step] *
      std::min<int64_t>(factor, policy.max_interval_factor);
  const double jitter = policy.retest_jitter * (2 * Spread(relay) - 1);
  return interval +
         static_cast<int64_t>(static_cast<double>(interval) * jitter);
}

bool IsIdle(const RelayCase& relay) {
  return !relay.listed && !relay.test.has_value() && !relay.lease.has_value() &&
         relay.session_at == 0;
}

int64_t LastActivity(const RelayCase& relay) {
  return std::max({relay.created, relay.last_report, relay.last_tested,
                   relay.last_session_end, relay.delisted});
}

void PlanSession(TestReason reason, int64_t at, RelayCase* relay) {
  relay->next_reason = reason;
  relay->session_at = at;
}

void PlanFollowUp(const RelayPolicy& policy, RelayCase* relay) {
  const size_t step = relay->follow_up - 1;
  if (relay->follow_up == 0 || step >= policy.follow_up_seconds.size()) {
    relay->follow_up = 0;
    return;
  }
  PlanSession(TestReason::kFollowUp,
              relay->delisted + policy.follow_up_seconds[step], relay);
}

void Delist(int64_t now, std::string why, RelayCase* relay,
            CaseEffects* effects) {
  effects->listing = CaseEffects::Listing::kDelist;
  effects->why = std::move(why);
  relay->listed = false;
  relay->delisted = now;
  relay->first_clean = 0;
  relay->delist_at = 0;
  relay->failures = 0;
  relay->first_failure = 0;
  relay->session_at = 0;
}

// ---- the ends of a test ----

void AfterClean(const RelayPolicy& policy, int64_t now, TestReason reason,
                RelayCase* relay, CaseEffects* effects) {
  if (!relay->listed) {
    if (reason == TestReason::kFollowUp) ++relay->follow_up;
    PlanFollowUp(policy, relay);
    return;
  }
  if (reason == TestReason::kOwner) {
    relay->delist_at = now + policy.owner_wait_seconds;
    return;
  }
  if (relay->first_clean == 0) {
    relay->first_clean = now;
  } else if (now - relay->first_clean >= policy.clean_gap_seconds) {
    Delist(now, "two clean tests", relay, effects);
    return;
  }
  PlanSession(TestReason::kRetest,
              relay->first_clean + policy.clean_gap_seconds, relay);
}

void AfterInconclusive(const RelayPolicy& policy, int64_t now,
                       TestReason reason, RelayCase* relay,
                       CaseEffects* effects) {
  if (!relay->listed) {
    if (reason == TestReason::kFollowUp) ++relay->follow_up;
    PlanFollowUp(policy, relay);
    return;
  }
  if (relay->failures >= policy.unreachable_failures &&
      now - relay->first_failure >= policy.unreachable_seconds) {
    Delist(now, "unreachable", relay, effects);
    return;
  }
  // It neither counts nor resets: to block the tester is no way off, and no
  // way to lose a clean test either.
  const int64_t interval = relay->first_clean != 0
                               ? policy.clean_gap_seconds
                               : RetestInterval(policy, *relay);
  PlanSession(TestReason::kRetest, now + interval, relay);
}

void EndTest(const RelayPolicy& policy, int64_t now, Verdict verdict,
             RelayCase* relay, CaseEffects* effects) {
  const TestReason reason = relay->test->reason;
  relay->test.reset();
  relay->last_tested = now;
  relay->last_verdict = verdict;
  relay->session_at = 0;
  effects->verdict = verdict;
  if (IsClean(verdict)) {
    AfterClean(policy, now, reason, relay, effects);
  } else {
    AfterInconclusive(policy, now, reason, relay, effects);
  }
}

// Everything has been asked that will be.
void AwaitMail(const RelayPolicy& policy, int64_t now, RelayCase* relay,
               CaseEffects* effects) {
  RelayTest& test = *relay->test;
  relay->session_at = 0;
  if (test.messages == 0) {
    EndTest(policy, now,
            test.remaining.empty() ? Verdict::kClosed : Verdict::kInconclusive,
            relay, effects);
    return;
  }
  test.deadline = test.last_message + policy.late_mail_seconds;
}

Verdict VerdictAtDeadline(const RelayPolicy& policy, const RelayTest& test) {
  if (!test.remaining.empty() && test.messages < policy.max_messages_per_test) {
    return Verdict::kInconclusive;
  }
  const bool bounced = std::find(test.outcomes.begin(), test.outcomes.end(),
                                 FormOutcome::kBounced) != test.outcomes.end();
  return bounced ? Verdict::kBounced : Verdict::kAccepted;
}

// Notes the outcomes; did any form come to an end?
bool TakeOutcomes(const SessionReport& report, int64_t now, RelayTest* test) {
  bool progress = false;
  for (const auto& [form, outcome] : report.outcomes) {
    const auto at =
        std::find(test->remaining.begin(), test->remaining.end(), form);
    if (at == test->remaining.end()) continue;
    FormOutcome& noted = test->outcomes[form];
    if (outcome == FormOutcome::kDeferred) {
      noted = outcome;
    } else if (outcome == FormOutcome::kRefused ||
               outcome == FormOutcome::kAccepted) {
      // A bounce may have come before the session's end was told.
      if (noted != FormOutcome::kBounced) noted = outcome;
      test->remaining.erase(at);
      progress = true;
    }
    if (outcome == FormOutcome::kAccepted) {
      ++test->messages;
      test->last_message = now;
    }
  }
  return progress;
}

bool HasUntried(const RelayTest& test) {
  return std::any_of(test.remaining.begin(), test.remaining.end(),
                     [&test](FormId form) {
                       return test.outcomes[form] != FormOutcome::kDeferred;
                     });
}

void AfterSession(const RelayPolicy& policy, int64_t now, SessionEnd end,
                  bool progress, RelayCase* relay, CaseEffects* effects) {
  RelayTest& test = *relay->test;
  if (test.remaining.empty() || test.messages >= policy.max_messages_per_test ||
      test.sessions >= policy.max_sessions_per_test) {
    AwaitMail(policy, now, relay, effects);
    return;
  }
  relay->next_reason = test.reason;
  if (end == SessionEnd::kLost || (progress && HasUntried(test))) {
    relay->session_at = now + policy.session_gap_seconds;
  } else if (test.retries < static_cast<int>(policy.retry_seconds.size())) {
    relay->session_at = now + policy.retry_seconds[test.retries++];
  } else {
    AwaitMail(policy, now, relay, effects);
  }
}

}  // namespace

const char* ReportOutcomeName(ReportOutcome outcome) {
  switch (outcome) {
    case ReportOutcome::kTest:
      return "test planned";
    case ReportOutcome::kJoined:
      return "joined";
    case ReportOutcome::kListed:
      return "listed already";
    case ReportOutcome::kTooEarly:
      break;
  }
  return "tested lately";
}

int64_t HardExpiry(const RelayPolicy& policy, const RelayCase& relay) {
  return relay.listed ? relay.last_proof + policy.hard_expiry_seconds : 0;
}

bool IsOver(const RelayPolicy& policy, const RelayCase& relay, int64_t now) {
  return IsIdle(relay) && LastActivity(relay) + policy.keep_seconds <= now;
}

int64_t TimerAt(const RelayPolicy& policy, const RelayCase& relay) {
  if (IsIdle(relay)) return LastActivity(relay) + policy.keep_seconds;
  int64_t at = 0;
  const auto earliest = [&at](int64_t time) {
    if (time != 0 && (at == 0 || time < at)) at = time;
  };
  if (relay.lease.has_value()) earliest(relay.lease->until);
  if (relay.test.has_value()) earliest(relay.test->deadline);
  earliest(relay.delist_at);
  earliest(HardExpiry(policy, relay));
  return at;
}

ReportOutcome Report(const RelayPolicy& policy, int64_t now, RelayCase* relay) {
  ++relay->reports;
  relay->last_report = now;
  if (relay->listed) return ReportOutcome::kListed;
  if (relay->test.has_value()) return ReportOutcome::kJoined;
  if (relay->session_at != 0 && relay->next_reason != TestReason::kFollowUp) {
    return ReportOutcome::kJoined;
  }
  if (relay->last_tested != 0 &&
      now - relay->last_tested < policy.report_gap_seconds) {
    return ReportOutcome::kTooEarly;
  }
  PlanSession(TestReason::kReport, now, relay);
  return ReportOutcome::kTest;
}

absl::Status RequestRecheck(const RelayPolicy& policy, int64_t now,
                            RelayCase* relay) {
  if (!relay->listed) {
    return absl::FailedPreconditionError(
        "it is not listed by a relay test, so there is nothing to take off");
  }
  if (now < relay->next_owner_request) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "a request was made already; the next one may come after ",
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ",
                         absl::FromUnixSeconds(relay->next_owner_request),
                         absl::UTCTimeZone())));
  }
  int64_t gap = policy.owner_gap_seconds;
  for (int i = 0;
       i < relay->failed_owner_requests && gap < policy.max_owner_gap_seconds;
       ++i) {
    gap *= 2;
  }
  relay->next_owner_request = now + std::min(gap, policy.max_owner_gap_seconds);
  if (relay->delist_at != 0) return absl::OkStatus();
  if (relay->test.has_value()) {
    // The one that is under way will do, and need not wait for its next try.
    relay->test->reason = TestReason::kOwner;
    relay->next_reason = TestReason::kOwner;
    if (relay->session_at > now) {
      relay->session_at =
          std::max(now, relay->last_session_end + policy.session_gap_seconds);
    }
    return absl::OkStatus();
  }
  PlanSession(TestReason::kOwner, now, relay);
  return absl::OkStatus();
}

bool Lease(const RelayPolicy& policy, int64_t now, uint64_t new_test_id,
           RelayCase* relay, SessionPlan* plan) {
  std::vector<int64_t>& recent = relay->recent_sessions;
  recent.erase(recent.begin(),
               std::find_if(recent.begin(), recent.end(), [now](int64_t time) {
                 return time > now - 86400;
               }));
  int64_t allowed = now;
  if (relay->lease.has_value()) allowed = relay->lease->until;
  if (relay->last_session_end != 0) {
    allowed =
        std::max(allowed, relay->last_session_end + policy.session_gap_seconds);
  }
  if (static_cast<int>(recent.size()) >= policy.max_sessions_per_day) {
    allowed = std::max(allowed, recent.front() + 86400);
  }
  if (allowed > now) {
    relay->session_at = allowed;
    return false;
  }
  plan->new_test = !relay->test.has_value();
  if (plan->new_test) {
    RelayTest& test = relay->test.emplace();
    test.id = new_test_id;
    test.reason = relay->next_reason;
    test.started = now;
    if (relay->proven_form.has_value()) {
      test.remaining.push_back(*relay->proven_form);
    }
    for (int i = 0; i < kFormCount; ++i) {
      const FormId form = static_cast<FormId>(i);
      if (form != relay->proven_form) test.remaining.push_back(form);
    }
    relay->last_test = new_test_id;
  }
  RelayTest& test = *relay->test;
  ++test.sessions;
  // What was deferred is asked again after what was never asked.
  std::vector<FormId> order;
  for (const bool deferred : {false, true}) {
    for (const FormId form : test.remaining) {
      if ((test.outcomes[form] == FormOutcome::kDeferred) == deferred) {
        order.push_back(form);
      }
    }
  }
  plan->forms = NextSession(order, policy.max_forms_per_session,
                            policy.max_malformed_per_session);
  plan->max_messages = policy.max_messages_per_test - test.messages;
  relay->lease =
      RelayLease{test.id, test.sessions, now, now + policy.lease_seconds};
  recent.push_back(now);
  relay->session_at = 0;
  return true;
}

bool FinishSession(const RelayPolicy& policy, int64_t now,
                   const SessionReport& report, RelayCase* relay,
                   CaseEffects* effects) {
  if (!relay->lease.has_value() || relay->lease->test != report.test ||
      relay->lease->session != report.session) {
    return false;
  }
  relay->lease.reset();
  relay->last_session_end = now;
  if (report.end == SessionEnd::kUnreachable) {
    if (relay->failures++ == 0) relay->first_failure = now;
  } else if (report.end != SessionEnd::kLost) {
    relay->failures = 0;
    relay->first_failure = 0;
  }
  // A token may have ended the test while the session went on.
  if (!relay->test.has_value() || relay->test->id != report.test) return true;
  const bool progress = TakeOutcomes(report, now, &*relay->test);
  AfterSession(policy, now, report.end, progress, relay, effects);
  return true;
}

void Arrive(const RelayPolicy& policy, int64_t now, uint64_t test, FormId form,
            bool multihop, RelayCase* relay, CaseEffects* effects) {
  const bool current = relay->test.has_value() && relay->test->id == test;
  // Mail of an older test tells how the server was then. It reopens the case;
  // what has been tested since is not overturned by it.
  if (!current && relay->last_test != test) {
    relay->proven_form = form;
    if (!relay->listed && !relay->test.has_value()) {
      PlanSession(TestReason::kLateMail, now, relay);
    }
    return;
  }
  const Verdict verdict = multihop ? Verdict::kMultihop : Verdict::kOpen;
  const TestReason reason =
      current ? relay->test->reason : TestReason::kLateMail;
  // Another form's message of a test that has proven already.
  if (!current && IsProof(relay->last_verdict)) return;
  relay->test.reset();
  relay->last_tested = now;
  relay->last_verdict = verdict;
  relay->last_proof = now;
  relay->proven_form = form;
  relay->proven_test = test;
  relay->first_clean = 0;
  relay->delist_at = 0;
  relay->follow_up = 0;
  relay->failures = 0;
  relay->first_failure = 0;
  effects->verdict = verdict;
  effects->why = absl::StrCat("relayed a test message: ", Forms()[form].name);
  if (relay->listed) {
    effects->listing = CaseEffects::Listing::kRenew;
    if (reason == TestReason::kOwner) {
      // The next request has to wait twice as long.
      relay->next_owner_request += std::min(
          policy.max_owner_gap_seconds, policy.owner_gap_seconds << std::min(
                                            relay->failed_owner_requests, 10));
      ++relay->failed_owner_requests;
    }
    ++relay->retests;
  } else {
    effects->listing = CaseEffects::Listing::kList;
    relay->listed = true;
    relay->listed_since = now;
    ++relay->times_listed;
    relay->retests = 0;
  }
  effects->expires = HardExpiry(policy, *relay);
  PlanSession(TestReason::kRetest, now + RetestInterval(policy, *relay), relay);
}

void Bounce(uint64_t test, FormId form, RelayCase* relay) {
  if (!relay->test.has_value() || relay->test->id != test) return;
  relay->test->outcomes[form] = FormOutcome::kBounced;
}

void Tick(const RelayPolicy& policy, int64_t now, RelayCase* relay,
          CaseEffects* effects) {
  if (relay->lease.has_value() && relay->lease->until <= now) {
    const SessionReport lost = {
        relay->lease->test, relay->lease->session, SessionEnd::kLost, {}};
    FinishSession(policy, now, lost, relay, effects);
  } else if (relay->test.has_value() && relay->test->deadline != 0 &&
             relay->test->deadline <= now) {
    EndTest(policy, now, VerdictAtDeadline(policy, *relay->test), relay,
            effects);
  } else if (relay->delist_at != 0 && relay->delist_at <= now) {
    Delist(now, "the owner's request, after a clean test", relay, effects);
    relay->failed_owner_requests = 0;
    relay->follow_up = 1;
    PlanFollowUp(policy, relay);
  } else if (relay->listed && HardExpiry(policy, *relay) <= now) {
    const bool under_test = relay->test.has_value();
    const int64_t session_at = relay->session_at;
    Delist(now, "no fresh proof", relay, effects);
    if (under_test) relay->session_at = session_at;
  }
}

void OptOut(const RelayPolicy& policy, RelayCase* relay) {
  if (relay->test.has_value() && relay->test->messages == 0) {
    relay->test.reset();
  } else if (relay->test.has_value() && relay->test->deadline == 0) {
    relay->test->deadline =
        relay->test->last_message + policy.late_mail_seconds;
  }
  relay->session_at = 0;
  relay->follow_up = 0;
}

void ForgetListing(RelayCase* relay) {
  relay->listed = false;
  relay->first_clean = 0;
  relay->delist_at = 0;
  if (relay->test.has_value()) return;
  relay->session_at = 0;
  relay->follow_up = 0;
}

}  // namespace rbld
