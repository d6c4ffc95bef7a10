// Fuzzes a line of JSON Lines. What is understood is written as a dump writes
// it, and that must be read as the same. The word says what the line was.
#include <string>

#include "base/fuzz/fuzz_target.h"
#include "zones/json_lines.h"

namespace rbld {
namespace {

// The entry as a line; a dump names the source of each.
std::string Write(const JsonEntry& entry) {
  std::string line;
  if (entry.exemption) {
    Exemption exemption;
    exemption.target = entry.target;
    exemption.scope_source = entry.whole_list ? "" : "feed";
    exemption.created = entry.details.created;
    exemption.expires = entry.details.expires;
    exemption.author = entry.details.author;
    exemption.note = entry.details.note;
    AppendJsonLine(exemption, &line);
  } else {
    Listing listing;
    listing.target = entry.target;
    listing.source = "feed";
    listing.values = entry.values;
    if (listing.values.empty()) listing.values = {{0x7f000002, "", 0}};
    listing.created = entry.details.created;
    listing.updated = entry.details.updated;
    listing.expires = entry.details.expires;
    listing.author = entry.details.author;
    listing.note = entry.details.note;
    AppendJsonLine(listing, &line);
  }
  FuzzCheck(!line.empty() && line.back() == '\n' && IsUtf8(line));
  line.pop_back();
  return line;
}

}  // namespace

std::string FuzzOne(absl::string_view text) {
  const absl::StatusOr<JsonEntry> entry = ParseJsonLine(text);
  if (!entry.ok()) {
    FuzzCheck(!entry.status().message().empty());
    return "bad";
  }
  const std::string once = Write(*entry);
  const absl::StatusOr<JsonEntry> again = ParseJsonLine(once);
  FuzzCheck(again.ok() && Write(*again) == once);
  FuzzCheck(again->target == entry->target);
  return entry->exemption ? "exempt" : "listing";
}

}  // namespace rbld
