// DumpFiles: the files of one dump, written aside and put into their places
// together at the end.
//
// Used by one thread. Until Commit nothing of an older dump has changed; a dump
// that is given up leaves nothing behind.
#ifndef RBLD_ZONES_DUMP_FILE_H_
#define RBLD_ZONES_DUMP_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "zones/digest.h"
#include "zones/dump_format.h"

namespace rbld {

// One file. Errors stick: the first one is what Close returns.
class DumpFile {
 public:
  static constexpr size_t kBufferBytes = 256 * 1024;

  DumpFile(std::string directory, std::string name, DumpFormat format);
  ~DumpFile();
  DumpFile(const DumpFile&) = delete;
  DumpFile& operator=(const DumpFile&) = delete;

  // Adds text; `records` of the file's records are in it.
  void Append(absl::string_view text, int records = 0);
  const absl::Status& status() const { return status_; }

  // The examples that are kept of what is left out.
  static constexpr size_t kMaxExamples = 3;

  // Counts `count` listings that belong in this file and that its format
  // cannot say: `what` they are, and `why`.
  void LeaveOut(absl::string_view what, absl::string_view why,
                uint64_t count = 1);
  uint64_t left_out() const { return left_out_; }
  // "what: why", the first kMaxExamples.
  const std::vector<std::string>& examples() const { return examples_; }

  const std::string& name() const { return name_; }
  DumpFormat format() const { return format_; }
  uint64_t records() const { return records_; }
  uint64_t bytes() const { return bytes_; }
  const std::string& sha256_hex() const { return sha256_hex_; }

 private:
  friend class DumpFiles;

  void Flush();
  absl::Status Close();   // written and synced, still aside
  absl::Status Rename();  // into its place

  const std::string directory_;
  const std::string name_;
  const DumpFormat format_;
  const std::string temporary_path_;
  int fd_ = -1;
  bool aside_ = false;  // the temporary file exists
  std::string buffer_;
  Sha256 digest_;
  std::string sha256_hex_;
  uint64_t records_ = 0;
  uint64_t bytes_ = 0;
  uint64_t left_out_ = 0;
  std::vector<std::string> examples_;
  absl::Status status_;
};

class DumpFiles {
 public:
  // The files that one dump may have; all are open at once.
  static constexpr size_t kMaxFiles = 256;

  explicit DumpFiles(std::string directory)
      : directory_(std::move(directory)) {}

  // Never null; the folder exists. ResourceExhausted over kMaxFiles.
  absl::StatusOr<DumpFile*> New(const std::string& name, DumpFormat format);

  // Gives up the files of one format; their DumpFiles are gone.
  void Drop(DumpFormat format);

  // Closes and syncs all files, then renames them and syncs the folder.
  absl::Status Commit();

  const std::vector<std::unique_ptr<DumpFile>>& files() const { return files_; }

 private:
  const std::string directory_;
  std::vector<std::unique_ptr<DumpFile>> files_;
};

}  // namespace rbld

#endif  // RBLD_ZONES_DUMP_FILE_H_
