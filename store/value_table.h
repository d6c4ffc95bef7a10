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
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "store/index_memory.h"
#include "store/served_values.h"
#include "store/value.h"

namespace rbld {

class ValueTable {
 public:
  ValueTable();
  ValueTable(const ValueTable&) = delete;
  ValueTable& operator=(const ValueTable&) = delete;

  // The id of a normalised, non-empty set; the same set has the same id.
  // Thread-safe. CHECK-fails at 2^32 - 1 sets.
  ValueSetId Intern(const ValueSet& values);
  // The same for a set that need not be copied: `keeper` owns its memory, and
  // is kept until the table goes.
  ValueSetId InternKept(const ServedValues& values,
                        const std::shared_ptr<const void>& keeper);

  // Lock-free. Precondition of all that follow: `id` came from Intern and is
  // not kNotListed.
  const ServedValues& Get(ValueSetId id) const { return *SlotOf(id)->set; }

  // Of a set with one value what A records say, found without the set; its
  // conditions are not looked at. With code 0 the set must be read.
  struct OnlyCode {
    uint32_t code;
    uint32_t ttl_seconds;
  };
  OnlyCode GetOnlyCode(ValueSetId id) const { return SlotOf(id)->only; }

  // For who gets many sets of a big table: begins to load what GetOnlyCode and
  // Prefetch read …
  void PrefetchSlot(ValueSetId id) const { PrefetchLine(SlotOf(id)); }
  // … and what is read of a set with one value.
  void Prefetch(ValueSetId id) const {
    const auto* const bytes = reinterpret_cast<const char*>(&Get(id));
    PrefetchLine(bytes);
    PrefetchLine(bytes + ServedValues::kOneValueBytes - 1);
  }

  // How many ids are in use, kNotListed not counted.
  uint32_t size() const { return next_id_.load(std::memory_order_relaxed) - 1; }

  // Bytes of the table and of the sets in it, also where others own those.
  // Thread-safe.
  uint64_t MemoryBytes() const;

 private:
  // Page p has room for kFirstPageSets << p sets, so that a small table is
  // small and a big one has few pages; 27 pages hold every id.
  static constexpr int kFirstPageBits = 6;
  static constexpr uint64_t kFirstPageSets = uint64_t{1} << kFirstPageBits;
  static constexpr size_t kPages = 33 - kFirstPageBits;
  // Sets that are copied share pieces of memory of this size.
  static constexpr size_t kChunkBytes = size_t{64} << 10;

  // What finds a set again by content: an id with part of the set's hash, so
  // that the sets themselves, with their reasons, are kept once only.
  struct Known {
    uint32_t hash;
    ValueSetId id;
  };
  struct Wanted {
    uint32_t hash;
    absl::string_view content;
  };
  struct HashOfKnown {
    using is_transparent = void;
    size_t operator()(const Known& known) const;
    size_t operator()(const Wanted& wanted) const;
  };
  struct SameSet {
    using is_transparent = void;
    const ValueTable* table;
    bool operator()(const Known& a, const Known& b) const {
      return a.id == b.id;
    }
    bool operator()(const Known& known, const Wanted& wanted) const;
    bool operator()(const Wanted& wanted, const Known& known) const {
      return (*this)(known, wanted);
    }
  };

  struct Slot {
    const ServedValues* set;
    OnlyCode only;
  };
  static_assert(kLineBytes % sizeof(Slot) == 0);

  const Slot* SlotOf(ValueSetId id) const {
    const uint64_t slot = uint64_t{id} + kFirstPageSets;
    const int page = (63 ^ std::countl_zero(slot)) - kFirstPageBits;
    // Acquire pairs with the release in Add: the page's sets are complete.
    return pages_[static_cast<size_t>(page)].load(std::memory_order_acquire) +
           (slot - (kFirstPageSets << page));
  }

  static Wanted Want(const ServedValues& values);
  ValueSetId Add(const Wanted& wanted, const ServedValues* values)
      RBLD_REQUIRES(mutex_);
  // Memory for a copy.
  char* Place(size_t bytes) RBLD_REQUIRES(mutex_);

  // The part of a page that is not in use yet costs address space only.
  std::array<std::atomic<Slot*>, kPages> pages_ = {};
  std::vector<PageRegion> page_memory_ RBLD_GUARDED_BY(mutex_);
  std::atomic<uint32_t> next_id_{1};
  mutable Mutex mutex_;
  uint64_t content_bytes_ RBLD_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_set<Known, HashOfKnown, SameSet> known_
      RBLD_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<uint64_t[]>> chunks_ RBLD_GUARDED_BY(mutex_);
  // Of the newest chunk.
  size_t chunk_left_bytes_ RBLD_GUARDED_BY(mutex_) = 0;
  char* chunk_place_ RBLD_GUARDED_BY(mutex_) = nullptr;
  std::vector<std::shared_ptr<const void>> keepers_ RBLD_GUARDED_BY(mutex_);
};

}  // namespace rbld

#endif  // RBLD_STORE_VALUE_TABLE_H_
