#include "control/relay_codec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

const std::string kKey(kTokenKeyBytes, 'k');

IpPrefix Prefix(absl::string_view text) { return ParseIpPrefix(text).value(); }

// Over the wire, as text.
Json Sent(const Json& json) { return ParseJson(JsonText(json)).value(); }

std::string TokenOf(TokenKind kind, FormId form) {
  return SignToken(kKey, {Prefix("192.0.2.1"), 25},
                   {7, kind, form, 1'800'000'000});
}

template <typename T>
void ExpectError(const absl::StatusOr<T>& result, absl::string_view part) {
  ASSERT_FALSE(result.ok()) << part;
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(result.status().message(), part))
      << result.status();
}

LeasedSession SomeLease() {
  LeasedSession session;
  session.target = {Prefix("2001:db8::1"), 2525};
  session.test = kMaxTestId;
  session.session = 3;
  session.until = 1'800'001'500;
  session.max_messages = 2;
  for (const FormId form : {FormId{0}, FormId{kFormCount - 1}}) {
    session.probes.push_back({form, TokenOf(TokenKind::kRecipient, form),
                              TokenOf(TokenKind::kSender, form)});
  }
  return session;
}

FinishedSession SomeResult() {
  FinishedSession session;
  session.target = {Prefix("192.0.2.1"), 25};
  session.report.test = 7;
  session.report.session = 1;
  session.report.end = SessionEnd::kCut;
  session.report.outcomes = {{4, FormOutcome::kRefused},
                             {0, FormOutcome::kNotAsked}};
  session.transcript = "S: 220 hi\r\nC: EHLO a\r\n";
  session.tester = "2001:db8::53";
  return session;
}

TEST(RelayCodec, LeasesGoRound) {
  EXPECT_EQ(LeaseRequestFromJson(Sent(LeaseRequestToJson(17))).value(), 17);
  const LeasedSession lease = SomeLease();
  const std::vector<LeasedSession> read =
      LeaseReplyFromJson(Sent(LeaseReplyToJson({lease, lease}))).value();
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[1].target, lease.target);
  EXPECT_EQ(read[1].test, lease.test);
  EXPECT_EQ(read[1].session, 3);
  EXPECT_EQ(read[1].until, lease.until);
  EXPECT_EQ(read[1].max_messages, 2);
  ASSERT_EQ(read[1].probes.size(), 2u);
  EXPECT_EQ(read[1].probes[1].form, kFormCount - 1);
  EXPECT_EQ(read[1].probes[1].token, lease.probes[1].token);
  EXPECT_EQ(read[1].probes[1].sender_token, lease.probes[1].sender_token);
  EXPECT_TRUE(LeaseReplyFromJson(Sent(LeaseReplyToJson({}))).value().empty());
}

TEST(RelayCodec, ResultsGoRound) {
  const FinishedSession result = SomeResult();
  const Json wire = Sent(ResultsRequestToJson({result}));
  EXPECT_EQ(wire["sessions"][0]["outcomes"][0]["form"], "percent-host");
  EXPECT_EQ(wire["sessions"][0]["outcomes"][1]["outcome"], "not asked");
  EXPECT_EQ(wire["sessions"][0]["end"], "cut");
  const std::vector<FinishedSession> read =
      ResultsRequestFromJson(wire).value();
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].target, result.target);
  EXPECT_EQ(read[0].report.test, 7u);
  EXPECT_EQ(read[0].report.session, 1);
  EXPECT_EQ(read[0].report.end, SessionEnd::kCut);
  EXPECT_EQ(read[0].report.outcomes, result.report.outcomes);
  EXPECT_EQ(read[0].transcript, result.transcript);
  EXPECT_EQ(read[0].tester, "2001:db8::53");
  EXPECT_EQ(
      ResultsReplyFromJson(Sent(ResultsReplyToJson({true, false}))).value(),
      (std::vector<bool>{true, false}));
}

TEST(RelayCodec, WhateverAServerSaidCanBeSent) {
  FinishedSession result = SomeResult();
  result.transcript = std::string("S: 220 \xff\xfe\0\x01\r\n", 13);
  std::vector<FinishedSession> read =
      ResultsRequestFromJson(Sent(ResultsRequestToJson({result}))).value();
  EXPECT_EQ(read[0].transcript,
            std::string("S: 220 \xef\xbf\xbd\xef\xbf\xbd\0\x01\r\n", 17));
  // Too much is cut, and never inside a character.
  for (const std::string& piece :
       {std::string("x"), std::string("\xff"), std::string("a\xc3\xa4"),
        std::string("\xf0\x9f\x93\xa7")}) {
    result.transcript.clear();
    while (result.transcript.size() <= kMaxTranscriptBytes + 9) {
      result.transcript += piece;
    }
    read = ResultsRequestFromJson(Sent(ResultsRequestToJson({result}))).value();
    EXPECT_LE(read[0].transcript.size(), kMaxTranscriptBytes);
    EXPECT_GE(read[0].transcript.size(), kMaxTranscriptBytes - 4);
  }
}

TEST(RelayCodec, TokensAndArrivalsGoRound) {
  const std::string token = TokenOf(TokenKind::kSender, 4);
  EXPECT_EQ(TokenRequestFromJson(Sent(TokenRequestToJson(token))).value(),
            token);
  for (const TokenState state :
       {TokenState::kValid, TokenState::kNoToken, TokenState::kForged,
        TokenState::kExpired, TokenState::kReplayed}) {
    TokenCheck check;
    check.state = state;
    check.token.kind = TokenKind::kSender;
    check.token.form = 4;
    const TokenReply reply =
        TokenReplyFromJson(Sent(TokenReplyToJson(check))).value();
    EXPECT_EQ(reply.state, state);
    const bool known =
        state != TokenState::kNoToken && state != TokenState::kForged;
    EXPECT_EQ(reply.kind.has_value(), known);
    EXPECT_EQ(reply.form.has_value(), known);
    if (!known) continue;
    EXPECT_EQ(*reply.kind, TokenKind::kSender);
    EXPECT_EQ(*reply.form, 4);
  }
  const Arrival arrival = {token, Prefix("192.0.2.9"), "Subject: a\n\nb\n"};
  const Arrival read =
      ArrivalRequestFromJson(Sent(ArrivalRequestToJson(arrival))).value();
  EXPECT_EQ(read.token, token);
  EXPECT_EQ(read.peer, arrival.peer);
  EXPECT_EQ(read.message, arrival.message);
  ArrivalResult result;
  result.check.state = TokenState::kValid;
  for (const Verdict verdict : {Verdict::kNone, Verdict::kMultihop}) {
    result.verdict = verdict;
    EXPECT_EQ(ArrivalReplyFromJson(Sent(ArrivalReplyToJson(result))).value(),
              (ArrivalReply{TokenState::kValid, verdict}));
  }
}

TEST(RelayCodec, ProvenAndSettingsGoRound) {
  const std::vector<uint64_t> tests = {1, kMaxTestId};
  EXPECT_EQ(ProvenRequestFromJson(Sent(ProvenRequestToJson(tests))).value(),
            tests);
  EXPECT_EQ(ProvenReplyFromJson(Sent(ProvenReplyToJson(tests))).value(), tests);
  EXPECT_TRUE(ProvenReplyFromJson(Sent(ProvenReplyToJson({}))).value().empty());
  const TesterSettings settings = {
      "relay.example.org",
      "https://relay.example.org/",
      "postmaster@relay.example.org",
      2525,
      {Prefix("192.0.2.0/24")},
      {Prefix("2001:db8::/32"), Prefix("10.0.0.1")}};
  EXPECT_EQ(
      TesterSettingsFromJson(Sent(TesterSettingsToJson(settings))).value(),
      settings);
}

TEST(RelayCodec, ReportsAndOptOutsGoRound) {
  const RelayReportRequest report = {Prefix("192.0.2.1"), "alice", "spam"};
  const RelayReportRequest read =
      RelayReportRequestFromJson(Sent(RelayReportRequestToJson(report)))
          .value();
  EXPECT_EQ(read.target, report.target);
  EXPECT_EQ(read.reporter, "alice");
  EXPECT_EQ(read.note, "spam");
  EXPECT_EQ(
      RecheckRequestFromJson(Sent(RecheckRequestToJson(report.target))).value(),
      report.target);
  const OptOutRequest opt_out = {true, Prefix("192.0.2.0/24"), "asked"};
  const OptOutRequest again =
      OptOutRequestFromJson(Sent(OptOutRequestToJson(opt_out))).value();
  EXPECT_TRUE(again.add);
  EXPECT_EQ(again.prefix, opt_out.prefix);
  EXPECT_EQ(again.note, "asked");
  EXPECT_FALSE(OptOutRequestFromJson(
                   Sent(OptOutRequestToJson({false, opt_out.prefix, ""})))
                   ->add);
  const std::vector<RelayOptOut> all = {
      {Prefix("192.0.2.0/24"), 1'800'000'000, "uid:1", "asked"}};
  EXPECT_EQ(OptOutsFromJson(Sent(OptOutsToJson(all))).value(), all);
}

TEST(RelayCodec, MistakesInRequestsAreNamedWithTheirPlace) {
  const auto json = [](absl::string_view text) {
    return ParseJson(text).value();
  };
  ExpectError(RelayReportRequestFromJson(json("{}")), "target: missing");
  ExpectError(RelayReportRequestFromJson(json(R"({"target":"192.0.2.0/24"})")),
              "target: 192.0.2.0/24 is a network");
  ExpectError(RelayReportRequestFromJson(json(R"({"target":"mx.test"})")),
              "target: ");
  ExpectError(RelayReportRequestFromJson(
                  json(R"({"target":"192.0.2.1","note":"a\nb"})")),
              "note: holds a control character");
  ExpectError(
      RelayReportRequestFromJson(json(R"({"target":"192.0.2.1","nota":"a"})")),
      "nota: is no key here");
  ExpectError(OptOutRequestFromJson(json(R"({"prefix":"192.0.2.1"})")),
              "verb: must be add or remove");
  ExpectError(OptOutRequestFromJson(
                  json(R"({"verb":"remove","prefix":"192.0.2.1","note":"x"})")),
              "note: only an \"add\"");
  for (const char* limit : {"0", "1001", "-1", "\"5\"", "1.5"}) {
    ExpectError(
        LeaseRequestFromJson(json(absl::StrCat("{\"limit\":", limit, "}"))),
        "limit: must be a whole number");
  }
  ExpectError(ProvenRequestFromJson(json("{}")), "tests: must be an array");
  ExpectError(ProvenRequestFromJson(json(R"({"tests":[1,0]})")),
              "tests[1]: must be a whole number from 1");
  ExpectError(ProvenRequestFromJson(json(R"({"tests":[1,"a"]})")),
              "tests[1]: must be a test's number");
  ExpectError(TokenRequestFromJson(json("{}")), "token: missing");
  ExpectError(ArrivalRequestFromJson(json(R"({"peer":"192.0.2.1"})")),
              "token: missing");
  ExpectError(
      ArrivalRequestFromJson(json(R"({"token":"x","peer":"192.0.2.0/24"})")),
      "peer: 192.0.2.0/24 is a network");
}

TEST(RelayCodec, WithoutAConnectionNoTestersAddressIsTold) {
  FinishedSession result = SomeResult();
  result.report.end = SessionEnd::kUnreachable;
  result.tester.clear();
  const absl::StatusOr<std::vector<FinishedSession>> read =
      ResultsRequestFromJson(Sent(ResultsRequestToJson({result})));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)[0].tester, "");
}

TEST(RelayCodec, MistakesInResultsAreNamedWithTheirPlace) {
  const Json good = Sent(ResultsRequestToJson({SomeResult(), SomeResult()}));
  const auto with = [&good](const char* key, const Json& value) {
    Json json = good;
    json["sessions"][1][key] = value;
    return ResultsRequestFromJson(json);
  };
  ASSERT_TRUE(ResultsRequestFromJson(good).ok());
  ExpectError(with("target", "192.0.2"), "sessions[1].target: ");
  ExpectError(with("port", 0), "sessions[1].port: must be");
  ExpectError(with("port", 65536), "sessions[1].port: must be");
  ExpectError(with("test", 0), "sessions[1].test: must be");
  ExpectError(with("test", kMaxTestId + 1), "sessions[1].test: must be");
  ExpectError(with("session", 0), "sessions[1].session: must be");
  ExpectError(with("end", "over"),
              "sessions[1].end: must be one of: done, cut, unreachable, lost");
  ExpectError(with("tester", "me"), "sessions[1].tester: ");
  ExpectError(with("transcript", std::string(kMaxTranscriptBytes + 1, 'x')),
              "sessions[1].transcript: 65537 bytes long; send at most 65536");
  ExpectError(with("outcomes", nullptr),
              "sessions[1].outcomes: must be an array");
  Json outcomes = good["sessions"][1]["outcomes"];
  outcomes[1]["outcome"] = "fine";
  ExpectError(with("outcomes", outcomes),
              "sessions[1].outcomes[1].outcome: must be one of: not asked");
  outcomes = good["sessions"][1]["outcomes"];
  outcomes[1]["form"] = "percent";
  EXPECT_TRUE(with("outcomes", outcomes).ok());
  outcomes[1]["form"] = "per-cent";
  ExpectError(with("outcomes", outcomes),
              "sessions[1].outcomes[1].form: there is no form \"per-cent\"");
  outcomes[1]["form"] = "percent-host";
  ExpectError(with("outcomes", outcomes),
              "sessions[1].outcomes: percent-host stands there twice");
}

TEST(RelayCodec, ATesterTakesNoLeaseThatCouldBreakADialogue) {
  const Json good = Sent(LeaseReplyToJson({SomeLease()}));
  ASSERT_TRUE(LeaseReplyFromJson(good).ok());
  Json bad = good;
  bad["sessions"][0]["probes"][1]["token"] = "a\r\nDATA";
  ExpectError(LeaseReplyFromJson(bad),
              "sessions[0].probes[1].token: is no token");
  bad = good;
  bad["sessions"][0]["until"] = "soon";
  ExpectError(LeaseReplyFromJson(bad), "sessions[0].until: ");
  bad = good;
  bad["sessions"][0]["max_messages"] = 23;
  ExpectError(LeaseReplyFromJson(bad), "sessions[0].max_messages: must be");
}

}  // namespace
}  // namespace rbld
