// Snapshot: all that one query may see: the zones of one configuration, the
// indexes of their lists and their serials at one sequence of the store.
//
// Immutable; any thread may read it, without lock or allocation. Held by
// shared_ptr while it is published (server/snapshot_holder.h).
#ifndef RBLD_SERVER_SNAPSHOT_H_
#define RBLD_SERVER_SNAPSHOT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/zone_table.h"
#include "store/publisher.h"

namespace rbld {

// One zone of a snapshot.
struct ServedZone {
  const Zone* zone = nullptr;
  const ServedZone* parent = nullptr;
  uint32_t serial = 0;
  // The indexes of its lists that hold anything of the kind. Empty in a
  // retired zone.
  std::vector<const Ipv4Index*> ipv4;
  std::vector<const Ipv6Index*> ipv6;
  std::vector<const NameIndex*> names;
  // The SOA as an answer's block, and as what follows the owner in a negative
  // answer, with that one's TTL.
  std::string soa_block;
  std::string negative_soa_tail;
};

class Snapshot {
 public:
  // Neither may be null. A list that `view` does not have lists nothing.
  static std::shared_ptr<const Snapshot> Build(
      std::shared_ptr<const ZoneTable> zones,
      std::shared_ptr<const StoreView> view);

  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // Null when no zone of ours holds the query's name.
  const ServedZone* Find(const Query& query) const {
    const int number = table_->Find(query);
    return number < 0 ? nullptr : &zones_[static_cast<size_t>(number)];
  }

  const ValueTable& values() const { return *view_->values; }
  uint64_t sequence() const { return view_->sequence; }
  const std::vector<ServedZone>& zones() const { return zones_; }

 private:
  Snapshot(std::shared_ptr<const ZoneTable> table,
           std::shared_ptr<const StoreView> view);

  const std::shared_ptr<const ZoneTable> table_;
  const std::shared_ptr<const StoreView> view_;
  std::vector<ServedZone> zones_;  // as in table_
};

// Does `view` have every list and every serial that the zones need?
bool Covers(const StoreView& view, const ZoneTable& zones);

}  // namespace rbld

#endif  // RBLD_SERVER_SNAPSHOT_H_
