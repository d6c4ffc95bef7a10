// RunParallel: the same work on several threads, for the parts of an import.
#ifndef RBLD_STORE_PARALLEL_H_
#define RBLD_STORE_PARALLEL_H_

#include <thread>
#include <vector>

namespace rbld {

// Calls work(0) to work(count - 1) at the same time, work(0) on the caller's
// thread, and returns when all are done.
template <typename Work>
void RunParallel(int count, const Work& work) {
  std::vector<std::thread> threads;
  for (int i = 1; i < count; ++i) {
    threads.emplace_back([&work, i] { work(i); });
  }
  work(0);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace rbld

#endif  // RBLD_STORE_PARALLEL_H_
