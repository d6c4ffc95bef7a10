// ExemptionIndex: the exemptions of one whole list, as an index of their own.
//
// The list's own index has them worked in. What is served beside the store,
// from watched files, is hidden by them as a whole: a file's entry is not seen
// wherever an exemption holds, however long its prefix is.
//
// Immutable; any thread may read one.
#ifndef RBLD_STORE_EXEMPTION_INDEX_H_
#define RBLD_STORE_EXEMPTION_INDEX_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "store/ipv4_index.h"
#include "store/ipv6_index.h"
#include "store/name_index.h"
#include "store/target.h"

namespace rbld {

class ExemptionIndex {
 public:
  // Of Target::Key()s. Null when there are none.
  static std::shared_ptr<const ExemptionIndex> Build(
      std::set<std::string> target_keys, uint64_t name_seed);

  // With `target` in it or not; `old` may be null, and so may what comes.
  static std::shared_ptr<const ExemptionIndex> With(
      const std::shared_ptr<const ExemptionIndex>& old, const Target& target,
      bool exempt, uint64_t name_seed);

  bool Has(uint32_t ipv4) const { return ipv4_->Lookup(ipv4) != kNotListed; }
  bool Has(const AddressBytes& ipv6) const {
    return ipv6_->Lookup(ipv6) != kNotListed;
  }
  bool HasName(absl::string_view reversed_wire) const {
    return names_->Lookup(reversed_wire).values != kNotListed;
  }

  uint64_t MemoryBytes() const;
  const Ipv4Index& ipv4() const { return *ipv4_; }
  const Ipv6Index& ipv6() const { return *ipv6_; }
  const std::set<std::string>& target_keys() const { return target_keys_; }

 private:
  std::set<std::string> target_keys_;
  std::shared_ptr<const Ipv4Index> ipv4_;
  std::shared_ptr<const Ipv6Index> ipv6_;
  std::shared_ptr<const NameIndex> names_;
};

}  // namespace rbld

#endif  // RBLD_STORE_EXEMPTION_INDEX_H_
