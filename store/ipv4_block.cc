#include "store/ipv4_block.h"

namespace rbld {
namespace {

// Ranges up to this length become singles.
constexpr int kLongestAsSingles = 3;

constexpr uint32_t kMostRangesInHead = 511;
constexpr uint32_t kMostSinglesInHead = 65535;

int Length(const Ipv4Piece& piece) { return piece.last - piece.first + 1; }

}  // namespace

Ipv4BlockHead EncodeIpv4Block(absl::Span<const Ipv4Piece> pieces,
                              std::vector<char>* data) {
  Ipv4BlockHead head;
  if (pieces.empty()) return head;
  if (Length(pieces[0]) == 65536) {
    head.info = Ipv4BlockHead::kWhole;
    head.place = pieces[0].id;
    return head;
  }

  uint32_t singles = 0;
  uint32_t ranges = 0;
  uint32_t largest = 0;
  bool same = true;
  for (const Ipv4Piece& piece : pieces) {
    if (Length(piece) <= kLongestAsSingles) {
      singles += static_cast<uint32_t>(Length(piece));
    } else {
      ++ranges;
    }
    largest = std::max(largest, piece.id);
    same = same && piece.id == pieces[0].id;
  }
  const bool large = singles > kMostSinglesInHead || ranges > kMostRangesInHead;
  // There is no code for 31 bits; one more does no harm.
  const int bits = BitsFor(largest);
  const int code = same ? 0 : std::min(bits, 31);
  const int width = code == 31 ? 32 : code;
  head.info = static_cast<uint16_t>(
      (large ? Ipv4BlockHead::kLarge : Ipv4BlockHead::kEntries) | code << 2 |
      (large ? 0 : ranges << 7));
  head.singles = large ? 0 : static_cast<uint16_t>(singles);

  const size_t entries = size_t{singles} + ranges;
  const size_t start = data->size();
  const size_t low_bytes = size_t{2} * singles + size_t{4} * ranges;
  const size_t id_bytes = same ? 4 : PackedBytes(entries, width);
  const size_t total = ((large ? 8 : 0) + low_bytes + id_bytes + 3) / 4 * 4;
  // Packing writes 8 bytes at a time; what is too much is cut off again.
  data->resize(start + total + 8, 0);
  char* at = data->data() + start;
  if (large) {
    std::memcpy(at, &singles, 4);
    std::memcpy(at + 4, &ranges, 4);
    at += 8;
  }
  auto* single = reinterpret_cast<uint16_t*>(at);
  uint16_t* range_first = single + singles;
  uint16_t* range_last = range_first + ranges;
  char* ids = at + low_bytes;
  if (same) std::memcpy(ids, &largest, 4);
  size_t single_entry = 0;
  size_t range_entry = singles;
  for (const Ipv4Piece& piece : pieces) {
    if (Length(piece) > kLongestAsSingles) {
      *range_first++ = piece.first;
      *range_last++ = piece.last;
      if (!same) WritePacked(ids, range_entry++, width, piece.id);
      continue;
    }
    for (int i = 0; i < Length(piece); ++i) {
      *single++ = static_cast<uint16_t>(piece.first + i);
      if (!same) WritePacked(ids, single_entry++, width, piece.id);
    }
  }
  data->resize(start + total);
  return head;
}

}  // namespace rbld
