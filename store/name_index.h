// NameIndex: domain name -> value set id, with the names above listed ones as
// nodes, so that empty non-terminals are seen.
//
// Immutable, and read without lock or allocation. A change makes a new index
// that shares all but the blocks it touches. Names are kept as 64-bit
// fingerprints under a secret seed, not as text: two names of n collide with
// probability n * 2^-64 a query.
//
// A lookup goes from the top label down and asks for the node of each name on
// the way. It ends at the first that is missing, so that every node needs the
// nodes above it, though they decide nothing.
#ifndef RBLD_STORE_NAME_INDEX_H_
#define RBLD_STORE_NAME_INDEX_H_

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "store/byte_sink.h"
#include "store/index_memory.h"
#include "store/local_ids.h"
#include "store/name_block.h"
#include "store/override_map.h"
#include "store/resolved.h"
#include "store/value.h"

namespace rbld {

// What one node becomes. A node that is `present` but decides nothing is an
// empty non-terminal; whoever adds a node sees to it that those above it are
// present too, with any_below only if a node below them lists something. The
// root ("") may be given and may be left out.
struct NameNode {
  bool present = true;
  ResolvedName name;
  // Does a node below this one list something?
  bool any_below = false;
};

// The labels of a name that are looked up, as a query has them: a lower-case
// wire name, label i of which begins at offsets[i]; offsets[count] is the end.
// Borrows both.
struct NameLabels {
  const uint8_t* name;
  const uint8_t* offsets;
  int count;

  // With its length byte; 0 is the topmost.
  absl::string_view FromTop(int i) const {
    const uint8_t* const offset = offsets + (count - 1 - i);
    return absl::string_view(reinterpret_cast<const char*>(name) + offset[0],
                             size_t{offset[1]} - offset[0]);
  }
};

// The fingerprints of the topmost nodes that a lookup asks for: the first step
// of many lookups, and the same for all indexes with the same seed.
class NamePath {
 public:
  NamePath() = default;
  NamePath(uint64_t seed, const NameLabels& labels);

 private:
  friend class NameIndex;

  static constexpr int kMost = 3;

  uint64_t seed_ = 0;
  int known_ = 0;  // how many of them there are
  uint64_t fingerprints_[kMost];
};

class NameIndex {
 public:
  struct Result {
    // kNotListed: not listed or exempt.
    ValueSetId values = kNotListed;
    // How many labels, from the top, the deciding node has; for TXT templates.
    // 0 if there is none.
    int matched_labels = 0;
    // Something at a name below the queried one is listed, or every name
    // below it is (a listing with subdomains).
    bool any_below = false;
  };

  // `seed` is secret and one for the whole process.
  static std::shared_ptr<const NameIndex> Empty(uint64_t seed);
  uint64_t seed() const { return seed_; }

  // `reversed_wire` as Target::reversed_wire(): lower case, from the top down.
  // Reads no further than the bytes that are there, whatever they are.
  Result Lookup(absl::string_view reversed_wire) const;

  // The same in steps, for who looks up many: PrefetchHeads begins to load what
  // Prefetch reads, and that what Lookup will read.
  void PrefetchHeads(const NamePath& path) const;
  void Prefetch(const NamePath& path) const;
  Result Lookup(const NameLabels& labels, const NamePath& path) const;

  // An index equal to this one but for the nodes given, each at most once, in
  // any order. The cost is that of one block for each.
  std::shared_ptr<const NameIndex> WithReplaced(
      absl::Span<const NameNode> nodes) const;

  // Is there a node at the name, and so perhaps one below it?
  bool HasNode(absl::string_view reversed_wire) const {
    return reversed_wire.empty()
               ? !empty()
               : Find(FingerprintOf(reversed_wire)) != nullptr;
  }

  // Do both have the same nodes, which decide the same? `same(a, b)` compares
  // a value set of this one with one of `other`; kNotListed may be among them.
  // Indexes of different seeds are never the same.
  bool SameNodes(
      const NameIndex& other,
      const std::function<bool(ValueSetId a, ValueSetId b)>& same) const;

  // No node is present, and the root decides nothing.
  bool empty() const { return node_count_ == 0 && root_ == Decision(); }

  // Heap and mapped bytes. Blocks shared with other indexes count in full.
  uint64_t MemoryBytes() const;
  // Nodes that are present, the root not counted.
  uint64_t node_count() const { return node_count_; }
  // How many blocks differ from the base; a rebuild makes it 0.
  uint32_t changed_blocks() const { return overrides_.set_slots(); }
  uint64_t ChangedBytes() const { return overrides_.MemoryBytes(); }

  // As Ipv4Index's. A base has fingerprints under the seed that it was written
  // with.
  void WriteBase(LocalIds* numbers, ByteSink* sink) const;
  static absl::StatusOr<std::shared_ptr<const NameIndex>> FromBase(
      std::shared_ptr<const PageRegion> region,
      absl::Span<const ValueSetId> values, uint64_t seed);
  static std::shared_ptr<const NameIndex> Rebased(const NameIndex& newest,
                                                  const NameIndex& written,
                                                  const NameIndex& from_file);

 private:
  friend class NameIndexBuilder;
  friend class NamePath;

  static constexpr uint32_t kBlocks = 65536;

  // What a node decides. Few are different, so nodes name them by ids.
  struct Decision {
    enum Flags : uint32_t { kHasExact = 1, kHasBelow = 2, kAnyBelow = 4 };

    ValueSetId exact = kNotListed;
    ValueSetId below = kNotListed;
    uint32_t flags = 0;

    bool has_exact() const { return (flags & kHasExact) != 0; }
    bool has_below() const { return (flags & kHasBelow) != 0; }
    bool any_below() const { return (flags & kAnyBelow) != 0; }

    static Decision Of(const ResolvedName& name);

    friend bool operator==(const Decision&, const Decision&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Decision& d) {
      return H::combine(std::move(h), d.exact, d.below, d.flags);
    }
  };

  // Decisions by id, each once.
  class DecisionTable {
   public:
    uint32_t IdOf(const Decision& decision);
    const std::vector<Decision>& decisions() const { return decisions_; }
    std::vector<Decision> Take() { return std::move(decisions_); }

   private:
    std::vector<Decision> decisions_;
    absl::flat_hash_map<Decision, uint32_t> ids_;
  };

  // The content of one block that differs from the base.
  struct HeapBlock {
    NameBlockHead head;
    std::vector<char> data;
    std::vector<Decision> decisions;
  };
  static_assert(kBlocks == OverrideMap<HeapBlock>::kSlots);

  explicit NameIndex(uint64_t seed) : seed_(seed) {}
  NameIndex(const NameIndex&) = default;

  // The fingerprint of a node from that of the node above it (the seed for the
  // top labels) and its own label with the length byte. Each label is read
  // once, so that a lookup costs no more than the name is long.
  static uint64_t ChildFingerprint(uint64_t parent, absl::string_view label);
  uint64_t FingerprintOf(absl::string_view reversed_wire) const;
  // Null if there is no such node.
  const Decision* Find(uint64_t fingerprint) const;
  // The nodes of one block, and what their ids mean.
  std::pair<NameBlockView, const Decision*> BlockOf(uint32_t slot) const;
  // next(&fingerprint) turns that of a node into that of the next one on the
  // way down; false if there is none.
  template <typename Next>
  Result Walk(const Next& next) const;
  // Calls visit(fingerprint) for what a lookup will read and few others have.
  template <typename Visit>
  void ForEachRareNode(const NamePath& path, const Visit& visit) const;
  void ReplaceBlock(
      uint32_t slot,
      absl::Span<const std::pair<uint64_t, const NameNode*>> nodes,
      OverrideMap<HeapBlock>::Editor* editor);
  static uint64_t HeapBytes(const HeapBlock* block);
  void SetBase(std::shared_ptr<const PageRegion> base, uint64_t heads_offset,
               std::vector<Decision> decisions);

  uint64_t seed_;
  // The node of the empty name; not among the others.
  Decision root_;
  uint64_t node_count_ = 0;
  // The base: one region of the blocks' data and, behind them, their heads;
  // null if it is empty. The two pointers point into it.
  std::shared_ptr<const PageRegion> base_;
  const NameBlockHead* heads_ = nullptr;  // kBlocks of them
  const char* data_ = nullptr;
  // By the ids in the base's blocks.
  std::shared_ptr<const std::vector<Decision>> table_;
  const Decision* decisions_ = nullptr;

  OverrideMap<HeapBlock> overrides_;
};

// One thread at a time; Build ends it.
class NameIndexBuilder {
 public:
  explicit NameIndexBuilder(uint64_t seed);
  // In the order of a resolved stream, each name once; the builder CHECKs
  // that. Adds the nodes above by itself, with any_below where the node lists
  // something.
  void Add(const ResolvedName& name);
  std::shared_ptr<const NameIndex> Build();

 private:
  // A node on the way from the root to the last one added; those below it may
  // still come.
  struct OpenNode {
    size_t name_bytes;
    uint64_t fingerprint;
    NameIndex::Decision decision;
  };
  // A finished node in 12 bytes: there may be many millions.
  struct Node {
    uint32_t fingerprint_high;
    uint32_t fingerprint_low;
    uint32_t decision;
  };
  // Nodes are sorted in as many parts, so that few are kept twice at a time.
  static constexpr uint32_t kParts = 256;

  void CloseNode();
  void EncodePart(uint32_t part);

  const uint64_t seed_;
  bool started_ = false;
  std::string last_name_;
  std::vector<OpenNode> open_;
  NameIndex::Decision root_;
  NameIndex::DecisionTable decisions_;
  std::vector<std::deque<Node>> parts_;

  std::vector<NameBlockHead> heads_;
  ByteChunks data_;
  std::vector<char> encoded_;
  uint64_t node_count_ = 0;
};

}  // namespace rbld

#endif  // RBLD_STORE_NAME_INDEX_H_
