#include "zones/byte_source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_util.h"

namespace rbld {
namespace {

class FileSource : public ByteSource {
 public:
  FileSource(int fd, std::string path, const struct stat& opened)
      : fd_(fd), path_(std::move(path)), opened_(opened) {}
  ~FileSource() override { close(fd_); }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    while (true) {
      const ssize_t got = read(fd_, buffer, size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoStatus(errno, path_, "read");
      read_bytes_ += static_cast<uint64_t>(got);
      if (got == 0 && size > 0) {
        const absl::Status status = CheckUnchanged();
        if (!status.ok()) return status;
      }
      return static_cast<size_t>(got);
    }
  }

  std::string name() const override { return path_; }

 private:
  absl::Status CheckUnchanged() const {
    if (!S_ISREG(opened_.st_mode)) return absl::OkStatus();
    struct stat now;
    if (fstat(fd_, &now) != 0) return ErrnoStatus(errno, path_, "stat");
    const auto opened_bytes = static_cast<uint64_t>(opened_.st_size);
    if (read_bytes_ < opened_bytes || now.st_size < opened_.st_size) {
      return absl::AbortedError(absl::StrCat(
          path_, ": became shorter while it was read (", opened_bytes,
          " bytes at first, ", read_bytes_,
          " read); write the feed to another name and rename it when it is "
          "complete"));
    }
    if (read_bytes_ != opened_bytes ||
        now.st_mtim.tv_sec != opened_.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec) {
      return absl::AbortedError(absl::StrCat(
          path_,
          ": was written to while it was read; write the feed to another name "
          "and rename it when it is complete"));
    }
    return absl::OkStatus();
  }

  const int fd_;
  const std::string path_;
  const struct stat opened_;
  uint64_t read_bytes_ = 0;
};

class BytesSource : public ByteSource {
 public:
  explicit BytesSource(std::string bytes) : bytes_(std::move(bytes)) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    const size_t count = std::min(size, bytes_.size() - at_);
    memcpy(buffer, bytes_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  const std::string bytes_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> OpenFileSource(
    const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path, "open");
  struct stat opened;
  if (fstat(fd, &opened) != 0) {
    const int error_number = errno;
    close(fd);
    return ErrnoStatus(error_number, path, "stat");
  }
  if (S_ISDIR(opened.st_mode)) {
    close(fd);
    return ErrnoStatus(EISDIR, path, "open");
  }
  return std::unique_ptr<ByteSource>(
      std::make_unique<FileSource>(fd, path, opened));
}

std::unique_ptr<ByteSource> StringSource(std::string bytes) {
  return std::make_unique<BytesSource>(std::move(bytes));
}

}  // namespace rbld
