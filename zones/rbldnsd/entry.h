// The addresses of rbldnsd's data files. Pure functions; each removes what it
// read from the front of `*text` and leaves what follows.
#ifndef RBLD_ZONES_RBLDNSD_ENTRY_H_
#define RBLD_ZONES_RBLDNSD_ENTRY_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"

namespace rbld {

struct Ipv4Range {
  uint32_t first = 0;
  uint32_t last = 0;
};

// What an entry may be besides an address or a prefix.
struct Ipv4EntryForms {
  bool ranges = false;     // "1.2.3.1-255" and "1.2-1.4"
  bool host_bits = false;  // "1.2.3.4/24" means 1.2.3.0/24 (rbldnsd's -e)
};

// "1.2.3.4", the beginning of an address ("1.2.3": its /24, but never one octet
// alone), "1.2.3.0/24", "10/8".
absl::StatusOr<Ipv4Range> TakeIpv4Range(absl::string_view* text,
                                        Ipv4EntryForms forms);

// A whole address and nothing else.
bool TakeIpv4Address(absl::string_view* text, uint32_t* address);

struct Ipv6EntryForms {
  bool lengths = true;     // "2001:db8::/32"; else only the words count
  bool host_bits = false;  // rbldnsd's -e
};

// "2001:db8::/32", "2001:db8:1" (its words: a /48), "2001:db8::1" (with "::" a
// whole address). Words may have zeros in front. A value may follow at once:
// "2001:db8::/32:3:x".
absl::StatusOr<IpPrefix> TakeIpv6Prefix(absl::string_view* text,
                                        Ipv6EntryForms forms);

}  // namespace rbld

#endif  // RBLD_ZONES_RBLDNSD_ENTRY_H_
