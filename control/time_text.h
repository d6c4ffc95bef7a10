// Moments as people write and read them; zones/duration.h has the plain forms.
//
// Pure functions; any thread. Times are seconds since 1970 UTC.
#ifndef RBLD_CONTROL_TIME_TEXT_H_
#define RBLD_CONTROL_TIME_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

// "2026-11-24 17:00:00", in the time zone of the process.
std::string FormatLocal(int64_t seconds);

// "30 s", "5 min", "3 h", "12 d", rounded down; of any sign.
std::string FormatSpan(int64_t seconds);

// A moment: an ISO 8601 time with an offset, a date ("2026-12-31", its start in
// UTC), a duration from now with its unit ("30d"), or "never", which is 0.
// InvalidArgument also for a moment that is not after `now_seconds`.
absl::StatusOr<int64_t> ParseExpiry(absl::string_view text,
                                    int64_t now_seconds);

}  // namespace rbld

#endif  // RBLD_CONTROL_TIME_TEXT_H_
