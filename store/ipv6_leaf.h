// The runs of one stretch of the IPv6 address space, packed: the unit that
// Ipv6Index shares or replaces. Position independent.
//
// Lists hold mostly whole /64 networks and single addresses, so a leaf keeps
// four sorted tables; `high` and `low` are the halves of an address:
//   networks        one /64 each: the high half
//   network ranges  several /64s: first and last high half, 8 bytes each
//   hosts           single addresses: high and low half
//   host ranges     inside one /64: high half, first and last low half
// High halves of networks and hosts are kept as differences to the leaf's
// least one in as few bytes as the greatest difference needs.
#ifndef RBLD_STORE_IPV6_LEAF_H_
#define RBLD_STORE_IPV6_LEAF_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/types/span.h"
#include "store/index_memory.h"
#include "store/ipv6_number.h"

namespace rbld {

// Addresses first..last have this id, which is 1 or more; what it means is the
// caller's affair.
struct Ipv6Piece {
  Ipv6Number first = 0;
  Ipv6Number last = 0;
  uint32_t id = 0;
};

// Appends a piece that lies behind those there; joins it to the last one if
// they touch and have the same id.
inline void AppendPiece(std::vector<Ipv6Piece>* pieces,
                        const Ipv6Piece& piece) {
  if (!pieces->empty() && pieces->back().id == piece.id &&
      pieces->back().last + 1 == piece.first) {
    pieces->back().last = piece.last;
  } else {
    pieces->push_back(piece);
  }
}

struct Ipv6LeafHead {
  uint64_t base = 0;  // the least high half of networks and hosts
  // One divided by the greatest difference: says where among the entries a
  // high half is likely to be.
  float inverse_span = 0;
  // A leaf of n pieces has up to 3 n entries, since a piece that is not made
  // of whole /64s is cut into as many.
  uint16_t networks = 0;
  uint16_t network_ranges = 0;
  uint16_t hosts = 0;
  uint16_t host_ranges = 0;
  uint8_t high_bytes = 0;   // of a difference, 0 to 8
  uint8_t width = 0;        // bits of an id; 0: one uint32 for all
  uint8_t ids_are_own = 0;  // for the caller: whose ids these are
  uint8_t reserved = 0;
};
static_assert(sizeof(Ipv6LeafHead) == 24);

// How many pieces a leaf is made with, and how many make it be split.
inline constexpr size_t kIpv6LeafPieces = 256;
inline constexpr size_t kIpv6MostLeafPieces = 512;

// Among a table's entries a lookup looks so far before and behind its guess at
// first. Of 128 random ones the guess is off by 4 in the mean.
inline constexpr uint32_t kIpv6GuessReach = 8;

// Appends head and data to `*out`, whose size is a multiple of 8 before and
// after. `pieces` are ascending, disjoint and joined; at most
// kIpv6MostLeafPieces.
void EncodeIpv6Leaf(absl::Span<const Ipv6Piece> pieces, bool ids_are_own,
                    std::vector<char>* out);

// Reads a leaf at `bytes`, 8-byte aligned; kIndexPadBytes may be read behind
// it.
class Ipv6LeafView {
 public:
  explicit Ipv6LeafView(const char* bytes);

  bool ids_are_own() const { return head_->ids_are_own != 0; }
  // Head and data, without padding.
  size_t SizeBytes() const;

  // Begins to load what Lookup will probably read; reads the head.
  void Prefetch(uint64_t high) const;

  // The id of an address, 0 if it has none.
  uint32_t Lookup(uint64_t high, uint64_t low) const;
  bool AnyWithin(Ipv6Number first, Ipv6Number last) const;

  // Appends the pieces that meet first..last, cut to it, ascending and joined.
  void AppendPieces(Ipv6Number first, Ipv6Number last,
                    std::vector<Ipv6Piece>* pieces) const;

 private:
  uint64_t PackedHigh(const char* table, uint32_t i) const {
    uint64_t word;
    std::memcpy(&word, table + size_t{i} * head_->high_bytes, sizeof(word));
    return word & high_mask_;
  }
  static uint64_t Word(const char* table, uint32_t i) {
    uint64_t word;
    std::memcpy(&word, table + size_t{i} * 8, sizeof(word));
    return word;
  }
  uint32_t IdOf(uint32_t entry) const;
  void PrefetchHighs(const char* table, uint32_t guess, uint32_t count) const;
  // Where among `count` entries sorted by high half one is likely to be.
  uint32_t Guess(uint64_t difference, uint32_t count) const;

  // The first entry of each table that ends at the address or behind it.
  uint32_t NetworkFrom(uint64_t high) const;
  uint32_t NetworkRangeFrom(uint64_t high) const;
  uint32_t HostFrom(uint64_t high, uint64_t low) const;
  uint32_t HostRangeFrom(uint64_t high, uint64_t low) const;

  Ipv6Piece NetworkAt(uint32_t i) const;
  Ipv6Piece NetworkRangeAt(uint32_t i) const;
  Ipv6Piece HostAt(uint32_t i) const;
  Ipv6Piece HostRangeAt(uint32_t i) const;

  const Ipv6LeafHead* head_;
  uint64_t high_mask_;
  // The tables, in this order. The ids' order is: networks, hosts, network
  // ranges, host ranges.
  const char* network_highs_;
  const char* host_highs_;
  const char* host_lows_;
  const char* range_firsts_;  // high halves of network ranges
  const char* range_lasts_;
  const char* host_range_highs_;
  const char* host_range_firsts_;
  const char* host_range_lasts_;
  const char* ids_;
};

}  // namespace rbld

#endif  // RBLD_STORE_IPV6_LEAF_H_
