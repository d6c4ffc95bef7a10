// DatasetDiff: what an import changes in its dataset: a merge of the wanted
// entries, sorted, with the records that are there.
//
// Used by the importing thread.
#ifndef RBLD_STORE_DATASET_DIFF_H_
#define RBLD_STORE_DATASET_DIFF_H_

#include <rocksdb/db.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "store/database.h"
#include "store/import.h"
#include "store/records.h"

namespace rbld {

struct DiffCounts {
  uint64_t added = 0;
  uint64_t removed = 0;
  uint64_t changed = 0;
  uint64_t unchanged = 0;
  // Changes of the dataset's own counts.
  int64_t listings = 0;
  int64_t exemptions = 0;
  LengthCounts lengths;  // after the import
  uint64_t changes() const { return added + removed + changed; }
};

// `key` is a whole RecordKey; before or after is empty for absent.
using DiffSink = std::function<absl::Status(
    ChangeKind kind, absl::string_view key, absl::string_view before,
    absl::string_view after)>;

class DatasetDiff {
 public:
  // Takes the entries out of `import`, sorts them and drops duplicates.
  // Interns value sets and authors.
  static absl::StatusOr<DatasetDiff> Prepare(Database* database, Import import,
                                             const ImportOptions& options,
                                             int64_t now_seconds);

  uint64_t duplicates() const { return duplicates_; }
  uint64_t wanted() const { return ipv4_.size() + others_.size(); }
  const Import& import() const { return import_; }

  // Streams the changes in key order. Can be run again.
  absl::StatusOr<DiffCounts> Run(const rocksdb::Snapshot* snapshot,
                                 const DatasetRecord& dataset,
                                 const DiffSink& sink) const;

 private:
  // An entry that is no plain IPv4 one, with its key's middle part.
  struct Other {
    std::string target_key;
    RecordType type = RecordType::kListing;
    BlobId values = 0;
    EntryDetails details;
  };
  class Wanted;

  explicit DatasetDiff(Import import) : import_(std::move(import)) {}
  void SortIpv4();
  absl::Status SortOthers();
  absl::StatusOr<ValueSet> MergedValues(uint32_t a, uint32_t b) const;

  Import import_;
  Database* database_ = nullptr;
  // address << 32 | length << 26 | number into value_ids_.
  std::vector<uint64_t> ipv4_;
  std::vector<Other> others_;
  std::vector<BlobId> value_ids_;  // by Import::ValuesNumber
  std::vector<ValueSet> value_sets_;
  BlobId author_ = 0;
  int64_t default_expires_ = 0;
  int64_t now_seconds_ = 0;
  uint64_t duplicates_ = 0;
};

}  // namespace rbld

#endif  // RBLD_STORE_DATASET_DIFF_H_
