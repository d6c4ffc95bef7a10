// ListIndex: what one list answers, in memory: the lookup index of the DNS hot
// path. Precedence inside datasets, the union of the list's datasets and its
// exemptions are worked out when it is built, so a lookup is one search.
//
// Immutable. Any number of threads may read one; lookups take no lock and
// allocate nothing.
#ifndef RBLD_STORE_LIST_INDEX_H_
#define RBLD_STORE_LIST_INDEX_H_

#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "store/ipv4_index.h"
#include "store/ipv6_index.h"
#include "store/name_index.h"
#include "store/value.h"

namespace rbld {

class ExemptionIndex;

struct ListIndex {
  // Each is never null. See their headers; in short:
  //   ipv4->Lookup(uint32_t host_order) -> ValueSetId (kNotListed: no)
  //   ipv4->AnyWithin(uint32_t first, uint32_t last) -> bool: is any address
  //     of first..last listed? This is what decides empty non-terminals.
  //   ipv6->Lookup(const AddressBytes&), ipv6->AnyWithin(first, last)
  //   names->Lookup(reversed_wire) -> NameIndex::Result{values, any_below}
  std::shared_ptr<const Ipv4Index> ipv4;
  std::shared_ptr<const Ipv6Index> ipv6;
  std::shared_ptr<const NameIndex> names;
  // The exemptions of the whole list (store/exemption_index.h), which are
  // worked into the three above; null: there are none.
  std::shared_ptr<const ExemptionIndex> exemptions;

  uint64_t MemoryBytes() const {
    return ipv4->MemoryBytes() + ipv6->MemoryBytes() + names->MemoryBytes();
  }
};

}  // namespace rbld

#endif  // RBLD_STORE_LIST_INDEX_H_
