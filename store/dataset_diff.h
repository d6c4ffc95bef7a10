// DatasetDiff: what an import changes in its dataset: a merge of the wanted
// entries, sorted, with the records that are there.
//
// Several threads may run parts of one diff at the same time.
#ifndef RBLD_STORE_DATASET_DIFF_H_
#define RBLD_STORE_DATASET_DIFF_H_

#include <rocksdb/db.h>

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/database.h"
#include "store/records.h"
#include "store/wanted_entries.h"

namespace rbld {

// A part of a dataset: the keys whose middles, target key and type byte, are
// from `from` up to before `to`; an empty `to` means the end.
struct MiddleRange {
  std::string from;
  std::string to;
};

struct DiffCounts {
  uint64_t added = 0;
  uint64_t removed = 0;
  uint64_t changed = 0;
  uint64_t unchanged = 0;
  // By how much the dataset's own counts change. Lengths count modulo 2^32,
  // names modulo 2^64, so that less is a wrapped number.
  int64_t listings = 0;
  int64_t exemptions = 0;
  LengthCounts lengths;

  uint64_t changes() const { return added + removed + changed; }
  void Add(const DiffCounts& other);
};

// `key` is a whole RecordKey; before or after is empty for absent, and the
// time is then 0, as it is for a record that never expires.
struct RecordDiff {
  ChangeKind kind = ChangeKind::kAdd;
  absl::string_view key;
  absl::string_view before;
  absl::string_view after;
  int64_t expires_before = 0;
  int64_t expires_after = 0;
};
using DiffSink = std::function<absl::Status(const RecordDiff&)>;

class DatasetDiff {
 public:
  struct Options {
    // Of records that the feed gives no time of their own; 0: none.
    int64_t default_expires = 0;
    int64_t now_seconds = 0;
  };

  // `database`, `wanted` and `snapshot` must outlive it. `dataset` is what
  // the snapshot, or an older one, has of it.
  DatasetDiff(Database* database, const WantedEntries* wanted,
              const DatasetRecord& dataset, const rocksdb::Snapshot* snapshot,
              const Options& options)
      : database_(*database),
        wanted_(*wanted),
        dataset_(dataset),
        snapshot_(snapshot),
        options_(options) {}

  // Streams the changes in `range` in key order.
  absl::StatusOr<DiffCounts> Run(const MiddleRange& range,
                                 const DiffSink& sink) const;

 private:
  class Merge;

  Database& database_;
  const WantedEntries& wanted_;
  const DatasetRecord dataset_;
  const rocksdb::Snapshot* const snapshot_;
  const Options options_;
};

}  // namespace rbld

#endif  // RBLD_STORE_DATASET_DIFF_H_
