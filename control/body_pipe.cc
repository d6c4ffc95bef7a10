#include "control/body_pipe.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace rbld {

class BodyPipe::Source : public ByteSource {
 public:
  explicit Source(BodyPipe* pipe) : pipe_(*pipe) {}
  ~Source() override {
    MutexLock lock(&pipe_.mutex_);
    pipe_.reader_closed_ = true;
    pipe_.changed_.NotifyAll();
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (taken_bytes_ == bytes_.size()) {
      bytes_.clear();
      taken_bytes_ = 0;
      MutexLock lock(&pipe_.mutex_);
      while (pipe_.buffer_.empty()) {
        if (pipe_.writer_closed_) {
          if (!pipe_.end_status_.ok()) return pipe_.end_status_;
          return 0;
        }
        pipe_.changed_.Wait(&pipe_.mutex_);
      }
      // All of it at once: the writer goes on while it is read from here.
      bytes_.swap(pipe_.buffer_);
      pipe_.changed_.NotifyAll();
    }
    const size_t count = std::min(size, bytes_.size() - taken_bytes_);
    memcpy(buffer, bytes_.data() + taken_bytes_, count);
    taken_bytes_ += count;
    return count;
  }

 private:
  BodyPipe& pipe_;
  std::string bytes_;
  size_t taken_bytes_ = 0;  // of bytes_' front
};

bool BodyPipe::Write(absl::string_view bytes) {
  MutexLock lock(&mutex_);
  while (!bytes.empty()) {
    while (buffer_.size() == kCapacityBytes && !reader_closed_) {
      changed_.Wait(&mutex_);
    }
    if (reader_closed_) return false;
    const size_t count =
        std::min(bytes.size(), kCapacityBytes - buffer_.size());
    buffer_.append(bytes.data(), count);
    bytes.remove_prefix(count);
    if (buffer_.size() >= kWakeBytes) changed_.NotifyAll();
  }
  return true;
}

void BodyPipe::CloseWriter(absl::Status status) {
  MutexLock lock(&mutex_);
  writer_closed_ = true;
  end_status_ = std::move(status);
  changed_.NotifyAll();
}

std::unique_ptr<ByteSource> BodyPipe::Reader(BodyPipe* pipe) {
  return std::make_unique<Source>(pipe);
}

}  // namespace rbld
