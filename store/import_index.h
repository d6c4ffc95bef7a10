// BuildImportIndex: the index of a list that holds an import and nothing else,
// from the import's own entries: what BuildListIndex would read from the store
// after it, without reading it.
#ifndef RBLD_STORE_IMPORT_INDEX_H_
#define RBLD_STORE_IMPORT_INDEX_H_

#include <cstdint>
#include <memory>

#include "store/database.h"
#include "store/list_index.h"
#include "store/listing.h"
#include "store/wanted_entries.h"

namespace rbld {

// Thread-safe. `name_seed` is the secret of NameIndex. Null for entries that
// are not of addresses only.
std::shared_ptr<const ListIndex> BuildImportIndex(const Database& database,
                                                  const WantedEntries& wanted,
                                                  Precedence precedence,
                                                  uint64_t name_seed);

}  // namespace rbld

#endif  // RBLD_STORE_IMPORT_INDEX_H_
