#include "tools/compare/comparison.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file_util.h"
#include "dns/constants.h"
#include "dns/name.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

const char kName[] = "9.2.0.192.bl.test";
const std::string kCode("\x7f\0\0\2", 4);

ResponseRecord Record(RrType type, const std::string& rdata,
                      uint32_t ttl_seconds = 300) {
  return {*NameFromText(kName), static_cast<uint16_t>(type), kClassIn,
          ttl_seconds, rdata};
}

ResponseRecord Soa(char serial, char refresh = 1, uint32_t ttl_seconds = 60) {
  return Record(
      RrType::kSoa,
      absl::StrCat(*NameFromText("ns.test"), *NameFromText("h.test"),
                   std::string({0, 0, 0, serial}),
                   std::string({0, 0, 0, refresh}), std::string(12, '\0')),
      ttl_seconds);
}

std::string Text(const std::string& text) {
  return static_cast<char>(text.size()) + text;
}

ServerReply Reply(std::vector<ResponseRecord> answers,
                  Rcode rcode = Rcode::kNoError) {
  ServerReply reply;
  reply.state = ServerReply::State::kRead;
  reply.response.rcode = static_cast<uint16_t>(rcode);
  reply.response.flags = kFlagQr | kFlagAa;
  reply.response.answers = std::move(answers);
  return reply;
}

ServerReply Negative(ResponseRecord soa) {
  ServerReply reply = Reply({}, Rcode::kNxDomain);
  reply.response.authorities = {std::move(soa)};
  return reply;
}

ServerReply Silent() { return {}; }

ServerReply Malformed() {
  ServerReply reply;
  reply.state = ServerReply::State::kMalformed;
  reply.problem = "it is cut";
  return reply;
}

// The kinds' names, by commas.
std::string Compare(const ServerReply& old, const ServerReply& fresh,
                    const std::string& name = kName, RrType type = RrType::kA) {
  const DifferenceSet found =
      CompareReplies({*NameFromText(name), static_cast<uint16_t>(type)},
                     {*NameFromText("bl.test")}, old, fresh);
  std::vector<std::string> names;
  for (int i = 0; i < kDifferenceKinds; ++i) {
    const auto kind = static_cast<DifferenceKind>(i);
    if ((found & BitOf(kind)) != 0) names.push_back(DifferenceName(kind));
  }
  return absl::StrJoin(names, ",");
}

TEST(Comparison, FindsNoDifferenceInOrderCaseCopiesAndStrings) {
  const ResponseRecord a = Record(RrType::kA, kCode);
  const ResponseRecord txt = Record(RrType::kTxt, Text("why not"));
  const ResponseRecord split = Record(RrType::kTxt, Text("why ") + Text("not"));
  EXPECT_EQ("", Compare(Reply({a, txt}), Reply({split, a, a})));
  EXPECT_EQ("", Compare(Negative(Soa(1)), Negative(Soa(1))));
  EXPECT_EQ("",
            Compare(Reply({}, Rcode::kRefused), Reply({}, Rcode::kRefused)));
}

TEST(Comparison, GraveDifferencesStandAlone) {
  const ServerReply listed = Reply({Record(RrType::kA, kCode)});
  const ServerReply no_data = Reply({});
  const ServerReply nxdomain = Reply({}, Rcode::kNxDomain);
  const ServerReply refused = Reply({}, Rcode::kRefused);
  EXPECT_EQ("no-answer", Compare(Silent(), listed));
  EXPECT_EQ("no-answer", Compare(Malformed(), Silent()));
  EXPECT_EQ("no-answer-both", Compare(Silent(), Silent()));
  EXPECT_EQ("malformed", Compare(Malformed(), listed));
  EXPECT_EQ("malformed", Compare(Malformed(), Malformed()));
  EXPECT_EQ("rcode", Compare(refused, listed));
  EXPECT_EQ("rcode", Compare(no_data, refused));
  EXPECT_EQ("only-old", Compare(listed, nxdomain));
  EXPECT_EQ("only-old", Compare(listed, no_data));
  EXPECT_EQ("only-new", Compare(nxdomain, listed));
  EXPECT_EQ("empty-non-terminal", Compare(nxdomain, no_data));
  EXPECT_EQ("name-gone", Compare(no_data, nxdomain));
}

TEST(Comparison, RecordsOfTheAnswer) {
  const ResponseRecord a = Record(RrType::kA, kCode);
  const ResponseRecord txt = Record(RrType::kTxt, Text("why"));
  const std::string other_code("\x7f\0\0\3", 4);
  EXPECT_EQ("a", Compare(Reply({a}), Reply({Record(RrType::kA, other_code)})));
  EXPECT_EQ("a",
            Compare(Reply({a}), Reply({a, Record(RrType::kA, other_code)})));
  EXPECT_EQ("txt",
            Compare(Reply({txt}), Reply({Record(RrType::kTxt, Text("Why"))})));
  EXPECT_EQ("other", Compare(Reply({Record(RrType::kMx, "a")}),
                             Reply({Record(RrType::kMx, "b")})));
  EXPECT_EQ("ttl", Compare(Reply({a}), Reply({Record(RrType::kA, kCode, 5)})));
  EXPECT_EQ("a,ttl", Compare(Reply({a, txt}),
                             Reply({Record(RrType::kA, other_code),
                                    Record(RrType::kTxt, Text("why"), 5)})));
  ResponseRecord elsewhere = a;
  elsewhere.owner = *NameFromText("other.test");
  EXPECT_EQ("a", Compare(Reply({a}), Reply({elsewhere})));
}

TEST(Comparison, AnyMayHaveFewerTypesButNoOtherRecords) {
  const ResponseRecord a = Record(RrType::kA, kCode);
  const ResponseRecord txt = Record(RrType::kTxt, Text("why"));
  const ServerReply both = Reply({a, txt});
  EXPECT_EQ("any", Compare(both, Reply({a}), kName, RrType::kAny));
  EXPECT_EQ("any", Compare(Reply({txt}), both, kName, RrType::kAny));
  EXPECT_EQ("txt", Compare(both, Reply({a})));
  const ServerReply changed = Reply({Record(RrType::kA, "\x7f\1\1\1")});
  EXPECT_EQ("a,txt", Compare(both, changed, kName, RrType::kAny));
}

TEST(Comparison, SoaFlagsAndAuthority) {
  EXPECT_EQ("serial", Compare(Negative(Soa(1)), Negative(Soa(2))));
  EXPECT_EQ("soa", Compare(Negative(Soa(1)), Negative(Soa(2, 3))));
  EXPECT_EQ("negative-ttl", Compare(Negative(Soa(1)), Negative(Soa(1, 1, 99))));
  EXPECT_EQ("soa", Compare(Negative(Soa(1)), Reply({}, Rcode::kNxDomain)));
  // Asked for, it is the answer.
  EXPECT_EQ("serial", Compare(Reply({Soa(1)}), Reply({Soa(2)})));
  EXPECT_EQ("ttl", Compare(Reply({Soa(1)}), Reply({Soa(1, 1, 99)})));

  const ResponseRecord ns = Record(RrType::kNs, *NameFromText("ns.test"));
  ServerReply with_ns = Reply({Record(RrType::kA, kCode)});
  EXPECT_EQ("", Compare(with_ns, with_ns));
  with_ns.response.authorities = {ns};
  EXPECT_EQ("authority", Compare(with_ns, Reply({Record(RrType::kA, kCode)})));
  // Not what the answer has already.
  ServerReply twice = Reply({ns});
  twice.response.authorities = {ns};
  EXPECT_EQ("", Compare(twice, Reply({ns})));

  ServerReply other_flags = Reply({Record(RrType::kA, kCode)});
  const ServerReply usual = other_flags;
  other_flags.udp_truncated = true;
  EXPECT_EQ("flags", Compare(usual, other_flags));
  other_flags = usual;
  other_flags.response.flags = kFlagQr;
  EXPECT_EQ("flags", Compare(usual, other_flags));
}

TEST(Comparison, TestEntriesAreAKindOfTheirOwn) {
  const ServerReply listed = Reply({Record(RrType::kA, kCode)});
  const ServerReply nxdomain = Reply({}, Rcode::kNxDomain);
  for (const char* name :
       {"2.0.0.127.bl.test", "1.0.0.127.sub.bl.test", "test.bl.test",
        "invalid.bl.test",
        "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
        "bl.test"}) {
    EXPECT_EQ("test-entry", Compare(nxdomain, listed, name)) << name;
    EXPECT_EQ("", Compare(listed, listed, name)) << name;
    EXPECT_EQ("no-answer", Compare(listed, Silent(), name)) << name;
    EXPECT_EQ("rcode", Compare(listed, Reply({}, Rcode::kServFail), name));
  }
  for (const char* name : {"3.0.0.127.bl.test", "test.x.bl.test", "test"}) {
    EXPECT_EQ("only-new", Compare(nxdomain, listed, name)) << name;
  }
}

TEST(Comparison, TextsShowWhatDiffers) {
  const ServerReply listed = Reply({Record(RrType::kTxt, Text("b") + Text("c")),
                                    Record(RrType::kA, kCode, 5)});
  EXPECT_EQ("A 127.0.0.2, TXT \"bc\"", ReplyText(listed, DifferenceKind::kA));
  EXPECT_EQ("A 127.0.0.2 (TTL 5), TXT \"bc\" (TTL 300)",
            ReplyText(listed, DifferenceKind::kTtl));
  EXPECT_EQ("A 127.0.0.2, TXT \"bc\", AA",
            ReplyText(listed, DifferenceKind::kFlags));
  EXPECT_EQ("serial 7", ReplyText(Negative(Soa(7)), DifferenceKind::kSerial));
  EXPECT_EQ("TTL 60",
            ReplyText(Negative(Soa(7)), DifferenceKind::kNegativeTtl));
  EXPECT_EQ("SOA ns.test h.test 7 1 0 0 0",
            ReplyText(Negative(Soa(7)), DifferenceKind::kSoa));
  EXPECT_EQ("no SOA", ReplyText(Reply({}), DifferenceKind::kSoa));
  EXPECT_EQ("NXDOMAIN, authority: SOA ns.test h.test 7 1 0 0 0 (TTL 60)",
            ReplyText(Negative(Soa(7)), DifferenceKind::kAuthority));
  EXPECT_EQ("no data", ReplyText(Reply({}), DifferenceKind::kRcode));
  EXPECT_EQ("no answer", ReplyText(Silent(), DifferenceKind::kNoAnswer));
  EXPECT_EQ("malformed: it is cut",
            ReplyText(Malformed(), DifferenceKind::kMalformed));
  EXPECT_EQ("TYPE4711 \\# 2 0102",
            ReplyText(Reply({Record(static_cast<RrType>(4711), "\1\2")}),
                      DifferenceKind::kOther));
}

TEST(Comparison, EveryKindHasItsNameAndIsDocumented) {
  const absl::StatusOr<std::string> guide =
      ReadFile("docs/MIGRATING.md", 1 << 20);
  ASSERT_TRUE(guide.ok()) << guide.status();
  for (int i = 0; i < kDifferenceKinds; ++i) {
    const auto kind = static_cast<DifferenceKind>(i);
    const std::string name = DifferenceName(kind);
    EXPECT_EQ(kind, *ParseDifference(name));
    EXPECT_TRUE(absl::StrContains(*guide, absl::StrCat("| `", name, "` |")))
        << name;
  }
  EXPECT_FALSE(ParseDifference("huh").ok());
}

}  // namespace
}  // namespace rbld
