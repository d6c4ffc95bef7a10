#include "zones/rbldnsd/entry_parameters.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "zones/duration.h"
#include "zones/line_text.h"

namespace rbld {
namespace {

// The end of 9999.
constexpr int64_t kMaxTime = 253'402'300'799;
constexpr size_t kMaxKeyNameBytes = 100;

struct Parameter {
  absl::string_view name;
  absl::string_view value;
};

absl::Status Bad(const Parameter& parameter, absl::string_view wanted) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", parameter.name, "=", parameter.value, "\": ", wanted));
}

// Removes the next parameter; none is left when its name is empty. They are
// parted by ';' or ':', a comment ends them.
absl::StatusOr<Parameter> TakeParameter(absl::string_view* text) {
  while (!text->empty() && (IsBlank(text->front()) || text->front() == ';' ||
                            text->front() == ':')) {
    text->remove_prefix(1);
  }
  if (text->empty() || text->front() == '#') {
    *text = absl::string_view();
    return Parameter();
  }
  const size_t end = std::min(text->find_first_of(":;"), text->size());
  absl::string_view word = text->substr(0, end);
  text->remove_prefix(end);
  const size_t comment = word.find(" #");
  if (comment != absl::string_view::npos) {
    word = word.substr(0, comment);
    *text = absl::string_view();
  }
  word = absl::StripTrailingAsciiWhitespace(word);
  const size_t equals = word.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", word, "\" behind the @ is no NAME=VALUE"));
  }
  return Parameter{word.substr(0, equals), SkipBlanks(word.substr(equals + 1))};
}

absl::StatusOr<int64_t> ParseSeconds(const Parameter& parameter) {
  int64_t seconds = 0;
  if (!absl::SimpleAtoi(parameter.value, &seconds) || seconds < 0 ||
      seconds > kMaxTime) {
    return Bad(parameter, "write seconds since 1970, such as 1700000000");
  }
  return seconds;
}

// "2027-01-31", when that day begins in UTC, or seconds since 1970.
absl::StatusOr<int64_t> ParseTime(const Parameter& parameter) {
  if (!absl::StrContains(parameter.value, '-')) return ParseSeconds(parameter);
  const absl::StatusOr<int64_t> seconds =
      ParseIsoTime(absl::StrCat(parameter.value, "T00:00:00Z"));
  if (!seconds.ok() || *seconds == 0) {
    return Bad(parameter, "write a day, such as 2027-01-31");
  }
  return seconds;
}

}  // namespace

absl::string_view TakeEntryParameters(absl::string_view* line) {
  for (size_t i = 0; i < line->size(); ++i) {
    if ((*line)[i] != '@' || (i > 0 && !IsBlank((*line)[i - 1]))) continue;
    const absl::string_view parameters = SkipBlanks(line->substr(i + 1));
    *line = absl::StripTrailingAsciiWhitespace(line->substr(0, i));
    return parameters;
  }
  return absl::string_view();
}

absl::StatusOr<ValueCondition> ParseEntryCondition(absl::string_view parameters,
                                                   int64_t now_seconds) {
  ValueCondition condition;
  std::optional<int64_t> start;
  int64_t delay_seconds = 0;
  while (true) {
    const absl::StatusOr<Parameter> parameter = TakeParameter(&parameters);
    if (!parameter.ok()) return parameter.status();
    if (parameter->name.empty()) break;
    if (parameter->name == "ts") {
      const absl::StatusOr<int64_t> seconds = ParseSeconds(*parameter);
      if (!seconds.ok()) return seconds.status();
      start = *seconds;
    } else if (parameter->name == "delay") {
      const absl::StatusOr<int64_t> seconds =
          ParseDurationSeconds(parameter->value);
      if (!seconds.ok()) return Bad(*parameter, seconds.status().message());
      delay_seconds = *seconds;
    } else if (parameter->name == "key") {
      condition.needs_key |= parameter->value == "require";
      condition.key_skips_wait |= parameter->value == "nodelay";
      if (parameter->value != "require" && parameter->value != "nodelay") {
        return Bad(*parameter, "write key=require or key=nodelay");
      }
    } else {
      return Bad(*parameter, "an entry has the parameters ts, delay and key");
    }
  }
  if (delay_seconds > 0) {
    if (!start.has_value()) {
      return absl::InvalidArgumentError(
          "delay= counts from ts=, which is not here");
    }
    const int64_t ready = *start + delay_seconds;
    if (ready > now_seconds) condition.not_before = ready;
  }
  // Nothing to skip.
  if (condition.not_before == 0) condition.key_skips_wait = false;
  return condition;
}

absl::StatusOr<KeyTerms> ParseKeyTerms(absl::string_view parameters) {
  KeyTerms terms;
  while (true) {
    const absl::StatusOr<Parameter> parameter = TakeParameter(&parameters);
    if (!parameter.ok()) return parameter.status();
    if (parameter->name.empty()) return terms;
    if (parameter->name == "name") {
      if (parameter->value.empty() ||
          parameter->value.size() > kMaxKeyNameBytes) {
        return Bad(*parameter, "a name has 1 to 100 bytes");
      }
      terms.name = std::string(parameter->value);
    } else if (parameter->name == "expires") {
      const absl::StatusOr<int64_t> time = ParseTime(*parameter);
      if (!time.ok()) return time.status();
      terms.expires = *time;
    } else if (parameter->name == "quota") {
      const size_t slash = parameter->value.find('/');
      const absl::Status bad =
          Bad(*parameter, "write QUERIES/TIME, such as 1000000/1d");
      if (slash == absl::string_view::npos ||
          !absl::SimpleAtoi(parameter->value.substr(0, slash), &terms.quota) ||
          terms.quota == 0) {
        return bad;
      }
      const absl::StatusOr<int64_t> period =
          ParseDurationSeconds(parameter->value.substr(slash + 1));
      if (!period.ok() || *period == 0) return bad;
      terms.quota_seconds = static_cast<uint32_t>(*period);
    } else {
      return Bad(*parameter,
                 "a key has the parameters name, expires and quota");
    }
  }
}

}  // namespace rbld
