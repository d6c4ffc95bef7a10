// ZoneTable: the zones of one configuration in the form that queries need:
// found by the longest suffix of a name, with their static records rendered.
//
// Immutable; any thread may read it, without lock or allocation.
#ifndef RBLD_SERVER_ZONE_TABLE_H_
#define RBLD_SERVER_ZONE_TABLE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dns/query.h"
#include "zones/config.h"

namespace rbld {

// Bounds the value sets that one answer can unite.
inline constexpr int kMaxListsPerZone = 64;

// The records of one type at one name, as ResponseWriter::AddAnswers takes
// them.
struct StaticRrset {
  uint16_t type = 0;
  uint32_t ttl_seconds = 0;  // the smallest of its records' (RFC 2181 §5.2)
  int records = 0;
  std::string block;
};

// A name that exists whatever the lists say. Without RRsets it is an empty
// non-terminal, or the apex of another zone of ours.
struct StaticNode {
  std::vector<StaticRrset> rrsets;

  // Null when there is none of that type.
  const StaticRrset* Find(uint16_t type) const {
    for (const StaticRrset& rrset : rrsets) {
      if (rrset.type == type) return &rrset;
    }
    return nullptr;
  }
};

struct Zone {
  ZoneConfig config;
  int label_count = 0;
  int parent = -1;       // the zone of ours that encloses it most closely
  int counter_slot = 0;  // where its queries are counted
  StaticNode apex;       // with NS, without SOA
  // Lower-case absolute wire names below the apex: static records, the names
  // between them and the apex, and those of zones of ours below this one.
  absl::flat_hash_map<std::string, StaticNode> below;
};

class ZoneTable {
 public:
  // `counter_slot` gives the slot of a zone's name. InvalidArgument names the
  // zone and the cure.
  static absl::StatusOr<std::shared_ptr<const ZoneTable>> Build(
      const std::vector<ZoneConfig>& zones,
      const std::function<int(const std::string&)>& counter_slot);

  // The number of the zone with the longest name that the query's name ends
  // in; -1: none of ours.
  int Find(const Query& query) const {
    int labels =
        query.label_count < max_labels_ ? query.label_count : max_labels_;
    for (; labels >= min_labels_; --labels) {
      // Zones have few different depths; only those are looked up.
      if ((depths_[labels >> 6] >> (labels & 63) & 1) == 0) continue;
      const auto found =
          by_name_.find(query.NameFrom(query.label_count - labels));
      if (found != by_name_.end()) return found->second;
    }
    return -1;
  }

  const std::vector<Zone>& zones() const { return zones_; }

 private:
  absl::Status Add(const ZoneConfig& config, int slot);
  void LinkParents();

  std::vector<Zone> zones_;
  absl::flat_hash_map<std::string, int> by_name_;  // lower-case wire names
  uint64_t depths_[2] = {0, 0};  // bit n: there is a zone of n labels
  int min_labels_ = kMaxLabels + 1;
  int max_labels_ = -1;
};

}  // namespace rbld

#endif  // RBLD_SERVER_ZONE_TABLE_H_
