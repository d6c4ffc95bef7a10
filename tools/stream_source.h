// StreamSource: standard input as a ByteSource.
#ifndef RBLD_TOOLS_STREAM_SOURCE_H_
#define RBLD_TOOLS_STREAM_SOURCE_H_

#include <istream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "zones/byte_source.h"

namespace rbld {

// Used by one thread. `in` must outlive it.
class StreamSource : public ByteSource {
 public:
  explicit StreamSource(std::istream* in) : in_(*in) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    in_.read(buffer, static_cast<std::streamsize>(size));
    if (in_.bad()) return absl::DataLossError("standard input: cannot be read");
    return static_cast<size_t>(in_.gcount());
  }
  std::string name() const override { return "standard input"; }

 private:
  std::istream& in_;
};

}  // namespace rbld

#endif  // RBLD_TOOLS_STREAM_SOURCE_H_
