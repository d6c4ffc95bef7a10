// DumpScheduler: writes the dumps that the configuration asks for, each in its
// own rhythm, on a thread of its own.
#ifndef RBLD_SERVER_DUMP_SCHEDULER_H_
#define RBLD_SERVER_DUMP_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "zones/config.h"

namespace rbld {

// Thread-safe, but for the constructor and destructor.
class DumpScheduler {
 public:
  // Writes one dump; called on the scheduler's thread.
  using Writer = std::function<absl::Status(const DumpConfig&)>;

  // The first of each dump is due at once, then every `every_seconds` after the
  // last one began; one with 0 never. `clock` outlives the scheduler.
  DumpScheduler(std::vector<DumpConfig> dumps, Writer writer,
                const Clock* clock);
  // Waits for a dump that is being written.
  ~DumpScheduler();
  DumpScheduler(const DumpScheduler&) = delete;
  DumpScheduler& operator=(const DumpScheduler&) = delete;

  // Other dumps from now on. One that was there before, the same in all its
  // fields, keeps its rhythm.
  void SetDumps(std::vector<DumpConfig> dumps);

 private:
  struct Entry {
    DumpConfig config;
    int64_t due = 0;  // seconds since 1970 UTC
  };

  void Run();

  const Writer writer_;
  const Clock* const clock_;
  Mutex mutex_;
  CondVar wake_;
  std::vector<Entry> entries_ RBLD_GUARDED_BY(mutex_);
  bool stopping_ RBLD_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace rbld

#endif  // RBLD_SERVER_DUMP_SCHEDULER_H_
