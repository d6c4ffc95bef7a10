#include "control/time_text.h"

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "zones/duration.h"

namespace rbld {
namespace {

absl::Status NoTime(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text.substr(0, 60),
      "\" is no time; write a duration such as 30d (units s, m, h, d, w), a "
      "date such as 2026-12-31, a time such as 2026-12-31T12:00:00Z, or "
      "never"));
}

}  // namespace

std::string FormatLocal(int64_t seconds) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(seconds),
                          absl::LocalTimeZone());
}

std::string FormatSpan(int64_t seconds) {
  const int64_t size = std::abs(seconds);
  if (size < 120) return absl::StrCat(seconds, " s");
  if (size < 2 * 3600) return absl::StrCat(seconds / 60, " min");
  if (size < 2 * 86400) return absl::StrCat(seconds / 3600, " h");
  return absl::StrCat(seconds / 86400, " d");
}

absl::StatusOr<int64_t> ParseExpiry(absl::string_view text,
                                    int64_t now_seconds) {
  if (text == "never") return 0;
  // A bare number could be seconds, days or a Unix time, so it is none.
  if (text.empty() || absl::ascii_isdigit(text.back()) == 0 ||
      text.find('-') != absl::string_view::npos) {
    if (const auto duration = ParseDurationSeconds(text); duration.ok()) {
      if (*duration <= 0) return NoTime(text);
      return now_seconds + *duration;
    }
  }
  const bool date_only = text.find('T') == absl::string_view::npos;
  const absl::StatusOr<int64_t> seconds = ParseIsoTime(
      date_only ? absl::StrCat(text, "T00:00:00Z") : std::string(text));
  if (!seconds.ok()) return NoTime(text);
  if (*seconds <= now_seconds) {
    return absl::InvalidArgumentError(
        absl::StrCat("the expiry ", text,
                     " is in the past; give a later time, or remove the "
                     "listing instead"));
  }
  return *seconds;
}

}  // namespace rbld
