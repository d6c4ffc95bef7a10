// ByteSource: where a feed's bytes come from: a file, a request's body, a
// string; and the decompression of gzip and zstd in between.
#ifndef RBLD_ZONES_BYTE_SOURCE_H_
#define RBLD_ZONES_BYTE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace rbld {

// Used by one thread.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills up to `size` bytes; 0 at the end. Errors name the source.
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;
  // For messages: a file's path; empty if there is none to tell.
  virtual std::string name() const { return ""; }
};

// A regular file that is shorter at the end than it was when opened, or a
// different one, is an error: it was changed while it was read.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenFileSource(
    const std::string& path);
std::unique_ptr<ByteSource> StringSource(std::string bytes);

// Looks at the first bytes: gzip (RFC 1952, several members), zstd (RFC 8878,
// several frames) or plain. A stream that ends early, a bad checksum and
// bytes behind the end are errors ("truncated gzip data …"). More than
// `limit_bytes` of output is ResourceExhausted.
std::unique_ptr<ByteSource> Decompress(std::unique_ptr<ByteSource> source,
                                       uint64_t limit_bytes = uint64_t{1}
                                                              << 36);

}  // namespace rbld

#endif  // RBLD_ZONES_BYTE_SOURCE_H_
