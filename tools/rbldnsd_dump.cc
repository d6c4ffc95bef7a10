#include "tools/rbldnsd_dump.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/file_util.h"
#include "dns/name.h"
#include "store/publisher.h"
#include "zones/config.h"
#include "zones/dump.h"
#include "zones/missing_files.h"
#include "zones/rbldnsd/file_dataset.h"
#include "zones/rfc1035_text.h"
#include "zones/zone_stream.h"

namespace rbld {
namespace {

constexpr size_t kMaxZoneFileBytes = size_t{1} << 40;

// Datasets of files as the lists of a store that is never written.
class FileStore : public PinnedStore {
 public:
  FileStore(int64_t newest_mtime, const SoaSpecial* soa)
      : serial_(soa != nullptr && soa->serial != 0
                    ? soa->serial
                    : static_cast<uint32_t>(newest_mtime)) {}

  // Returns the name of the list.
  std::string Add(std::shared_ptr<const FileDataset> data) {
    datasets_.push_back(std::move(data));
    return absl::StrCat(datasets_.size() - 1);
  }

  uint64_t sequence() const override { return 0; }
  const std::string& epoch() const override { return epoch_; }
  uint32_t zone_serial(absl::string_view) const override { return serial_; }

  absl::Status ResolveAddresses(absl::string_view list, Family family,
                                const RunSink& sink) const override {
    const FileDataset& data = Data(list);
    if (family == Family::kIpv4) {
      data.index.ipv4->ForEachRun(0, 0xffffffff, [&](const Ipv4Run& run) {
        return sink({family, IpPrefix::FromIpv4(run.first).bytes,
                     IpPrefix::FromIpv4(run.last).bytes,
                     Shared(data, run.values, nullptr)});
      });
      return absl::OkStatus();
    }
    AddressBytes last;
    last.fill(0xff);
    data.index.ipv6->ForEachRun({}, last, [&](const Ipv6Run& run) {
      return sink(
          {family, run.first, run.last, Shared(data, run.values, nullptr)});
    });
    return absl::OkStatus();
  }

  absl::Status ResolveNames(absl::string_view list,
                            const NameSink& sink) const override {
    const FileDataset& data = Data(list);
    for (ResolvedName name : data.names) {
      // `$` is the entry, whatever name is asked for.
      const std::string entry = SubjectOfName(name.reversed_wire);
      name.exact = Shared(data, name.exact, &entry);
      name.below = Shared(data, name.below, &entry);
      if (!sink(name)) break;
    }
    return absl::OkStatus();
  }

  absl::Status ForEachListing(
      absl::string_view,
      const std::function<bool(const Listing&)>&) const override {
    return absl::OkStatus();
  }
  absl::Status ForEachExemption(
      absl::string_view,
      const std::function<bool(const Exemption&)>&) const override {
    return absl::OkStatus();
  }
  const ValueTable& values() const override { return values_; }

 private:
  const FileDataset& Data(absl::string_view list) const {
    return *datasets_[static_cast<size_t>(atoi(std::string(list).c_str()))];
  }

  // The dataset's values in the table of all; `entry` fills in their reasons.
  ValueSetId Shared(const FileDataset& data, ValueSetId id,
                    const std::string* entry) const {
    if (id == kNotListed) return kNotListed;
    ValueSet values = data.values->Get(id).ToSet();
    if (entry != nullptr) {
      for (Value& value : values) {
        value.reason = absl::StrReplaceAll(RenderReason(value.reason, *entry),
                                           {{"$", "$$"}});
      }
    }
    return values_.Intern(values);
  }

  const uint32_t serial_;
  const std::string epoch_;
  std::vector<std::shared_ptr<const FileDataset>> datasets_;
  mutable ValueTable values_;
};

// What is known of one zone, or of one subzone.
struct Part {
  std::vector<std::shared_ptr<const FileDataset>> listings;
  std::vector<GenericRecord> records;

  void Take(std::shared_ptr<const FileDataset> data) {
    records.insert(records.end(), data->records.begin(), data->records.end());
    if (HoldsListings(data->type)) listings.push_back(std::move(data));
  }
};

struct LoadedZone {
  std::map<std::string, Part> parts;  // by the labels of the subzone
  const SoaSpecial* soa = nullptr;
  const NsSpecial* ns = nullptr;
  int64_t newest_mtime = 0;
  std::vector<std::shared_ptr<const FileDataset>> datasets;
};

FileDatasetSpec SpecOf(const FrontOptions& options, const FrontZoneSpec& spec) {
  FileDatasetSpec file_spec;
  file_spec.name = absl::StrCat(DatasetTypeName(spec.type), ":",
                                absl::StrJoin(spec.files, ","));
  file_spec.type = spec.type;
  file_spec.files = spec.files;
  file_spec.ttl = options.ttl;
  file_spec.host_bits = options.host_bits;
  file_spec.decompress = options.decompress;
  return file_spec;
}

// All that is not there, at once.
absl::Status CheckFiles(const FrontOptions& options) {
  std::vector<DatasetConfig> datasets;
  for (const FrontZoneSpec& spec : options.zones) {
    if (IsAccessList(spec.type)) continue;
    datasets.emplace_back().spec = SpecOf(options, spec);
  }
  return FindMissingFiles(datasets, "");
}

absl::StatusOr<LoadedZone> LoadZone(const FrontOptions& options,
                                    const std::string& name,
                                    std::ostream* warnings) {
  LoadedZone zone;
  zone.parts[""];
  for (const FrontZoneSpec& spec : options.zones) {
    if (spec.zone != name || IsAccessList(spec.type)) continue;
    FileDatasetLoadOptions load;
    load.now_seconds = time(nullptr);
    load.keep_names = true;
    absl::StatusOr<std::shared_ptr<const FileDataset>> data =
        LoadFileDataset(SpecOf(options, spec), load);
    if (!data.ok()) return data.status();
    const FileDataset& loaded = **data;
    for (const LeftOutLine& line : loaded.left_out) {
      *warnings << "rbldnsd: " << line.ToString() << "; the line is left out\n";
    }
    if (loaded.left_out_count > loaded.left_out.size()) {
      *warnings << "rbldnsd: " << loaded.name << ": "
                << loaded.left_out_count - loaded.left_out.size()
                << " more lines left out\n";
    }
    if (zone.soa == nullptr && loaded.specials.soa.has_value()) {
      zone.soa = &*loaded.specials.soa;
    }
    if (zone.ns == nullptr && loaded.specials.ns.has_value()) {
      zone.ns = &*loaded.specials.ns;
    }
    zone.newest_mtime = std::max(zone.newest_mtime, loaded.newest_mtime);
    for (const FileDataset::Subzone& subzone : loaded.subzones) {
      for (const size_t section : subzone.sections) {
        zone.parts[subzone.labels].Take(loaded.sections[section]);
      }
    }
    zone.datasets.push_back(*data);
    zone.parts[""].Take(*std::move(data));
  }
  return zone;
}

absl::StatusOr<ZoneConfig> ConfigOf(const FrontOptions& options,
                                    const LoadedZone& zone,
                                    const std::string& name,
                                    const std::string& labels,
                                    FileStore* store) {
  ZoneConfig config;
  const absl::StatusOr<std::string> wire = NameFromText(name);
  if (!wire.ok()) return wire.status();
  config.wire_name = labels + *wire;
  config.name = NameToText(config.wire_name);
  config.name.pop_back();
  config.has_ipv4 = config.has_ipv6 = false;
  config.ttl_seconds = options.ttl.default_seconds;
  config.soa_mname_wire = config.soa_rname_wire = config.wire_name;
  if (zone.soa != nullptr) {
    config.soa_ttl_seconds =
        zone.soa->ttl_seconds != 0 ? zone.soa->ttl_seconds : config.ttl_seconds;
    config.soa_mname_wire = zone.soa->mname_wire;
    config.soa_rname_wire = zone.soa->rname_wire;
    config.refresh_seconds = zone.soa->refresh_seconds;
    config.retry_seconds = zone.soa->retry_seconds;
    config.expire_seconds = zone.soa->expire_seconds;
    config.negative_ttl_seconds = zone.soa->minimum_seconds;
  }
  if (zone.ns != nullptr) {
    config.ns_wire = zone.ns->ns_wire;
    config.ns_ttl_seconds =
        zone.ns->ttl_seconds != 0 ? zone.ns->ttl_seconds : config.ttl_seconds;
  }
  const Part& part = zone.parts.at(labels);
  for (const auto& data : part.listings) {
    config.has_ipv4 |= IsIpv4Set(data->type);
    config.has_ipv6 |= IsIpv6Set(data->type);
    config.has_names |= IsNameSet(data->type);
    config.lists.push_back(store->Add(data));
  }
  for (const GenericRecord& record : part.records) {
    config.records.push_back(
        {record.owner + config.wire_name, record.type,
         record.ttl_seconds != 0 ? record.ttl_seconds : config.ttl_seconds,
         record.rdata});
  }
  return config;
}

// A folder that goes when this does.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    char path[] = "/tmp/rbldnsd-dump-XXXXXX";
    if (mkdtemp(path) != nullptr) path_ = path;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The head of a zone file is the zone's, not a subzone's.
bool IsHead(absl::string_view line) {
  return absl::StartsWith(line, "@ ") && (absl::StrContains(line, " IN SOA ") ||
                                          absl::StrContains(line, " IN NS "));
}

absl::Status DumpPart(const ZoneConfig& config, const FileStore& store,
                      bool is_subzone, std::ostream* out,
                      std::ostream* warnings) {
  const TemporaryFolder folder;
  if (folder.path().empty()) {
    return ErrnoStatus(errno, "/tmp", "making a folder");
  }
  DumpOptions dump;
  dump.directory = folder.path();
  dump.formats = {DumpFormat::kRfc1035};
  const absl::StatusOr<DumpSummary> summary =
      DumpZone(config, store, time(nullptr), dump, [](double) {});
  if (!summary.ok()) {
    return absl::Status(
        summary.status().code(),
        absl::StrCat("zone ", config.name, ": ", summary.status().message()));
  }
  const std::string incomplete = DescribeIncomplete(*summary);
  if (!incomplete.empty()) {
    *warnings << "rbldnsd: zone " << config.name << ": " << incomplete << "\n";
  }
  const absl::StatusOr<std::string> text =
      ReadFile(absl::StrCat(folder.path(), "/", summary->files.front().name),
               kMaxZoneFileBytes);
  if (!text.ok()) return text.status();
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (line.empty() || (is_subzone && IsHead(line))) continue;
    *out << line << "\n";
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status DumpFrontZones(const FrontOptions& options, std::ostream* out,
                            std::ostream* warnings) {
  if (const absl::Status s = CheckFiles(options); !s.ok()) return s;
  std::vector<std::string> done;
  for (const FrontZoneSpec& spec : options.zones) {
    if (spec.zone.empty() ||
        std::find(done.begin(), done.end(), spec.zone) != done.end()) {
      continue;
    }
    done.push_back(spec.zone);
    const absl::StatusOr<LoadedZone> zone =
        LoadZone(options, spec.zone, warnings);
    if (!zone.ok()) return zone.status();
    for (const auto& [labels, part] : zone->parts) {
      FileStore store(zone->newest_mtime, zone->soa);
      const absl::StatusOr<ZoneConfig> config =
          ConfigOf(options, *zone, spec.zone, labels, &store);
      if (!config.ok()) return config.status();
      const absl::Status status =
          DumpPart(*config, store, !labels.empty(), out, warnings);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace rbld
