// What the addresses of one /16 answer, packed: the unit that Ipv4Index shares
// or replaces.
//
// A block is empty, whole (one id for all 65,536 addresses), or entries:
//   [uint32 singles, uint32 ranges]     only if the counts do not fit the head
//   uint16 low halves of single addresses, ascending
//   uint16 first low halves of ranges, ascending; uint16 last low halves
//   one uint32 id if all entries have the same, else ids of `width` bits each,
//   those of the singles before those of the ranges
// An id is 1 or more; what it means is the caller's affair. Short ranges are
// kept as singles, since one search is faster than two.
#ifndef RBLD_STORE_IPV4_BLOCK_H_
#define RBLD_STORE_IPV4_BLOCK_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "absl/types/span.h"
#include "store/index_memory.h"

namespace rbld {

// The fixed-size part of a block; position independent.
struct Ipv4BlockHead {
  enum Kind : uint16_t { kEmpty = 0, kWhole = 1, kEntries = 2, kLarge = 3 };

  uint32_t place = 0;    // of the data, in 4-byte words; kWhole: the id
  uint16_t singles = 0;  // not for kLarge
  uint16_t info = 0;     // kind, 2 bits; width code, 5; ranges, 9

  Kind kind() const { return static_cast<Kind>(info & 3); }
  // 0: all entries have the same id.
  int width() const {
    const int code = info >> 2 & 31;
    return code == 31 ? 32 : code;
  }
  uint32_t ranges() const { return info >> 7; }
};
static_assert(sizeof(Ipv4BlockHead) == 8);

// Addresses first..last of a block have this id.
struct Ipv4Piece {
  uint16_t first = 0;
  uint16_t last = 0;
  uint32_t id = 0;
};

// Appends a piece that lies behind those there; joins it to the last one if
// they touch and have the same id.
inline void AppendPiece(std::vector<Ipv4Piece>* pieces, Ipv4Piece piece) {
  if (!pieces->empty() && pieces->back().id == piece.id &&
      pieces->back().last + 1 == piece.first) {
    pieces->back().last = piece.last;
  } else {
    pieces->push_back(piece);
  }
}

// `pieces` are ascending, disjoint and joined. Appends the data to `*data`,
// whose size is a multiple of 4 before and after, without padding; head.place
// is 0 unless the block is whole.
Ipv4BlockHead EncodeIpv4Block(absl::Span<const Ipv4Piece> pieces,
                              std::vector<char>* data);

// Reads a block. `origin` is what head.place counts from; kIndexPadBytes may
// be read behind the data.
class Ipv4BlockView {
 public:
  // The block must have entries.
  Ipv4BlockView(Ipv4BlockHead head, const char* origin)
      : singles_(
            reinterpret_cast<const uint16_t*>(origin + size_t{4} * head.place)),
        single_count_(head.singles),
        range_count_(head.ranges()),
        head_(head) {
    if (head.kind() == Ipv4BlockHead::kLarge) [[unlikely]] {
      std::memcpy(&single_count_, singles_, 4);
      std::memcpy(&range_count_, singles_ + 2, 4);
      singles_ += 4;
    }
  }

  // Of the data, as EncodeIpv4Block appended it.
  size_t SizeBytes(Ipv4BlockHead head) const {
    const size_t entries = size_t{single_count_} + range_count_;
    const size_t id_bytes =
        head.width() == 0 ? 4 : PackedBytes(entries, head.width());
    return ((head.kind() == Ipv4BlockHead::kLarge ? 8 : 0) +
            size_t{2} * single_count_ + size_t{4} * range_count_ + id_bytes +
            3) /
           4 * 4;
  }

  // The id of an address, 0 if it has none.
  [[gnu::always_inline]] uint32_t Lookup(uint16_t low) const {
    const uint32_t single = FindSingle(low);
    if (single < single_count_) return IdOf(single);
    if (range_count_ == 0) return 0;
    const uint32_t range = RangeFrom(low);
    if (range == range_count_ || range_firsts()[range] > low) return 0;
    return IdOf(single_count_ + range);
  }

  bool AnyWithin(uint16_t first, uint16_t last) const {
    const uint16_t* end = singles_ + single_count_;
    const uint16_t* single = std::lower_bound(singles_, end, first);
    if (single != end && *single <= last) return true;
    const uint32_t range = RangeFrom(first);
    return range < range_count_ && range_firsts()[range] <= last;
  }

  void Prefetch(uint16_t low) const {
    const uint32_t window = Window();
    const uint32_t begin = WindowBegin(low, window);
    PrefetchLine(singles_ + begin);
    PrefetchLine(singles_ + begin + window - 1);
    PrefetchLine(ids() + ((size_t{begin} * size_t(head_.width())) >> 3));
  }

  // Calls sink(Ipv4Piece) for the pieces that meet first..last, cut to it,
  // ascending; neighbours may touch and have the same id.
  template <typename Sink>
  void ForEachPiece(uint16_t first, uint16_t last, const Sink& sink) const {
    uint32_t single = static_cast<uint32_t>(
        std::lower_bound(singles_, singles_ + single_count_, first) - singles_);
    uint32_t range = RangeFrom(first);
    for (;;) {
      const bool has_single =
          single < single_count_ && singles_[single] <= last;
      const bool has_range =
          range < range_count_ && range_firsts()[range] <= last;
      if (has_single &&
          (!has_range || singles_[single] < range_firsts()[range])) {
        const uint16_t low = singles_[single];
        sink(Ipv4Piece{low, low, IdOf(single)});
        ++single;
      } else if (has_range) {
        sink(Ipv4Piece{std::max(first, range_firsts()[range]),
                       std::min(last, range_lasts()[range]),
                       IdOf(single_count_ + range)});
        ++range;
      } else {
        return;
      }
    }
  }

 private:
  // How many singles are compared at once around the guess. In a block of n
  // random addresses the guess is off by up to sqrt(n) / 2 in the mean.
  static constexpr uint32_t kNarrowWindow = 32;
  static constexpr uint32_t kWideWindow = 64;
  static constexpr uint32_t kNarrowUpTo = 256;

  const uint16_t* range_firsts() const { return singles_ + single_count_; }
  const uint16_t* range_lasts() const { return range_firsts() + range_count_; }
  const char* ids() const {
    return reinterpret_cast<const char*>(range_lasts() + range_count_);
  }

  uint32_t IdOf(uint32_t entry) const {
    const int width = head_.width();
    if (width == 0) {
      uint32_t id;
      std::memcpy(&id, ids(), sizeof(id));
      return id;
    }
    return ReadPacked(ids(), entry, width);
  }

  // The first range that ends at `low` or behind it.
  uint32_t RangeFrom(uint16_t low) const {
    return static_cast<uint32_t>(
        std::lower_bound(range_lasts(), range_lasts() + range_count_, low) -
        range_lasts());
  }

  uint32_t Window() const {
    return single_count_ <= kNarrowUpTo ? kNarrowWindow : kWideWindow;
  }

  uint32_t WindowBegin(uint16_t low, uint32_t window) const {
    const uint32_t guess =
        static_cast<uint32_t>(uint64_t{low} * single_count_ >> 16);
    const uint32_t latest = single_count_ > window ? single_count_ - window : 0;
    const uint32_t begin = guess > window / 2 ? guess - window / 2 : 0;
    return std::min(begin, latest);
  }

  // The place of `low` among the singles; single_count_ or more if it is not
  // there. (In a short table the window goes beyond the end, and what lies
  // there may look like a match; but a true one comes before it.)
  [[gnu::always_inline]] uint32_t FindSingle(uint16_t low) const {
    const uint32_t window = Window();
    const uint32_t begin = WindowBegin(low, window);
    const uint64_t matches =
        window == kNarrowWindow
            ? MatchMask<kNarrowWindow>(singles_ + begin, low)
            : MatchMask<kWideWindow>(singles_ + begin, low);
    if (matches != 0) {
      return begin + static_cast<uint32_t>(std::countr_zero(matches));
    }
    if (single_count_ <= window) return single_count_;
    if (low < singles_[begin]) return FindSingleIn(0, begin, low);
    if (low > singles_[begin + window - 1]) {
      return FindSingleIn(begin + window, single_count_, low);
    }
    return single_count_;
  }

  uint32_t FindSingleIn(uint32_t begin, uint32_t end, uint16_t low) const {
    const uint16_t* found =
        std::lower_bound(singles_ + begin, singles_ + end, low);
    if (found == singles_ + end || *found != low) return single_count_;
    return static_cast<uint32_t>(found - singles_);
  }

  // Bit i: is entries[i] equal to `low`?
  template <uint32_t kWindow>
  static uint64_t MatchMask(const uint16_t* entries, uint16_t low) {
    uint64_t mask = 0;
#if defined(__SSE2__)
    const __m128i wanted = _mm_set1_epi16(static_cast<short>(low));
    for (uint32_t i = 0; i < kWindow; i += 16) {
      const auto* at = reinterpret_cast<const __m128i*>(entries + i);
      const __m128i a = _mm_cmpeq_epi16(_mm_loadu_si128(at), wanted);
      const __m128i b = _mm_cmpeq_epi16(_mm_loadu_si128(at + 1), wanted);
      const auto bits =
          static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(a, b)));
      mask |= uint64_t{bits} << i;
    }
#else
    for (uint32_t i = 0; i < kWindow; ++i) {
      mask |= uint64_t{entries[i] == low} << i;
    }
#endif
    return mask;
  }

  const uint16_t* singles_;
  uint32_t single_count_;
  uint32_t range_count_;
  Ipv4BlockHead head_;
};

// As the view's functions, for blocks of every kind.
[[gnu::always_inline]] inline uint32_t LookupInIpv4Block(Ipv4BlockHead head,
                                                         const char* origin,
                                                         uint16_t low) {
  if (head.kind() >= Ipv4BlockHead::kEntries) [[likely]] {
    return Ipv4BlockView(head, origin).Lookup(low);
  }
  return head.kind() == Ipv4BlockHead::kWhole ? head.place : 0;
}

inline bool AnyWithinIpv4Block(Ipv4BlockHead head, const char* origin,
                               uint16_t first, uint16_t last) {
  if (head.kind() >= Ipv4BlockHead::kEntries) {
    return Ipv4BlockView(head, origin).AnyWithin(first, last);
  }
  return head.kind() == Ipv4BlockHead::kWhole;
}

template <typename Sink>
void ForEachIpv4Piece(Ipv4BlockHead head, const char* origin, uint16_t first,
                      uint16_t last, const Sink& sink) {
  if (head.kind() >= Ipv4BlockHead::kEntries) {
    Ipv4BlockView(head, origin).ForEachPiece(first, last, sink);
  } else if (head.kind() == Ipv4BlockHead::kWhole) {
    sink(Ipv4Piece{first, last, head.place});
  }
}

}  // namespace rbld

#endif  // RBLD_STORE_IPV4_BLOCK_H_
