#include "zones/dump.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file_util.h"
#include "zones/dump_file.h"
#include "zones/dump_writer.h"
#include "zones/duration.h"
#include "zones/json_lines.h"
#include "zones/zone_stream.h"

namespace rbld {
namespace {

constexpr char kManifestName[] = "MANIFEST";
constexpr size_t kMaxManifestBytes = 1 << 20;

// The listings and exemptions of the zone's lists, a file for each list.
absl::Status WriteJsonLines(const ZoneConfig& zone, const PinnedStore& store,
                            DumpFiles* files) {
  for (const std::string& list : zone.lists) {
    const absl::StatusOr<DumpFile*> file = files->New(
        absl::StrCat(zone.name, ".", list, ".jsonl"), DumpFormat::kJsonLines);
    if (!file.ok()) return file.status();
    std::string line;
    const auto append = [&](const auto& record) {
      line.clear();
      AppendJsonLine(record, &line);
      (*file)->Append(line, 1);
      return (*file)->status().ok();
    };
    absl::Status status = store.ForEachListing(
        list, [&](const Listing& listing) { return append(listing); });
    if (!status.ok()) return status;
    status = store.ForEachExemption(
        list, [&](const Exemption& exemption) { return append(exemption); });
    if (!status.ok()) return status;
    if (!(*file)->status().ok()) return (*file)->status();
  }
  return absl::OkStatus();
}

absl::Status WriteFormat(DumpFormat format, const ZoneConfig& zone,
                         const PinnedStore& store, const DumpContext& context) {
  switch (format) {
    case DumpFormat::kJsonLines:
      return WriteJsonLines(zone, store, context.files);
    case DumpFormat::kRfc1035:
      return WriteRfc1035(context);
    default:
      return WriteRbldnsd(format, context);
  }
}

// The names of the files of the dump that stands in the folder now.
std::set<std::string> FilesOfManifest(const std::string& path) {
  std::set<std::string> names;
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxManifestBytes);
  if (!text.ok()) return names;
  const nlohmann::json manifest =
      nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!manifest.is_object() || !manifest.contains("files") ||
      !manifest["files"].is_array()) {
    return names;
  }
  for (const nlohmann::json& file : manifest["files"]) {
    if (!file.is_object() || !file.contains("name") ||
        !file["name"].is_string()) {
      continue;
    }
    const std::string name = file["name"].get<std::string>();
    // A name from a file must not reach outside the folder.
    if (!name.empty() && name[0] != '.' && !absl::StrContains(name, '/')) {
      names.insert(name);
    }
  }
  return names;
}

std::string Manifest(const DumpSummary& summary, const std::string& epoch,
                     int64_t now_seconds,
                     const std::map<DumpFormat, DumpDifferences>& differences) {
  nlohmann::ordered_json manifest;
  manifest["zone"] = summary.zone;
  manifest["serial"] = summary.serial;
  manifest["sequence"] = summary.sequence;
  manifest["epoch"] = epoch;
  manifest["time"] = IsoTime(now_seconds);
  manifest["files"] = nlohmann::ordered_json::array();
  // rbldnsd's arguments, in the order in which the files are to be stacked.
  nlohmann::ordered_json arguments = nlohmann::ordered_json::array();
  for (const DumpedFile& file : summary.files) {
    nlohmann::ordered_json entry;
    entry["name"] = file.name;
    entry["format"] = DumpFormatName(file.format);
    entry["records"] = file.records;
    entry["bytes"] = file.bytes;
    entry["sha256"] = file.sha256_hex;
    manifest["files"].push_back(std::move(entry));
    if (file.format != DumpFormat::kRfc1035 &&
        file.format != DumpFormat::kJsonLines) {
      arguments.push_back(absl::StrCat(
          summary.zone, ":", DumpFormatName(file.format), ":", file.name));
    }
  }
  if (!arguments.empty()) manifest["rbldnsd"] = std::move(arguments);
  nlohmann::ordered_json listed = nlohmann::ordered_json::array();
  for (const auto& [format, of_format] : differences) {
    for (const auto& [what, count] : of_format) {
      nlohmann::ordered_json entry;
      entry["format"] = DumpFormatName(format);
      entry["what"] = what;
      entry["count"] = count;
      listed.push_back(std::move(entry));
    }
  }
  manifest["differences"] = std::move(listed);
  return manifest.dump(1, ' ', false,
                       nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace

absl::StatusOr<DumpSummary> DumpZone(
    const ZoneConfig& zone, const PinnedStore& store, int64_t now_seconds,
    const DumpOptions& options, const std::function<void(double)>& progress) {
  if (options.formats.empty()) {
    return absl::InvalidArgumentError("a dump needs at least one format");
  }
  if (absl::StrContains(zone.name, '/')) {
    return absl::FailedPreconditionError(absl::StrCat(
        zone.name, ": a zone with a slash in its name cannot name files"));
  }
  absl::Status status = CheckDumpable(zone);
  if (status.ok()) status = MakeDirectories(options.directory);
  if (!status.ok()) return status;

  DumpSummary summary;
  summary.zone = zone.name;
  summary.serial = store.zone_serial(zone.name);
  summary.sequence = store.sequence();
  ZoneStream stream(zone, store);
  DumpFiles files(options.directory);
  std::map<DumpFormat, DumpDifferences> differences;
  std::set<DumpFormat> done;
  for (const DumpFormat format : options.formats) {
    if (!done.insert(format).second) continue;
    DumpContext context;
    context.stream = &stream;
    context.files = &files;
    context.serial = summary.serial;
    context.max_expanded_records = options.max_expanded_records;
    context.differences = &differences[format];
    const double before = static_cast<double>(done.size() - 1);
    context.progress = [&](double part) {
      if (progress) {
        progress((before + part) / static_cast<double>(options.formats.size()));
      }
    };
    status = WriteFormat(format, zone, store, context);
    if (!status.ok()) {
      return absl::Status(
          status.code(),
          absl::StrCat("dump of ", zone.name, " as ", DumpFormatName(format),
                       ": ", status.message()));
    }
  }
  summary.manifest_path = absl::StrCat(options.directory, "/", kManifestName);
  std::set<std::string> stale = FilesOfManifest(summary.manifest_path);
  status = files.Commit();
  if (!status.ok()) return status;
  for (const auto& file : files.files()) {
    summary.files.push_back({file->name(), file->format(), file->records(),
                             file->bytes(), file->sha256_hex()});
    stale.erase(file->name());
  }
  status = WriteFileAtomically(
      summary.manifest_path,
      Manifest(summary, store.epoch(), now_seconds, differences));
  if (!status.ok()) return status;
  // Last, what the new MANIFEST no longer names: a server that stacks the
  // files would load old data with them.
  for (const std::string& name : stale) {
    unlink(absl::StrCat(options.directory, "/", name).c_str());
  }
  if (progress) progress(1.0);
  return summary;
}

}  // namespace rbld
