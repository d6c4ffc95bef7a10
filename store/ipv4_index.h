// Ipv4Index: IPv4 address -> value set id, in about two bytes an address.
//
// Immutable, and read without lock or allocation. A change makes a new index
// that shares all but the 65,536-address blocks it touches, so adding one
// listing to ten million copies a few kilobytes.
#ifndef RBLD_STORE_IPV4_INDEX_H_
#define RBLD_STORE_IPV4_INDEX_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/unlinked_file.h"
#include "store/byte_sink.h"
#include "store/index_memory.h"
#include "store/ipv4_block.h"
#include "store/local_ids.h"
#include "store/override_map.h"
#include "store/value.h"

namespace rbld {

// Every address of first..last (inclusive, host order) answers with `values`.
struct Ipv4Run {
  uint32_t first = 0;
  uint32_t last = 0;
  ValueSetId values = kNotListed;
  friend bool operator==(const Ipv4Run&, const Ipv4Run&) = default;
};

class Ipv4Index {
 public:
  static std::shared_ptr<const Ipv4Index> Empty();

  // kNotListed when the address is in no run.
  [[gnu::always_inline]] ValueSetId Lookup(uint32_t host_order) const {
    const uint32_t slot = host_order >> 16;
    const auto low = static_cast<uint16_t>(host_order);
    if (const HeapBlock* block = overrides_.Get(slot)) {
      if (!block->is_patch()) {
        return LookupInIpv4Block(block->head, block->data.data(), low);
      }
      if (const Ipv4Piece* piece = block->Find(low)) return piece->id;
    }
    if (top_ == nullptr) return kNotListed;
    return id_of_local_[LookupInIpv4Block(top_[slot], data_, low)];
  }

  // Is any address of first..last (inclusive) in a run?
  bool AnyWithin(uint32_t first, uint32_t last) const;
  bool empty() const { return NextNonEmpty(0) == kBlocks; }

  // Starts loading what Prefetch(host_order) will read.
  void PrefetchHead(uint32_t host_order) const {
    if (top_ != nullptr) PrefetchLine(top_ + (host_order >> 16));
  }
  // Starts loading what Lookup(host_order) will read.
  [[gnu::always_inline]] void Prefetch(uint32_t host_order) const {
    const uint32_t slot = host_order >> 16;
    if (top_ == nullptr) return;
    // A block of its own is likely to be in the cache: it has just been
    // written.
    const HeapBlock* const block = overrides_.Get(slot);
    if (block != nullptr && !block->is_patch()) return;
    const Ipv4BlockHead head = top_[slot];
    if (head.kind() < Ipv4BlockHead::kEntries) return;
    Ipv4BlockView(head, data_).Prefetch(static_cast<uint16_t>(host_order));
  }

  // The runs that meet first..last, cut to it, ascending; neighbours that touch
  // and have the same values come as one. Return false to stop.
  void ForEachRun(uint32_t first, uint32_t last,
                  const std::function<bool(const Ipv4Run&)>& sink) const;

  // An index equal to this one but that first..last holds exactly `runs`
  // (ascending, disjoint, inside first..last, none kNotListed). The cost is
  // that of the blocks that first..last touches.
  std::shared_ptr<const Ipv4Index> WithReplaced(
      uint32_t first, uint32_t last, absl::Span<const Ipv4Run> runs) const;

  // Many such changes in one step.
  class Editor;

  // Heap and mapped bytes. Blocks shared with other indexes count in full.
  uint64_t MemoryBytes() const;
  // How many blocks differ from the base, and the heap bytes of that; a new
  // base makes both 0.
  uint32_t changed_blocks() const { return overrides_.set_slots(); }
  uint64_t ChangedBytes() const { return overrides_.MemoryBytes(); }

  // ---- a base in a file (store/index_file.h) ----
  // Appends all of the index, changes worked in, to `sink`, whose size is a
  // multiple of kPageBytes. `numbers` says what stands for its value sets.
  void WriteBase(LocalIds* numbers, ByteSink* sink) const;
  // Of what WriteBase wrote; `values` are by number. DataLoss if `region`
  // cannot have been written so.
  static absl::StatusOr<std::shared_ptr<const Ipv4Index>> FromBase(
      std::shared_ptr<const PageRegion> region,
      absl::Span<const ValueSetId> values);
  // `newest` on the base of `from_file`, which was written of `written`, an
  // earlier index that `newest` came from by changes. Null if it did not.
  static std::shared_ptr<const Ipv4Index> Rebased(const Ipv4Index& newest,
                                                  const Ipv4Index& written,
                                                  const Ipv4Index& from_file);

  // The same in steps, so that the memory of the old base can go before that of
  // the new one has all come. A step takes the blocks below `slots` from the
  // new base, and the others from the old one; slots only grow. Null also where
  // the two cannot be one index.
  static std::shared_ptr<const Ipv4Index> PartlyRebased(
      const Ipv4Index& newest, const Ipv4Index& written,
      const Ipv4Index& from_file, uint32_t slots);
  // How many of the first blocks lie in so many bytes of the base.
  uint32_t SlotsWithin(uint64_t bytes) const;
  // Expires with the last index that reads what this one reads of its bases …
  std::weak_ptr<const void> base_use() const { return base_use_; }
  // … an equal one that does not count left out, which must not be asked for
  // what has been given back. (One between two bases always counts.)
  std::shared_ptr<const Ipv4Index> WithoutBaseUse() const;
  // Gives back the memory of the first blocks of the base; those who read them
  // must be gone.
  void ReleaseBaseBelow(uint32_t slots) const;

 private:
  friend class Ipv4IndexBuilder;

  static constexpr uint32_t kBlocks = 65536;
  // Of the heads, behind the data, so that what a lookup reads too much is
  // there.
  static constexpr size_t kTopBytes = kBlocks * sizeof(Ipv4BlockHead);
  static_assert(kTopBytes >= kIndexPadBytes);
  // A base's block of at least so many bytes is not copied when something in it
  // changes: a patch of up to so many pieces is laid over it.
  static constexpr size_t kPatchedBlockBytes = 512;
  static constexpr size_t kMostPatchPieces = 32;

  // The content of one block that differs from the base: whole, or a patch.
  // Its ids are value set ids; those in the base are places in the base's own
  // table.
  struct HeapBlock {
    Ipv4BlockHead head;
    std::vector<char> data;
    // Ascending and disjoint; what they cover is not as in the base, and not
    // listed where the id is kNotListed.
    std::vector<Ipv4Piece> patch;

    bool is_patch() const { return !patch.empty(); }
    const Ipv4Piece* Find(uint16_t low) const {
      for (const Ipv4Piece& piece : patch) {
        if (low <= piece.last) return low >= piece.first ? &piece : nullptr;
      }
      return nullptr;
    }
  };
  static_assert(kBlocks == OverrideMap<HeapBlock>::kSlots);

  Ipv4Index() = default;
  Ipv4Index(const Ipv4Index&) = default;

  bool IsNonEmpty(uint32_t slot) const {
    return (nonempty_[slot / 64] >> (slot % 64) & 1) != 0;
  }
  // The first non-empty block at `slot` or behind it; kBlocks if none.
  uint32_t NextNonEmpty(uint32_t slot) const;
  bool AnyWithinBlock(uint32_t slot, uint16_t first, uint16_t last) const;
  // Calls sink(Ipv4Piece), with value set ids, as Ipv4BlockView does.
  template <typename Sink>
  void ForEachPiece(uint32_t slot, uint16_t first, uint16_t last,
                    const Sink& sink) const;
  // Calls sink(Ipv4Piece) for the base's pieces alone, with value set ids.
  template <typename Sink>
  void ForEachBasePiece(uint32_t slot, uint16_t first, uint16_t last,
                        const Sink& sink) const;
  bool BaseIsPatchable(uint32_t slot) const;
  // What `slot` is once first..last hold `pieces`; null: too much for a patch.
  std::shared_ptr<const HeapBlock> MakePatch(
      uint32_t slot, uint16_t first, uint16_t last,
      absl::Span<const Ipv4Piece> pieces) const;
  void SetBlock(OverrideMap<HeapBlock>::Editor* editor, uint32_t slot,
                const std::shared_ptr<const HeapBlock>& block, bool nonempty);
  static std::shared_ptr<const HeapBlock> MakeBlock(
      absl::Span<const Ipv4Piece> pieces);
  static uint64_t HeapBytes(const HeapBlock* block);
  // Those of `newest`, but below `slots` only what is not in `written`.
  void TakeOverrides(const Ipv4Index& newest, const Ipv4Index& written,
                     uint32_t slots);
  void SetBase(std::shared_ptr<const PageRegion> base, uint64_t top_offset,
               std::vector<ValueSetId> table);

  // What `place` counts from, of a block that has data, in bytes from the
  // base's beginning.
  uint64_t BaseOffset(Ipv4BlockHead head) const {
    return static_cast<uint64_t>(data_ - base_->data()) +
           uint64_t{4} * head.place;
  }
  static bool HasData(Ipv4BlockHead head) {
    return head.kind() >= Ipv4BlockHead::kEntries;
  }

  // The base: one region of the blocks' data and, behind them, their heads;
  // null if it is empty. The two pointers point into it, but between two bases:
  // then the heads are base_use_'s, and the places count from whichever base
  // lies before the other.
  std::shared_ptr<const PageRegion> base_;
  std::shared_ptr<const PageRegion> next_base_;
  std::shared_ptr<const void> base_use_;
  const Ipv4BlockHead* top_ = nullptr;  // kBlocks of them
  const char* data_ = nullptr;
  // The value set ids of the base, by the ids in its blocks.
  std::shared_ptr<const std::vector<ValueSetId>> table_;
  const ValueSetId* id_of_local_ = nullptr;

  OverrideMap<HeapBlock> overrides_;
  // A bit for each block, of base and overrides together.
  std::array<uint64_t, kBlocks / 64> nonempty_ = {};
};

// Used by one thread.
class Ipv4Index::Editor {
 public:
  explicit Editor(const Ipv4Index& index)
      : index_(new Ipv4Index(index)), overrides_(&index_->overrides_) {}

  // As WithReplaced, whose preconditions hold.
  void Replace(uint32_t first, uint32_t last, absl::Span<const Ipv4Run> runs);
  // Ends it.
  std::shared_ptr<const Ipv4Index> Finish() { return std::move(index_); }

 private:
  void ReplaceInBlock(uint32_t slot, uint16_t first, uint16_t last,
                      absl::Span<const Ipv4Piece> pieces);

  std::shared_ptr<Ipv4Index> index_;
  OverrideMap<HeapBlock>::Editor overrides_;
  std::vector<Ipv4Piece> pieces_, whole_;
  // Of a wide range most blocks are the same: whole or empty.
  std::shared_ptr<const HeapBlock> uniform_;
  ValueSetId uniform_values_ = kNotListed;
};

// Runs must be added ascending and disjoint; the builder CHECKs that. One
// thread at a time; Build ends it.
class Ipv4IndexBuilder {
 public:
  Ipv4IndexBuilder() = default;
  // The index is written to `file` and mapped from there, so that building it
  // takes no memory beside the old one's. An error shows in status().
  explicit Ipv4IndexBuilder(UnlinkedFile file) : file_(std::move(file)) {}

  void Add(uint32_t first, uint32_t last, ValueSetId values);
  // With a file, only if status() is ok afterwards.
  std::shared_ptr<const Ipv4Index> Build();
  const absl::Status& status() const { return status_; }

 private:
  void FlushRun();
  void AddPiece(uint32_t slot, Ipv4Piece piece);
  void FlushBlock();
  void AppendData(const std::vector<char>& data);
  void FlushToFile();

  // The run that the next one may join; none while its values are kNotListed.
  Ipv4Run pending_;
  // The block that is being filled.
  uint32_t slot_ = 0;
  std::vector<Ipv4Piece> pieces_;
  std::vector<char> encoded_;

  std::vector<Ipv4BlockHead> top_;
  std::array<uint64_t, Ipv4Index::kBlocks / 64> nonempty_ = {};
  // The blocks' data: in memory, or what is not in the file yet.
  ByteChunks data_;
  uint64_t data_bytes_ = 0;
  UnlinkedFile file_;
  std::vector<char> unwritten_;
  absl::Status status_;
  LocalIds local_ids_;
};

}  // namespace rbld

#endif  // RBLD_STORE_IPV4_INDEX_H_
