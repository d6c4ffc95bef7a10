// Input: a file or standard input, unpacked, and how much of it was read.
#ifndef RBLD_TOOLS_COMPARE_INPUT_H_
#define RBLD_TOOLS_COMPARE_INPUT_H_

#include <cstdint>
#include <istream>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "zones/byte_source.h"

namespace rbld {

// Used by one thread.
class Input {
 public:
  // "-" is `standard_input`, which must outlive the result.
  static absl::StatusOr<std::unique_ptr<Input>> Open(
      const std::string& path, std::istream* standard_input);

  ByteSource* bytes() { return bytes_.get(); }
  // For messages: the path.
  const std::string& name() const { return name_; }
  // How much of it is done with, 0.0 to 1.0, when `done_bytes` of what bytes()
  // gave are; less than 0 where the size is not known.
  double PartDone(uint64_t done_bytes) const;

 private:
  Input() = default;

  std::string name_;
  uint64_t size_bytes_ = 0;  // 0: not known
  uint64_t read_bytes_ = 0;  // before they are unpacked
  uint64_t unpacked_bytes_ = 0;
  std::unique_ptr<ByteSource> bytes_;
};

}  // namespace rbld

#endif  // RBLD_TOOLS_COMPARE_INPUT_H_
