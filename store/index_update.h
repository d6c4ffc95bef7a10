// Builds a list's index from the store, and brings one up to date after a
// change of one target.
#ifndef RBLD_STORE_INDEX_UPDATE_H_
#define RBLD_STORE_INDEX_UPDATE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "store/list_index.h"
#include "store/resolver.h"
#include "store/target.h"

namespace rbld {

// `name_seed` is the secret of NameIndex.
ListIndex EmptyListIndex(uint64_t name_seed);

// Reads all of the list through `resolver`.
absl::StatusOr<std::shared_ptr<const ListIndex>> BuildListIndex(
    Resolver* resolver, uint64_t name_seed);

// Before which key everything lies that a resolver for UpdateListIndex reads of
// an address's records; "" for names, which have no such key. With it as their
// upper bound, iterators stop in time: behind the records there may be
// thousands that were removed, which RocksDB would step over one by one.
std::string UpdateUpperBound(ListId list, const Target& target);

struct IndexUpdate {
  std::shared_ptr<const ListIndex> index;
  bool answers_changed = false;
  bool exemptions_changed = false;  // those of the whole list
  // Of a name: it, and the names above and below of which the index may say
  // something else now.
  std::vector<std::string> nodes = {};
};

// `resolver` sees the store after the change of `target`; `old` is the index
// before it.
absl::StatusOr<IndexUpdate> UpdateListIndex(
    const std::shared_ptr<const ListIndex>& old, const Target& target,
    Resolver* resolver);

}  // namespace rbld

#endif  // RBLD_STORE_INDEX_UPDATE_H_
