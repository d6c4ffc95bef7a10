#include "zones/rbldnsd/timestamp.h"

#include <gtest/gtest.h>

namespace rbld {
namespace {

constexpr int64_t kNow = 1714564800;  // 2024-05-01T12:00:00Z

absl::Status Check(absl::string_view text) {
  const absl::StatusOr<TimestampSpecial> stamp = ParseTimestampSpecial(text);
  return stamp.ok() ? CheckTimestamp(*stamp, kNow) : stamp.status();
}

TEST(RbldnsdTimestamp, TakesWhatIsPresent) {
  for (const char* text : {"2024:05:01", "20240501", "2024-05-01-11-59",
                           "20240501120000", "0", "-", "2024:05:01:11 +1h1m",
                           "2024:05:01 2024:05:02", "0 0", "0 2030:01:01"}) {
    EXPECT_TRUE(Check(text).ok()) << text;
  }
}

TEST(RbldnsdTimestamp, RefusesTheFutureAndTheExpired) {
  EXPECT_EQ(Check("2024:05:01:13").message(),
            "$TIMESTAMP 2024-05-01T13:00:00Z lies in the future; check this "
            "machine's clock and the feed's");
  EXPECT_EQ(Check("2024:04:01 +1d").message(),
            "the data expired at 2024-04-02T00:00:00Z ($TIMESTAMP); fetch the "
            "feed again");
  EXPECT_TRUE(absl::IsFailedPrecondition(Check("0 2024:05:01:12")));
  EXPECT_EQ(ParseTimestampSpecial("2024:04:01 +1d")->expires -
                ParseTimestampSpecial("2024:04:01 +1d")->made,
            86400);
}

TEST(RbldnsdTimestamp, RejectsOtherForms) {
  for (const char* text :
       {"", "x", "2024", "2024:13:01", "2024:02:30", "2024:05:01:25",
        "2024:05:01 +x", "2024:05:01 x", "202405011", "2024050112000000"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Check(text))) << text;
  }
}

}  // namespace
}  // namespace rbld
