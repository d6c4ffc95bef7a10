#include "store/index_replay.h"

#include <rocksdb/utilities/write_batch_with_index.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "store/index_update.h"
#include "store/record_reader.h"
#include "store/resolver.h"

namespace rbld {
namespace {

uint32_t Ipv4Of(const AddressBytes& bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 |
         uint32_t{bytes[2]} << 8 | bytes[3];
}

class Replay {
 public:
  Replay(const Database& database, const StoreState& state, ListId list,
         uint64_t most_changes)
      : database_(database),
        list_(list),
        list_prefix_(ListPrefix(list)),
        shape_(state.Shape(list)),
        most_changes_(most_changes),
        newest_(rocksdb::BytewiseComparator(), 0, /*overwrite_key=*/true) {
    for (const auto& [id, dataset] : state.datasets) {
      exemptions_ |= dataset.list == list && dataset.exemptions != 0;
    }
  }

  // Entries from+1..to, each of them.
  absl::Status Read(uint64_t from, uint64_t to);
  absl::StatusOr<ReplayedIndex> Apply(std::shared_ptr<const ListIndex> index);

 private:
  absl::Status ReadEntry(const JournalEntry& entry);
  absl::Status ReadBulk(const JournalEntry& entry);
  absl::Status Take(absl::string_view key, absl::string_view after);
  // Those of the IPv4 targets that one editor can make.
  absl::Status ApplyIpv4(const Ipv4Index& before, Ipv4Index::Editor* editor);
  // Calls use(Resolver*) for a target's records, as they are stored or as far
  // as they are in newest_.
  template <typename Use>
  absl::Status WithRecords(const Target& target, bool stored, const Use& use);

  const Database& database_;
  const ListId list_;
  const std::string list_prefix_;
  const ListShape shape_;
  const uint64_t most_changes_;
  uint64_t changes_ = 0;
  // The list has exemptions, or had.
  bool exemptions_ = false;
  // Target keys, in the order of the store; true: an exemption changed.
  std::map<std::string, bool> targets_;
  // The list's records that changed, as they are now.
  rocksdb::WriteBatchWithIndex newest_;
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
  const bool exemption = parsed.type == RecordType::kExemption;
  exemptions_ |= exemption;
  bool& exemption_changed = targets_[std::string(parsed.target_key)];
  exemption_changed |= exemption;
  rocksdb::ColumnFamilyHandle* family = database_.family(FamilyId::kListings);
  return FromRocks(after.empty()
                       ? newest_.Delete(family, ToSlice(key))
                       : newest_.Put(family, ToSlice(key), ToSlice(after)),
                   "replaying the journal");
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
absl::Status Replay::WithRecords(const Target& target, bool stored,
                                 const Use& use) {
  const std::string bound_key = UpdateUpperBound(list_, target);
  const rocksdb::Slice bound(bound_key);
  rocksdb::ReadOptions read;
  if (!bound_key.empty()) read.iterate_upper_bound = &bound;
  rocksdb::ColumnFamilyHandle* family = database_.family(FamilyId::kListings);
  Resolver resolver(
      database_, shape_,
      std::unique_ptr<rocksdb::Iterator>(
          stored ? database_.db()->NewIterator(read, family)
                 : newest_.NewIteratorWithBase(
                       family, rocksdb::NewEmptyIterator(), &read)));
  return use(&resolver);
}

absl::Status Replay::ApplyIpv4(const Ipv4Index& before,
                               Ipv4Index::Editor* editor) {
  std::vector<Ipv4Run> runs;
  for (const auto& [key, exemption_changed] : targets_) {
    absl::string_view bytes = key;
    absl::StatusOr<Target> target = Target::ConsumeKey(&bytes);
    if (!target.ok()) return target.status();
    if (target->kind() != TargetKind::kIpv4) continue;
    const IpPrefix& prefix = target->prefix();
    const uint32_t first = prefix.ipv4();
    const uint32_t last = Ipv4Of(prefix.LastAddress());
    runs.clear();
    // Where nothing was listed and nothing is exempt, there was no record, so
    // that all there are now are in the journal.
    const bool stored = exemptions_ || before.AnyWithin(first, last);
    absl::Status status = WithRecords(*target, stored, [&](Resolver* resolver) {
      return resolver->Addresses(prefix, [&runs](const ResolvedRun& run) {
        runs.push_back({Ipv4Of(run.first), Ipv4Of(run.last), run.values});
        return true;
      });
    });
    if (!status.ok()) return status;
    editor->Replace(first, last, runs);
  }
  return absl::OkStatus();
}

absl::StatusOr<ReplayedIndex> Replay::Apply(
    std::shared_ptr<const ListIndex> index) {
  ReplayedIndex result;
  result.targets = targets_.size();
  Ipv4Index::Editor editor(*index->ipv4);
  absl::Status status = ApplyIpv4(*index->ipv4, &editor);
  if (!status.ok()) return status;
  auto with_ipv4 = std::make_shared<ListIndex>(*index);
  with_ipv4->ipv4 = editor.Finish();
  index = std::move(with_ipv4);
  for (const auto& [key, exemption_changed] : targets_) {
    absl::string_view bytes = key;
    absl::StatusOr<Target> target = Target::ConsumeKey(&bytes);
    if (!target.ok()) return target.status();
    if (target->kind() == TargetKind::kIpv4 && !exemption_changed) continue;
    status = WithRecords(*target, true, [&](Resolver* resolver) {
      absl::StatusOr<IndexUpdate> update =
          UpdateListIndex(index, *target, resolver);
      if (update.ok()) index = std::move(update->index);
      return update.status();
    });
    if (!status.ok()) return status;
  }
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
