#include "store/rocks.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rbld {

absl::Status FromRocks(const rocksdb::Status& status, absl::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat(doing, ": ", status.ToString());
  if (status.IsNoSpace() || absl::StrContains(status.ToString(), "No space")) {
    return absl::ResourceExhaustedError(
        absl::StrCat(text, "; free disk space and try again"));
  }
  if (status.IsCorruption()) {
    return absl::DataLossError(absl::StrCat(
        text, "; stop the daemon and restore a backup (rblctl restore)"));
  }
  if (status.IsNotFound()) return absl::NotFoundError(text);
  return absl::UnavailableError(text);
}

}  // namespace rbld
