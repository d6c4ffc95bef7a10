#include "store/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <random>

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

const char* const kFamilyNames[] = {
    "meta",  "listings", "dictionary", "journal", "bulk",
    "audit", "expiry",   "evidence",   "probes",
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
  return options;
}

std::string NewEpoch() {
  std::random_device random;
  std::string bytes;
  for (int i = 0; i < 4; ++i) AppendU32(&bytes, random());
  return absl::BytesToHexString(bytes);
}

}  // namespace

absl::Status FromRocks(const rocksdb::Status& status, absl::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat(doing, ": ", status.ToString());
  if (status.IsNoSpace() || absl::StrContains(status.ToString(), "No space")) {
    return absl::ResourceExhaustedError(
        absl::StrCat(text, "; free disk space and try again"));
  }
  if (status.IsCorruption()) {
    return absl::DataLossError(absl::StrCat(
        text, "; stop the daemon and restore a backup (rblctl restore)"));
  }
  if (status.IsNotFound()) return absl::NotFoundError(text);
  return absl::UnavailableError(text);
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(
    const DatabaseOptions& options) {
  auto database = std::unique_ptr<Database>(new Database());
  database->options_ = options;
  absl::Status status = database->OpenFiles();
  if (status.ok()) status = database->CheckSchema();
  if (status.ok()) status = database->LoadNameSeed();
  if (status.ok()) status = database->LoadDictionary();
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

absl::Status Database::LoadDictionary() {
  MutexLock lock(&mutex_);
  std::unique_ptr<rocksdb::Iterator> it(
      db_->NewIterator(rocksdb::ReadOptions(), family(FamilyId::kDictionary)));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    absl::string_view key = View(it->key());
    BlobId id = 0;
    if (!ConsumeU32(&key, &id)) return CorruptRecord("dictionary key");
    Remember(id, it->value().ToString());
  }
  return FromRocks(it->status(), "reading the dictionary");
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

void Database::Remember(BlobId id, const std::string& blob) {
  blob_ids_[blob] = id;
  if (id >= next_blob_id_) next_blob_id_ = id + 1;
  if (id >= runtime_values_.size()) runtime_values_.resize(id + 1, kNotListed);
  ValueSet values;
  std::string author;
  if (ParseValueSetBlob(blob, &values)) {
    runtime_values_[id] = values_->Intern(values);
  } else if (ParseAuthorBlob(blob, &author)) {
    authors_[id] = author;
  }
}

absl::StatusOr<BlobId> Database::Intern(const std::string& blob) {
  MutexLock lock(&mutex_);
  const auto found = blob_ids_.find(blob);
  if (found != blob_ids_.end()) return found->second;
  const BlobId id = next_blob_id_;
  std::string key;
  AppendU32(&key, id);
  const rocksdb::Status status =
      db_->Put(write_options(), family(FamilyId::kDictionary), key, blob);
  if (!status.ok()) return FromRocks(status, "writing the dictionary");
  Remember(id, blob);
  return id;
}

absl::StatusOr<BlobId> Database::InternValues(const ValueSet& values) {
  return Intern(ValueSetBlob(values));
}

absl::StatusOr<BlobId> Database::InternAuthor(absl::string_view author) {
  return Intern(AuthorBlob(author));
}

ValueSetId Database::RuntimeValues(BlobId id) const {
  MutexLock lock(&mutex_);
  return id < runtime_values_.size() ? runtime_values_[id] : kNotListed;
}

std::string Database::Author(BlobId id) const {
  MutexLock lock(&mutex_);
  const auto found = authors_.find(id);
  return found == authors_.end() ? "" : found->second;
}

uint64_t Database::dictionary_size() const {
  MutexLock lock(&mutex_);
  return blob_ids_.size();
}

}  // namespace rbld
