// ByteSink: where an index writes itself to, from front to back.
#ifndef RBLD_STORE_BYTE_SINK_H_
#define RBLD_STORE_BYTE_SINK_H_

#include <cstddef>
#include <cstdint>

namespace rbld {

// Used by one thread. Keeps its first error to itself until it is asked.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  void Append(const void* bytes, size_t count) {
    size_ += count;
    DoAppend(bytes, count);
  }
  // Zeros, until size() is a multiple of `alignment`, at most 4096.
  void AlignTo(size_t alignment) {
    static constexpr char kZeros[4096] = {};
    const auto over = static_cast<size_t>(size_ % alignment);
    if (over > 0) Append(kZeros, alignment - over);
  }
  // How many bytes were appended.
  uint64_t size() const { return size_; }

 private:
  virtual void DoAppend(const void* bytes, size_t count) = 0;
  uint64_t size_ = 0;
};

}  // namespace rbld

#endif  // RBLD_STORE_BYTE_SINK_H_
