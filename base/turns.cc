#include "base/turns.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace rbld {
namespace {

// About a sixteenth of a core that others would fill. (The last one, 19, has a
// seventieth: a lock that is held meanwhile would be held for too long.)
constexpr int kLowPriority = 12;

}  // namespace

void TakeFewTurns() { setpriority(PRIO_PROCESS, 0, kLowPriority); }

void TakeTurnsOf(int microseconds) {
  // A policy that somebody has chosen for the process stays.
  if (syscall(SYS_sched_getscheduler, 0) != SCHED_NORMAL) return;
  struct sched_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.sched_policy = SCHED_NORMAL;
  attributes.sched_nice = getpriority(PRIO_PROCESS, 0);
  // Of this policy it is the length of a turn; older kernels do not look at it.
  attributes.sched_runtime =
      uint64_t{1000} * static_cast<uint32_t>(microseconds);
  // Where it may not, it waits like others.
  static_cast<void>(syscall(SYS_sched_setattr, 0, &attributes, 0));
}

}  // namespace rbld
