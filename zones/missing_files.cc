#include "zones/missing_files.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rbld {

absl::Status FindMissingFiles(const std::vector<DatasetConfig>& datasets,
                              const std::string& root) {
  std::vector<std::string> missing;
  bool is_relative = false;
  for (const DatasetConfig& dataset : datasets) {
    for (const std::string& path : dataset.spec.files) {
      if (access(path.c_str(), R_OK) == 0) continue;
      missing.push_back(absl::StrCat(path,
                                     ": opening a data file: ", strerror(errno),
                                     " (dataset ", dataset.spec.name, ")"));
      is_relative |= path[0] != '/';
    }
  }
  if (missing.empty()) return absl::OkStatus();
  std::string message = absl::StrJoin(missing, "; ");
  char folder[PATH_MAX];
  if (is_relative && getcwd(folder, sizeof(folder)) != nullptr) {
    absl::StrAppend(&message, "; in the folder ", folder);
  }
  if (!root.empty()) absl::StrAppend(&message, " inside ", root);
  return absl::NotFoundError(message);
}

}  // namespace rbld
