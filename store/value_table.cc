#include "store/value_table.h"

#include <memory>
#include <new>
#include <string>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "store/check.h"

namespace rbld {
namespace {

uint32_t ContentHash(const ValueSet& values) {
  size_t hash = values.size();
  for (const Value& value : values) {
    hash = absl::HashOf(hash, value.code, absl::string_view(value.reason),
                        value.ttl_seconds, value.condition.not_before);
  }
  return static_cast<uint32_t>(hash ^ hash >> 32);
}

uint64_t HeapBytes(const ValueSet& values) {
  uint64_t bytes = values.capacity() * sizeof(Value);
  for (const Value& value : values) {
    // Short strings live inside the object.
    if (value.reason.capacity() >= sizeof(std::string) / 2) {
      bytes += value.reason.capacity() + 1;
    }
  }
  return bytes;
}

}  // namespace

size_t ValueTable::HashOfKnown::operator()(const Known& known) const {
  return absl::HashOf(known.hash);
}

size_t ValueTable::HashOfKnown::operator()(const Wanted& wanted) const {
  return absl::HashOf(wanted.hash);
}

bool ValueTable::SameSet::operator()(const Known& known,
                                     const Wanted& wanted) const {
  return known.hash == wanted.hash && table->Get(known.id) == *wanted.values;
}

ValueTable::ValueTable() : known_(0, HashOfKnown(), SameSet{this}) {}

ValueTable::~ValueTable() {
  const uint64_t end = uint64_t{next_id_.load()} + kFirstPageSets;
  for (size_t page = 0; page < kPages; ++page) {
    ValueSet* sets = pages_[page].load();
    if (sets == nullptr) continue;
    const uint64_t page_first = kFirstPageSets << page;
    for (uint64_t slot = page_first; slot < end && slot < 2 * page_first;
         ++slot) {
      // Slot 0 of the first page is kNotListed's and holds an empty set.
      std::destroy_at(&sets[slot - page_first]);
    }
    ::operator delete(sets);
  }
}

ValueSetId ValueTable::Intern(const ValueSet& values) {
  RBLD_CHECK(!values.empty(), "an empty value set has no id");
  const Wanted wanted = {ContentHash(values), &values};
  MutexLock lock(&mutex_);
  if (auto it = known_.find(wanted); it != known_.end()) return it->id;

  const ValueSetId id = next_id_.load(std::memory_order_relaxed);
  RBLD_CHECK(id != UINT32_MAX, "the value table is full");
  const uint64_t slot = uint64_t{id} + kFirstPageSets;
  const int page = std::bit_width(slot) - 1 - kFirstPageBits;
  const uint64_t page_first = kFirstPageSets << page;
  std::atomic<ValueSet*>& page_pointer = pages_[static_cast<size_t>(page)];
  ValueSet* sets = page_pointer.load(std::memory_order_relaxed);
  if (sets == nullptr) {
    sets =
        static_cast<ValueSet*>(::operator new(page_first * sizeof(ValueSet)));
    if (page == 0) new (&sets[0]) ValueSet();
  }
  auto* stored = new (&sets[slot - page_first]) ValueSet(values);
  stored->shrink_to_fit();
  content_bytes_ += sizeof(ValueSet) + HeapBytes(*stored);
  // Release: whoever sees the page sees this set in it. Later sets of the
  // same page reach readers with the index that names them.
  page_pointer.store(sets, std::memory_order_release);
  next_id_.store(id + 1, std::memory_order_relaxed);
  known_.insert(Known{wanted.hash, id});
  return id;
}

uint64_t ValueTable::MemoryBytes() const {
  MutexLock lock(&mutex_);
  return sizeof(*this) + content_bytes_ +
         known_.capacity() * (sizeof(Known) + 1);
}

}  // namespace rbld
