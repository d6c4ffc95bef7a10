#include "base/unlinked_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/file_util.h"

namespace rbld {

UnlinkedFile UnlinkedFile::Create(const std::string& directory) {
  UnlinkedFile file;
  file.directory_ = directory;
  file.fd_ = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC,
                  S_IRUSR | S_IWUSR);
  if (file.fd_ < 0 && errno != ENOENT && errno != EACCES) {
    // A file system without O_TMPFILE.
    std::string path = directory + "/.rbld-scratch-XXXXXX";
    file.fd_ = mkostemp(path.data(), O_CLOEXEC);
    if (file.fd_ >= 0) unlink(path.c_str());
  }
  return file;
}

UnlinkedFile::~UnlinkedFile() {
  if (fd_ >= 0) close(fd_);
}

UnlinkedFile::UnlinkedFile(UnlinkedFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      directory_(std::move(other.directory_)) {}

UnlinkedFile& UnlinkedFile::operator=(UnlinkedFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(directory_, other.directory_);
  return *this;
}

absl::Status UnlinkedFile::Append(const void* bytes, size_t count) {
  const absl::Status status = WriteAt(size_, bytes, count);
  if (status.ok()) size_ += count;
  return status;
}

absl::Status UnlinkedFile::WriteAt(uint64_t offset, const void* bytes,
                                   size_t count) {
  const char* from = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t wrote = pwrite(fd_, from, count, static_cast<off_t>(offset));
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, directory_, "writing a scratch file");
    }
    from += wrote;
    offset += static_cast<uint64_t>(wrote);
    count -= static_cast<size_t>(wrote);
  }
  return absl::OkStatus();
}

absl::Status UnlinkedFile::ReadAt(uint64_t offset, void* bytes,
                                  size_t count) const {
  char* to = static_cast<char*>(bytes);
  while (count > 0) {
    const ssize_t got = pread(fd_, to, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return ErrnoStatus(got < 0 ? errno : EIO, directory_,
                         "reading a scratch file");
    }
    to += got;
    offset += static_cast<uint64_t>(got);
    count -= static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

}  // namespace rbld
