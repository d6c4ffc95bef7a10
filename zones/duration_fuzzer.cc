// Fuzzes the readers of durations and times. The word says what was read.
#include <string>

#include "base/fuzz/fuzz_target.h"
#include "zones/duration.h"

namespace rbld {

std::string FuzzOne(absl::string_view text) {
  const absl::StatusOr<int64_t> duration = ParseDurationSeconds(text);
  const absl::StatusOr<int64_t> time = ParseIsoTime(text);
  FuzzCheck(!duration.ok() || !time.ok());
  if (duration.ok()) {
    // What is written is read as the same.
    const auto again = ParseDurationSeconds(DurationText(*duration));
    FuzzCheck(again.ok() && *again == *duration);
    return "duration";
  }
  if (time.ok()) {
    const auto again = ParseIsoTime(IsoTime(*time));
    FuzzCheck(again.ok() && *again == *time);
    return "time";
  }
  FuzzCheck(!duration.status().message().empty() &&
            !time.status().message().empty());
  return "bad";
}

}  // namespace rbld
