// Whole files, read with a limit and written so that nobody sees half of one.
#ifndef RBLD_BASE_FILE_UTIL_H_
#define RBLD_BASE_FILE_UTIL_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

// Errors name the path. ResourceExhausted when longer than `limit_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     size_t limit_bytes);

// Writes `path`.tmp-PID in the same folder, syncs it, renames it over `path`
// and syncs the folder.
absl::Status WriteFileAtomically(const std::string& path,
                                 absl::string_view contents);

// Makes `path` and its missing parents (mode 0755); an existing folder is fine.
absl::Status MakeDirectories(const std::string& path);

// Syncs a folder, so that renames in it survive a power cut.
absl::Status SyncDirectory(const std::string& path);

// What the files in a folder and below it hold, in bytes. Those that go away
// meanwhile count nothing, nor does a folder that is not there.
uint64_t DirectoryBytes(const std::string& path);

// "PATH: what: strerror(errno)" as a status of the fitting code (NotFound,
// PermissionDenied, ResourceExhausted for ENOSPC, else Internal).
absl::Status ErrnoStatus(int error_number, absl::string_view path,
                         absl::string_view what);

}  // namespace rbld

#endif  // RBLD_BASE_FILE_UTIL_H_
