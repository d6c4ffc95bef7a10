// Database: the RocksDB files of a store, opened with their column families,
// and their dictionary of value sets and authors.
//
// Thread-safe for reading; the publisher's thread and a bulk import write.
#ifndef RBLD_STORE_DATABASE_H_
#define RBLD_STORE_DATABASE_H_

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "store/records.h"
#include "store/value_table.h"

namespace rbld {

// The column families, in the order of Database::family().
enum class FamilyId {
  kMeta,
  kListings,
  kDictionary,
  kJournal,
  kBulk,  // the changes of bulk imports, by import
  kAudit,
  kExpiry,
  kEvidence,  // reserved for relay tests
  kProbes,    // reserved for relay tests
  kBlobIds,   // the dictionary by content
  kCount,
};

struct DatabaseOptions {
  std::string directory;
  bool create_if_missing = true;
  bool sync = true;
  std::shared_ptr<rocksdb::FileSystem> file_system;  // may be null
};

// RocksDB's slices and ours.
inline absl::string_view View(const rocksdb::Slice& slice) {
  return absl::string_view(slice.data(), slice.size());
}
inline rocksdb::Slice ToSlice(absl::string_view view) {
  return rocksdb::Slice(view.data(), view.size());
}

// The status in the operator's words: ResourceExhausted for a full disk,
// DataLoss for corruption, Unavailable for other I/O errors.
absl::Status FromRocks(const rocksdb::Status& status, absl::string_view doing);

class Database {
 public:
  static absl::StatusOr<std::unique_ptr<Database>> Open(
      const DatabaseOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB* db() const { return db_.get(); }
  rocksdb::ColumnFamilyHandle* family(FamilyId id) const {
    return families_[static_cast<size_t>(id)];
  }
  const std::string& directory() const { return options_.directory; }
  const std::string& epoch() const { return epoch_; }  // 32 hex digits
  // The secret under which the store's names are fingerprinted (NameIndex).
  uint64_t name_seed() const { return name_seed_; }
  rocksdb::WriteOptions write_options() const;
  rocksdb::Env* env() const { return env_; }

  // "" when there is none.
  absl::StatusOr<std::string> GetMeta(absl::string_view key) const;
  absl::StatusOr<uint64_t> GetMetaU64(absl::string_view key) const;

  // ---- dictionary ----
  // Durable before they return, so that a record may name the id at once.
  absl::StatusOr<BlobId> InternValues(const ValueSet& values);
  absl::StatusOr<BlobId> InternAuthor(absl::string_view author);
  // As InternValues for each; one sync for all of them.
  absl::StatusOr<std::vector<BlobId>> InternAllValues(
      absl::Span<const ValueSet> sets);
  // kNotListed and "" for ids that are not of this kind. They are read when
  // they are first asked for.
  ValueSetId RuntimeValues(BlobId id) const;
  std::string Author(BlobId id) const;
  // Reads all of them at once, for whoever is about to ask for most.
  absl::Status LoadValues() const;
  const std::shared_ptr<ValueTable>& values() const { return values_; }
  uint64_t dictionary_size() const;

 private:
  Database() : values_(std::make_shared<ValueTable>()) {}
  absl::Status OpenFiles();
  absl::Status CheckSchema();
  absl::Status LoadNameSeed();
  absl::Status OpenDictionary();
  // Of a store that an earlier rbld made: the ids by content.
  absl::Status FillBlobIds();
  absl::StatusOr<BlobId> Intern(const std::string& blob);
  // The id of a blob, 0 if it has none yet; `*entry` becomes what stands under
  // its content in kBlobIds.
  absl::StatusOr<BlobId> FindBlob(const std::string& blob,
                                  std::string* entry) const;
  // Gives it the next id, in `batch`.
  BlobId AddBlob(const std::string& blob, std::string entry,
                 rocksdb::WriteBatch* batch) RBLD_REQUIRES(mutex_);
  std::string ReadBlob(BlobId id) const;
  void RememberRecent(const std::string& blob, BlobId id) RBLD_REQUIRES(mutex_);

  DatabaseOptions options_;
  std::unique_ptr<rocksdb::Env> owned_env_;
  rocksdb::Env* env_ = nullptr;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  std::string epoch_;
  uint64_t name_seed_ = 0;
  std::shared_ptr<ValueTable> values_;
  mutable Mutex mutex_;
  // What was interned of late. Few are asked for again and again.
  absl::flat_hash_map<std::string, BlobId> recent_ids_ RBLD_GUARDED_BY(mutex_);
  // By BlobId, as far as they were asked for: the runtime id of a value set, or
  // an author's name.
  mutable std::vector<ValueSetId> runtime_values_ RBLD_GUARDED_BY(mutex_);
  mutable absl::flat_hash_map<BlobId, std::string> authors_
      RBLD_GUARDED_BY(mutex_);
  BlobId next_blob_id_ RBLD_GUARDED_BY(mutex_) = 1;
};

// Copies the dictionary's mapping so that a long scan takes no lock for each
// record. Ids that are interned later are asked from the database.
class RuntimeValuesCache {
 public:
  explicit RuntimeValuesCache(const Database& database) : database_(database) {}
  ValueSetId Get(BlobId id) {
    if (id < known_.size() && known_[id] != kNotListed) return known_[id];
    if (id >= known_.size()) known_.resize(id + 1, kNotListed);
    return known_[id] = database_.RuntimeValues(id);
  }

 private:
  const Database& database_;
  std::vector<ValueSetId> known_;
};

}  // namespace rbld

#endif  // RBLD_STORE_DATABASE_H_
