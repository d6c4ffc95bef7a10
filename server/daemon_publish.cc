// What Daemon shows to queries: the zones of a configuration, the view of the
// store and the watched files, and how a reload changes them.
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "server/daemon.h"
#include "server/file_parts.h"

namespace rbld {
namespace {

// How long, in milliseconds, a change of files waits for the workers to let go
// of the old ones.
constexpr int kReapTries = 200;

// Keys that only a new start can change, by name, when they differ.
std::vector<std::string> NeedRestart(const Config& old_config,
                                     const Config& config) {
  std::vector<std::string> keys;
  const auto note = [&keys](bool differs, const char* key) {
    if (differs) keys.push_back(key);
  };
  note(old_config.store_directory != config.store_directory, "store.directory");
  note(old_config.journal_max_changes != config.journal_max_changes ||
           old_config.journal_max_age_seconds != config.journal_max_age_seconds,
       "the journal's limits under [store]");
  bool listen_differs = old_config.listen.size() != config.listen.size();
  for (size_t i = 0; !listen_differs && i < config.listen.size(); ++i) {
    listen_differs = old_config.listen[i].text != config.listen[i].text;
  }
  note(listen_differs, "server.listen");
  note(old_config.workers != config.workers, "server.workers");
  note(old_config.cpu_affinity != config.cpu_affinity, "server.cpu_affinity");
  note(old_config.tcp_max_connections != config.tcp_max_connections ||
           old_config.tcp_idle_timeout_seconds !=
               config.tcp_idle_timeout_seconds ||
           old_config.tcp_total_timeout_seconds !=
               config.tcp_total_timeout_seconds,
       "the TCP limits under [server]");
  note(old_config.user != config.user, "server.user");
  note(old_config.query_log != config.query_log, "server.query_log");
  note(old_config.operator_socket != config.operator_socket ||
           old_config.importer_socket != config.importer_socket ||
           old_config.relayd_socket != config.relayd_socket ||
           old_config.public_socket != config.public_socket ||
           old_config.socket_mode != config.socket_mode,
       "the sockets under [control]");
  return keys;
}

}  // namespace

std::vector<ZoneSpec> Daemon::SpecsOf(const Config& config,
                                      const FileView& files) {
  std::vector<ZoneSpec> specs = ZoneSpecs(config);
  AddFileParts(config, files, &specs);
  return specs;
}

void Daemon::PublishEmptyStore() {
  auto view = std::make_shared<StoreView>();
  view->values = std::make_shared<ValueTable>();
  PublishView(std::move(view));
}

void Daemon::PublishView(std::shared_ptr<const StoreView> view) {
  MutexLock lock(&publish_mutex_);
  if (view != nullptr) view_ = std::move(view);
  PublishSnapshot();
}

void Daemon::PublishFiles(std::shared_ptr<const FileView> files) {
  if (publisher_ != nullptr) {
    ShowFiles(std::move(files));
  } else {
    MutexLock lock(&publish_mutex_);
    files_ = std::move(files);
    PublishSnapshot();
  }
  // The old data goes as soon as no worker reads it, so that old and new are
  // not both in memory for longer than that.
  for (int i = 0; i < kReapTries && snapshots_.Reap() > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// The publisher shows them together with the serials that they move.
void Daemon::ShowFiles(std::shared_ptr<const FileView> files) {
  MutexLock configure_lock(&configure_mutex_);
  const std::shared_ptr<const Config> now = config();
  {
    MutexLock lock(&publish_mutex_);
    next_zones_ = zones_;
    next_files_ = files;
    next_after_ = view_->configurations;
  }
  const absl::Status status =
      publisher_->Reconfigure(ListSpecs(*now), SpecsOf(*now, *files));
  // The old files may be gone, so that the new ones are shown all the same.
  if (!status.ok()) {
    LogError(absl::StrCat(
        "new data files are served, but the serials of their zones could not "
        "be moved: ",
        status.message()));
  }
  MutexLock lock(&publish_mutex_);
  next_zones_ = nullptr;
  next_files_ = nullptr;
  files_ = std::move(files);
  PublishSnapshot();
}

void Daemon::PublishSnapshot() {
  if (view_ == nullptr) return;
  // A view from before the publisher took the new zones and files has no
  // serials for them.
  const bool next =
      next_zones_ != nullptr && view_->configurations != next_after_;
  snapshots_.Publish(Snapshot::Build(next ? next_zones_ : zones_, view_,
                                     next ? next_files_ : files_));
}

absl::Status Daemon::Reload() {
  MutexLock reload_lock(&reload_mutex_);
  absl::StatusOr<Config> loaded = Load();
  const absl::Status status =
      loaded.ok() ? ApplyConfig(*std::move(loaded)) : loaded.status();
  {
    MutexLock lock(&config_mutex_);
    last_reload_error_ = status.ok() ? "" : std::string(status.message());
  }
  if (query_log_ != nullptr) {
    if (const absl::Status s = query_log_->Reopen(); !s.ok()) {
      LogError(absl::StrCat(s.message(), "; the old file is written on"));
    }
  }
  if (status.ok()) {
    LogInfo(absl::StrCat("configuration ", options_.config_path, " reloaded"));
    // Files that fail say so themselves, and leave the last good data.
    return watcher_->CheckNow();
  } else {
    LogError(absl::StrCat("reload failed, the old configuration serves on: ",
                          status.message()));
  }
  return status;
}

absl::Status Daemon::ApplyConfig(Config loaded) {
  absl::StatusOr<std::shared_ptr<const ZoneTable>> zones = BuildZones(loaded);
  if (!zones.ok()) return zones.status();
  for (const std::string& key : NeedRestart(*config(), loaded)) {
    LogWarning(absl::StrCat(options_.config_path, ": ", key,
                            " changed; restart rbld for that"));
  }
  absl::StatusOr<std::shared_ptr<const FileView>> files =
      watcher_->Configure(loaded);
  if (!files.ok()) return files.status();
  const absl::Status status = Show(std::make_shared<const Config>(loaded),
                                   *std::move(zones), *std::move(files));
  // The datasets that the old configuration needs are still good.
  if (!status.ok()) {
    watcher_->Configure(*config()).status().IgnoreError();
    return status;
  }
  if (dumps_ != nullptr) dumps_->SetDumps(loaded.dumps);
  return absl::OkStatus();
}

absl::Status Daemon::Show(std::shared_ptr<const Config> config,
                          std::shared_ptr<const ZoneTable> zones,
                          std::shared_ptr<const FileView> files) {
  MutexLock configure_lock(&configure_mutex_);
  {
    MutexLock lock(&publish_mutex_);
    next_zones_ = zones;
    next_files_ = files;
    next_after_ = view_ == nullptr ? 0 : view_->configurations;
  }
  absl::Status status;
  if (publisher_ != nullptr) {
    status =
        publisher_->Reconfigure(ListSpecs(*config), SpecsOf(*config, *files));
    // After the lists, since its own must be among them.
    if (status.ok()) {
      status = publisher_->relay_cases().Configure(RelaySettingsOf(*config));
    }
  }
  {
    MutexLock lock(&publish_mutex_);
    if (status.ok()) {
      zones_ = std::move(zones);
      files_ = std::move(files);
    }
    next_zones_ = nullptr;
    next_files_ = nullptr;
    // The publisher may have failed after it published.
    PublishSnapshot();
  }
  if (!status.ok()) return status;
  MutexLock lock(&config_mutex_);
  config_ = std::move(config);
  config_loaded_ = clock_.NowSeconds();
  return absl::OkStatus();
}

}  // namespace rbld
