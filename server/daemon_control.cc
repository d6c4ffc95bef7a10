// DaemonControl: what the control API asks of Daemon.
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "server/daemon.h"
#include "server/target_answers.h"

namespace rbld {
namespace {

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

}  // namespace

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
  // Whoever may see the files may see what only key holders are told.
  answers.zones = rbld::AnswersAbout(*snapshot, target, clock_.NowSeconds(),
                                     /*with_key=*/lines);
  if (!lines) return answers;
  std::set<std::string> datasets;
  for (const TargetAnswer& zone : answers.zones) {
    for (const TargetAnswer::Origin& origin : zone.from) {
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
