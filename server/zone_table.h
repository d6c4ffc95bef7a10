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
#include "server/static_node.h"
#include "zones/config.h"

namespace rbld {

// Lists and datasets. Bounds the value sets that one answer can unite.
inline constexpr int kMaxListsPerZone = 64;

struct Zone {
  std::string wire_name;  // the configuration's, where queries look first
  ZoneConfig config;
  int label_count = 0;
  int parent = -1;       // the zone of ours that encloses it most closely
  int counter_slot = 0;  // where its queries are counted
  // Static records, the names between them and the apex, and those of zones of
  // ours below this one. The apex's SOA and NS are not here.
  NodeMap nodes;
  // One of them has a name of one to four octets, so that a name of four may be
  // a node, or belong to a zone below this one.
  bool nodes_of_octets = false;
  // ZoneConfig::access; null: none.
  std::shared_ptr<const FileDataset> access;
  // Those of ZoneConfig; empty: none.
  OwnedValues refused;
  OwnedValues over_quota;
  OwnedValues wrong_kind;
  OwnedValues mistyped;
  bool tells_mistakes = false;  // the last two are not both empty
};

class ZoneTable {
 public:
  // `counter_slot` gives the slot of a zone's name; `version` is what
  // version.bind says, empty for nothing. InvalidArgument names the zone and
  // the cure.
  static absl::StatusOr<std::shared_ptr<const ZoneTable>> Build(
      const std::vector<ZoneConfig>& zones,
      const std::function<int(const std::string&)>& counter_slot,
      absl::string_view version = "");

  // The number of the zone with the longest name that the query's name ends
  // in; -1: none of ours.
  int Find(const Query& query) const {
    int labels =
        query.label_count < max_labels_ ? query.label_count : max_labels_;
    for (; labels >= min_labels_; --labels) {
      // Zones have few different depths; only those are looked up.
      if ((depths_[labels >> 6] >> (labels & 63) & 1) == 0) continue;
      const absl::string_view name = query.NameFrom(query.label_count - labels);
      // Most often a single zone has that depth.
      const int single = single_[labels];
      if (single >= 0) {
        const std::string& wire = zones_[static_cast<size_t>(single)].wire_name;
        if (name == wire) return single;
        continue;
      }
      const auto found = by_name_.find(name);
      if (found != by_name_.end()) return found->second;
    }
    return -1;
  }

  const std::vector<Zone>& zones() const { return zones_; }

  // The answer's record for a question of the class CHAOS (RFC 4892 §2), as
  // ResponseWriter::AddAnswers takes it; empty: there is none.
  absl::string_view FindChaos(const Query& query) const;

 private:
  absl::Status Add(const ZoneConfig& config, int slot);
  void LinkParents();
  void FindOctets();

  std::vector<Zone> zones_;
  std::string version_record_;
  absl::flat_hash_map<std::string, int> by_name_;  // lower-case wire names
  uint64_t depths_[2] = {0, 0};  // bit n: there is a zone of n labels
  int single_[kMaxLabels + 1];   // by labels: the zone, -1: there are several
  int min_labels_ = kMaxLabels + 1;
  int max_labels_ = -1;
};

}  // namespace rbld

#endif  // RBLD_SERVER_ZONE_TABLE_H_
