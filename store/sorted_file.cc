#include "store/sorted_file.h"

#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "base/file_util.h"
#include "store/rocks.h"

namespace rbld {
namespace {

// The disk begins with what is written before the file is complete, so that
// the sync at the end has little left to wait for.
constexpr uint64_t kBytesPerSync = 4 << 20;

absl::Status FromWriter(const rocksdb::Status& status) {
  return FromRocks(status, "writing import files");
}

}  // namespace

absl::Status SortedFile::Make() {
  absl::Status status =
      MakeDirectories(std::filesystem::path(path_).parent_path().string());
  if (!status.ok()) return status;
  rocksdb::ColumnFamilyDescriptor descriptor;
  status = FromRocks(family_->GetDescriptor(&descriptor), "import");
  if (!status.ok()) return status;
  rocksdb::Options options(rocksdb::DBOptions(), descriptor.options);
  options.env = env_;
  rocksdb::EnvOptions env_options;
  env_options.bytes_per_sync = kBytesPerSync;
  auto writer =
      std::make_unique<rocksdb::SstFileWriter>(env_options, options, family_);
  status = FromWriter(writer->Open(path_));
  if (status.ok()) writer_ = std::move(writer);
  return status;
}

absl::Status SortedFile::Put(absl::string_view key, absl::string_view value) {
  if (writer_ == nullptr) {
    absl::Status status = Make();
    if (!status.ok()) return status;
  }
  const rocksdb::Status status = writer_->Put(ToSlice(key), ToSlice(value));
  return status.ok() ? absl::OkStatus() : FromWriter(status);
}

absl::Status SortedFile::Delete(absl::string_view key) {
  if (writer_ == nullptr) {
    absl::Status status = Make();
    if (!status.ok()) return status;
  }
  return FromWriter(writer_->Delete(ToSlice(key)));
}

absl::Status SortedFile::Finish() {
  return made() ? FromWriter(writer_->Finish()) : absl::OkStatus();
}

absl::Status Ingest(rocksdb::DB* db,
                    absl::Span<const SortedFile* const> files) {
  std::map<rocksdb::ColumnFamilyHandle*, std::vector<std::string>> paths;
  for (const SortedFile* file : files) {
    if (file->made()) paths[file->family()].push_back(file->path());
  }
  std::vector<rocksdb::IngestExternalFileArg> ingests;
  for (auto& [family, of_family] : paths) {
    rocksdb::IngestExternalFileArg ingest;
    ingest.column_family = family;
    ingest.external_files = std::move(of_family);
    ingest.options.move_files = true;
    ingest.options.failed_move_fall_back_to_copy = true;
    ingests.push_back(std::move(ingest));
  }
  return FromRocks(db->IngestExternalFiles(ingests), "ingesting the import");
}

}  // namespace rbld
