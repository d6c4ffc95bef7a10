#include "control/relay_redaction.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "store/relay/token.h"

namespace rbld {
namespace {

constexpr size_t kHalfToken = kTokenCharacters / 2;

bool IsTokenCharacter(char c) {
  return absl::ascii_isalpha(c) || (c >= '2' && c <= '7');
}

std::string WithoutTokens(absl::string_view text) {
  std::string shown;
  while (!text.empty()) {
    size_t run = 0;
    while (run < text.size() && IsTokenCharacter(text[run])) ++run;
    if (run >= kHalfToken) {
      shown += "TOKEN";
    } else {
      absl::StrAppend(&shown, text.substr(0, run));
    }
    text.remove_prefix(run);
    if (text.empty()) break;
    shown += text.front();
    text.remove_prefix(1);
  }
  return shown;
}

// RFC 5322 §3.3, as "2026-11-24T17:00:00Z"; empty for what is no date: nothing
// else of the field may pass.
std::string DateText(absl::string_view text) {
  // The time zone's name may follow as a comment.
  const std::string date(
      absl::StripAsciiWhitespace(text.substr(0, text.find('('))));
  for (const char* format :
       {"%a, %d %b %E4Y %H:%M:%S %z", "%d %b %E4Y %H:%M:%S %z",
        "%a, %d %b %E4Y %H:%M %z", "%d %b %E4Y %H:%M %z"}) {
    absl::Time time;
    std::string error;
    if (absl::ParseTime(format, date, &time, &error)) {
      return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
    }
  }
  return "";
}

// A header field with its folded lines in one.
std::string RedactField(absl::string_view field) {
  const size_t colon = field.find(':');
  const absl::string_view name =
      absl::StripTrailingAsciiWhitespace(field.substr(0, colon));
  absl::string_view value = field.substr(colon + 1);
  std::string shown = absl::StrCat(WithoutTokens(name), ":");
  if (absl::EqualsIgnoreCase(name, "Received")) {
    const size_t semicolon = value.rfind(';');
    if (semicolon == absl::string_view::npos) return shown;
    value.remove_prefix(semicolon + 1);
  } else if (!absl::EqualsIgnoreCase(name, "Date")) {
    return shown;
  }
  const std::string date = DateText(value);
  return date.empty() ? shown : absl::StrCat(shown, " ", date);
}

}  // namespace

std::string RedactTranscript(absl::string_view transcript,
                             absl::string_view tester) {
  const std::string shown = WithoutTokens(transcript);
  if (tester.empty()) return shown;
  return absl::StrReplaceAll(shown, {{tester, "TESTER"}});
}

std::string RedactMessage(absl::string_view message) {
  std::string shown;
  std::string field;
  const auto finish = [&] {
    if (field.find(':') != std::string::npos) {
      absl::StrAppend(&shown, RedactField(field), "\n");
    }
    field.clear();
  };
  for (absl::string_view line : absl::StrSplit(message, '\n')) {
    absl::ConsumeSuffix(&line, "\r");
    if (line.empty()) break;
    if (line.front() == ' ' || line.front() == '\t') {
      absl::StrAppend(&field, line);
      continue;
    }
    finish();
    field = std::string(line);
  }
  finish();
  return shown;
}

}  // namespace rbld
