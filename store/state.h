// StoreState: the store's small records, in memory: lists, datasets, zones,
// the sequence. A value; the publisher copies it to stage a batch.
#ifndef RBLD_STORE_STATE_H_
#define RBLD_STORE_STATE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "store/database.h"
#include "store/publisher.h"
#include "store/records.h"
#include "store/resolver.h"

namespace rbld {

struct StoreState {
  uint64_t sequence = 0;
  std::map<std::string, ListId, std::less<>> lists;
  std::map<DatasetId, DatasetRecord> datasets;
  std::map<std::string, ZoneRecord, std::less<>> zones;

  static absl::StatusOr<StoreState> Load(const Database& database);

  ListShape Shape(ListId list) const;
  // Listings and exemptions of a list.
  uint64_t Records(ListId list) const;
  // nullptr when there is none.
  const DatasetRecord* FindDataset(ListId list, absl::string_view source) const;
  // Makes it when there is none. Source "" is the list-wide exemptions'.
  DatasetRecord* GetDataset(ListId list, absl::string_view source);
  const std::string& ListName(ListId list) const;
};

// NotFound, in the operator's words.
absl::Status NoSuchList(absl::string_view list);

// The id in listings' keys: list-wide exemptions stand under kWholeList.
DatasetId KeyDataset(const DatasetRecord& dataset);

}  // namespace rbld

#endif  // RBLD_STORE_STATE_H_
