#include "tools/compare/names_source.h"

#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dns/mnemonics.h"
#include "dns/name.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

struct Outcome {
  std::vector<std::string> questions;  // "name. TYPE"
  std::vector<std::string> left_out;
};

Outcome Read(const std::string& text, const std::string& zone = "") {
  std::istringstream in(text);
  NamesSource source(*Input::Open("-", &in), {1, 16},
                     zone.empty() ? "" : *NameFromText(zone));
  Outcome outcome;
  Question question;
  while (true) {
    const absl::StatusOr<bool> more = source.Next(&question);
    EXPECT_TRUE(more.ok()) << more.status();
    if (!more.ok() || !*more) break;
    outcome.questions.push_back(absl::StrCat(NameToText(question.name), " ",
                                             RrTypeText(question.type)));
  }
  outcome.left_out = source.left_out().first;
  return outcome;
}

TEST(NamesSource, ReadsNamesTypesAndComments) {
  const Outcome outcome = Read(
      "# a comment\n\n"
      "A.Test\n"
      "  b.test.\tns,SOA any # and why\r\n"
      "c.test TYPE65280");
  EXPECT_EQ(
      "a.test. A|a.test. TXT|b.test. NS|b.test. SOA|b.test. ANY|"
      "c.test. TYPE65280",
      absl::StrJoin(outcome.questions, "|"));
  EXPECT_TRUE(outcome.left_out.empty());
}

TEST(NamesSource, TakesAddressesForNamesOfTheZone) {
  EXPECT_EQ(
      "1.2.0.192.bl.test. A|1.2.0.192.bl.test. TXT|"
      "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
      "bl.test. A",
      absl::StrJoin(Read("192.0.2.1\n2001:db8::1 A\n", "bl.test").questions,
                    "|"));
}

TEST(NamesSource, LeavesOutWhatIsNoQuestionAndSaysWhere) {
  const Outcome outcome =
      Read("a..b\nx.test HUH\n192.0.2.1\n10.0.0.0/8\nx/y/z\ny.test A\n");
  EXPECT_EQ(std::vector<std::string>{"y.test. A"}, outcome.questions);
  ASSERT_EQ(5u, outcome.left_out.size());
  EXPECT_EQ("standard input:1: \"a..b\" is not a name: a label is empty",
            outcome.left_out[0]);
  EXPECT_EQ(0u, outcome.left_out[1].find("standard input:2: \"HUH\""));
  EXPECT_EQ(
      "standard input:3: is an address, not a name; --zone ZONE asks for it in "
      "that zone",
      outcome.left_out[2]);
}

}  // namespace
}  // namespace rbld
