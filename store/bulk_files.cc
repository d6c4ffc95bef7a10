#include "store/bulk_files.h"

#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr size_t kMaxJournalChunkBytes = 64 << 10;
std::string PartName(absl::string_view name, int number) {
  return absl::StrCat(name, "-", number);
}

}  // namespace

BulkFiles::Part::Part(BulkFiles* files, int number)
    : files_(*files),
      listings_(
          files->MakeFile(FamilyId::kListings, PartName("listings", number))),
      journal_(files->MakeFile(FamilyId::kBulk, PartName("journal", number))) {}

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
      directory_(database->ImportFolder(absl::StrCat(bulk_id))),
      expiry_(MakeFile(FamilyId::kExpiry, "expiry")) {
  for (int i = 0; i < parts; ++i) {
    parts_.push_back(std::make_unique<Part>(this, i));
  }
}

SortedFile BulkFiles::MakeFile(FamilyId family, absl::string_view name) const {
  return SortedFile(database_->env(), database_->family(family),
                    absl::StrCat(directory_, "/", name, ".sst"));
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
  SortedFile meta = MakeFile(FamilyId::kMeta, "meta");
  SortedFile journal = MakeFile(FamilyId::kJournal, "entry");
  SortedFile audit = MakeFile(FamilyId::kAudit, "audit");
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
  std::vector<const SortedFile*> files = {&expiry_, &meta, &journal, &audit};
  for (const std::unique_ptr<Part>& part : parts_) {
    files.push_back(&part->listings_);
    if (keep_journal) files.push_back(&part->journal_);
  }
  return rbld::Ingest(database_->db(), files);
}

}  // namespace rbld
