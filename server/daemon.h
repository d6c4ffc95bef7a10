// Daemon: everything that `rbld` runs, put together: configuration, store,
// workers, control API, scheduled dumps.
//
// Start, Stop and Housekeep are called by one thread, the main one; the methods
// of DaemonControl by any.
#ifndef RBLD_SERVER_DAEMON_H_
#define RBLD_SERVER_DAEMON_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "control/api.h"
#include "control/daemon_control.h"
#include "control/http_server.h"
#include "server/dump_scheduler.h"
#include "server/file_watcher.h"
#include "server/query_log.h"
#include "server/snapshot_holder.h"
#include "server/sockets.h"
#include "server/stats.h"
#include "server/worker.h"
#include "store/publisher.h"
#include "zones/config.h"

namespace rbld {

inline constexpr char kVersion[] = "0.1.0";

// How often Housekeep wants to be called.
inline constexpr int kHousekeepingMs = 250;

struct DaemonOptions {
  std::string config_path;
  // Instead of the file's, when not empty: the configuration itself.
  std::string config_text;
  // Where to chroot to and what the working directory is once the sockets are
  // open; empty: none. The paths of data files are those inside.
  std::string root_directory;
  std::string work_directory;
  // Instead of the configuration's, when not empty or not 0.
  std::vector<ListenAddress> listen;
  int workers = 0;
  // Of TakePassedSockets: served beside `listen`, and instead of an address of
  // `listen` that they have already. Not owned.
  std::vector<int> passed_sockets;
  const Clock* clock = nullptr;  // required, not owned
  // For tests that lose unsynced data; as in PublisherOptions.
  std::shared_ptr<rocksdb::FileSystem> file_system;
  bool sync = true;
};

class Daemon : public DaemonControl {
 public:
  // Everything is up when this returns. An error names the place (file and
  // line, address, folder, socket) and the cure, and nothing is left running.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(DaemonOptions options);
  ~Daemon() override;
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Ends what runs, then closes. May be called twice.
  void Stop();
  // Small things that are due now and then.
  void Housekeep();
  StatsTotals SumStats() const { return stats_->Sum(); }

  // "127.0.0.1:5300", with the ports that were really taken.
  std::vector<std::string> listeners() const { return listeners_; }
  // For tests; null after Stop and without a store.
  Publisher* publisher() { return publisher_.get(); }
  // What queries are answered from now.
  std::shared_ptr<const Snapshot> snapshot() const { return snapshots_.Get(); }

  DaemonStatus Status() const override;
  DaemonCounters Counters() const override;
  std::optional<TargetAnswers> AnswersAbout(const Target& target,
                                            bool lines) const override;
  std::shared_ptr<const Config> config() const override;
  absl::Status Reload() override;
  absl::StatusOr<DumpSummary> Dump(
      const std::string& zone, const DumpOptions& options,
      const std::function<void(double)>& progress) override;

 private:
  explicit Daemon(DaemonOptions options);

  absl::StatusOr<Config> Load() const;
  static std::vector<ZoneSpec> SpecsOf(const Config& config,
                                       const FileView& files);
  absl::StatusOr<std::shared_ptr<const ZoneTable>> BuildZones(
      const Config& config);
  absl::Status Init();
  absl::Status ChooseCpus(const Config& config);
  absl::Status BindSockets(const Config& config,
                           std::vector<std::vector<SocketPair>>* for_workers);
  absl::Status OpenStore(const Config& config);
  // Without a store there is nothing in the lists but what files hold.
  void PublishEmptyStore();
  absl::Status StartWorkers(const Config& config,
                            std::vector<std::vector<SocketPair>> for_workers);
  // A new view of the store, or null for the last one with other zones.
  void PublishView(std::shared_ptr<const StoreView> view);
  void PublishFiles(std::shared_ptr<const FileView> files);
  void PublishSnapshot() RBLD_REQUIRES(publish_mutex_);
  // Makes the publisher, then the workers, take them: all or nothing.
  absl::Status Show(std::shared_ptr<const Config> config,
                    std::shared_ptr<const ZoneTable> zones,
                    std::shared_ptr<const FileView> files);
  void ShowFiles(std::shared_ptr<const FileView> files);
  absl::Status ApplyConfig(Config config);

  const DaemonOptions options_;
  const Clock& clock_;
  const int64_t started_;
  std::vector<std::string> listeners_;
  int worker_count_ = 0;
  // The one of each worker; empty: any.
  std::vector<int> worker_cpus_;
  std::unique_ptr<Stats> stats_;
  std::atomic<int> tcp_open_{0};
  SnapshotHolder snapshots_;

  // What the next snapshot is made of. Held while one is made, so that they
  // are published in order.
  mutable Mutex publish_mutex_;
  std::shared_ptr<const StoreView> view_ RBLD_GUARDED_BY(publish_mutex_);
  std::shared_ptr<const FileView> files_ RBLD_GUARDED_BY(publish_mutex_);
  std::shared_ptr<const ZoneTable> zones_ RBLD_GUARDED_BY(publish_mutex_);
  // Of a reload that is under way: taken as soon as a view has what they need.
  std::shared_ptr<const ZoneTable> next_zones_ RBLD_GUARDED_BY(publish_mutex_);
  std::shared_ptr<const FileView> next_files_ RBLD_GUARDED_BY(publish_mutex_);
  // They are shown with the first view that has another number than this
  // (StoreView::configurations).
  uint64_t next_after_ RBLD_GUARDED_BY(publish_mutex_) = 0;

  // One reload at a time.
  Mutex reload_mutex_;
  // One change of zones or files after another. Taken after the watcher's own.
  Mutex configure_mutex_;
  mutable Mutex config_mutex_;
  std::shared_ptr<const Config> config_ RBLD_GUARDED_BY(config_mutex_);
  int64_t config_loaded_ RBLD_GUARDED_BY(config_mutex_) = 0;
  std::string last_reload_error_ RBLD_GUARDED_BY(config_mutex_);

  // One dump at a time: they are long and heavy, and two into one folder would
  // overwrite each other's files.
  Mutex dump_mutex_;

  std::unique_ptr<FileWatcher> watcher_;
  std::unique_ptr<Publisher> publisher_;  // null: no store
  std::unique_ptr<QueryLog> query_log_;   // null: none
  std::vector<std::unique_ptr<QueryLogWriter>> query_log_writers_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<DumpScheduler> dumps_;
  bool stopped_ = false;
};

}  // namespace rbld

#endif  // RBLD_SERVER_DAEMON_H_
