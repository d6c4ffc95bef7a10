// FindMissingFiles: names all data files that cannot be read, at once.
#ifndef RBLD_ZONES_MISSING_FILES_H_
#define RBLD_ZONES_MISSING_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "zones/config.h"

namespace rbld {

// NotFound names each with its reason and its dataset, and the folder from
// which they are named; `root` is the one that was changed to, for that
// message.
absl::Status FindMissingFiles(const std::vector<DatasetConfig>& datasets,
                              const std::string& root);

}  // namespace rbld

#endif  // RBLD_ZONES_MISSING_FILES_H_
