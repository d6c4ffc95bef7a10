// The nodes of a name index whose fingerprints begin with the same 16 bits,
// packed: the unit that NameIndex shares or replaces.
//
//   the fingerprints' other 48 bits, 6 bytes each, ascending
//   one uint32 id if all nodes have the same, else ids of `width` bits each
// An id says which decision a node has; what it means is the caller's affair.
#ifndef RBLD_STORE_NAME_BLOCK_H_
#define RBLD_STORE_NAME_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/types/span.h"
#include "store/index_memory.h"

namespace rbld {

inline uint32_t SlotOfFingerprint(uint64_t fingerprint) {
  return static_cast<uint32_t>(fingerprint >> 48);
}

// The fixed-size part of a block; position independent.
struct NameBlockHead {
  uint32_t place = 0;  // of the data, in 4-byte words
  uint32_t info = 0;   // count, 24 bits; width of an id, 8; 0: one for all

  uint32_t count() const { return info >> 8; }
  int width() const { return info & 255; }
};
static_assert(sizeof(NameBlockHead) == 8);

inline constexpr uint32_t kMostNameBlockNodes = (1 << 24) - 1;

struct NameBlockNode {
  uint64_t fingerprint = 0;
  uint32_t id = 0;
};

// `nodes` are ascending, all of one slot. Appends the data to `*data`, whose
// size is a multiple of 4 before and after, without padding; head.place is 0.
NameBlockHead EncodeNameBlock(absl::Span<const NameBlockNode> nodes,
                              std::vector<char>* data);

// Reads a block. `origin` is what head.place counts from; kIndexPadBytes may
// be read behind the data.
class NameBlockView {
 public:
  NameBlockView(NameBlockHead head, const char* origin)
      : rests_(origin + size_t{4} * head.place),
        count_(head.count()),
        width_(head.width()) {}

  uint32_t count() const { return count_; }
  const char* data() const { return rests_; }
  // Of the data, as EncodeNameBlock appended it.
  size_t SizeBytes() const {
    const size_t id_bytes = width_ == 0 ? 4 : PackedBytes(count_, width_);
    return (size_t{count_} * kRestBytes + id_bytes + 3) / 4 * 4;
  }

  // Begins to load what Find(fingerprint) and IdAt will probably read.
  void Prefetch(uint64_t fingerprint) const {
    const uint32_t guess = Guess(fingerprint & kRestMask);
    const char* const rest = rests_ + size_t{guess} * kRestBytes;
    PrefetchLine(rest - kLineBytes / 2);
    PrefetchLine(rest + kLineBytes / 2);
    PrefetchLine(rests_ + size_t{count_} * kRestBytes +
                 size_t{guess} * static_cast<size_t>(width_) / 8);
  }

  // The place of a node; count() if there is none.
  uint32_t Find(uint64_t fingerprint) const {
    const uint64_t rest = fingerprint & kRestMask;
    uint32_t i = Guess(rest);
    while (i < count_ && RestAt(i) < rest) ++i;
    while (i > 0 && RestAt(i - 1) >= rest) --i;
    return i < count_ && RestAt(i) == rest ? i : count_;
  }

  // Without the 16 bits that all have.
  uint64_t RestAt(uint32_t i) const {
    uint64_t word;
    std::memcpy(&word, rests_ + size_t{i} * kRestBytes, sizeof(word));
    return word & kRestMask;
  }

  uint32_t IdAt(uint32_t i) const {
    const char* ids = rests_ + size_t{count_} * kRestBytes;
    if (width_ == 0) {
      uint32_t id;
      std::memcpy(&id, ids, sizeof(id));
      return id;
    }
    return ReadPacked(ids, i, width_);
  }

  static constexpr size_t kRestBytes = 6;
  static constexpr uint64_t kRestMask = (uint64_t{1} << 48) - 1;

 private:
  // Fingerprints are random, under a seed that nobody outside knows, so that
  // the guess is off by no more than the square root of the count.
  uint32_t Guess(uint64_t rest) const {
    return static_cast<uint32_t>((rest >> 16) * count_ >> 32);
  }

  const char* rests_;
  uint32_t count_;
  int width_;
};

}  // namespace rbld

#endif  // RBLD_STORE_NAME_BLOCK_H_
