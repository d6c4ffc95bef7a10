// IpPrefix: an IPv4 or IPv6 prefix; a single address is one of full length.
#ifndef RBLD_BASE_IP_PREFIX_H_
#define RBLD_BASE_IP_PREFIX_H_

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

enum class Family : uint8_t { kIpv4 = 4, kIpv6 = 6 };

// 16 bytes in network order. An IPv4 address fills the first 4, the rest is 0.
using AddressBytes = std::array<uint8_t, 16>;

// An IPv4 address in host order.
constexpr uint32_t Ipv4Of(const AddressBytes& bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 |
         uint32_t{bytes[2]} << 8 | bytes[3];
}

// A value type. Always holds: length_bits <= WidthBits(family), and every bit
// behind the prefix is 0.
struct IpPrefix {
  Family family = Family::kIpv4;
  uint8_t length_bits = 0;
  AddressBytes bytes = {};

  static int WidthBits(Family family) {
    return family == Family::kIpv4 ? 32 : 128;
  }
  // Masks the host bits away.
  static IpPrefix Make(Family family, const AddressBytes& bytes,
                       int length_bits);
  static IpPrefix FromIpv4(uint32_t host_order, int length_bits = 32);

  bool IsSingleAddress() const { return length_bits == WidthBits(family); }
  // First address in host order; IPv4 only.
  uint32_t ipv4() const { return Ipv4Of(bytes); }
  bool Contains(const IpPrefix& other) const;
  // The last address of the prefix.
  AddressBytes LastAddress() const;

  // "192.0.2.1", "192.0.2.0/24", "2001:db8::/32" (RFC 5952). A single address
  // has no "/len".
  std::string ToString() const;

  // Order: family, address, then the shorter prefix first: a prefix comes
  // right before everything inside it.
  friend auto operator<=>(const IpPrefix& a, const IpPrefix& b) {
    if (auto c = a.family <=> b.family; c != 0) return c;
    if (auto c = a.bytes <=> b.bytes; c != 0) return c;
    return a.length_bits <=> b.length_bits;
  }
  friend bool operator==(const IpPrefix&, const IpPrefix&) = default;
};

// Parses "a.b.c.d", "a.b.c.d/len", IPv6 likewise. Octets are decimal, without
// leading zeros. InvalidArgument for anything else, also for host bits set
// behind the prefix: that message names the prefix that was probably meant.
absl::StatusOr<IpPrefix> ParseIpPrefix(absl::string_view text);

// Parses "a-b" (inclusive, same family, not inverted) into the fewest prefixes
// that cover it, in ascending order; at most 2 * width of them.
absl::StatusOr<std::vector<IpPrefix>> ParseIpRange(absl::string_view text);

// The fewest prefixes that cover first..last inclusive, ascending.
// Precondition: first <= last in byte order.
std::vector<IpPrefix> CoverRange(Family family, const AddressBytes& first,
                                 const AddressBytes& last);

// Fast path for feeds: a dotted quad and nothing else, host order. False when
// it is not one.
bool ParseDottedQuad(absl::string_view text, uint32_t* host_order);

// The prefix length that a netmask in host order says: 255.… with its ones
// together; 255.255.255.255 is 32. False for anything else.
bool ParseNetmask(uint32_t mask, int* length_bits);

}  // namespace rbld

#endif  // RBLD_BASE_IP_PREFIX_H_
