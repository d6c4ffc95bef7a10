// ReadReversedAddress: the labels below a zone read as a reversed address or
// as its beginning (RFC 5782 §2.1 and §2.4).
//
// Pure functions: no allocation, any thread.
#ifndef RBLD_DNS_REVERSED_NAME_H_
#define RBLD_DNS_REVERSED_NAME_H_

#include <array>
#include <cstdint>

namespace rbld {

// The same labels may be both: "1.0.0.2" is 2.0.0.1, and it is also the end of
// the names of 2001::/16's addresses.
struct ReversedAddress {
  // How many octets the labels are, from the address's first; 4: an address;
  // 0: they are not octets.
  int ipv4_octets = 0;
  uint32_t ipv4_first = 0;  // host order; the address when there are 4
  uint32_t ipv4_last = 0;   // the last address that begins so
  // How many nibbles; 32: an address; 0: not nibbles.
  int ipv6_nibbles = 0;
  std::array<uint8_t, 16> ipv6_first = {};
  std::array<uint8_t, 16> ipv6_last = {};
};

// `name` is a lower-case wire name; the labels read are the first `labels` of
// it, and `label_offsets[i]` says where label i begins, for 0..labels (the
// last one is where the zone begins). Behind the labels kNameSlackBytes may be
// read; they count for nothing. Octets are 0 to 255 without leading
// zeros; nibbles are one hex digit a label.
void ReadReversedAddress(const uint8_t* name, const uint8_t* label_offsets,
                         int labels, ReversedAddress* address);

// Writes the same labels in the order from the top down, each after its length
// byte, into `out` (256 bytes): "\3com\7example" for "\7example\3com". Returns
// the bytes written.
int WriteReversedLabels(const uint8_t* name, const uint8_t* label_offsets,
                        int labels, char* out);

// "192.0.2.1", without a 0 byte; up to 15 bytes. Returns how many.
int WriteIpv4Text(uint32_t host_order, char* out);

// RFC 5952; up to 45 bytes and a 0 byte that is not counted.
int WriteIpv6Text(const std::array<uint8_t, 16>& address, char* out);
inline constexpr int kMaxAddressTextBytes = 46;

}  // namespace rbld

#endif  // RBLD_DNS_REVERSED_NAME_H_
