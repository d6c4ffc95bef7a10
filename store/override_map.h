// OverrideMap: 65,536 slots of which few are set: which blocks of an index
// differ from its base. Two levels of 256, so that a changed copy shares all
// but the root and the pages it touches.
//
// Copying is cheap. Any number of threads may read one that nobody edits.
#ifndef RBLD_STORE_OVERRIDE_MAP_H_
#define RBLD_STORE_OVERRIDE_MAP_H_

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

namespace rbld {

template <typename Block>
class OverrideMap {
 private:
  struct Page {
    std::array<std::shared_ptr<const Block>, 256> blocks;
  };

 public:
  static constexpr uint32_t kSlots = 65536;

  // Null: the slot is not set. Takes no reference: the block lives as long as
  // this map does.
  const Block* Get(uint32_t slot) const {
    const Page* page = pages_[slot >> 8].get();
    if (page == nullptr) [[likely]] {
      return nullptr;
    }
    return page->blocks[slot & 255].get();
  }

  // As Get, with a reference.
  std::shared_ptr<const Block> Share(uint32_t slot) const {
    const Page* page = pages_[slot >> 8].get();
    return page == nullptr ? nullptr : page->blocks[slot & 255];
  }

  uint32_t set_slots() const { return set_slots_; }
  // The blocks' own bytes, as told to Set, and those of the pages.
  uint64_t MemoryBytes() const { return bytes_; }

  // Sets slots of a map that no other thread sees yet. Pages made by this
  // editor are changed in place; those shared with other maps are copied.
  class Editor {
   public:
    explicit Editor(OverrideMap* map) : map_(*map) {}

    // `bytes` and `old_bytes`: the heap cost of the new block and of the one
    // that it replaces (ignored if the slot was not set).
    void Set(uint32_t slot, std::shared_ptr<const Block> block, uint64_t bytes,
             uint64_t old_bytes) {
      Page*& page = fresh_[slot >> 8];
      if (page == nullptr) {
        std::shared_ptr<const Page>& shared = map_.pages_[slot >> 8];
        if (shared == nullptr) map_.bytes_ += sizeof(Page);
        auto copy = shared == nullptr ? std::make_shared<Page>()
                                      : std::make_shared<Page>(*shared);
        page = copy.get();
        shared = std::move(copy);
      }
      std::shared_ptr<const Block>& place = page->blocks[slot & 255];
      if (place == nullptr) {
        ++map_.set_slots_;
      } else {
        map_.bytes_ -= old_bytes;
      }
      map_.bytes_ += bytes;
      place = std::move(block);
    }

   private:
    OverrideMap& map_;
    std::array<Page*, 256> fresh_ = {};
  };

 private:
  std::array<std::shared_ptr<const Page>, 256> pages_;
  uint32_t set_slots_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace rbld

#endif  // RBLD_STORE_OVERRIDE_MAP_H_
