// SortedFile: a file of records in the order of their keys, which RocksDB takes
// into one of its column families as it is.
#ifndef RBLD_STORE_SORTED_FILE_H_
#define RBLD_STORE_SORTED_FILE_H_

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/sst_file_writer.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace rbld {

// It is made when something is put. Used by one thread at a time.
class SortedFile {
 public:
  // `path` lies in the store's folder, in one of its own that need not be
  // there yet.
  SortedFile(rocksdb::Env* env, rocksdb::ColumnFamilyHandle* family,
             std::string path)
      : env_(env), family_(family), path_(std::move(path)) {}

  // Keys ascend.
  absl::Status Put(absl::string_view key, absl::string_view value);
  absl::Status Delete(absl::string_view key);
  // Durable when it returns; nothing to do for a file that was never made.
  absl::Status Finish();

  bool made() const { return writer_ != nullptr; }
  rocksdb::ColumnFamilyHandle* family() const { return family_; }
  const std::string& path() const { return path_; }

 private:
  absl::Status Make();

  rocksdb::Env* const env_;
  rocksdb::ColumnFamilyHandle* const family_;
  const std::string path_;
  std::unique_ptr<rocksdb::SstFileWriter> writer_;
};

// Moves those that were made, and are finished, into the store: all families
// in one atomic and durable step.
absl::Status Ingest(rocksdb::DB* db, absl::Span<const SortedFile* const> files);

}  // namespace rbld

#endif  // RBLD_STORE_SORTED_FILE_H_
