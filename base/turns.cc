#include "base/turns.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace rbld {
namespace {

constexpr int kLastPriority = 19;
// The shortest that the kernel gives.
constexpr uint64_t kTurnNanoseconds = 100'000;

}  // namespace

void TakeTurnsBehindOthers() { setpriority(PRIO_PROCESS, 0, kLastPriority); }

void TakeShortTurns() {
  struct sched_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.sched_policy = SCHED_NORMAL;
  attributes.sched_nice = getpriority(PRIO_PROCESS, 0);
  // Of this policy it is the length of a turn; older kernels do not look at it.
  attributes.sched_runtime = kTurnNanoseconds;
  // Where it may not, it waits like others.
  static_cast<void>(syscall(SYS_sched_setattr, 0, &attributes, 0));
}

}  // namespace rbld
