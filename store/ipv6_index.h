// Ipv6Index: IPv6 address -> value set id.
//
// Immutable, and read without lock or allocation. A change makes a new index
// that shares all but the blocks it touches.
#ifndef RBLD_STORE_IPV6_INDEX_H_
#define RBLD_STORE_IPV6_INDEX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/ip_prefix.h"
#include "store/value.h"

namespace rbld {

// Every address of first..last (inclusive) answers with `values`.
struct Ipv6Run {
  AddressBytes first = {};
  AddressBytes last = {};
  ValueSetId values = kNotListed;
  friend bool operator==(const Ipv6Run&, const Ipv6Run&) = default;
};


class Ipv6Index {
 public:
  static std::shared_ptr<const Ipv6Index> Empty();

  // kNotListed when the address is in no run.
  ValueSetId Lookup(const AddressBytes& address) const;
  // Is any address of first..last (inclusive) in a run?
  bool AnyWithin(const AddressBytes& first, const AddressBytes& last) const;
  // Starts loading what Lookup(address) will read.
  void Prefetch(const AddressBytes& address) const;

  // The runs that meet first..last, cut to it, ascending; neighbours that touch
  // and have the same values may come as one. Return false to stop.
  void ForEachRun(const AddressBytes& first, const AddressBytes& last,
                  const std::function<bool(const Ipv6Run&)>& sink) const;

  // An index equal to this one but that first..last holds exactly `runs`
  // (ascending, disjoint, inside first..last, none kNotListed).
  std::shared_ptr<const Ipv6Index> WithReplaced(
      const AddressBytes& first, const AddressBytes& last,
      absl::Span<const Ipv6Run> runs) const;

  // Heap and mapped bytes. Blocks shared with other indexes count in full.
  uint64_t MemoryBytes() const;
  // How many blocks differ from the base; a rebuild makes it 0.
  uint32_t changed_blocks() const;
};

// Runs must be added ascending and disjoint; the builder CHECKs that.
class Ipv6IndexBuilder {
 public:
  void Add(const AddressBytes& first, const AddressBytes& last, ValueSetId values);
  std::shared_ptr<const Ipv6Index> Build();
};

}  // namespace rbld

#endif  // RBLD_STORE_IPV6_INDEX_H_
