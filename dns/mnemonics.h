// The names by which people know record types and RCODEs.
//
// Pure functions: any thread.
#ifndef RBLD_DNS_MNEMONICS_H_
#define RBLD_DNS_MNEMONICS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

// "TXT" in any case, or "TYPE16" (RFC 3597 §5) for any type. The error says
// what a type looks like.
absl::StatusOr<uint16_t> ParseRrType(absl::string_view text);
// "TXT"; "TYPE65280" for what has no name here.
std::string RrTypeText(uint16_t type);

// "NXDOMAIN"; "RCODE17" for what has no name here.
std::string RcodeText(uint16_t rcode);

}  // namespace rbld

#endif  // RBLD_DNS_MNEMONICS_H_
