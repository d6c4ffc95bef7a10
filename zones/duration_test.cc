#include "zones/duration.h"

#include <gtest/gtest.h>

namespace rbld {
namespace {

TEST(Duration, ReadsSecondsAndUnits) {
  EXPECT_EQ(ParseDurationSeconds("0").value(), 0);
  EXPECT_EQ(ParseDurationSeconds("90").value(), 90);
  EXPECT_EQ(ParseDurationSeconds("90s").value(), 90);
  EXPECT_EQ(ParseDurationSeconds("35m").value(), 2100);
  EXPECT_EQ(ParseDurationSeconds("1h30m").value(), 5400);
  EXPECT_EQ(ParseDurationSeconds("30D").value(), 30 * 86400);
  EXPECT_EQ(ParseDurationSeconds("2w").value(), 14 * 86400);
}

TEST(Duration, RejectsWhatIsNone) {
  for (const char* text :
       {"", "d", "-1", "1x", "1.5h", "30m1h", "1h30", "1h1h", " 1",
        "99999999999999999999", "200w99999w", "101000d"}) {
    EXPECT_FALSE(ParseDurationSeconds(text).ok()) << text;
  }
}

TEST(Duration, TextReadsBack) {
  for (const int64_t seconds : {0, 1, 59, 60, 3661, 5400, 86400, 2592000}) {
    EXPECT_EQ(ParseDurationSeconds(DurationText(seconds)).value(), seconds);
  }
  EXPECT_EQ(DurationText(5400), "1h30m");
}

TEST(IsoTime, ReadsUtcAndOffsets) {
  EXPECT_EQ(ParseIsoTime("1970-01-01T00:00:00Z").value(), 0);
  EXPECT_EQ(ParseIsoTime("2024-05-01T12:00:00Z").value(), 1714564800);
  EXPECT_EQ(ParseIsoTime("2024-05-01T14:00:00+02:00").value(), 1714564800);
  EXPECT_EQ(IsoTime(1714564800), "2024-05-01T12:00:00Z");
  EXPECT_EQ(IsoTime(951782399), "2000-02-28T23:59:59Z");
  EXPECT_EQ(IsoTime(951782400), "2000-02-29T00:00:00Z");
  EXPECT_EQ(IsoTime(253402300799), "9999-12-31T23:59:59Z");
}

TEST(IsoTime, RejectsWhatIsNone) {
  for (const char* text :
       {"", "2024-05-01", "2024-05-01T12:00:00", "2024-13-01T12:00:00Z",
        "2024-05-01T12:00:00.5Z", "1969-12-31T23:59:59Z", "infinite-future",
        "2024-05-01 12:00:00Z", "12024-05-01T12:00:00Z"}) {
    EXPECT_FALSE(ParseIsoTime(text).ok()) << text;
  }
}

}  // namespace
}  // namespace rbld
