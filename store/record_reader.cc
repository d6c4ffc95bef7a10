#include "store/record_reader.h"

#include <utility>

namespace rbld {

std::string ListPrefix(ListId list) {
  std::string prefix;
  AppendU32(&prefix, list);
  return prefix;
}

bool ReadRecord(const rocksdb::Iterator& it, ParsedKey* key, Record* record) {
  return ParseRecordKey(View(it.key()), key) &&
         ParseRecord(View(it.value()), record);
}

Listing ToListing(const Database& database, const StoreState& state,
                  const ParsedKey& key, const Record& record) {
  Listing listing;
  listing.list = state.ListName(key.list);
  const auto dataset = state.datasets.find(key.dataset);
  if (dataset != state.datasets.end()) listing.source = dataset->second.source;
  absl::string_view bytes = key.target_key;
  absl::StatusOr<Target> target = Target::ConsumeKey(&bytes);
  if (target.ok()) listing.target = *std::move(target);
  const ValueSetId values = database.dictionary().RuntimeValues(record.values);
  if (values != kNotListed)
    listing.values = database.dictionary().values()->Get(values).ToSet();
  listing.created = record.created;
  listing.updated = record.updated;
  listing.expires = record.expires;
  listing.author = database.dictionary().Author(record.author);
  listing.note = std::string(record.note);
  return listing;
}

Exemption ToExemption(const Database& database, const StoreState& state,
                      const ParsedKey& key, const Record& record) {
  Listing listing = ToListing(database, state, key, record);
  Exemption exemption;
  exemption.list = std::move(listing.list);
  exemption.scope_source = std::move(listing.source);
  exemption.target = std::move(listing.target);
  exemption.created = listing.created;
  exemption.expires = listing.expires;
  exemption.author = std::move(listing.author);
  exemption.note = std::move(listing.note);
  return exemption;
}

}  // namespace rbld
