#include "server/dump_scheduler.h"

#include <string>

#include "gtest/gtest.h"

namespace rbld {
namespace {

DumpConfig Every(const std::string& zone, int64_t seconds) {
  DumpConfig dump;
  dump.zone = zone;
  dump.every_seconds = seconds;
  return dump;
}

class DumpSchedulerTest : public ::testing::Test {
 protected:
  DumpScheduler::Writer Writer() {
    return [this](const DumpConfig& dump) {
      MutexLock lock(&mutex_);
      written_.push_back(dump.zone);
      changed_.NotifyAll();
      return dump.zone == "bad" ? absl::InternalError("disk")
                                : absl::OkStatus();
    };
  }
  // Waits until `count` dumps were written, or some seconds have passed.
  std::vector<std::string> Wait(size_t count) {
    MutexLock lock(&mutex_);
    for (int i = 0; i < 20 && written_.size() < count; ++i) {
      changed_.WaitFor(&mutex_, std::chrono::milliseconds(100));
    }
    return written_;
  }

  FakeClock clock_{1000};
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> written_ RBLD_GUARDED_BY(mutex_);
};

TEST_F(DumpSchedulerTest, WritesAtOnceAndThenInItsRhythm) {
  DumpScheduler scheduler({Every("a", 60), Every("never", 0)}, Writer(),
                          &clock_);
  EXPECT_EQ(std::vector<std::string>{"a"}, Wait(1));
  clock_.Advance(59);
  EXPECT_EQ(1u, Wait(2).size() > 1 ? 2u : 1u) << "before its time";
  clock_.Advance(1);
  EXPECT_EQ((std::vector<std::string>{"a", "a"}), Wait(2));
}

TEST_F(DumpSchedulerTest, GoesOnAfterAFailure) {
  DumpScheduler scheduler({Every("bad", 10)}, Writer(), &clock_);
  Wait(1);
  clock_.Advance(10);
  EXPECT_EQ((std::vector<std::string>{"bad", "bad"}), Wait(2));
}

TEST_F(DumpSchedulerTest, KeepsTheRhythmOfWhatDidNotChange) {
  DumpScheduler scheduler({Every("a", 60)}, Writer(), &clock_);
  Wait(1);
  scheduler.SetDumps({Every("a", 60), Every("b", 60)});
  EXPECT_EQ((std::vector<std::string>{"a", "b"}), Wait(2));
  scheduler.SetDumps({});
  clock_.Advance(1000);
  EXPECT_EQ(2u, Wait(3).size() > 2 ? 3u : 2u) << "nothing is scheduled";
}

}  // namespace
}  // namespace rbld
