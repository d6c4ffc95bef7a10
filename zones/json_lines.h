// The JSON Lines of listings and exemptions: one object a line, the same for
// dumps and feeds:
//
//   {"target":"192.0.2.1","source":"feed","values":[{"code":"127.0.0.2",
//    "reason":"open relay","ttl":300}],"created":"2024-05-01T12:00:00Z",
//    "updated":…,"expires":…,"author":"…","note":"…"}
//   {"exempt":"192.0.2.9","scope":"dataset","source":"feed","created":…}
//
// What is empty or 0 is left out. A reason that is not UTF-8 stands, in base
// 64, in "reason_base64". Pure functions.
#ifndef RBLD_ZONES_JSON_LINES_H_
#define RBLD_ZONES_JSON_LINES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/import.h"
#include "store/listing.h"

namespace rbld {

// Each appends one line with its newline.
void AppendJsonLine(const Listing& listing, std::string* out);
void AppendJsonLine(const Exemption& exemption, std::string* out);

// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8
// become U+FFFD.
void AppendJsonString(absl::string_view text, std::string* out);
bool IsUtf8(absl::string_view text);

struct JsonEntry {
  bool exemption = false;
  bool whole_list = false;  // of an exemption: its scope
  Target target;
  std::string ascii;   // of a target in UTF-8: WrittenTarget::ascii
  std::string source;  // empty: not said
  ValueSet values;     // empty: not said
  EntryDetails details;
};

// InvalidArgument: no object, unknown or doubled keys, values of a wrong type,
// nested deeper than the format is.
absl::StatusOr<JsonEntry> ParseJsonLine(absl::string_view line);

}  // namespace rbld

#endif  // RBLD_ZONES_JSON_LINES_H_
