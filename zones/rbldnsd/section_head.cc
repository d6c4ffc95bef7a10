#include "zones/rbldnsd/section_head.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "zones/line_text.h"
#include "zones/rbldnsd/specials.h"

namespace rbld {

bool TakeSectionKeyword(absl::string_view line, absl::string_view* rest) {
  line = SkipBlanks(StripLineEnd(line));
  if (!line.empty() && (line[0] == '#' || line[0] == ';' || line[0] == ':')) {
    line.remove_prefix(1);
  }
  if (!absl::StartsWithIgnoreCase(line, "$DATASET") ||
      (line.size() != 8 && !IsBlank(line[8]))) {
    return false;
  }
  *rest = SkipBlanks(line.substr(8));
  return true;
}

absl::StatusOr<SectionHead> ParseSectionHead(absl::string_view text) {
  const absl::string_view word = TakeWord(&text);
  const size_t colon = word.find(':');
  const absl::StatusOr<DatasetType> type =
      ParseDatasetType(word.substr(0, colon));
  if (!type.ok()) return absl::AbortedError(type.status().message());
  if (*type == DatasetType::kCombined || IsAccessList(*type)) {
    return absl::AbortedError(absl::StrCat("a combined file has no ",
                                           DatasetTypeName(*type), " inside"));
  }
  SectionHead head;
  head.type = *type;
  head.name =
      colon == absl::string_view::npos
          ? DatasetTypeName(*type)
          : absl::StrCat(DatasetTypeName(*type), ":", word.substr(colon + 1));
  while (!text.empty() && !IsComment(text)) {
    const absl::string_view subzone = TakeWord(&text);
    std::string labels;
    if (subzone != "@") {
      const absl::StatusOr<std::string> wire = ParseHostName(subzone);
      if (!wire.ok() || wire->size() < 2) {
        return absl::AbortedError(
            absl::StrCat("\"", subzone, "\" is no name of a subzone"));
      }
      labels = wire->substr(0, wire->size() - 1);
    }
    head.subzones.push_back(std::move(labels));
  }
  if (head.subzones.empty()) {
    return absl::AbortedError(
        "$DATASET names no subzone; `@` is the zone itself");
  }
  return head;
}

}  // namespace rbld
