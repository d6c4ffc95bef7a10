#include "server/daemon.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/cpus.h"
#include "base/file_util.h"
#include "base/log.h"
#include "base/user.h"
#include "server/file_parts.h"
#include "server/missing_files.h"
#include "server/passed_sockets.h"
#include "server/target_answers.h"

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

// What operators are told of the keys: their names, or else so much of them
// that they can be told apart.
std::vector<KeyCounters> CountKeys(const FileView& files, int64_t now_seconds) {
  constexpr size_t kShownCharacters = 4;
  std::vector<KeyCounters> keys;
  for (const auto& [dataset, served] : files.datasets) {
    if (served->keys == nullptr) continue;
    for (const auto& [label, key] : served->keys->keys) {
      KeyCounters counters;
      counters.dataset = dataset;
      counters.name =
          !key.terms.name.empty()
              ? key.terms.name
              : absl::StrCat(label.substr(0, kShownCharacters), "…");
      counters.queries = key.usage->queries();
      counters.over_quota = key.usage->over_quota();
      counters.quota = key.terms.quota;
      counters.quota_seconds = key.terms.quota_seconds;
      counters.in_period =
          key.usage->in_period(now_seconds, key.terms.quota_seconds);
      counters.last_used = key.usage->last_used();
      counters.expires = key.terms.expires;
      keys.push_back(std::move(counters));
    }
  }
  std::sort(keys.begin(), keys.end(),
            [](const KeyCounters& a, const KeyCounters& b) {
              return std::tie(a.dataset, a.name) < std::tie(b.dataset, b.name);
            });
  return keys;
}

// What the files of `spec`, of which `served` was made, say of the target.
DatasetLines LinesAbout(const FileDatasetSpec& spec, const FileDataset& served,
                        const Target& target, int64_t now_seconds) {
  DatasetLines lines;
  lines.dataset = spec.name;
  FileDatasetLoadOptions options;
  options.now_seconds = now_seconds;
  absl::StatusOr<FoundLines> found = FindInFiles(spec, options, target);
  if (!found.ok()) {
    lines.error = std::string(found.status().message());
    return lines;
  }
  lines.changed = found->text_digest != served.text_digest;
  lines.count = found->count;
  for (FoundLine& line : found->lines) {
    lines.lines.push_back(
        {std::move(line.file), line.line, std::move(line.text), line.excluded});
  }
  return lines;
}

std::vector<ZoneSpec> SpecsOf(const Config& config, const FileView& files) {
  std::vector<ZoneSpec> specs = ZoneSpecs(config);
  AddFileParts(config, files, &specs);
  return specs;
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

DaemonStatus Daemon::Status() const {
  DaemonStatus status;
  status.version = kVersion;
  status.started = started_;
  status.pid = static_cast<int>(getpid());
  status.listeners = listeners_;
  status.workers = worker_count_;
  status.tcp_connections = static_cast<uint64_t>(
      std::max(0, tcp_open_.load(std::memory_order_relaxed)));
  status.datasets = watcher_->Status();
  MutexLock lock(&config_mutex_);
  status.config_loaded = config_loaded_;
  status.last_reload_error = last_reload_error_;
  return status;
}

DaemonCounters Daemon::Counters() const {
  const StatsTotals totals = stats_->Sum();
  DaemonCounters counters;
  for (const StatsTotals::Row& row : totals.rows) {
    counters.totals.push_back({row.name, row.help, row.value});
  }
  for (const StatsTotals::ZoneRow& row : totals.zones) {
    ZoneCounters zone;
    zone.zone = row.zone;
    for (size_t kind = 0; kind < row.outcomes.size(); ++kind) {
      const AnswerKind answer_kind = static_cast<AnswerKind>(kind);
      // A message without a reply, or one that is no query, has no zone.
      if (answer_kind == AnswerKind::kDropped) continue;
      zone.outcomes.push_back(
          {AnswerKindName(answer_kind), row.outcomes[kind]});
    }
    counters.zones.push_back(std::move(zone));
  }
  std::shared_ptr<const FileView> files;
  {
    MutexLock lock(&publish_mutex_);
    files = files_;
  }
  if (files != nullptr) counters.keys = CountKeys(*files, clock_.NowSeconds());
  return counters;
}

std::optional<TargetAnswers> Daemon::AnswersAbout(const Target& target,
                                                  bool lines) const {
  const std::shared_ptr<const Snapshot> snapshot = snapshots_.Get();
  TargetAnswers answers;
  answers.zones = rbld::AnswersAbout(*snapshot, target, clock_.NowSeconds());
  if (!lines) return answers;
  std::set<std::string> datasets;
  for (const ZoneAnswer& zone : answers.zones) {
    for (const ZoneAnswer::Origin& origin : zone.from) {
      if (!origin.dataset.empty()) datasets.insert(origin.dataset);
    }
  }
  const std::shared_ptr<const Config> config = this->config();
  for (const DatasetConfig& dataset : config->datasets) {
    const auto served = snapshot->files().datasets.find(dataset.spec.name);
    if (!datasets.contains(dataset.spec.name) ||
        served == snapshot->files().datasets.end()) {
      continue;
    }
    answers.datasets.push_back(LinesAbout(dataset.spec, *served->second->data,
                                          target, clock_.NowSeconds()));
  }
  return answers;
}

std::shared_ptr<const Config> Daemon::config() const {
  MutexLock lock(&config_mutex_);
  return config_;
}

absl::StatusOr<DumpSummary> Daemon::Dump(
    const std::string& zone, const DumpOptions& options,
    const std::function<void(double)>& progress) {
  MutexLock dump_lock(&dump_mutex_);
  const std::shared_ptr<const Config> config = this->config();
  for (const ZoneConfig& candidate : config->zones) {
    if (candidate.name != zone) continue;
    const std::unique_ptr<PinnedStore> store = publisher_->Pin();
    absl::StatusOr<DumpSummary> summary =
        DumpZone(candidate, *store, clock_.NowSeconds(), options, progress);
    if (summary.ok()) {
      const std::string incomplete = DescribeIncomplete(*summary);
      if (!incomplete.empty()) {
        LogWarning(absl::StrCat("dump of zone ", zone, " into ",
                                options.directory, ": ", incomplete));
      }
    }
    return summary;
  }
  return absl::NotFoundError(absl::StrCat(
      "there is no zone ", zone, "; `rblctl zone ls` shows those there are"));
}

}  // namespace rbld
