// PrefixSet: tells a prefix that was there before. For hundreds of millions.
//
// Used by one thread.
#ifndef RBLD_BASE_PREFIX_SET_H_
#define RBLD_BASE_PREFIX_SET_H_

#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/ip_prefix.h"

namespace rbld {

class PrefixSet {
 public:
  // False if the very same prefix is there already.
  bool Insert(const IpPrefix& prefix) {
    if (prefix.family == Family::kIpv6) {
      return ipv6_.emplace(prefix.bytes, prefix.length_bits).second;
    }
    if (prefix.IsSingleAddress()) {
      return ipv4_addresses_.insert(prefix.ipv4()).second;
    }
    return ipv4_.emplace(prefix.ipv4(), prefix.length_bits).second;
  }

 private:
  // Nearly all there are in most feeds, in 5 bytes each and what the table has
  // to spare.
  absl::flat_hash_set<uint32_t> ipv4_addresses_;
  absl::flat_hash_set<std::pair<uint32_t, uint8_t>> ipv4_;
  absl::flat_hash_set<std::pair<AddressBytes, uint8_t>> ipv6_;
};

}  // namespace rbld

#endif  // RBLD_BASE_PREFIX_SET_H_
