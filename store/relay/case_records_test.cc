#include "store/relay/case_records.h"

#include <string>

#include "gtest/gtest.h"

namespace rbld {
namespace {

RelayTarget Target(absl::string_view address) {
  return {*ParseIpPrefix(address), 25};
}

RelayCase Full() {
  RelayCase relay;
  relay.target = Target("2001:db8::7");
  relay.created = 1;
  relay.reports = 2;
  relay.last_report = 3;
  RelayTest& test = relay.test.emplace();
  test.id = kMaxTestId;
  test.reason = TestReason::kLateMail;
  test.started = 4;
  test.remaining = {21, 0, 7};
  test.outcomes[1] = FormOutcome::kRefused;
  test.outcomes[21] = FormOutcome::kBounced;
  test.messages = 2;
  test.sessions = 5;
  test.retries = 1;
  test.last_message = 6;
  test.deadline = 7;
  relay.lease = RelayLease{kMaxTestId, 5, 8, 9};
  relay.session_at = 10;
  relay.next_reason = TestReason::kOwner;
  relay.recent_sessions = {11, 12, 13};
  relay.last_session_end = 14;
  relay.listed = true;
  relay.listed_since = 15;
  relay.last_proof = 16;
  relay.proven_form = 8;
  relay.proven_test = 27;
  relay.times_listed = 3;
  relay.retests = 17;
  relay.first_clean = 18;
  relay.delist_at = 19;
  relay.delisted = 20;
  relay.failures = 21;
  relay.first_failure = 22;
  relay.next_owner_request = 23;
  relay.failed_owner_requests = 24;
  relay.follow_up = 2;
  relay.last_test = 25;
  relay.last_tested = 26;
  relay.last_verdict = Verdict::kInconclusive;
  return relay;
}

TEST(CaseRecords, ACaseComesBackAsItWas) {
  RelayCase plain;
  plain.target = Target("192.0.2.7");
  for (const RelayCase& relay : {plain, Full()}) {
    RelayCase read;
    ASSERT_TRUE(ParseCase(CaseKey(relay.target), CaseValue(relay), &read));
    EXPECT_EQ(read, relay);
  }
}

TEST(CaseRecords, ACutCaseIsNotRead) {
  const std::string value = CaseValue(Full());
  const std::string key = CaseKey(Full().target);
  RelayCase read;
  for (size_t bytes = 0; bytes < value.size(); ++bytes) {
    EXPECT_FALSE(ParseCase(key, value.substr(0, bytes), &read)) << bytes;
  }
  EXPECT_FALSE(ParseCase(key, value + "x", &read));
  EXPECT_FALSE(ParseCase(key.substr(0, key.size() - 1), value, &read));
  std::string newer = value;
  newer[0] = 2;
  EXPECT_FALSE(ParseCase(key, newer, &read));
}

TEST(CaseRecords, TheOthersComeBackToo) {
  const RelayTestRecord test = {Target("192.0.2.7"), 1, 2, 0x200001, 0x3};
  RelayTestRecord read_test;
  ASSERT_TRUE(ParseTest(TestValue(test), &read_test));
  EXPECT_EQ(read_test, test);

  const RelayNetwork network = {{1, 2, 3}, 4};
  RelayNetwork read_network;
  ASSERT_TRUE(ParseNetwork(NetworkValue(network), &read_network));
  EXPECT_EQ(read_network, network);

  const RelayOptOut opt_out = {*ParseIpPrefix("192.0.2.0/24"), 5, "bob", "x"};
  RelayOptOut read_opt_out;
  ASSERT_TRUE(ParseOptOut(OptOutKey(opt_out.prefix), OptOutValue(opt_out),
                          &read_opt_out));
  EXPECT_EQ(read_opt_out, opt_out);

  const RelayReporter reporter = {6, 7};
  RelayReporter read_reporter;
  ASSERT_TRUE(ParseReporter(ReporterValue(reporter), &read_reporter));
  EXPECT_EQ(read_reporter, reporter);

  const Evidence evidence = {Target("192.0.2.7"),    8,           9,
                             EvidenceKind::kMessage, "192.0.2.7", "plain",
                             "Received: …\n"};
  Evidence read_evidence;
  ASSERT_TRUE(ParseEvidence(EvidenceKey(evidence.target, 8, 1),
                            EvidenceValue(evidence), &read_evidence));
  EXPECT_EQ(read_evidence, evidence);
}

TEST(CaseRecords, WhatIsDueSortsByKindAndTime) {
  const std::string subject = RelayTargetKey(Target("192.0.2.7"));
  const std::string early = DueKey(DueKind::kSession, 255, subject);
  const std::string late = DueKey(DueKind::kSession, 256, subject);
  EXPECT_LT(early, late);
  EXPECT_LT(early, DueBound(DueKind::kSession, 256));
  EXPECT_GE(late, DueBound(DueKind::kSession, 256));
  EXPECT_LT(DueKey(DueKind::kCaseTimer, 1'000'000, subject), early);
  DueKind kind;
  int64_t time = 0;
  absl::string_view read;
  ASSERT_TRUE(ParseDueKey(late, &kind, &time, &read));
  EXPECT_EQ(kind, DueKind::kSession);
  EXPECT_EQ(time, 256);
  EXPECT_EQ(read, subject);
  EXPECT_FALSE(ParseDueKey(CaseKey(Target("192.0.2.7")), &kind, &time, &read));
}

TEST(CaseRecords, NeighboursShareANetwork) {
  EXPECT_EQ(NetworkOf(Target("192.0.2.7")).ToString(), "192.0.2.0/24");
  EXPECT_EQ(NetworkOf(Target("2001:db8:0:1::7")).ToString(),
            "2001:db8:0:1::/64");
}

}  // namespace
}  // namespace rbld
