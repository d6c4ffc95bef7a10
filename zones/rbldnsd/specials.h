// The special lines of rbldnsd's data files that describe a zone or bound its
// data. Pure functions. Errors are InvalidArgument and say what is wanted.
#ifndef RBLD_ZONES_RBLDNSD_SPECIALS_H_
#define RBLD_ZONES_RBLDNSD_SPECIALS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

// $SOA. Names are wire names, their case as it is written.
struct SoaSpecial {
  uint32_t ttl_seconds = 0;  // 0: the default
  std::string mname_wire;
  std::string rname_wire;
  uint32_t serial = 0;  // 0: when the newest file was modified
  uint32_t refresh_seconds = 0;
  uint32_t retry_seconds = 0;
  uint32_t expire_seconds = 0;
  uint32_t minimum_seconds = 0;
};

// $NS.
struct NsSpecial {
  uint32_t ttl_seconds = 0;  // 0: the default
  std::vector<std::string> ns_wire;
};

inline constexpr size_t kMaxNameServers = 32;

// `text` is what follows the keyword.
absl::StatusOr<SoaSpecial> ParseSoaSpecial(absl::string_view text);
// Servers with a '-' before them are left out, as is what is over
// kMaxNameServers.
absl::StatusOr<NsSpecial> ParseNsSpecial(absl::string_view text);
absl::StatusOr<uint32_t> ParseTtlSpecial(absl::string_view text);
// $MAXRANGE4: how many addresses, given so or as /LENGTH.
absl::StatusOr<uint64_t> ParseMaxRangeSpecial(absl::string_view text);

// A time as rbldnsd writes it: a number with one of w, d, h, m, s behind it or
// none. At most 2^31 - 1 seconds (RFC 2181 §8).
bool ParseSeconds(absl::string_view text, uint32_t* seconds);

// An absolute name as a wire name. Dots in front, behind and in a row count
// like one between labels; "\" escapes a byte, or one to three decimal digits
// are its number; at the end it is nothing.
absl::StatusOr<std::string> ParseName(absl::string_view text);
// The same in lower case.
absl::StatusOr<std::string> ParseHostName(absl::string_view text);

}  // namespace rbld

#endif  // RBLD_ZONES_RBLDNSD_SPECIALS_H_
