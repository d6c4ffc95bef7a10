// What the publisher wants of a Config.

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
  for (const std::string& dataset : zone.datasets) add("dataset", dataset);
  for (const std::string& list : zone.lists) add("list", list);
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

}  // namespace

std::vector<ListSpec> ListSpecs(const Config& config) {
  std::vector<ListSpec> specs;
  for (const ListConfig& list : config.lists) {
    ListSpec spec{list.name, list.policy, list.default_values};
    for (const ZoneConfig& zone : config.zones) {
      for (const std::string& published : zone.lists) {
        if (published == list.name) {
          AppendNameServers(zone, &spec.policy.never);
        }
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
    spec.lists = zone.lists;
    spec.fingerprint = Fingerprint(zone);
    spec.unix_time_serial = zone.unix_time_serial;
    spec.serial_base = zone.serial_base;
    specs.push_back(std::move(spec));
  }
  return specs;
}

}  // namespace rbld
