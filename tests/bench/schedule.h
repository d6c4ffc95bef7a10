// Schedule: when each query of an open loop is to leave, from the rate alone.
// What answers come, or how late the sender is, does not move it.
#ifndef RBLD_TESTS_BENCH_SCHEDULE_H_
#define RBLD_TESTS_BENCH_SCHEDULE_H_

#include <algorithm>
#include <cstdint>

namespace rbld {

// The products of nanoseconds and queries are of 64 bits.
inline constexpr uint64_t kMaxScheduled = 10'000'000'000;

class Schedule {
 public:
  // `per_second` queries a second for `seconds`, at most kMaxScheduled in all;
  // `burst` at a time: all of a burst leave when its first is due.
  Schedule(int64_t start_ns, uint64_t per_second, uint64_t seconds,
           uint64_t burst)
      : start_ns_(start_ns),
        length_ns_(seconds * kNanoseconds),
        per_second_(per_second),
        burst_(burst),
        total_(per_second * seconds) {}

  // How many there are.
  uint64_t total() const { return total_; }

  // When query `i`, counted from 0, is due.
  int64_t At(uint64_t i) const {
    const uint64_t first = i - i % burst_;
    return start_ns_ + static_cast<int64_t>(first * kNanoseconds / per_second_);
  }

  // How many are due at `now_ns`: those with At(i) <= now_ns.
  uint64_t Due(int64_t now_ns) const {
    if (now_ns < start_ns_) return 0;
    const uint64_t passed = static_cast<uint64_t>(now_ns - start_ns_);
    if (passed >= length_ns_) return total_;
    const uint64_t step = burst_ * kNanoseconds;
    const uint64_t bursts = ((passed + 1) * per_second_ + step - 1) / step;
    return std::min(total_, bursts * burst_);
  }

 private:
  static constexpr uint64_t kNanoseconds = 1'000'000'000;

  const int64_t start_ns_;
  const uint64_t length_ns_;
  const uint64_t per_second_;
  const uint64_t burst_;
  const uint64_t total_;
};

}  // namespace rbld

#endif  // RBLD_TESTS_BENCH_SCHEDULE_H_
