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

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/dictionary.h"
#include "store/records.h"
#include "store/rocks.h"

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
  // Where an import may put files until they are taken into the store; whoever
  // does deletes it. `name` is its own.
  std::string ImportFolder(absl::string_view name) const;

  // "" when there is none.
  absl::StatusOr<std::string> GetMeta(absl::string_view key) const;
  absl::StatusOr<uint64_t> GetMetaU64(absl::string_view key) const;

  // Of value sets and authors.
  Dictionary& dictionary() { return *dictionary_; }
  const Dictionary& dictionary() const { return *dictionary_; }

 private:
  Database() = default;
  absl::Status OpenFiles();
  absl::Status CheckSchema();
  absl::Status LoadNameSeed();
  absl::Status OpenDictionary();
  // Of imports that a crash cut off.
  void RemoveImportFolders() const;

  DatabaseOptions options_;
  std::unique_ptr<rocksdb::Env> owned_env_;
  rocksdb::Env* env_ = nullptr;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  std::string epoch_;
  uint64_t name_seed_ = 0;
  std::unique_ptr<Dictionary> dictionary_;
};

}  // namespace rbld

#endif  // RBLD_STORE_DATABASE_H_
