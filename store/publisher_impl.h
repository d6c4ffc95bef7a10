// PublisherImpl: the Publisher on RocksDB.
//
// One thread, the publisher's, writes everything. It takes what waits in its
// queue as one group: requests are staged into one batch (StagedBatch), the
// batch is written and synced once, the new view is published, and then every
// caller is answered. A bulk import prepares its files and its index on the
// importing thread and helpers of that (import_work.h); only the ingestion and
// the exchange of the index run on the publisher's.
#ifndef RBLD_STORE_PUBLISHER_IMPL_H_
#define RBLD_STORE_PUBLISHER_IMPL_H_

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "store/database.h"
#include "store/import_work.h"
#include "store/index_file.h"
#include "store/publisher.h"
#include "store/relay/cases_impl.h"
#include "store/staged_batch.h"
#include "store/state.h"

namespace rbld {

class PublisherImpl : public Publisher {
 public:
  explicit PublisherImpl(PublisherOptions options);
  ~PublisherImpl() override;

  absl::Status Start(std::vector<ListSpec> lists, std::vector<ZoneSpec> zones);

  absl::Status Reconfigure(std::vector<ListSpec> lists,
                           std::vector<ZoneSpec> zones) override;
  absl::StatusOr<ChangeResult> Apply(ChangeRequest request) override;
  absl::StatusOr<ImportSummary> RunImport(
      Import import, const ImportOptions& options,
      const std::function<void(double)>& progress) override;
  std::shared_ptr<const StoreView> view() const override;
  std::unique_ptr<PinnedStore> Pin() const override;
  absl::StatusOr<ListSpec> list_spec(absl::string_view list) const override;
  absl::StatusOr<TargetReport> Report(const Target& target) const override;
  absl::StatusOr<FindPage> Find(const FindQuery& query) const override;
  absl::StatusOr<std::vector<HistoryEntry>> History(absl::string_view list,
                                                    const Target& target,
                                                    int limit) const override;
  absl::StatusOr<std::vector<HistoryEntry>> Audit(int limit) const override;
  absl::StatusOr<std::vector<ListInfo>> Lists() const override;
  StoreStats Stats() const override;
  RelayCases& relay_cases() override { return *relay_cases_; }
  absl::Status Backup(const std::string& backup_directory) override;

 private:
  using ZonesPtr = std::shared_ptr<const std::vector<ZoneSpec>>;

  // One caller that waits. Lives on the caller's stack.
  struct Waiter {
    // Exactly one of the three: a change request; something else to stage into
    // the group's batch; or work for the publisher's thread between two groups.
    const ChangeRequest* request = nullptr;
    RelayCasesImpl::Stage stage;
    std::function<absl::Status()> work;
    absl::StatusOr<ChangeResult> result = ChangeResult{};
    bool done = false;
    CondVar done_changed;
  };

  // ---- the publisher's thread (publisher.cc) ----
  void Loop();
  std::chrono::nanoseconds GatherTime() RBLD_REQUIRES(queue_mutex_);
  void RunGroup(const std::vector<Waiter*>& group);
  void RunRequest(
      Waiter* waiter, StagedBatch* staged,
      std::map<std::string, absl::StatusOr<ChangeResult>>* in_group);
  StagedBatch NewBatch(SpecMap* specs, ZonesPtr* zones);
  // Those whose index is not what is stored.
  std::set<std::string> ListsBehind() const RBLD_REQUIRES(state_mutex_);
  absl::Status Commit(StagedBatch* staged);
  void PublishView() RBLD_REQUIRES(state_mutex_);
  void NoteNextExpiry();
  absl::Status TrimJournal();
  // Queues and waits. Unavailable when the publisher is stopping.
  void Enqueue(Waiter* waiter);
  absl::Status RunOnThread(std::function<absl::Status()> work);
  absl::Status RunInBatch(RelayCasesImpl::Stage stage);
  // On the thread, or before it runs.
  absl::Status Configure(std::vector<ListSpec> lists,
                         std::vector<ZoneSpec> zones);
  absl::Status ExpireDue();
  absl::StatusOr<bool> AnyMoreDueThan(uint64_t count) const;
  // Does a new configuration, or new files, change what the zone answers?
  // `record` is what is stored of it, with what moves noted.
  bool NewContent(const ZoneSpec& zone, const std::vector<ZoneSpec>& old_zones,
                  const IndexMap& indexes, const ZoneRecord& record) const;
  absl::Status RunDueRelayCases();
  absl::StatusOr<std::shared_ptr<const ListIndex>> BuildIndex(
      const std::string& list, const StoreState& state,
      const rocksdb::Snapshot* snapshot) const;
  absl::StatusOr<ChangeResult> Remembered(const std::string& key) const;
  void Remember(const std::string& key, const ChangeResult& result,
                StagedBatch* staged) const;

  // ---- imports (publisher_import.cc) ----
  class ImportTurn;
  // What an import is to change, as the thread found it.
  struct ImportTarget {
    DatasetRecord dataset;
    uint64_t bulk_id = 0;
    // The list had no other records than the dataset's.
    bool is_all_of_list = false;
  };
  absl::StatusOr<ImportSummary> TryImport(
      const WantedEntries& wanted, const ImportOptions& options, bool* retry,
      const std::function<void(double)>& progress);
  absl::Status CommitSmall(
      const std::vector<StagedBatch::RecordChange>& changes,
      const DatasetRecord& dataset, const ImportOptions& options, bool* retry,
      ImportSummary* summary);
  absl::Status CommitBulk(BulkFiles* files, const DiffCounts& counts,
                          const DatasetRecord& dataset,
                          const ImportOptions& options, bool* retry,
                          ImportSummary* summary);
  absl::Status IngestFiles(BulkFiles* files, const DiffCounts& counts,
                           bool keep_journal, const StoreState& state,
                           DatasetId dataset, const ImportOptions& options);
  // `prebuilt` may be null: then the index is read from the store.
  absl::Status RebuildAfterBulk(const std::string& list,
                                std::shared_ptr<const ListIndex> prebuilt);
  absl::Status InstallIndex(const std::string& list,
                            std::shared_ptr<const ListIndex> index);
  // The zone's record once an import into `list` is shown. Its durable serial
  // was moved before anybody knew whether an answer `differs`; if none does, it
  // is taken back.
  ZoneRecord RecordAfterImport(const ZoneSpec& zone, const std::string& list,
                               bool differs) RBLD_REQUIRES(state_mutex_);
  absl::StatusOr<ImportTarget> PrepareDataset(const ImportOptions& options);

  // ---- index files (publisher_files.cc) ----
  struct IndexFileState {
    uint64_t sequence = 0;  // 0: there is none
    // Targets changed since, and whether the index was built anew.
    uint64_t changes_behind = 0;
    bool rebuilt = false;
    // What is shown is not what is stored, until the next start.
    bool never = false;
    int64_t written_seconds = 0;
    int64_t retry_seconds = 0;  // not before, after a failure
  };
  std::string IndexFolder() const;
  std::string IndexPath(ListId list) const;
  IndexFileId IndexIdOf(ListId list) const;
  // From its file if there is a good one, else from the records.
  absl::StatusOr<std::shared_ptr<const ListIndex>> StartIndex(
      const std::string& name, const StoreState& state);
  absl::StatusOr<std::shared_ptr<const ListIndex>> ReadIndex(
      ListId list, const StoreState& state, uint64_t records,
      IndexFileState* file_state);
  bool WantsIndexFile(const ListIndex& index, const IndexFileState& file,
                      bool at_stop, int64_t now_seconds) const;
  // Those that are due.
  absl::Status WriteIndexFiles(bool at_stop);
  absl::Status WriteOneIndexFile(const std::string& name, ListId list,
                                 uint64_t sequence, const ListIndex& index,
                                 uint64_t changes_behind);
  class Rebase;
  absl::Status RebaseIndex(const std::string& name, ListId list,
                           std::shared_ptr<const ListIndex> written);
  void FilesLoop();
  void StopFiles();

  // ---- reading (publisher_read.cc) ----
  StoreState StateCopy() const;
  absl::Status HistoryOfEntry(const StoreState& state, uint64_t sequence,
                              const JournalEntry& entry,
                              absl::string_view record_prefix,
                              std::vector<HistoryEntry>* out) const;
  HistoryEntry ToHistory(const StoreState& state, uint64_t sequence,
                         const JournalEntry& entry, ListId list,
                         const JournalChange& change) const;

  const PublisherOptions options_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<RelayCasesImpl> relay_cases_;
  // ---- the queue ----
  mutable Mutex queue_mutex_;
  CondVar queue_changed_;
  std::deque<Waiter*> queue_ RBLD_GUARDED_BY(queue_mutex_);
  bool stopping_ RBLD_GUARDED_BY(queue_mutex_) = false;

  // ---- what the thread writes and others read ----
  mutable Mutex state_mutex_;
  mutable CondVar rebuild_done_;
  StoreState state_ RBLD_GUARDED_BY(state_mutex_);
  SpecMap specs_ RBLD_GUARDED_BY(state_mutex_);
  ZonesPtr zones_ RBLD_GUARDED_BY(state_mutex_) =
      std::make_shared<const std::vector<ZoneSpec>>();  // never null
  std::shared_ptr<const StoreView> view_ RBLD_GUARDED_BY(state_mutex_);
  // The indexes of view_, and the serials that go with them: while a bulk
  // import's index is being built, the durable serials run ahead of these.
  IndexMap indexes_ RBLD_GUARDED_BY(state_mutex_);
  std::map<std::string, uint32_t, std::less<>> visible_serials_
      RBLD_GUARDED_BY(state_mutex_);
  // Lists that an import may bring a new index -> targets that others changed
  // since it began.
  std::map<std::string, std::vector<Target>> rebuilding_
      RBLD_GUARDED_BY(state_mutex_);
  // Of these, the ones whose import is stored but not shown yet.
  std::set<std::string> unshown_ RBLD_GUARDED_BY(state_mutex_);
  // Lists that an import is busy with.
  CondVar import_done_;
  std::set<std::string> importing_ RBLD_GUARDED_BY(state_mutex_);
  StoreStats stats_ RBLD_GUARDED_BY(state_mutex_);
  uint64_t configurations_ RBLD_GUARDED_BY(state_mutex_) = 0;
  uint64_t next_bulk_id_ RBLD_GUARDED_BY(state_mutex_) = 1;
  std::map<ListId, IndexFileState> index_files_ RBLD_GUARDED_BY(state_mutex_);

  // ---- the thread's own ----
  std::chrono::steady_clock::time_point last_group_;
  int lonely_groups_ = 0;
  int64_t next_expiry_ = 0;  // 0: none
  // Lists, and kinds of their targets, that expired before the first indexes
  // were there to be compared.
  std::set<std::pair<std::string, TargetKind>> expired_unseen_;
  // It, or when a relay case is due, must be looked for again.
  bool times_changed_ = false;
  uint64_t journal_changes_ = 0;
  int64_t last_trim_ = 0;
  std::thread thread_;

  // ---- the thread that writes index files ----
  Mutex files_mutex_;
  CondVar files_wake_;
  bool files_stopping_ RBLD_GUARDED_BY(files_mutex_) = false;
  std::thread files_thread_;
};

}  // namespace rbld

#endif  // RBLD_STORE_PUBLISHER_IMPL_H_
