#include "tools/compare/data_source.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dns/mnemonics.h"
#include "dns/name.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

struct Outcome {
  absl::Status status;
  std::set<std::string> questions;  // "labels TYPE"
  std::vector<std::string> left_out;

  bool Has(const std::string& question) const {
    return questions.count(question) > 0;
  }
};

// With type A only; "@" is the zone.
Outcome Read(const std::string& type, const std::string& text) {
  std::istringstream in(text);
  DataSource source({*ParseDataSpec(absl::StrCat(type, ":-"))},
                    *NameFromText("bl.test"), {1}, &in);
  Outcome outcome;
  Question question;
  while (true) {
    const absl::StatusOr<bool> more = source.Next(&question);
    outcome.status = more.status();
    if (!more.ok() || !*more) break;
    std::string name = NameToText(question.name);
    EXPECT_TRUE(absl::EndsWith(name, "bl.test.")) << name;
    name.resize(name.size() - 8);
    if (!name.empty()) name.pop_back();
    outcome.questions.insert(absl::StrCat(name.empty() ? "@" : name, " ",
                                          RrTypeText(question.type)));
  }
  outcome.left_out = source.left_out().first;
  return outcome;
}

std::string Joined(const Outcome& outcome) {
  return absl::StrJoin(outcome.questions, "|");
}

TEST(DataSource, AsksEndsNeighboursAndPartialNamesOfRanges) {
  // 127.0.0.1 and 127.0.0.2 are the test entries.
  EXPECT_EQ(
      "0.1.10 A|1.0.0.127 A|1.1.10 A|1.10 A|10 A|2.0.0.127 A|4.0.1.10 A|"
      "5.0.1.10 A|5.1.1.10 A|6.1.1.10 A|@ A|@ NS|@ SOA",
      Joined(Read("ip4set", "10.1.0.5-10.1.1.5 why\n")));
  EXPECT_TRUE(Read("ip4set", "10.0.0.0/8\n!10.1.2.3\n").Has("4.2.1.10 A"));
}

TEST(DataSource, StaysInsideTheAddresses) {
  const Outcome outcome = Read("ip4set", "0.0.0.0\n255.255.255.255\n");
  EXPECT_TRUE(outcome.Has("0.0.0.0 A"));
  EXPECT_TRUE(outcome.Has("1.0.0.0 A"));
  EXPECT_TRUE(outcome.Has("254.255.255.255 A"));
  const Outcome six = Read("ip6trie", "::/0\n");
  EXPECT_TRUE(six.status.ok());
  // The two ends, the two test entries, and the zone.
  EXPECT_EQ(4u + 3u, six.questions.size()) << Joined(six);
}

TEST(DataSource, AsksEndsAndPrefixesOfIpv6) {
  const Outcome outcome = Read("ip6trie", "2001:db8::/32 why\n");
  const std::string zeros = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0";
  const std::string ones = "f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f";
  EXPECT_TRUE(outcome.Has(zeros + ".8.b.d.0.1.0.0.2 A")) << Joined(outcome);
  EXPECT_TRUE(outcome.Has(ones + ".8.b.d.0.1.0.0.2 A"));
  EXPECT_TRUE(outcome.Has(ones + ".7.b.d.0.1.0.0.2 A"));
  EXPECT_TRUE(outcome.Has(zeros + ".9.b.d.0.1.0.0.2 A"));
  EXPECT_TRUE(outcome.Has("8.b.d.0.1.0.0.2 A"));
  EXPECT_TRUE(outcome.Has("2 A"));
  EXPECT_EQ(4u + 8u + 2u + 3u, outcome.questions.size()) << Joined(outcome);
}

TEST(DataSource, AsksNamesWhatIsAboveAndBelow) {
  EXPECT_EQ(
      "@ A|@ NS|@ SOA|example.org A|invalid A|org A|sub.example.org A|test A|"
      "x.sub.example.org A",
      Joined(Read("dnset", "*.sub.Example.org\n")));
}

TEST(DataSource, AsksGenericRecordsForTheirOwnType) {
  const Outcome outcome =
      Read("generic", "mail MX 10 mx.test\na.b A 192.0.2.1\n");
  EXPECT_TRUE(outcome.Has("mail MX"));
  EXPECT_TRUE(outcome.Has("mail A"));
  EXPECT_TRUE(outcome.Has("a.b A"));
  EXPECT_TRUE(outcome.Has("b A"));
  EXPECT_FALSE(outcome.Has("b MX"));
}

TEST(DataSource, PutsSectionsOfACombinedFileIntoTheirSubzones) {
  const Outcome outcome = Read(
      "combined",
      "$DATASET ip4set:one list @\n192.0.2.1\n$DATASET dnset names\nspam.org\n"
      "$DATASET generic names\nwww A 192.0.2.2\n");
  EXPECT_TRUE(outcome.Has("1.2.0.192.list A")) << Joined(outcome);
  EXPECT_TRUE(outcome.Has("1.2.0.192 A"));
  EXPECT_TRUE(outcome.Has("list A"));
  EXPECT_TRUE(outcome.Has("spam.org.names A"));
  EXPECT_FALSE(outcome.Has("spam.org A"));
  EXPECT_TRUE(outcome.Has("www.names A"));
}

TEST(DataSource, LeavesBadLinesOutAndRefusesABrokenFile) {
  const Outcome outcome = Read("ip4set", "rubbish\n192.0.2.1\n192.0.2.2");
  EXPECT_TRUE(outcome.status.ok());
  ASSERT_EQ(1u, outcome.left_out.size());
  EXPECT_EQ(0u, outcome.left_out[0].find("standard input:1: "));
  // The last line counts, though no newline ends it.
  EXPECT_TRUE(outcome.Has("2.2.0.192 A"));
  const Outcome broken = Read("combined", "$DATASET huh @\n");
  EXPECT_EQ(0u, broken.status.message().find("standard input:1: \"huh\""));
}

TEST(ParseDataSpec, ReadsTypeAndFilesAndSaysWhatIsWrong) {
  const absl::StatusOr<DataSpec> spec = ParseDataSpec("ip4set:a,b");
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ((std::vector<std::string>{"a", "b"}), spec->files);
  for (const char* bad : {"ip4set", "ip4set:", "huh:a", "acl:a", "a,b"}) {
    EXPECT_FALSE(ParseDataSpec(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace rbld
