#include "server/file_parts.h"

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "zones/digest.h"

namespace rbld {
namespace {

// Texts by their length, so that two different lists never spell the same.
void Append(absl::string_view text, std::string* out) {
  absl::StrAppend(out, text.size(), ":", text, "\n");
}

// Gathers the files of one zone.
class FileParts {
 public:
  FileParts(const ZoneConfig& zone, const FileView& files, ZoneSpec* spec)
      : zone_(zone), files_(files), spec_(*spec) {}

  void Add() {
    if (zone_.state == ZoneState::kRetired) return;
    bool any = !zone_.datasets.empty();
    for (const SubzoneConfig& subzone : zone_.subzones) {
      any = any || !subzone.datasets.empty();
    }
    if (!any) return;
    if (zone_.kind_from_files) {
      for (ZonePart& part : spec_.parts) {
        part.has_ipv4 = part.has_ipv6 = part.has_names = false;
      }
    }
    AddSources(zone_, "");
    for (const SubzoneConfig& subzone : zone_.subzones) {
      AddSources(subzone, subzone.labels);
    }
    spec_.files_other = Sha256Hex(other_);
    // The configuration's part of this is in the fingerprint.
    std::string all = listings_;
    for (const ZonePart& part : spec_.parts) {
      Append(part.labels, &all);
      absl::StrAppend(&all, part.has_ipv4, part.has_ipv6, part.has_names);
    }
    Append(spec_.files_other, &all);
    spec_.files_digest = Sha256Hex(all);
  }

 private:
  ZonePart& PartOf(const std::string& labels) {
    for (ZonePart& part : spec_.parts) {
      if (part.labels == labels) return part;
    }
    ZonePart& part = spec_.parts.emplace_back();
    part.labels = labels;
    part.has_ipv4 = part.has_ipv6 = part.has_names = false;
    return part;
  }

  void AddSources(const ZoneSources& sources, const std::string& labels) {
    for (const std::string& name : sources.datasets) {
      const auto found = files_.datasets.find(name);
      if (found == files_.datasets.end() || !found->second->usable()) {
        // The zone answers SERVFAIL.
        Append("missing", &other_);
        continue;
      }
      const std::shared_ptr<const FileDataset>& data = found->second->data;
      spec_.files_time =
          std::max(spec_.files_time, static_cast<uint32_t>(data->newest_mtime));
      if (IsAccessList(data->type)) continue;
      const auto instead = sources.dataset_values.find(name);
      const auto list = sources.dataset_lists.find(name);
      AddData(data, labels, zone_.kind_from_files,
              instead == sources.dataset_values.end() ? ListValues()
                                                      : instead->second,
              list == sources.dataset_lists.end() ? "" : list->second);
      for (const FileDataset::Subzone& subzone : data->subzones) {
        for (const size_t section : subzone.sections) {
          AddData(data->sections[section], subzone.labels,
                  !subzone.labels.empty() || zone_.kind_from_files,
                  ListValues(), "");
        }
      }
    }
  }

  void AddData(const std::shared_ptr<const FileDataset>& data,
               const std::string& labels, bool sets_kind,
               const ListValues& instead, const std::string& hidden_by) {
    ZonePart& part = PartOf(labels);
    if (sets_kind) {
      part.has_ipv4 |= IsIpv4Set(data->type);
      part.has_ipv6 |= IsIpv6Set(data->type);
      part.has_names |= IsNameSet(data->type);
    }
    part.files.push_back({std::shared_ptr<const ListIndex>(data, &data->index),
                          data->values, instead, hidden_by});
    Append(labels, &listings_);
    Append(data->digest_hex, &listings_);
    AddRecords(labels, data->records);
  }

  void AddRecords(const std::string& labels,
                  std::vector<GenericRecord> records) {
    const auto key = [](const GenericRecord& record) {
      return std::tie(record.owner, record.type, record.ttl_seconds,
                      record.rdata);
    };
    std::sort(records.begin(), records.end(),
              [&key](const GenericRecord& a, const GenericRecord& b) {
                return key(a) < key(b);
              });
    for (const GenericRecord& record : records) {
      Append(labels, &other_);
      Append(record.owner, &other_);
      absl::StrAppend(&other_, record.type, " ", record.ttl_seconds, " ");
      Append(record.rdata, &other_);
    }
  }

  const ZoneConfig& zone_;
  const FileView& files_;
  ZoneSpec& spec_;
  std::string listings_;
  std::string other_;
};

}  // namespace

void AddFileParts(const Config& config, const FileView& files,
                  std::vector<ZoneSpec>* specs) {
  for (size_t i = 0; i < config.zones.size(); ++i) {
    FileParts(config.zones[i], files, &(*specs)[i]).Add();
  }
}

}  // namespace rbld
