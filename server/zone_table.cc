#include "server/zone_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dns/constants.h"
#include "dns/name.h"
#include "dns/response_writer.h"

namespace rbld {
namespace {

// Everything behind the first label.
absl::string_view ParentOf(absl::string_view wire_name) {
  return wire_name.substr(size_t{1} + static_cast<uint8_t>(wire_name[0]));
}

void AddRecord(uint16_t type, uint32_t ttl_seconds, absl::string_view rdata,
               StaticNode* node) {
  for (StaticRrset& rrset : node->rrsets) {
    if (rrset.type != type) continue;
    AppendRecord(type, ttl_seconds, rdata, &rrset.block);
    ++rrset.records;
    rrset.ttl_seconds = std::min(rrset.ttl_seconds, ttl_seconds);
    return;
  }
  StaticRrset rrset;
  rrset.type = type;
  rrset.ttl_seconds = ttl_seconds;
  rrset.records = 1;
  AppendRecord(type, ttl_seconds, rdata, &rrset.block);
  node->rrsets.push_back(std::move(rrset));
}

// RFC 2181 §5.2: the records of a set have one TTL.
void LevelTtls(StaticNode* node) {
  for (StaticRrset& rrset : node->rrsets) {
    uint8_t* const bytes = reinterpret_cast<uint8_t*>(rrset.block.data());
    size_t at = 0;
    while (at < rrset.block.size()) {
      WriteU32(bytes + at + 6, rrset.ttl_seconds);
      at += size_t{kRecordHeadBytes} + ReadU16(bytes + at + 10);
    }
  }
}

// Makes nodes of the names between `wire_name` and the zone's apex.
void AddNodesAbove(absl::string_view wire_name, Zone* zone) {
  for (absl::string_view name = ParentOf(wire_name);
       name.size() > zone->config.wire_name.size(); name = ParentOf(name)) {
    zone->below.try_emplace(std::string(name));
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ZoneTable>> ZoneTable::Build(
    const std::vector<ZoneConfig>& zones,
    const std::function<int(const std::string&)>& counter_slot) {
  auto table = std::make_shared<ZoneTable>();
  table->zones_.reserve(zones.size());
  for (const ZoneConfig& config : zones) {
    absl::Status status = table->Add(config, counter_slot(config.name));
    if (!status.ok()) return status;
  }
  table->LinkParents();
  return std::shared_ptr<const ZoneTable>(std::move(table));
}

absl::Status ZoneTable::Add(const ZoneConfig& config, int slot) {
  const auto error = [&config](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("zone ", config.name, ": ", what));
  };
  const std::string& wire = config.wire_name;
  if (WireNameBytes(reinterpret_cast<const uint8_t*>(wire.data()),
                    wire.size()) != static_cast<int>(wire.size())) {
    return error("its wire name is malformed");
  }
  if (config.lists.size() > kMaxListsPerZone) {
    return error(absl::StrCat("it publishes ", config.lists.size(),
                              " lists, and the most is ", kMaxListsPerZone,
                              "; put some of them into a zone of their own"));
  }
  const int number = static_cast<int>(zones_.size());
  if (!by_name_.emplace(wire, number).second) {
    return error("there are two zones of this name; remove one");
  }
  Zone zone;
  zone.config = config;
  zone.label_count = LabelCount(wire);
  zone.counter_slot = slot;
  for (const std::string& target : config.ns_wire) {
    AddRecord(static_cast<uint16_t>(RrType::kNs), config.ns_ttl_seconds, target,
              &zone.apex);
  }
  for (const StaticRecord& record : config.records) {
    if (!NameEndsIn(record.owner_wire, wire)) {
      return error(absl::StrCat("the static record of ",
                                NameToText(record.owner_wire),
                                " is not inside the zone"));
    }
    if (record.owner_wire == wire) {
      AddRecord(record.type, record.ttl_seconds, record.rdata, &zone.apex);
      continue;
    }
    AddRecord(record.type, record.ttl_seconds, record.rdata,
              &zone.below[record.owner_wire]);
    AddNodesAbove(record.owner_wire, &zone);
  }
  LevelTtls(&zone.apex);
  for (auto& [name, node] : zone.below) LevelTtls(&node);
  min_labels_ = std::min(min_labels_, zone.label_count);
  max_labels_ = std::max(max_labels_, zone.label_count);
  depths_[zone.label_count >> 6] |= uint64_t{1} << (zone.label_count & 63);
  zones_.push_back(std::move(zone));
  return absl::OkStatus();
}

// A zone of ours below another of ours is a name in that one, and so are the
// names between them: without that the upper zone would deny them, and
// resolvers that minimise names would never come to the lower one (RFC 8020).
void ZoneTable::LinkParents() {
  for (Zone& zone : zones_) {
    absl::string_view name = zone.config.wire_name;
    while (name.size() > 1) {
      name = ParentOf(name);
      const auto found = by_name_.find(name);
      if (found == by_name_.end()) continue;
      zone.parent = found->second;
      Zone& parent = zones_[static_cast<size_t>(zone.parent)];
      parent.below.try_emplace(zone.config.wire_name);
      AddNodesAbove(zone.config.wire_name, &parent);
      break;
    }
  }
}

}  // namespace rbld
