// Brings a list's index that was read from a file up to date with the store, by
// the journal.
#ifndef RBLD_STORE_INDEX_REPLAY_H_
#define RBLD_STORE_INDEX_REPLAY_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "store/database.h"
#include "store/list_index.h"
#include "store/state.h"

namespace rbld {

struct ReplayedIndex {
  std::shared_ptr<const ListIndex> index;
  uint64_t targets = 0;  // resolved again
};

// `index` is of sequence `from`; the result is of state.sequence. Nobody writes
// meanwhile. OutOfRange: the journal does not have all of it, or it is more
// than `most_changes`; then the index must be built from the records.
absl::StatusOr<ReplayedIndex> ReplayJournal(
    const Database& database, const StoreState& state, ListId list,
    uint64_t from, std::shared_ptr<const ListIndex> index,
    uint64_t most_changes);

}  // namespace rbld

#endif  // RBLD_STORE_INDEX_REPLAY_H_
