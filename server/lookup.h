// Lookup: what a zone has at a name below its apex: listings, static records,
// or only other names further below.
//
// Pure functions of a snapshot: no allocation, no lock, any thread.
#ifndef RBLD_SERVER_LOOKUP_H_
#define RBLD_SERVER_LOOKUP_H_

#include <cstdint>

#include "dns/query.h"
#include "dns/reversed_name.h"
#include "server/snapshot.h"

namespace rbld {

// What RFC 5782 §5 says of the queried name.
enum class TestEntry : uint8_t { kNone, kAlwaysListed, kNeverListed };

// What "$" means in the reasons of a hit.
enum class SubjectKind : uint8_t { kIpv4, kIpv6, kName, kEntry, kClient };

// Without initialisers: a Finding holds many, of which a query sets one or two.
struct Hit {
  const ServedValues* values;
  const ListValues* instead;  // IndexSource's
  SubjectKind subject;
  uint32_t ipv4;         // kIpv4: the address, host order
  uint8_t entry_labels;  // kEntry: how many of the last labels it has
};

// Bounds what one answer can unite.
inline constexpr int kMaxHits = 3 * kMaxListsPerZone;
inline constexpr int kMaxNodes = 2 * kMaxListsPerZone;

// What a client may see.
struct Visibility {
  bool listings = true;
  // All that can be asked for is listed with these; null: it is not.
  const ServedValues* all_listed = nullptr;
  // `all_listed` tells that the client may not ask, whatever it asks for.
  bool is_refusal = false;
  // What conditional values hang on.
  bool has_key = false;
  int64_t now_seconds = 0;
};

struct Finding {
  Visibility visibility;  // to be set before LookUp
  // The value sets of the zone's lists, each once.
  int hit_count = 0;
  int node_count = 0;
  // Listed by RFC 5782 §5 alone: the zone's test values answer.
  bool test_values = false;
  SubjectKind test_subject = SubjectKind::kName;
  uint32_t test_ipv4 = 0;  // kIpv4: what was asked for
  // Something exists below this name, or it is a subzone.
  bool any_below = false;
  // Not all values of the hits may be for this client.
  bool conditional = false;
  Hit hits[kMaxHits];                  // the first hit_count are set
  const StaticNode* nodes[kMaxNodes];  // likewise

  bool listed() const { return hit_count > 0 || test_values; }
  bool exists() const { return listed() || any_below || node_count > 0; }
  // Is there a static record of that type?
  bool HasStatic(uint16_t type) const;
};

// Where below a zone a query's name is.
struct Place {
  const ServedSources* sources = nullptr;
  // Labels of the name below the zone, or below its subzone.
  int labels = 0;
  // Labels of the name below the zone, or below the key.
  int labels_in_zone = 0;
  bool in_subzone = false;
  // That of the name's last label below the zone; null: none.
  const ServedKey* key = nullptr;
};

// Finds the key and the subzone with the longest name, if any; `labels_below`
// are those below the zone.
Place FindPlace(const ServedZone& zone, const Query& query, int labels_below);

// What is known of a lookup before LookUp. A step for many queries, then the
// next step for them: so their memory is on its way at the same time.
struct Probe {
  ReversedAddress address;
  // Of the place's first index of its kind: where the address's leaf is, the
  // leaf, and the name's path.
  Ipv6Index::Block ipv6_block;
  const char* ipv6_leaf = nullptr;
  NamePath name;
};

// The steps, for a place with labels. Reads them as addresses.
inline void ReadAddress(const Place& place, const Query& query, Probe* probe) {
  ReadReversedAddress(query.name, query.label_offsets, place.labels,
                      &probe->address);
}
// Begins to load where the indexes have the heads of their blocks …
void PrefetchPlaces(const Place& place, const Query& query, Probe* probe);
// … and these heads.
void PrefetchHeads(const Place& place, Probe* probe);
// Reads the heads and begins to load what LookUp will read.
void PrefetchEntries(const Place& place, const Probe& probe);

// Fills `*finding`.
void LookUp(const ServedZone& zone, const Place& place, const Query& query,
            const Probe& probe, Finding* finding);

}  // namespace rbld

#endif  // RBLD_SERVER_LOOKUP_H_
