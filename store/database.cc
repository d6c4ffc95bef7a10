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
#include "xxhash.h"

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
// Blobs whose ids are kept at hand, and how many new ones are written at once.
constexpr size_t kRecentBlobs = 4096;
constexpr uint32_t kBlobsInBatch = 10'000;

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

// A blob's key in kBlobIds. Ids of blobs with the same hash stand together.
std::string BlobHash(absl::string_view blob) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, XXH3_128bits(blob.data(), blob.size()));
  return std::string(reinterpret_cast<const char*>(bytes.digest),
                     sizeof(bytes.digest));
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

absl::Status Database::OpenDictionary() {
  BlobId last = 0;
  {
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(
        rocksdb::ReadOptions(), family(FamilyId::kDictionary)));
    it->SeekToLast();
    absl::Status status = FromRocks(it->status(), "reading the dictionary");
    if (!status.ok()) return status;
    if (it->Valid()) {
      absl::string_view key = View(it->key());
      if (!ConsumeU32(&key, &last)) return CorruptRecord("dictionary key");
    }
    it.reset(
        db_->NewIterator(rocksdb::ReadOptions(), family(FamilyId::kBlobIds)));
    it->SeekToFirst();
    if (last != 0 && !it->Valid()) {
      status = FillBlobIds();
      if (!status.ok()) return status;
    }
  }
  MutexLock lock(&mutex_);
  next_blob_id_ = last + 1;
  return absl::OkStatus();
}

absl::Status Database::FillBlobIds() {
  rocksdb::WriteBatch batch;
  absl::flat_hash_map<std::string, std::string> entries;
  std::unique_ptr<rocksdb::Iterator> it(
      db_->NewIterator(rocksdb::ReadOptions(), family(FamilyId::kDictionary)));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    entries[BlobHash(View(it->value()))] += it->key().ToString();
  }
  absl::Status status = FromRocks(it->status(), "reading the dictionary");
  if (!status.ok()) return status;
  for (const auto& [hash, ids] : entries) {
    batch.Put(family(FamilyId::kBlobIds), hash, ids);
  }
  return FromRocks(db_->Write(write_options(), &batch),
                   "writing the dictionary's ids");
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

std::string Database::ReadBlob(BlobId id) const {
  std::string key, blob;
  AppendU32(&key, id);
  const rocksdb::Status status = db_->Get(
      rocksdb::ReadOptions(), family(FamilyId::kDictionary), key, &blob);
  if (!status.ok()) blob.clear();
  return blob;
}

absl::StatusOr<BlobId> Database::FindBlob(const std::string& blob,
                                          std::string* entry) const {
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), family(FamilyId::kBlobIds),
               BlobHash(blob), entry);
  if (status.IsNotFound()) {
    entry->clear();
    return 0;
  }
  if (!status.ok()) return FromRocks(status, "reading the dictionary");
  absl::string_view ids = *entry;
  BlobId id = 0;
  while (ConsumeU32(&ids, &id)) {
    if (ReadBlob(id) == blob) return id;
  }
  return 0;
}

BlobId Database::AddBlob(const std::string& blob, std::string entry,
                         rocksdb::WriteBatch* batch) {
  const BlobId id = next_blob_id_++;
  std::string key;
  AppendU32(&key, id);
  entry += key;
  batch->Put(family(FamilyId::kDictionary), key, blob);
  batch->Put(family(FamilyId::kBlobIds), BlobHash(blob), entry);
  return id;
}

void Database::RememberRecent(const std::string& blob, BlobId id) {
  if (recent_ids_.size() >= kRecentBlobs) recent_ids_.clear();
  recent_ids_[blob] = id;
}

absl::StatusOr<BlobId> Database::Intern(const std::string& blob) {
  MutexLock lock(&mutex_);
  const auto recent = recent_ids_.find(blob);
  if (recent != recent_ids_.end()) return recent->second;
  std::string entry;
  absl::StatusOr<BlobId> id = FindBlob(blob, &entry);
  if (!id.ok()) return id.status();
  if (*id == 0) {
    rocksdb::WriteBatch batch;
    *id = AddBlob(blob, std::move(entry), &batch);
    absl::Status status = FromRocks(db_->Write(write_options(), &batch),
                                    "writing the dictionary");
    if (!status.ok()) return status;
  }
  RememberRecent(blob, *id);
  return *id;
}

absl::StatusOr<std::vector<BlobId>> Database::InternAllValues(
    absl::Span<const ValueSet> sets) {
  std::vector<BlobId> ids;
  ids.reserve(sets.size());
  if (sets.size() <= 4) {
    for (const ValueSet& values : sets) {
      absl::StatusOr<BlobId> id = InternValues(values);
      if (!id.ok()) return id.status();
      ids.push_back(*id);
    }
    return ids;
  }
  MutexLock lock(&mutex_);
  rocksdb::WriteBatch batch;
  // Those that stand in the batch.
  absl::flat_hash_map<std::string, BlobId> fresh;
  const auto write = [&](bool last) -> absl::Status {
    // The last one syncs all before it.
    const rocksdb::WriteOptions options =
        last ? write_options() : rocksdb::WriteOptions();
    absl::Status status =
        FromRocks(db_->Write(options, &batch), "writing the dictionary");
    batch.Clear();
    fresh.clear();
    return status;
  };
  bool any = false;
  for (const ValueSet& values : sets) {
    const std::string blob = ValueSetBlob(values);
    const auto in_batch = fresh.find(blob);
    if (in_batch != fresh.end()) {
      ids.push_back(in_batch->second);
      continue;
    }
    std::string entry;
    absl::StatusOr<BlobId> id = FindBlob(blob, &entry);
    if (!id.ok()) return id.status();
    if (*id == 0) {
      any = true;
      *id = AddBlob(blob, std::move(entry), &batch);
      fresh.emplace(blob, *id);
    }
    ids.push_back(*id);
    if (fresh.size() < kBlobsInBatch) continue;
    absl::Status status = write(/*last=*/false);
    if (!status.ok()) return status;
  }
  absl::Status status = any ? write(/*last=*/true) : absl::OkStatus();
  if (!status.ok()) return status;
  return ids;
}

absl::StatusOr<BlobId> Database::InternValues(const ValueSet& values) {
  return Intern(ValueSetBlob(values));
}

absl::StatusOr<BlobId> Database::InternAuthor(absl::string_view author) {
  return Intern(AuthorBlob(author));
}

ValueSetId Database::RuntimeValues(BlobId id) const {
  MutexLock lock(&mutex_);
  if (id < runtime_values_.size() && runtime_values_[id] != kNotListed) {
    return runtime_values_[id];
  }
  ValueSet values;
  if (id == 0 || id >= next_blob_id_ ||
      !ParseValueSetBlob(ReadBlob(id), &values)) {
    return kNotListed;
  }
  if (id >= runtime_values_.size()) {
    runtime_values_.resize(next_blob_id_, kNotListed);
  }
  return runtime_values_[id] = values_->Intern(values);
}

std::string Database::Author(BlobId id) const {
  MutexLock lock(&mutex_);
  const auto found = authors_.find(id);
  if (found != authors_.end()) return found->second;
  std::string author;
  if (id == 0 || !ParseAuthorBlob(ReadBlob(id), &author)) return "";
  return authors_[id] = author;
}

absl::Status Database::LoadValues() const {
  MutexLock lock(&mutex_);
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  read.readahead_size = 2 << 20;
  std::unique_ptr<rocksdb::Iterator> it(
      db_->NewIterator(read, family(FamilyId::kDictionary)));
  ValueSet values;
  runtime_values_.resize(next_blob_id_, kNotListed);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    absl::string_view key = View(it->key());
    BlobId id = 0;
    if (!ConsumeU32(&key, &id)) return CorruptRecord("dictionary key");
    if (id >= next_blob_id_ || runtime_values_[id] != kNotListed) continue;
    if (ParseValueSetBlob(View(it->value()), &values)) {
      runtime_values_[id] = values_->Intern(values);
    }
  }
  return FromRocks(it->status(), "reading the dictionary");
}

uint64_t Database::dictionary_size() const {
  MutexLock lock(&mutex_);
  return next_blob_id_ - 1;
}

}  // namespace rbld
