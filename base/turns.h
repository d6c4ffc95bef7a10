// How the kernel gives the calling thread its turns.
#ifndef RBLD_BASE_TURNS_H_
#define RBLD_BASE_TURNS_H_

namespace rbld {

// Fewer than others: for work that nobody waits for. (On Linux the priority is
// the thread's.)
void TakeFewTurns();

// Short turns, sooner: for a thread that has little to do each time and that
// somebody waits for. One that wakes goes before a running one of longer turns.
// It gets no more of the processor by it. Linux 6.12 and later; before, nothing
// changes.
void TakeTurnsOf(int microseconds);

// The shortest that the kernel gives, for changes, beside queries that never
// rest; and those of queries, beside what works in the background.
inline constexpr int kTurnOfChanges = 100;  // µs
inline constexpr int kTurnOfQueries = 500;

}  // namespace rbld

#endif  // RBLD_BASE_TURNS_H_
