#include "server/snapshot.h"

#include <algorithm>
#include <utility>

#include "dns/constants.h"
#include "dns/response_writer.h"

namespace rbld {
namespace {

// RFC 1035 §3.3.13.
std::string SoaRdata(const ZoneConfig& config, uint32_t serial) {
  std::string rdata = config.soa_mname_wire + config.soa_rname_wire;
  for (const uint32_t number :
       {serial, config.refresh_seconds, config.retry_seconds,
        config.expire_seconds, config.negative_ttl_seconds}) {
    uint8_t bytes[4];
    WriteU32(bytes, number);
    rdata.append(reinterpret_cast<const char*>(bytes), sizeof(bytes));
  }
  return rdata;
}

void AddIndexes(const ZoneConfig& config, const ListIndex& list,
                ServedZone* served) {
  static constexpr AddressBytes kFirst = {};
  AddressBytes last;
  last.fill(0xff);
  if (config.has_ipv4 && list.ipv4->AnyWithin(0, 0xffffffff)) {
    served->ipv4.push_back(list.ipv4.get());
  }
  if (config.has_ipv6 && list.ipv6->AnyWithin(kFirst, last)) {
    served->ipv6.push_back(list.ipv6.get());
  }
  if (config.has_names && list.names->node_count() > 0) {
    served->names.push_back(list.names.get());
  }
}

}  // namespace

std::shared_ptr<const Snapshot> Snapshot::Build(
    std::shared_ptr<const ZoneTable> zones,
    std::shared_ptr<const StoreView> view) {
  return std::shared_ptr<const Snapshot>(
      new Snapshot(std::move(zones), std::move(view)));
}

Snapshot::Snapshot(std::shared_ptr<const ZoneTable> table,
                   std::shared_ptr<const StoreView> view)
    : table_(std::move(table)), view_(std::move(view)) {
  zones_.resize(table_->zones().size());
  for (size_t i = 0; i < zones_.size(); ++i) {
    const Zone& zone = table_->zones()[i];
    const ZoneConfig& config = zone.config;
    ServedZone& served = zones_[i];
    served.zone = &zone;
    if (zone.parent >= 0) {
      served.parent = &zones_[static_cast<size_t>(zone.parent)];
    }
    const auto serial = view_->zone_serials.find(config.name);
    served.serial = serial != view_->zone_serials.end() ? serial->second
                                                        : config.serial_base;
    if (config.state == ZoneState::kServing) {
      for (const std::string& name : config.lists) {
        const auto list = view_->lists.find(name);
        if (list != view_->lists.end()) {
          AddIndexes(config, *list->second, &served);
        }
      }
    }
    const std::string rdata = SoaRdata(config, served.serial);
    constexpr uint16_t kSoa = static_cast<uint16_t>(RrType::kSoa);
    AppendRecord(kSoa, config.soa_ttl_seconds, rdata, &served.soa_block);
    // RFC 2308 §3: a negative answer's SOA carries the lesser of its own TTL
    // and its MINIMUM field.
    std::string negative;
    AppendRecord(kSoa,
                 std::min(config.soa_ttl_seconds, config.negative_ttl_seconds),
                 rdata, &negative);
    served.negative_soa_tail = negative.substr(2);
  }
}

bool Covers(const StoreView& view, const ZoneTable& zones) {
  for (const Zone& zone : zones.zones()) {
    if (view.zone_serials.find(zone.config.name) == view.zone_serials.end()) {
      return false;
    }
    for (const std::string& list : zone.config.lists) {
      if (view.lists.find(list) == view.lists.end()) return false;
    }
  }
  return true;
}

}  // namespace rbld
