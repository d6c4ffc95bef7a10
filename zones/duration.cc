#include "zones/duration.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace rbld {
namespace {

constexpr int64_t kMaxDurationSeconds = int64_t{100} * 366 * 86400;
constexpr int64_t kMaxTimeSeconds = 253402300799;  // the end of 9999

struct Unit {
  char letter;
  int64_t seconds;
};

constexpr Unit kUnits[] = {
    {'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

absl::Status BadDuration(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", absl::CHexEscape(text.substr(0, 40)),
      "\" is no duration; write seconds, or 35m, 1h30m, 30d (at most 100 "
      "years)"));
}

absl::Status BadTime(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(text.substr(0, 40)),
                   "\" is no time; write it as 2024-05-01T12:00:00Z"));
}

}  // namespace

absl::StatusOr<int64_t> ParseDurationSeconds(absl::string_view text) {
  if (text.empty()) return BadDuration(text);
  int64_t total_seconds = 0;
  size_t next_unit = 0;
  for (size_t i = 0; i < text.size();) {
    int64_t number = 0;
    const size_t start = i;
    while (i < text.size() && absl::ascii_isdigit(text[i])) {
      number = number * 10 + (text[i++] - '0');
      if (number > kMaxDurationSeconds) return BadDuration(text);
    }
    if (i == start) return BadDuration(text);
    int64_t unit_seconds = 1;
    if (i == text.size()) {
      // A number without a unit stands alone.
      if (start != 0) return BadDuration(text);
    } else {
      const char letter = absl::ascii_tolower(text[i++]);
      while (next_unit < std::size(kUnits) &&
             kUnits[next_unit].letter != letter) {
        ++next_unit;
      }
      if (next_unit == std::size(kUnits)) return BadDuration(text);
      unit_seconds = kUnits[next_unit++].seconds;
    }
    if (number > kMaxDurationSeconds / unit_seconds) return BadDuration(text);
    total_seconds += number * unit_seconds;
  }
  if (total_seconds > kMaxDurationSeconds) return BadDuration(text);
  return total_seconds;
}

std::string DurationText(int64_t seconds) {
  if (seconds <= 0) return "0";
  std::string text;
  for (const Unit& unit : kUnits) {
    if (seconds >= unit.seconds) {
      absl::StrAppend(&text, seconds / unit.seconds,
                      absl::string_view(&unit.letter, 1));
      seconds %= unit.seconds;
    }
  }
  return text;
}

absl::StatusOr<int64_t> ParseIsoTime(absl::string_view text) {
  absl::Time time;
  std::string error;
  if (text.size() < 20 || text[4] != '-' || text[10] != 'T' ||
      !absl::ParseTime("%Y-%m-%d%ET%H:%M:%S%Ez", text, &time, &error)) {
    return BadTime(text);
  }
  const int64_t seconds = absl::ToUnixSeconds(time);
  if (seconds < 0 || seconds > kMaxTimeSeconds) return BadTime(text);
  return seconds;
}

std::string IsoTime(int64_t seconds) {
  // By hand, as a dump writes two for each of millions of listings.
  const absl::CivilSecond civil = absl::CivilSecond() + seconds;
  std::string text = "0000-00-00T00:00:00Z";
  const auto write = [&text](size_t at, int digits, int64_t number) {
    for (size_t i = static_cast<size_t>(digits); i-- > 0; number /= 10) {
      text[at + i] = static_cast<char>('0' + number % 10);
    }
  };
  write(0, 4, civil.year());
  write(5, 2, civil.month());
  write(8, 2, civil.day());
  write(11, 2, civil.hour());
  write(14, 2, civil.minute());
  write(17, 2, civil.second());
  return text;
}

}  // namespace rbld
