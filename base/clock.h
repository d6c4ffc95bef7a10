// Clock: the time of day, passed in so that tests can set it.
#ifndef RBLD_BASE_CLOCK_H_
#define RBLD_BASE_CLOCK_H_

#include <atomic>
#include <chrono>
#include <cstdint>

namespace rbld {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Seconds since 1970-01-01 00:00 UTC.
  virtual int64_t NowSeconds() const = 0;
};

class SystemClock : public Clock {
 public:
  int64_t NowSeconds() const override {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

class FakeClock : public Clock {
 public:
  explicit FakeClock(int64_t now_seconds) : now_seconds_(now_seconds) {}
  int64_t NowSeconds() const override { return now_seconds_.load(); }
  void Advance(int64_t seconds) { now_seconds_ += seconds; }

 private:
  std::atomic<int64_t> now_seconds_;
};

}  // namespace rbld

#endif  // RBLD_BASE_CLOCK_H_
