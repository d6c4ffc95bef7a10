// Guard: what may never be listed, checked before every write.
#ifndef RBLD_STORE_GUARD_H_
#define RBLD_STORE_GUARD_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/ip_prefix.h"
#include "store/target.h"
#include "store/value.h"

namespace rbld {

// One list's rules. A value type; from the configuration.
struct ListPolicy {
  int min_ipv4_length_bits = 8;
  int min_ipv6_length_bits = 16;
  bool allow_special_purpose = false;     // RFC 6890's registries
  std::vector<IpPrefix> allowed_special;  // or only these parts of them
  bool allow_any_code = false;            // codes outside 127/8
  NameRule names = NameRule::kHost;       // for who writes names: CheckListable
  std::vector<Target> never;              // the list's own never-list
};

// Ok, or FailedPrecondition with a message that names the target, the rule and
// the cure. Loopback is never listable, allow_special_purpose or not, save
// 127.0.0.2 and ::ffff:127.0.0.2, whose values an operator may choose
// (RFC 5782 §5).
absl::Status CheckTarget(const ListPolicy& policy, const Target& target);

// The same for a whole prefix, without building a message when it passes:
// nullptr, or a static text such as "private address space (RFC 1918)".
const char* WhyNotListable(const ListPolicy& policy, const IpPrefix& prefix);

absl::Status CheckValues(const ListPolicy& policy, const ValueSet& values);

}  // namespace rbld

#endif  // RBLD_STORE_GUARD_H_
