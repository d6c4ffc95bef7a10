// JSON from outside, read strictly; JSON to outside, always valid UTF-8.
//
// Pure functions; any thread. No exception leaves them.
#ifndef RBLD_CONTROL_JSON_H_
#define RBLD_CONTROL_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace rbld {

// Keys keep the order in which they were set, so that output is stable.
using Json = nlohmann::ordered_json;

inline constexpr int kMaxJsonDepth = 16;

// One JSON text (RFC 8259) and nothing behind it. InvalidArgument, with the
// byte, for anything else and also for what the RFC leaves open: a key that
// stands twice in one object, nesting deeper than kMaxJsonDepth, bytes that
// are no UTF-8, numbers that no double holds. Takes time and memory linear in
// the text, whatever stands in it.
absl::StatusOr<Json> ParseJson(absl::string_view text);

// One line. Bytes that are no UTF-8 become U+FFFD.
std::string JsonText(const Json& json);
// The same with line breaks, for people.
std::string JsonTextPretty(const Json& json);

}  // namespace rbld

#endif  // RBLD_CONTROL_JSON_H_
