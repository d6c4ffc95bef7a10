#include "server/zone_table.h"

#include <string.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "dns/constants.h"
#include "dns/name.h"
#include "dns/response_writer.h"
#include "dns/reversed_name.h"
#include "server/access.h"

namespace rbld {
namespace {

constexpr size_t kMaxTxtStringBytes = 255;  // RFC 1035 §3.3.14

// Everything behind the first label.
absl::string_view ParentOf(absl::string_view wire_name) {
  return wire_name.substr(size_t{1} + static_cast<uint8_t>(wire_name[0]));
}

// What is left of a name in front of the zone that it ends in.
absl::string_view LabelsBelow(absl::string_view wire_name,
                              absl::string_view zone) {
  return wire_name.substr(0, wire_name.size() - zone.size());
}

// Are the labels one to four octets?
bool AreOctets(absl::string_view labels) {
  uint8_t name[kNameBufferBytes] = {};
  memcpy(name, labels.data(), labels.size());
  uint8_t offsets[kMaxLabels + 1];
  int count = 0;
  size_t at = 0;
  for (; at < labels.size(); ++count) {
    offsets[count] = static_cast<uint8_t>(at);
    at += size_t{1} + name[at];
  }
  offsets[count] = static_cast<uint8_t>(at);
  ReversedAddress address;
  ReadReversedAddress(name, offsets, count, &address);
  return address.ipv4_octets > 0;
}

OwnedValues AsSet(const std::optional<Value>& value) {
  return OwnedValues(value.has_value() ? ValueSet{*value} : ValueSet());
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ZoneTable>> ZoneTable::Build(
    const std::vector<ZoneConfig>& zones,
    const std::function<int(const std::string&)>& counter_slot,
    absl::string_view version) {
  auto table = std::make_shared<ZoneTable>();
  table->zones_.reserve(zones.size());
  for (const ZoneConfig& config : zones) {
    absl::Status status = table->Add(config, counter_slot(config.name));
    if (!status.ok()) return status;
  }
  table->LinkParents();
  table->FindOctets();
  if (!version.empty()) {
    const absl::string_view text = version.substr(0, kMaxTxtStringBytes);
    std::string rdata(1, static_cast<char>(text.size()));
    rdata.append(text.data(), text.size());
    AppendRecord(static_cast<uint16_t>(RrType::kTxt), 0, rdata,
                 &table->version_record_, kClassChaos);
  }
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
  std::vector<const ZoneSources*> all_sources = {&config};
  for (const SubzoneConfig& subzone : config.subzones) {
    all_sources.push_back(&subzone);
  }
  for (const ZoneSources* sources : all_sources) {
    const size_t count = sources->lists.size() + sources->datasets.size();
    if (count <= kMaxListsPerZone) continue;
    return error(absl::StrCat(
        "it publishes ", count, " lists and datasets, and the most is ",
        kMaxListsPerZone, "; put some of them into a zone of their own"));
  }
  const int number = static_cast<int>(zones_.size());
  if (!by_name_.emplace(wire, number).second) {
    return error("there are two zones of this name; remove one");
  }
  Zone zone;
  zone.config = config;
  zone.label_count = LabelCount(wire);
  zone.counter_slot = slot;
  zone.nodes[""];
  zone.access = MakeAccessList(config.access);
  zone.refused = AsSet(config.refused);
  zone.over_quota = AsSet(config.over_quota);
  zone.wrong_kind = AsSet(config.wrong_kind);
  zone.mistyped = AsSet(config.mistyped);
  zone.tells_mistakes = !zone.wrong_kind.empty() || !zone.mistyped.empty();
  for (const StaticRecord& record : config.records) {
    if (!NameEndsIn(record.owner_wire, wire)) {
      return error(absl::StrCat("the static record of ",
                                NameToText(record.owner_wire),
                                " is not inside the zone"));
    }
    const absl::string_view labels = LabelsBelow(record.owner_wire, wire);
    AddStaticRecord(record.type, record.ttl_seconds, record.rdata,
                    &zone.nodes[labels]);
    AddNodesAbove(labels, &zone.nodes);
  }
  for (auto& [labels, node] : zone.nodes) LevelTtls(&node);
  min_labels_ = std::min(min_labels_, zone.label_count);
  max_labels_ = std::max(max_labels_, zone.label_count);
  zone.wire_name = wire;
  const bool is_first =
      (depths_[zone.label_count >> 6] >> (zone.label_count & 63) & 1) == 0;
  single_[zone.label_count] = is_first ? number : -1;
  depths_[zone.label_count >> 6] |= uint64_t{1} << (zone.label_count & 63);
  zones_.push_back(std::move(zone));
  return absl::OkStatus();
}

absl::string_view ZoneTable::FindChaos(const Query& query) const {
  static constexpr absl::string_view kNames[] = {
      absl::string_view("\7version\4bind", 14),
      absl::string_view("\7version\6server", 16)};
  if (query.type != static_cast<uint16_t>(RrType::kTxt) &&
      query.type != static_cast<uint16_t>(RrType::kAny)) {
    return absl::string_view();
  }
  const absl::string_view name = query.NameFrom(0);
  for (const absl::string_view known : kNames) {
    if (name == known) return version_record_;
  }
  return absl::string_view();
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
      const absl::string_view labels =
          LabelsBelow(zone.config.wire_name, parent.config.wire_name);
      parent.nodes.try_emplace(labels);
      AddNodesAbove(labels, &parent.nodes);
      break;
    }
  }
}

void ZoneTable::FindOctets() {
  for (Zone& zone : zones_) {
    for (const auto& [labels, node] : zone.nodes) {
      zone.nodes_of_octets = zone.nodes_of_octets || AreOctets(labels);
    }
  }
}

}  // namespace rbld
