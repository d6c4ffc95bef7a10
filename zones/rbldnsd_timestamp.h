// rbldnsd's $TIMESTAMP. Pure.
#ifndef RBLD_ZONES_RBLDNSD_TIMESTAMP_H_
#define RBLD_ZONES_RBLDNSD_TIMESTAMP_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rbld {

// `text` is "STAMP [EXPIRES]": yyyy:mm:dd[:hh[:mi[:ss]]] in UTC, with or
// without delimiters, "0" or "-" for none, and EXPIRES also as "+30d".
// InvalidArgument: not of that form. FailedPrecondition: the data comes from
// after `now_seconds`, or expired before. A `now_seconds` of 0 checks only the
// form.
absl::Status CheckRbldnsdTimestamp(absl::string_view text, int64_t now_seconds);

}  // namespace rbld

#endif  // RBLD_ZONES_RBLDNSD_TIMESTAMP_H_
