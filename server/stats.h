// Stats: what the workers count, each in memory of its own, summed when
// somebody asks.
//
// A worker writes its own counters only, with relaxed loads and stores: there
// is one writer, and a reader needs each number whole but no order between two
// of them. Any thread may sum.
#ifndef RBLD_SERVER_STATS_H_
#define RBLD_SERVER_STATS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/mutex.h"
#include "server/outcome.h"

namespace rbld {

class QueryLogWriter;

inline constexpr int kCacheLineBytes = 64;

// A counter with one writing thread.
class Counter {
 public:
  void Add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n,
                 std::memory_order_relaxed);
  }
  uint64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// One worker's.
struct alignas(kCacheLineBytes) WorkerCounters {
  Counter udp_queries;
  Counter tcp_queries;
  // By AnswerKind.
  std::array<Counter, kAnswerKinds> outcomes;
  Counter request_bytes;
  Counter reply_bytes;
  Counter truncated;
  Counter udp_batches;      // recvmmsg calls that brought something
  Counter udp_send_drops;   // replies that the kernel did not take
  Counter udp_bad_sources;  // port 0
  Counter tcp_accepted;
  Counter tcp_refused;   // over the limit, or no descriptor
  Counter tcp_evicted;   // idle ones, closed for newer ones
  Counter tcp_timeouts;  // idle or too long
  Counter snapshots;     // changes of snapshot that it saw
};

// One worker's for one zone.
struct alignas(kCacheLineBytes) ZoneSlotCounters {
  std::array<Counter, kAnswerKinds> outcomes;
  Counter request_bytes;
  Counter reply_bytes;
};

// Zones that had a slot of their own since the start; all further ones share
// the last slot.
inline constexpr int kMaxZoneSlots = 1024;
inline constexpr int kSharedZoneSlot = kMaxZoneSlots - 1;

class WorkerStats {
 public:
  WorkerStats() : zones_(new ZoneSlotCounters[kMaxZoneSlots]) {}

  // By the worker only.
  void Count(const Outcome& outcome) {
    const size_t kind = static_cast<size_t>(outcome.kind);
    counters.outcomes[kind].Add();
    if (outcome.truncated) counters.truncated.Add();
    counters.request_bytes.Add(outcome.request_bytes);
    counters.reply_bytes.Add(outcome.reply_bytes);
    if (outcome.counter_slot >= 0) {
      ZoneSlotCounters& zone =
          zones_[static_cast<size_t>(outcome.counter_slot)];
      zone.outcomes[kind].Add();
      zone.request_bytes.Add(outcome.request_bytes);
      zone.reply_bytes.Add(outcome.reply_bytes);
    }
  }

  const ZoneSlotCounters& zone(int slot) const {
    return zones_[static_cast<size_t>(slot)];
  }

  WorkerCounters counters;
  // Gets each query; null: there is no log. Not owned; set before the worker
  // runs.
  QueryLogWriter* log = nullptr;

 private:
  const std::unique_ptr<ZoneSlotCounters[]> zones_;
};

// Sums over all workers.
struct StatsTotals {
  struct Row {
    const char* name;
    const char* help;
    uint64_t value;
  };
  std::vector<Row> rows;
  struct ZoneRow {
    std::string zone;
    std::array<uint64_t, kAnswerKinds> outcomes;
    uint64_t request_bytes = 0;
    uint64_t reply_bytes = 0;
  };
  std::vector<ZoneRow> zones;  // by name
};

const char* AnswerKindName(AnswerKind kind);

// Thread-safe.
class Stats {
 public:
  explicit Stats(int workers);

  WorkerStats* worker(int number) {
    return workers_[static_cast<size_t>(number)].get();
  }
  // The slot of a zone; a name keeps its slot for the life of the process, so
  // that its counts go on after a reload.
  int ZoneSlot(const std::string& zone);

  StatsTotals Sum() const;

 private:
  std::vector<std::unique_ptr<WorkerStats>> workers_;
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, int> slots_ RBLD_GUARDED_BY(mutex_);
};

}  // namespace rbld

#endif  // RBLD_SERVER_STATS_H_
