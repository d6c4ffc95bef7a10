// Backup and restore, by RocksDB's backup engine.

#include <rocksdb/utilities/backup_engine.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/file_util.h"
#include "store/publisher_impl.h"

namespace rbld {
namespace {

// Serials may have gone on after the backup was made. A restored zone leaps
// over as many as a busy zone could have used since: so many a second, and at
// most a quarter of the serial space (RFC 1982 allows almost a half).
constexpr uint64_t kSerialsPerSecond = 100;
constexpr uint64_t kLeastSerialLeap = 1000;
constexpr uint64_t kMostSerialLeap = uint64_t{1} << 30;

absl::StatusOr<std::unique_ptr<rocksdb::BackupEngineReadOnly>> OpenBackup(
    const std::string& directory) {
  rocksdb::BackupEngineReadOnly* engine = nullptr;
  const rocksdb::Status status = rocksdb::BackupEngineReadOnly::Open(
      rocksdb::Env::Default(), rocksdb::BackupEngineOptions(directory),
      &engine);
  if (!status.ok()) {
    return absl::NotFoundError(absl::StrCat(
        directory, ": this is not a backup of rbld: ", status.ToString()));
  }
  return std::unique_ptr<rocksdb::BackupEngineReadOnly>(engine);
}

absl::Status StartNewEpoch(const std::string& directory) {
  DatabaseOptions options;
  options.directory = directory;
  options.create_if_missing = false;
  absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(options);
  if (!database.ok()) return database.status();
  absl::StatusOr<StoreState> state = StoreState::Load(**database);
  if (!state.ok()) return state.status();
  rocksdb::ColumnFamilyHandle* meta = (*database)->family(FamilyId::kMeta);
  rocksdb::WriteBatch batch;
  std::random_device random;
  std::string epoch;
  for (int i = 0; i < 4; ++i) AppendU32(&epoch, random());
  batch.Put(meta, "epoch", absl::BytesToHexString(epoch));
  const int64_t now_seconds = SystemClock().NowSeconds();
  for (auto& [zone, record] : state->zones) {
    const uint64_t elapsed =
        static_cast<uint64_t>(std::max<int64_t>(0, now_seconds - record.time));
    const uint64_t leap = std::min(
        kMostSerialLeap, kLeastSerialLeap + elapsed * kSerialsPerSecond);
    record.serial += static_cast<uint32_t>(leap);
    if (record.serial == 0) record.serial = 1;
    record.time = now_seconds;
    batch.Put(meta, ZoneKey(zone), ZoneValue(record));
  }
  return FromRocks(
      (*database)->db()->Write((*database)->write_options(), &batch),
      "starting a new epoch");
}

}  // namespace

absl::Status PublisherImpl::Backup(const std::string& backup_directory) {
  absl::Status made = MakeDirectories(backup_directory);
  if (!made.ok()) return made;
  rocksdb::BackupEngineOptions options(backup_directory);
  options.sync = true;
  rocksdb::BackupEngine* raw = nullptr;
  rocksdb::Status status =
      rocksdb::BackupEngine::Open(rocksdb::Env::Default(), options, &raw);
  std::unique_ptr<rocksdb::BackupEngine> engine(raw);
  if (!status.ok()) return FromRocks(status, "opening " + backup_directory);
  // Each backup names its store, so that two stores never share a folder.
  std::vector<rocksdb::BackupInfo> infos;
  engine->GetBackupInfo(&infos);
  for (const rocksdb::BackupInfo& info : infos) {
    if (info.app_metadata != database_->epoch()) {
      return absl::FailedPreconditionError(absl::StrCat(
          backup_directory, ": holds backups of another store (epoch ",
          info.app_metadata, "); give another folder"));
    }
  }
  rocksdb::CreateBackupOptions create;
  create.flush_before_backup = true;
  status = engine->CreateNewBackupWithMetadata(create, database_->db(),
                                               database_->epoch());
  if (!status.ok()) return FromRocks(status, "writing " + backup_directory);
  engine->GetBackupInfo(&infos);
  return FromRocks(
      engine->VerifyBackup(infos.back().backup_id, /*verify_checksum=*/true),
      "verifying " + backup_directory);
}

absl::Status Publisher::Restore(const std::string& backup_directory,
                                const std::string& directory) {
  std::error_code error;
  if (std::filesystem::exists(directory, error) &&
      !std::filesystem::is_empty(directory, error)) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory,
                     ": is not empty; restore into a new folder, or move the "
                     "old store away first"));
  }
  absl::StatusOr<std::unique_ptr<rocksdb::BackupEngineReadOnly>> engine =
      OpenBackup(backup_directory);
  if (!engine.ok()) return engine.status();
  const std::string aside = directory + ".restoring";
  std::filesystem::remove_all(aside, error);
  absl::Status status =
      FromRocks((*engine)->RestoreDBFromLatestBackup(aside, aside),
                "restoring " + backup_directory);
  if (status.ok()) status = StartNewEpoch(aside);
  if (status.ok()) {
    std::filesystem::remove(directory, error);
    std::filesystem::rename(aside, directory, error);
    if (error) {
      status = ErrnoStatus(error.value(), directory, "rename");
    }
  }
  if (!status.ok()) std::filesystem::remove_all(aside, error);
  return status;
}

}  // namespace rbld
