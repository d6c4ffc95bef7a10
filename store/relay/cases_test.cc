#include "store/relay/cases.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "gtest/gtest.h"
#include "store/publisher.h"

namespace rbld {
namespace {

constexpr int64_t kStart = 1'800'000'000;
constexpr int64_t kDay = 86400;

IpPrefix Address(absl::string_view text) { return *ParseIpPrefix(text); }

class RelayCasesTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    settings_.list = "relays";
    Open();
  }
  void TearDown() override {
    publisher_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Open(bool configure = true) {
    publisher_.reset();
    PublisherOptions options;
    options.directory = directory_;
    options.clock = &clock_;
    ListSpec relays;
    relays.name = "relays";
    relays.default_values = {{0x7f000002, "open relay $", 0}};
    ListSpec outputs = relays;
    outputs.name = "outputs";
    absl::StatusOr<std::unique_ptr<Publisher>> publisher =
        Publisher::Open(options, {relays, outputs}, {});
    ASSERT_TRUE(publisher.ok()) << publisher.status();
    publisher_ = *std::move(publisher);
    if (!configure) return;
    ASSERT_TRUE(cases().Configure(settings_).ok());
  }

  RelayCases& cases() { return publisher_->relay_cases(); }

  absl::StatusOr<ReportResult> Report(absl::string_view address,
                                      std::string reporter = "alice") {
    return cases().Report({Address(address), std::move(reporter)});
  }
  std::vector<LeasedSession> Lease(int limit = 100) {
    absl::StatusOr<std::vector<LeasedSession>> sessions = cases().Lease(limit);
    EXPECT_TRUE(sessions.ok()) << sessions.status();
    return sessions.ok() ? *sessions : std::vector<LeasedSession>();
  }
  bool Finish(const LeasedSession& session, FormOutcome outcome,
              SessionEnd end = SessionEnd::kDone) {
    FinishedSession finished;
    finished.target = session.target;
    finished.report.test = session.test;
    finished.report.session = session.session;
    finished.report.end = end;
    if (end != SessionEnd::kUnreachable) {
      for (const LeasedSession::Probe& probe : session.probes) {
        finished.report.outcomes.emplace_back(probe.form, outcome);
      }
    }
    finished.transcript = "220 hello\n";
    finished.tester = "198.51.100.1";
    absl::StatusOr<std::vector<bool>> applied = cases().Finish({finished});
    EXPECT_TRUE(applied.ok()) << applied.status();
    return applied.ok() && applied->at(0);
  }
  absl::StatusOr<ArrivalResult> Arrive(const std::string& token,
                                       absl::string_view peer) {
    return cases().Arrive({token, Address(peer), "Subject: test\n"});
  }
  RelayCase Case(absl::string_view address) {
    absl::StatusOr<std::optional<RelayCase>> found =
        cases().Find(Address(address));
    EXPECT_TRUE(found.ok() && found->has_value());
    return found.ok() && found->has_value() ? **found : RelayCase();
  }
  bool IsListed(absl::string_view address, const std::string& list = "relays") {
    const absl::StatusOr<TargetReport> report =
        publisher_->Report(Target::OfPrefix(Address(address)));
    EXPECT_TRUE(report.ok());
    for (const TargetReport::PerList& one : report->lists) {
      if (one.list == list) return !one.effective.empty();
    }
    return false;
  }
  // The publisher looks at the clock every 100 ms.
  template <typename Predicate>
  bool Soon(Predicate predicate) {
    for (int i = 0; i < 100; ++i) {
      if (predicate()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }

  FakeClock clock_{kStart};
  RelaySettings settings_;
  std::string directory_;
  std::unique_ptr<Publisher> publisher_;
};

TEST_F(RelayCasesTest, AReportIsTestedAndListedOnceItsTokenComesBack) {
  ASSERT_TRUE(Report("11.0.0.7").ok());
  const std::vector<LeasedSession> sessions = Lease();
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].probes.size(), 8u);
  EXPECT_EQ(sessions[0].max_messages, 3);
  EXPECT_FALSE(IsListed("11.0.0.7"));
  EXPECT_TRUE(Finish(sessions[0], FormOutcome::kAccepted));
  EXPECT_FALSE(IsListed("11.0.0.7"));
  EXPECT_FALSE(cases().IsProven(sessions[0].test));
  const absl::StatusOr<ArrivalResult> arrived =
      Arrive(sessions[0].probes[0].token, "11.0.0.7");
  ASSERT_TRUE(arrived.ok()) << arrived.status();
  EXPECT_EQ(arrived->verdict, Verdict::kOpen);
  EXPECT_TRUE(IsListed("11.0.0.7"));
  EXPECT_TRUE(cases().IsProven(sessions[0].test));
  const absl::StatusOr<std::vector<Evidence>> evidence =
      cases().EvidenceOf(Address("11.0.0.7"));
  ASSERT_TRUE(evidence.ok());
  ASSERT_EQ(evidence->size(), 3u);
  std::set<EvidenceKind> kinds;
  for (const Evidence& one : *evidence) kinds.insert(one.kind);
  EXPECT_EQ(kinds, (std::set<EvidenceKind>{EvidenceKind::kSession,
                                           EvidenceKind::kMessage,
                                           EvidenceKind::kVerdict}));
}

TEST_F(RelayCasesTest, NothingIsDoneTwiceWithOneToken) {
  ASSERT_TRUE(Report("11.0.0.7").ok());
  const LeasedSession session = Lease().at(0);
  const std::string token = session.probes[0].token;
  EXPECT_EQ(cases().CheckToken(token).state, TokenState::kValid);
  ASSERT_TRUE(Arrive(token, "11.0.0.7").ok());
  EXPECT_EQ(cases().CheckToken(token).state, TokenState::kReplayed);
  const uint64_t sequence = publisher_->view()->sequence;
  const absl::StatusOr<ArrivalResult> again = Arrive(token, "11.0.0.7");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->check.state, TokenState::kReplayed);
  EXPECT_EQ(publisher_->view()->sequence, sequence);
  // Nor with a report of a session.
  EXPECT_TRUE(Finish(session, FormOutcome::kAccepted));
  EXPECT_FALSE(Finish(session, FormOutcome::kAccepted));
}

TEST_F(RelayCasesTest, ForgedForeignAndExpiredTokensChangeNothing) {
  ASSERT_TRUE(Report("11.0.0.7").ok());
  const LeasedSession session = Lease().at(0);
  std::string forged = session.probes[0].token;
  forged.back() = forged.back() == 'a' ? 'b' : 'a';
  // One of another installation, for the same test.
  const std::string foreign =
      SignToken(std::string(kTokenKeyBytes, 'x'), session.target,
                {session.test, TokenKind::kRecipient, 0, kStart + kDay});
  for (const std::string& token : {forged, foreign}) {
    EXPECT_EQ(cases().CheckToken(token).state, TokenState::kForged);
    const absl::StatusOr<ArrivalResult> result = Arrive(token, "11.0.0.7");
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->check.state, TokenState::kForged);
  }
  EXPECT_EQ(Arrive("postmaster", "11.0.0.7")->check.state,
            TokenState::kNoToken);
  clock_.Advance(8 * kDay);
  EXPECT_EQ(Arrive(session.probes[0].token, "11.0.0.7")->check.state,
            TokenState::kExpired);
  EXPECT_FALSE(IsListed("11.0.0.7"));
}

TEST_F(RelayCasesTest, ASendersTokenProvesNothing) {
  ASSERT_TRUE(Report("11.0.0.7").ok());
  const LeasedSession session = Lease().at(0);
  const absl::StatusOr<ArrivalResult> result =
      Arrive(session.probes[0].sender_token, "11.0.0.7");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->check.state, TokenState::kValid);
  EXPECT_EQ(result->verdict, Verdict::kNone);
  EXPECT_FALSE(IsListed("11.0.0.7"));
}

TEST_F(RelayCasesTest, AMultihopRelayIsListedAndItsOutputWhereThatIsWanted) {
  settings_.output_list = "outputs";
  ASSERT_TRUE(cases().Configure(settings_).ok());
  ASSERT_TRUE(Report("11.0.0.7").ok());
  const LeasedSession session = Lease().at(0);
  const absl::StatusOr<ArrivalResult> result =
      Arrive(session.probes[0].token, "12.0.0.9");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->verdict, Verdict::kMultihop);
  EXPECT_TRUE(IsListed("11.0.0.7"));
  EXPECT_FALSE(IsListed("12.0.0.9"));
  EXPECT_TRUE(IsListed("12.0.0.9", "outputs"));
}

TEST_F(RelayCasesTest, CasesAreFoundByTheirNetwork) {
  const std::vector<std::string> all = {"11.0.0.7",   "11.0.1.0",
                                        "11.0.1.255", "11.0.2.0",
                                        "2600::1",    "2600:0:0:1::1"};
  for (const std::string& one : all) ASSERT_TRUE(Report(one).ok()) << one;
  const auto within = [this](const char* prefix) {
    CaseQuery query;
    query.within = *ParseIpPrefix(prefix);
    query.limit = 1;
    std::vector<std::string> found;
    do {
      const absl::StatusOr<CasePage> page = cases().List(query);
      EXPECT_TRUE(page.ok()) << page.status();
      for (const RelayCase& relay : page->cases) {
        found.push_back(relay.target.address.ToString());
      }
      query.cursor = page->next_cursor;
    } while (!query.cursor.empty());
    return found;
  };
  EXPECT_EQ(within("0.0.0.0/0"),
            std::vector<std::string>(all.begin(), all.begin() + 4));
  EXPECT_EQ(within("11.0.1.0/24"),
            (std::vector<std::string>{"11.0.1.0", "11.0.1.255"}));
  EXPECT_EQ(within("11.0.1.0"), std::vector<std::string>{"11.0.1.0"});
  EXPECT_EQ(within("2600::/64"), std::vector<std::string>{"2600::1"});
  EXPECT_TRUE(within("12.0.0.0/8").empty());
}

TEST_F(RelayCasesTest, CasesSurviveARestart) {
  ASSERT_TRUE(Report("11.0.0.7").ok());
  const LeasedSession session = Lease().at(0);
  const RelayCase before = Case("11.0.0.7");
  Open();
  EXPECT_EQ(Case("11.0.0.7"), before);
  EXPECT_EQ(cases().Counts().running, 1u);
  // The lease holds: nobody else gets the session.
  EXPECT_TRUE(Lease().empty());
  EXPECT_TRUE(Finish(session, FormOutcome::kAccepted));
  ASSERT_TRUE(Arrive(session.probes[0].token, "11.0.0.7").ok());
  EXPECT_TRUE(IsListed("11.0.0.7"));
  EXPECT_EQ(cases().Counts().running, 0u);
}

TEST_F(RelayCasesTest, ALostLeaseIsGivenUpByItself) {
  ASSERT_TRUE(Report("11.0.0.7").ok());
  ASSERT_EQ(Lease().size(), 1u);
  clock_.Advance(settings_.policy.lease_seconds);
  EXPECT_TRUE(Soon([&] { return !Case("11.0.0.7").lease.has_value(); }));
  EXPECT_EQ(cases().Counts().lost, 1u);
  EXPECT_TRUE(Lease().empty());
  clock_.Advance(settings_.policy.session_gap_seconds);
  const std::vector<LeasedSession> sessions = Lease();
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].session, 2);
}

TEST_F(RelayCasesTest, ATestGoesOnAfterWeeksWithoutATester) {
  ASSERT_TRUE(Report("11.0.0.7").ok());
  const LeasedSession first = Lease().at(0);
  Finish(first, FormOutcome::kRefused);
  clock_.Advance(15 * kDay);
  ASSERT_TRUE(Soon([&] {
    const absl::StatusOr<ArrivalResult> late =
        Arrive(first.probes[0].token, "11.0.0.7");
    return late.ok() && late->check.state == TokenState::kForged;
  }));
  const std::vector<LeasedSession> sessions = Lease();
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].test, first.test);
  const absl::StatusOr<ArrivalResult> arrived =
      Arrive(sessions[0].probes[0].token, "11.0.0.7");
  ASSERT_TRUE(arrived.ok()) << arrived.status();
  EXPECT_EQ(arrived->verdict, Verdict::kOpen);
}

TEST_F(RelayCasesTest, NeighboursAreTestedOneAtATimeAndTenAnHour) {
  settings_.policy.retry_seconds = {};
  ASSERT_TRUE(cases().Configure(settings_).ok());
  for (int i = 1; i <= 14; ++i) {
    ASSERT_TRUE(Report("11.0.0." + std::to_string(i)).ok());
  }
  ASSERT_TRUE(Report("12.0.0.1").ok());
  int begun = 0;
  std::vector<LeasedSession> sessions = Lease();
  EXPECT_EQ(sessions.size(), 2u);  // one of each network
  while (begun < 30) {
    int here = 0;
    for (const LeasedSession& session : sessions) {
      here += NetworkOf(session.target).ToString() == "11.0.0.0/24";
      EXPECT_TRUE(
          Finish(session, FormOutcome::kNotAsked, SessionEnd::kUnreachable));
    }
    EXPECT_LE(here, 1);
    begun += here;
    clock_.Advance(30);
    sessions = Lease();
    if (clock_.NowSeconds() - kStart > 3000) break;
  }
  EXPECT_EQ(begun, 10);
  clock_.Advance(3600);
  EXPECT_EQ(Lease().size(), 1u);
}

TEST_F(RelayCasesTest, ANeighboursLostLeaseLeavesASessionItsNetwork) {
  // So many leases run out at once that the last one is noticed late.
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(Report("11." + std::to_string(i / 250) + "." +
                       std::to_string(i % 250) + ".1")
                    .ok());
  }
  ASSERT_EQ(Lease(1000).size(), 1000u);
  ASSERT_TRUE(Report("12.0.0.7", "bob").ok());
  ASSERT_EQ(Lease().size(), 1u);
  ASSERT_TRUE(Report("12.0.0.8", "bob").ok());
  clock_.Advance(settings_.policy.lease_seconds);
  ASSERT_EQ(Lease().size(), 1u);
  EXPECT_TRUE(Case("12.0.0.8").lease.has_value());
  EXPECT_TRUE(Soon([&] { return !Case("12.0.0.7").lease.has_value(); }));
  ASSERT_TRUE(Report("12.0.0.9", "bob").ok());
  EXPECT_TRUE(Lease().empty());
}

TEST_F(RelayCasesTest, SpecialSpaceOwnAddressesAndOptOutsAreNeverTested) {
  settings_.never = {Address("11.0.0.53")};
  ASSERT_TRUE(cases().Configure(settings_).ok());
  ASSERT_TRUE(
      cases().AddOptOut({Address("12.0.0.0/24"), 0, "bob", "ticket 4"}).ok());
  for (const char* address :
       {"10.0.0.1", "127.0.0.1", "127.0.0.2", "169.254.0.1", "224.0.0.1",
        "0.0.0.0", "::1", "fe80::1", "ff02::1", "::ffff:11.0.0.1",
        "64:ff9b::a00:1", "2002:a00:1::1", "198.18.0.1", "11.0.0.53",
        "12.0.0.77"}) {
    const absl::StatusOr<ReportResult> result = Report(address);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition)
        << address;
  }
  EXPECT_EQ(Report("11.0.0.0/24").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Lease().empty());
  settings_.lab_networks = {Address("198.18.0.0/15")};
  ASSERT_TRUE(cases().Configure(settings_).ok());
  EXPECT_TRUE(Report("198.18.0.1").ok());
  EXPECT_FALSE(Report("10.0.0.1").ok());
}

TEST_F(RelayCasesTest, AnOptOutAfterTheReportEndsTheTest) {
  ASSERT_TRUE(Report("12.0.0.7").ok());
  ASSERT_TRUE(cases().AddOptOut({Address("12.0.0.7"), 0, "bob", ""}).ok());
  EXPECT_FALSE(cases().AddOptOut({Address("12.0.0.7"), 0, "bob", ""}).ok());
  EXPECT_TRUE(Lease().empty());
  EXPECT_EQ(StateOf(Case("12.0.0.7")), CaseState::kIdle);
  Open();
  ASSERT_EQ(cases().OptOuts().size(), 1u);
  EXPECT_FALSE(Report("12.0.0.7").ok());
  ASSERT_TRUE(cases().RemoveOptOut(Address("12.0.0.7")).ok());
  EXPECT_FALSE(cases().RemoveOptOut(Address("12.0.0.7")).ok());
  EXPECT_TRUE(Report("12.0.0.7").ok());
}

TEST_F(RelayCasesTest, AReporterHasALimitADay) {
  settings_.max_reports_per_day = 3;
  ASSERT_TRUE(cases().Configure(settings_).ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Report("11.0.0.7").ok());
  EXPECT_EQ(Report("11.0.0.8").status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Report("11.0.0.8", "bob").ok());
  clock_.Advance(kDay);
  EXPECT_TRUE(Report("11.0.0.9").ok());
}

TEST_F(RelayCasesTest, TheOwnersRequestIsGrantedByItsTime) {
  ASSERT_TRUE(Report("11.0.0.7").ok());
  LeasedSession session = Lease().at(0);
  ASSERT_TRUE(Arrive(session.probes[2].token, "11.0.0.7").ok());
  EXPECT_TRUE(Finish(session, FormOutcome::kAccepted));
  EXPECT_EQ(cases().Recheck(Address("11.0.0.8")).status().code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(cases().Recheck(Address("11.0.0.7")).ok());
  for (int i = 0; i < 6 && Case("11.0.0.7").delist_at == 0; ++i) {
    clock_.Advance(kDay / 3);
    for (const LeasedSession& one : Lease()) {
      if (one.session == 1) {
        EXPECT_EQ(one.probes[0].form, 2);
      }
      EXPECT_TRUE(Finish(one, FormOutcome::kRefused));
    }
  }
  EXPECT_TRUE(IsListed("11.0.0.7"));
  ASSERT_NE(Case("11.0.0.7").delist_at, 0);
  clock_.Advance(3600);
  EXPECT_TRUE(Soon([&] { return !IsListed("11.0.0.7"); }));
  EXPECT_EQ(StateOf(Case("11.0.0.7")), CaseState::kPlanned);  // a follow-up
}

TEST_F(RelayCasesTest, ARemovalThatFellDueWhileItWasDownWaitsForTheSettings) {
  ASSERT_TRUE(Report("11.0.0.7").ok());
  const LeasedSession session = Lease().at(0);
  ASSERT_TRUE(Arrive(session.probes[0].token, "11.0.0.7").ok());
  EXPECT_TRUE(Finish(session, FormOutcome::kAccepted));
  ASSERT_TRUE(cases().Recheck(Address("11.0.0.7")).ok());
  for (int i = 0; i < 6 && Case("11.0.0.7").delist_at == 0; ++i) {
    clock_.Advance(kDay / 3);
    for (const LeasedSession& one : Lease()) {
      EXPECT_TRUE(Finish(one, FormOutcome::kRefused));
    }
  }
  const int64_t delist_at = Case("11.0.0.7").delist_at;
  ASSERT_NE(delist_at, 0);
  publisher_.reset();
  clock_.Advance(3600);
  Open(/*configure=*/false);
  // Several of the publisher's looks at the clock.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_EQ(Case("11.0.0.7").delist_at, delist_at);
  EXPECT_TRUE(IsListed("11.0.0.7"));
  ASSERT_TRUE(cases().Configure(settings_).ok());
  EXPECT_TRUE(Soon([&] { return !IsListed("11.0.0.7"); }));
}

TEST_F(RelayCasesTest, AListingThatAnOperatorTookOffStaysOff) {
  ASSERT_TRUE(Report("11.0.0.7").ok());
  const LeasedSession session = Lease().at(0);
  ASSERT_TRUE(Arrive(session.probes[0].token, "11.0.0.7").ok());
  EXPECT_TRUE(Finish(session, FormOutcome::kAccepted));
  Change change;
  change.verb = Change::Verb::kRemove;
  change.source = "";  // every source
  change.list = "relays";
  change.target = Target::OfPrefix(Address("11.0.0.7"));
  ChangeRequest request;
  request.changes = {change};
  request.actor = "operator";
  ASSERT_TRUE(publisher_->Apply(request).ok());
  // Another form's message of the same test comes late.
  ASSERT_TRUE(Arrive(session.probes[1].token, "11.0.0.7").ok());
  EXPECT_FALSE(IsListed("11.0.0.7"));
  clock_.Advance(30 * kDay);
  EXPECT_TRUE(Lease().empty());
}

TEST_F(RelayCasesTest, WhatTheListRefusesIsNotListedAndSaysWhy) {
  // The list's own rules hold for what relay tests find, too.
  settings_.list = "outputs";
  settings_.lab_networks = {Address("198.18.0.0/15")};
  ASSERT_TRUE(cases().Configure(settings_).ok());
  ASSERT_TRUE(Report("198.18.0.7").ok());
  const LeasedSession session = Lease().at(0);
  ASSERT_TRUE(Arrive(session.probes[0].token, "198.18.0.7").ok());
  EXPECT_FALSE(Case("198.18.0.7").listed);
  const auto evidence = cases().EvidenceOf(Address("198.18.0.7"));
  ASSERT_TRUE(evidence.ok());
  EXPECT_TRUE(
      std::any_of(evidence->begin(), evidence->end(), [](const Evidence& one) {
        return one.text.find("not listed: ") != std::string::npos;
      }));
}

TEST_F(RelayCasesTest, PagesThroughTheCases) {
  for (int i = 1; i <= 5; ++i) {
    ASSERT_TRUE(Report("11.0." + std::to_string(i) + ".1").ok());
  }
  CaseQuery query;
  query.limit = 2;
  query.state = CaseState::kPlanned;
  std::vector<std::string> seen;
  while (true) {
    const absl::StatusOr<CasePage> page = cases().List(query);
    ASSERT_TRUE(page.ok());
    for (const RelayCase& one : page->cases) {
      seen.push_back(one.target.address.ToString());
    }
    if (page->next_cursor.empty()) break;
    query.cursor = page->next_cursor;
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"11.0.1.1", "11.0.2.1", "11.0.3.1",
                                            "11.0.4.1", "11.0.5.1"}));
  query.cursor.clear();
  query.listed = true;
  EXPECT_TRUE(cases().List(query)->cases.empty());
}

TEST_F(RelayCasesTest, LeasesChangeNoAnswersAndMoveNoSequence) {
  ASSERT_TRUE(Report("11.0.0.7").ok());
  const auto view = publisher_->view();
  ASSERT_EQ(Lease().size(), 1u);
  EXPECT_EQ(publisher_->view(), view);
}

TEST_F(RelayCasesTest, WithoutConfigurationNothingIsTested) {
  ASSERT_TRUE(cases().Configure({}).ok());
  EXPECT_EQ(Report("11.0.0.7").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(cases().Lease(1).ok());
}

TEST_F(RelayCasesTest, AnOldIdleCaseIsForgotten) {
  ASSERT_TRUE(Report("11.0.0.7").ok());
  ASSERT_TRUE(cases().AddOptOut({Address("11.0.0.7"), 0, "bob", ""}).ok());
  EXPECT_TRUE(Lease().empty());
  clock_.Advance(settings_.policy.keep_seconds);
  EXPECT_TRUE(Soon([&] {
    const auto found = cases().Find(Address("11.0.0.7"));
    return found.ok() && !found->has_value();
  }));
}

}  // namespace
}  // namespace rbld
