#include "store/value.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

using ::testing::HasSubstr;

TEST(Value, NormalizeSortsAndDropsDuplicates) {
  ValueSet values = {{0x7f000003, "b", 0},
                     {0x7f000002, "z", 0},
                     {0x7f000003, "b", 0},
                     {0x7f000003, "a", 60}};
  Normalize(&values);
  EXPECT_EQ(values, (ValueSet{{0x7f000002, "z", 0},
                              {0x7f000003, "a", 60},
                              {0x7f000003, "b", 0}}));
}

TEST(Value, NormalizeKeepsValuesThatDifferOnlyInTtl) {
  ValueSet values = {{0x7f000002, "a", 60}, {0x7f000002, "a", 30}};
  Normalize(&values);
  ASSERT_EQ(values.size(), 2u);
  EXPECT_EQ(values[0].ttl_seconds, 30u);
}

TEST(Value, CodeTextIsWhatParseCodeReads) {
  for (uint32_t code : {0u, 1u, 0x7f000002u, 0xffffffffu, 0x0a141e28u}) {
    const absl::StatusOr<uint32_t> parsed = ParseCode(CodeText(code));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, code);
  }
  EXPECT_EQ(CodeText(0x7f000002), "127.0.0.2");
}

TEST(Value, ParseCodeRejectsAllButDottedQuads) {
  for (const char* text :
       {"", "2", "127.0.0", "127.0.0.", "127.0.0.256", "127.0.0.2.", ".1.2.3.4",
        "127.0.0.02", "127.0.0.2 ", " 127.0.0.2", "127.0.0.2.1", "1.2.3.-4",
        "1..2.3", "1.2.3.4x", "0x7f.0.0.1", "1.2.3.0000"}) {
    EXPECT_EQ(ParseCode(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_THAT(std::string(ParseCode("a\nb").status().message()),
              HasSubstr("\"a\\nb\" is no code"));
}

TEST(Value, CheckReasonTakesTextOfAnyEncodingUpToTheLimit) {
  EXPECT_TRUE(CheckReason("").ok());
  EXPECT_TRUE(CheckReason("open relay, see https://example.org/?ip=$").ok());
  EXPECT_TRUE(CheckReason("gesperrt f\xc3\xbcr $").ok());
  EXPECT_TRUE(CheckReason(std::string(kMaxReasonBytes, 'x')).ok());
  EXPECT_FALSE(CheckReason(std::string(kMaxReasonBytes + 1, 'x')).ok());
}

TEST(Value, CheckReasonNamesTheControlCharacter) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string reason = std::string("ab") + static_cast<char>(byte);
    EXPECT_EQ(CheckReason(reason).ok(), byte >= 0x20 && byte != 0x7f) << byte;
  }
  EXPECT_THAT(std::string(CheckReason("ab\tc").message()),
              HasSubstr("0x09 at byte 3"));
}

TEST(Value, CheckCodeKeepsToTheLoopbackNetwork) {
  EXPECT_TRUE(CheckCode(0x7f000002, false).ok());
  EXPECT_TRUE(CheckCode(0x7fffff00 - 1, false).ok());
  EXPECT_FALSE(CheckCode(0x7f000000, false).ok());
  EXPECT_FALSE(CheckCode(0x7fffff00, false).ok());
  EXPECT_FALSE(CheckCode(0x7fffffff, false).ok());
  EXPECT_FALSE(CheckCode(0x80000001, false).ok());
  EXPECT_FALSE(CheckCode(0x7effffff, false).ok());
}

TEST(Value, CheckCodeTakesAnythingButZeroWhereTheListAllowsIt) {
  EXPECT_TRUE(CheckCode(0x0a000001, true).ok());
  EXPECT_TRUE(CheckCode(0x7fffffff, true).ok());
  EXPECT_FALSE(CheckCode(0, true).ok());
  EXPECT_FALSE(CheckCode(0, false).ok());
}

}  // namespace
}  // namespace rbld
