#include "control/time_text.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace rbld {
namespace {

constexpr int64_t kNow = 1'800'000'000;  // 2027-01-15 08:00:00 UTC

TEST(ParseExpiry, CountsDurationsFromNow) {
  EXPECT_EQ(*ParseExpiry("30d", kNow), kNow + 30 * 86400);
  EXPECT_EQ(*ParseExpiry("90s", kNow), kNow + 90);
  EXPECT_EQ(*ParseExpiry("2w", kNow), kNow + 14 * 86400);
}

TEST(ParseExpiry, ReadsDatesAndTimes) {
  EXPECT_EQ(*ParseExpiry("2027-01-16", kNow), 1800057600);
  EXPECT_EQ(*ParseExpiry("2027-01-15T08:00:01Z", kNow), kNow + 1);
  EXPECT_EQ(*ParseExpiry("2027-01-15T10:00:01+02:00", kNow), kNow + 1);
}

TEST(ParseExpiry, ReadsNeverAsZero) {
  EXPECT_EQ(*ParseExpiry("never", kNow), 0);
}

TEST(ParseExpiry, RefusesThePast) {
  for (const char* past :
       {"2027-01-15T08:00:00Z", "2026-12-31", "1970-01-01"}) {
    const auto result = ParseExpiry(past, kNow);
    ASSERT_FALSE(result.ok()) << past;
    EXPECT_NE(result.status().message().find("past"), std::string::npos);
  }
}

TEST(ParseExpiry, RefusesWhatCouldMeanAnything) {
  for (const char* bad : {"", "30", "0d", "-1d", "d", "1x", "tomorrow", "1.5d",
                          "2027-13-01", "2027-02-30", "99999999999999999999d",
                          "Never", " 1d", "infinite-future"}) {
    EXPECT_FALSE(ParseExpiry(bad, kNow).ok()) << bad;
  }
}

TEST(FormatSpan, UsesTheUnitThatFits) {
  EXPECT_EQ(FormatSpan(0), "0 s");
  EXPECT_EQ(FormatSpan(119), "119 s");
  EXPECT_EQ(FormatSpan(120), "2 min");
  EXPECT_EQ(FormatSpan(7200), "2 h");
  EXPECT_EQ(FormatSpan(86400 * 3), "3 d");
  EXPECT_EQ(FormatSpan(-7200), "-2 h");
}

}  // namespace
}  // namespace rbld
