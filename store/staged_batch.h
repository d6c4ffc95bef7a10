// StagedBatch: the changes of one group commit before they are durable: the
// RocksDB batch, the state and the indexes as they will be.
//
// Used by the publisher's thread. Thrown away when the commit fails.
#ifndef RBLD_STORE_STAGED_BATCH_H_
#define RBLD_STORE_STAGED_BATCH_H_

#include <rocksdb/utilities/write_batch_with_index.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "store/database.h"
#include "store/index_update.h"
#include "store/publisher.h"
#include "store/state.h"

namespace rbld {

using SpecMap = std::map<std::string, ListSpec, std::less<>>;

class StagedBatch {
 public:
  // `database` and `specs` outlive it; `indexes` are the published ones, of
  // which those of the lists `behind` are not what is stored.
  StagedBatch(Database* database, const SpecMap* specs, StoreState state,
              IndexMap indexes, std::set<std::string> behind,
              int64_t now_seconds);

  // Checks the request whole, then stages it whole. Errors as
  // Publisher::Apply; nothing is staged then.
  absl::StatusOr<ChangeResult> Stage(const ChangeRequest& request);

  // A small import, as one sequence; `changes` come from a DatasetDiff.
  struct RecordChange {
    ChangeKind kind;
    std::string key;
    std::string before;  // empty: absent
    std::string after;
  };
  absl::Status StageRecords(const ChangeRequest& header, DatasetId dataset,
                            bool is_import,
                            const std::vector<RecordChange>& changes);

  // Removes up to `limit` listings whose time has come, as one sequence.
  // Returns how many.
  absl::StatusOr<uint64_t> StageExpiries(uint64_t limit);

  // Moves the serials of the zones of which an answer changed.
  absl::Status MoveSerials(const std::vector<ZoneSpec>& zones);

  // Anything small that must be durable with the changes.
  void PutMeta(const std::string& key, const std::string& value) {
    Put(FamilyId::kMeta, key, value);
  }

  // ---- records beside the listings: as the batch leaves them ----
  // "" when there is none.
  absl::StatusOr<std::string> Get(FamilyId family, absl::string_view key);
  void Put(FamilyId family, absl::string_view key, absl::string_view value) {
    Note(family);
    batch_.Put(database_->family(family), ToSlice(key), ToSlice(value));
  }
  void Erase(FamilyId family, absl::string_view key) {
    Note(family);
    batch_.Delete(database_->family(family), ToSlice(key));
  }
  // Until something is staged again. Ends before `upper_bound`, which outlives
  // it, unless that is null.
  std::unique_ptr<rocksdb::Iterator> NewIterator(
      FamilyId family, const rocksdb::Slice* upper_bound = nullptr);
  bool HasListing(absl::string_view list, absl::string_view source,
                  const Target& target);

  int64_t now_seconds() const { return now_seconds_; }

  bool empty() { return batch_.GetWriteBatch()->Count() == 0; }
  // It has changes of when a listing expires or a relay case is due.
  bool changes_times() const { return changes_times_; }
  uint64_t change_count() const { return change_count_; }
  rocksdb::WriteBatch* write_batch() { return batch_.GetWriteBatch(); }
  const StoreState& state() const { return state_; }
  const IndexMap& indexes() const { return indexes_; }
  // Targets touched, by list, for an index that is being rebuilt.
  const std::map<std::string, std::vector<Target>>& touched() const {
    return touched_;
  }

 private:
  struct Planned;
  void Note(FamilyId family) {
    changes_times_ |=
        family == FamilyId::kExpiry || family == FamilyId::kProbes;
  }
  absl::Status Plan(const ChangeRequest& request, Planned* planned);
  absl::Status PlanOne(const Change& change, const ChangeRequest& request,
                       Planned* planned);
  absl::Status PlanPut(const Change& change, const ListSpec& spec,
                       DatasetRecord* dataset, RecordType type,
                       const ChangeRequest& request, Planned* planned);
  absl::Status PlanErase(const Change& change, RecordType type,
                         const std::vector<DatasetRecord*>& datasets,
                         ChangeKind kind, Planned* planned);
  // `target` is the key's.
  absl::StatusOr<std::string> ReadRecord(const std::string& key,
                                         const Target& target,
                                         const Planned& planned);
  // The list's index proves that nothing is recorded of these addresses, nor of
  // any that they are part of.
  bool SurelyNone(ListId id, const std::string& list,
                  const Target& target) const;
  void NoteExemptions();
  absl::Status Write(const ChangeRequest& header,
                     const std::vector<RecordChange>& changes,
                     StoreState state);
  absl::Status UpdateIndex(const std::string& list, const Target& target);
  absl::StatusOr<bool> ZoneChanged(const ZoneSpec& zone);
  absl::StatusOr<bool> PartChanged(const AnswerRules& rules,
                                   const ZonePart& part,
                                   const std::string& list);
  absl::StatusOr<bool> NameChanged(const AnswerRules& rules,
                                   const ZonePart& part,
                                   const std::string& list,
                                   const Target& target);
  // The same of what the batch has alone.
  std::unique_ptr<rocksdb::Iterator> NewBatchIterator(
      FamilyId family, const rocksdb::Slice* upper_bound);

  Database* const database_;
  const SpecMap* const specs_;
  StoreState state_;
  IndexMap indexes_;
  const IndexMap indexes_before_;
  const std::set<std::string> behind_;
  // Lists that have exemptions, or had since the batch was begun. They hide
  // records from the index.
  std::set<ListId> exempted_;
  const int64_t now_seconds_;
  rocksdb::WriteBatchWithIndex batch_;
  std::map<std::string, std::vector<Target>> touched_;
  // By list, the targets whose answers changed, or what they hide of others';
  // of names also which nodes of the index may have.
  struct ChangedAnswers {
    std::vector<Target> targets;
    std::set<std::string> nodes;
  };
  std::map<std::string, ChangedAnswers> changed_answers_;
  uint64_t change_count_ = 0;
  bool changes_times_ = false;
};

// One audit line's "what": the first targets of the changes.
std::string DescribeChanges(
    const std::vector<StagedBatch::RecordChange>& changes);

}  // namespace rbld

#endif  // RBLD_STORE_STAGED_BATCH_H_
