// NameIndex: domain name -> value set id, with the names above listed ones as
// nodes, so that empty non-terminals are seen.
//
// Immutable, and read without lock or allocation. A change makes a new index
// that shares all but the blocks it touches. Names are kept as 64-bit
// fingerprints under a secret seed, not as text: two names of n collide with
// probability n * 2^-64 a query.
#ifndef RBLD_STORE_NAME_INDEX_H_
#define RBLD_STORE_NAME_INDEX_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "store/resolved.h"
#include "store/value.h"

namespace rbld {

// What one node becomes. A node that is `present` but decides nothing is an
// empty non-terminal; whoever adds a node sees to it that those above it are
// present too.
struct NameNode {
  bool present = true;
  ResolvedName name;
  // Does a node below this one list something?
  bool any_below = false;
};

class NameIndex {
 public:
  struct Result {
    // kNotListed: not listed or exempt.
    ValueSetId values = kNotListed;
    // How many labels, from the top, the deciding node has; for TXT templates.
    int matched_labels = 0;
    // Something at a name below the queried one is listed, or every name
    // below it is (a listing with subdomains).
    bool any_below = false;
  };

  // `seed` is secret and one for the whole process.
  static std::shared_ptr<const NameIndex> Empty(uint64_t seed);

  // `reversed_wire` as Target::reversed_wire(): lower case, from the top down.
  Result Lookup(absl::string_view reversed_wire) const;

  std::shared_ptr<const NameIndex> WithReplaced(
      absl::Span<const NameNode> nodes) const;

  uint64_t MemoryBytes() const;
  uint64_t node_count() const;
  uint32_t changed_blocks() const;
};

class NameIndexBuilder {
 public:
  explicit NameIndexBuilder(uint64_t seed);
  // In the order of a resolved stream. Adds the nodes above by itself where the
  // node lists something; a node that only exempts makes no nodes above it.
  void Add(const ResolvedName& name);
  std::shared_ptr<const NameIndex> Build();
};

}  // namespace rbld

#endif  // RBLD_STORE_NAME_INDEX_H_
