// What may stand behind an entry's value in files of rspamd's rbldnsd:
// "ENTRY VALUE @ ts=1700000000;delay=1h;key=nodelay", and what we add for keys:
// "KEY :pass @ name=acme;expires=2027-01-31;quota=1000000/1d". Pure functions.
#ifndef RBLD_ZONES_RBLDNSD_ENTRY_PARAMETERS_H_
#define RBLD_ZONES_RBLDNSD_ENTRY_PARAMETERS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/value.h"

namespace rbld {

// Takes "@ PARAMETERS" off the end of `*line`, with the blanks before it;
// returns what stands behind the "@", empty if there is none.
absl::string_view TakeEntryParameters(absl::string_view* line);

// ts, delay and key. A wait that is over at `now_seconds` is none; 0: not
// known. Errors are InvalidArgument and say what is wanted.
absl::StatusOr<ValueCondition> ParseEntryCondition(absl::string_view parameters,
                                                   int64_t now_seconds);

// What a line says of a key besides its action.
struct KeyTerms {
  std::string name;     // for operators; empty: none
  int64_t expires = 0;  // seconds since 1970 UTC; 0: never
  // So many queries in each period, which begin at multiples of it since 1970;
  // 0: any number.
  uint32_t quota = 0;
  uint32_t quota_seconds = 0;

  friend bool operator==(const KeyTerms&, const KeyTerms&) = default;
};

absl::StatusOr<KeyTerms> ParseKeyTerms(absl::string_view parameters);

}  // namespace rbld

#endif  // RBLD_ZONES_RBLDNSD_ENTRY_PARAMETERS_H_
