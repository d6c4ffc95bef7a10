#include "tools/compare/input.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "tools/stream_source.h"

namespace rbld {
namespace {

class CountedSource : public ByteSource {
 public:
  CountedSource(std::unique_ptr<ByteSource> source, uint64_t* total_bytes)
      : source_(std::move(source)), total_bytes_(*total_bytes) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    absl::StatusOr<size_t> got = source_->Read(buffer, size);
    if (got.ok()) total_bytes_ += *got;
    return got;
  }
  std::string name() const override { return source_->name(); }

 private:
  const std::unique_ptr<ByteSource> source_;
  uint64_t& total_bytes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Input>> Input::Open(
    const std::string& path, std::istream* standard_input) {
  std::unique_ptr<Input> input(new Input);
  std::unique_ptr<ByteSource> source;
  if (path == "-") {
    input->name_ = "standard input";
    source = std::make_unique<StreamSource>(standard_input);
  } else {
    input->name_ = path;
    absl::StatusOr<std::unique_ptr<ByteSource>> file = OpenFileSource(path);
    if (!file.ok()) return file.status();
    source = *std::move(file);
    struct stat info;
    if (stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      input->size_bytes_ = static_cast<uint64_t>(info.st_size);
    }
  }
  input->bytes_ = std::make_unique<CountedSource>(
      Decompress(std::make_unique<CountedSource>(std::move(source),
                                                 &input->read_bytes_)),
      &input->unpacked_bytes_);
  return input;
}

double Input::PartDone(uint64_t done_bytes) const {
  if (size_bytes_ == 0) return -1;
  if (unpacked_bytes_ == 0) return 0;
  // Readers take in more than they need at once.
  const double read =
      static_cast<double>(read_bytes_) / static_cast<double>(size_bytes_);
  const double done =
      static_cast<double>(done_bytes) / static_cast<double>(unpacked_bytes_);
  return std::min(1.0, read) * std::min(1.0, done);
}

}  // namespace rbld
