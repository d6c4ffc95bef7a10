#include "store/value_table.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "store/check.h"
#include "xxhash.h"

namespace rbld {

size_t ValueTable::HashOfKnown::operator()(const Known& known) const {
  return absl::HashOf(known.hash);
}

size_t ValueTable::HashOfKnown::operator()(const Wanted& wanted) const {
  return absl::HashOf(wanted.hash);
}

bool ValueTable::SameSet::operator()(const Known& known,
                                     const Wanted& wanted) const {
  return known.hash == wanted.hash &&
         Want(table->Get(known.id)).content == wanted.content;
}

ValueTable::ValueTable() : known_(0, HashOfKnown(), SameSet{this}) {}

ValueTable::Wanted ValueTable::Want(const ServedValues& values) {
  const absl::string_view content(reinterpret_cast<const char*>(&values),
                                  values.bytes());
  return {static_cast<uint32_t>(XXH3_64bits(content.data(), content.size())),
          content};
}

char* ValueTable::Place(size_t bytes) {
  if (bytes > chunk_left_bytes_) {
    const size_t chunk_bytes = std::max(kChunkBytes, bytes);
    chunks_.emplace_back(new uint64_t[chunk_bytes / sizeof(uint64_t)]);
    chunk_place_ = reinterpret_cast<char*>(chunks_.back().get());
    chunk_left_bytes_ = chunk_bytes;
  }
  chunk_left_bytes_ -= bytes;
  return std::exchange(chunk_place_, chunk_place_ + bytes);
}

ValueSetId ValueTable::Intern(const ValueSet& values) {
  RBLD_CHECK(!values.empty(), "an empty value set has no id");
  const OwnedValues wanted_values(values);
  const Wanted wanted = Want(wanted_values.get());
  MutexLock lock(&mutex_);
  if (auto it = known_.find(wanted); it != known_.end()) return it->id;
  char* const place = Place(wanted.content.size());
  wanted.content.copy(place, wanted.content.size());
  return Add(wanted, reinterpret_cast<const ServedValues*>(place));
}

ValueSetId ValueTable::InternKept(const ServedValues& values,
                                  const std::shared_ptr<const void>& keeper) {
  RBLD_CHECK(!values.empty(), "an empty value set has no id");
  const Wanted wanted = Want(values);
  MutexLock lock(&mutex_);
  if (auto it = known_.find(wanted); it != known_.end()) return it->id;
  if (keepers_.empty() || keepers_.back() != keeper) keepers_.push_back(keeper);
  return Add(wanted, &values);
}

ValueSetId ValueTable::Add(const Wanted& wanted, const ServedValues* values) {
  const ValueSetId id = next_id_.load(std::memory_order_relaxed);
  RBLD_CHECK(id != UINT32_MAX, "the value table is full");
  const uint64_t slot = uint64_t{id} + kFirstPageSets;
  const int page = std::bit_width(slot) - 1 - kFirstPageBits;
  const uint64_t page_first = kFirstPageSets << page;
  std::atomic<Slot*>& page_pointer = pages_[static_cast<size_t>(page)];
  Slot* slots = page_pointer.load(std::memory_order_relaxed);
  if (slots == nullptr) {
    page_memory_.emplace_back(page_first * sizeof(Slot));
    slots = reinterpret_cast<Slot*>(page_memory_.back().data());
  }
  OnlyCode only = {};
  if (values->size() == 1) {
    only = {(*values)[0].code, (*values)[0].ttl_seconds};
  }
  slots[slot - page_first] = {values, only};
  content_bytes_ += sizeof(Slot) + wanted.content.size();
  // Release: whoever sees the page sees this set in it. Later sets of the
  // same page reach readers with the index that names them.
  page_pointer.store(slots, std::memory_order_release);
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
