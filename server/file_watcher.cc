#include "server/file_watcher.h"

#include <sys/stat.h>

#include <chrono>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log.h"
#include "zones/rbldnsd/dataset_type.h"

namespace rbld {
namespace {

// How many of the lines that were left out are logged.
constexpr size_t kLoggedLines = 5;

uint64_t RandomSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

double LeftOutPercent(const FileDataset& data) {
  const uint64_t all = data.entries + data.left_out_count;
  return all == 0 ? 0
                  : 100.0 * static_cast<double>(data.left_out_count) /
                        static_cast<double>(all);
}

// `after` says what became of these lines, `more` the same of the rest.
void LogLines(const FileDatasetSpec& spec,
              const std::vector<LeftOutLine>& lines, uint64_t count,
              absl::string_view after, absl::string_view more) {
  for (size_t i = 0; i < lines.size() && i < kLoggedLines; ++i) {
    LogWarning(absl::StrCat(lines[i].ToString(), after));
  }
  if (count > kLoggedLines) {
    LogWarning(
        absl::StrCat("dataset ", spec.name, ": ", count - kLoggedLines, more));
  }
}

void LogLoaded(const FileDatasetSpec& spec, const FileDataset& data) {
  LogLines(spec, data.left_out, data.left_out_count, "; the line is left out",
           " more lines left out");
  LogLines(spec, data.warned, data.warned_count, "", " more warnings");
  LogInfo(absl::StrCat("dataset ", spec.name, ": ", data.entries,
                       " entries loaded from ",
                       absl::StrJoin(spec.files, ", ")));
}

}  // namespace

FileWatcher::FileWatcher(
    const Clock* clock,
    std::function<void(std::shared_ptr<const FileView>)> on_change)
    : clock_(*clock),
      on_change_(std::move(on_change)),
      name_seed_(RandomSeed()) {}

FileWatcher::~FileWatcher() { Stop(); }

std::vector<FileWatcher::Version> FileWatcher::VersionsOf(
    const FileDatasetSpec& spec) {
  std::vector<Version> versions;
  for (const std::string& path : spec.files) {
    Version version;
    struct stat found;
    if (stat(path.c_str(), &found) == 0) {
      version.mtime_ns =
          int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec;
      version.bytes = found.st_size;
      version.inode = found.st_ino;
      version.ctime_ns =
          int64_t{found.st_ctim.tv_sec} * 1'000'000'000 + found.st_ctim.tv_nsec;
    }
    versions.push_back(version);
  }
  return versions;
}

bool FileWatcher::SameButForCtime(std::vector<Version> a,
                                  std::vector<Version> b) {
  for (Version& version : a) version.ctime_ns = 0;
  for (Version& version : b) version.ctime_ns = 0;
  return a == b;
}

absl::Status FileWatcher::Load(Watched* watched, Occasion occasion) {
  // Before it is read: what is written meanwhile makes another version.
  std::vector<Version> versions = VersionsOf(watched->spec);
  // Two looks saw the same, so that nobody is writing.
  const bool settled = versions == watched->versions;
  const bool is_same_but_for_ctime =
      SameButForCtime(versions, watched->versions);
  watched->waiting = false;
  watched->versions = std::move(versions);
  // A look's refusal is no warning to an operator: a reload may be meant for
  // something else.
  const bool insists =
      occasion == Occasion::kAsked && settled && watched->refused_when_asked;
  if (!settled) watched->refused_when_asked = false;
  const ServedDataset* const old = watched->served.get();
  const bool has_good = old != nullptr && old->data != nullptr;
  const bool is_look = occasion == Occasion::kLook && has_good;
  FileDatasetLoadOptions options;
  options.now_seconds = clock_.NowSeconds();
  options.name_seed = name_seed_;
  options.scratch_directory = scratch_directory_;
  options.cut_off_is_error = is_look && !settled && !is_same_but_for_ctime;
  absl::StatusOr<std::shared_ptr<const FileDataset>> loaded =
      LoadFileDataset(watched->spec, options);
  // Nothing is wrong yet.
  if (absl::IsUnavailable(loaded.status())) {
    watched->waiting = true;
    return absl::OkStatus();
  }
  // A backup, a new owner or a new link: the same text is no new version.
  if (loaded.ok() && has_good && is_same_but_for_ctime &&
      watched->last_error.empty() &&
      (*loaded)->text_digest == old->data->text_digest) {
    return absl::OkStatus();
  }
  // A version that was refused to an operator is taken when one asks for it
  // again, unless nothing in it can be used.
  if (loaded.ok() && occasion != Occasion::kFirst && has_good &&
      LeftOutPercent(**loaded) > kMaxLeftOutPercent &&
      LeftOutPercent(**loaded) > LeftOutPercent(*old->data) &&
      !(insists && (*loaded)->entries > 0)) {
    watched->refused_when_asked |= occasion == Occasion::kAsked;
    loaded = absl::FailedPreconditionError(absl::StrCat(
        (*loaded)->left_out.front().ToString(), "; and ",
        (*loaded)->left_out_count - 1, " more lines of ", (*loaded)->lines,
        " are as bad, so that the file seems broken",
        (*loaded)->entries > 0
            ? "; if it is right, reload once more (SIGHUP, `rblctl reload`)"
            : ""));
  }
  if (!loaded.ok()) {
    const std::string error(loaded.status().message());
    // A file that stays broken is said once.
    if (error != watched->last_error) {
      LogError(absl::StrCat("dataset ", watched->spec.name, ": ", error,
                            has_good ? "; the last good data serves on" : ""));
    }
    watched->last_error = error;
    if (watched->failing_since == 0) {
      watched->failing_since = options.now_seconds;
    }
    return absl::Status(
        loaded.status().code(),
        absl::StrCat("dataset ", watched->spec.name, ": ", error));
  }
  watched->last_error.clear();
  watched->failing_since = 0;
  watched->loaded = options.now_seconds;
  LogLoaded(watched->spec, **loaded);
  watched->served = MakeServedDataset(*std::move(loaded),
                                      watched->spec.ttl.default_seconds, old);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const FileView>> FileWatcher::Configure(
    const Config& config) {
  MutexLock load_lock(&load_mutex_);
  scratch_directory_ = config.files_scratch_directory;
  std::map<std::string, Watched> watched;
  for (const DatasetConfig& dataset : config.datasets) {
    const auto known = watched_.find(dataset.spec.name);
    if (known != watched_.end() && known->second.spec == dataset.spec) {
      watched[dataset.spec.name] = known->second;
      continue;
    }
    Watched fresh;
    fresh.spec = dataset.spec;
    const absl::Status status = Load(&fresh, Occasion::kFirst);
    if (!status.ok() && !config.files_may_fail_at_start) return status;
    if (fresh.served == nullptr) {
      fresh.served = std::make_shared<ServedDataset>();
    }
    watched[dataset.spec.name] = std::move(fresh);
  }
  watched_ = std::move(watched);
  ShowStatus();
  MutexLock lock(&mutex_);
  check_seconds_ = config.files_check_seconds;
  wake_.NotifyAll();
  return View();
}

std::shared_ptr<const FileView> FileWatcher::View() const {
  auto view = std::make_shared<FileView>();
  for (const auto& [name, watched] : watched_) {
    view->datasets[name] = watched.served;
  }
  return view;
}

void FileWatcher::ShowStatus() {
  std::vector<DatasetStatus> statuses;
  for (const auto& [name, watched] : watched_) {
    DatasetStatus status;
    status.name = name;
    status.type = std::string(DatasetTypeName(watched.spec.type));
    status.files = watched.spec.files;
    status.loaded = watched.loaded;
    status.expired = watched.served->expired;
    status.last_error = watched.last_error;
    status.failing_since = watched.failing_since;
    if (watched.served->data != nullptr) {
      const FileDataset& data = *watched.served->data;
      status.entries = data.entries;
      status.lines = data.lines;
      status.left_out_lines = data.left_out_count;
      status.warned_lines = data.warned_count;
      status.newest_mtime = data.newest_mtime;
      status.expires = data.specials.expires;
    }
    statuses.push_back(std::move(status));
  }
  MutexLock lock(&mutex_);
  statuses_ = std::move(statuses);
}

std::vector<DatasetStatus> FileWatcher::Status() const {
  MutexLock lock(&mutex_);
  return statuses_;
}

absl::Status FileWatcher::CheckAll(Occasion occasion) {
  absl::Status first;
  bool changed = false;
  const int64_t now_seconds = clock_.NowSeconds();
  for (auto& [name, watched] : watched_) {
    // What could not be loaded is tried again: the cause may be elsewhere.
    if (VersionsOf(watched.spec) != watched.versions ||
        !watched.last_error.empty() || watched.waiting) {
      const auto old = watched.served;
      const absl::Status status = Load(&watched, occasion);
      first.Update(status);
      changed |= watched.served != old;
      ShowStatus();
    }
    const ServedDataset& served = *watched.served;
    if (served.data == nullptr || served.expired) continue;
    const int64_t expires = served.data->specials.expires;
    if (expires != 0 && expires <= now_seconds) {
      LogError(absl::StrCat("dataset ", name,
                            ": the data expired ($TIMESTAMP); its zones "
                            "answer SERVFAIL until new data comes"));
      auto expired = std::make_shared<ServedDataset>(served);
      expired->expired = true;
      watched.served = std::move(expired);
      ShowStatus();
      changed = true;
    }
  }
  if (changed) on_change_(View());
  return first;
}

absl::Status FileWatcher::CheckNow() {
  MutexLock load_lock(&load_mutex_);
  return CheckAll(Occasion::kAsked);
}

void FileWatcher::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void FileWatcher::Loop() {
  while (true) {
    {
      MutexLock lock(&mutex_);
      if (stopping_) return;
      if (check_seconds_ == 0) {
        wake_.Wait(&mutex_);
        continue;
      }
      const bool told = wake_.WaitFor(
          &mutex_, std::chrono::milliseconds(check_seconds_ * 1000));
      if (stopping_) return;
      // Told that the interval is another one.
      if (told) continue;
    }
    // Every error is in the log.
    MutexLock load_lock(&load_mutex_);
    CheckAll(Occasion::kLook).IgnoreError();
  }
}

void FileWatcher::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

}  // namespace rbld
