// The reading half of PublisherImpl.

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file_util.h"
#include "store/pinned_store.h"
#include "store/publisher_impl.h"
#include "store/record_reader.h"

namespace rbld {
namespace {

constexpr uint64_t kMaxCountedWithin = 1000;
constexpr int kMaxPage = 10'000;

// Keys of everything equal to or inside `target` are from..before `end`.
struct KeyRange {
  std::string from;
  std::string end;
};
KeyRange RangeWithin(ListId list, const Target& target) {
  KeyRange range;
  range.from = ListPrefix(list);
  range.end = range.from;
  if (target.is_name()) {
    range.from += '\x01';
    range.from += target.reversed_wire();
    range.end = range.from;
    // A name at or below goes on with a 0 byte or a label's length, which is
    // at most 63 (RFC 1035 §3.1).
    range.end.push_back('\x40');
    return range;
  }
  range.from += target.Key();
  const IpPrefix& prefix = target.prefix();
  const AddressBytes last = prefix.LastAddress();
  range.end.push_back(static_cast<char>(target.kind()));
  range.end.append(reinterpret_cast<const char*>(last.data()),
                   static_cast<size_t>(IpPrefix::WidthBits(prefix.family)) / 8);
  range.end.push_back('\xff');  // past every prefix length
  return range;
}

bool Covers(const Target& wide, const Target& narrow) {
  if (wide.kind() != narrow.kind()) return false;
  if (!wide.is_name()) return wide.prefix().Contains(narrow.prefix());
  if (wide.reversed_wire() == narrow.reversed_wire()) {
    return wide.scope() != NameScope::kSubdomains ||
           narrow.scope() == NameScope::kSubdomains;
  }
  return wide.scope() != NameScope::kExact &&
         absl::StartsWith(narrow.reversed_wire(), wide.reversed_wire());
}

// The targets that may contain `target`, as exact record key prefixes.
std::vector<std::string> CoveringKeys(const ListShape& shape,
                                      const Target& target) {
  std::vector<std::string> keys;
  if (target.is_name()) {
    std::vector<absl::string_view> names = NamesAbove(target.reversed_wire());
    names.push_back(target.reversed_wire());
    for (const absl::string_view name : names) {
      keys.push_back(absl::StrCat(ListPrefix(shape.list), "\x01", name,
                                  absl::string_view("\0", 1)));
    }
    return keys;
  }
  const IpPrefix& prefix = target.prefix();
  for (const int length_bits : prefix.family == Family::kIpv4
                                   ? shape.ipv4_lengths
                                   : shape.ipv6_lengths) {
    if (length_bits > prefix.length_bits) break;
    keys.push_back(ListPrefix(shape.list) +
                   Target::OfPrefix(
                       IpPrefix::Make(prefix.family, prefix.bytes, length_bits))
                       .Key());
  }
  return keys;
}

ValueSetId EffectiveOf(const ListIndex& index, const Target& target) {
  if (target.is_name())
    return index.names->Lookup(target.reversed_wire()).values;
  if (target.kind() == TargetKind::kIpv4) {
    return index.ipv4->Lookup(target.prefix().ipv4());
  }
  return index.ipv6->Lookup(target.prefix().bytes);
}

}  // namespace

StoreState PublisherImpl::StateCopy() const {
  MutexLock lock(&state_mutex_);
  return state_;
}

std::unique_ptr<PinnedStore> PublisherImpl::Pin() const {
  MutexLock lock(&state_mutex_);
  // While an import's index is being built, DNS does not show yet what the
  // store has; a dump must not be ahead of its serial.
  while (!unshown_.empty()) rebuild_done_.Wait(&state_mutex_);
  // A commit changes state_ after the write, so a snapshot that is taken
  // between the two is ahead of its state. The thread holds no lock while it
  // writes: ask again until both agree.
  while (true) {
    std::unique_ptr<PinnedStore> pinned = PinStore(database_.get(), state_);
    absl::StatusOr<uint64_t> durable = database_->GetMetaU64("sequence");
    if (!durable.ok() || *durable == state_.sequence) return pinned;
    pinned.reset();
    rebuild_done_.WaitFor(&state_mutex_, std::chrono::milliseconds(1));
    while (!unshown_.empty()) rebuild_done_.Wait(&state_mutex_);
  }
}

absl::StatusOr<ListSpec> PublisherImpl::list_spec(
    absl::string_view list) const {
  MutexLock lock(&state_mutex_);
  const auto found = specs_.find(list);
  if (found == specs_.end()) {
    return NoSuchList(list);
  }
  return found->second;
}

absl::StatusOr<TargetReport> PublisherImpl::Report(const Target& target) const {
  const StoreState state = StateCopy();
  const std::shared_ptr<const StoreView> view = this->view();
  std::unique_ptr<rocksdb::Iterator> it(database_->db()->NewIterator(
      rocksdb::ReadOptions(), database_->family(FamilyId::kListings)));
  TargetReport report;
  for (const auto& [name, index] : view->lists) {
    TargetReport::PerList per_list;
    per_list.list = name;
    const ValueSetId effective = EffectiveOf(*index, target);
    if (effective != kNotListed) {
      per_list.effective = view->values->Get(effective).ToSet();
    }
    const ListId list = state.lists.find(name)->second;
    const ListShape shape = state.Shape(list);
    for (const std::string& start : CoveringKeys(shape, target)) {
      for (it->Seek(start); it->Valid() && it->key().starts_with(start);
           it->Next()) {
        ParsedKey key;
        Record record;
        if (!ReadRecord(*it, &key, &record)) return CorruptRecord("listing");
        Listing listing = ToListing(*database_, state, key, record);
        if (!Covers(listing.target, target)) continue;
        if (key.type == RecordType::kListing) {
          per_list.listings.push_back(std::move(listing));
        } else {
          per_list.exemptions.push_back(
              ToExemption(*database_, state, key, record));
        }
      }
    }
    const KeyRange within = RangeWithin(list, target);
    const std::string own = ListPrefix(list) + target.Key();
    for (it->Seek(within.from); it->Valid() && View(it->key()) < within.end &&
                                per_list.listings_within < kMaxCountedWithin;
         it->Next()) {
      if (!it->key().starts_with(own)) ++per_list.listings_within;
    }
    absl::Status status = FromRocks(it->status(), "reading listings");
    if (!status.ok()) return status;
    report.lists.push_back(std::move(per_list));
  }
  return report;
}

absl::StatusOr<FindPage> PublisherImpl::Find(const FindQuery& query) const {
  const StoreState state = StateCopy();
  const int limit = std::clamp(query.limit, 1, kMaxPage);
  ListId only_list = 0;
  if (!query.list.empty()) {
    const auto found = state.lists.find(query.list);
    if (found == state.lists.end()) {
      return NoSuchList(query.list);
    }
    only_list = found->second;
  }
  std::string cursor;
  if (!query.cursor.empty()) {
    // The cursor is the hex form of the last key that was given.
    if (query.cursor.size() % 2 != 0 ||
        query.cursor.find_first_not_of("0123456789abcdef") !=
            std::string::npos) {
      return absl::InvalidArgumentError(
          "the cursor is not one that rbld gave; begin without it");
    }
    cursor = absl::HexStringToBytes(query.cursor);
  }
  FindPage page;
  std::unique_ptr<rocksdb::Iterator> it(database_->db()->NewIterator(
      rocksdb::ReadOptions(), database_->family(FamilyId::kListings)));
  std::vector<ListId> ids;
  for (const auto& [name, id] : state.lists) {
    if (only_list == 0 || id == only_list) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  int given = 0;
  for (const ListId id : ids) {
    KeyRange range{ListPrefix(id), ListPrefix(id + 1)};
    if (query.within.has_value()) range = RangeWithin(id, *query.within);
    if (!cursor.empty() && cursor >= range.end) continue;
    const bool resume = !cursor.empty() && cursor >= range.from;
    it->Seek(resume ? cursor : range.from);
    if (resume && it->Valid() && View(it->key()) == cursor) it->Next();
    for (; it->Valid() && View(it->key()) < range.end; it->Next()) {
      ParsedKey key;
      Record record;
      if (!ReadRecord(*it, &key, &record)) return CorruptRecord("listing");
      Listing listing = ToListing(*database_, state, key, record);
      if (!query.source.empty() && listing.source != query.source) continue;
      if (!query.text.empty()) {
        bool found = absl::StrContains(listing.note, query.text);
        for (const Value& value : listing.values) {
          found |= absl::StrContains(value.reason, query.text);
        }
        if (!found) continue;
      }
      if (key.type == RecordType::kListing) {
        page.listings.push_back(std::move(listing));
      } else {
        page.exemptions.push_back(ToExemption(*database_, state, key, record));
      }
      if (++given == limit) {
        page.next_cursor = absl::BytesToHexString(View(it->key()));
        return page;
      }
    }
  }
  absl::Status status = FromRocks(it->status(), "reading listings");
  if (!status.ok()) return status;
  return page;
}

HistoryEntry PublisherImpl::ToHistory(const StoreState& state,
                                      uint64_t sequence,
                                      const JournalEntry& entry, ListId list,
                                      const JournalChange& change) const {
  HistoryEntry history;
  history.sequence = sequence;
  history.time = entry.time;
  history.kind = change.kind;
  history.actor = entry.actor;
  history.why = entry.why;
  history.request = entry.request;
  ParsedKey key;
  if (!ParseRecordKey(change.key, &key)) return history;
  key.list = list;
  Record record;
  if (!change.before.empty() && ParseRecord(change.before, &record)) {
    if (key.type == RecordType::kListing) {
      history.before = ToListing(*database_, state, key, record);
    } else {
      history.exemption = ToExemption(*database_, state, key, record);
    }
  }
  if (!change.after.empty() && ParseRecord(change.after, &record)) {
    if (key.type == RecordType::kListing) {
      history.after = ToListing(*database_, state, key, record);
    } else {
      history.exemption = ToExemption(*database_, state, key, record);
    }
  }
  return history;
}

absl::Status PublisherImpl::HistoryOfEntry(
    const StoreState& state, uint64_t sequence, const JournalEntry& entry,
    absl::string_view record_prefix, std::vector<HistoryEntry>* out) const {
  absl::string_view list_bytes = record_prefix;
  ListId list = 0;
  if (!ConsumeU32(&list_bytes, &list)) return CorruptRecord("key");
  JournalChange change;
  if (entry.bulk_id == 0) {
    if (entry.gap) return absl::OkStatus();
    absl::string_view changes = entry.changes;
    while (!changes.empty()) {
      if (!ConsumeJournalChange(&changes, &change)) {
        return CorruptRecord("journal entry");
      }
      if (absl::StartsWith(change.key, record_prefix)) {
        out->push_back(ToHistory(state, sequence, entry, list, change));
      }
    }
    return absl::OkStatus();
  }
  absl::string_view whose = entry.changes;
  ListId entry_list = 0;
  DatasetId dataset = 0;
  if (!ConsumeU32(&whose, &entry_list) || !ConsumeU32(&whose, &dataset)) {
    return CorruptRecord("journal entry");
  }
  if (entry_list != list) return absl::OkStatus();
  // Chunks are sorted, so only the one that begins before the target, and those
  // that begin with it, can have it.
  const absl::string_view middle_prefix = record_prefix.substr(4);
  std::string bulk_prefix, last;
  AppendU64(&bulk_prefix, entry.bulk_id);
  last = absl::StrCat(bulk_prefix, middle_prefix, "\xff");
  std::unique_ptr<rocksdb::Iterator> it(database_->db()->NewIterator(
      rocksdb::ReadOptions(), database_->family(FamilyId::kBulk)));
  for (it->SeekForPrev(last); it->Valid() && it->key().starts_with(bulk_prefix);
       it->Prev()) {
    absl::string_view chunk = View(it->value());
    while (!chunk.empty()) {
      if (!ConsumeJournalChange(&chunk, &change)) {
        return CorruptRecord("journal chunk");
      }
      if (!absl::StartsWith(change.key, middle_prefix)) continue;
      std::string key = ListPrefix(list);
      key.append(change.key.data(), change.key.size());
      AppendU32(&key, dataset);
      JournalChange whole = change;
      whole.key = key;
      out->push_back(ToHistory(state, sequence, entry, list, whole));
    }
    if (View(it->key()).substr(8) < middle_prefix) break;
  }
  return FromRocks(it->status(), "reading the journal");
}

absl::StatusOr<std::vector<HistoryEntry>> PublisherImpl::History(
    absl::string_view list, const Target& target, int limit) const {
  const StoreState state = StateCopy();
  const auto found = state.lists.find(list);
  if (found == state.lists.end()) {
    return NoSuchList(list);
  }
  const std::string prefix = ListPrefix(found->second) + target.Key();
  std::vector<HistoryEntry> history;
  std::unique_ptr<rocksdb::Iterator> it(database_->db()->NewIterator(
      rocksdb::ReadOptions(), database_->family(FamilyId::kJournal)));
  for (it->SeekToLast();
       it->Valid() && history.size() < static_cast<size_t>(limit); it->Prev()) {
    absl::string_view key = View(it->key());
    uint64_t sequence = 0;
    JournalEntry entry;
    if (!ConsumeU64(&key, &sequence) ||
        !ParseJournal(View(it->value()), &entry)) {
      return CorruptRecord("journal entry");
    }
    absl::Status status =
        HistoryOfEntry(state, sequence, entry, prefix, &history);
    if (!status.ok()) return status;
  }
  absl::Status status = FromRocks(it->status(), "reading the journal");
  if (!status.ok()) return status;
  if (history.size() > static_cast<size_t>(limit)) history.resize(limit);
  return history;
}

absl::StatusOr<std::vector<HistoryEntry>> PublisherImpl::Audit(
    int limit) const {
  std::vector<HistoryEntry> entries;
  std::unique_ptr<rocksdb::Iterator> it(database_->db()->NewIterator(
      rocksdb::ReadOptions(), database_->family(FamilyId::kAudit)));
  for (it->SeekToLast();
       it->Valid() && entries.size() < static_cast<size_t>(limit); it->Prev()) {
    absl::string_view key = View(it->key());
    AuditRecord audit;
    HistoryEntry entry;
    if (!ConsumeU64(&key, &entry.sequence) ||
        !ParseAudit(View(it->value()), &audit)) {
      return CorruptRecord("audit record");
    }
    entry.time = audit.time;
    entry.actor = audit.actor;
    entry.why = audit.why;
    entry.request = audit.request;
    entry.added = audit.added;
    entry.changed = audit.changed;
    entry.removed = audit.removed;
    entry.what = audit.what;
    entry.kind = audit.removed > audit.added ? ChangeKind::kRemove
                 : audit.added != 0          ? ChangeKind::kAdd
                                             : ChangeKind::kChange;
    entries.push_back(std::move(entry));
  }
  absl::Status status = FromRocks(it->status(), "reading the audit");
  if (!status.ok()) return status;
  return entries;
}

absl::StatusOr<std::vector<ListInfo>> PublisherImpl::Lists() const {
  const StoreState state = StateCopy();
  const std::shared_ptr<const StoreView> view = this->view();
  std::vector<ListInfo> lists;
  for (const auto& [name, index] : view->lists) {
    ListInfo info;
    info.name = name;
    info.id = state.lists.find(name)->second;
    info.index_bytes = index->MemoryBytes();
    for (const auto& [id, dataset] : state.datasets) {
      if (dataset.list != info.id) continue;
      info.listings += dataset.listings;
      info.exemptions += dataset.exemptions;
      for (const uint32_t count : dataset.lengths.ipv4) info.ipv4 += count;
      for (const uint32_t count : dataset.lengths.ipv6) info.ipv6 += count;
      info.names += dataset.lengths.names;
      if (dataset.source.empty()) continue;  // the list's own exemptions
      DatasetInfo dataset_info;
      dataset_info.list = name;
      dataset_info.source = dataset.source;
      dataset_info.precedence = dataset.precedence;
      dataset_info.listings = dataset.listings;
      dataset_info.exemptions = dataset.exemptions;
      dataset_info.last_sequence = dataset.last_sequence;
      dataset_info.last_import_time = dataset.last_import_time;
      info.datasets.push_back(std::move(dataset_info));
    }
    lists.push_back(std::move(info));
  }
  return lists;
}

StoreStats PublisherImpl::Stats() const {
  StoreStats stats;
  {
    MutexLock lock(&state_mutex_);
    stats = stats_;
    for (const auto& [name, id] : state_.lists) {
      stats.stored_lists.push_back(name);
    }
  }
  stats.value_sets = database_->dictionary().values()->size();
  stats.disk_bytes = DirectoryBytes(database_->directory());
  return stats;
}

}  // namespace rbld
