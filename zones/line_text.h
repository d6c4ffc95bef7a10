// Small pieces of the lines of text formats. Pure functions.
#ifndef RBLD_ZONES_LINE_TEXT_H_
#define RBLD_ZONES_LINE_TEXT_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace rbld {

inline bool IsBlank(char c) { return c == ' ' || c == '\t'; }

inline absl::string_view SkipBlanks(absl::string_view text) {
  size_t i = 0;
  while (i < text.size() && IsBlank(text[i])) ++i;
  return text.substr(i);
}

// Without the blanks at the end, and the carriage returns of files from
// elsewhere.
inline absl::string_view StripLineEnd(absl::string_view text) {
  while (!text.empty() && (IsBlank(text.back()) || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

inline bool IsComment(absl::string_view text) {
  return !text.empty() && (text[0] == '#' || text[0] == ';');
}

// The text up to the next blank; `*text` goes on behind the blanks.
inline absl::string_view TakeWord(absl::string_view* text) {
  size_t end = 0;
  while (end < text->size() && !IsBlank((*text)[end])) ++end;
  const absl::string_view word = text->substr(0, end);
  *text = SkipBlanks(text->substr(end));
  return word;
}

}  // namespace rbld

#endif  // RBLD_ZONES_LINE_TEXT_H_
