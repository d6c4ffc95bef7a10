#include "store/index_replay.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "store/changed_records.h"
#include "store/index_update.h"
#include "store/record_reader.h"
#include "store/resolver.h"

namespace rbld {
namespace {

// Records of an address that are looked for one by one; of more, an iterator is
// cheaper.
constexpr size_t kMostLookedFor = 4;

// What changed of one target.
struct ChangedTarget {
  Target target;
  std::string key;
  bool exemption = false;
  std::vector<DatasetId> datasets;  // of its listings
};

class Replay {
 public:
  Replay(const Database& database, const StoreState& state, ListId list,
         uint64_t most_changes)
      : database_(database),
        list_(list),
        list_prefix_(ListPrefix(list)),
        shape_(state.Shape(list)),
        exemptions_(shape_.exemptions),
        most_changes_(most_changes) {
    for (const auto& [id, dataset] : state.datasets) {
      if (dataset.list == list && dataset.listings != 0) {
        listing_datasets_.push_back(KeyDataset(dataset));
      }
    }
  }

  // Entries from+1..to, each of them.
  absl::Status Read(uint64_t from, uint64_t to);
  absl::StatusOr<ReplayedIndex> Apply(std::shared_ptr<const ListIndex> index);

 private:
  absl::Status ReadEntry(const JournalEntry& entry);
  absl::Status ReadBulk(const JournalEntry& entry);
  absl::Status Take(absl::string_view key, absl::string_view after);
  // Calls use(ChangedTarget) for each, in the order of the store.
  template <typename Use>
  absl::Status ForEachTarget(const Use& use) const;
  // Whether changed_ has all that is recorded now of a single address.
  // `before`: the index that the changes came after.
  absl::StatusOr<bool> KnowsAllOf(const ChangedTarget& changed,
                                  const Ipv4Index& before) const;
  absl::StatusOr<bool> IsStored(const Target& target, DatasetId dataset) const;
  // Those of the IPv4 targets that one editor can make.
  absl::Status ApplyIpv4(const Ipv4Index& before, Ipv4Index::Editor* editor);
  // Calls use(Resolver*) for a target's records as they are stored.
  template <typename Use>
  absl::Status WithStored(const Target& target, const Use& use) const;

  const Database& database_;
  const ListId list_;
  const std::string list_prefix_;
  const ListShape shape_;
  // Which have listings.
  std::vector<DatasetId> listing_datasets_;
  // The list has exemptions, or had.
  bool exemptions_;
  const uint64_t most_changes_;
  uint64_t changes_ = 0;
  // The list's records that changed, as they are now.
  ChangedRecords changed_;
};

absl::Status TooMuch(absl::string_view why) {
  return absl::OutOfRangeError(why);
}

absl::Status Replay::Take(absl::string_view key, absl::string_view after) {
  if (key.substr(0, list_prefix_.size()) != list_prefix_) {
    return absl::OkStatus();
  }
  if (++changes_ > most_changes_) return TooMuch("too many changes");
  ParsedKey parsed;
  if (!ParseRecordKey(key, &parsed)) return CorruptRecord("journal key");
  exemptions_ |= parsed.type == RecordType::kExemption;
  changed_.Add(key, after);
  return absl::OkStatus();
}

absl::Status Replay::ReadBulk(const JournalEntry& entry) {
  absl::string_view whose = entry.changes;
  ListId list = 0;
  DatasetId dataset = 0;
  if (!ConsumeU32(&whose, &list) || !ConsumeU32(&whose, &dataset)) {
    return CorruptRecord("journal entry");
  }
  if (list != list_) return absl::OkStatus();
  if (entry.gap) return TooMuch("a gap in the journal");
  if (entry.change_count > most_changes_) return TooMuch("a big import");
  std::string prefix, suffix;
  AppendU64(&prefix, entry.bulk_id);
  AppendU32(&suffix, dataset);
  std::unique_ptr<rocksdb::Iterator> it(database_.db()->NewIterator(
      rocksdb::ReadOptions(), database_.family(FamilyId::kBulk)));
  uint64_t seen = 0;
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix);
       it->Next()) {
    absl::string_view chunk = View(it->value());
    JournalChange change;
    while (!chunk.empty()) {
      if (!ConsumeJournalChange(&chunk, &change)) {
        return CorruptRecord("journal chunk");
      }
      ++seen;
      absl::Status status =
          Take(absl::StrCat(list_prefix_, change.key, suffix), change.after);
      if (!status.ok()) return status;
    }
  }
  if (seen != entry.change_count) return TooMuch("a trimmed import");
  return FromRocks(it->status(), "reading the journal");
}

absl::Status Replay::ReadEntry(const JournalEntry& entry) {
  if (entry.bulk_id != 0 || entry.gap) return ReadBulk(entry);
  absl::string_view changes = entry.changes;
  JournalChange change;
  while (!changes.empty()) {
    if (!ConsumeJournalChange(&changes, &change)) {
      return CorruptRecord("journal entry");
    }
    absl::Status status = Take(change.key, change.after);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Replay::Read(uint64_t from, uint64_t to) {
  std::unique_ptr<rocksdb::Iterator> it(database_.db()->NewIterator(
      rocksdb::ReadOptions(), database_.family(FamilyId::kJournal)));
  uint64_t expected = from + 1;
  for (it->Seek(JournalKey(expected)); it->Valid() && expected <= to;
       it->Next(), ++expected) {
    absl::string_view key = View(it->key());
    uint64_t sequence = 0;
    JournalEntry entry;
    if (!ConsumeU64(&key, &sequence) ||
        !ParseJournal(View(it->value()), &entry)) {
      return CorruptRecord("journal entry");
    }
    if (sequence != expected) return TooMuch("the journal begins later");
    absl::Status status = ReadEntry(entry);
    if (!status.ok()) return status;
  }
  absl::Status status = FromRocks(it->status(), "reading the journal");
  if (status.ok() && expected != to + 1) {
    return TooMuch("the journal ends before");
  }
  return status;
}

template <typename Use>
absl::Status Replay::ForEachTarget(const Use& use) const {
  ChangedTarget changed;
  const auto end = [&] {
    return changed.key.empty() ? absl::OkStatus() : use(changed);
  };
  for (const ChangedRecords::Record& record : changed_.records()) {
    ParsedKey parsed;
    if (!ParseRecordKey(record.key, &parsed)) {
      return CorruptRecord("journal key");
    }
    if (parsed.target_key != changed.key) {
      absl::Status status = end();
      if (!status.ok()) return status;
      absl::string_view bytes = parsed.target_key;
      absl::StatusOr<Target> target = Target::ConsumeKey(&bytes);
      if (!target.ok()) return target.status();
      changed.target = *std::move(target);
      changed.key.assign(parsed.target_key.data(), parsed.target_key.size());
      changed.exemption = false;
      changed.datasets.clear();
    }
    if (parsed.type == RecordType::kExemption) {
      changed.exemption = true;
    } else {
      changed.datasets.push_back(parsed.dataset);
    }
  }
  return end();
}

template <typename Use>
absl::Status Replay::WithStored(const Target& target, const Use& use) const {
  const std::string bound_key = UpdateUpperBound(list_, target);
  const rocksdb::Slice bound(bound_key);
  rocksdb::ReadOptions read;
  if (!bound_key.empty()) read.iterate_upper_bound = &bound;
  Resolver resolver(
      database_, shape_,
      std::unique_ptr<rocksdb::Iterator>(database_.db()->NewIterator(
          read, database_.family(FamilyId::kListings))));
  return use(&resolver);
}

absl::StatusOr<bool> Replay::IsStored(const Target& target,
                                      DatasetId dataset) const {
  rocksdb::PinnableSlice unused;
  const rocksdb::Status status = database_.db()->Get(
      rocksdb::ReadOptions(), database_.family(FamilyId::kListings),
      RecordKey(list_, target.Key(), RecordType::kListing, dataset), &unused);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return FromRocks(status, "reading listings");
  return true;
}

absl::StatusOr<bool> Replay::KnowsAllOf(const ChangedTarget& changed,
                                        const Ipv4Index& before) const {
  if (exemptions_) return false;
  // Where nothing was listed and nothing is exempt, there was no record, so
  // that all there are now are in the journal.
  const IpPrefix& prefix = changed.target.prefix();
  if (!before.AnyWithin(prefix.ipv4(), Ipv4Of(prefix.LastAddress()))) {
    return true;
  }
  // What was removed is most often not listed by anybody else. A filter tells
  // that of one record for a fraction of an iterator's way to it.
  const std::vector<int>& lengths = shape_.ipv4_lengths;
  if (!prefix.IsSingleAddress() ||
      lengths.size() * listing_datasets_.size() > kMostLookedFor) {
    return false;
  }
  for (const int length_bits : lengths) {
    const Target target = Target::OfPrefix(
        IpPrefix::Make(Family::kIpv4, prefix.bytes, length_bits));
    for (const DatasetId dataset : listing_datasets_) {
      if (length_bits == prefix.length_bits &&
          std::find(changed.datasets.begin(), changed.datasets.end(),
                    dataset) != changed.datasets.end()) {
        continue;
      }
      absl::StatusOr<bool> stored = IsStored(target, dataset);
      if (!stored.ok()) return stored.status();
      if (*stored) return false;
    }
  }
  return true;
}

absl::Status Replay::ApplyIpv4(const Ipv4Index& before,
                               Ipv4Index::Editor* editor) {
  std::vector<Ipv4Run> runs;
  Resolver in_memory(database_, shape_, changed_.NewIterator());
  return ForEachTarget([&](const ChangedTarget& changed) -> absl::Status {
    if (changed.target.kind() != TargetKind::kIpv4) return absl::OkStatus();
    absl::StatusOr<bool> knows_all = KnowsAllOf(changed, before);
    if (!knows_all.ok()) return knows_all.status();
    const IpPrefix& prefix = changed.target.prefix();
    runs.clear();
    const auto resolve = [&](Resolver* resolver) {
      return resolver->Ipv4Addresses(
          prefix, [&runs](uint32_t first, uint32_t last, ValueSetId values) {
            runs.push_back({first, last, values});
            return true;
          });
    };
    absl::Status status =
        *knows_all ? resolve(&in_memory) : WithStored(changed.target, resolve);
    if (!status.ok()) return status;
    editor->Replace(prefix.ipv4(), Ipv4Of(prefix.LastAddress()), runs);
    return absl::OkStatus();
  });
}

absl::StatusOr<ReplayedIndex> Replay::Apply(
    std::shared_ptr<const ListIndex> index) {
  changed_.Sort();
  ReplayedIndex result;
  Ipv4Index::Editor editor(*index->ipv4);
  absl::Status status = ApplyIpv4(*index->ipv4, &editor);
  if (!status.ok()) return status;
  auto with_ipv4 = std::make_shared<ListIndex>(*index);
  with_ipv4->ipv4 = editor.Finish();
  index = std::move(with_ipv4);
  status = ForEachTarget([&](const ChangedTarget& changed) -> absl::Status {
    ++result.targets;
    if (changed.target.kind() == TargetKind::kIpv4 && !changed.exemption) {
      return absl::OkStatus();
    }
    return WithStored(changed.target, [&](Resolver* resolver) {
      absl::StatusOr<IndexUpdate> update =
          UpdateListIndex(index, changed.target, resolver);
      if (update.ok()) index = std::move(update->index);
      return update.status();
    });
  });
  if (!status.ok()) return status;
  result.index = std::move(index);
  return result;
}

}  // namespace

absl::StatusOr<ReplayedIndex> ReplayJournal(
    const Database& database, const StoreState& state, ListId list,
    uint64_t from, std::shared_ptr<const ListIndex> index,
    uint64_t most_changes) {
  if (from == state.sequence) return ReplayedIndex{std::move(index), 0};
  Replay replay(database, state, list, most_changes);
  absl::Status status = replay.Read(from, state.sequence);
  if (!status.ok()) return status;
  return replay.Apply(std::move(index));
}

}  // namespace rbld
