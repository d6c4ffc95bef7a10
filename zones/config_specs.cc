// What the publisher wants of a Config.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "zones/config.h"
#include "zones/digest.h"

namespace rbld {
namespace {

// Every field by name, so that two configurations with different answers never
// spell the same text.
std::string Fingerprint(const ZoneConfig& zone) {
  std::string text;
  const auto add = [&text](absl::string_view name, absl::string_view value) {
    absl::StrAppend(&text, name, "=", value.size(), ":", value, "\n");
  };
  const auto add_number = [&add](absl::string_view name, uint64_t value) {
    add(name, absl::StrCat(value));
  };
  add("name", zone.name);
  add_number("ipv4", zone.has_ipv4);
  add_number("ipv6", zone.has_ipv6);
  add_number("names", zone.has_names);
  add_number("retired", zone.state == ZoneState::kRetired);
  add_number("kind_from_files", zone.kind_from_files);
  add_number("ipv4_in_ipv6", zone.ipv4_in_ipv6);
  add_number("metadata_from_files", zone.metadata_from_files);
  add_number("ns_in_answers", zone.ns_in_answers);
  const auto add_value = [&](absl::string_view name,
                             const std::optional<Value>& value) {
    if (!value.has_value()) return;
    add_number(name, value->code);
    add(name, value->reason);
  };
  const auto add_sources = [&](const ZoneSources& sources) {
    for (const std::string& dataset : sources.datasets) add("dataset", dataset);
    for (const std::string& list : sources.lists) add("list", list);
    for (const auto& [list, values] : sources.list_values) {
      add("values_of", list);
      add_number("code", values.code);
      if (values.reason.has_value()) add("reason", *values.reason);
    }
  };
  add_sources(zone);
  for (const SubzoneConfig& subzone : zone.subzones) {
    add("subzone", subzone.labels);
    add_sources(subzone);
  }
  add_number("bitmask", zone.combining == Combining::kBitMask);
  add_value("wrong_kind", zone.wrong_kind);
  add_value("mistyped", zone.mistyped);
  add_number("ttl", zone.ttl_seconds);
  add_number("negative_ttl", zone.negative_ttl_seconds);
  add_number("soa_ttl", zone.soa_ttl_seconds);
  add_number("refresh", zone.refresh_seconds);
  add_number("retry", zone.retry_seconds);
  add_number("expire", zone.expire_seconds);
  add("mname", zone.soa_mname_wire);
  add("rname", zone.soa_rname_wire);
  add_number("ns_ttl", zone.ns_ttl_seconds);
  for (const std::string& ns : zone.ns_wire) add("ns", ns);
  for (const StaticRecord& record : zone.records) {
    add("owner", record.owner_wire);
    add_number("type", record.type);
    add_number("record_ttl", record.ttl_seconds);
    add("rdata", record.rdata);
  }
  add_number("test_code", zone.test_code);
  add("test_reason", zone.test_reason);
  return Sha256Hex(text);
}

// The addresses that the zone gives its own name servers, which a list that it
// publishes must never list: clients of the list would refuse to talk to it.
void AppendNameServers(const ZoneConfig& zone, std::vector<Target>* never) {
  for (const StaticRecord& record : zone.records) {
    bool is_server = record.owner_wire == zone.soa_mname_wire;
    for (const std::string& ns : zone.ns_wire) {
      is_server |= record.owner_wire == ns;
    }
    if (!is_server) continue;
    AddressBytes address = {};
    if (record.type == 1 && record.rdata.size() == 4) {
      std::copy(record.rdata.begin(), record.rdata.end(), address.begin());
      never->push_back(
          Target::OfPrefix(IpPrefix::Make(Family::kIpv4, address, 32)));
    } else if (record.type == 28 && record.rdata.size() == 16) {
      std::copy(record.rdata.begin(), record.rdata.end(), address.begin());
      never->push_back(
          Target::OfPrefix(IpPrefix::Make(Family::kIpv6, address, 128)));
    }
  }
}

ZonePart PartOf(const ZoneConfig& zone, const ZoneSources& sources,
                const std::string& labels) {
  ZonePart part;
  part.labels = labels;
  // What kinds the files have is not known here.
  part.has_ipv4 = zone.has_ipv4 || zone.kind_from_files;
  part.has_ipv6 = zone.has_ipv6 || zone.kind_from_files;
  part.has_names = zone.has_names || zone.kind_from_files;
  for (const std::string& list : sources.lists) {
    const auto instead = sources.list_values.find(list);
    part.lists.push_back({list, instead == sources.list_values.end()
                                    ? ListValues()
                                    : instead->second});
  }
  return part;
}

}  // namespace

bool IsPublished(const Config& config, const std::string& list,
                 TargetKind kind) {
  const auto has_kind = [kind](const ZoneConfig& zone) {
    if (zone.kind_from_files) return true;
    switch (kind) {
      case TargetKind::kIpv4:
        return zone.has_ipv4;
      case TargetKind::kIpv6:
        return zone.has_ipv6;
      case TargetKind::kName:
        return zone.has_names;
    }
    return false;
  };
  for (const ZoneConfig& zone : config.zones) {
    if (zone.state == ZoneState::kRetired || !has_kind(zone)) continue;
    const std::vector<std::string> lists = PublishedLists(zone);
    if (std::find(lists.begin(), lists.end(), list) != lists.end()) return true;
  }
  return false;
}

std::vector<std::string> WatchedDatasets(const Config& config,
                                         const std::string& list) {
  std::vector<std::string> names;
  for (const DatasetConfig& dataset : config.datasets) {
    if (IsAccessList(dataset.spec.type)) continue;
    if (list.empty() || std::find(dataset.lists.begin(), dataset.lists.end(),
                                  list) != dataset.lists.end()) {
      names.push_back(dataset.spec.name);
    }
  }
  return names;
}

std::vector<std::string> PublishedLists(const ZoneConfig& zone) {
  std::vector<std::string> lists = zone.lists;
  for (const SubzoneConfig& subzone : zone.subzones) {
    for (const std::string& list : subzone.lists) {
      if (std::find(lists.begin(), lists.end(), list) == lists.end()) {
        lists.push_back(list);
      }
    }
  }
  return lists;
}

std::vector<ListSpec> ListSpecs(const Config& config) {
  std::vector<ListSpec> specs;
  for (const ListConfig& list : config.lists) {
    ListSpec spec{list.name, list.policy, list.default_values};
    for (const DatasetConfig& dataset : config.datasets) {
      spec.beside_files |= std::find(dataset.lists.begin(), dataset.lists.end(),
                                     list.name) != dataset.lists.end();
    }
    for (const ZoneConfig& zone : config.zones) {
      const std::vector<std::string> published = PublishedLists(zone);
      if (std::find(published.begin(), published.end(), list.name) !=
          published.end()) {
        AppendNameServers(zone, &spec.policy.never);
      }
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

std::vector<ZoneSpec> ZoneSpecs(const Config& config) {
  std::vector<ZoneSpec> specs;
  for (const ZoneConfig& zone : config.zones) {
    ZoneSpec spec;
    spec.name = zone.name;
    spec.fingerprint = Fingerprint(zone);
    spec.rules.bit_mask = zone.combining == Combining::kBitMask;
    spec.rules.ttl_seconds = zone.ttl_seconds;
    spec.rules.test_code = zone.test_code;
    spec.rules.test_reason = zone.test_reason;
    // RFC 6471 §3.4: a retired zone lists nothing, whatever its lists hold.
    if (zone.state != ZoneState::kRetired) {
      spec.parts.push_back(PartOf(zone, zone, ""));
      for (const SubzoneConfig& subzone : zone.subzones) {
        spec.parts.push_back(PartOf(zone, subzone, subzone.labels));
      }
    }
    spec.unix_time_serial = zone.unix_time_serial;
    spec.serial_base = zone.serial_base;
    specs.push_back(std::move(spec));
  }
  return specs;
}

RelaySettings RelaySettingsOf(const Config& config) {
  return config.relay.has_value() ? config.relay->settings : RelaySettings();
}

}  // namespace rbld
