// The import half of PublisherImpl: small differences are committed like any
// request, large ones by ingesting sorted files.

#include <malloc.h>
#include <rocksdb/sst_file_writer.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file_util.h"
#include "base/log.h"
#include "store/publisher_impl.h"

namespace rbld {
namespace {

// Up to this many changes an import is one batch, its index brought up to date
// target by target; beyond, files are ingested and the index is built anew.
constexpr size_t kMaxSmallChanges = 2'000;
constexpr size_t kMaxJournalChunkBytes = 64 << 10;
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

// The sorted files of one bulk import, in a folder of their own inside the
// store's; what was not ingested is deleted with it.
struct PublisherImpl::BulkFiles {
  struct File {
    explicit File(FamilyId id) : family(id) {}
    FamilyId family;
    std::string path;
    std::unique_ptr<rocksdb::SstFileWriter> writer;
    uint64_t entries = 0;
  };

  BulkFiles(Database* db, uint64_t id)
      : database(db),
        bulk_id(id),
        directory(absl::StrCat(db->directory(), "/import-", id)) {}
  ~BulkFiles() {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }

  absl::Status Open(File* file, const char* name) {
    absl::Status status = MakeDirectories(directory);
    if (!status.ok()) return status;
    rocksdb::ColumnFamilyHandle* family = database->family(file->family);
    rocksdb::ColumnFamilyDescriptor descriptor;
    status = FromRocks(family->GetDescriptor(&descriptor), "import");
    if (!status.ok()) return status;
    rocksdb::Options options(rocksdb::DBOptions(), descriptor.options);
    options.env = database->env();
    file->path = absl::StrCat(directory, "/", name, ".sst");
    file->writer = std::make_unique<rocksdb::SstFileWriter>(
        rocksdb::EnvOptions(), options, family);
    return FromRocks(file->writer->Open(file->path), "writing import files");
  }

  absl::Status Put(File* file, absl::string_view key, absl::string_view value) {
    ++file->entries;
    return FromRocks(file->writer->Put(ToSlice(key), ToSlice(value)),
                     "writing import files");
  }
  absl::Status Delete(File* file, absl::string_view key) {
    ++file->entries;
    return FromRocks(file->writer->Delete(ToSlice(key)),
                     "writing import files");
  }

  absl::Status Add(ChangeKind kind, absl::string_view key,
                   absl::string_view before, absl::string_view after) {
    absl::Status status =
        after.empty() ? Delete(&listings, key) : Put(&listings, key, after);
    if (!status.ok()) return status;
    Record record;
    for (const bool is_before : {true, false}) {
      const absl::string_view bytes = is_before ? before : after;
      if (bytes.empty() || !ParseRecord(bytes, &record) ||
          record.expires == 0) {
        continue;
      }
      std::string expiry_key;
      AppendU64(&expiry_key, static_cast<uint64_t>(record.expires));
      expiry_key.append(key.data(), key.size());
      expiries.emplace_back(std::move(expiry_key), !is_before);
    }
    if (!keep_journal) return absl::OkStatus();
    // The list's id and the dataset's are the entry's, not each change's.
    const absl::string_view middle = key.substr(4, key.size() - 8);
    if (chunk.empty()) chunk_first = std::string(middle);
    AppendJournalChange(&chunk, {kind, middle, before, after});
    return chunk.size() >= kMaxJournalChunkBytes ? FlushChunk()
                                                 : absl::OkStatus();
  }

  absl::Status FlushChunk() {
    if (chunk.empty()) return absl::OkStatus();
    std::string key;
    AppendU64(&key, bulk_id);
    key += chunk_first;
    absl::Status status = Put(&journal, key, chunk);
    chunk.clear();
    return status;
  }

  absl::Status FinishChanges() {
    absl::Status status = FlushChunk();
    if (!status.ok() || expiries.empty()) return status;
    // A record that keeps its expiry is deleted and put: the put must win.
    std::sort(expiries.begin(), expiries.end());
    for (size_t i = 0; i < expiries.size() && status.ok(); ++i) {
      if (i + 1 < expiries.size() &&
          expiries[i].first == expiries[i + 1].first) {
        continue;
      }
      status = expiries[i].second ? Put(&expiry, expiries[i].first, "")
                                  : Delete(&expiry, expiries[i].first);
    }
    return status;
  }

  Database* const database;
  const uint64_t bulk_id;
  const std::string directory;
  bool keep_journal = true;
  File listings{FamilyId::kListings};
  File journal{FamilyId::kBulk};
  File expiry{FamilyId::kExpiry};
  std::vector<std::pair<std::string, bool>> expiries;  // true: put
  std::string chunk;
  std::string chunk_first;
  DiffCounts counts;
  // While there are few changes they are here and no file is open.
  std::vector<StagedBatch::RecordChange> small;
  bool bulk = false;
};

absl::StatusOr<DatasetRecord> PublisherImpl::PrepareDataset(
    const ImportOptions& options) {
  DatasetRecord dataset;
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
    dataset = *record;
    if (options.dry_run) return absl::OkStatus();
    const absl::Status written = FromRocks(
        database_->db()->Put(database_->write_options(),
                             database_->family(FamilyId::kMeta),
                             DatasetKey(record->id), DatasetValue(*record)),
        "writing the dataset");
    if (!written.ok()) return written;
    MutexLock lock(&state_mutex_);
    state_ = std::move(state);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return dataset;
}

absl::StatusOr<ImportSummary> PublisherImpl::RunImport(
    Import import, const ImportOptions& options,
    const std::function<void(double)>& progress) {
  if (options.source.empty()) {
    return absl::InvalidArgumentError("an import needs a source's name");
  }
  {
    MutexLock lock(&state_mutex_);
    if (specs_.find(options.list) == specs_.end()) {
      return NoSuchList(options.list);
    }
    // Imports into one list wait for one another: each may build its index.
    while (importing_.count(options.list) != 0) {
      import_done_.Wait(&state_mutex_);
    }
    importing_.insert(options.list);
  }
  struct Done {
    ~Done() {
      MutexLock lock(&self->state_mutex_);
      self->importing_.erase(list);
      self->import_done_.NotifyAll();
    }
    PublisherImpl* self;
    const std::string& list;
  } done{this, options.list};
  if (import.rejected_count() != 0 &&
      (options.strict || import.accepted_count() == 0)) {
    const RejectedLine& first = import.rejected().front();
    return absl::InvalidArgumentError(absl::StrCat(
        import.rejected_count(), " lines of the feed cannot be taken",
        options.strict ? " (--strict)" : " and none can",
        "; the first is line ", first.line, " (", first.text,
        "): ", first.why));
  }
  const uint64_t rejected = import.rejected_count();
  std::vector<RejectedLine> rejected_lines = import.rejected();
  absl::StatusOr<DatasetDiff> diff =
      DatasetDiff::Prepare(database_.get(), std::move(import), options,
                           options_.clock->NowSeconds());
  if (!diff.ok()) return diff.status();
  for (int i = 0; i < kMaxTries; ++i) {
    bool retry = false;
    absl::StatusOr<ImportSummary> summary =
        TryImport(&*diff, options, &retry, progress);
    if (!summary.ok()) return summary.status();
    if (retry) continue;
    summary->duplicates = diff->duplicates();
    summary->rejected = rejected;
    summary->rejected_lines = std::move(rejected_lines);
    if (progress) progress(1.0);
    return summary;
  }
  return absl::AbortedError(
      absl::StrCat("source ", options.source, " of list ", options.list,
                   " was changed by others while it was imported; try again"));
}

absl::StatusOr<ImportSummary> PublisherImpl::TryImport(
    DatasetDiff* diff, const ImportOptions& options, bool* retry,
    const std::function<void(double)>& progress) {
  absl::StatusOr<DatasetRecord> dataset = PrepareDataset(options);
  if (!dataset.ok()) return dataset.status();
  uint64_t bulk_id = 0;
  {
    MutexLock lock(&state_mutex_);
    bulk_id = next_bulk_id_++;
  }
  BulkFiles files(database_.get(), bulk_id);
  const uint64_t total =
      std::max<uint64_t>(1, diff->wanted() + dataset->listings);
  uint64_t seen = 0;
  rocksdb::ManagedSnapshot snapshot(database_->db());
  const DiffSink sink = [&](ChangeKind kind, absl::string_view key,
                            absl::string_view before,
                            absl::string_view after) -> absl::Status {
    if (progress && ++seen % 65536 == 0) {
      progress(0.7 * static_cast<double>(std::min(seen, total)) /
               static_cast<double>(total));
    }
    if (!files.bulk) {
      files.small.push_back(
          {kind, std::string(key), std::string(before), std::string(after)});
      if (options.dry_run && files.small.size() > kMaxSmallChanges) {
        files.small.clear();  // only the counts are wanted
      }
      if (options.dry_run || files.small.size() <= kMaxSmallChanges) {
        return absl::OkStatus();
      }
      files.bulk = true;
      absl::Status status = files.Open(&files.listings, "listings");
      if (status.ok()) status = files.Open(&files.journal, "journal");
      if (status.ok()) status = files.Open(&files.expiry, "expiry");
      for (const StagedBatch::RecordChange& change : files.small) {
        if (!status.ok()) return status;
        status =
            files.Add(change.kind, change.key, change.before, change.after);
      }
      files.small.clear();
      return status;
    }
    return files.Add(kind, key, before, after);
  };
  absl::StatusOr<DiffCounts> counts =
      diff->Run(snapshot.snapshot(), *dataset, sink);
  if (!counts.ok()) return counts.status();
  files.counts = *counts;
  absl::Status status = CheckGuards(*dataset, *counts, options);
  if (!status.ok()) return status;
  ImportSummary summary;
  summary.added = counts->added;
  summary.removed = counts->removed;
  summary.changed = counts->changed;
  summary.unchanged = counts->unchanged;
  summary.sequence = StateCopy().sequence;
  if (options.dry_run || counts->changes() == 0) return summary;
  if (files.bulk) {
    files.keep_journal = counts->changes() <= options_.journal_max_changes;
    status = files.FinishChanges();
    if (status.ok()) {
      status = CommitBulk(&files, *dataset, options, retry, &summary);
    }
    if (progress) progress(0.8);
    if (status.ok() && !*retry) status = RebuildAfterBulk(options.list);
    // The buffers of millions of entries are free now; give them back.
    malloc_trim(0);
  } else {
    status = CommitSmall(files.small, *dataset, options, retry, &summary);
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
    std::vector<ZoneSpec> zones;
    IndexMap indexes;
    StoreState state;
    {
      MutexLock lock(&state_mutex_);
      specs = specs_;
      zones = zones_;
      indexes = indexes_;
      state = state_;
    }
    if (state.datasets[dataset.id].last_sequence != dataset.last_sequence) {
      *retry = true;
      return absl::OkStatus();
    }
    StagedBatch staged(database_.get(), &specs, std::move(state),
                       std::move(indexes), options_.clock->NowSeconds());
    absl::Status status = staged.StageRecords(HeaderOf(options), dataset.id,
                                              /*is_import=*/true, changes);
    if (!status.ok()) return status;
    staged.MoveSerials(zones);
    status = Commit(&staged);
    if (!status.ok()) return status;
    summary->sequence = staged.state().sequence;
    MutexLock lock(&state_mutex_);
    ++stats_.imports;
    return absl::OkStatus();
  });
}

absl::Status PublisherImpl::CommitBulk(BulkFiles* files,
                                       const DatasetRecord& dataset,
                                       const ImportOptions& options,
                                       bool* retry, ImportSummary* summary) {
  for (BulkFiles::File* file :
       {&files->listings, &files->journal, &files->expiry}) {
    if (file->entries == 0) continue;
    absl::Status status =
        FromRocks(file->writer->Finish(), "writing import files");
    if (!status.ok()) return status;
  }
  return RunOnThread([&]() -> absl::Status {
    StoreState state = StateCopy();
    std::vector<ZoneSpec> zones;
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
        static_cast<int64_t>(record.listings) + files->counts.listings);
    record.exemptions = static_cast<uint64_t>(
        static_cast<int64_t>(record.exemptions) + files->counts.exemptions);
    record.lengths = files->counts.lengths;
    record.last_sequence = state.sequence;
    record.last_import_time = now_seconds;
    // Whether every change shows in an answer is not known before the index is
    // built; a change of thousands of listings moves the serial.
    for (const ZoneSpec& zone : zones) {
      if (std::find(zone.lists.begin(), zone.lists.end(), options.list) ==
          zone.lists.end()) {
        continue;
      }
      ZoneRecord& zone_record = state.zones[zone.name];
      zone_record.serial = NextSerial(zone, zone_record, now_seconds);
      zone_record.sequence = state.sequence;
      zone_record.time = now_seconds;
    }
    absl::Status status = IngestFiles(files, state, dataset.id, options);
    if (!status.ok()) return status;
    summary->sequence = state.sequence;
    journal_changes_ += files->keep_journal ? files->counts.changes() : 0;
    MutexLock lock(&state_mutex_);
    state_ = std::move(state);
    rebuilding_[options.list];
    ++stats_.commits;
    ++stats_.imports;
    stats_.changes += files->counts.changes();
    return absl::OkStatus();
  });
}

absl::Status PublisherImpl::IngestFiles(BulkFiles* files,
                                        const StoreState& state,
                                        DatasetId dataset,
                                        const ImportOptions& options) {
  JournalEntry entry;
  entry.time = options_.clock->NowSeconds();
  entry.actor = options.actor;
  entry.why = options.why;
  entry.request = ImportText(options);
  entry.change_count = files->keep_journal ? files->counts.changes() : 0;
  entry.bulk_id = files->keep_journal ? files->bulk_id : 0;
  entry.gap = !files->keep_journal;
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
  audit.added = files->counts.added;
  audit.changed = files->counts.changed;
  audit.removed = files->counts.removed;
  audit.what = absl::StrCat("source ", options.source);
  BulkFiles::File meta(FamilyId::kMeta), journal(FamilyId::kJournal),
      audits(FamilyId::kAudit);
  absl::Status status = files->Open(&meta, "meta");
  if (status.ok()) status = files->Open(&journal, "entry");
  if (status.ok()) status = files->Open(&audits, "audit");
  // In the order of their keys: "dataset/", "sequence", "zone/".
  if (status.ok()) {
    status = files->Put(&meta, DatasetKey(dataset), DatasetValue(record));
  }
  std::string sequence;
  AppendU64(&sequence, state.sequence);
  if (status.ok()) status = files->Put(&meta, "sequence", sequence);
  for (const auto& [zone, zone_record] : state.zones) {
    if (!status.ok()) break;
    status = files->Put(&meta, ZoneKey(zone), ZoneValue(zone_record));
  }
  const std::string key = JournalKey(state.sequence);
  if (status.ok()) status = files->Put(&journal, key, JournalValue(entry));
  if (status.ok()) status = files->Put(&audits, key, AuditValue(audit));
  for (BulkFiles::File* file : {&meta, &journal, &audits}) {
    if (!status.ok()) return status;
    status = FromRocks(file->writer->Finish(), "writing import files");
  }
  if (!status.ok()) return status;
  // One atomic step for all families: a WriteBatch beside it would not be.
  std::vector<rocksdb::IngestExternalFileArg> ingests;
  for (BulkFiles::File* file : {&files->listings, &files->journal,
                                &files->expiry, &meta, &journal, &audits}) {
    if (file->entries == 0) continue;
    if (file == &files->journal && !files->keep_journal) continue;
    rocksdb::IngestExternalFileArg ingest;
    ingest.column_family = database_->family(file->family);
    ingest.external_files = {file->path};
    ingest.options.move_files = true;
    ingest.options.failed_move_fall_back_to_copy = true;
    ingests.push_back(std::move(ingest));
  }
  return FromRocks(database_->db()->IngestExternalFiles(ingests),
                   "ingesting the import");
}

absl::Status PublisherImpl::RebuildAfterBulk(const std::string& list) {
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
    rebuild_done_.NotifyAll();
    return absl::UnavailableError(absl::StrCat(
        "the import is stored but not yet visible: ", status.message()));
  };
  // Changes from here on are in rebuilding_ as well: done twice is fine.
  const StoreState state = StateCopy();
  absl::StatusOr<std::shared_ptr<const ListIndex>> index =
      BuildIndex(list, state, nullptr);
  if (!index.ok()) return give_up(index.status());
  absl::Status status = InstallIndex(list, *std::move(index));
  if (!status.ok()) return give_up(status);
  return absl::OkStatus();
}

absl::Status PublisherImpl::InstallIndex(
    const std::string& list, std::shared_ptr<const ListIndex> index) {
  return RunOnThread([&]() -> absl::Status {
    std::vector<Target> changed;
    StoreState state;
    std::vector<ZoneSpec> zones;
    {
      MutexLock lock(&state_mutex_);
      changed = rebuilding_[list];
      state = state_;
      zones = zones_;
    }
    const ListShape shape = state.Shape(state.lists.find(list)->second);
    for (const Target& target : changed) {
      Resolver resolver(
          *database_, shape,
          std::unique_ptr<rocksdb::Iterator>(database_->db()->NewIterator(
              rocksdb::ReadOptions(), database_->family(FamilyId::kListings))));
      absl::StatusOr<IndexUpdate> update =
          UpdateListIndex(index, target, &resolver);
      if (!update.ok()) return update.status();
      index = update->index;
    }
    // A serial that was already shown with the old index cannot stand for the
    // new one too.
    rocksdb::WriteBatch batch;
    std::map<std::string, ZoneRecord> moved;
    {
      MutexLock lock(&state_mutex_);
      for (const ZoneSpec& zone : zones) {
        if (std::find(zone.lists.begin(), zone.lists.end(), list) ==
            zone.lists.end()) {
          continue;
        }
        ZoneRecord record = state.zones[zone.name];
        if (record.serial == visible_serials_[zone.name]) {
          record.serial =
              NextSerial(zone, record, options_.clock->NowSeconds());
          batch.Put(database_->family(FamilyId::kMeta), ZoneKey(zone.name),
                    ZoneValue(record));
        }
        moved[zone.name] = record;
      }
    }
    if (batch.Count() != 0) {
      absl::Status status =
          FromRocks(database_->db()->Write(database_->write_options(), &batch),
                    "writing serials");
      if (!status.ok()) return status;
    }
    MutexLock lock(&state_mutex_);
    for (const auto& [zone, record] : moved) {
      state_.zones[zone] = record;
      visible_serials_[zone] = record.serial;
    }
    if (specs_.find(list) != specs_.end()) indexes_[list] = std::move(index);
    index_files_[state_.lists.find(list)->second].rebuilt = true;
    rebuilding_.erase(list);
    rebuild_done_.NotifyAll();
    PublishView();
    return absl::OkStatus();
  });
}

}  // namespace rbld
