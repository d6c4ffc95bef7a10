// UnlinkedFile: a scratch file that has no name, so that nothing of it is left
// behind however the process ends. What is written there is the kernel's to
// keep in memory or on the disk.
//
// Used by one thread.
#ifndef RBLD_BASE_UNLINKED_FILE_H_
#define RBLD_BASE_UNLINKED_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace rbld {

// Movable, not copyable.
class UnlinkedFile {
 public:
  UnlinkedFile() = default;
  // In `directory`; ok() says whether that was possible.
  static UnlinkedFile Create(const std::string& directory);
  ~UnlinkedFile();
  UnlinkedFile(UnlinkedFile&& other) noexcept;
  UnlinkedFile& operator=(UnlinkedFile&& other) noexcept;
  UnlinkedFile(const UnlinkedFile&) = delete;
  UnlinkedFile& operator=(const UnlinkedFile&) = delete;

  bool ok() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  // Preconditions of all: ok(). Errors name the folder; ResourceExhausted for
  // a full disk.
  absl::Status Append(const void* bytes, size_t count);
  absl::Status WriteAt(uint64_t offset, const void* bytes, size_t count);
  // All of `count` bytes.
  absl::Status ReadAt(uint64_t offset, void* bytes, size_t count) const;

 private:
  int fd_ = -1;
  uint64_t size_ = 0;
  std::string directory_;
};

}  // namespace rbld

#endif  // RBLD_BASE_UNLINKED_FILE_H_
