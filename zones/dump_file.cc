#include "zones/dump_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_util.h"

namespace rbld {

DumpFile::DumpFile(std::string directory, std::string name, DumpFormat format)
    : directory_(std::move(directory)),
      name_(std::move(name)),
      format_(format),
      temporary_path_(
          absl::StrCat(directory_, "/.", name_, ".tmp-", getpid())) {
  fd_ = open(temporary_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
             0644);
  if (fd_ < 0) {
    status_ = ErrnoStatus(errno, temporary_path_, "open");
    return;
  }
  aside_ = true;
  buffer_.reserve(kBufferBytes);
}

DumpFile::~DumpFile() {
  if (fd_ >= 0) close(fd_);
  if (aside_) unlink(temporary_path_.c_str());
}

void DumpFile::Append(absl::string_view text, int records) {
  if (!status_.ok()) return;
  if (buffer_.size() + text.size() > kBufferBytes) Flush();
  buffer_.append(text.data(), text.size());
  records_ += static_cast<uint64_t>(records);
}

void DumpFile::LeaveOut(absl::string_view what, absl::string_view why,
                        uint64_t count) {
  left_out_ += count;
  if (examples_.size() < kMaxExamples) {
    examples_.push_back(absl::StrCat(what, ": ", why));
  }
}

void DumpFile::Flush() {
  digest_.Update(buffer_);
  absl::string_view rest = buffer_;
  while (!rest.empty() && status_.ok()) {
    const ssize_t written = write(fd_, rest.data(), rest.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      status_ = ErrnoStatus(errno, temporary_path_, "write");
      break;
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  bytes_ += buffer_.size();
  buffer_.clear();
}

absl::Status DumpFile::Close() {
  if (!status_.ok()) return status_;
  Flush();
  if (status_.ok() && fsync(fd_) != 0) {
    status_ = ErrnoStatus(errno, temporary_path_, "fsync");
  }
  if (close(fd_) != 0 && status_.ok()) {
    status_ = ErrnoStatus(errno, temporary_path_, "close");
  }
  fd_ = -1;
  sha256_hex_ = digest_.FinishHex();
  return status_;
}

absl::Status DumpFile::Rename() {
  const std::string path = absl::StrCat(directory_, "/", name_);
  if (rename(temporary_path_.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(errno, path, "rename");
  }
  aside_ = false;
  return absl::OkStatus();
}

absl::StatusOr<DumpFile*> DumpFiles::New(const std::string& name,
                                         DumpFormat format) {
  if (files_.size() >= kMaxFiles) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the dump would need more than ", kMaxFiles,
        " files; rbldnsd's formats need one for each number of values and each "
        "TTL, so use fewer different TTLs, or dump as rfc1035 or jsonl"));
  }
  files_.push_back(std::make_unique<DumpFile>(directory_, name, format));
  const absl::Status& status = files_.back()->status();
  if (!status.ok()) return status;
  return files_.back().get();
}

void DumpFiles::Drop(DumpFormat format) {
  files_.erase(std::remove_if(files_.begin(), files_.end(),
                              [format](const auto& file) {
                                return file->format() == format;
                              }),
               files_.end());
}

absl::Status DumpFiles::Commit() {
  for (const auto& file : files_) {
    const absl::Status status = file->Close();
    if (!status.ok()) return status;
  }
  for (const auto& file : files_) {
    const absl::Status status = file->Rename();
    if (!status.ok()) return status;
  }
  return SyncDirectory(directory_);
}

}  // namespace rbld
