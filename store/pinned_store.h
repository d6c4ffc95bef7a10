// PinStore: a PinnedStore on a RocksDB snapshot.
#ifndef RBLD_STORE_PINNED_STORE_H_
#define RBLD_STORE_PINNED_STORE_H_

#include <memory>

#include "store/database.h"
#include "store/publisher.h"
#include "store/state.h"

namespace rbld {

// Takes the snapshot now; the caller sees to it that `state` is of the same
// sequence. `database` outlives it. Any thread may read it, one at a time.
std::unique_ptr<PinnedStore> PinStore(Database* database, StoreState state);

}  // namespace rbld

#endif  // RBLD_STORE_PINNED_STORE_H_
