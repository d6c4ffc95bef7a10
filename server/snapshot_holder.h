// SnapshotHolder: hands the newest snapshot to the workers.
//
// The publisher's side calls Publish; each worker has a Reader and asks it once
// for each batch: one acquire load, and the lock only after a change. Publish
// wakes the workers, so that an idle one does not pin an old snapshot, and old
// snapshots are kept here until nobody else holds them, so that they are freed
// by Publish or Reap and never by a worker.
#ifndef RBLD_SERVER_SNAPSHOT_HOLDER_H_
#define RBLD_SERVER_SNAPSHOT_HOLDER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "server/snapshot.h"

namespace rbld {

// Thread-safe. Outlives its readers.
class SnapshotHolder {
 public:
  // Used by one thread.
  class Reader {
   public:
    explicit Reader(SnapshotHolder* holder) : holder_(holder) {}

    // The newest snapshot; valid until the next call on this reader. Null
    // before the first Publish. What was published before a query was
    // received is seen if Get is called after that.
    const Snapshot* Get() {
      // Acquire pairs with the release in Publish: whoever sees the new number
      // sees the new pointer behind the lock.
      const uint64_t generation =
          holder_->generation_.load(std::memory_order_acquire);
      if (__builtin_expect(generation != seen_, 0)) Refresh();
      return snapshot_.get();
    }
    // Changes seen so far.
    uint64_t generation() const { return seen_; }

   private:
    void Refresh();

    SnapshotHolder* const holder_;
    uint64_t seen_ = 0;
    std::shared_ptr<const Snapshot> snapshot_;
  };

  SnapshotHolder() = default;
  SnapshotHolder(const SnapshotHolder&) = delete;
  SnapshotHolder& operator=(const SnapshotHolder&) = delete;

  // `wake` is called from Publish and must be callable from any thread, until
  // ClearWakers.
  void AddWaker(std::function<void()> wake);
  void ClearWakers();

  void Publish(std::shared_ptr<const Snapshot> snapshot);
  // Frees the old snapshots that no reader holds any more; returns how many
  // are still held. To be called now and then, beside Publish.
  int Reap();

  std::shared_ptr<const Snapshot> Get() const;

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const Snapshot> current_ RBLD_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<const Snapshot>> old_ RBLD_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> wakers_ RBLD_GUARDED_BY(mutex_);
  std::atomic<uint64_t> generation_{0};
};

}  // namespace rbld

#endif  // RBLD_SERVER_SNAPSHOT_HOLDER_H_
