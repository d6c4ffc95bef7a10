#include "store/relay/lifecycle.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace rbld {
namespace {

constexpr int64_t kHour = 3600;
constexpr int64_t kDay = 86400;
constexpr int64_t kStart = 1'800'000'000;

// One target's server, and the clock: runs everything that falls due until a
// time, and remembers what became of the listing.
class Life {
 public:
  // What the server does with one form.
  using Server = std::function<FormOutcome(FormId)>;

  Life() { relay_.target.address = *ParseIpPrefix("192.0.2.7"); }

  RelayCase& relay() { return relay_; }
  const RelayPolicy& policy() const { return policy_; }
  RelayPolicy& policy() { return policy_; }
  int64_t now() const { return now_; }

  ReportOutcome Report() { return rbld::Report(policy_, now_, &relay_); }
  absl::Status Recheck() { return RequestRecheck(policy_, now_, &relay_); }

  void set_server(Server server) { server_ = std::move(server); }
  // Does an accepted message come back, and after how long? -1: never.
  void set_delivery(int64_t seconds) { delivery_seconds_ = seconds; }
  void set_session_end(SessionEnd end) { session_end_ = end; }
  // The server hangs up after so many forms.
  void set_forms_until_cut(int forms) { forms_until_cut_ = forms; }

  void RunFor(int64_t seconds) {
    const int64_t end = now_ + seconds;
    while (true) {
      int64_t next = end + 1;
      const auto earliest = [&next](int64_t time) {
        if (time != 0) next = std::min(next, time);
      };
      earliest(TimerAt(policy_, relay_));
      earliest(relay_.session_at);
      for (const Mail& mail : mail_) earliest(mail.time);
      if (next > end) break;
      now_ = std::max(now_, next);
      Step();
      ASSERT_LT(++steps_, 100'000);
    }
    now_ = end;
  }

  // Times since the start at which sessions began, and what happened.
  std::vector<int64_t> sessions;
  std::vector<int64_t> tests;
  std::vector<std::string> events;  // "list", "renew", "delist: WHY"
  std::vector<Verdict> verdicts;

 private:
  struct Mail {
    int64_t time;
    uint64_t test;
    FormId form;
  };

  void Step() {
    const auto mail =
        std::find_if(mail_.begin(), mail_.end(),
                     [this](const Mail& one) { return one.time <= now_; });
    if (mail != mail_.end()) {
      const Mail one = *mail;
      mail_.erase(mail);
      CaseEffects effects;
      Arrive(policy_, now_, one.test, one.form, false, &relay_, &effects);
      Note(effects);
      return;
    }
    const int64_t timer = TimerAt(policy_, relay_);
    if (timer != 0 && timer <= now_) {
      CaseEffects effects;
      Tick(policy_, now_, &relay_, &effects);
      Note(effects);
      return;
    }
    SessionPlan plan;
    if (!Lease(policy_, now_, next_test_, &relay_, &plan)) {
      ASSERT_GT(relay_.session_at, now_);
      return;
    }
    sessions.push_back(now_ - kStart);
    if (plan.new_test) {
      tests.push_back(now_ - kStart);
      ++next_test_;
    }
    Answer(plan);
  }

  void Answer(const SessionPlan& plan) {
    SessionReport report;
    report.test = relay_.lease->test;
    report.session = relay_.lease->session;
    report.end = session_end_;
    int messages = 0;
    if (session_end_ == SessionEnd::kDone) {
      for (const FormId form : plan.forms) {
        if (static_cast<int>(report.outcomes.size()) == forms_until_cut_) {
          report.end = SessionEnd::kCut;
          break;
        }
        if (messages == plan.max_messages) break;
        const FormOutcome outcome = server_(form);
        report.outcomes.emplace_back(form, outcome);
        if (outcome != FormOutcome::kAccepted) continue;
        ++messages;
        if (delivery_seconds_ >= 0) {
          mail_.push_back({now_ + delivery_seconds_, report.test, form});
          if (delivery_seconds_ == 0) break;  // proven while we waited
        }
      }
    }
    if (session_end_ == SessionEnd::kLost) return;
    CaseEffects effects;
    EXPECT_TRUE(FinishSession(policy_, now_, report, &relay_, &effects));
    Note(effects);
    CaseEffects again;
    EXPECT_FALSE(FinishSession(policy_, now_, report, &relay_, &again));
  }

  void Note(const CaseEffects& effects) {
    switch (effects.listing) {
      case CaseEffects::Listing::kKeep:
        break;
      case CaseEffects::Listing::kList:
        EXPECT_EQ(effects.expires, now_ + policy_.hard_expiry_seconds);
        events.push_back("list");
        break;
      case CaseEffects::Listing::kRenew:
        events.push_back("renew");
        break;
      case CaseEffects::Listing::kDelist:
        events.push_back("delist: " + effects.why);
        break;
    }
    if (effects.verdict != Verdict::kNone) verdicts.push_back(effects.verdict);
  }

  RelayPolicy policy_;
  RelayCase relay_;
  int64_t now_ = kStart;
  uint64_t next_test_ = 1;
  Server server_ = [](FormId) { return FormOutcome::kRefused; };
  int64_t delivery_seconds_ = -1;
  SessionEnd session_end_ = SessionEnd::kDone;
  int forms_until_cut_ = -1;
  std::vector<Mail> mail_;
  int steps_ = 0;
};

FormOutcome AcceptAll(FormId) { return FormOutcome::kAccepted; }
FormOutcome RefuseAll(FormId) { return FormOutcome::kRefused; }

void OpenUp(Life* life) {
  life->set_server(AcceptAll);
  life->set_delivery(0);
}
void Close(Life* life) {
  life->set_server(RefuseAll);
  life->set_delivery(-1);
}

TEST(Lifecycle, AClosedServerIsTestedOnceInFourSessionsAndNotListed) {
  Life life;
  EXPECT_EQ(life.Report(), ReportOutcome::kTest);
  life.RunFor(30 * kDay);
  EXPECT_EQ(life.sessions, (std::vector<int64_t>{0, 600, 1200, 1800}));
  EXPECT_EQ(life.verdicts, std::vector<Verdict>{Verdict::kClosed});
  EXPECT_TRUE(life.events.empty());
}

TEST(Lifecycle, AnOpenServerIsListedAtOnceAndTestedAtGrowingIntervals) {
  Life life;
  OpenUp(&life);
  life.Report();
  life.RunFor(60 * kDay);
  ASSERT_GE(life.tests.size(), 7u);
  EXPECT_EQ(life.events[0], "list");
  for (size_t i = 1; i < life.events.size(); ++i) {
    EXPECT_EQ(life.events[i], "renew");
  }
  const std::vector<double> days = {1, 2, 4, 7, 14, 14};
  bool jittered = false;
  for (size_t i = 0; i < days.size(); ++i) {
    const double interval = (life.tests[i + 1] - life.tests[i]) / double{kDay};
    EXPECT_GE(interval, days[i] * 0.8) << i;
    EXPECT_LE(interval, days[i] * 1.2) << i;
    jittered |= std::abs(interval - days[i]) > 0.001;
  }
  EXPECT_TRUE(jittered);
  EXPECT_EQ(life.sessions.size(), life.tests.size());
}

TEST(Lifecycle, TwoCleanTestsADayApartTakeItOff) {
  Life life;
  OpenUp(&life);
  life.Report();
  life.RunFor(kHour);
  Close(&life);
  const int64_t listed = life.now();
  life.RunFor(10 * kDay);
  EXPECT_EQ(life.events,
            (std::vector<std::string>{"list", "delist: two clean tests"}));
  EXPECT_EQ(life.verdicts,
            (std::vector<Verdict>{Verdict::kOpen, Verdict::kClosed,
                                  Verdict::kClosed}));
  ASSERT_EQ(life.tests.size(), 3u);
  // The first one ends 1,800 s after it begins.
  EXPECT_EQ(life.tests[2] - life.tests[1], kDay + 1800);
  EXPECT_GE(life.relay().delisted - life.relay().last_proof, kDay);
  EXPECT_GT(life.relay().delisted, listed);
}

TEST(Lifecycle, ARetestBeginsWithTheFormThatWasProven) {
  Life life;
  const FormId bang = *FindForm("bang-host");
  life.set_server([bang](FormId form) {
    return form == bang ? FormOutcome::kAccepted : FormOutcome::kRefused;
  });
  life.set_delivery(5);
  life.Report();
  life.RunFor(12 * kHour);
  ASSERT_EQ(life.relay().proven_form, bang);
  life.RunFor(3 * kDay);
  ASSERT_GE(life.tests.size(), 2u);
  FormId first = 0;
  bool asked = false;
  life.set_server([&](FormId form) {
    if (!asked) first = form;
    asked = true;
    return FormOutcome::kRefused;
  });
  life.RunFor(5 * kDay);
  ASSERT_TRUE(asked);
  EXPECT_EQ(first, bang);
}

TEST(Lifecycle, OneDirtyTestUndoesAClean) {
  Life life;
  OpenUp(&life);
  life.Report();
  life.RunFor(kHour);
  Close(&life);
  life.RunFor(kDay + 12 * kHour);
  ASSERT_NE(life.relay().first_clean, 0);
  OpenUp(&life);
  life.RunFor(2 * kDay);
  EXPECT_EQ(life.relay().first_clean, 0);
  EXPECT_TRUE(life.relay().listed);
  EXPECT_EQ(life.events, (std::vector<std::string>{"list", "renew"}));
}

TEST(Lifecycle, WhatIsListedAgainIsTestedHalfAsOften) {
  Life life;
  std::vector<int64_t> firsts;
  for (int round = 0; round < 4; ++round) {
    OpenUp(&life);
    EXPECT_EQ(life.Report(), ReportOutcome::kTest) << round;
    life.RunFor(60);
    ASSERT_TRUE(life.relay().listed) << round;
    firsts.push_back(life.relay().session_at - life.relay().last_proof);
    Close(&life);
    life.RunFor(20 * kDay);
    ASSERT_FALSE(life.relay().listed) << round;
  }
  const std::vector<double> factors = {1, 2, 4, 4};
  for (size_t i = 0; i < factors.size(); ++i) {
    EXPECT_GE(firsts[i], factors[i] * kDay * 0.8) << i;
    EXPECT_LE(firsts[i], factors[i] * kDay * 1.2) << i;
  }
}

TEST(Lifecycle, AcceptedIsNeverListedAndCountsAsClean) {
  Life life;
  life.set_server(AcceptAll);
  life.Report();
  life.RunFor(kDay);
  EXPECT_TRUE(life.events.empty());
  EXPECT_EQ(life.verdicts, std::vector<Verdict>{Verdict::kAccepted});
  EXPECT_EQ(life.sessions.size(), 1u);  // three messages, and no more
}

TEST(Lifecycle, ABounceIsItsOwnVerdict) {
  Life life;
  life.set_server(AcceptAll);
  life.Report();
  life.RunFor(60);
  // Bounces to other forms' senders do not reach us.
  Bounce(1, 0, &life.relay());
  life.RunFor(2 * kHour);
  EXPECT_EQ(life.verdicts, std::vector<Verdict>{Verdict::kBounced});
}

TEST(Lifecycle, LateMailReopensTheCase) {
  Life life;
  life.set_server(AcceptAll);
  life.Report();
  life.set_delivery(3 * kDay);
  life.RunFor(2 * kDay);
  EXPECT_EQ(life.verdicts, std::vector<Verdict>{Verdict::kAccepted});
  life.RunFor(2 * kDay);
  ASSERT_FALSE(life.events.empty());
  EXPECT_EQ(life.events[0], "list");
}

TEST(Lifecycle, LateMailOfAnOlderTestCausesATestAndNoListing) {
  Life life;
  life.set_server(AcceptAll);
  life.Report();
  life.set_delivery(5 * kDay);
  life.RunFor(12 * kHour);
  Close(&life);
  EXPECT_EQ(life.Report(), ReportOutcome::kTooEarly);
  life.RunFor(kDay);
  EXPECT_EQ(life.Report(), ReportOutcome::kTest);
  life.RunFor(5 * kDay);
  EXPECT_TRUE(life.events.empty());
  // Three messages came; each asked for a test at most, within the manners.
  EXPECT_EQ(life.verdicts.back(), Verdict::kClosed);
  EXPECT_EQ(life.tests.size(), 3u);
}

TEST(Lifecycle, GreylistingIsAskedAgain) {
  Life life;
  life.policy().max_sessions_per_day = 10;
  int asked = 0;
  life.set_server([&asked](FormId) {
    return ++asked <= 22 ? FormOutcome::kDeferred : FormOutcome::kAccepted;
  });
  life.set_delivery(0);
  life.Report();
  life.RunFor(2 * kDay);
  EXPECT_EQ(life.events[0], "list");
}

TEST(Lifecycle, WhatIsAlwaysDeferredIsDroppedAfterThreeRetries) {
  Life life;
  life.set_server([](FormId) { return FormOutcome::kDeferred; });
  life.Report();
  life.RunFor(20 * kDay);
  EXPECT_EQ(life.sessions,
            (std::vector<int64_t>{0, 1800, 1800 + 7200, 1800 + 7200 + 28800}));
  EXPECT_EQ(life.verdicts, std::vector<Verdict>{Verdict::kInconclusive});
}

TEST(Lifecycle, AnUnreachableReportIsDropped) {
  Life life;
  life.set_session_end(SessionEnd::kUnreachable);
  life.Report();
  life.RunFor(20 * kDay);
  EXPECT_EQ(life.sessions.size(), 4u);
  EXPECT_EQ(life.verdicts, std::vector<Verdict>{Verdict::kInconclusive});
  EXPECT_EQ(life.relay().session_at, 0);
}

TEST(Lifecycle, AServerThatHangsUpIsAskedTheRestLater) {
  Life life;
  life.set_forms_until_cut(5);
  life.Report();
  life.RunFor(5 * kDay);
  EXPECT_EQ(life.sessions.size(), 5u);                   // 22 forms
  EXPECT_EQ(life.sessions[4] - life.sessions[0], kDay);  // four a day
  EXPECT_EQ(life.verdicts, std::vector<Verdict>{Verdict::kClosed});
}

TEST(Lifecycle, ToBlockTheTesterIsNoWayOff) {
  Life life;
  OpenUp(&life);
  life.Report();
  life.RunFor(kHour);
  life.set_server([](FormId) { return FormOutcome::kDeferred; });
  life.RunFor(80 * kDay);
  EXPECT_EQ(life.events, std::vector<std::string>{"list"});
  // Without fresh proof it ends after 90 days all the same.
  life.RunFor(11 * kDay);
  EXPECT_EQ(life.events,
            (std::vector<std::string>{"list", "delist: no fresh proof"}));
  EXPECT_EQ(life.relay().delisted - life.relay().last_proof, 90 * kDay);
}

TEST(Lifecycle, ABlockedTestDoesNotLoseACleanOne) {
  Life life;
  OpenUp(&life);
  life.Report();
  life.RunFor(kHour);
  Close(&life);
  life.RunFor(kDay + 12 * kHour);
  ASSERT_NE(life.relay().first_clean, 0);
  life.set_session_end(SessionEnd::kUnreachable);
  life.RunFor(2 * kDay);
  ASSERT_NE(life.relay().first_clean, 0);
  EXPECT_TRUE(life.relay().listed);
  life.set_session_end(SessionEnd::kDone);
  life.RunFor(3 * kDay);
  EXPECT_EQ(life.events.back(), "delist: two clean tests");
}

TEST(Lifecycle, WhatNobodyReachesExpiresAsUnreachable) {
  Life life;
  OpenUp(&life);
  life.Report();
  life.RunFor(kHour);
  life.set_session_end(SessionEnd::kUnreachable);
  life.RunFor(29 * kDay);
  EXPECT_EQ(life.events, std::vector<std::string>{"list"});
  life.RunFor(31 * kDay);
  EXPECT_EQ(life.events,
            (std::vector<std::string>{"list", "delist: unreachable"}));
}

TEST(Lifecycle, TheOwnersRequestTakesItOffAfterOneCleanTestAndAnHour) {
  Life life;
  OpenUp(&life);
  life.Report();
  life.RunFor(2 * kHour);
  Close(&life);
  ASSERT_TRUE(life.Recheck().ok());
  const int64_t asked = life.now();
  life.RunFor(kDay);
  EXPECT_EQ(life.events.back(),
            "delist: the owner's request, after a clean test");
  // Four sessions, ten minutes apart: the first hour's leaves room for three.
  EXPECT_GE(life.relay().delisted - asked, 1200 + kHour);
  const int64_t delisted = life.relay().delisted - kStart;
  life.RunFor(60 * kDay);
  ASSERT_EQ(life.tests.size(), 2u + 3u);
  EXPECT_EQ(life.tests[2] - delisted, kDay);
  EXPECT_EQ(life.tests[3] - delisted, 7 * kDay);
  EXPECT_EQ(life.tests[4] - delisted, 30 * kDay);
  EXPECT_EQ(life.events.size(), 2u);
}

TEST(Lifecycle, AFollowUpThatFindsItOpenListsItAgain) {
  Life life;
  OpenUp(&life);
  life.Report();
  life.RunFor(2 * kHour);
  Close(&life);
  ASSERT_TRUE(life.Recheck().ok());
  life.RunFor(kDay);
  ASSERT_FALSE(life.relay().listed);
  OpenUp(&life);
  life.RunFor(2 * kDay);
  EXPECT_TRUE(life.relay().listed);
  EXPECT_EQ(life.relay().times_listed, 2);
}

TEST(Lifecycle, OwnersRequestsAreSixHoursApartAndDoubleAfterAFailure) {
  Life life;
  OpenUp(&life);
  life.Report();
  life.RunFor(2 * kHour);
  ASSERT_TRUE(life.Recheck().ok());
  EXPECT_EQ(life.Recheck().code(), absl::StatusCode::kResourceExhausted);
  life.RunFor(6 * kHour + 60);  // still open: failed
  EXPECT_EQ(life.Recheck().code(), absl::StatusCode::kResourceExhausted);
  life.RunFor(6 * kHour);
  EXPECT_TRUE(life.Recheck().ok());
  life.RunFor(23 * kHour);
  EXPECT_FALSE(life.Recheck().ok());
  life.RunFor(kHour + 60);
  EXPECT_TRUE(life.Recheck().ok());
}

TEST(Lifecycle, ARecheckOfWhatIsNotListedIsRefused) {
  Life life;
  EXPECT_EQ(life.Recheck().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Lifecycle, ReportsThatRepeatJoinTheFirst) {
  Life life;
  EXPECT_EQ(life.Report(), ReportOutcome::kTest);
  EXPECT_EQ(life.Report(), ReportOutcome::kJoined);
  life.RunFor(60);
  EXPECT_EQ(life.Report(), ReportOutcome::kJoined);
  life.RunFor(kHour);
  EXPECT_EQ(life.Report(), ReportOutcome::kTooEarly);
  life.RunFor(kDay);
  EXPECT_EQ(life.Report(), ReportOutcome::kTest);
  EXPECT_EQ(life.relay().reports, 5u);
}

TEST(Lifecycle, ALostSessionIsMadeAgainAfterItsLeaseEnds) {
  Life life;
  life.set_session_end(SessionEnd::kLost);
  life.Report();
  life.RunFor(60);
  ASSERT_TRUE(life.relay().lease.has_value());
  life.set_session_end(SessionEnd::kDone);
  life.RunFor(kDay);
  EXPECT_EQ(life.sessions[1], 1500 + 600);
}

TEST(Lifecycle, NeverMoreThanFourSessionsADayOrTenMinutesApart) {
  Life life;
  OpenUp(&life);
  life.set_forms_until_cut(1);
  life.set_server(RefuseAll);
  life.Report();
  life.RunFor(10 * kDay);
  ASSERT_GE(life.sessions.size(), 8u);
  for (size_t i = 1; i < life.sessions.size(); ++i) {
    EXPECT_GE(life.sessions[i] - life.sessions[i - 1], 600);
    if (i < 4) continue;
    EXPECT_GE(life.sessions[i] - life.sessions[i - 4], kDay);
  }
  EXPECT_EQ(life.verdicts, std::vector<Verdict>{Verdict::kInconclusive});
}

TEST(Lifecycle, OptingOutEndsTestsAndTheListingEndsByItself) {
  Life life;
  OpenUp(&life);
  life.Report();
  life.RunFor(kHour);
  OptOut(life.policy(), &life.relay());
  life.RunFor(100 * kDay);
  EXPECT_EQ(life.tests.size(), 1u);
  EXPECT_EQ(life.events,
            (std::vector<std::string>{"list", "delist: no fresh proof"}));
}

TEST(Lifecycle, WhatAnOperatorTookOffIsNotTestedAgain) {
  Life life;
  OpenUp(&life);
  life.Report();
  life.RunFor(kHour);
  ForgetListing(&life.relay());
  life.RunFor(100 * kDay);
  EXPECT_EQ(life.tests.size(), 1u);
}

}  // namespace
}  // namespace rbld
