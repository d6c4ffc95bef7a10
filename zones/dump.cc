#include "zones/dump.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
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

// Adds the strings of `names` that name a file of the folder. `key`: they are
// objects, and the names are there.
void AddFileNames(const nlohmann::json& names, const char* key,
                  std::set<std::string>* out) {
  if (!names.is_array()) return;
  for (const nlohmann::json& entry : names) {
    if (key != nullptr && (!entry.is_object() || !entry.contains(key)))
      continue;
    const nlohmann::json& text = key != nullptr ? entry[key] : entry;
    if (!text.is_string()) continue;
    const std::string name = text.get<std::string>();
    // A name from a file must not reach outside the folder.
    if (!name.empty() && name[0] != '.' && !absl::StrContains(name, '/')) {
      out->insert(name);
    }
  }
}

// The names of the files of earlier dumps that are in the folder now: the last
// one's, and those it kept.
std::set<std::string> FilesOfManifest(const std::string& path) {
  std::set<std::string> names;
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxManifestBytes);
  if (!text.ok()) return names;
  const nlohmann::json manifest =
      nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!manifest.is_object()) return names;
  if (manifest.contains("files")) {
    AddFileNames(manifest["files"], "name", &names);
  }
  if (!manifest.contains("refused") || !manifest["refused"].is_array()) {
    return names;
  }
  for (const nlohmann::json& refused : manifest["refused"]) {
    if (refused.is_object() && refused.contains("kept")) {
      AddFileNames(refused["kept"], nullptr, &names);
    }
  }
  return names;
}

// Is `name` a file that a dump of `zone` in `format` writes?
bool IsFileOf(absl::string_view name, const std::string& zone,
              DumpFormat format) {
  if (!absl::ConsumePrefix(&name, absl::StrCat(zone, "."))) return false;
  switch (format) {
    case DumpFormat::kRfc1035:
      return name == "zone";
    case DumpFormat::kJsonLines:
      return absl::EndsWith(name, ".jsonl");
    default:
      return absl::ConsumePrefix(&name, DumpFormatName(format)) &&
             (name.empty() || name[0] == '.');
  }
}

// The files that the formats from `next` on need at least.
size_t FilesNeeded(const std::vector<DumpFormat>& formats, size_t next,
                   const ZoneConfig& zone) {
  size_t files = 0;
  for (; next < formats.size(); ++next) {
    files += formats[next] == DumpFormat::kJsonLines ? zone.lists.size() : 1;
  }
  return files;
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
    entry["left_out"] = file.left_out;
    if (!file.left_out_examples.empty()) {
      entry["left_out_examples"] = file.left_out_examples;
    }
    manifest["files"].push_back(std::move(entry));
    if (file.format != DumpFormat::kRfc1035 &&
        file.format != DumpFormat::kJsonLines) {
      arguments.push_back(absl::StrCat(
          summary.zone, ":", DumpFormatName(file.format), ":", file.name));
    }
  }
  if (!arguments.empty()) manifest["rbldnsd"] = std::move(arguments);
  manifest["refused"] = nlohmann::ordered_json::array();
  for (const RefusedFormat& refused : summary.refused) {
    nlohmann::ordered_json entry;
    entry["format"] = DumpFormatName(refused.format);
    entry["reason"] = refused.reason;
    entry["kept"] = refused.kept;
    manifest["refused"].push_back(std::move(entry));
  }
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

// Writes all formats aside. Refused ones have no files.
absl::Status WriteFormats(const ZoneConfig& zone, const PinnedStore& store,
                          const DumpOptions& options,
                          const std::function<void(double)>& progress,
                          std::map<DumpFormat, DumpDifferences>* differences,
                          DumpFiles* files, DumpSummary* summary) {
  std::vector<DumpFormat> formats;
  for (const DumpFormat format : options.formats) {
    if (std::find(formats.begin(), formats.end(), format) == formats.end()) {
      formats.push_back(format);
    }
  }
  ZoneStream stream(zone, store);
  for (size_t i = 0; i < formats.size(); ++i) {
    const DumpFormat format = formats[i];
    DumpContext context;
    context.stream = &stream;
    context.files = files;
    context.serial = summary->serial;
    context.max_expanded_records = options.max_expanded_records;
    const size_t taken =
        files->files().size() + FilesNeeded(formats, i + 1, zone);
    context.max_files =
        taken < DumpFiles::kMaxFiles ? DumpFiles::kMaxFiles - taken : 1;
    context.differences = &(*differences)[format];
    context.progress = [&](double part) {
      if (progress) {
        progress((static_cast<double>(i) + part) /
                 static_cast<double>(formats.size()));
      }
    };
    const absl::Status status = WriteFormat(format, zone, store, context);
    if (status.ok()) continue;
    if (!absl::IsFailedPrecondition(status)) {
      return absl::Status(
          status.code(),
          absl::StrCat("dump of ", zone.name, " as ", DumpFormatName(format),
                       ": ", status.message()));
    }
    files->Drop(format);
    differences->erase(format);
    summary->refused.push_back({format, std::string(status.message()), {}});
  }
  if (summary->refused.size() < formats.size()) return absl::OkStatus();
  const RefusedFormat& first = summary->refused.front();
  return absl::FailedPreconditionError(
      absl::StrCat("dump of ", zone.name, " as ", DumpFormatName(first.format),
                   ": ", first.reason));
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
  DumpFiles files(options.directory);
  std::map<DumpFormat, DumpDifferences> differences;
  status = WriteFormats(zone, store, options, progress, &differences, &files,
                        &summary);
  if (!status.ok()) return status;
  summary.manifest_path = absl::StrCat(options.directory, "/", kManifestName);
  std::set<std::string> stale = FilesOfManifest(summary.manifest_path);
  status = files.Commit();
  if (!status.ok()) return status;
  for (const auto& file : files.files()) {
    summary.files.push_back({file->name(), file->format(), file->records(),
                             file->bytes(), file->sha256_hex(),
                             file->left_out(), file->examples()});
    stale.erase(file->name());
  }
  // A mirror is better off with old data than with none, or with too much.
  for (RefusedFormat& refused : summary.refused) {
    for (auto name = stale.begin(); name != stale.end();) {
      if (IsFileOf(*name, zone.name, refused.format)) {
        refused.kept.push_back(*name);
        name = stale.erase(name);
      } else {
        ++name;
      }
    }
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

std::string DescribeIncomplete(const DumpSummary& summary) {
  std::vector<std::string> parts;
  for (const DumpedFile& file : summary.files) {
    if (file.left_out == 0) continue;
    parts.push_back(absl::StrCat(
        file.left_out, file.left_out == 1 ? " listing" : " listings",
        " left out of ", file.name, " (",
        absl::StrJoin(file.left_out_examples, "; "),
        file.left_out > file.left_out_examples.size() ? "; …" : "", ")"));
  }
  for (const RefusedFormat& refused : summary.refused) {
    parts.push_back(absl::StrCat(
        DumpFormatName(refused.format), " is refused: ", refused.reason,
        refused.kept.empty()
            ? ""
            : absl::StrCat("; the older ", absl::StrJoin(refused.kept, ", "),
                           refused.kept.size() == 1 ? " stays" : " stay")));
  }
  return absl::StrJoin(parts, "; ");
}

}  // namespace rbld
