#include "server/dump_scheduler.h"

#include <pthread.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace rbld {
namespace {

// How late a dump may begin.
constexpr std::chrono::milliseconds kCheckEvery(500);

bool Same(const DumpConfig& a, const DumpConfig& b) {
  return a.zone == b.zone && a.directory == b.directory &&
         a.formats == b.formats && a.every_seconds == b.every_seconds;
}

}  // namespace

DumpScheduler::DumpScheduler(std::vector<DumpConfig> dumps, Writer writer,
                             const Clock* clock)
    : writer_(std::move(writer)), clock_(clock) {
  SetDumps(std::move(dumps));
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "rbld-dumps");
}

DumpScheduler::~DumpScheduler() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

void DumpScheduler::SetDumps(std::vector<DumpConfig> dumps) {
  MutexLock lock(&mutex_);
  std::vector<Entry> entries;
  for (DumpConfig& dump : dumps) {
    if (dump.every_seconds <= 0) continue;
    Entry entry;
    for (const Entry& old : entries_) {
      if (Same(old.config, dump)) entry.due = old.due;
    }
    entry.config = std::move(dump);
    entries.push_back(std::move(entry));
  }
  entries_ = std::move(entries);
  wake_.NotifyAll();
}

void DumpScheduler::Run() {
  mutex_.Lock();
  while (!stopping_) {
    Entry* due = nullptr;
    const int64_t now = clock_->NowSeconds();
    for (Entry& entry : entries_) {
      if (entry.due <= now && (due == nullptr || entry.due < due->due)) {
        due = &entry;
      }
    }
    if (due == nullptr) {
      wake_.WaitFor(&mutex_, kCheckEvery);
      continue;
    }
    due->due = now + due->config.every_seconds;
    const DumpConfig config = due->config;
    mutex_.Unlock();
    const absl::Status status = writer_(config);
    if (!status.ok()) {
      LogError(absl::StrCat("dump of zone ", config.zone, " into ",
                            config.directory, ": ", status.message()));
    }
    mutex_.Lock();
  }
  mutex_.Unlock();
}

}  // namespace rbld
