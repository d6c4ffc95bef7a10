#include "server/quick_zones.h"

#include <algorithm>
#include <bit>
#include <string>

#include "server/snapshot.h"

namespace rbld {
namespace {

// So many stay in the processor's cache.
constexpr uint32_t kFewValueSets = 1000;

// Each line is something that the general path would look at, and the quick one
// does not (LookUp, DecideByClient and WritePositive). A zone without addresses
// of IPv4, such as a retired one, has no sources, and that is all.
bool IsQuick(const ServedZone& served) {
  const Zone& zone = *served.zone;
  if (served.failed || served.sources.has_names) return false;
  if (served.has_places || !served.access_lists.empty()) return false;
  if (zone.tells_mistakes) return false;
  if (zone.config.combining != Combining::kRecords) return false;
  if (zone.config.ns_in_answers) return false;
  // Static records may stand at an address's name. Zones below this one, whose
  // names are in the nodes too, may be what such a name belongs to.
  if (zone.nodes_of_octets) return false;
  for (const NodeMap* nodes : served.sources.nodes) {
    if (nodes != &zone.nodes) return false;
  }
  for (const IndexSource<Ipv4Index>& source : served.sources.ipv4) {
    if (source.instead != nullptr || source.conditional) return false;
    if (source.exemptions != nullptr) return false;
  }
  const std::string& name = zone.wire_name;
  if (name.size() < kMinQuickZoneBytes || name.size() > kMaxQuickZoneBytes) {
    return false;
  }
  // One in upper case is never found.
  return std::none_of(name.begin(), name.end(),
                      [](char byte) { return byte >= 'A' && byte <= 'Z'; });
}

// The `bytes` bytes at `name`, at most as many as a step has, at its end.
QuickNameStep MakeStep(const uint8_t* name, size_t bytes) {
  QuickNameStep step;
  memset(&step, 0xff, sizeof(step));
  for (size_t i = 0; i < bytes; ++i) {
    const uint8_t byte = name[i];
    const size_t place = QuickNameStep::kBytes - bytes + i;
    step.bytes[place] = byte;
    step.case_bits[place] = byte >= 'a' && byte <= 'z' ? 0x20 : 0;
  }
  return step;
}

}  // namespace

void QuickZones::Build(const std::vector<ServedZone>& zones) {
  std::vector<const ServedZone*> quick;
  size_t steps = 0;
  for (const ServedZone& zone : zones) {
    if (!IsQuick(zone)) continue;
    quick.push_back(&zone);
    steps += zone.zone->wire_name.size() / QuickNameStep::kBytes;
  }
  // Neither moves any more.
  zones_.reserve(quick.size());
  steps_.reserve(steps);
  const size_t slots = std::bit_ceil(2 * quick.size() + 2);
  shift_ = 64 - std::countr_zero(slots);
  slots_.assign(slots + kMaxProbes + 1, nullptr);
  for (const ServedZone* zone : quick) Add(*zone);
}

void QuickZones::Add(const ServedZone& served) {
  const std::string& wire = served.zone->wire_name;
  const auto* const name = reinterpret_cast<const uint8_t*>(wire.data());
  const size_t bytes = wire.size();
  size_t slot = Hash(name, bytes) >> shift_;
  const size_t last_slot = slot + kMaxProbes - 1;
  while (slots_[slot] != nullptr) {
    if (slot++ == last_slot) return;
  }
  QuickZone quick;
  const size_t tail_bytes = std::min(bytes, QuickNameStep::kBytes);
  quick.tail = MakeStep(name + bytes - tail_bytes, tail_bytes);
  quick.steps = steps_.data() + steps_.size();
  for (size_t at = 0; at + QuickNameStep::kBytes < bytes;
       at += QuickNameStep::kBytes) {
    steps_.push_back(MakeStep(name + at, QuickNameStep::kBytes));
  }
  quick.name_bytes = bytes;
  const auto& sources = served.sources.ipv4;
  quick.sources = sources.data();
  quick.sources_end = sources.data() + sources.size();
  if (sources.size() == 1) {
    quick.only_index = sources.front().index;
    quick.only_values = sources.front().values;
    many_values_ = many_values_ || quick.only_values->size() > kFewValueSets;
  }
  quick.ttl_seconds = served.zone->config.ttl_seconds;
  quick.counter_slot = served.zone->counter_slot;
  quick.negative_soa_tail = served.negative_soa_tail;
  quick.served = &served;
  zones_.push_back(quick);
  slots_[slot] = &zones_.back();
}

}  // namespace rbld
