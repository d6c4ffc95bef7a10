#include "store/state.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

// List-wide exemptions have a dataset record of their own for their counts.
constexpr DatasetId kListWideBit = 0x80000000;

}  // namespace

absl::StatusOr<StoreState> StoreState::Load(const Database& database) {
  StoreState state;
  absl::StatusOr<uint64_t> sequence = database.GetMetaU64("sequence");
  if (!sequence.ok()) return sequence.status();
  state.sequence = *sequence;
  std::unique_ptr<rocksdb::Iterator> it(database.db()->NewIterator(
      rocksdb::ReadOptions(), database.family(FamilyId::kMeta)));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const absl::string_view key = View(it->key());
    absl::string_view value = View(it->value());
    if (absl::StartsWith(key, "list/")) {
      ListId id = 0;
      if (!ConsumeU32(&value, &id)) return CorruptRecord("list");
      state.lists[std::string(key.substr(5))] = id;
    } else if (absl::StartsWith(key, "dataset/")) {
      DatasetRecord record;
      if (!ParseDataset(value, &record)) return CorruptRecord("dataset");
      state.datasets[record.id] = record;
    } else if (absl::StartsWith(key, "zone/")) {
      ZoneRecord record;
      if (!ParseZone(value, &record)) return CorruptRecord("zone");
      state.zones[std::string(key.substr(5))] = record;
    }
  }
  absl::Status status = FromRocks(it->status(), "reading the store");
  if (!status.ok()) return status;
  return state;
}

ListShape StoreState::Shape(ListId list) const {
  ListShape shape;
  shape.list = list;
  std::set<int> ipv4, ipv6;
  for (const auto& [id, dataset] : datasets) {
    if (dataset.list != list) continue;
    shape.precedence[KeyDataset(dataset)] = dataset.precedence;
    shape.exemptions |= dataset.exemptions != 0;
    for (int i = 0; i <= 32; ++i) {
      if (dataset.lengths.ipv4[i] != 0) ipv4.insert(i);
    }
    for (int i = 0; i <= 128; ++i) {
      if (dataset.lengths.ipv6[i] != 0) ipv6.insert(i);
    }
  }
  shape.ipv4_lengths.assign(ipv4.begin(), ipv4.end());
  shape.ipv6_lengths.assign(ipv6.begin(), ipv6.end());
  return shape;
}

uint64_t StoreState::Records(ListId list) const {
  uint64_t records = 0;
  for (const auto& [id, dataset] : datasets) {
    if (dataset.list == list) records += dataset.listings + dataset.exemptions;
  }
  return records;
}

const DatasetRecord* StoreState::FindDataset(ListId list,
                                             absl::string_view source) const {
  for (const auto& [id, dataset] : datasets) {
    if (dataset.list == list && dataset.source == source) return &dataset;
  }
  return nullptr;
}

DatasetRecord* StoreState::GetDataset(ListId list, absl::string_view source) {
  DatasetId next = 1;
  for (auto& [id, dataset] : datasets) {
    if (dataset.list == list && dataset.source == source) return &dataset;
    if (id < kListWideBit) next = std::max(next, id + 1);
  }
  DatasetRecord record;
  record.id = source.empty() ? (kListWideBit | list) : next;
  record.list = list;
  record.source = std::string(source);
  return &(datasets[record.id] = record);
}

const std::string& StoreState::ListName(ListId list) const {
  static const std::string kUnknown = "?";
  for (const auto& [name, id] : lists) {
    if (id == list) return name;
  }
  return kUnknown;
}

absl::Status NoSuchList(absl::string_view list) {
  return absl::NotFoundError(absl::StrCat(
      "there is no list \"", list, "\"; `rblctl list ls` shows the lists"));
}

DatasetId KeyDataset(const DatasetRecord& dataset) {
  return dataset.id >= kListWideBit ? kWholeList : dataset.id;
}

}  // namespace rbld
