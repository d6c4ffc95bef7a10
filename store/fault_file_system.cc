#include "store/fault_file_system.h"

#include <utility>

#include "base/mutex.h"

namespace rbld {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// Appended bytes wait in memory until a sync.
class UnsyncedFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  UnsyncedFile(std::unique_ptr<rocksdb::FSWritableFile> file,
               uint64_t size_bytes, std::shared_ptr<FaultPlan> plan)
      : rocksdb::FSWritableFileOwnerWrapper(std::move(file)),
        plan_(std::move(plan)),
        written_bytes_(size_bytes) {}
  ~UnsyncedFile() override {
    MutexLock lock(&mutex_);
    Drop();
  }

  IOStatus Append(const Slice& data, const IOOptions&,
                  IODebugContext*) override {
    MutexLock lock(&mutex_);
    const int64_t left = plan_->bytes_left.load();
    if (left >= 0) {
      if (static_cast<int64_t>(data.size()) > left) {
        return IOStatus::NoSpace("No space left on device");
      }
      plan_->bytes_left -= static_cast<int64_t>(data.size());
    }
    pending_.append(data.data(), data.size());
    return IOStatus::OK();
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  // To the page cache, which a power cut empties: nothing to do.
  IOStatus Flush(const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = WriteThrough(options, debug);
    return status.ok() ? target()->Sync(options, debug) : status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = WriteThrough(options, debug);
    return status.ok() ? target()->Fsync(options, debug) : status;
  }
  // A hint to begin writing, not a promise.
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&,
                     IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options,
                    IODebugContext* debug) override {
    MutexLock lock(&mutex_);
    if (size >= written_bytes_) {
      pending_.resize(size - written_bytes_);
      return IOStatus::OK();
    }
    pending_.clear();
    written_bytes_ = size;
    return target()->Truncate(size, options, debug);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    MutexLock lock(&mutex_);
    Drop();
    return target()->Close(options, debug);
  }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override {
    MutexLock lock(&mutex_);
    return written_bytes_ + pending_.size();
  }
  bool IsSyncThreadSafe() const override { return true; }

 private:
  void Drop() RBLD_REQUIRES(mutex_) {
    plan_->bytes_dropped += pending_.size();
    pending_.clear();
  }
  IOStatus WriteThrough(const IOOptions& options, IODebugContext* debug) {
    MutexLock lock(&mutex_);
    if (pending_.empty()) return IOStatus::OK();
    IOStatus status = target()->Append(pending_, options, debug);
    if (!status.ok()) return status;
    written_bytes_ += pending_.size();
    pending_.clear();
    return status;
  }

  const std::shared_ptr<FaultPlan> plan_;
  Mutex mutex_;
  std::string pending_ RBLD_GUARDED_BY(mutex_);
  uint64_t written_bytes_ RBLD_GUARDED_BY(mutex_);
};

void Wrap(std::unique_ptr<rocksdb::FSWritableFile>* file, uint64_t size_bytes,
          const std::shared_ptr<FaultPlan>& plan) {
  *file = std::make_unique<UnsyncedFile>(std::move(*file), size_bytes, plan);
}

}  // namespace

FaultFileSystem::FaultFileSystem(std::shared_ptr<rocksdb::FileSystem> base,
                                 std::shared_ptr<FaultPlan> plan)
    : rocksdb::FileSystemWrapper(std::move(base)), plan_(std::move(plan)) {}

IOStatus FaultFileSystem::NewWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  IOStatus status = target()->NewWritableFile(path, options, file, debug);
  if (status.ok()) Wrap(file, 0, plan_);
  return status;
}

IOStatus FaultFileSystem::ReopenWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  uint64_t size_bytes = 0;
  IOStatus status =
      target()->GetFileSize(path, IOOptions(), &size_bytes, debug);
  if (!status.ok()) size_bytes = 0;
  status = target()->ReopenWritableFile(path, options, file, debug);
  if (status.ok()) Wrap(file, size_bytes, plan_);
  return status;
}

IOStatus FaultFileSystem::ReuseWritableFile(
    const std::string& path, const std::string& old_path,
    const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  IOStatus status =
      target()->ReuseWritableFile(path, old_path, options, file, debug);
  if (status.ok()) Wrap(file, 0, plan_);
  return status;
}

std::shared_ptr<rocksdb::FileSystem> NewFaultFileSystem(
    std::shared_ptr<FaultPlan> plan) {
  return std::make_shared<FaultFileSystem>(rocksdb::FileSystem::Default(),
                                           std::move(plan));
}

}  // namespace rbld
