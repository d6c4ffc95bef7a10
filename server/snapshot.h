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

#include "absl/container/flat_hash_map.h"
#include "server/file_view.h"
#include "server/quick_zones.h"
#include "server/zone_table.h"
#include "store/exemption_index.h"
#include "store/publisher.h"

namespace rbld {

// An index, and what its value set ids mean in a zone.
template <typename Index>
struct IndexSource {
  const Index* index = nullptr;
  const ValueTable* values = nullptr;
  // What the zone says instead of its values; null: nothing.
  const ListValues* instead = nullptr;
  bool conditional = false;  // FileDataset's
  // Hides what a watched file lists; null: nothing does.
  const ExemptionIndex* exemptions = nullptr;
};

struct NameSource : IndexSource<NameIndex> {
  // What `$` means in its reasons: the entry that lists the name (rbldnsd), or
  // the name that was asked for.
  bool subject_is_entry = false;
};

// What a zone, or one of its subzones, looks names up in.
struct ServedSources {
  bool has_ipv4 = false;
  bool has_ipv6 = false;
  bool has_names = false;
  bool ipv4_in_ipv6 = false;  // ZoneConfig's
  // Those that hold anything.
  std::vector<IndexSource<Ipv4Index>> ipv4;
  std::vector<IndexSource<Ipv6Index>> ipv6;
  std::vector<NameSource> names;
  std::vector<const NodeMap*> nodes;
};

// One zone of a snapshot.
struct ServedZone {
  const Zone* zone = nullptr;
  const ServedZone* parent = nullptr;
  uint32_t serial = 0;
  // Data that it needs is not there: it answers SERVFAIL.
  bool failed = false;
  // Empty in a retired zone, but for the static records.
  ServedSources sources;
  // Subzones by their labels below the zone in wire form and lower case, and
  // the names between them and the zone.
  absl::flat_hash_map<std::string, ServedSources> subzones;
  NodeMap subzone_parents;
  int max_subzone_labels = 0;
  // It has subzones or keys (FindPlace).
  bool has_places = false;
  std::vector<const FileDataset*> access_lists;
  std::vector<const ServedKeys*> keys;
  // The zone's NS records, as an answer's block and as what follows the owner
  // of each.
  StaticRrset ns;
  std::vector<std::string> ns_tails;
  // The SOA as an answer's block, and as what follows the owner in a negative
  // answer, with that one's TTL.
  std::string soa_block;
  std::string negative_soa_tail;
};

class Snapshot {
 public:
  // Neither of the first two may be null. A list that `view` does not have
  // lists nothing; a dataset that `files` does not have fails its zones.
  static std::shared_ptr<const Snapshot> Build(
      std::shared_ptr<const ZoneTable> zones,
      std::shared_ptr<const StoreView> view,
      std::shared_ptr<const FileView> files = nullptr);

  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // Null when no zone of ours holds the query's name.
  const ServedZone* Find(const Query& query) const {
    const int number = table_->Find(query);
    return number < 0 ? nullptr : &zones_[static_cast<size_t>(number)];
  }

  absl::string_view FindChaos(const Query& query) const {
    return table_->FindChaos(query);
  }

  // Those that server/quick_answer may answer.
  const QuickZones& quick_zones() const { return quick_zones_; }

  uint64_t sequence() const { return view_->sequence; }
  // What it was made of.
  const StoreView& view() const { return *view_; }
  const FileView& files() const { return *files_; }
  const std::vector<ServedZone>& zones() const { return zones_; }

 private:
  Snapshot(std::shared_ptr<const ZoneTable> table,
           std::shared_ptr<const StoreView> view,
           std::shared_ptr<const FileView> files);
  void AddSources(ServedZone* served) const;
  void AddListed(const ZoneSources& sources, ServedZone* served,
                 ServedSources* out) const;
  const ExemptionIndex* ExemptionsOf(const ZoneSources& sources,
                                     const std::string& dataset) const;
  void AddMetadata(ServedZone* served) const;

  const std::shared_ptr<const ZoneTable> table_;
  const std::shared_ptr<const StoreView> view_;
  const std::shared_ptr<const FileView> files_;
  std::vector<ServedZone> zones_;  // as in table_
  QuickZones quick_zones_;
};

}  // namespace rbld

#endif  // RBLD_SERVER_SNAPSHOT_H_
