// How the kernel gives the calling thread its turns of the processor.
#ifndef RBLD_BASE_TURNS_H_
#define RBLD_BASE_TURNS_H_

namespace rbld {

enum class Work {
  kQueries,
  // Somebody waits for it, but it comes after queries: of a core that both
  // would fill it gets an eighth. One that wakes goes before a query thread
  // that runs, since its turns are short.
  kChanges,
  // Nobody waits for it; it gets a sixteenth of a core that others would fill.
  kBackground,
};

// Gives the calling thread the nice value of such work, above that of the
// process, and turns as long as it wants: the latter on Linux 6.12 and later. A
// scheduling policy that somebody chose for the process stays as it is. Nothing
// fails; where a thread may not, it waits like others. (On Linux both are the
// thread's own.)
void TakeTurnsFor(Work work);

}  // namespace rbld

#endif  // RBLD_BASE_TURNS_H_
