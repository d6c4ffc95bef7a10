// Durations and times as people and feeds write them. Pure functions.
#ifndef RBLD_ZONES_DURATION_H_
#define RBLD_ZONES_DURATION_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

// "90" and "90s" are seconds, "35m", "1h30m", "30d", "2w" what they say; units
// go from the greatest down. InvalidArgument for anything else, and for what is
// over 100 years.
absl::StatusOr<int64_t> ParseDurationSeconds(absl::string_view text);

// The shortest text that ParseDurationSeconds reads back: "30d", "1h30m".
std::string DurationText(int64_t seconds);

// ISO 8601 in UTC, "2024-05-01T12:00:00Z". An offset such as +02:00 is read
// too; fractions of a second and years outside 1970 to 9999 are refused.
absl::StatusOr<int64_t> ParseIsoTime(absl::string_view text);
std::string IsoTime(int64_t seconds);

}  // namespace rbld

#endif  // RBLD_ZONES_DURATION_H_
