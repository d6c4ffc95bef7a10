#include "base/turns.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

#include "gtest/gtest.h"

namespace rbld {
namespace {

int NiceOf(id_t thread) { return getpriority(PRIO_PROCESS, thread); }

TEST(Turns, ChangesComeAfterQueriesAndBeforeTheBackground) {
  const int before = NiceOf(0);
  int queries = -100, changes = -100, background = -100, again = -100;
  std::thread([&] {
    TakeTurnsFor(Work::kQueries);
    queries = NiceOf(0);
    TakeTurnsFor(Work::kChanges);
    changes = NiceOf(0);
    // One that a thread of changes makes is no nicer for it.
    std::thread([&] {
      TakeTurnsFor(Work::kChanges);
      again = NiceOf(0);
      TakeTurnsFor(Work::kBackground);
      background = NiceOf(0);
    }).join();
  }).join();
  EXPECT_EQ(before, queries);
  EXPECT_GT(changes, queries);
  EXPECT_EQ(changes, again);
  EXPECT_GT(background, changes);
  EXPECT_LT(background, 19);
  EXPECT_EQ(before, NiceOf(0));
}

TEST(Turns, LeaveAChosenPolicyAlone) {
  std::thread([] {
    const sched_param none = {};
    ASSERT_EQ(0, sched_setscheduler(0, SCHED_BATCH, &none));
    const int before = NiceOf(0);
    TakeTurnsFor(Work::kBackground);
    EXPECT_EQ(SCHED_BATCH, sched_getscheduler(0));
    EXPECT_EQ(before, NiceOf(0));
  }).join();
}

}  // namespace
}  // namespace rbld
