#include "control/json.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace rbld {
namespace {

std::string ErrorOf(absl::string_view text) {
  return std::string(ParseJson(text).status().message());
}

TEST(ParseJson, ReadsWhatJsonTextWrites) {
  const std::string text =
      R"({"b":[1,-2,2.5,true,false,null],"a":{"x":"\u00e9\"\\"}})";
  const absl::StatusOr<Json> json = ParseJson(text);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(JsonText(*json),
            "{\"b\":[1,-2,2.5,true,false,null],\"a\":{\"x\":\"é\\\"\\\\\"}}");
}

TEST(ParseJson, KeepsNumbersOf64Bits) {
  EXPECT_EQ(*ParseJson("18446744073709551615"),
            Json(uint64_t{18446744073709551615u}));
}

TEST(ParseJson, RefusesKeyThatStandsTwice) {
  EXPECT_EQ(ErrorOf(R"({"dry_run":true,"x":{},"dry_run":false})"),
            "the key \"dry_run\" stands twice in one object");
  EXPECT_TRUE(ParseJson(R"([{"a":1},{"a":2},{"b":{"a":3},"a":4}])").ok());
}

TEST(ParseJson, RefusesDeepNestingInLinearTime) {
  for (const char* opening : {"[", "{\"a\":"}) {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += opening;
    EXPECT_EQ(ErrorOf(text), "nested deeper than 16");
  }
}

TEST(ParseJson, TakesTheDeepestNestingThatIsAllowed) {
  const std::string open(kMaxJsonDepth, '[');
  const std::string close(kMaxJsonDepth, ']');
  EXPECT_TRUE(ParseJson(open + close).ok());
  EXPECT_FALSE(ParseJson("[" + open + close + "]").ok());
}

TEST(ParseJson, ReadsObjectsOfManyKeysInLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) {
    text += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":0";
  }
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(ParseJson(text + "}").ok());
  // Quadratic work would take minutes.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(ParseJson, RefusesBytesThatAreNoUtf8) {
  for (const char* bad : {"\"\xff\"", "\"\xc3\"", "\"\xc0\xaf\"",
                          "\"\xed\xa0\x80\"", R"("\ud800")", "\"\x01\""}) {
    EXPECT_FALSE(ParseJson(bad).ok()) << bad;
  }
}

TEST(ParseJson, RefusesNumbersThatAreNone) {
  for (const char* bad : {"NaN", "-NaN", "Infinity", "-Infinity", "1e999", "01",
                          "+1", ".5", "1.", "0x10", "--1"}) {
    EXPECT_FALSE(ParseJson(bad).ok()) << bad;
  }
}

TEST(ParseJson, RefusesWhatIsCutShortOrGoesOn) {
  for (const char* bad :
       {"", " ", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "[1,", "\"abc", "tru",
        "{} {}", "[] x", "{,}", "[1,]", "{\"a\":1,}", "{a:1}", "'a'"}) {
    EXPECT_FALSE(ParseJson(bad).ok()) << bad;
  }
}

TEST(ParseJson, NamesThePlaceOfAnError) {
  EXPECT_NE(ErrorOf("{\"a\": nope}").find("byte 8"), std::string::npos)
      << ErrorOf("{\"a\": nope}");
}

TEST(JsonText, ReplacesBytesThatAreNoUtf8) {
  EXPECT_EQ(JsonText(Json(std::string("a\xff"))), "\"a\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace rbld
