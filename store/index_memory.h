// The memory that the lookup indexes are built into: one contiguous region for
// each base, chunks while its size is not yet known, and packed small numbers.
#ifndef RBLD_STORE_INDEX_MEMORY_H_
#define RBLD_STORE_INDEX_MEMORY_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace rbld {

// Lookups read whole vectors of entries, so that every region and every heap
// block ends in this many bytes that may be read and mean nothing.
inline constexpr size_t kIndexPadBytes = 128;

// Where parts of a file that are mapped must begin.
inline constexpr uint64_t kPageBytes = 4096;

inline constexpr size_t kLineBytes = 64;  // of the cache

// Begins to load the cache line at `address`.
inline void PrefetchLine(const void* address) {
  __builtin_prefetch(address);
  // GCC 12 takes a function that does nothing else for one without effect, and
  // leaves its calls out.
  asm volatile("");
}

// Anonymous pages of the kernel, zeroed. Movable, not copyable. They go back
// to the kernel at once, unlike freed heap memory.
class PageRegion {
 public:
  PageRegion() = default;
  explicit PageRegion(size_t bytes);
  // `bytes` of a file from `offset` (a multiple of kPageBytes) on, which may be
  // read only. Its pages are the kernel's: they come when they are read, and
  // can be given up again.
  static PageRegion MapFile(int fd, size_t bytes, uint64_t offset = 0);
  ~PageRegion();
  PageRegion(PageRegion&& other) noexcept;
  PageRegion& operator=(PageRegion&& other) noexcept;
  PageRegion(const PageRegion&) = delete;
  PageRegion& operator=(const PageRegion&) = delete;

  // Exchanges the pages of a mapped file, from byte `begin` (a multiple of
  // kMoveBytes) to `end` of the region, for anonymous ones, which are huge
  // where the region is, kMoveBytes at a time, so that never more than that is
  // in memory twice. Others may read the region meanwhile. False if a part
  // could not be read or there was no memory for it; then the rest stays
  // mapped, and all of it stays right.
  static constexpr size_t kMoveBytes = size_t{2} << 20;
  bool MoveToMemory(int fd, uint64_t offset, size_t begin, size_t end);

  // Gives back the memory of the whole pages before byte `end`, which nobody
  // may read any more.
  void Release(size_t end) const;

  char* data() { return data_; }
  const char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
};

// Bytes appended one after another. Never moves what it holds, so that growing
// to a gigabyte does not need two.
class ByteChunks {
 public:
  void Append(const void* bytes, size_t count);
  // Appends zeros until size() is a multiple of `alignment`.
  void AlignTo(size_t alignment);
  uint64_t size() const { return size_; }
  // Copies everything to `out` and frees each chunk once it is copied.
  void MoveTo(char* out);

 private:
  static constexpr size_t kChunkBytes = size_t{1} << 20;
  std::vector<PageRegion> chunks_;
  uint64_t size_ = 0;
};

// Numbers of `width` bits each (1 to 32), packed without gaps.
inline int BitsFor(uint32_t largest) { return std::bit_width(largest); }

inline size_t PackedBytes(size_t count, int width) {
  return (count * static_cast<size_t>(width) + 7) / 8;
}

// Writes number `i` to zeroed memory. Touches up to 8 bytes from its place on.
inline void WritePacked(char* packed, size_t i, int width, uint32_t number) {
  const size_t bit = i * static_cast<size_t>(width);
  uint64_t word;
  std::memcpy(&word, packed + bit / 8, sizeof(word));
  word |= uint64_t{number} << (bit & 7);
  std::memcpy(packed + bit / 8, &word, sizeof(word));
}

// Reads 8 bytes from the number's place on.
inline uint32_t ReadPacked(const char* packed, size_t i, int width) {
  const size_t bit = i * static_cast<size_t>(width);
  uint64_t word;
  std::memcpy(&word, packed + bit / 8, sizeof(word));
  return static_cast<uint32_t>((word >> (bit & 7)) &
                               ((uint64_t{1} << width) - 1));
}

}  // namespace rbld

#endif  // RBLD_STORE_INDEX_MEMORY_H_
