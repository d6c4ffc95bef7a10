// BulkFiles: the sorted files of one bulk import, in a folder of their own
// inside the store's: a file of listings and one of journal for each part of
// the keys, written by a thread for each part; and what goes with them. All are
// taken into the store in one step; whatever was not is deleted with the
// object.
#ifndef RBLD_STORE_BULK_FILES_H_
#define RBLD_STORE_BULK_FILES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "store/database.h"
#include "store/dataset_diff.h"
#include "store/records.h"
#include "store/sorted_file.h"

namespace rbld {

class BulkFiles {
 public:
  // The changes of one part of the keys. Used by one thread at a time.
  class Part {
   public:
    Part(BulkFiles* files, int number);
    absl::Status Add(const RecordDiff& change);
    absl::Status Finish();

   private:
    friend class BulkFiles;
    void NoteExpiry(int64_t expires, bool is_put, absl::string_view key);
    absl::Status AddToJournal(const RecordDiff& change);
    absl::Status FlushChunk();

    const BulkFiles& files_;
    SortedFile listings_;
    SortedFile journal_;
    uint64_t changes_ = 0;
    // By time: 1 or 0, for put and delete, and the record's key as a string,
    // in the order of the keys. A feed's records mostly expire together.
    std::map<int64_t, std::string> expiries_;
    std::string chunk_;
    std::string chunk_first_;
  };

  // Beyond `max_journal_changes` changes no journal is kept.
  BulkFiles(Database* database, uint64_t bulk_id, uint64_t max_journal_changes,
            int parts);
  ~BulkFiles();
  BulkFiles(const BulkFiles&) = delete;
  BulkFiles& operator=(const BulkFiles&) = delete;

  // Parts are in the order of their keys.
  Part& part(int number) { return *parts_[static_cast<size_t>(number)]; }
  uint64_t bulk_id() const { return bulk_id_; }

  // Once all parts are finished; durable when it returns.
  absl::Status WriteExpiries();

  // What is stored beside the changes, in the order of its keys.
  struct Entry {
    uint64_t sequence = 0;
    std::vector<std::pair<std::string, std::string>> meta;
    std::string journal;
    std::string audit;
  };
  // One atomic step for all families: a WriteBatch beside it would not be.
  absl::Status Ingest(const Entry& entry, bool keep_journal);

 private:
  SortedFile MakeFile(FamilyId family, absl::string_view name) const;

  Database* const database_;
  const uint64_t bulk_id_;
  const uint64_t max_journal_changes_;
  const std::string directory_;
  std::vector<std::unique_ptr<Part>> parts_;
  SortedFile expiry_;
};

}  // namespace rbld

#endif  // RBLD_STORE_BULK_FILES_H_
