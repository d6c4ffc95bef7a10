// FaultFileSystem: a file system for tests that keeps what was not synced in
// memory only, so that a killed process loses it as a machine without power
// would, and that can run out of space.
//
// Thread-safe. Folder operations (create, rename, link, delete) take effect at
// once.
#ifndef RBLD_STORE_FAULT_FILE_SYSTEM_H_
#define RBLD_STORE_FAULT_FILE_SYSTEM_H_

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace rbld {

// What the file system shall do; shared with its files.
struct FaultPlan {
  // Bytes that may still be written before "No space left on device"; negative
  // for no limit.
  std::atomic<int64_t> bytes_left{-1};
  // Bytes that were given up because their file was closed unsynced.
  std::atomic<uint64_t> bytes_dropped{0};
};

class FaultFileSystem : public rocksdb::FileSystemWrapper {
 public:
  FaultFileSystem(std::shared_ptr<rocksdb::FileSystem> base,
                  std::shared_ptr<FaultPlan> plan);

  const char* Name() const override { return "FaultFileSystem"; }
  rocksdb::IOStatus NewWritableFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* file,
      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* file,
      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReuseWritableFile(
      const std::string& path, const std::string& old_path,
      const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* file,
      rocksdb::IODebugContext* debug) override;

 private:
  const std::shared_ptr<FaultPlan> plan_;
};

// On the default file system.
std::shared_ptr<rocksdb::FileSystem> NewFaultFileSystem(
    std::shared_ptr<FaultPlan> plan);

}  // namespace rbld

#endif  // RBLD_STORE_FAULT_FILE_SYSTEM_H_
