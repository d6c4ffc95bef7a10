// ImportWork: what an import does before it commits: the comparison of the
// wanted entries with the store, on two threads, each with a part of the keys;
// the sorted files of what differs, if that is much; and, beside that, the
// list's new index, if the import is all of its list.
//
// Used by the importing thread.
#ifndef RBLD_STORE_IMPORT_WORK_H_
#define RBLD_STORE_IMPORT_WORK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "store/bulk_files.h"
#include "store/database.h"
#include "store/dataset_diff.h"
#include "store/list_index.h"
#include "store/records.h"
#include "store/staged_batch.h"
#include "store/wanted_entries.h"

namespace rbld {

class ImportWork {
 public:
  // Up to this many changes an import is one batch, its index brought up to
  // date target by target; beyond, files are ingested and the index is built
  // anew.
  static constexpr size_t kMaxSmallChanges = 2'000;

  struct Options {
    DatasetRecord dataset;
    DatasetDiff::Options diff;
    bool dry_run = false;
    uint64_t bulk_id = 0;
    uint64_t journal_max_changes = 0;
    // The list has no other records than the dataset's.
    bool is_all_of_list = false;
    uint64_t name_seed = 0;
  };

  // `database` and `wanted` must outlive it.
  ImportWork(Database* database, const WantedEntries* wanted, Options options);
  ~ImportWork();
  ImportWork(const ImportWork&) = delete;
  ImportWork& operator=(const ImportWork&) = delete;

  // `progress` is called with 0 to 1 now and then; may be null. With many
  // changes the files are complete and durable when it returns.
  absl::StatusOr<DiffCounts> Compare(
      const rocksdb::Snapshot* snapshot,
      const std::function<void(double)>& progress);

  // Whether the changes are in files(), or in small(). Of a dry run they are
  // nowhere.
  bool bulk() const { return bulk_; }
  BulkFiles& files() { return files_; }
  std::vector<StagedBatch::RecordChange>& small() { return small_; }

  // Waits for the index; null if the list's must be read from the store. It
  // is of the list as the import found it, with the import.
  std::shared_ptr<const ListIndex> TakeIndex();

 private:
  // What differs in one part of the keys.
  struct Part {
    bool bulk = false;
    std::vector<StagedBatch::RecordChange> small;
    absl::StatusOr<DiffCounts> counts = DiffCounts{};
  };

  std::vector<MiddleRange> Ranges() const;
  absl::Status Take(int number, const RecordDiff& change);
  // Puts the changes that were kept so far into the files.
  absl::Status Spill(int number);
  absl::Status Gather();
  void StartIndex();

  Database* const database_;
  const WantedEntries& wanted_;
  const Options options_;
  BulkFiles files_;
  std::vector<Part> parts_;
  bool bulk_ = false;
  std::vector<StagedBatch::RecordChange> small_;
  std::once_flag index_started_;
  std::thread index_thread_;
  std::shared_ptr<const ListIndex> index_;
};

}  // namespace rbld

#endif  // RBLD_STORE_IMPORT_WORK_H_
