// Histogram: counts times in log-linear buckets, as HdrHistogram does, and
// tells percentiles of them.
//
// Up to 127 ns each nanosecond has a bucket of its own; above, each doubling is
// split into 64 buckets of one width, so that a bucket is at most 1/64 (1.6 %)
// of the times in it wide. The last one ends at 2^40 ns, 18 minutes; longer
// times are in it. 18 KiB, whatever it counts.
#ifndef RBLD_TESTS_BENCH_HISTOGRAM_H_
#define RBLD_TESTS_BENCH_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

namespace rbld {

class Histogram {
 public:
  // A time below zero counts as zero.
  void Add(int64_t ns) {
    const uint64_t value = ns < 0 ? 0 : static_cast<uint64_t>(ns);
    ++buckets_[BucketOf(value)];
    ++count_;
    sum_ += value;
    max_ = std::max(max_, value);
  }

  uint64_t count() const { return count_; }
  uint64_t max_ns() const { return max_; }
  double MeanNs() const;
  // The smallest bucket that, with those below it, holds `part` (0 to 1) of all
  // times: the longest time that it stands for, or the longest that there was
  // when that is less. 0 when nothing was counted.
  uint64_t PercentileNs(double part) const;

 private:
  static constexpr int kPartBits = 6;
  static constexpr uint64_t kParts = 1 << kPartBits;  // of a doubling
  static constexpr int kMostBits = 40;
  static constexpr uint64_t kMost = (uint64_t{1} << kMostBits) - 1;

  static size_t BucketOf(uint64_t value) {
    value = std::min(value, kMost);
    const int bits = static_cast<int>(std::bit_width(value));
    const int shift = std::max(0, bits - (kPartBits + 1));
    return (static_cast<size_t>(shift) << kPartBits) + (value >> shift);
  }
  static uint64_t LastOf(size_t bucket);

  std::array<uint64_t, (kMostBits - kPartBits + 1)* kParts> buckets_ = {};
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

// {"mean", "p50", "p90", "p99", "p99_9", "max"} in µs, as JSON.
std::string HistogramJson(const Histogram& histogram);

}  // namespace rbld

#endif  // RBLD_TESTS_BENCH_HISTOGRAM_H_
