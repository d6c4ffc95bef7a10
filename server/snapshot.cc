#include "server/snapshot.h"

#include <algorithm>
#include <utility>

#include "absl/strings/string_view.h"
#include "dns/constants.h"
#include "dns/name.h"
#include "dns/response_writer.h"

namespace rbld {
namespace {

constexpr uint16_t kNs = static_cast<uint16_t>(RrType::kNs);
constexpr uint16_t kSoa = static_cast<uint16_t>(RrType::kSoa);

// The SOA record's content, of the configuration or of a file.
SoaSpecial SoaOf(const ZoneConfig& config) {
  SoaSpecial soa;
  soa.ttl_seconds = config.soa_ttl_seconds;
  soa.mname_wire = config.soa_mname_wire;
  soa.rname_wire = config.soa_rname_wire;
  soa.refresh_seconds = config.refresh_seconds;
  soa.retry_seconds = config.retry_seconds;
  soa.expire_seconds = config.expire_seconds;
  soa.minimum_seconds = config.negative_ttl_seconds;
  return soa;
}

// RFC 1035 §3.3.13.
std::string SoaRdata(const SoaSpecial& soa, uint32_t serial) {
  std::string rdata = soa.mname_wire + soa.rname_wire;
  for (const uint32_t number : {serial, soa.refresh_seconds, soa.retry_seconds,
                                soa.expire_seconds, soa.minimum_seconds}) {
    uint8_t bytes[4];
    WriteU32(bytes, number);
    rdata.append(reinterpret_cast<const char*>(bytes), sizeof(bytes));
  }
  return rdata;
}

// Of whole labels without the root's byte.
int CountLabelsOf(absl::string_view labels) {
  int count = 0;
  for (; !labels.empty(); ++count) {
    labels.remove_prefix(size_t{1} + static_cast<uint8_t>(labels[0]));
  }
  return count;
}

// What `values` means in a zone.
struct Meaning {
  const ValueTable* values = nullptr;
  const ListValues* instead = nullptr;
  bool conditional = false;
  bool subject_is_entry = false;
  const ExemptionIndex* exemptions = nullptr;
};

// Adds what `index` has to what the sources' kind lets be asked for.
void AddIndex(const ListIndex& index, const Meaning& meaning,
              ServedSources* sources) {
  static constexpr AddressBytes kFirst = {};
  AddressBytes last;
  last.fill(0xff);
  if (sources->has_ipv4 && index.ipv4->AnyWithin(0, 0xffffffff)) {
    sources->ipv4.push_back({index.ipv4.get(), meaning.values, meaning.instead,
                             meaning.conditional, meaning.exemptions});
  }
  if (sources->has_ipv6 && index.ipv6->AnyWithin(kFirst, last)) {
    sources->ipv6.push_back({index.ipv6.get(), meaning.values, meaning.instead,
                             meaning.conditional, meaning.exemptions});
  }
  if (sources->has_names && index.names->node_count() > 0) {
    sources->names.push_back(
        {{index.names.get(), meaning.values, meaning.instead,
          meaning.conditional, meaning.exemptions},
         meaning.subject_is_entry});
  }
}

void AddDataset(const FileDataset& data, const NodeMap& nodes,
                const ListValues* instead, const ExemptionIndex* exemptions,
                bool kind_from_files, ServedSources* sources) {
  if (kind_from_files) {
    sources->has_ipv4 |= IsIpv4Set(data.type);
    sources->has_ipv6 |= IsIpv6Set(data.type);
    sources->has_names |= IsNameSet(data.type);
  }
  AddIndex(data.index,
           {data.values.get(), instead, data.conditional,
            /*subject_is_entry=*/true, exemptions},
           sources);
  if (!nodes.empty()) sources->nodes.push_back(&nodes);
}

template <typename Map>
const typename Map::mapped_type* FindOrNull(const Map& map,
                                            const std::string& name) {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : &found->second;
}

// The sources of a subzone, which are made when they are missing.
ServedSources* SubzoneOf(const std::string& labels, ServedZone* served) {
  const auto [found, fresh] = served->subzones.try_emplace(labels);
  if (fresh) {
    found->second.ipv4_in_ipv6 = served->zone->config.ipv4_in_ipv6;
    served->max_subzone_labels =
        std::max(served->max_subzone_labels, CountLabelsOf(labels));
    AddNodesAbove(labels, &served->subzone_parents);
  }
  return &found->second;
}

void SetKind(const ZoneConfig& config, ServedSources* sources) {
  sources->ipv4_in_ipv6 = config.ipv4_in_ipv6;
  if (config.kind_from_files) return;
  sources->has_ipv4 = config.has_ipv4;
  sources->has_ipv6 = config.has_ipv6;
  sources->has_names = config.has_names;
}

// A combined dataset's sections belong to the zone and to its subzones.
void AddSections(const ServedDataset& dataset, ServedZone* served) {
  for (const FileDataset::Subzone& subzone : dataset.data->subzones) {
    const bool is_base = subzone.labels.empty();
    ServedSources* const sources =
        is_base ? &served->sources : SubzoneOf(subzone.labels, served);
    for (const size_t section : subzone.sections) {
      AddDataset(*dataset.data->sections[section],
                 dataset.section_nodes[section], nullptr, nullptr,
                 !is_base || served->zone->config.kind_from_files, sources);
    }
  }
}

}  // namespace

std::shared_ptr<const Snapshot> Snapshot::Build(
    std::shared_ptr<const ZoneTable> zones,
    std::shared_ptr<const StoreView> view,
    std::shared_ptr<const FileView> files) {
  if (files == nullptr) files = std::make_shared<FileView>();
  return std::shared_ptr<const Snapshot>(
      new Snapshot(std::move(zones), std::move(view), std::move(files)));
}

Snapshot::Snapshot(std::shared_ptr<const ZoneTable> table,
                   std::shared_ptr<const StoreView> view,
                   std::shared_ptr<const FileView> files)
    : table_(std::move(table)),
      view_(std::move(view)),
      files_(std::move(files)) {
  zones_.resize(table_->zones().size());
  for (size_t i = 0; i < zones_.size(); ++i) {
    const Zone& zone = table_->zones()[i];
    zones_[i].zone = &zone;
    if (zone.parent >= 0) {
      zones_[i].parent = &zones_[static_cast<size_t>(zone.parent)];
    }
    AddSources(&zones_[i]);
    AddMetadata(&zones_[i]);
  }
  quick_zones_.Build(zones_);
}

void Snapshot::AddSources(ServedZone* served) const {
  const ZoneConfig& config = served->zone->config;
  ServedSources& sources = served->sources;
  const NodeMap& nodes = served->zone->nodes;
  if (nodes.size() > 1 || !nodes.begin()->second.rrsets.empty()) {
    sources.nodes.push_back(&nodes);
  }
  // RFC 6471 §3.4: a list that has ended lists nothing, not even its test
  // entries.
  if (config.state == ZoneState::kRetired) return;
  if (served->zone->access != nullptr) {
    served->access_lists.push_back(served->zone->access.get());
  }
  SetKind(config, &sources);
  AddListed(config, served, &sources);
  for (const SubzoneConfig& subzone : config.subzones) {
    ServedSources* const below = SubzoneOf(subzone.labels, served);
    SetKind(config, below);
    AddListed(subzone, served, below);
  }
  served->has_places = !served->subzones.empty() || !served->keys.empty();
}

// What hides entries of a dataset: the exemptions of its list.
const ExemptionIndex* Snapshot::ExemptionsOf(const ZoneSources& sources,
                                             const std::string& dataset) const {
  const std::string* const list = FindOrNull(sources.dataset_lists, dataset);
  if (list == nullptr) return nullptr;
  const auto index = view_->lists.find(*list);
  return index == view_->lists.end() ? nullptr
                                     : index->second->exemptions.get();
}

// What a zone or a subzone publishes.
void Snapshot::AddListed(const ZoneSources& sources, ServedZone* served,
                         ServedSources* out) const {
  for (const std::string& name : sources.datasets) {
    const auto found = files_->datasets.find(name);
    if (found == files_->datasets.end() || !found->second->usable()) {
      served->failed = true;
      continue;
    }
    const ServedDataset& dataset = *found->second;
    if (dataset.data->type == DatasetType::kAcl) {
      served->access_lists.push_back(dataset.data.get());
      continue;
    }
    if (dataset.keys != nullptr) {
      served->keys.push_back(dataset.keys.get());
      continue;
    }
    AddDataset(
        *dataset.data, dataset.nodes, FindOrNull(sources.dataset_values, name),
        ExemptionsOf(sources, name), served->zone->config.kind_from_files, out);
    AddSections(dataset, served);
  }
  for (const std::string& name : sources.lists) {
    const auto list = view_->lists.find(name);
    if (list == view_->lists.end()) continue;
    AddIndex(*list->second,
             {view_->values.get(), FindOrNull(sources.list_values, name)}, out);
  }
}

void Snapshot::AddMetadata(ServedZone* served) const {
  const ZoneConfig& config = served->zone->config;
  SoaSpecial soa = SoaOf(config);
  const NsSpecial* ns = nullptr;
  const auto serial = view_->zone_serials.find(config.name);
  served->serial =
      serial != view_->zone_serials.end() ? serial->second : config.serial_base;
  bool has_soa = false;
  int64_t newest_mtime = 0;
  std::vector<std::string> datasets = config.datasets;
  for (const SubzoneConfig& subzone : config.subzones) {
    datasets.insert(datasets.end(), subzone.datasets.begin(),
                    subzone.datasets.end());
  }
  for (const std::string& name : datasets) {
    const auto found = files_->datasets.find(name);
    if (found == files_->datasets.end() || !found->second->usable()) continue;
    const FileDataset& data = *found->second->data;
    newest_mtime = std::max(newest_mtime, data.newest_mtime);
    if (!config.metadata_from_files) continue;
    if (!has_soa && data.specials.soa.has_value()) {
      has_soa = true;
      soa = *data.specials.soa;
      if (soa.ttl_seconds == 0) soa.ttl_seconds = config.ttl_seconds;
    }
    if (ns == nullptr && data.specials.ns.has_value()) ns = &*data.specials.ns;
  }
  if (config.metadata_from_files) {
    served->serial =
        soa.serial != 0 ? soa.serial : static_cast<uint32_t>(newest_mtime);
  } else if (serial == view_->zone_serials.end()) {
    // Without a store nobody remembers serials, and new files are new content;
    // the configuration sees to it that both are times.
    served->serial =
        std::max(served->serial, static_cast<uint32_t>(newest_mtime));
  }
  const std::string rdata = SoaRdata(soa, served->serial);
  AppendRecord(kSoa, soa.ttl_seconds, rdata, &served->soa_block);
  // RFC 2308 §3: a negative answer's SOA carries the lesser of its own TTL
  // and its MINIMUM field.
  std::string negative;
  AppendRecord(kSoa, std::min(soa.ttl_seconds, soa.minimum_seconds), rdata,
               &negative);
  served->negative_soa_tail = negative.substr(2);

  StaticNode node;
  const std::vector<std::string>& targets =
      ns != nullptr ? ns->ns_wire : config.ns_wire;
  uint32_t ttl_seconds =
      ns != nullptr ? ns->ttl_seconds : config.ns_ttl_seconds;
  if (ns != nullptr && ttl_seconds == 0) ttl_seconds = config.ttl_seconds;
  for (const std::string& target : targets) {
    AddStaticRecord(kNs, ttl_seconds, target, &node);
    std::string record;
    AppendRecord(kNs, ttl_seconds, target, &record);
    served->ns_tails.push_back(record.substr(2));
  }
  if (!node.rrsets.empty()) served->ns = std::move(node.rrsets.front());
}

}  // namespace rbld
