#include "store/staged_batch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "store/zone_serials.h"

namespace rbld {
namespace {

constexpr size_t kMaxSourceBytes = 64;
constexpr size_t kMaxNoteBytes = 4096;
constexpr size_t kMaxActorBytes = 255;
constexpr size_t kMaxDescribedTargets = 5;
constexpr size_t kBatchReservedBytes = 0;

absl::Status CheckSource(absl::string_view source) {
  const bool fine =
      !source.empty() && source.size() <= kMaxSourceBytes &&
      std::all_of(source.begin(), source.end(), [](unsigned char c) {
        return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
      });
  if (fine) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(source.substr(0, 64)),
                   "\" is not a source's name; use 1 to ", kMaxSourceBytes,
                   " letters, digits, '-', '_' or '.'"));
}

absl::Status CheckText(absl::string_view field, absl::string_view text,
                       size_t limit_bytes) {
  if (text.size() > limit_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ", field, " is longer than ", limit_bytes, " bytes"));
  }
  for (const unsigned char c : text) {
    if (c < 0x20 || c == 0x7f) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the ", field, " has a control character; write it in one line"));
    }
  }
  return absl::OkStatus();
}

std::string ExpiryKey(int64_t expires, absl::string_view record_key) {
  std::string key;
  AppendU64(&key, static_cast<uint64_t>(expires));
  key.append(record_key.data(), record_key.size());
  return key;
}

int64_t ExpiresOf(const std::string& record_bytes) {
  Record record;
  return !record_bytes.empty() && ParseRecord(record_bytes, &record)
             ? record.expires
             : 0;
}

absl::Status Prefixed(const absl::Status& status, absl::string_view prefix) {
  return absl::Status(status.code(), absl::StrCat(prefix, status.message()));
}

// RFC 5782 §5: these answer whatever is stored, so to exempt them is a mistake.
bool IsTestEntry(const Target& target) {
  const std::string text = target.ToString();
  return text == "127.0.0.2" || text == "::ffff:127.0.0.2" || text == "test";
}

}  // namespace

// A request's effect, worked out but not yet written.
struct StagedBatch::Planned {
  StoreState state;
  std::vector<RecordChange> changes;
  std::map<std::string, std::string> overlay;  // key -> record after
  std::vector<ChangeOutcome> outcomes;
};

StagedBatch::StagedBatch(Database* database, const SpecMap* specs,
                         StoreState state, IndexMap indexes,
                         std::set<std::string> behind, int64_t now_seconds)
    : database_(database),
      specs_(specs),
      state_(std::move(state)),
      indexes_(std::move(indexes)),
      indexes_before_(indexes_),
      behind_(std::move(behind)),
      now_seconds_(now_seconds),
      batch_(rocksdb::BytewiseComparator(), kBatchReservedBytes,
             /*overwrite_key=*/true) {
  NoteExemptions();
}

void StagedBatch::NoteExemptions() {
  for (const auto& [id, dataset] : state_.datasets) {
    if (dataset.exemptions != 0) exempted_.insert(dataset.list);
  }
}

bool StagedBatch::SurelyNone(ListId id, const std::string& list,
                             const Target& target) const {
  if (target.kind() == TargetKind::kName || exempted_.count(id) != 0 ||
      behind_.count(list) != 0) {
    return false;
  }
  const auto index = indexes_.find(list);
  if (index == indexes_.end()) return false;
  const IpPrefix& prefix = target.prefix();
  const AddressBytes last = prefix.LastAddress();
  return target.kind() == TargetKind::kIpv4
             ? !index->second->ipv4->AnyWithin(prefix.ipv4(), Ipv4Of(last))
             : !index->second->ipv6->AnyWithin(prefix.bytes, last);
}

absl::StatusOr<std::string> StagedBatch::ReadRecord(const std::string& key,
                                                    const Target& target,
                                                    const Planned& planned) {
  const auto found = planned.overlay.find(key);
  if (found != planned.overlay.end()) return found->second;
  ParsedKey parsed;
  if (!ParseRecordKey(key, &parsed)) return CorruptRecord("key");
  if (SurelyNone(parsed.list, state_.ListName(parsed.list), target)) {
    return std::string();
  }
  return Get(FamilyId::kListings, key);
}

absl::StatusOr<std::string> StagedBatch::Get(FamilyId family,
                                             absl::string_view key) {
  std::string bytes;
  const rocksdb::Status status =
      batch_.GetFromBatchAndDB(database_->db(), rocksdb::ReadOptions(),
                               database_->family(family), ToSlice(key), &bytes);
  if (status.IsNotFound()) return std::string();
  if (!status.ok()) return FromRocks(status, "reading the store");
  return bytes;
}

std::unique_ptr<rocksdb::Iterator> StagedBatch::NewIterator(
    FamilyId family, const rocksdb::Slice* upper_bound) {
  rocksdb::ColumnFamilyHandle* handle = database_->family(family);
  rocksdb::ReadOptions read;
  read.iterate_upper_bound = upper_bound;
  return std::unique_ptr<rocksdb::Iterator>(batch_.NewIteratorWithBase(
      handle, database_->db()->NewIterator(read, handle), &read));
}

std::unique_ptr<rocksdb::Iterator> StagedBatch::NewBatchIterator(
    FamilyId family, const rocksdb::Slice* upper_bound) {
  rocksdb::ReadOptions read;
  read.iterate_upper_bound = upper_bound;
  return std::unique_ptr<rocksdb::Iterator>(batch_.NewIteratorWithBase(
      database_->family(family), rocksdb::NewEmptyIterator(), &read));
}

bool StagedBatch::HasListing(absl::string_view list, absl::string_view source,
                             const Target& target) {
  const auto id = state_.lists.find(list);
  if (id == state_.lists.end()) return false;
  const DatasetRecord* dataset = state_.FindDataset(id->second, source);
  if (dataset == nullptr) return false;
  const absl::StatusOr<std::string> record =
      Get(FamilyId::kListings,
          RecordKey(id->second, target.Key(), RecordType::kListing,
                    KeyDataset(*dataset)));
  // What cannot be read is not known to be gone.
  return !record.ok() || !record->empty();
}

absl::Status StagedBatch::PlanPut(const Change& change, const ListSpec& spec,
                                  DatasetRecord* dataset, RecordType type,
                                  const ChangeRequest& request,
                                  Planned* planned) {
  const std::string target_key = change.target.Key();
  const std::string key =
      RecordKey(dataset->list, target_key, type, KeyDataset(*dataset));
  absl::StatusOr<std::string> before = ReadRecord(key, change.target, *planned);
  if (!before.ok()) return before.status();
  Record old;
  if (!before->empty() && !ParseRecord(*before, &old)) {
    return CorruptRecord("listing");
  }
  Record record;
  if (type == RecordType::kListing) {
    ValueSet values =
        change.values.empty() ? spec.default_values : change.values;
    Normalize(&values);
    absl::Status status = CheckValues(spec.policy, values);
    if (!status.ok()) return status;
    // A dry run leaves no blob behind; what it would name is compared instead.
    if (request.dry_run) {
      const bool same = !before->empty() &&
                        database_->dictionary().values()->Intern(values) ==
                            database_->dictionary().RuntimeValues(old.values);
      record.values = same ? old.values : ~BlobId{0};
    } else {
      absl::StatusOr<BlobId> id = database_->dictionary().InternValues(values);
      if (!id.ok()) return id.status();
      record.values = *id;
    }
  }
  record.created = before->empty() ? now_seconds_ : old.created;
  record.updated = now_seconds_;
  record.expires = change.expires;
  record.note = change.note;
  if (!before->empty() && record.values == old.values &&
      record.expires == old.expires && record.note == old.note) {
    planned->outcomes.push_back(ChangeOutcome::kUnchanged);
    return absl::OkStatus();
  }
  if (!request.dry_run) {
    absl::StatusOr<BlobId> author =
        database_->dictionary().InternAuthor(request.actor);
    if (!author.ok()) return author.status();
    record.author = *author;
  }
  std::string after;
  AppendRecord(&after, record);
  const ChangeKind kind = type == RecordType::kExemption ? ChangeKind::kExempt
                          : before->empty()              ? ChangeKind::kAdd
                                                         : ChangeKind::kChange;
  if (before->empty()) {
    (type == RecordType::kListing ? dataset->listings : dataset->exemptions)++;
    dataset->lengths.Add(target_key, 1);
  }
  planned->outcomes.push_back(before->empty() ? ChangeOutcome::kAdded
                                              : ChangeOutcome::kChanged);
  planned->overlay[key] = after;
  planned->changes.push_back({kind, key, *std::move(before), after});
  return absl::OkStatus();
}

absl::Status StagedBatch::PlanErase(const Change& change, RecordType type,
                                    const std::vector<DatasetRecord*>& datasets,
                                    ChangeKind kind, Planned* planned) {
  const std::string target_key = change.target.Key();
  bool removed = false;
  for (DatasetRecord* dataset : datasets) {
    const std::string key =
        RecordKey(dataset->list, target_key, type, KeyDataset(*dataset));
    absl::StatusOr<std::string> before =
        ReadRecord(key, change.target, *planned);
    if (!before.ok()) return before.status();
    if (before->empty()) continue;
    removed = true;
    (type == RecordType::kListing ? dataset->listings : dataset->exemptions)--;
    dataset->lengths.Add(target_key, -1);
    planned->overlay[key] = "";
    planned->changes.push_back({kind, key, *std::move(before), ""});
  }
  planned->outcomes.push_back(removed ? ChangeOutcome::kRemoved
                                      : ChangeOutcome::kNotFound);
  return absl::OkStatus();
}

absl::Status StagedBatch::PlanOne(const Change& change,
                                  const ChangeRequest& request,
                                  Planned* planned) {
  const auto spec = specs_->find(change.list);
  if (spec == specs_->end()) {
    return NoSuchList(change.list);
  }
  const bool whole_list =
      change.source.empty() && change.verb != Change::Verb::kAdd;
  absl::Status status =
      whole_list ? absl::OkStatus() : CheckSource(change.source);
  if (status.ok()) status = CheckText("note", change.note, kMaxNoteBytes);
  if (!status.ok()) return status;
  if (change.expires != 0 && change.expires <= now_seconds_) {
    return absl::InvalidArgumentError(
        "the expiry is in the past; give a later time, or remove the entry");
  }
  const ListId list = planned->state.lists.find(change.list)->second;
  switch (change.verb) {
    case Change::Verb::kAdd:
      status = CheckTarget(spec->second.policy, change.target);
      if (!status.ok()) return status;
      return PlanPut(change, spec->second,
                     planned->state.GetDataset(list, change.source),
                     RecordType::kListing, request, planned);
    case Change::Verb::kExempt:
      if (IsTestEntry(change.target)) {
        return absl::FailedPreconditionError(
            "this is a test entry of RFC 5782, which clients rely on; it "
            "cannot be exempted");
      }
      return PlanPut(change, spec->second,
                     planned->state.GetDataset(list, change.source),
                     RecordType::kExemption, request, planned);
    case Change::Verb::kRemove: {
      std::vector<DatasetRecord*> datasets;
      for (auto& [id, dataset] : planned->state.datasets) {
        if (dataset.list == list && !dataset.source.empty() &&
            (whole_list || dataset.source == change.source)) {
          datasets.push_back(&dataset);
        }
      }
      return PlanErase(change, RecordType::kListing, datasets,
                       ChangeKind::kRemove, planned);
    }
    case Change::Verb::kUnexempt:
      break;
  }
  std::vector<DatasetRecord*> datasets;
  for (auto& [id, dataset] : planned->state.datasets) {
    if (dataset.list == list && dataset.source == change.source) {
      datasets.push_back(&dataset);
    }
  }
  return PlanErase(change, RecordType::kExemption, datasets,
                   ChangeKind::kUnexempt, planned);
}

absl::Status StagedBatch::Plan(const ChangeRequest& request, Planned* planned) {
  absl::Status status = CheckText("actor", request.actor, kMaxActorBytes);
  if (status.ok()) status = CheckText("why", request.why, kMaxNoteBytes);
  if (!status.ok()) return status;
  if (request.if_sequence.has_value() &&
      *request.if_sequence < state_.sequence) {
    return absl::AbortedError(absl::StrCat(
        "the store is at sequence ", state_.sequence, ", past ",
        *request.if_sequence, "; read again and repeat the request"));
  }
  planned->state = state_;
  for (size_t i = 0; i < request.changes.size(); ++i) {
    status = PlanOne(request.changes[i], request, planned);
    if (!status.ok()) {
      return Prefixed(
          status, absl::StrCat("change ", i + 1, " (",
                               request.changes[i].target.ToString(), "): "));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ChangeResult> StagedBatch::Stage(const ChangeRequest& request) {
  Planned planned;
  absl::Status status = Plan(request, &planned);
  if (!status.ok()) return status;
  if (!request.dry_run && !planned.changes.empty()) {
    status = Write(request, planned.changes, std::move(planned.state));
    if (!status.ok()) return status;
  }
  return ChangeResult{state_.sequence, std::move(planned.outcomes)};
}

absl::Status StagedBatch::UpdateIndex(const std::string& list,
                                      const Target& target) {
  const auto index = indexes_.find(list);
  if (index == indexes_.end()) return absl::OkStatus();
  const ListShape shape = state_.Shape(state_.lists.find(list)->second);
  const std::string bound_key = UpdateUpperBound(shape.list, target);
  const rocksdb::Slice bound(bound_key);
  const rocksdb::Slice* const upper = bound_key.empty() ? nullptr : &bound;
  // Where there was nothing, all that there is now is in the batch.
  Resolver resolver(*database_, shape,
                    SurelyNone(shape.list, list, target)
                        ? NewBatchIterator(FamilyId::kListings, upper)
                        : NewIterator(FamilyId::kListings, upper));
  absl::StatusOr<IndexUpdate> update =
      UpdateListIndex(index->second, target, &resolver);
  if (!update.ok()) return update.status();
  index->second = std::move(update->index);
  const auto spec = specs_->find(list);
  // What lies beside the store is hidden by exemptions too.
  const bool hides_more = update->exemptions_changed && spec != specs_->end() &&
                          spec->second.beside_files;
  if (update->answers_changed || hides_more) {
    ChangedAnswers& changed = changed_answers_[list];
    changed.targets.push_back(target);
    changed.nodes.insert(update->nodes.begin(), update->nodes.end());
  }
  return absl::OkStatus();
}

absl::Status StagedBatch::Write(const ChangeRequest& header,
                                const std::vector<RecordChange>& changes,
                                StoreState state) {
  state_ = std::move(state);
  NoteExemptions();
  const uint64_t sequence = ++state_.sequence;
  rocksdb::ColumnFamilyHandle* listings =
      database_->family(FamilyId::kListings);
  JournalEntry entry;
  entry.time = now_seconds_;
  entry.actor = header.actor;
  entry.why = header.why;
  entry.request = header.request;
  entry.change_count = changes.size();
  AuditRecord audit;
  audit.time = now_seconds_;
  audit.actor = header.actor;
  audit.why = header.why;
  audit.request = header.request;
  audit.what = DescribeChanges(changes);
  std::string journal;
  std::set<DatasetId> datasets;
  std::set<std::pair<ListId, std::string>> targets;
  for (const RecordChange& change : changes) {
    AppendJournalChange(&journal,
                        {change.kind, change.key, change.before, change.after});
    if (const int64_t expires = ExpiresOf(change.before); expires != 0) {
      Erase(FamilyId::kExpiry, ExpiryKey(expires, change.key));
    }
    if (change.after.empty()) {
      batch_.Delete(listings, change.key);
      ++audit.removed;
    } else {
      batch_.Put(listings, change.key, change.after);
      ++(change.before.empty() ? audit.added : audit.changed);
      if (const int64_t expires = ExpiresOf(change.after); expires != 0) {
        Put(FamilyId::kExpiry, ExpiryKey(expires, change.key), "");
      }
    }
    ParsedKey parsed;
    if (!ParseRecordKey(change.key, &parsed)) return CorruptRecord("key");
    for (auto& [id, dataset] : state_.datasets) {
      if (dataset.list == parsed.list &&
          KeyDataset(dataset) == parsed.dataset) {
        dataset.last_sequence = sequence;
        datasets.insert(id);
      }
    }
    targets.emplace(parsed.list, std::string(parsed.target_key));
  }
  entry.changes = journal;
  rocksdb::ColumnFamilyHandle* meta = database_->family(FamilyId::kMeta);
  for (const DatasetId id : datasets) {
    batch_.Put(meta, DatasetKey(id), DatasetValue(state_.datasets[id]));
  }
  std::string sequence_bytes;
  AppendU64(&sequence_bytes, sequence);
  batch_.Put(meta, "sequence", sequence_bytes);
  batch_.Put(database_->family(FamilyId::kJournal), JournalKey(sequence),
             JournalValue(entry));
  batch_.Put(database_->family(FamilyId::kAudit), JournalKey(sequence),
             AuditValue(audit));
  change_count_ += changes.size();
  for (const auto& [list, target_key] : targets) {
    absl::string_view bytes = target_key;
    absl::StatusOr<Target> target = Target::ConsumeKey(&bytes);
    if (!target.ok()) return target.status();
    const std::string& name = state_.ListName(list);
    absl::Status status = UpdateIndex(name, *target);
    if (!status.ok()) return status;
    touched_[name].push_back(*std::move(target));
  }
  return absl::OkStatus();
}

absl::Status StagedBatch::StageRecords(
    const ChangeRequest& header, DatasetId dataset_id, bool is_import,
    const std::vector<RecordChange>& changes) {
  StoreState state = state_;
  DatasetRecord& dataset = state.datasets[dataset_id];
  for (const RecordChange& change : changes) {
    ParsedKey parsed;
    if (!ParseRecordKey(change.key, &parsed)) return CorruptRecord("key");
    const int delta =
        (change.after.empty() ? 0 : 1) - (change.before.empty() ? 0 : 1);
    uint64_t& count = parsed.type == RecordType::kListing ? dataset.listings
                                                          : dataset.exemptions;
    count = static_cast<uint64_t>(static_cast<int64_t>(count) + delta);
    dataset.lengths.Add(parsed.target_key, delta);
  }
  if (is_import) dataset.last_import_time = now_seconds_;
  return Write(header, changes, std::move(state));
}

absl::StatusOr<uint64_t> StagedBatch::StageExpiries(uint64_t limit) {
  std::unique_ptr<rocksdb::Iterator> it = NewIterator(FamilyId::kExpiry);
  std::vector<RecordChange> changes;
  StoreState state = state_;
  for (it->SeekToFirst(); it->Valid() && changes.size() < limit; it->Next()) {
    absl::string_view key = View(it->key());
    uint64_t expires = 0;
    if (!ConsumeU64(&key, &expires)) return CorruptRecord("expiry");
    if (static_cast<int64_t>(expires) > now_seconds_) break;
    ParsedKey parsed;
    if (!ParseRecordKey(key, &parsed)) return CorruptRecord("expiry");
    absl::StatusOr<std::string> before = Get(FamilyId::kListings, key);
    if (!before.ok()) return before.status();
    if (before->empty()) return CorruptRecord("expiry of no listing");
    for (auto& [id, dataset] : state.datasets) {
      if (dataset.list != parsed.list ||
          KeyDataset(dataset) != parsed.dataset) {
        continue;
      }
      (parsed.type == RecordType::kListing ? dataset.listings
                                           : dataset.exemptions)--;
      dataset.lengths.Add(parsed.target_key, -1);
    }
    changes.push_back(
        {ChangeKind::kExpire, std::string(key), *std::move(before), ""});
  }
  absl::Status status = FromRocks(it->status(), "reading expiries");
  if (!status.ok()) return status;
  if (changes.empty()) return 0;
  ChangeRequest header;
  header.actor = "rbld";
  header.request = "expire";
  header.why = "their time was over";
  status = Write(header, changes, std::move(state));
  if (!status.ok()) return status;
  return changes.size();
}

// Other lists of the zone may have names below that change with it, since what
// one list says of them is united with what the others do.
absl::StatusOr<bool> StagedBatch::NameChanged(const AnswerRules& rules,
                                              const ZonePart& part,
                                              const std::string& list,
                                              const Target& target) {
  const PartAnswers before{&part, &indexes_before_,
                           database_->dictionary().values().get()};
  PartAnswers after = before;
  after.indexes = &indexes_;
  std::set<std::string> nodes = changed_answers_[list].nodes;
  nodes.insert(target.reversed_wire());
  if (target.scope() != NameScope::kExact) {
    for (const PublishedFile& file : part.files) {
      // An index cannot be asked which names it has, so that any below count.
      if (file.index->names->HasNode(target.reversed_wire())) return true;
    }
    for (const PublishedList& other : part.lists) {
      const auto id = state_.lists.find(other.list);
      if (other.list == list || id == state_.lists.end()) continue;
      const ListShape shape = state_.Shape(id->second);
      Resolver resolver(*database_, shape, NewIterator(FamilyId::kListings));
      const absl::Status status = resolver.Names(
          target.reversed_wire(), false, [&nodes](const ResolvedName& node) {
            nodes.insert(node.reversed_wire);
            return true;
          });
      if (!status.ok()) return status;
    }
  }
  for (const std::string& node : nodes) {
    if (NameDiffers(rules, before, after, node)) return true;
  }
  return false;
}

absl::StatusOr<bool> StagedBatch::PartChanged(const AnswerRules& rules,
                                              const ZonePart& part,
                                              const std::string& list) {
  const auto changed = changed_answers_.find(list);
  if (changed == changed_answers_.end()) return false;
  const PartAnswers before{&part, &indexes_before_,
                           database_->dictionary().values().get()};
  PartAnswers after = before;
  after.indexes = &indexes_;
  for (const Target& target : changed->second.targets) {
    if (target.is_name()) {
      if (!part.has_names) continue;
      const absl::StatusOr<bool> differs =
          NameChanged(rules, part, list, target);
      if (!differs.ok() || *differs) return differs;
      continue;
    }
    const IpPrefix& prefix = target.prefix();
    const bool published =
        prefix.family == Family::kIpv4 ? part.has_ipv4 : part.has_ipv6;
    if (published && AddressesDiffer(rules, before, after, prefix.family,
                                     prefix.bytes, prefix.LastAddress())) {
      return true;
    }
  }
  return false;
}

absl::StatusOr<bool> StagedBatch::ZoneChanged(const ZoneSpec& zone) {
  for (const ZonePart& part : zone.parts) {
    std::set<std::string> lists;
    for (const PublishedList& list : part.lists) lists.insert(list.list);
    for (const PublishedFile& file : part.files) lists.insert(file.hidden_by);
    for (const std::string& list : lists) {
      const absl::StatusOr<bool> changed = PartChanged(zone.rules, part, list);
      if (!changed.ok() || *changed) return changed;
    }
  }
  return false;
}

absl::Status StagedBatch::MoveSerials(const std::vector<ZoneSpec>& zones) {
  for (const ZoneSpec& zone : zones) {
    const absl::StatusOr<bool> changed = ZoneChanged(zone);
    if (!changed.ok()) return changed.status();
    if (!*changed) continue;
    ZoneRecord& record = state_.zones[zone.name];
    record.serial = NextSerial(zone, record, now_seconds_);
    record.sequence = state_.sequence;
    record.time = now_seconds_;
    batch_.Put(database_->family(FamilyId::kMeta), ZoneKey(zone.name),
               ZoneValue(record));
  }
  return absl::OkStatus();
}

std::string DescribeChanges(
    const std::vector<StagedBatch::RecordChange>& changes) {
  std::vector<std::string> texts;
  for (const StagedBatch::RecordChange& change : changes) {
    if (texts.size() == kMaxDescribedTargets) {
      texts.push_back("…");
      break;
    }
    ParsedKey parsed;
    if (!ParseRecordKey(change.key, &parsed)) continue;
    absl::string_view bytes = parsed.target_key;
    absl::StatusOr<Target> target = Target::ConsumeKey(&bytes);
    if (target.ok()) texts.push_back(target->ToString());
  }
  return absl::StrJoin(texts, " ");
}

}  // namespace rbld
