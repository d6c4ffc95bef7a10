// ValueTable: every value set that an index may answer with, by id.
//
// One writer (the publisher or a builder) adds sets under a lock; readers on
// query threads get sets by id with two loads and no lock. A set, once added,
// never moves and never changes; readers may only ask for ids that they found
// in an index which was published after the set was added.
#ifndef RBLD_STORE_VALUE_TABLE_H_
#define RBLD_STORE_VALUE_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/mutex.h"
#include "store/value.h"

namespace rbld {

class ValueTable {
 public:
  ValueTable();
  ~ValueTable();
  ValueTable(const ValueTable&) = delete;
  ValueTable& operator=(const ValueTable&) = delete;

  // The id of a normalised, non-empty set; the same set has the same id.
  // Thread-safe. CHECK-fails at 2^32 - 1 sets.
  ValueSetId Intern(const ValueSet& values);

  // Lock-free. Precondition: `id` came from Intern and is not kNotListed.
  const ValueSet& Get(ValueSetId id) const {
    // Acquire pairs with the release in Intern: the page's sets are complete.
    const Page* page =
        pages_[id >> kPageBits].load(std::memory_order_acquire);
    return page->sets[id & (kPageSize - 1)];
  }

  // How many ids are in use, kNotListed not counted.
  uint32_t size() const { return next_id_.load(std::memory_order_relaxed) - 1; }

 private:
  static constexpr int kPageBits = 16;
  static constexpr uint32_t kPageSize = 1u << kPageBits;
  static constexpr uint32_t kMaxPages = 1u << (32 - kPageBits);
  struct Page {
    std::vector<ValueSet> sets;  // sized once, to a growing first page
    Page() : sets(kPageSize) {}
  };

  std::unique_ptr<std::atomic<Page*>[]> pages_;
  std::atomic<uint32_t> next_id_{1};
  Mutex mutex_;
  // Keys are Fingerprint()s of sets, kept with the ids that have it.
  absl::flat_hash_map<std::string, ValueSetId> ids_ RBLD_GUARDED_BY(mutex_);
};

}  // namespace rbld

#endif  // RBLD_STORE_VALUE_TABLE_H_
