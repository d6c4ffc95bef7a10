#include "store/bulk_files.h"

#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_util.h"

namespace rbld {
namespace {

constexpr size_t kMaxJournalChunkBytes = 64 << 10;
// The disk begins with what is written before the file is complete, so that
// the sync at the end has little left to wait for.
constexpr uint64_t kBytesPerSync = 4 << 20;

absl::Status FromWriter(const rocksdb::Status& status) {
  return FromRocks(status, "writing import files");
}

std::string PartPath(absl::string_view directory, absl::string_view name,
                     int number) {
  return absl::StrCat(directory, "/", name, "-", number, ".sst");
}

}  // namespace

absl::Status SortedFile::Make() {
  absl::Status status =
      MakeDirectories(std::filesystem::path(path_).parent_path().string());
  if (!status.ok()) return status;
  rocksdb::ColumnFamilyHandle* family = database_->family(family_);
  rocksdb::ColumnFamilyDescriptor descriptor;
  status = FromRocks(family->GetDescriptor(&descriptor), "import");
  if (!status.ok()) return status;
  rocksdb::Options options(rocksdb::DBOptions(), descriptor.options);
  options.env = database_->env();
  rocksdb::EnvOptions env_options;
  env_options.bytes_per_sync = kBytesPerSync;
  auto writer =
      std::make_unique<rocksdb::SstFileWriter>(env_options, options, family);
  status = FromWriter(writer->Open(path_));
  if (status.ok()) writer_ = std::move(writer);
  return status;
}

absl::Status SortedFile::Put(absl::string_view key, absl::string_view value) {
  if (writer_ == nullptr) {
    absl::Status status = Make();
    if (!status.ok()) return status;
  }
  const rocksdb::Status status = writer_->Put(ToSlice(key), ToSlice(value));
  return status.ok() ? absl::OkStatus() : FromWriter(status);
}

absl::Status SortedFile::Delete(absl::string_view key) {
  if (writer_ == nullptr) {
    absl::Status status = Make();
    if (!status.ok()) return status;
  }
  return FromWriter(writer_->Delete(ToSlice(key)));
}

absl::Status SortedFile::Finish() {
  return made() ? FromWriter(writer_->Finish()) : absl::OkStatus();
}

BulkFiles::Part::Part(BulkFiles* files, int number)
    : files_(*files),
      listings_(files->database_, FamilyId::kListings,
                PartPath(files->directory_, "listings", number)),
      journal_(files->database_, FamilyId::kBulk,
               PartPath(files->directory_, "journal", number)) {}

absl::Status BulkFiles::Part::Add(const RecordDiff& change) {
  ++changes_;
  absl::Status status = change.after.empty()
                            ? listings_.Delete(change.key)
                            : listings_.Put(change.key, change.after);
  if (!status.ok()) return status;
  if (change.expires_before != change.expires_after) {
    NoteExpiry(change.expires_before, false, change.key);
    NoteExpiry(change.expires_after, true, change.key);
  }
  // What will not be kept need not be written.
  if (changes_ > files_.max_journal_changes_) return absl::OkStatus();
  return AddToJournal(change);
}

void BulkFiles::Part::NoteExpiry(int64_t expires, bool is_put,
                                 absl::string_view key) {
  if (expires == 0) return;
  std::string& keys = expiries_[expires];
  keys.push_back(is_put ? 1 : 0);
  AppendString(&keys, key);
}

absl::Status BulkFiles::Part::AddToJournal(const RecordDiff& change) {
  // The list's id and the dataset's are the entry's, not each change's.
  const absl::string_view middle = change.key.substr(4, change.key.size() - 8);
  if (chunk_.empty()) chunk_first_.assign(middle.data(), middle.size());
  AppendJournalChange(&chunk_,
                      {change.kind, middle, change.before, change.after});
  return chunk_.size() >= kMaxJournalChunkBytes ? FlushChunk()
                                                : absl::OkStatus();
}

absl::Status BulkFiles::Part::FlushChunk() {
  if (chunk_.empty()) return absl::OkStatus();
  std::string key;
  AppendU64(&key, files_.bulk_id_);
  key += chunk_first_;
  absl::Status status = journal_.Put(key, chunk_);
  chunk_.clear();
  return status;
}

absl::Status BulkFiles::Part::Finish() {
  absl::Status status = FlushChunk();
  if (status.ok()) status = listings_.Finish();
  if (status.ok()) status = journal_.Finish();
  return status;
}

BulkFiles::BulkFiles(Database* database, uint64_t bulk_id,
                     uint64_t max_journal_changes, int parts)
    : database_(database),
      bulk_id_(bulk_id),
      max_journal_changes_(max_journal_changes),
      directory_(absl::StrCat(database->directory(), "/import-", bulk_id)),
      expiry_(database, FamilyId::kExpiry,
              absl::StrCat(directory_, "/expiry.sst")) {
  for (int i = 0; i < parts; ++i) {
    parts_.push_back(std::make_unique<Part>(this, i));
  }
}

BulkFiles::~BulkFiles() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

absl::Status BulkFiles::WriteExpiries() {
  // Parts are in the order of their keys.
  std::map<int64_t, std::vector<absl::string_view>> by_time;
  for (const std::unique_ptr<Part>& part : parts_) {
    for (const auto& [expires, keys] : part->expiries_) {
      by_time[expires].push_back(keys);
    }
  }
  for (const auto& [expires, keys_of_parts] : by_time) {
    for (absl::string_view keys : keys_of_parts) {
      while (!keys.empty()) {
        const bool is_put = keys[0] != 0;
        keys.remove_prefix(1);
        absl::string_view key;
        ConsumeString(&keys, &key);
        std::string expiry_key;
        AppendU64(&expiry_key, static_cast<uint64_t>(expires));
        expiry_key.append(key.data(), key.size());
        absl::Status status =
            is_put ? expiry_.Put(expiry_key, "") : expiry_.Delete(expiry_key);
        if (!status.ok()) return status;
      }
    }
  }
  return expiry_.Finish();
}

absl::Status BulkFiles::Ingest(const Entry& entry, bool keep_journal) {
  SortedFile meta(database_, FamilyId::kMeta,
                  absl::StrCat(directory_, "/meta.sst"));
  SortedFile journal(database_, FamilyId::kJournal,
                     absl::StrCat(directory_, "/entry.sst"));
  SortedFile audit(database_, FamilyId::kAudit,
                   absl::StrCat(directory_, "/audit.sst"));
  absl::Status status;
  for (const auto& [key, value] : entry.meta) {
    if (status.ok()) status = meta.Put(key, value);
  }
  const std::string key = JournalKey(entry.sequence);
  if (status.ok()) status = journal.Put(key, entry.journal);
  if (status.ok()) status = audit.Put(key, entry.audit);
  for (SortedFile* file : {&meta, &journal, &audit}) {
    if (status.ok()) status = file->Finish();
  }
  if (!status.ok()) return status;
  std::map<FamilyId, std::vector<std::string>> paths;
  const auto take = [&paths](const SortedFile& file) {
    if (file.made()) paths[file.family()].push_back(file.path());
  };
  for (const std::unique_ptr<Part>& part : parts_) {
    take(part->listings_);
    if (keep_journal) take(part->journal_);
  }
  for (const SortedFile* file : {&expiry_, &meta, &journal, &audit}) {
    take(*file);
  }
  std::vector<rocksdb::IngestExternalFileArg> ingests;
  for (auto& [family, files] : paths) {
    rocksdb::IngestExternalFileArg ingest;
    ingest.column_family = database_->family(family);
    ingest.external_files = std::move(files);
    ingest.options.move_files = true;
    ingest.options.failed_move_fall_back_to_copy = true;
    ingests.push_back(std::move(ingest));
  }
  return FromRocks(database_->db()->IngestExternalFiles(ingests),
                   "ingesting the import");
}

}  // namespace rbld
