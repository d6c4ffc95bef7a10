#include "server/daemon.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/cpus.h"
#include "base/file_util.h"
#include "base/log.h"
#include "base/user.h"
#include "server/passed_sockets.h"
#include "zones/missing_files.h"

namespace rbld {
namespace {

// Makes the folder, and gives one that is new to the user who will write it.
absl::Status PrepareDirectory(const std::string& directory, const User* user) {
  struct stat found;
  const bool is_new = stat(directory.c_str(), &found) != 0;
  absl::Status status = MakeDirectories(directory);
  if (!status.ok() || !is_new || user == nullptr || geteuid() != 0) {
    return status;
  }
  if (chown(directory.c_str(), user->uid, user->gid) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat(directory, ": cannot be given to user ", user->name));
  }
  return absl::OkStatus();
}

std::vector<ControlSocket> ControlSockets(const Config& config,
                                          const User* user) {
  std::vector<ControlSocket> sockets;
  const auto add = [&](const std::string& path, Role role) {
    if (path.empty()) return;
    ControlSocket socket;
    socket.path = path;
    socket.role = role;
    socket.mode = config.socket_mode;
    if (user != nullptr && geteuid() == 0) {
      socket.owner_uid = static_cast<int>(user->uid);
      socket.owner_gid = static_cast<int>(user->gid);
    }
    sockets.push_back(std::move(socket));
  };
  add(config.operator_socket, Role::kOperator);
  add(config.importer_socket, Role::kImporter);
  add(config.relayd_socket, Role::kRelayd);
  add(config.public_socket, Role::kPublic);
  return sockets;
}

absl::StatusOr<std::vector<DumpFormat>> DumpFormats(const DumpConfig& dump) {
  std::vector<DumpFormat> formats;
  for (const std::string& name : dump.formats) {
    absl::StatusOr<DumpFormat> format = ParseDumpFormat(name);
    if (!format.ok()) return format.status();
    formats.push_back(*format);
  }
  return formats;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(DaemonOptions options) {
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(options)));
  absl::Status status = daemon->Init();
  if (!status.ok()) return status;
  return daemon;
}

Daemon::Daemon(DaemonOptions options)
    : options_(std::move(options)),
      clock_(*options_.clock),
      started_(options_.clock->NowSeconds()) {}

Daemon::~Daemon() { Stop(); }

absl::StatusOr<Config> Daemon::Load() const {
  absl::StatusOr<Config> config =
      options_.config_text.empty()
          ? LoadConfig(options_.config_path)
          : ParseConfig(options_.config_text, options_.config_path);
  if (!config.ok()) return config;
  for (const std::string& warning : config->warnings) LogWarning(warning);
  if (!options_.listen.empty()) config->listen = options_.listen;
  if (options_.workers > 0) config->workers = options_.workers;
  return config;
}

absl::StatusOr<std::shared_ptr<const ZoneTable>> Daemon::BuildZones(
    const Config& config) {
  absl::StatusOr<std::shared_ptr<const ZoneTable>> zones = ZoneTable::Build(
      config.zones,
      [this](const std::string& name) { return stats_->ZoneSlot(name); },
      config.version);
  if (!zones.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(config.path, ": ", zones.status().message()));
  }
  return zones;
}

// The order matters: what wants root comes before root is given up, and that
// before any thread; and nothing is answered before the store is open.
absl::Status Daemon::Init() {
  absl::StatusOr<Config> loaded = Load();
  if (!loaded.ok()) return loaded.status();
  const auto config = std::make_shared<const Config>(*std::move(loaded));
  worker_count_ = config->workers;
  stats_ = std::make_unique<Stats>(worker_count_);
  absl::StatusOr<std::shared_ptr<const ZoneTable>> zones = BuildZones(*config);
  if (!zones.ok()) return zones.status();
  {
    MutexLock lock(&publish_mutex_);
    zones_ = *std::move(zones);
  }
  {
    MutexLock lock(&config_mutex_);
    config_ = config;
    config_loaded_ = clock_.NowSeconds();
  }

  std::vector<std::vector<SocketPair>> for_workers;
  absl::Status status = ChooseCpus(*config);
  if (!status.ok()) return status;
  status = BindSockets(*config, &for_workers);
  if (!status.ok()) return status;
  User user;
  const User* become = nullptr;
  if (!config->user.empty()) {
    absl::StatusOr<User> found = FindUser("server.user", config->user);
    if (!found.ok()) return found.status();
    user = *std::move(found);
    become = &user;
  }
  if (!config->store_directory.empty()) {
    status = PrepareDirectory(config->store_directory, become);
    if (!status.ok()) return status;
  }
  absl::StatusOr<std::unique_ptr<HttpServer>> http =
      HttpServer::Bind(ControlSockets(*config, become));
  if (!http.ok()) return http.status();
  http_ = *std::move(http);
  status = EnterDirectories(options_.root_directory, options_.work_directory);
  if (!status.ok()) return status;
  if (become != nullptr) {
    status = BecomeUser("server.user", *become);
    if (!status.ok()) return status;
  }

  if (!config->files_may_fail_at_start) {
    status = FindMissingFiles(config->datasets, options_.root_directory);
    if (!status.ok()) return status;
  }
  watcher_ = std::make_unique<FileWatcher>(
      &clock_, [this](std::shared_ptr<const FileView> files) {
        PublishFiles(std::move(files));
      });
  absl::StatusOr<std::shared_ptr<const FileView>> files =
      watcher_->Configure(*config);
  if (!files.ok()) return files.status();
  PublishFiles(*std::move(files));
  if (config->store_directory.empty()) {
    PublishEmptyStore();
  } else {
    status = OpenStore(*config);
    if (!status.ok()) return status;
  }
  status = StartWorkers(*config, std::move(for_workers));
  if (!status.ok()) return status;
  watcher_->Start();
  if (publisher_ == nullptr) return absl::OkStatus();
  api_ = std::make_unique<Api>(publisher_.get(), this, &clock_);
  http_->Start(api_.get());
  dumps_ = std::make_unique<DumpScheduler>(
      config->dumps,
      [this](const DumpConfig& dump) {
        absl::StatusOr<std::vector<DumpFormat>> formats = DumpFormats(dump);
        if (!formats.ok()) return formats.status();
        DumpOptions dump_options;
        dump_options.directory = dump.directory;
        dump_options.formats = *std::move(formats);
        return Dump(dump.zone, dump_options, nullptr).status();
      },
      &clock_);
  return absl::OkStatus();
}

absl::Status Daemon::ChooseCpus(const Config& config) {
  if (!config.cpu_affinity) return absl::OkStatus();
  worker_cpus_ = UsableCpus();
  const auto workers = static_cast<size_t>(worker_count_);
  if (worker_cpus_.size() < workers) {
    return absl::FailedPreconditionError(absl::StrCat(
        config.path, ": server.cpu_affinity: ", workers,
        " workers want a CPU each, and rbld may use ", worker_cpus_.size(),
        "; lower server.workers or leave server.cpu_affinity out"));
  }
  worker_cpus_.resize(workers);
  return absl::OkStatus();
}

absl::Status Daemon::BindSockets(
    const Config& config, std::vector<std::vector<SocketPair>>* for_workers) {
  for_workers->resize(static_cast<size_t>(worker_count_));
  absl::StatusOr<std::vector<BoundAddress>> passed =
      SharePassedSockets(options_.passed_sockets, worker_count_);
  if (!passed.ok()) return passed.status();
  for (BoundAddress& bound : *passed) {
    listeners_.push_back(bound.text);
    for (size_t i = 0; i < for_workers->size(); ++i) {
      (*for_workers)[i].push_back(std::move(bound.sockets[i]));
    }
  }
  for (const ListenAddress& address : config.listen) {
    const auto is_it = [&address](const BoundAddress& bound) {
      return bound.text == AddressText(address);
    };
    if (std::any_of(passed->begin(), passed->end(), is_it)) continue;
    absl::StatusOr<BoundAddress> bound = Bind(address, worker_count_);
    if (!bound.ok()) return bound.status();
    listeners_.push_back(bound->text);
    if (!worker_cpus_.empty()) {
      absl::Status status = SteerByCpu(*bound, worker_cpus_);
      if (!status.ok()) return status;
    }
    for (size_t i = 0; i < for_workers->size(); ++i) {
      (*for_workers)[i].push_back(std::move(bound->sockets[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status Daemon::OpenStore(const Config& config) {
  std::shared_ptr<const FileView> files;
  {
    MutexLock lock(&publish_mutex_);
    files = files_;
  }
  PublisherOptions options;
  options.directory = config.store_directory;
  options.clock = &clock_;
  options.journal_max_changes = config.journal_max_changes;
  options.journal_max_age_seconds = config.journal_max_age_seconds;
  options.file_system = options_.file_system;
  options.sync = options_.sync;
  options.free_old_views = [this] { snapshots_.Reap(); };
  options.on_publish = [this](std::shared_ptr<const StoreView> view) {
    PublishView(std::move(view));
  };
  absl::StatusOr<std::unique_ptr<Publisher>> publisher = Publisher::Open(
      std::move(options), ListSpecs(config), SpecsOf(config, *files));
  if (!publisher.ok()) return publisher.status();
  publisher_ = *std::move(publisher);
  return publisher_->relay_cases().Configure(RelaySettingsOf(config));
}

absl::Status Daemon::StartWorkers(
    const Config& config, std::vector<std::vector<SocketPair>> for_workers) {
  TcpLimits limits;
  limits.max_connections = config.tcp_max_connections;
  limits.idle_ms =
      static_cast<uint64_t>(config.tcp_idle_timeout_seconds) * 1000;
  limits.total_ms =
      static_cast<uint64_t>(config.tcp_total_timeout_seconds) * 1000;
  limits.open = &tcp_open_;
  if (!config.query_log.empty()) {
    absl::StatusOr<std::unique_ptr<QueryLog>> log =
        QueryLog::Open(config.query_log);
    if (!log.ok()) return log.status();
    query_log_ = *std::move(log);
  }
  for (int i = 0; i < worker_count_; ++i) {
    if (query_log_ != nullptr) {
      query_log_writers_.push_back(
          std::make_unique<QueryLogWriter>(query_log_.get()));
      stats_->worker(i)->log = query_log_writers_.back().get();
    }
    const auto place = static_cast<size_t>(i);
    std::optional<int> cpu;
    if (!worker_cpus_.empty()) cpu = worker_cpus_[place];
    absl::StatusOr<std::unique_ptr<Worker>> worker =
        Worker::Create(std::move(for_workers[place]), limits, &snapshots_,
                       stats_->worker(i), &clock_, cpu);
    if (!worker.ok()) return worker.status();
    workers_.push_back(*std::move(worker));
  }
  for (const auto& worker : workers_) {
    snapshots_.AddWaker([raw = worker.get()] { raw->Wake(); });
    worker->Start();
  }
  return absl::OkStatus();
}

void Daemon::Stop() {
  if (stopped_) return;
  stopped_ = true;
  // The API first: its requests use everything else.
  if (http_ != nullptr) http_->Stop();
  dumps_.reset();
  watcher_.reset();
  snapshots_.ClearWakers();
  for (const auto& worker : workers_) worker->Stop();
  http_.reset();
  api_.reset();
  publisher_.reset();
  workers_.clear();
}

void Daemon::Housekeep() { snapshots_.Reap(); }

}  // namespace rbld
