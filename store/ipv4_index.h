// Ipv4Index: IPv4 address -> value set id, in about two bytes an address.
//
// Immutable, and read without lock or allocation. A change makes a new index
// that shares all but the 65,536-address blocks it touches, so adding one
// listing to ten million copies a few kilobytes.
#ifndef RBLD_STORE_IPV4_INDEX_H_
#define RBLD_STORE_IPV4_INDEX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "store/value.h"

namespace rbld {

// Every address of first..last (inclusive, host order) answers with `values`.
struct Ipv4Run {
  uint32_t first = 0;
  uint32_t last = 0;
  ValueSetId values = kNotListed;
  friend bool operator==(const Ipv4Run&, const Ipv4Run&) = default;
};


class Ipv4Index {
 public:
  static std::shared_ptr<const Ipv4Index> Empty();

  // kNotListed when the address is in no run.
  ValueSetId Lookup(uint32_t host_order) const;
  // Is any address of first..last (inclusive) in a run?
  bool AnyWithin(uint32_t first, uint32_t last) const;
  // Starts loading what Lookup(host_order) will read.
  void Prefetch(uint32_t host_order) const;

  // The runs that meet first..last, cut to it, ascending; neighbours that touch
  // and have the same values may come as one. Return false to stop.
  void ForEachRun(uint32_t first, uint32_t last,
                  const std::function<bool(const Ipv4Run&)>& sink) const;

  // An index equal to this one but that first..last holds exactly `runs`
  // (ascending, disjoint, inside first..last, none kNotListed).
  std::shared_ptr<const Ipv4Index> WithReplaced(
      uint32_t first, uint32_t last, absl::Span<const Ipv4Run> runs) const;

  // Heap and mapped bytes. Blocks shared with other indexes count in full.
  uint64_t MemoryBytes() const;
  // How many blocks differ from the base; a rebuild makes it 0.
  uint32_t changed_blocks() const;
};

// Runs must be added ascending and disjoint; the builder CHECKs that.
class Ipv4IndexBuilder {
 public:
  void Add(uint32_t first, uint32_t last, ValueSetId values);
  std::shared_ptr<const Ipv4Index> Build();
};

}  // namespace rbld

#endif  // RBLD_STORE_IPV4_INDEX_H_
