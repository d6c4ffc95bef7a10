// A target as people write it, in feeds and in requests: what Target::Parse
// reads, and names in UTF-8, which mean their xn-- form.
//
// Pure functions; any thread.
#ifndef RBLD_ZONES_WRITTEN_TARGET_H_
#define RBLD_ZONES_WRITTEN_TARGET_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/target.h"

namespace rbld {

struct WrittenTarget {
  Target target;
  // Of a name that was written in UTF-8, what it became: target.ToString().
  // Else empty.
  std::string ascii;
};

// Names in UTF-8 are mapped and checked as UTS #46 says, non-transitional.
// InvalidArgument: as of Target::Parse; no UTF-8; what libidn2 refuses; a name
// in UTF-8 that has characters of ASCII that no host has; and one that becomes
// something else than a name in the same scope.
absl::StatusOr<WrittenTarget> ParseWrittenTarget(absl::string_view text);

}  // namespace rbld

#endif  // RBLD_ZONES_WRITTEN_TARGET_H_
