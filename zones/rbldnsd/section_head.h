// The line that begins a section of a combined file.
//
// Pure functions: any thread.
#ifndef RBLD_ZONES_RBLDNSD_SECTION_HEAD_H_
#define RBLD_ZONES_RBLDNSD_SECTION_HEAD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "zones/rbldnsd/dataset_type.h"

namespace rbld {

struct SectionHead {
  DatasetType type = DatasetType::kIp4Set;
  std::string name;  // "ip4set" or "ip4set:NAME"
  // Labels below the zone in wire form, lower case, without the root's byte;
  // empty for the zone itself. One at least.
  std::vector<std::string> subzones;
};

// Is the line of a combined file a $DATASET line? Then `*rest` is what follows
// the keyword.
bool TakeSectionKeyword(absl::string_view line, absl::string_view* rest);

// "TYPE[:NAME] SUBZONE|@ …". An error ends the whole file.
absl::StatusOr<SectionHead> ParseSectionHead(absl::string_view text);

}  // namespace rbld

#endif  // RBLD_ZONES_RBLDNSD_SECTION_HEAD_H_
