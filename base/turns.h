// How the kernel gives the calling thread its turns.
#ifndef RBLD_BASE_TURNS_H_
#define RBLD_BASE_TURNS_H_

namespace rbld {

// Behind everything else: for work that nobody waits for. (On Linux the
// priority is the thread's.)
void TakeTurnsBehindOthers();

// Short turns, sooner: for a thread that has little to do each time and that
// somebody waits for, beside others that never rest. It gets no more of the
// processor by it. Linux 6.12 and later; before, nothing changes.
void TakeShortTurns();

}  // namespace rbld

#endif  // RBLD_BASE_TURNS_H_
