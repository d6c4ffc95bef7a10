#include "base/turns.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace rbld {
namespace {

struct Turns {
  int nice;
  uint64_t microseconds;  // 0: as the system has it
};

// Each step of the nice value takes a fifth of the weight. (19, the last one,
// has a seventieth: a lock that is held meanwhile would be held for too long.)
constexpr int kMostNice = 18;

// The shortest turns that the kernel gives are 100 µs.
constexpr Turns TurnsOf(Work work) {
  switch (work) {
    case Work::kQueries:
      return {0, 500};
    case Work::kChanges:
      return {9, 100};
    case Work::kBackground:
      break;
  }
  return {12, 0};
}

}  // namespace

void TakeTurnsFor(Work work) {
  if (syscall(SYS_sched_getscheduler, 0) != SCHED_NORMAL) return;
  const Turns turns = TurnsOf(work);
  // The first thread's, which nobody changes but the operator: threads begin
  // with that of the thread that makes them.
  const auto first = static_cast<id_t>(getpid());
  const int nice = std::max(
      getpriority(PRIO_PROCESS, first),
      std::min(getpriority(PRIO_PROCESS, first) + turns.nice, kMostNice));
  struct sched_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.sched_policy = SCHED_NORMAL;
  attributes.sched_nice = nice;
  // Of this policy it is the length of a turn; older kernels do not look at it.
  attributes.sched_runtime = 1000 * turns.microseconds;
  static_cast<void>(syscall(SYS_sched_setattr, 0, &attributes, 0));
}

}  // namespace rbld
