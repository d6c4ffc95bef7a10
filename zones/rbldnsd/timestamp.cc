#include "zones/rbldnsd/timestamp.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "zones/duration.h"

namespace rbld {
namespace {

absl::Status BadStamp() {
  return absl::InvalidArgumentError(
      "$TIMESTAMP takes yyyy:mm:dd[:hh[:mi[:ss]]], and the same or +TIME for "
      "when the data expires");
}

// 0 for "0" and "-".
absl::StatusOr<int64_t> ParseStamp(absl::string_view text) {
  if (text == "0" || text == "-") return 0;
  std::string digits;
  for (const char c : text) {
    if (absl::ascii_isdigit(c)) {
      digits.push_back(c);
    } else if (c != ':' && c != '-') {
      return BadStamp();
    }
  }
  if (digits.size() < 8 || digits.size() > 14 || digits.size() % 2 != 0) {
    return BadStamp();
  }
  digits.append(14 - digits.size(), '0');
  int fields[6] = {};
  size_t at = 0;
  for (int i = 0; i < 6; ++i) {
    const size_t size = i == 0 ? 4 : 2;
    if (!absl::SimpleAtoi(digits.substr(at, size), &fields[i])) {
      return BadStamp();
    }
    at += size;
  }
  const absl::CivilSecond civil(fields[0], fields[1], fields[2], fields[3],
                                fields[4], fields[5]);
  // A civil time normalises what is out of range.
  if (civil.month() != fields[1] || civil.day() != fields[2] ||
      civil.hour() != fields[3] || civil.minute() != fields[4] ||
      civil.second() != fields[5]) {
    return BadStamp();
  }
  return absl::ToUnixSeconds(absl::FromCivil(civil, absl::UTCTimeZone()));
}

}  // namespace

absl::StatusOr<TimestampSpecial> ParseTimestampSpecial(absl::string_view text) {
  const size_t stamp_end = text.find_first_of(" \t");
  const absl::StatusOr<int64_t> made = ParseStamp(text.substr(0, stamp_end));
  if (!made.ok()) return made.status();
  TimestampSpecial stamp;
  stamp.made = *made;
  if (stamp_end == absl::string_view::npos) return stamp;
  absl::string_view rest = absl::StripAsciiWhitespace(text.substr(stamp_end));
  rest = rest.substr(0, rest.find_first_of(" \t"));
  if (!rest.empty() && rest[0] == '+') {
    const absl::StatusOr<int64_t> after = ParseDurationSeconds(rest.substr(1));
    if (!after.ok()) return BadStamp();
    stamp.expires = stamp.made == 0 ? 0 : stamp.made + *after;
  } else {
    const absl::StatusOr<int64_t> expires = ParseStamp(rest);
    if (!expires.ok()) return expires.status();
    stamp.expires = *expires;
  }
  return stamp;
}

absl::Status CheckTimestamp(const TimestampSpecial& stamp,
                            int64_t now_seconds) {
  if (stamp.made > now_seconds) {
    return absl::FailedPreconditionError(
        absl::StrCat("$TIMESTAMP ", IsoTime(stamp.made),
                     " lies in the future; check this machine's clock and the "
                     "feed's"));
  }
  if (stamp.expires != 0 && stamp.expires <= now_seconds) {
    return absl::FailedPreconditionError(
        absl::StrCat("the data expired at ", IsoTime(stamp.expires),
                     " ($TIMESTAMP); fetch the feed again"));
  }
  return absl::OkStatus();
}

}  // namespace rbld
