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

struct Finding {
  // The value sets of the zone's lists, each once.
  int value_set_count = 0;
  // Listed by RFC 5782 §5 alone: the zone's test values answer.
  bool test_values = false;
  // Is the listing of an address, not of a name?
  bool of_address = false;
  // Something exists below this name.
  bool any_below = false;
  // Null: nothing static here.
  const StaticNode* node = nullptr;
  ValueSetId value_sets[3 * kMaxListsPerZone];  // the first count are set

  bool listed() const { return value_set_count > 0 || test_values; }
  bool exists() const { return listed() || any_below || node != nullptr; }
};

// Reads the first `labels` labels of the query's name (those below the zone)
// as addresses and begins to load the heads of the index's blocks.
void ReadAndPrefetch(const ServedZone& zone, const Query& query, int labels,
                     ReversedAddress* address);

// Reads those heads and begins to load what LookUp will read.
void PrefetchEntries(const ServedZone& zone, const ReversedAddress& address);

// Fills `*finding`. `labels` is at least 1; `address` is of ReadAndPrefetch.
void LookUp(const ServedZone& zone, const Query& query, int labels,
            const ReversedAddress& address, Finding* finding);

}  // namespace rbld

#endif  // RBLD_SERVER_LOOKUP_H_
