// Records as people see them: the store's keys and values turned into listings
// and exemptions. Any thread.
#ifndef RBLD_STORE_RECORD_READER_H_
#define RBLD_STORE_RECORD_READER_H_

#include <rocksdb/iterator.h>

#include <string>

#include "store/database.h"
#include "store/listing.h"
#include "store/records.h"
#include "store/state.h"

namespace rbld {

// What the keys of a list's records begin with.
std::string ListPrefix(ListId list);

// The record that `it` stands on; false for a damaged one. Both borrow from it.
bool ReadRecord(const rocksdb::Iterator& it, ParsedKey* key, Record* record);

Listing ToListing(const Database& database, const StoreState& state,
                  const ParsedKey& key, const Record& record);
Exemption ToExemption(const Database& database, const StoreState& state,
                      const ParsedKey& key, const Record& record);

}  // namespace rbld

#endif  // RBLD_STORE_RECORD_READER_H_
