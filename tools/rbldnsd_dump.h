// rbldnsd's -d: what its zones answer, as zone files (RFC 1035 §5).
#ifndef RBLD_TOOLS_RBLDNSD_DUMP_H_
#define RBLD_TOOLS_RBLDNSD_DUMP_H_

#include <ostream>

#include "absl/status/status.h"
#include "tools/rbldnsd_front.h"

namespace rbld {

// Writes all zones of `options`, one after the other, each with its $ORIGIN;
// subzones of combined files follow their zone. Data files are read from the
// working directory; `warnings` gets a line for each of theirs that is left
// out. Errors name the file, or the zone that cannot be written as one.
absl::Status DumpFrontZones(const FrontOptions& options, std::ostream* out,
                            std::ostream* warnings);

}  // namespace rbld

#endif  // RBLD_TOOLS_RBLDNSD_DUMP_H_
