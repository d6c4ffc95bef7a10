// Dumps, reload, backup, and how the daemon is doing.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "control/api_routes.h"
#include "control/metrics.h"
#include "control/query_reader.h"
#include "control/relay_case_json.h"
#include "store/relay/cases.h"
#include "zones/dump.h"
#include "zones/dump_format.h"

namespace rbld {
namespace {

// A body with the keys of an object, or none at all.
absl::StatusOr<Json> BodyOrEmpty(const ApiRequest& request) {
  if (request.body.empty()) return Json::object();
  return ParseJson(request.body);
}

// The daemon's working folder is nobody's guess.
absl::Status CheckFolder(const std::string& directory) {
  if (!absl::StartsWith(directory, "/")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "directory: must be an absolute path, for it is a folder of the "
        "daemon's machine; \"",
        directory.substr(0, 200), "\" is none"));
  }
  for (const char c : directory) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return absl::InvalidArgumentError("directory: holds a control character");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DumpFormat>> ParseFormats(const Json* formats) {
  std::vector<DumpFormat> parsed;
  if (formats == nullptr) return parsed;
  if (!formats->is_array() || formats->empty()) {
    return absl::InvalidArgumentError(
        "formats: must be an array of at least one name");
  }
  for (const Json& name : *formats) {
    if (!name.is_string()) {
      return absl::InvalidArgumentError("formats: must hold strings");
    }
    const absl::StatusOr<DumpFormat> format =
        ParseDumpFormat(name.get<std::string>());
    if (!format.ok()) return format.status();
    if (std::find(parsed.begin(), parsed.end(), *format) == parsed.end()) {
      parsed.push_back(*format);
    }
  }
  return parsed;
}

// What the request leaves open comes from [[dump]] of the configuration.
absl::Status FillFromConfig(const Config& config, const std::string& zone,
                            DumpOptions* options) {
  for (const DumpConfig& dump : config.dumps) {
    if (dump.zone != zone) continue;
    if (options->directory.empty()) {
      // What the configuration says holds as it does on schedule; the reply
      // names a folder that means the same everywhere.
      std::error_code error;
      options->directory =
          std::filesystem::absolute(dump.directory, error).lexically_normal();
      if (error) options->directory = dump.directory;
    }
    if (!options->formats.empty()) continue;
    for (const std::string& name : dump.formats) {
      const absl::StatusOr<DumpFormat> format = ParseDumpFormat(name);
      if (!format.ok()) return format.status();
      options->formats.push_back(*format);
    }
  }
  if (options->directory.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "directory: missing, and the configuration has no dump of ", zone));
  }
  if (options->formats.empty()) {
    return absl::InvalidArgumentError(
        "formats: missing; choose of ip4trie, ip6trie, dnset, rfc1035, jsonl");
  }
  return absl::OkStatus();
}

Json CountersToJson(const DaemonCounters& counters) {
  Json json;
  json["totals"] = Json::object();
  for (const DaemonCounter& counter : counters.totals) {
    json["totals"][counter.name] = counter.value;
  }
  json["zones"] = Json::object();
  for (const ZoneCounters& zone : counters.zones) {
    Json& outcomes = json["zones"][zone.zone];
    outcomes = Json::object();
    for (const ZoneCounters::Outcome& outcome : zone.outcomes) {
      outcomes[outcome.name] = outcome.queries;
    }
  }
  json["keys"] = Json::array();
  for (const KeyCounters& key : counters.keys) {
    Json one;
    one["dataset"] = key.dataset;
    one["name"] = key.name;
    one["queries"] = key.queries;
    one["over_quota"] = key.over_quota;
    one["quota"] = key.quota;
    one["quota_seconds"] = key.quota_seconds;
    one["in_period"] = key.in_period;
    one["last_used"] = TimeToJson(key.last_used);
    one["expires"] = TimeToJson(key.expires);
    json["keys"].push_back(std::move(one));
  }
  return json;
}

Json DatasetToJson(const DatasetStatus& dataset, int64_t now_seconds) {
  Json json;
  json["name"] = dataset.name;
  json["type"] = dataset.type;
  json["files"] = dataset.files;
  json["served"] = dataset.served();
  json["entries"] = dataset.entries;
  json["lines"] = dataset.lines;
  json["left_out_lines"] = dataset.left_out_lines;
  json["warned_lines"] = dataset.warned_lines;
  json["loaded"] = TimeToJson(dataset.loaded);
  json["newest_file"] = TimeToJson(dataset.newest_mtime);
  json["age_seconds"] =
      dataset.newest_mtime == 0
          ? Json(nullptr)
          : Json(std::max<int64_t>(0, now_seconds - dataset.newest_mtime));
  json["expires"] = TimeToJson(dataset.expires);
  json["expired"] = dataset.expired;
  json["last_error"] =
      dataset.last_error.empty() ? Json(nullptr) : Json(dataset.last_error);
  json["failing_since"] = TimeToJson(dataset.failing_since);
  return json;
}

Json StoreToJson(const StoreStats& store) {
  Json json;
  json["sequence"] = store.sequence;
  json["epoch"] = store.epoch;
  json["schema_version"] = store.schema_version;
  json["journal_first_sequence"] = store.journal_first_sequence;
  json["commits"] = store.commits;
  json["changes"] = store.changes;
  json["expired"] = store.expired;
  json["imports"] = store.imports;
  json["index_files_read"] = store.index_files_read;
  json["index_files_written"] = store.index_files_written;
  json["disk_bytes"] = store.disk_bytes;
  json["value_sets"] = store.value_sets;
  return json;
}

}  // namespace

ApiResponse ApiRoutes::PostDumps(ApiRequest& request, const std::string&) {
  const absl::StatusOr<Json> body = BodyOrEmpty(request);
  if (!body.ok()) return ErrorResponse(body.status());
  std::string zone;
  DumpOptions options;
  ObjectReader reader(*body, "");
  reader.Take("zone", &zone);
  reader.Take("directory", &options.directory);
  const Json* format_names = reader.Take("formats");
  if (absl::Status s = reader.Finish(); !s.ok()) return ErrorResponse(s);
  if (zone.empty()) {
    return ErrorResponse(400, "invalid",
                         "zone: missing; GET /v1/zones lists the names");
  }
  absl::StatusOr<std::vector<DumpFormat>> formats = ParseFormats(format_names);
  if (!formats.ok()) return ErrorResponse(formats.status());
  options.formats = *std::move(formats);
  if (!options.directory.empty()) {
    if (absl::Status s = CheckFolder(options.directory); !s.ok()) {
      return ErrorResponse(s);
    }
  }
  if (absl::Status s = FillFromConfig(*daemon_.config(), zone, &options);
      !s.ok()) {
    return ErrorResponse(s);
  }
  auto run = [this, zone, options](
                 const ProgressCallback& progress) -> absl::StatusOr<Json> {
    const absl::StatusOr<DumpSummary> summary =
        daemon_.Dump(zone, options, progress);
    if (!summary.ok()) return summary.status();
    Json json = ToJson(*summary);
    json["directory"] = options.directory;
    return json;
  };
  if (WantsProgress(request)) return ProgressResponse(std::move(run));
  const absl::StatusOr<Json> json = run(nullptr);
  return json.ok() ? JsonResponse(*json) : ErrorResponse(json.status());
}

ApiResponse ApiRoutes::PostReload(ApiRequest& request, const std::string&) {
  const absl::StatusOr<Json> body = BodyOrEmpty(request);
  if (!body.ok()) return ErrorResponse(body.status());
  ObjectReader reader(*body, "");
  if (absl::Status s = reader.Finish(); !s.ok()) return ErrorResponse(s);
  if (absl::Status s = daemon_.Reload(); !s.ok()) return ErrorResponse(s);
  LogInfo(absl::StrCat("configuration reloaded for ", request.peer));
  const std::shared_ptr<const Config> config = daemon_.config();
  Json json;
  json["config"] = config->path;
  json["lists"] = config->lists.size();
  json["zones"] = config->zones.size();
  return JsonResponse(json);
}

ApiResponse ApiRoutes::PostBackup(ApiRequest& request, const std::string&) {
  const absl::StatusOr<Json> body = BodyOrEmpty(request);
  if (!body.ok()) return ErrorResponse(body.status());
  std::string directory;
  ObjectReader reader(*body, "");
  reader.Take("directory", &directory);
  if (absl::Status s = reader.Finish(); !s.ok()) return ErrorResponse(s);
  if (absl::Status s = CheckFolder(directory); !s.ok()) return ErrorResponse(s);
  auto run = [this, directory](
                 const ProgressCallback& progress) -> absl::StatusOr<Json> {
    // The client learns that it began; how far it is nobody knows before it
    // is done.
    if (progress) progress(0);
    if (absl::Status s = publisher_.Backup(directory); !s.ok()) return s;
    Json json;
    json["directory"] = directory;
    json["sequence"] = publisher_.Stats().sequence;
    return json;
  };
  if (WantsProgress(request)) return ProgressResponse(std::move(run));
  const absl::StatusOr<Json> json = run(nullptr);
  return json.ok() ? JsonResponse(*json) : ErrorResponse(json.status());
}

ApiResponse ApiRoutes::GetStatus(ApiRequest& request, const std::string&) {
  QueryReader query(request.query);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  const DaemonStatus status = daemon_.Status();
  const absl::StatusOr<std::vector<ListInfo>> lists = publisher_.Lists();
  if (!lists.ok()) return ErrorResponse(lists.status());
  const std::shared_ptr<const Config> config = daemon_.config();
  Json json;
  json["version"] = status.version;
  json["offline"] = status.offline;
  json["pid"] = status.pid;
  json["started"] = TimeToJson(status.started);
  json["uptime_seconds"] =
      std::max<int64_t>(0, clock_.NowSeconds() - status.started);
  Json& file = json["config"];
  file["path"] = config->path;
  file["loaded"] = TimeToJson(status.config_loaded);
  file["last_reload_error"] = status.last_reload_error.empty()
                                  ? Json(nullptr)
                                  : Json(status.last_reload_error);
  json["listeners"] = status.listeners;
  json["workers"] = status.workers;
  json["tcp_connections"] = status.tcp_connections;
  json["store"] = StoreToJson(publisher_.Stats());
  json["store"]["directory"] = config->store_directory;
  json["zones"] = Json::array();
  for (const ZoneConfig& zone : config->zones) {
    json["zones"].push_back(ZoneToJson(zone, /*whole=*/false));
  }
  json["datasets"] = Json::array();
  for (const DatasetStatus& dataset : status.datasets) {
    json["datasets"].push_back(DatasetToJson(dataset, clock_.NowSeconds()));
  }
  json["lists"] = Json::array();
  for (const ListInfo& list : *lists) {
    Json one;
    one["name"] = list.name;
    one["listings"] = list.listings;
    one["exemptions"] = list.exemptions;
    json["lists"].push_back(std::move(one));
  }
  return JsonResponse(json);
}

ApiResponse ApiRoutes::GetStats(ApiRequest& request, const std::string&) {
  QueryReader query(request.query);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  const DaemonStatus status = daemon_.Status();
  Json json;
  json["time"] = TimeToJson(clock_.NowSeconds());
  json["uptime_seconds"] =
      std::max<int64_t>(0, clock_.NowSeconds() - status.started);
  json["tcp_connections"] = status.tcp_connections;
  json["queries"] = CountersToJson(daemon_.Counters());
  json["store"] = StoreToJson(publisher_.Stats());
  json["relay"] = ToJson(publisher_.relay_cases().Counts());
  return JsonResponse(json);
}

ApiResponse ApiRoutes::GetMetrics(ApiRequest& request, const std::string&) {
  QueryReader query(request.query);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  const absl::StatusOr<std::vector<ListInfo>> lists = publisher_.Lists();
  if (!lists.ok()) return ErrorResponse(lists.status());
  ApiResponse response;
  response.content_type = kMetricsContentType;
  response.body =
      MetricsText(daemon_.Status(), daemon_.Counters(), publisher_.Stats(),
                  publisher_.relay_cases().Counts(), *publisher_.view(), *lists,
                  clock_.NowSeconds());
  return response;
}

}  // namespace rbld
