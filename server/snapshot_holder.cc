#include "server/snapshot_holder.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace rbld {

void SnapshotHolder::Reader::Refresh() {
  std::shared_ptr<const Snapshot> newest;
  {
    MutexLock lock(&holder_->mutex_);
    newest = holder_->current_;
    seen_ = holder_->generation_.load(std::memory_order_relaxed);
  }
  // The holder still has the old one, so this only counts down.
  snapshot_ = std::move(newest);
}

void SnapshotHolder::AddWaker(std::function<void()> wake) {
  MutexLock lock(&mutex_);
  wakers_.push_back(std::move(wake));
}

void SnapshotHolder::ClearWakers() {
  MutexLock lock(&mutex_);
  wakers_.clear();
}

void SnapshotHolder::Publish(std::shared_ptr<const Snapshot> snapshot) {
  {
    MutexLock lock(&mutex_);
    if (current_ != nullptr) old_.push_back(std::move(current_));
    current_ = std::move(snapshot);
    // Release pairs with the acquire in Reader::Get.
    generation_.fetch_add(1, std::memory_order_release);
    for (const auto& wake : wakers_) wake();
  }
  Reap();
}

int SnapshotHolder::Reap() {
  // Freed outside the lock: an index can take a while, and a worker may want
  // the lock.
  std::vector<std::shared_ptr<const Snapshot>> unused;
  int held = 0;
  {
    MutexLock lock(&mutex_);
    const auto in_use = [](const std::shared_ptr<const Snapshot>& snapshot) {
      // Nobody can come to hold an old snapshot anew, so 1 means that only we
      // do, for good.
      return snapshot.use_count() > 1;
    };
    const auto first_unused = std::partition(old_.begin(), old_.end(), in_use);
    unused.assign(std::make_move_iterator(first_unused),
                  std::make_move_iterator(old_.end()));
    old_.erase(first_unused, old_.end());
    held = static_cast<int>(old_.size());
  }
  return held;
}

std::shared_ptr<const Snapshot> SnapshotHolder::Get() const {
  MutexLock lock(&mutex_);
  return current_;
}

}  // namespace rbld
