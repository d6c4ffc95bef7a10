#include "tests/bench/histogram.h"

#include "gtest/gtest.h"

namespace rbld {
namespace {

constexpr int64_t kMicrosecond = 1000;
constexpr int64_t kSecond = 1'000'000'000;

TEST(Histogram, IsZeroWithoutTimes) {
  Histogram none;
  EXPECT_EQ(0u, none.count());
  EXPECT_EQ(0u, none.PercentileNs(0.5));
  EXPECT_EQ(0u, none.max_ns());
  EXPECT_EQ(0, none.MeanNs());
}

TEST(Histogram, ShortTimesAreExact) {
  for (int64_t ns = 0; ns < 128; ++ns) {
    Histogram one;
    one.Add(ns);
    one.Add(kSecond);  // or the longest time would hide the bucket's end
    EXPECT_EQ(static_cast<uint64_t>(ns), one.PercentileNs(0.5));
  }
}

TEST(Histogram, EachTimeIsWithinASixtyFourthFromBelow) {
  for (int64_t ns = kMicrosecond; ns < 100 * kSecond; ns += ns / 97) {
    for (const int64_t near : {ns - 1, ns, ns + 1}) {
      Histogram one;
      one.Add(near);
      one.Add(1000 * kSecond);
      const auto seen = static_cast<int64_t>(one.PercentileNs(0.5));
      ASSERT_LE(near, seen);
      ASSERT_LE(seen - near, near / 64) << near;
    }
  }
}

TEST(Histogram, BucketsLeaveNoGapAtDoublings) {
  for (int bits = 7; bits < 40; ++bits) {
    const int64_t edge = int64_t{1} << bits;
    Histogram both;
    both.Add(edge - 1);
    both.Add(edge);
    EXPECT_EQ(static_cast<uint64_t>(edge - 1), both.PercentileNs(0.5));
    EXPECT_EQ(static_cast<uint64_t>(edge), both.PercentileNs(1));
  }
}

TEST(Histogram, PercentilesCountFromTheSmallest) {
  Histogram all;
  for (int64_t i = 1; i <= 1000; ++i) all.Add(i * kMicrosecond);
  EXPECT_EQ(1000u, all.count());
  EXPECT_NEAR(500e3, static_cast<double>(all.PercentileNs(0.5)), 500e3 / 64);
  EXPECT_NEAR(990e3, static_cast<double>(all.PercentileNs(0.99)), 990e3 / 64);
  EXPECT_NEAR(999e3, static_cast<double>(all.PercentileNs(0.999)), 999e3 / 64);
  EXPECT_EQ(1000u * 1000, all.PercentileNs(1));
  EXPECT_NEAR(1e3, static_cast<double>(all.PercentileNs(0)), 1e3 / 64);
  EXPECT_DOUBLE_EQ(500.5e3, all.MeanNs());
}

TEST(Histogram, OneSlowAnswerInAThousandIsSeenInTheLastTenthOfAPercent) {
  Histogram all;
  for (int i = 0; i < 998; ++i) all.Add(10 * kMicrosecond);
  all.Add(5 * kSecond);
  all.Add(5 * kSecond);
  EXPECT_LT(all.PercentileNs(0.99), 11u * kMicrosecond);
  EXPECT_EQ(5u * kSecond, all.PercentileNs(0.999));
}

TEST(Histogram, TimesOutOfRangeAreKept) {
  Histogram all;
  all.Add(-5);
  all.Add(5000 * kSecond);
  EXPECT_EQ(0u, all.PercentileNs(0.5));
  EXPECT_EQ(5000u * kSecond, all.PercentileNs(1));
  EXPECT_EQ(5000u * kSecond, all.max_ns());
}

TEST(Histogram, JsonIsInMicroseconds) {
  Histogram all;
  all.Add(0);
  EXPECT_EQ(R"({"mean":0.000,"p50":0.000,"p90":0.000,"p99":0.000,)"
            R"("p99_9":0.000,"max":0.000})",
            HistogramJson(all));
  all.Add(2 * kMicrosecond);
  EXPECT_NE(std::string::npos, HistogramJson(all).find(R"("mean":1.000,)"));
  EXPECT_NE(std::string::npos, HistogramJson(all).find(R"("max":2.000)"));
}

}  // namespace
}  // namespace rbld
