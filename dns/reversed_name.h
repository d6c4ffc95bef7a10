// ReadReversedAddress: the labels below a zone read as a reversed address or
// as its beginning (RFC 5782 §2.1 and §2.4).
//
// Pure functions: no allocation, any thread.
#ifndef RBLD_DNS_REVERSED_NAME_H_
#define RBLD_DNS_REVERSED_NAME_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

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

namespace reversed_name_internal {

// Digits stand in a word's upper bytes, the last one highest, and the label's
// length in the lowest.
struct OctetTable {
  // By length: which of the upper bytes are digits.
  std::array<uint32_t, 4> masks = {0, 0xff000000, 0xffff0000, 0xffffff00};
  // The only label of each octet.
  std::array<uint32_t, 256> labels = {};

  constexpr OctetTable() {
    for (uint32_t octet = 0; octet < labels.size(); ++octet) {
      labels[octet] = ('0' + octet % 10) << 24 | 1;
      if (octet < 10) continue;
      labels[octet] += ('0' + octet / 10 % 10) << 16 | 1;
      if (octet < 100) continue;
      labels[octet] += ('0' + octet / 100) << 8 | 1;
    }
  }
};

inline constexpr OctetTable kOctetTable;

// The octet, or -1. What may be digits is turned into a number, and then
// compared with the only label that this number has. That tells leading zeros,
// numbers above 255, other characters and labels without any.
inline int OctetOfLabel(uint32_t label) {
  // The product's top byte is 100 * first + 10 * second + third.
  const uint32_t octet = ((label & 0x0f0f0f00) * 0x640a01) >> 24;
  return label == kOctetTable.labels[octet] ? static_cast<int>(octet) : -1;
}

inline uint64_t LoadLittleEndian64(const uint8_t* bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof(word));
  return std::endian::native == std::endian::big ? __builtin_bswap64(word)
                                                 : word;
}

inline uint32_t LoadLittleEndian32(const uint8_t* bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof(word));
  return std::endian::native == std::endian::big ? __builtin_bswap32(word)
                                                 : word;
}

}  // namespace reversed_name_internal

// What ReadOctetLabels may read, whatever stands there: so many bytes before
// the first label, and so many from its beginning on.
inline constexpr size_t kOctetLabelsBytesBefore = 3;
inline constexpr size_t kOctetLabelsBytes = 16;

// Four labels, one after the other, that are octets without leading zeros, the
// last octet first: their size, with `*address` in host order, or 0.
inline size_t ReadOctetLabels(const uint8_t* name, uint32_t* address) {
  namespace internal = reversed_name_internal;
  const uint8_t* label = name;
  uint32_t octets = 0;
  for (int i = 0; i < 4; ++i) {
    const uint32_t length = label[0];
    if (length > 3) return 0;
    // The four bytes that the last digit ends.
    const uint32_t digits = internal::LoadLittleEndian32(label + length - 3) &
                            internal::kOctetTable.masks[length];
    const int octet = internal::OctetOfLabel(digits | length);
    if (octet < 0) return 0;
    octets = octets >> 8 | static_cast<uint32_t>(octet) << 24;
    label += size_t{1} + length;
  }
  *address = octets;
  return static_cast<size_t>(label - name);
}

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
