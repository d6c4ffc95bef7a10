#include "tests/bench/query_set.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

QuerySet Parsed(absl::string_view text) {
  absl::StatusOr<QuerySet> set = QuerySet::Parse(text);
  EXPECT_TRUE(set.ok()) << set.status();
  return *std::move(set);
}

std::string Message(const QuerySet& set, uint32_t query, uint16_t id) {
  std::string out(set.QueryBytes(query), '?');
  set.Write(query, id, reinterpret_cast<uint8_t*>(out.data()));
  return out;
}

bool HasQuestion(const QuerySet& set, uint32_t query,
                 absl::string_view message) {
  return set.HasQuestion(
      query, reinterpret_cast<const uint8_t*>(message.data()), message.size());
}

std::string Error(absl::string_view text) {
  const absl::StatusOr<QuerySet> set = QuerySet::Parse(text);
  return set.ok() ? "none" : std::string(set.status().message());
}

TEST(QuerySet, WritesAWholeMessage) {
  const QuerySet set = Parsed("2.0.0.127.z.test TXT\n");
  EXPECT_EQ(std::string("\x12\x34\1\0\0\1\0\0\0\0\0\0", 12) +
                std::string("\1"
                            "2\1"
                            "0\1"
                            "0\3"
                            "127\1z\4test\0\0\x10\0\1",
                            22),
            Message(set, 0, 0x1234));
}

TEST(QuerySet, KeepsTheOrderAndGoesRound) {
  const QuerySet set =
      Parsed("# a comment\na.test A\n\n  bb.test\taaaa \r\n; another\n. NS");
  ASSERT_EQ(3u, set.count());
  const uint32_t second = set.Next(0);
  const uint32_t third = set.Next(second);
  EXPECT_EQ(0u, set.Next(third));
  EXPECT_EQ(std::string("\1a\4test\0\0\1\0\1", 12),
            Message(set, 0, 7).substr(kHeaderBytes));
  EXPECT_EQ(std::string("\2bb\4test\0\0\x1c\0\1", 13),
            Message(set, second, 7).substr(kHeaderBytes));
  EXPECT_EQ(std::string("\0\0\2\0\1", 5),
            Message(set, third, 7).substr(kHeaderBytes));
}

TEST(QuerySet, TellsItsQuestionFromOthers) {
  const QuerySet set = Parsed("a.test A\nb.test A\na.test TXT\n");
  const uint32_t second = set.Next(0);
  const std::string first = Message(set, 0, 1);
  EXPECT_TRUE(HasQuestion(set, 0, first));
  EXPECT_TRUE(HasQuestion(set, 0, first + "an answer"));
  EXPECT_FALSE(HasQuestion(set, second, first));
  EXPECT_FALSE(HasQuestion(set, set.Next(second), first));
  EXPECT_FALSE(HasQuestion(set, 0, first.substr(0, first.size() - 1)));
}

TEST(QuerySet, ReadsTypes) {
  const QuerySet set = Parsed("a.test TYPE257\na.test any\na.test.\tMX");
  const uint32_t second = set.Next(0);
  EXPECT_EQ(std::string("\1\1\0\1", 4), Message(set, 0, 1).substr(20));
  EXPECT_EQ(std::string("\0\xff\0\1", 4), Message(set, second, 1).substr(20));
  EXPECT_EQ(std::string("\0\x0f\0\1", 4),
            Message(set, set.Next(second), 1).substr(20));
}

TEST(QuerySet, TheLongestNameHasRoom) {
  std::string name;
  for (int i = 0; i < 3; ++i) name += std::string(63, 'a') + ".";
  const QuerySet set = Parsed(name + std::string(61, 'b') + " A");
  EXPECT_EQ(kMaxQueryBytes, set.QueryBytes(0));
  EXPECT_TRUE(
      absl::StrContains(Error(name + std::string(62, 'b') + " A"), "255"));
}

TEST(QuerySet, NamesTheBadLine) {
  EXPECT_EQ("line 2: 'a..test': an empty label",
            Error("a.test A\na..test A\n"));
  EXPECT_EQ("line 1: '.a': an empty label", Error(".a A"));
  EXPECT_EQ("line 1: the type 'AX' is not known", Error("a.test AX"));
  EXPECT_EQ("line 1: the type '' is not known", Error("a.test"));
  EXPECT_EQ("line 1: the type 'TYPE65536' is not known",
            Error("a.test TYPE65536"));
  EXPECT_EQ("line 1: more than a name and a type", Error("a.test A B"));
  EXPECT_EQ("line 1: 'a\\.b': escapes are not supported", Error("a\\.b A"));
  EXPECT_TRUE(absl::StrContains(Error(std::string(64, 'a') + " A"), "63"));
  EXPECT_EQ("no queries in it", Error("# only a comment\n"));
}

TEST(QuerySet, TakesThirtySevenBytesForANameOfThirty) {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    absl::StrAppend(&text, 100 + i % 100, ".", 100 + i / 100,
                    ".100.200.relays.of.test A\n");
  }
  const QuerySet set = Parsed(text);
  EXPECT_EQ(1000u, set.count());
  EXPECT_EQ(37u * 1000, set.bytes());
}

}  // namespace
}  // namespace rbld
