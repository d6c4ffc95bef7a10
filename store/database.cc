#include "store/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <filesystem>
#include <random>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file_util.h"
#include "base/log.h"

namespace rbld {
namespace {

// RocksDB's memory is bounded and small: the indexes answer queries, RocksDB
// only keeps the truth.
constexpr size_t kBlockCacheBytes = 4 << 20;
constexpr size_t kMemtableBytes = 4 << 20;
constexpr size_t kAllMemtablesBytes = 16 << 20;
constexpr uint64_t kMaxWalBytes = 64 << 20;
constexpr size_t kBlockBytes = 16 << 10;
constexpr uint64_t kLevelBaseBytes = 16 << 20;
constexpr absl::string_view kImportPrefix = "import-";

const char* const kFamilyNames[] = {
    "meta",  "listings", "dictionary", "journal", "bulk",
    "audit", "expiry",   "evidence",   "probes",  "blob-ids",
};
static_assert(std::size(kFamilyNames) == static_cast<size_t>(FamilyId::kCount));

rocksdb::ColumnFamilyOptions FamilyOptions(
    const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = kBlockBytes;
  table.cache_index_and_filter_blocks = true;
  table.index_type =
      rocksdb::BlockBasedTableOptions::IndexType::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
  table.format_version = 5;
  table.whole_key_filtering = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = kMemtableBytes;
  options.max_write_buffer_number = 2;
  options.compression = rocksdb::kLZ4Compression;
  options.level_compaction_dynamic_level_bytes = true;
  // Small beside the listings of a big list, so that a few changes all over it
  // are gathered in a level of their own and do not rewrite it.
  options.max_bytes_for_level_base = kLevelBaseBytes;
  return options;
}

std::string NewEpoch() {
  std::random_device random;
  std::string bytes;
  for (int i = 0; i < 4; ++i) AppendU32(&bytes, random());
  return absl::BytesToHexString(bytes);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(
    const DatabaseOptions& options) {
  auto database = std::unique_ptr<Database>(new Database());
  database->options_ = options;
  absl::Status status = database->OpenFiles();
  if (status.ok()) status = database->CheckSchema();
  if (status.ok()) database->RemoveImportFolders();
  if (status.ok()) status = database->LoadNameSeed();
  if (status.ok()) status = database->OpenDictionary();
  if (!status.ok()) return status;
  return database;
}

Database::~Database() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    db_->DestroyColumnFamilyHandle(family);
  }
  const rocksdb::Status status = db_->Close();
  if (!status.ok()) {
    LogError(absl::StrCat("closing the store ", options_.directory, ": ",
                          status.ToString()));
  }
}

absl::Status Database::OpenFiles() {
  if (options_.create_if_missing) {
    absl::Status status = MakeDirectories(options_.directory);
    if (!status.ok()) return status;
  }
  rocksdb::DBOptions db_options;
  db_options.create_if_missing = options_.create_if_missing;
  db_options.create_missing_column_families = true;
  db_options.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(kAllMemtablesBytes);
  db_options.max_total_wal_size = kMaxWalBytes;
  db_options.max_background_jobs = 2;
  db_options.max_open_files = 256;
  db_options.keep_log_file_num = 4;
  db_options.max_log_file_size = 4 << 20;
  db_options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  // A torn tail of the log is what an unsynced write leaves at a crash; any
  // other damage must not pass for it.
  db_options.wal_recovery_mode =
      rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  env_ = rocksdb::Env::Default();
  if (options_.file_system != nullptr) {
    owned_env_ = rocksdb::NewCompositeEnv(options_.file_system);
    env_ = owned_env_.get();
  }
  db_options.env = env_;
  // Compactions are behind everything else, also behind a start. (Flushes are
  // not: changes wait for them.)
  env_->LowerThreadPoolCPUPriority(rocksdb::Env::LOW,
                                   rocksdb::CpuPriority::kLow)
      .PermitUncheckedError();
  const std::shared_ptr<rocksdb::Cache> cache =
      rocksdb::NewLRUCache(kBlockCacheBytes, 2);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName,
                           FamilyOptions(cache));
  for (const char* name : kFamilyNames) {
    descriptors.emplace_back(name, FamilyOptions(cache));
  }
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(
      db_options, options_.directory, descriptors, &families_, &db);
  if (!status.ok()) {
    const std::string text = status.ToString();
    if (absl::StrContains(text, "LOCK") || absl::StrContains(text, "lock")) {
      return absl::FailedPreconditionError(absl::StrCat(
          options_.directory,
          ": another process has this store open; stop that rbld first, or "
          "talk to it (rblctl without --store)"));
    }
    if (absl::StrContains(text, "does not exist")) {
      return absl::NotFoundError(absl::StrCat(
          options_.directory, ": there is no store in this folder"));
    }
    if (absl::StrContains(text, "olumn famil")) {
      return absl::FailedPreconditionError(absl::StrCat(
          options_.directory,
          ": this store was written by another version of rbld (", text,
          "); run that version, or restore a backup of this one"));
    }
    return FromRocks(status,
                     absl::StrCat("opening the store ", options_.directory));
  }
  db_.reset(db);
  // The default family is RocksDB's own and stays empty.
  db_->DestroyColumnFamilyHandle(families_.front());
  families_.erase(families_.begin());
  return absl::OkStatus();
}

absl::Status Database::CheckSchema() {
  absl::StatusOr<uint64_t> version = GetMetaU64("schema");
  if (!version.ok()) return version.status();
  if (*version > kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        options_.directory, ": the store has schema ", *version,
        ", this rbld knows up to ", kSchemaVersion,
        "; run the newer rbld that wrote it, or restore an older backup"));
  }
  if (*version == 0) {
    epoch_ = NewEpoch();
    std::string schema, sequence;
    AppendU64(&schema, kSchemaVersion);
    AppendU64(&sequence, 0);
    rocksdb::WriteBatch batch;
    rocksdb::ColumnFamilyHandle* meta = family(FamilyId::kMeta);
    batch.Put(meta, "epoch", epoch_);
    batch.Put(meta, "sequence", sequence);
    batch.Put(meta, "schema", schema);
    return FromRocks(db_->Write(write_options(), &batch),
                     absl::StrCat("making the store ", options_.directory));
  }
  absl::StatusOr<std::string> epoch = GetMeta("epoch");
  if (!epoch.ok()) return epoch.status();
  epoch_ = *epoch;
  return absl::OkStatus();
}

absl::Status Database::LoadNameSeed() {
  absl::StatusOr<uint64_t> seed = GetMetaU64("name-seed");
  if (!seed.ok()) return seed.status();
  name_seed_ = *seed;
  if (name_seed_ != 0) return absl::OkStatus();
  std::random_device random;
  name_seed_ = uint64_t{random()} << 32 | random() | 1;
  std::string bytes;
  AppendU64(&bytes, name_seed_);
  return FromRocks(
      db_->Put(write_options(), family(FamilyId::kMeta), "name-seed", bytes),
      "writing the store's seed");
}

std::string Database::ImportFolder(absl::string_view name) const {
  return absl::StrCat(options_.directory, "/", kImportPrefix, name);
}

void Database::RemoveImportFolders() const {
  std::vector<std::filesystem::path> left;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(options_.directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, kImportPrefix) && entry.is_directory(ignored)) {
      left.push_back(entry.path());
    }
  }
  for (const std::filesystem::path& path : left) {
    std::filesystem::remove_all(path, ignored);
  }
}

absl::Status Database::OpenDictionary() {
  absl::StatusOr<std::unique_ptr<Dictionary>> dictionary =
      Dictionary::Open({.db = db_.get(),
                        .blobs = family(FamilyId::kDictionary),
                        .ids = family(FamilyId::kBlobIds),
                        .env = env_,
                        .import_folder = ImportFolder("dictionary"),
                        .write_options = write_options()});
  if (!dictionary.ok()) return dictionary.status();
  dictionary_ = *std::move(dictionary);
  return absl::OkStatus();
}

rocksdb::WriteOptions Database::write_options() const {
  rocksdb::WriteOptions options;
  options.sync = options_.sync;
  return options;
}

absl::StatusOr<std::string> Database::GetMeta(absl::string_view key) const {
  std::string value;
  const rocksdb::Status status = db_->Get(
      rocksdb::ReadOptions(), family(FamilyId::kMeta), ToSlice(key), &value);
  if (status.IsNotFound()) return std::string();
  if (!status.ok()) return FromRocks(status, "reading the store");
  return value;
}

absl::StatusOr<uint64_t> Database::GetMetaU64(absl::string_view key) const {
  absl::StatusOr<std::string> bytes = GetMeta(key);
  if (!bytes.ok()) return bytes.status();
  if (bytes->empty()) return 0;
  absl::string_view view = *bytes;
  uint64_t value = 0;
  if (!ConsumeU64(&view, &value)) return CorruptRecord("number");
  return value;
}

}  // namespace rbld
