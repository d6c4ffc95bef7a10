#include "store/publisher.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/turns.h"
#include "store/index_update.h"
#include "store/publisher_impl.h"
#include "store/zone_serials.h"

namespace rbld {
namespace {

constexpr size_t kMaxGroupRequests = 1024;
constexpr uint64_t kMaxGroupChanges = 20'000;
constexpr uint64_t kMaxExpiriesPerCommit = 5'000;
// How often the thread looks at the clock when nobody asks for anything.
constexpr std::chrono::milliseconds kTick{100};
// Between two groups, if there is more than one request for the second; and how
// many groups are not waited with after one for which there was not.
constexpr std::chrono::microseconds kGather{2000};
constexpr int kLonelyGroups = 64;
constexpr int64_t kIdempotencySeconds = 86400;

std::string IdempotencyKey(const std::string& key) {
  return absl::StrCat("idempotency/", key);
}

}  // namespace

const char* ChangeOutcomeName(ChangeOutcome outcome) {
  switch (outcome) {
    case ChangeOutcome::kAdded:
      return "added";
    case ChangeOutcome::kChanged:
      return "changed";
    case ChangeOutcome::kUnchanged:
      return "unchanged";
    case ChangeOutcome::kRemoved:
      return "removed";
    case ChangeOutcome::kNotFound:
      break;
  }
  return "not found";
}

absl::StatusOr<std::unique_ptr<Publisher>> Publisher::Open(
    PublisherOptions options, std::vector<ListSpec> lists,
    std::vector<ZoneSpec> zones) {
  auto publisher = std::make_unique<PublisherImpl>(std::move(options));
  absl::Status status = publisher->Start(std::move(lists), std::move(zones));
  if (!status.ok()) return status;
  return std::unique_ptr<Publisher>(std::move(publisher));
}

PublisherImpl::PublisherImpl(PublisherOptions options)
    : options_(std::move(options)) {}

PublisherImpl::~PublisherImpl() {
  StopFiles();
  {
    MutexLock lock(&queue_mutex_);
    stopping_ = true;
  }
  queue_changed_.NotifyAll();
  if (!thread_.joinable()) return;
  thread_.join();
  // So that the next start has little to make again.
  if (absl::Status status = WriteIndexFiles(/*at_stop=*/true); !status.ok()) {
    LogError(absl::StrCat("writing the index of a list: ", status.message(),
                          "; the next start takes longer"));
  }
}

absl::Status PublisherImpl::Start(std::vector<ListSpec> lists,
                                  std::vector<ZoneSpec> zones) {
  DatabaseOptions database_options;
  database_options.directory = options_.directory;
  database_options.create_if_missing = options_.create_if_missing;
  database_options.sync = options_.sync;
  database_options.file_system = options_.file_system;
  absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open(database_options);
  if (!database.ok()) return database.status();
  database_ = *std::move(database);
  absl::StatusOr<std::unique_ptr<RelayCasesImpl>> relay_cases =
      RelayCasesImpl::Open(database_.get(), options_.clock,
                           [this](RelayCasesImpl::Stage stage) {
                             return RunInBatch(std::move(stage));
                           });
  if (!relay_cases.ok()) return relay_cases.status();
  relay_cases_ = *std::move(relay_cases);
  absl::StatusOr<StoreState> state = StoreState::Load(*database_);
  if (!state.ok()) return state.status();
  uint64_t first_journal = 0;
  std::unique_ptr<rocksdb::Iterator> it(database_->db()->NewIterator(
      rocksdb::ReadOptions(), database_->family(FamilyId::kJournal)));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    absl::string_view key = View(it->key());
    uint64_t sequence = 0;
    JournalEntry entry;
    if (!ConsumeU64(&key, &sequence) ||
        !ParseJournal(View(it->value()), &entry)) {
      return CorruptRecord("journal entry");
    }
    if (first_journal == 0) first_journal = sequence;
    journal_changes_ += entry.change_count;
  }
  absl::Status status = FromRocks(it->status(), "reading the journal");
  if (!status.ok()) return status;
  it.reset(database_->db()->NewIterator(rocksdb::ReadOptions(),
                                        database_->family(FamilyId::kBulk)));
  uint64_t last_bulk = 0;
  it->SeekToLast();
  if (it->Valid()) {
    absl::string_view key = View(it->key());
    if (!ConsumeU64(&key, &last_bulk)) return CorruptRecord("bulk key");
  }
  it.reset();
  {
    MutexLock lock(&state_mutex_);
    state_ = *std::move(state);
    stats_.epoch = database_->epoch();
    stats_.schema_version = kSchemaVersion;
    stats_.journal_first_sequence = first_journal;
    // A crash may have left files of an import that was never committed, so
    // ids only grow.
    next_bulk_id_ = std::max(last_bulk, state_.sequence) + 1;
  }
  // What is due goes before anything is shown. A serial moves only if an answer
  // did, which the indexes tell; but of very many the indexes would be changed
  // one by one, so they are built without them.
  const absl::StatusOr<bool> many = AnyMoreDueThan(kMaxExpiriesPerCommit);
  status = many.status();
  if (status.ok() && *many) status = ExpireDue();
  if (status.ok()) status = Configure(std::move(lists), std::move(zones));
  if (status.ok()) status = ExpireDue();
  if (!status.ok()) return status;
  {
    MutexLock lock(&state_mutex_);
    PublishView();
  }
  NoteNextExpiry();
  relay_cases_->NoteNextDue();
  thread_ = std::thread([this] { Loop(); });
  files_thread_ = std::thread([this] { FilesLoop(); });
  return absl::OkStatus();
}

void PublisherImpl::NoteNextExpiry() {
  std::unique_ptr<rocksdb::Iterator> it(database_->db()->NewIterator(
      rocksdb::ReadOptions(), database_->family(FamilyId::kExpiry)));
  it->SeekToFirst();
  next_expiry_ = 0;
  if (!it->Valid()) return;
  absl::string_view key = View(it->key());
  uint64_t expires = 0;
  if (ConsumeU64(&key, &expires)) next_expiry_ = static_cast<int64_t>(expires);
}

std::set<std::string> PublisherImpl::ListsBehind() const {
  std::set<std::string> lists = unshown_;
  for (const auto& [name, index] : indexes_) {
    const auto file = index_files_.find(state_.lists.find(name)->second);
    if (file != index_files_.end() && file->second.never) lists.insert(name);
  }
  return lists;
}

// `specs` must outlive the batch.
StagedBatch PublisherImpl::NewBatch(SpecMap* specs, ZonesPtr* zones) {
  MutexLock lock(&state_mutex_);
  *specs = specs_;
  *zones = zones_;
  return StagedBatch(database_.get(), specs, state_, indexes_, ListsBehind(),
                     options_.clock->NowSeconds());
}

absl::StatusOr<bool> PublisherImpl::AnyMoreDueThan(uint64_t count) const {
  const int64_t now_seconds = options_.clock->NowSeconds();
  std::unique_ptr<rocksdb::Iterator> it(database_->db()->NewIterator(
      rocksdb::ReadOptions(), database_->family(FamilyId::kExpiry)));
  uint64_t due = 0;
  for (it->SeekToFirst(); it->Valid() && due <= count; it->Next()) {
    absl::string_view key = View(it->key());
    uint64_t expires = 0;
    if (!ConsumeU64(&key, &expires)) return CorruptRecord("expiry");
    if (static_cast<int64_t>(expires) > now_seconds) break;
    ++due;
  }
  const absl::Status status = FromRocks(it->status(), "reading expiries");
  if (!status.ok()) return status;
  return due > count;
}

absl::Status PublisherImpl::ExpireDue() {
  while (true) {
    SpecMap specs;
    ZonesPtr zones;
    StagedBatch staged = NewBatch(&specs, &zones);
    absl::StatusOr<uint64_t> expired =
        staged.StageExpiries(kMaxExpiriesPerCommit);
    if (!expired.ok()) return expired.status();
    if (*expired == 0) return absl::OkStatus();
    for (const auto& [list, targets] : staged.touched()) {
      if (staged.indexes().count(list) != 0) continue;
      for (const Target& target : targets) {
        expired_unseen_.emplace(list, target.kind());
      }
    }
    absl::Status status = staged.MoveSerials(*zones);
    if (status.ok()) status = Commit(&staged);
    if (!status.ok()) return status;
    MutexLock lock(&state_mutex_);
    stats_.expired += *expired;
  }
}

absl::Status PublisherImpl::RunDueRelayCases() {
  SpecMap specs;
  ZonesPtr zones;
  StagedBatch staged = NewBatch(&specs, &zones);
  absl::Status status = relay_cases_->StageDue(&staged);
  if (!status.ok()) return status;
  status = staged.MoveSerials(*zones);
  if (!status.ok()) return status;
  return Commit(&staged);
}

absl::StatusOr<std::shared_ptr<const ListIndex>> PublisherImpl::BuildIndex(
    const std::string& list, const StoreState& state,
    const rocksdb::Snapshot* snapshot) const {
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;
  read.fill_cache = false;
  read.readahead_size = 2 << 20;
  const ListShape shape = state.Shape(state.lists.find(list)->second);
  absl::Status status = database_->dictionary().LoadValues();
  if (!status.ok()) return status;
  Resolver resolver(
      *database_, shape,
      std::unique_ptr<rocksdb::Iterator>(database_->db()->NewIterator(
          read, database_->family(FamilyId::kListings))));
  return BuildListIndex(&resolver, database_->name_seed());
}

bool PublisherImpl::NewContent(const ZoneSpec& zone,
                               const std::vector<ZoneSpec>& old_zones,
                               const IndexMap& indexes,
                               const ZoneRecord& record) const {
  const ZoneFingerprint known = SplitFingerprint(record.fingerprint);
  if (record.serial == 0 || known.configuration != zone.fingerprint)
    return true;
  for (const ZonePart& part : zone.parts) {
    for (const PublishedList& list : part.lists) {
      const auto expired = [&](TargetKind kind) {
        return expired_unseen_.count({list.list, kind}) != 0;
      };
      if ((part.has_ipv4 && expired(TargetKind::kIpv4)) ||
          (part.has_ipv6 && expired(TargetKind::kIpv6)) ||
          (part.has_names && expired(TargetKind::kName))) {
        return true;
      }
    }
  }
  if (zone.files_digest.empty() || zone.files_digest == known.files) {
    return false;
  }
  // Other files: do they answer anything else?
  for (const ZoneSpec& old : old_zones) {
    if (old.name != zone.name || old.files_digest != known.files) continue;
    const AnswerSide before{&indexes, database_->dictionary().values().get()};
    return ZoneDiffers(old, before, zone, before);
  }
  return true;
}

absl::Status PublisherImpl::Configure(std::vector<ListSpec> lists,
                                      std::vector<ZoneSpec> zones) {
  StoreState state;
  IndexMap old_indexes;
  ZonesPtr old_zones;
  {
    MutexLock lock(&state_mutex_);
    state = state_;
    old_indexes = indexes_;
    old_zones = zones_;
  }
  rocksdb::WriteBatch batch;
  rocksdb::ColumnFamilyHandle* meta = database_->family(FamilyId::kMeta);
  SpecMap specs;
  ListId next_list = 1;
  for (const auto& [name, id] : state.lists) {
    next_list = std::max(next_list, id + 1);
  }
  IndexMap indexes;
  for (ListSpec& spec : lists) {
    if (state.lists.find(spec.name) == state.lists.end()) {
      state.lists[spec.name] = next_list;
      std::string id;
      AppendU32(&id, next_list++);
      batch.Put(meta, absl::StrCat("list/", spec.name), id);
    }
    const auto known = old_indexes.find(spec.name);
    if (known != old_indexes.end()) {
      indexes[spec.name] = known->second;
    } else {
      absl::StatusOr<std::shared_ptr<const ListIndex>> index =
          StartIndex(spec.name, state);
      if (!index.ok()) return index.status();
      indexes[spec.name] = *std::move(index);
    }
    specs[spec.name] = std::move(spec);
  }
  const int64_t now_seconds = options_.clock->NowSeconds();
  std::set<std::string> moved;
  for (const ZoneSpec& zone : zones) {
    for (const ZonePart& part : zone.parts) {
      for (const PublishedList& list : part.lists) {
        if (specs.find(list.list) == specs.end()) {
          return absl::InvalidArgumentError(absl::StrCat(
              "zone ", zone.name, " names the unknown list ", list.list));
        }
      }
    }
    ZoneRecord& record = state.zones[zone.name];
    const bool is_new = NewContent(zone, *old_zones, indexes, record);
    ZoneFingerprint fingerprint = SplitFingerprint(record.fingerprint);
    const bool files_were_known = !fingerprint.files.empty();
    fingerprint.configuration = zone.fingerprint;
    if (!zone.files_digest.empty()) fingerprint.files = zone.files_digest;
    const std::string joined = JoinFingerprint(fingerprint);
    if (!is_new && joined == record.fingerprint) continue;
    record.fingerprint = joined;
    if (is_new) {
      record.serial = NextSerial(zone, record, now_seconds);
      if (!files_were_known && IsAhead(zone.files_time, record.serial)) {
        record.serial = zone.files_time;
      }
      record.sequence = state.sequence;
      record.time = now_seconds;
      moved.insert(zone.name);
    }
    batch.Put(meta, ZoneKey(zone.name), ZoneValue(record));
  }
  expired_unseen_.clear();
  if (batch.Count() != 0) {
    absl::Status status =
        FromRocks(database_->db()->Write(database_->write_options(), &batch),
                  "writing the configuration");
    if (!status.ok()) return status;
  }
  MutexLock lock(&state_mutex_);
  state_ = std::move(state);
  specs_ = std::move(specs);
  zones_ = std::make_shared<const std::vector<ZoneSpec>>(std::move(zones));
  indexes_ = std::move(indexes);
  // The file of a list that is not shown falls behind, and holds up nothing.
  std::map<ListId, IndexFileState> files;
  for (const auto& [name, index] : indexes_) {
    const ListId list = state_.lists.find(name)->second;
    files[list] = index_files_[list];
  }
  index_files_ = std::move(files);
  std::map<std::string, uint32_t, std::less<>> serials;
  for (const ZoneSpec& zone : *zones_) {
    const auto visible = visible_serials_.find(zone.name);
    serials[zone.name] =
        visible != visible_serials_.end() && moved.count(zone.name) == 0
            ? visible->second
            : state_.zones[zone.name].serial;
  }
  visible_serials_ = std::move(serials);
  ++configurations_;
  // At a start nothing is shown before what is due has gone.
  if (view_ != nullptr) PublishView();
  return absl::OkStatus();
}

void PublisherImpl::PublishView() {
  auto view = std::make_shared<StoreView>();
  view->sequence = state_.sequence;
  view->configurations = configurations_;
  view->lists = indexes_;
  view->zone_serials = visible_serials_;
  view->values = database_->dictionary().values();
  view_ = view;
  stats_.sequence = state_.sequence;
  if (options_.on_publish) options_.on_publish(std::move(view));
}

absl::Status PublisherImpl::Commit(StagedBatch* staged) {
  if (staged->empty()) return absl::OkStatus();
  absl::Status status = FromRocks(
      database_->db()->Write(database_->write_options(), staged->write_batch()),
      "writing the changes");
  if (!status.ok()) return status;
  times_changed_ |= staged->changes_times();
  MutexLock lock(&state_mutex_);
  const bool is_change = state_.sequence != staged->state().sequence;
  for (const auto& [zone, record] : staged->state().zones) {
    if (visible_serials_.count(zone) == 0) continue;
    if (state_.zones[zone].serial != record.serial) {
      visible_serials_[zone] = record.serial;
    }
  }
  state_ = staged->state();
  indexes_ = staged->indexes();
  for (const auto& [list, targets] : staged->touched()) {
    index_files_[state_.lists.find(list)->second].changes_behind +=
        targets.size();
  }
  for (auto& [list, targets] : rebuilding_) {
    const auto touched = staged->touched().find(list);
    if (touched == staged->touched().end()) continue;
    targets.insert(targets.end(), touched->second.begin(),
                   touched->second.end());
  }
  ++stats_.commits;
  stats_.changes += staged->change_count();
  journal_changes_ += staged->change_count();
  if (view_ != nullptr && is_change) PublishView();
  return absl::OkStatus();
}

void PublisherImpl::Enqueue(Waiter* waiter) {
  MutexLock lock(&queue_mutex_);
  if (stopping_) {
    waiter->result = absl::UnavailableError("rbld is stopping");
    return;
  }
  queue_.push_back(waiter);
  queue_changed_.NotifyOne();
  while (!waiter->done) waiter->done_changed.Wait(&queue_mutex_);
}

absl::Status PublisherImpl::RunOnThread(std::function<absl::Status()> work) {
  Waiter waiter;
  waiter.work = std::move(work);
  Enqueue(&waiter);
  return waiter.result.status();
}

absl::Status PublisherImpl::RunInBatch(RelayCasesImpl::Stage stage) {
  Waiter waiter;
  waiter.stage = std::move(stage);
  Enqueue(&waiter);
  return waiter.result.status();
}

// How long to wait for more requests, where they come so often that several can
// share what a group costs: a sync, a view, and what the workers do to see it.
std::chrono::nanoseconds PublisherImpl::GatherTime() {
  if (queue_.empty() || queue_.front()->work || stopping_) return {};
  const auto now = std::chrono::steady_clock::now();
  const auto until = last_group_ + kGather;
  last_group_ = now;
  if (now >= until) return {};
  if (lonely_groups_ > 0) {
    --lonely_groups_;
    return {};
  }
  last_group_ = until;
  return until - now;
}

void PublisherImpl::Loop() {
  // Changes wait for it while queries keep a worker busy.
  TakeTurnsFor(Work::kChanges);
  while (true) {
    std::vector<Waiter*> group;
    bool stop = false;
    std::chrono::nanoseconds gather{};
    {
      MutexLock lock(&queue_mutex_);
      if (queue_.empty() && !stopping_)
        queue_changed_.WaitFor(&queue_mutex_, kTick);
      gather = GatherTime();
    }
    // Who asks for more meanwhile does not wake it.
    if (gather.count() > 0) std::this_thread::sleep_for(gather);
    {
      MutexLock lock(&queue_mutex_);
      // One client that waits for each reply gains nothing.
      if (gather.count() > 0 && queue_.size() == 1) {
        lonely_groups_ = kLonelyGroups;
      }
      uint64_t changes = 0;
      while (!queue_.empty() && group.size() < kMaxGroupRequests &&
             changes < kMaxGroupChanges) {
        // Work runs alone, between groups.
        if (queue_.front()->work && !group.empty()) break;
        group.push_back(queue_.front());
        queue_.pop_front();
        if (group.back()->work) break;
        changes += group.back()->request != nullptr
                       ? group.back()->request->changes.size()
                       : 1;
      }
      stop = stopping_ && group.empty();
    }
    if (stop) return;
    // Relay tests first: they take off what is about to expire, and say why.
    const int64_t relays_due = relay_cases_->next_due();
    if (relays_due != 0 && relays_due <= options_.clock->NowSeconds()) {
      absl::Status status = RunDueRelayCases();
      if (!status.ok()) {
        LogError(absl::StrCat("relay tests that are due: ", status.message()));
      }
      NoteNextExpiry();
      relay_cases_->NoteNextDue();
    }
    if (next_expiry_ != 0 && next_expiry_ <= options_.clock->NowSeconds()) {
      absl::Status status = ExpireDue();
      if (!status.ok()) {
        LogError(absl::StrCat("expiring listings: ", status.message()));
      }
      NoteNextExpiry();
    }
    if (group.empty()) continue;
    if (group.front()->work) {
      absl::Status status = group.front()->work();
      if (!status.ok()) group.front()->result = status;
      times_changed_ = true;
    } else {
      RunGroup(group);
    }
    if (times_changed_) {
      NoteNextExpiry();
      relay_cases_->NoteNextDue();
      times_changed_ = false;
    }
    absl::Status trimmed = TrimJournal();
    if (!trimmed.ok()) {
      LogError(absl::StrCat("trimming the journal: ", trimmed.message()));
    }
    MutexLock lock(&queue_mutex_);
    for (Waiter* waiter : group) {
      waiter->done = true;
      // Before the mutex is free, since the waiter may be gone then.
      waiter->done_changed.NotifyOne();
    }
  }
}

void PublisherImpl::RunRequest(
    Waiter* waiter, StagedBatch* staged,
    std::map<std::string, absl::StatusOr<ChangeResult>>* in_group) {
  const std::string& key = waiter->request->idempotency_key;
  if (!key.empty()) {
    const auto earlier = in_group->find(key);
    if (earlier != in_group->end()) {
      waiter->result = earlier->second;
      return;
    }
    absl::StatusOr<ChangeResult> remembered = Remembered(key);
    if (remembered.ok()) {
      waiter->result = *std::move(remembered);
      return;
    }
  }
  waiter->result = staged->Stage(*waiter->request);
  if (!key.empty() && waiter->result.ok() && !waiter->request->dry_run) {
    Remember(key, *waiter->result, staged);
    in_group->emplace(key, waiter->result);
  }
}

void PublisherImpl::RunGroup(const std::vector<Waiter*>& group) {
  SpecMap specs;
  ZonesPtr zones;
  StagedBatch staged = NewBatch(&specs, &zones);
  std::map<std::string, absl::StatusOr<ChangeResult>> in_group;
  for (Waiter* waiter : group) {
    if (waiter->request != nullptr) {
      RunRequest(waiter, &staged, &in_group);
    } else if (absl::Status status = waiter->stage(&staged); !status.ok()) {
      waiter->result = status;
    }
  }
  absl::Status status = staged.MoveSerials(*zones);
  if (status.ok()) status = Commit(&staged);
  if (status.ok()) return;
  LogError(absl::StrCat("a commit failed: ", status.message()));
  for (Waiter* waiter : group) {
    const bool dry_run = waiter->request != nullptr && waiter->request->dry_run;
    if (waiter->result.ok() && !dry_run) waiter->result = status;
  }
}

absl::StatusOr<ChangeResult> PublisherImpl::Remembered(
    const std::string& key) const {
  absl::StatusOr<std::string> bytes = database_->GetMeta(IdempotencyKey(key));
  if (!bytes.ok()) return bytes.status();
  absl::string_view view = *bytes;
  uint64_t time = 0, sequence = 0;
  if (!ConsumeVarint(&view, &time) || !ConsumeVarint(&view, &sequence)) {
    return absl::NotFoundError("no such key");
  }
  if (static_cast<int64_t>(time) + kIdempotencySeconds <
      options_.clock->NowSeconds()) {
    return absl::NotFoundError("the key is too old");
  }
  ChangeResult result;
  result.sequence = sequence;
  for (const char outcome : view) {
    result.outcomes.push_back(static_cast<ChangeOutcome>(outcome));
  }
  return result;
}

void PublisherImpl::Remember(const std::string& key, const ChangeResult& result,
                             StagedBatch* staged) const {
  std::string bytes;
  AppendVarint(&bytes, static_cast<uint64_t>(options_.clock->NowSeconds()));
  AppendVarint(&bytes, result.sequence);
  for (const ChangeOutcome outcome : result.outcomes) {
    bytes.push_back(static_cast<char>(outcome));
  }
  staged->PutMeta(IdempotencyKey(key), bytes);
}

absl::Status PublisherImpl::TrimJournal() {
  const int64_t now_seconds = options_.clock->NowSeconds();
  if (now_seconds == last_trim_) return absl::OkStatus();
  last_trim_ = now_seconds;
  const int64_t oldest = now_seconds - options_.journal_max_age_seconds;
  // What an index file does not have is kept for the next start.
  uint64_t needed = UINT64_MAX;
  {
    MutexLock lock(&state_mutex_);
    for (const auto& [list, file] : index_files_) {
      if (file.sequence != 0) needed = std::min(needed, file.sequence + 1);
    }
  }
  rocksdb::ColumnFamilyHandle* journal = database_->family(FamilyId::kJournal);
  rocksdb::ColumnFamilyHandle* bulk = database_->family(FamilyId::kBulk);
  std::unique_ptr<rocksdb::Iterator> it(
      database_->db()->NewIterator(rocksdb::ReadOptions(), journal));
  rocksdb::WriteBatch batch;
  uint64_t first = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    absl::string_view key = View(it->key());
    JournalEntry entry;
    if (!ConsumeU64(&key, &first) || !ParseJournal(View(it->value()), &entry)) {
      return CorruptRecord("journal entry");
    }
    if (journal_changes_ <= options_.journal_max_changes &&
        (entry.time >= oldest || first >= needed)) {
      break;
    }
    journal_changes_ -= std::min(journal_changes_, entry.change_count);
    batch.Delete(journal, it->key());
    if (entry.bulk_id != 0) {
      std::string begin, end;
      AppendU64(&begin, entry.bulk_id);
      AppendU64(&end, entry.bulk_id + 1);
      batch.DeleteRange(bulk, begin, end);
    }
  }
  if (batch.Count() != 0) {
    rocksdb::WriteOptions unsynced;  // doing it again after a crash is fine
    absl::Status status = FromRocks(database_->db()->Write(unsynced, &batch),
                                    "trimming the journal");
    if (!status.ok()) return status;
  }
  MutexLock lock(&state_mutex_);
  stats_.journal_first_sequence = it->Valid() ? first : 0;
  return absl::OkStatus();
}

absl::StatusOr<ChangeResult> PublisherImpl::Apply(ChangeRequest request) {
  Waiter waiter;
  waiter.request = &request;
  Enqueue(&waiter);
  return std::move(waiter.result);
}

absl::Status PublisherImpl::Reconfigure(std::vector<ListSpec> lists,
                                        std::vector<ZoneSpec> zones) {
  return RunOnThread([&]() -> absl::Status {
    return Configure(std::move(lists), std::move(zones));
  });
}

std::shared_ptr<const StoreView> PublisherImpl::view() const {
  MutexLock lock(&state_mutex_);
  return view_;
}

}  // namespace rbld
