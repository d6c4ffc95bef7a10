// IPv6 addresses as numbers, whole and in halves.
#ifndef RBLD_STORE_IPV6_NUMBER_H_
#define RBLD_STORE_IPV6_NUMBER_H_

#include <cstdint>

namespace rbld {

// An address as a number. The extension is what both our compilers have.
__extension__ typedef unsigned __int128 Ipv6Number;

inline uint64_t HighHalf(Ipv6Number address) {
  return static_cast<uint64_t>(address >> 64);
}
inline uint64_t LowHalf(Ipv6Number address) {
  return static_cast<uint64_t>(address);
}
inline Ipv6Number JoinHalves(uint64_t high, uint64_t low) {
  return Ipv6Number{high} << 64 | low;
}

}  // namespace rbld

#endif  // RBLD_STORE_IPV6_NUMBER_H_
