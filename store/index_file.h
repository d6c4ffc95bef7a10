// A list's index as a file of the store's folder, so that a start reads it
// instead of all records. docs/STORE_FORMAT.md has the layout.
//
// A file says of which store (epoch), list and sequence it is. It is only ever
// a copy: one that is missing, damaged, of another version or too old costs
// time at the next start and nothing else.
#ifndef RBLD_STORE_INDEX_FILE_H_
#define RBLD_STORE_INDEX_FILE_H_

#include <rocksdb/env.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/index_memory.h"
#include "store/list_index.h"
#include "store/listing.h"
#include "store/value_table.h"

namespace rbld {

// What a file must be of to be of use.
struct IndexFileId {
  std::string epoch;  // 32 hex digits
  ListId list = 0;
  uint64_t name_seed = 0;
};

// Writes `index`, as it is at `sequence`, under a name of its own and durably
// renames it to `path`. `values` are what its ids mean. Any thread; takes as
// long as the disk does.
absl::Status WriteIndexFile(rocksdb::Env* env, const std::string& path,
                            const IndexFileId& id, uint64_t sequence,
                            const ListIndex& index, const ValueTable& values);

// Used by one thread.
class IndexFile {
 public:
  // NotFound: there is none. FailedPrecondition: it is of something else.
  // DataLoss: it is damaged.
  static absl::StatusOr<IndexFile> Open(const std::string& path,
                                        const IndexFileId& id);
  ~IndexFile();
  IndexFile(IndexFile&& other) noexcept;
  IndexFile& operator=(IndexFile&& other) noexcept = delete;

  uint64_t sequence() const { return sequence_; }

  // Reads it into memory and checks every byte.
  absl::StatusOr<std::shared_ptr<const ListIndex>> Read(ValueTable* values);

  // Maps it, unchecked: for a file that this process has just written. The
  // index can serve, and what it needs of memory is the kernel's page cache.
  absl::StatusOr<std::shared_ptr<const ListIndex>> Map(ValueTable* values);
  // Moves what Map mapped into memory of the process, piece by piece, while it
  // serves. False if that failed somewhere; it stays mapped there.
  bool MoveToMemory();
  // The same of the IPv4 part's first bytes.
  uint64_t ipv4_bytes() const { return sections_[kIpv4].bytes; }
  bool MoveIpv4ToMemory(uint64_t bytes);

 private:
  enum Part { kIpv4, kIpv6, kNames, kValues, kExemptions, kParts };
  struct Section {
    uint64_t offset = 0;  // a multiple of kPageBytes
    uint64_t bytes = 0;
    uint64_t hash = 0;  // XXH3, 64 bits
  };
  struct Foot;
  friend absl::Status WriteIndexFile(rocksdb::Env* env, const std::string& path,
                                     const IndexFileId& id, uint64_t sequence,
                                     const ListIndex& index,
                                     const ValueTable& values);

  IndexFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  absl::Status ReadFoot(const IndexFileId& id);
  absl::Status Damaged(const char* what) const;
  absl::StatusOr<PageRegion> ReadSection(Part part) const;
  absl::StatusOr<std::shared_ptr<const PageRegion>> Region(Part part, bool map);
  absl::StatusOr<std::shared_ptr<const ListIndex>> Load(ValueTable* values,
                                                        bool map);

  std::string path_;
  int fd_ = -1;
  uint64_t name_seed_ = 0;
  uint64_t sequence_ = 0;
  Section sections_[kParts];
  struct Mapped {
    Part part;
    std::shared_ptr<PageRegion> region;
    size_t moved_bytes = 0;
  };
  bool MoveToMemory(Mapped* mapped, size_t bytes);

  std::vector<Mapped> mapped_;
};

}  // namespace rbld

#endif  // RBLD_STORE_INDEX_FILE_H_
