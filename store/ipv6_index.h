// Ipv6Index: IPv6 address -> value set id.
//
// Immutable, and read without lock or allocation. A change makes a new index
// that shares all but the blocks it touches.
//
// The address space is cut into leaves of some 256 runs each, wherever the
// runs are; pages of leaves in order make a tree of two levels. What a build
// made lies in one region; a change puts leaves of its own beside it.
#ifndef RBLD_STORE_IPV6_INDEX_H_
#define RBLD_STORE_IPV6_INDEX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/ip_prefix.h"
#include "store/byte_sink.h"
#include "store/index_memory.h"
#include "store/ipv6_keys.h"
#include "store/ipv6_leaf.h"
#include "store/ipv6_number.h"
#include "store/local_ids.h"
#include "store/value.h"

namespace rbld {

// Every address of first..last (inclusive) answers with `values`.
struct Ipv6Run {
  AddressBytes first = {};
  AddressBytes last = {};
  ValueSetId values = kNotListed;
  friend bool operator==(const Ipv6Run&, const Ipv6Run&) = default;
};

class Ipv6Index {
 public:
  static std::shared_ptr<const Ipv6Index> Empty();

  // kNotListed when the address is in no run.
  ValueSetId Lookup(const AddressBytes& address) const;
  // Is any address of first..last (inclusive) in a run?
  bool AnyWithin(const AddressBytes& first, const AddressBytes& last) const;
  // Nothing is listed, or nothing is after changes.
  bool empty() const { return pages_.empty(); }

  // The same in steps, for who looks up many: each begins to load what the
  // next one reads. A leaf is null if there is none; what they give lives as
  // long as the index.
  struct Block;
  Block FindBlock(const AddressBytes& address) const;
  static const char* FindLeaf(const Block& block, const AddressBytes& address);
  static void Prefetch(const char* leaf, const AddressBytes& address);
  ValueSetId Lookup(const char* leaf, const AddressBytes& address) const;

  // The runs that meet first..last, cut to it, ascending; neighbours that touch
  // and have the same values come as one. Return false to stop.
  void ForEachRun(const AddressBytes& first, const AddressBytes& last,
                  const std::function<bool(const Ipv6Run&)>& sink) const;

  // An index equal to this one but that first..last holds exactly `runs`
  // (ascending, disjoint, inside first..last, none kNotListed). The cost is
  // that of the leaves that first..last touches, and of a page of them.
  std::shared_ptr<const Ipv6Index> WithReplaced(
      const AddressBytes& first, const AddressBytes& last,
      absl::Span<const Ipv6Run> runs) const;

  // Heap and mapped bytes. Blocks shared with other indexes count in full.
  uint64_t MemoryBytes() const;
  // How many blocks differ from the base; a rebuild makes it 0.
  uint32_t changed_blocks() const { return changed_leaves_; }
  uint64_t ChangedBytes() const { return changed_bytes_; }

  // As Ipv4Index's.
  void WriteBase(LocalIds* numbers, ByteSink* sink) const;
  static absl::StatusOr<std::shared_ptr<const Ipv6Index>> FromBase(
      std::shared_ptr<const PageRegion> region,
      absl::Span<const ValueSetId> values);
  static std::shared_ptr<const Ipv6Index> Rebased(const Ipv6Index& newest,
                                                  const Ipv6Index& written,
                                                  const Ipv6Index& from_file);

 private:
  friend class Ipv6IndexBuilder;

  // The bytes of an Ipv6LeafView, in the base's region or in a heap block of
  // their own; the pointer keeps either alive.
  using Leaf = std::shared_ptr<const char>;

  // Leaf i has the runs from keys[i] up to the next key; the first key of a
  // page is the page's own. No run crosses a key.
  struct Page {
    Ipv6Keys keys;
    std::vector<Leaf> leaves;
    // The leaves' bytes once more, nearer to one another.
    std::vector<const char*> places;

    void SetPlaces();
  };
  static constexpr size_t kPageLeaves = 256;
  static constexpr size_t kMostPageLeaves = 512;

  struct Place {
    size_t page;
    size_t leaf;
  };

  Ipv6Index() = default;
  Ipv6Index(const Ipv6Index&) = default;

  // Precondition of all four: there are pages.
  Place PlaceOf(Ipv6Number address) const;
  const char* LeafOf(Ipv6Number address) const;
  // Calls visit(leaf) for the leaves that may have runs in first..last, until
  // it returns false.
  template <typename Visit>
  void VisitLeaves(Ipv6Number first, Ipv6Number last, const Visit& visit) const;
  // With value set ids.
  void AppendPieces(const char* leaf, Ipv6Number first, Ipv6Number last,
                    std::vector<Ipv6Piece>* pieces) const;

  // Appends one page, or several if `content` is too much for one.
  void AddPages(Page content);
  // What first..last's leaves hold after WithReplaced, with value set ids.
  std::vector<Ipv6Piece> ReplacedPieces(Ipv6Number first, Ipv6Number last,
                                        absl::Span<const Ipv6Run> runs) const;
  // Appends leaves made of `pieces`, the first with the key `leaf_key`.
  void AddLeaves(absl::Span<const Ipv6Piece> pieces, Ipv6Number leaf_key,
                 Page* page);
  void CountLeaf(const char* leaf, bool added);
  static Leaf MakeLeaf(absl::Span<const Ipv6Piece> pieces);
  // Calls visit(key, leaf) for all leaves.
  template <typename Visit>
  void ForEachLeaf(const Visit& visit) const;
  // Makes the pages; `leaves` counts from the base's start.
  void SetBase(std::shared_ptr<const PageRegion> base,
               absl::Span<const Ipv6Number> keys,
               absl::Span<const uint64_t> leaves,
               std::vector<ValueSetId> table);

  // The first keys are 0; both empty if the index is.
  Ipv6Keys page_keys_;
  std::vector<std::shared_ptr<const Page>> pages_;
  // The base's leaves: null if there is none. The value set ids are by the ids
  // in them.
  std::shared_ptr<const PageRegion> base_;
  std::shared_ptr<const std::vector<ValueSetId>> table_;
  const ValueSetId* id_of_local_ = nullptr;

  uint32_t changed_leaves_ = 0;
  uint64_t changed_bytes_ = 0;
};

// Where the leaf of an address is: one of a few.
struct Ipv6Index::Block {
  const Page* page = nullptr;  // null: there is no leaf
  size_t begin = 0;            // of them in the page
};

// Runs must be added ascending and disjoint; the builder CHECKs that. One
// thread at a time; Build ends it.
class Ipv6IndexBuilder {
 public:
  void Add(const AddressBytes& first, const AddressBytes& last,
           ValueSetId values);
  std::shared_ptr<const Ipv6Index> Build();

 private:
  void FlushLeaf();

  // Those of the leaf that is being filled; ids are local. The last one may
  // still grow.
  std::vector<Ipv6Piece> pieces_;
  std::vector<char> encoded_;
  std::vector<Ipv6Number> keys_;
  std::vector<uint64_t> offsets_;
  ByteChunks leaves_;
  LocalIds local_ids_;
};

}  // namespace rbld

#endif  // RBLD_STORE_IPV6_INDEX_H_
