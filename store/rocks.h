// RocksDB's slices and statuses, and ours.
#ifndef RBLD_STORE_ROCKS_H_
#define RBLD_STORE_ROCKS_H_

#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rbld {

inline absl::string_view View(const rocksdb::Slice& slice) {
  return absl::string_view(slice.data(), slice.size());
}
inline rocksdb::Slice ToSlice(absl::string_view view) {
  return rocksdb::Slice(view.data(), view.size());
}

// The status in the operator's words: ResourceExhausted for a full disk,
// DataLoss for corruption, Unavailable for other I/O errors.
absl::Status FromRocks(const rocksdb::Status& status, absl::string_view doing);

}  // namespace rbld

#endif  // RBLD_STORE_ROCKS_H_
