#include "tests/bench/schedule.h"

#include "gtest/gtest.h"

namespace rbld {
namespace {

constexpr int64_t kStart = 123'456'789;
constexpr int64_t kSecond = 1'000'000'000;

TEST(Schedule, SpreadsTheQueriesEvenly) {
  const Schedule schedule(kStart, 1000, 5, 1);
  EXPECT_EQ(5000u, schedule.total());
  EXPECT_EQ(kStart, schedule.At(0));
  EXPECT_EQ(kStart + 1'000'000, schedule.At(1));
  EXPECT_EQ(kStart + kSecond, schedule.At(1000));
  EXPECT_EQ(kStart + 5 * kSecond - 1'000'000, schedule.At(4999));
}

TEST(Schedule, NothingIsDueBeforeItsTimeAndAllAfterTheEnd) {
  const Schedule schedule(kStart, 1000, 5, 1);
  EXPECT_EQ(0u, schedule.Due(0));
  EXPECT_EQ(0u, schedule.Due(kStart - 1));
  EXPECT_EQ(1u, schedule.Due(kStart));
  EXPECT_EQ(1u, schedule.Due(kStart + 999'999));
  EXPECT_EQ(2u, schedule.Due(kStart + 1'000'000));
  EXPECT_EQ(5000u, schedule.Due(kStart + 5 * kSecond));
  EXPECT_EQ(5000u, schedule.Due(kStart + 500 * kSecond));
}

// Rates that do not divide a second, and bursts.
TEST(Schedule, DueAgreesWithAtToTheNanosecond) {
  for (const uint64_t rate : {1, 3, 7, 999, 299'993, 1'000'003}) {
    for (const uint64_t burst : {1, 2, 16, 33}) {
      const Schedule schedule(kStart, rate, 3, burst);
      const uint64_t step = schedule.total() / 1000 + 1;
      for (uint64_t i = 0; i < schedule.total(); i += step) {
        const int64_t at = schedule.At(i);
        ASSERT_GT(schedule.Due(at), i) << rate << " " << burst;
        ASSERT_LE(schedule.Due(at - 1), i) << rate << " " << burst;
        if (i > 0) {
          ASSERT_LE(schedule.At(i - 1), at);
        }
      }
    }
  }
}

TEST(Schedule, ABurstLeavesWithItsFirst) {
  const Schedule schedule(0, 1000, 1, 10);
  EXPECT_EQ(0, schedule.At(9));
  EXPECT_EQ(10'000'000, schedule.At(10));
  EXPECT_EQ(10u, schedule.Due(0));
  EXPECT_EQ(10u, schedule.Due(9'999'999));
  EXPECT_EQ(20u, schedule.Due(10'000'000));
}

TEST(Schedule, ALastBurstThatIsNotWholeEndsAtTheTotal) {
  const Schedule schedule(0, 10, 1, 4);
  EXPECT_EQ(10u, schedule.total());
  EXPECT_EQ(8u, schedule.Due(kSecond / 2));
  EXPECT_EQ(10u, schedule.Due(kSecond * 9 / 10));
}

TEST(Schedule, TheLongestOneHasRoom) {
  const uint64_t rate = 5'000'000;
  const Schedule schedule(kStart, rate, kMaxScheduled / rate, 1);
  const uint64_t last = schedule.total() - 1;
  EXPECT_EQ(kMaxScheduled - 1, last);
  EXPECT_EQ(kStart + 2000 * kSecond - 200, schedule.At(last));
  EXPECT_EQ(last + 1, schedule.Due(schedule.At(last)));
  EXPECT_EQ(last, schedule.Due(schedule.At(last) - 1));
}

}  // namespace
}  // namespace rbld
