// rbldnsd's $TIMESTAMP. Pure.
#ifndef RBLD_ZONES_RBLDNSD_TIMESTAMP_H_
#define RBLD_ZONES_RBLDNSD_TIMESTAMP_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

struct TimestampSpecial {
  int64_t made = 0;     // seconds since 1970 UTC; 0: not said
  int64_t expires = 0;  // 0: never
};

// `text` is "STAMP [EXPIRES]": yyyy:mm:dd[:hh[:mi[:ss]]] in UTC, with or
// without delimiters, "0" or "-" for none, and EXPIRES also as "+30d".
absl::StatusOr<TimestampSpecial> ParseTimestampSpecial(absl::string_view text);

// FailedPrecondition: the data comes from after `now_seconds`, or expired
// before.
absl::Status CheckTimestamp(const TimestampSpecial& stamp, int64_t now_seconds);

}  // namespace rbld

#endif  // RBLD_ZONES_RBLDNSD_TIMESTAMP_H_
