// The import half of PublisherImpl: small differences are committed like any
// request, large ones by ingesting sorted files.

#include <malloc.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/log.h"
#include "store/publisher_impl.h"
#include "store/zone_serials.h"

namespace rbld {
namespace {

constexpr int kMaxTries = 4;

std::string ImportText(const ImportOptions& options) {
  return options.request.empty()
             ? absl::StrCat("import ", options.list, "/", options.source)
             : options.request;
}

ChangeRequest HeaderOf(const ImportOptions& options) {
  ChangeRequest header;
  header.actor = options.actor;
  header.why = options.why;
  header.request = ImportText(options);
  return header;
}

// Refuses an import that would shrink or grow the dataset out of bounds.
absl::Status CheckGuards(const DatasetRecord& dataset, const DiffCounts& counts,
                         const ImportOptions& options) {
  const uint64_t present = dataset.listings;
  const auto wanted =
      static_cast<uint64_t>(static_cast<int64_t>(present) + counts.listings);
  if (options.force || present == 0) return absl::OkStatus();
  const double shrink =
      1.0 - static_cast<double>(wanted) / static_cast<double>(present);
  if (shrink > options.max_shrink) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "the feed has %d listings, %.1f %% fewer than the %d of source %s in "
        "list %s; at most %.1f %% is let through (--max-shrink). Look at the "
        "feed; if it is right, import it with --force",
        wanted, shrink * 100, present, options.source, options.list,
        options.max_shrink * 100));
  }
  if (-shrink > options.max_grow) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "the feed has %d listings, %.1f %% more than the %d of source %s in "
        "list %s; at most %.1f %% is let through (--max-grow). Look at the "
        "feed; if it is right, import it with --force",
        wanted, -shrink * 100, present, options.source, options.list,
        options.max_grow * 100));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PublisherImpl::ImportTarget> PublisherImpl::PrepareDataset(
    const ImportOptions& options) {
  ImportTarget target;
  absl::Status status = RunOnThread([&]() -> absl::Status {
    StoreState state = StateCopy();
    const ListId list = state.lists.find(options.list)->second;
    DatasetRecord* record = state.GetDataset(list, options.source);
    if (record->precedence != options.precedence && record->listings != 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          "source ", options.source, " of list ", options.list,
          " was made by a feed format with another rule of precedence; import "
          "this format under another --source"));
    }
    record->precedence = options.precedence;
    target.dataset = *record;
    if (options.dry_run) return absl::OkStatus();
    target.is_all_of_list = true;
    for (const auto& [id, other] : state.datasets) {
      if (other.list == list && id != record->id &&
          (other.listings != 0 || other.exemptions != 0)) {
        target.is_all_of_list = false;
      }
    }
    const absl::Status written = FromRocks(
        database_->db()->Put(database_->write_options(),
                             database_->family(FamilyId::kMeta),
                             DatasetKey(record->id), DatasetValue(*record)),
        "writing the dataset");
    if (!written.ok()) return written;
    MutexLock lock(&state_mutex_);
    state_ = std::move(state);
    target.bulk_id = next_bulk_id_++;
    // An index that is built of the wanted entries knows nothing of what
    // others change in the list from here on.
    rebuilding_[options.list].clear();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return target;
}

// Takes the list for one import and gives it back.
class PublisherImpl::ImportTurn {
 public:
  // Waits for other imports: each may build the list's index.
  ImportTurn(PublisherImpl* publisher, const std::string& list)
      : publisher_(*publisher), list_(list) {
    MutexLock lock(&publisher_.state_mutex_);
    while (publisher_.importing_.count(list_) != 0) {
      publisher_.import_done_.Wait(&publisher_.state_mutex_);
    }
    publisher_.importing_.insert(list_);
  }
  ~ImportTurn() {
    MutexLock lock(&publisher_.state_mutex_);
    publisher_.importing_.erase(list_);
    publisher_.rebuilding_.erase(list_);
    publisher_.import_done_.NotifyAll();
  }
  ImportTurn(const ImportTurn&) = delete;
  ImportTurn& operator=(const ImportTurn&) = delete;

 private:
  PublisherImpl& publisher_;
  const std::string list_;
};

absl::StatusOr<ImportSummary> PublisherImpl::RunImport(
    Import import, const ImportOptions& options,
    const std::function<void(double)>& progress) {
  if (options.source.empty()) {
    return absl::InvalidArgumentError("an import needs a source's name");
  }
  const absl::StatusOr<ListSpec> spec = list_spec(options.list);
  if (!spec.ok()) return spec.status();
  const ImportTurn turn(this, options.list);
  if (import.rejected_count() != 0 &&
      (options.strict || import.accepted_count() == 0)) {
    const FeedLineNote& first = import.rejected().front();
    return absl::FailedPreconditionError(absl::StrCat(
        import.rejected_count(),
        import.rejected_count() == 1 ? " line of the feed cannot be taken"
                                     : " lines of the feed cannot be taken",
        options.strict ? " (--strict)" : ", and there is no other",
        "; the first is line ", first.line, " (", first.text,
        "): ", first.why));
  }
  const uint64_t rejected = import.rejected_count();
  std::vector<FeedLineNote> rejected_lines = import.rejected();
  FeedLineNotes warned = import.warned();
  absl::StatusOr<WantedEntries> wanted =
      WantedEntries::Make(database_.get(), std::move(import), options);
  if (!wanted.ok()) return wanted.status();
  for (int i = 0; i < kMaxTries; ++i) {
    bool retry = false;
    absl::StatusOr<ImportSummary> summary =
        TryImport(*wanted, options, &retry, progress);
    if (!summary.ok()) return summary.status();
    if (retry) continue;
    summary->duplicates = wanted->duplicates();
    summary->rejected = rejected;
    summary->rejected_lines = std::move(rejected_lines);
    summary->warned = warned.count();
    summary->warned_lines = warned.kept();
    if (progress) progress(1.0);
    return summary;
  }
  return absl::AbortedError(
      absl::StrCat("source ", options.source, " of list ", options.list,
                   " was changed by others while it was imported; try again"));
}

absl::StatusOr<ImportSummary> PublisherImpl::TryImport(
    const WantedEntries& wanted, const ImportOptions& options, bool* retry,
    const std::function<void(double)>& progress) {
  absl::StatusOr<ImportTarget> target = PrepareDataset(options);
  if (!target.ok()) return target.status();
  const DatasetRecord& dataset = target->dataset;
  ImportWork::Options work_options;
  work_options.dataset = dataset;
  work_options.diff.default_expires = options.expires;
  work_options.diff.now_seconds = options_.clock->NowSeconds();
  work_options.dry_run = options.dry_run;
  work_options.bulk_id = target->bulk_id;
  work_options.journal_max_changes = options_.journal_max_changes;
  work_options.is_all_of_list = target->is_all_of_list;
  work_options.name_seed = database_->name_seed();
  ImportWork work(database_.get(), &wanted, std::move(work_options));
  absl::StatusOr<DiffCounts> counts;
  {
    rocksdb::ManagedSnapshot snapshot(database_->db());
    counts = work.Compare(snapshot.snapshot(), [&progress](double part) {
      if (progress) progress(0.7 * part);
    });
  }
  if (!counts.ok()) return counts.status();
  absl::Status status = CheckGuards(dataset, *counts, options);
  if (!status.ok()) return status;
  ImportSummary summary;
  summary.added = counts->added;
  summary.removed = counts->removed;
  summary.changed = counts->changed;
  summary.unchanged = counts->unchanged;
  summary.sequence = StateCopy().sequence;
  if (options.dry_run || counts->changes() == 0) return summary;
  if (work.bulk()) {
    status =
        CommitBulk(&work.files(), *counts, dataset, options, retry, &summary);
    if (progress) progress(0.8);
    if (status.ok() && !*retry) {
      status = RebuildAfterBulk(options.list, work.TakeIndex());
    }
    // The buffers of millions of entries are free now; give them back.
    malloc_trim(0);
  } else {
    status = CommitSmall(work.small(), dataset, options, retry, &summary);
  }
  if (!status.ok()) return status;
  return summary;
}

absl::Status PublisherImpl::CommitSmall(
    const std::vector<StagedBatch::RecordChange>& changes,
    const DatasetRecord& dataset, const ImportOptions& options, bool* retry,
    ImportSummary* summary) {
  return RunOnThread([&]() -> absl::Status {
    SpecMap specs;
    ZonesPtr zones;
    StagedBatch staged = NewBatch(&specs, &zones);
    const auto now = staged.state().datasets.find(dataset.id);
    if (now == staged.state().datasets.end() ||
        now->second.last_sequence != dataset.last_sequence) {
      *retry = true;
      return absl::OkStatus();
    }
    absl::Status status = staged.StageRecords(HeaderOf(options), dataset.id,
                                              /*is_import=*/true, changes);
    if (!status.ok()) return status;
    status = staged.MoveSerials(*zones);
    if (status.ok()) status = Commit(&staged);
    if (!status.ok()) return status;
    summary->sequence = staged.state().sequence;
    MutexLock lock(&state_mutex_);
    ++stats_.imports;
    return absl::OkStatus();
  });
}

absl::Status PublisherImpl::CommitBulk(BulkFiles* files,
                                       const DiffCounts& counts,
                                       const DatasetRecord& dataset,
                                       const ImportOptions& options,
                                       bool* retry, ImportSummary* summary) {
  return RunOnThread([&]() -> absl::Status {
    StoreState state = StateCopy();
    ZonesPtr zones;
    {
      MutexLock lock(&state_mutex_);
      zones = zones_;
    }
    DatasetRecord& record = state.datasets[dataset.id];
    if (record.last_sequence != dataset.last_sequence) {
      *retry = true;
      return absl::OkStatus();
    }
    const int64_t now_seconds = options_.clock->NowSeconds();
    ++state.sequence;
    record.listings = static_cast<uint64_t>(
        static_cast<int64_t>(record.listings) + counts.listings);
    record.exemptions = static_cast<uint64_t>(
        static_cast<int64_t>(record.exemptions) + counts.exemptions);
    record.lengths.AddCounts(counts.lengths);
    record.last_sequence = state.sequence;
    record.last_import_time = now_seconds;
    // Whether any change shows in an answer is not known before the index is
    // built. Until that is shown nobody sees these serials; they are moved now
    // so that a start after a crash shows the import under a serial of its own.
    for (const ZoneSpec& zone : *zones) {
      if (!Publishes(zone, options.list)) continue;
      ZoneRecord& zone_record = state.zones[zone.name];
      zone_record.serial = NextSerial(zone, zone_record, now_seconds);
      zone_record.sequence = state.sequence;
      zone_record.time = now_seconds;
    }
    const bool keep_journal = counts.changes() <= options_.journal_max_changes;
    absl::Status status =
        IngestFiles(files, counts, keep_journal, state, dataset.id, options);
    if (!status.ok()) return status;
    summary->sequence = state.sequence;
    journal_changes_ += keep_journal ? counts.changes() : 0;
    MutexLock lock(&state_mutex_);
    state_ = std::move(state);
    unshown_.insert(options.list);
    ++stats_.commits;
    ++stats_.imports;
    stats_.changes += counts.changes();
    return absl::OkStatus();
  });
}

absl::Status PublisherImpl::IngestFiles(
    BulkFiles* files, const DiffCounts& counts, bool keep_journal,
    const StoreState& state, DatasetId dataset, const ImportOptions& options) {
  JournalEntry entry;
  entry.time = options_.clock->NowSeconds();
  entry.actor = options.actor;
  entry.why = options.why;
  entry.request = ImportText(options);
  entry.change_count = keep_journal ? counts.changes() : 0;
  entry.bulk_id = keep_journal ? files->bulk_id() : 0;
  entry.gap = !keep_journal;
  const DatasetRecord& record = state.datasets.find(dataset)->second;
  std::string whose;  // a bulk entry's changes are all of one dataset
  AppendU32(&whose, record.list);
  AppendU32(&whose, record.id);
  entry.changes = whose;
  AuditRecord audit;
  audit.time = entry.time;
  audit.actor = options.actor;
  audit.why = options.why;
  audit.request = entry.request;
  audit.added = counts.added;
  audit.changed = counts.changed;
  audit.removed = counts.removed;
  audit.what = absl::StrCat("source ", options.source);
  BulkFiles::Entry stored;
  stored.sequence = state.sequence;
  stored.journal = JournalValue(entry);
  stored.audit = AuditValue(audit);
  // In the order of their keys: "dataset/", "sequence", "zone/".
  stored.meta.emplace_back(DatasetKey(dataset), DatasetValue(record));
  std::string sequence;
  AppendU64(&sequence, state.sequence);
  stored.meta.emplace_back("sequence", sequence);
  for (const auto& [zone, zone_record] : state.zones) {
    stored.meta.emplace_back(ZoneKey(zone), ZoneValue(zone_record));
  }
  return files->Ingest(stored, keep_journal);
}

absl::Status PublisherImpl::RebuildAfterBulk(
    const std::string& list, std::shared_ptr<const ListIndex> prebuilt) {
  const auto give_up = [&](const absl::Status& status) {
    // The data are durable, only this process cannot show them.
    LogError(absl::StrCat("list ", list,
                          ": building the index after an "
                          "import failed: ",
                          status.message(),
                          "; the list answers from before the import until "
                          "rbld is restarted"));
    MutexLock lock(&state_mutex_);
    rebuilding_.erase(list);
    unshown_.erase(list);
    index_files_[state_.lists.find(list)->second].never = true;
    rebuild_done_.NotifyAll();
    return absl::UnavailableError(absl::StrCat(
        "the import is stored but not yet visible: ", status.message()));
  };
  absl::StatusOr<std::shared_ptr<const ListIndex>> index = std::move(prebuilt);
  if (*index == nullptr) {
    // What others changed so far is in rebuilding_ as well as in the store:
    // done twice is fine.
    const StoreState state = StateCopy();
    index = BuildIndex(list, state, nullptr);
  }
  if (!index.ok()) return give_up(index.status());
  absl::Status status = InstallIndex(list, *std::move(index));
  if (!status.ok()) return give_up(status);
  return absl::OkStatus();
}

ZoneRecord PublisherImpl::RecordAfterImport(const ZoneSpec& zone,
                                            const std::string& list,
                                            bool differs) {
  ZoneRecord record = state_.zones[zone.name];
  const uint32_t visible = visible_serials_[zone.name];
  if (differs) {
    // A serial that was already shown with the old index cannot stand for the
    // new one too.
    if (record.serial == visible) {
      record.serial = NextSerial(zone, record, options_.clock->NowSeconds());
    }
    return record;
  }
  // What is stored and not shown needs a serial of its own at the next start.
  std::set<std::string> behind = ListsBehind();
  behind.erase(list);
  for (const std::string& other : behind) {
    if (Publishes(zone, other)) return record;
  }
  record.serial = visible;
  return record;
}

absl::Status PublisherImpl::InstallIndex(
    const std::string& list, std::shared_ptr<const ListIndex> index) {
  return RunOnThread([&]() -> absl::Status {
    std::vector<Target> changed;
    StoreState state;
    ZonesPtr zones;
    IndexMap before;
    {
      MutexLock lock(&state_mutex_);
      changed = rebuilding_[list];
      state = state_;
      zones = zones_;
      before = indexes_;
    }
    const ListShape shape = state.Shape(state.lists.find(list)->second);
    std::set<std::string> resolved;
    for (const Target& target : changed) {
      if (!resolved.insert(target.Key()).second) continue;
      Resolver resolver(
          *database_, shape,
          std::unique_ptr<rocksdb::Iterator>(database_->db()->NewIterator(
              rocksdb::ReadOptions(), database_->family(FamilyId::kListings))));
      absl::StatusOr<IndexUpdate> update =
          UpdateListIndex(index, target, &resolver);
      if (!update.ok()) return update.status();
      index = update->index;
    }
    IndexMap after = before;
    if (after.count(list) != 0) after[list] = index;
    const ValueTable* const values = database_->dictionary().values().get();
    rocksdb::WriteBatch batch;
    std::map<std::string, ZoneRecord> moved;
    for (const ZoneSpec& zone : *zones) {
      if (!Publishes(zone, list)) continue;
      const bool differs =
          ZoneDiffers(zone, {&before, values}, zone, {&after, values});
      MutexLock lock(&state_mutex_);
      const ZoneRecord record = RecordAfterImport(zone, list, differs);
      if (record.serial != state.zones[zone.name].serial) {
        batch.Put(database_->family(FamilyId::kMeta), ZoneKey(zone.name),
                  ZoneValue(record));
      }
      if (differs) moved[zone.name] = record;
      state.zones[zone.name] = record;
    }
    if (batch.Count() != 0) {
      absl::Status status =
          FromRocks(database_->db()->Write(database_->write_options(), &batch),
                    "writing serials");
      if (!status.ok()) return status;
    }
    MutexLock lock(&state_mutex_);
    state_.zones = std::move(state.zones);
    for (const auto& [zone, record] : moved) {
      visible_serials_[zone] = record.serial;
    }
    if (specs_.find(list) != specs_.end()) indexes_[list] = std::move(index);
    index_files_[state_.lists.find(list)->second].rebuilt = true;
    rebuilding_.erase(list);
    unshown_.erase(list);
    rebuild_done_.NotifyAll();
    PublishView();
    return absl::OkStatus();
  });
}

}  // namespace rbld
