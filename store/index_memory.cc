#include "store/index_memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "store/check.h"

namespace rbld {
namespace {

constexpr size_t kHugePageBytes = size_t{2} << 20;
static_assert(PageRegion::kMoveBytes == kHugePageBytes);
// Regions of at least this are in huge pages, but for their last part.
constexpr size_t kHugePageMinBytes = kHugePageBytes;

// Pages that begin where a huge page can; null when there is no memory.
char* MapAligned(size_t bytes) {
  void* const pages =
      mmap(nullptr, bytes + kHugePageBytes, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  char* const start = static_cast<char*>(pages);
  const size_t before =
      (kHugePageBytes - reinterpret_cast<uintptr_t>(start) % kHugePageBytes) %
      kHugePageBytes;
  const size_t page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t used = (bytes + page_bytes - 1) / page_bytes * page_bytes;
  if (before != 0) munmap(start, before);
  if (before + used != bytes + kHugePageBytes) {
    munmap(start + before + used, bytes + kHugePageBytes - before - used);
  }
  return start + before;
}

// All of `bytes` at `offset`.
bool ReadWhole(int fd, char* to, size_t bytes, uint64_t offset) {
  while (bytes > 0) {
    const ssize_t got = pread(fd, to, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    bytes -= static_cast<size_t>(got);
    offset += static_cast<uint64_t>(got);
  }
  return true;
}

}  // namespace

PageRegion::PageRegion(size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  if (bytes >= kHugePageMinBytes) {
    // Lookups hit any page of a large base, so that the processor's table of
    // pages is too small for it; huge pages make it last. Only advice: without
    // them it is slower, not wrong.
    data_ = MapAligned(bytes);
    RBLD_CHECK(data_ != nullptr, "out of memory for the lookup index");
    madvise(data_, bytes, MADV_HUGEPAGE);
    return;
  }
  void* const pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  // As `new` does: there is no way to go on without memory for the index.
  RBLD_CHECK(pages != MAP_FAILED, "out of memory for the lookup index");
  data_ = static_cast<char*>(pages);
}

PageRegion PageRegion::MapFile(int fd, size_t bytes, uint64_t offset) {
  PageRegion region;
  if (bytes == 0) return region;
  // Where a huge page can begin, for MoveToMemory.
  char* const place = MapAligned(bytes);
  RBLD_CHECK(place != nullptr, "out of memory for the lookup index");
  void* const pages = mmap(place, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
                           static_cast<off_t>(offset));
  RBLD_CHECK(pages != MAP_FAILED, "out of memory for the lookup index");
  // Lookups are at random.
  madvise(pages, bytes, MADV_RANDOM);
  region.data_ = static_cast<char*>(pages);
  region.size_ = bytes;
  return region;
}

bool PageRegion::MoveToMemory(int fd, uint64_t offset, size_t begin,
                              size_t end) {
  end = std::min(end, size_);
  for (size_t done = begin; done < end; done += kHugePageBytes) {
    const size_t part = std::min(kHugePageBytes, size_ - done);
    const size_t part_pages = (part + kPageBytes - 1) / kPageBytes * kPageBytes;
    char* const fresh = MapAligned(part);
    if (fresh == nullptr) return false;
    if (part == kHugePageBytes) madvise(fresh, part, MADV_HUGEPAGE);
    // Whoever reads the old pages at that moment waits in the kernel until the
    // new ones are there; their content is the same.
    if (!ReadWhole(fd, fresh, part, offset + done) ||
        mremap(fresh, part_pages, part_pages, MREMAP_MAYMOVE | MREMAP_FIXED,
               data_ + done) == MAP_FAILED) {
      munmap(fresh, part_pages);
      return false;
    }
  }
  return true;
}

void PageRegion::Release(size_t end) const {
  const size_t bytes = std::min(end, size_) / kPageBytes * kPageBytes;
  if (bytes != 0) madvise(data_, bytes, MADV_DONTNEED);
}

PageRegion::~PageRegion() {
  if (data_ != nullptr) munmap(data_, size_);
}

PageRegion::PageRegion(PageRegion&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

PageRegion& PageRegion::operator=(PageRegion&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void ByteChunks::Append(const void* bytes, size_t count) {
  const char* from = static_cast<const char*>(bytes);
  while (count > 0) {
    const size_t used = static_cast<size_t>(size_ % kChunkBytes);
    if (used == 0) chunks_.emplace_back(kChunkBytes);
    const size_t part = std::min(count, kChunkBytes - used);
    std::memcpy(chunks_.back().data() + used, from, part);
    from += part;
    count -= part;
    size_ += part;
  }
}

void ByteChunks::AlignTo(size_t alignment) {
  static constexpr char kZeros[64] = {};
  const size_t over = static_cast<size_t>(size_ % alignment);
  if (over > 0) Append(kZeros, alignment - over);
}

void ByteChunks::MoveTo(char* out) {
  uint64_t left = size_;
  for (PageRegion& chunk : chunks_) {
    const size_t part =
        static_cast<size_t>(std::min<uint64_t>(left, kChunkBytes));
    std::memcpy(out, chunk.data(), part);
    out += part;
    left -= part;
    chunk = PageRegion();
  }
  chunks_.clear();
  size_ = 0;
}

}  // namespace rbld
