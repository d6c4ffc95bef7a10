// What gen lists and asks for: addresses and names without end, in a random
// order that a seed fixes, none of them twice and without a table.
//
// Each stands at its place in a permutation of all that could be; a feed is the
// first so many, and whatever stands behind them is not listed.
//
// Free of state but for Ipv4Stream, which is used by one thread.
#ifndef RBLD_TESTS_BENCH_GEN_TARGETS_H_
#define RBLD_TESTS_BENCH_GEN_TARGETS_H_

#include <cstdint>
#include <string>

namespace rbld {

// A finaliser with good avalanche; the constants are odd, so it is one-to-one.
inline uint32_t Mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352dU;
  x ^= x >> 15;
  x *= 0x846ca68bU;
  x ^= x >> 16;
  return x;
}

// One-to-one on numbers of twice `half_bits` (at most 32) bits for every seed:
// four Feistel rounds.
template <int half_bits>
uint64_t Permute(uint64_t x, uint32_t seed) {
  constexpr uint32_t kMask = (uint64_t{1} << half_bits) - 1;
  uint32_t left = static_cast<uint32_t>(x >> half_bits) & kMask;
  uint32_t right = static_cast<uint32_t>(x) & kMask;
  for (uint32_t round = 0; round < 4; ++round) {
    const uint32_t next =
        left ^ (Mix(right + seed * 0x9e3779b9U + round * 0x85ebca6bU) & kMask);
    left = right;
    right = next;
  }
  return uint64_t{left} << half_bits | right;
}

// Leaves out every /8 in which special-purpose space lies (RFC 6890), so that
// no guard rejects a line.
inline bool IsOrdinary(uint32_t address) {
  switch (address >> 24) {
    case 0:
    case 10:
    case 100:
    case 127:
    case 169:
    case 172:
    case 192:
    case 198:
    case 203:
      return false;
    default:
      return address >> 24 < 224;
  }
}

// The ordinary addresses of the permutation, in its order.
class Ipv4Stream {
 public:
  explicit Ipv4Stream(uint32_t seed) : seed_(seed) {}

  uint32_t Next() {
    while (true) {
      const auto address =
          static_cast<uint32_t>(Permute<16>(position_++, seed_));
      if (IsOrdinary(address)) return address;
    }
  }

 private:
  const uint32_t seed_;
  uint32_t position_ = 0;
};

// An IPv6 target: half of them are a /64, the others a single address in one.
// All /64s differ. The high half is in the registries' 2400::, 2600::, 2800::
// and 2a00::/8.
struct Ipv6Target {
  uint64_t high;
  uint64_t low;  // of a /64 an address that is asked for
  bool is_network;
};

inline Ipv6Target Ipv6At(uint32_t place, uint32_t seed) {
  const uint64_t x = Permute<29>(place, seed);
  const auto mixed = Mix(place ^ Mix(seed));
  Ipv6Target target;
  target.high = uint64_t{0x24 + 2 * (x >> 56)} << 56 | (x & 0xffffffffffffff);
  target.low = uint64_t{mixed} << 32 | Mix(mixed + 1);
  target.is_network = Mix(mixed + 2) % 2 == 0;
  return target;
}

// A registered domain such as "kqhwizec.com". Half of them are listed with
// their subdomains.
struct NameTarget {
  std::string name;
  bool with_subdomains;
  bool ask_subdomain;  // and then half of these are asked for "www." and it
};

NameTarget NameAt(uint32_t place, uint32_t seed);

}  // namespace rbld

#endif  // RBLD_TESTS_BENCH_GEN_TARGETS_H_
