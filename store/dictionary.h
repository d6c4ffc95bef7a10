// Dictionary: the store's value sets and authors, each kept once and named by a
// number, its BlobId. Nothing is ever taken out.
//
// Thread-safe.
#ifndef RBLD_STORE_DICTIONARY_H_
#define RBLD_STORE_DICTIONARY_H_

#include <rocksdb/db.h>
#include <rocksdb/env.h>

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

// Where it is kept. Outlives it.
struct DictionaryPlace {
  rocksdb::DB* db = nullptr;
  rocksdb::ColumnFamilyHandle* blobs = nullptr;  // by id
  rocksdb::ColumnFamilyHandle* ids = nullptr;    // by content
  rocksdb::Env* env = nullptr;
  std::string import_folder;  // for files that are taken into the store
  rocksdb::WriteOptions write_options;
};

class Dictionary {
 public:
  static absl::StatusOr<std::unique_ptr<Dictionary>> Open(
      DictionaryPlace place);
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;

  // The id, a new one for what is not there yet. Durable before they return, so
  // that a record may name it at once.
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

  uint64_t size() const;

 private:
  class ManySets;

  explicit Dictionary(DictionaryPlace place)
      : place_(std::move(place)), values_(std::make_shared<ValueTable>()) {}
  absl::Status FindLast();
  // Of a store that an earlier rbld made: the ids by content.
  absl::Status FillIds();
  absl::StatusOr<BlobId> Intern(const std::string& blob);
  // What stands under a hash of content: the ids that have it, often none.
  absl::StatusOr<std::string> IdsOf(absl::string_view hash) const;
  // Which of them is of the blob; 0: none.
  BlobId Among(absl::string_view ids, absl::string_view blob) const;
  std::string ReadBlob(BlobId id) const;
  void RememberRecent(const std::string& blob, BlobId id) RBLD_REQUIRES(mutex_);

  const DictionaryPlace place_;
  const std::shared_ptr<ValueTable> values_;
  mutable Mutex mutex_;
  // What was interned of late. Few are asked for again and again.
  absl::flat_hash_map<std::string, BlobId> recent_ids_ RBLD_GUARDED_BY(mutex_);
  // By BlobId, as far as they were asked for: the runtime id of a value set, or
  // an author's name.
  mutable std::vector<ValueSetId> runtime_values_ RBLD_GUARDED_BY(mutex_);
  mutable absl::flat_hash_map<BlobId, std::string> authors_
      RBLD_GUARDED_BY(mutex_);
  BlobId next_id_ RBLD_GUARDED_BY(mutex_) = 1;
};

// Copies the dictionary's mapping so that a long scan takes no lock for each
// record. Ids that are interned later are asked from the dictionary.
class RuntimeValuesCache {
 public:
  explicit RuntimeValuesCache(const Dictionary& dictionary)
      : dictionary_(dictionary) {}
  ValueSetId Get(BlobId id) {
    if (id < known_.size() && known_[id] != kNotListed) return known_[id];
    if (id >= known_.size()) known_.resize(id + 1, kNotListed);
    return known_[id] = dictionary_.RuntimeValues(id);
  }

 private:
  const Dictionary& dictionary_;
  std::vector<ValueSetId> known_;
};

}  // namespace rbld

#endif  // RBLD_STORE_DICTIONARY_H_
