// Pieces of RFC 1035 zone files. Pure functions.
#ifndef RBLD_ZONES_RFC1035_TEXT_H_
#define RBLD_ZONES_RFC1035_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "dns/name.h"

namespace rbld {

// Whole labels as a name relative to the origin, "a.b", as data files of zones
// and of rbldnsd read it: what either could take for something else, such as
// "(", ";", "@", a leading "$" or "*", is written \DDD (RFC 1035 §5.1).
std::string RelativeText(absl::string_view labels);
// The same of a whole name, its root byte included: "a.b.".
std::string AbsoluteText(absl::string_view name);

// The first `nibbles` nibbles of an address as a relative owner name
// (RFC 5782 §2.4).
std::string NibbleOwner(const AddressBytes& address, int nibbles);

// "\"…\" \"…\"": strings of at most 255 bytes (RFC 1035 §3.3.14).
std::string TxtStrings(absl::string_view text);

// "A 192.0.2.1", by ldns; "TYPEn \# …" (RFC 3597 §5) for types it has no text
// of.
std::string RdataText(uint16_t type, absl::string_view rdata);

// What "$" is in the reason of an address or a name: as the responder writes
// it.
std::string SubjectOfAddress(const IpPrefix& address);
std::string SubjectOfName(absl::string_view reversed_wire);

}  // namespace rbld

#endif  // RBLD_ZONES_RFC1035_TEXT_H_
