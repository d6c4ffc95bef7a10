// Ipv6Keys: ascending IPv6 addresses, and which of them is the last that is not
// behind a given one.
//
// What a search reads is near: the high halves lie apart, and every sixteenth
// of them once more, so that few steps wait for the one before. Low halves are
// read only where high halves are equal.
#ifndef RBLD_STORE_IPV6_KEYS_H_
#define RBLD_STORE_IPV6_KEYS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/index_memory.h"
#include "store/ipv6_number.h"

namespace rbld {

class Ipv6Keys {
 public:
  size_t size() const { return highs_.size(); }
  bool empty() const { return highs_.empty(); }
  Ipv6Number operator[](size_t i) const {
    return JoinHalves(highs_[i], lows_[i]);
  }
  uint64_t MemoryBytes() const;

  // Behind those that are there.
  void Add(Ipv6Number key);
  // begin..end-1 of others.
  void Append(const Ipv6Keys& others, size_t begin, size_t end);
  // May not come before one that it was behind, or the other way round.
  void ReplaceFirst(Ipv6Number key);

  // The place of the last key that is not behind `address`. Precondition: the
  // first one is not.
  size_t FindLast(Ipv6Number address) const {
    return FindLastIn(FindBlock(address), address);
  }

  // The same in two steps, for who finds many: FindBlock begins to load what
  // FindLastIn reads. It gives the place of the first of at most kBlock keys.
  static constexpr size_t kBlock = 16;
  size_t FindBlock(Ipv6Number address) const {
    const uint64_t high = HighHalf(address);
    // Without a branch that depends on the keys: they are random.
    size_t block = 0;
    size_t blocks = marks_.size();
    while (blocks > kBlock) {
      const size_t half = blocks / 2;
      block += marks_[block + half] <= high ? half : 0;
      blocks -= half;
    }
    block += CountUpTo(marks_.data() + block, blocks, high) - 1;
    const size_t begin = block * kBlock;
    PrefetchLine(highs_.data() + begin);
    PrefetchLine(highs_.data() + begin + kBlock - 1);
    return begin;
  }
  size_t FindLastIn(size_t begin, Ipv6Number address) const {
    const uint64_t high = HighHalf(address);
    const size_t count = std::min(size() - begin, kBlock);
    const size_t at = begin + CountUpTo(highs_.data() + begin, count, high) - 1;
    if (highs_[at] != high) [[likely]]
      return at;
    return FindLastOfEqual(at, LowHalf(address));
  }

 private:
  // How many of the first `count` are not above `high`; up to kBlock.
  static size_t CountUpTo(const uint64_t* highs, size_t count, uint64_t high) {
    size_t up_to = 0;
    if (count == kBlock) [[likely]] {
#pragma GCC unroll 16
      for (size_t i = 0; i < kBlock; ++i) up_to += highs[i] <= high ? 1 : 0;
      return up_to;
    }
    for (size_t i = 0; i < count; ++i) up_to += highs[i] <= high ? 1 : 0;
    return up_to;
  }
  // `at` is the last key with its high half.
  size_t FindLastOfEqual(size_t at, uint64_t low) const;

  std::vector<uint64_t> highs_;
  std::vector<uint64_t> lows_;
  std::vector<uint64_t> marks_;  // highs_[0], [kBlock], [2 * kBlock], …
};

}  // namespace rbld

#endif  // RBLD_STORE_IPV6_KEYS_H_
