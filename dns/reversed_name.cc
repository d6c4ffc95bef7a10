#include "dns/reversed_name.h"

#include <arpa/inet.h>
#include <string.h>

namespace rbld {
namespace {

constexpr int kOctets = 4;
constexpr int kNibbles = 32;

// The label's value, or -1. Reads four bytes, whatever the label's length: the
// name's buffer has slack behind it.
int ReadOctet(const uint8_t* label) {
  const uint32_t word = reversed_name_internal::LoadLittleEndian32(label);
  const uint32_t length = word & 0xff;
  if (length > 3) return -1;
  // The last digit goes to the top, and what stands behind it falls out there.
  const uint32_t digits = (word & 0xffffff00) << 8 * (3 - length);
  return reversed_name_internal::OctetOfLabel(digits | length);
}

int ReadNibble(uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  return -1;
}

void ReadOctets(const uint8_t* name, const uint8_t* label_offsets, int labels,
                ReversedAddress* address) {
  uint32_t value = 0;
  for (int i = 0; i < labels; ++i) {
    const int octet = ReadOctet(name + label_offsets[i]);
    if (octet < 0) return;
    // Label 0 is the last octet of those given.
    value |= static_cast<uint32_t>(octet) << (8 * (kOctets - labels + i));
  }
  address->ipv4_octets = labels;
  address->ipv4_first = value;
  address->ipv4_last =
      labels == kOctets ? value : value | (0xffffffffu >> (8 * labels));
}

void ReadNibbles(const uint8_t* name, const uint8_t* label_offsets, int labels,
                 ReversedAddress* address) {
  // One byte a label makes two bytes each.
  if (label_offsets[labels] - label_offsets[0] != 2 * labels) return;
  for (int i = 0; i < labels; ++i) {
    const uint8_t* const label = name + label_offsets[0] + 2 * i;
    if (label[0] != 1) return;
    const int nibble = ReadNibble(label[1]);
    if (nibble < 0) return;
    const int position = labels - 1 - i;
    address->ipv6_first[static_cast<size_t>(position / 2)] |=
        static_cast<uint8_t>(position % 2 == 0 ? nibble << 4 : nibble);
  }
  address->ipv6_nibbles = labels;
  address->ipv6_last = address->ipv6_first;
  for (int position = labels; position < kNibbles; ++position) {
    address->ipv6_last[static_cast<size_t>(position / 2)] |=
        position % 2 == 0 ? 0xf0 : 0x0f;
  }
}

}  // namespace

void ReadReversedAddress(const uint8_t* name, const uint8_t* label_offsets,
                         int labels, ReversedAddress* address) {
  address->ipv4_octets = 0;
  address->ipv6_nibbles = 0;
  if (labels < 1 || labels > kNibbles) return;
  if (labels <= kOctets) {
    ReadOctets(name, label_offsets, labels, address);
  }
  // Cleared here because ReadNibbles only sets bits.
  address->ipv6_first = {};
  ReadNibbles(name, label_offsets, labels, address);
}

int WriteReversedLabels(const uint8_t* name, const uint8_t* label_offsets,
                        int labels, char* out) {
  char* const start = out;
  for (int i = labels - 1; i >= 0; --i) {
    const size_t bytes =
        static_cast<size_t>(label_offsets[i + 1] - label_offsets[i]);
    memcpy(out, name + label_offsets[i], bytes);
    out += bytes;
  }
  return static_cast<int>(out - start);
}

int WriteIpv4Text(uint32_t host_order, char* out) {
  char* const start = out;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const unsigned octet = host_order >> shift & 0xff;
    if (octet >= 100) *out++ = static_cast<char>('0' + octet / 100);
    if (octet >= 10) *out++ = static_cast<char>('0' + octet / 10 % 10);
    *out++ = static_cast<char>('0' + octet % 10);
    if (shift > 0) *out++ = '.';
  }
  return static_cast<int>(out - start);
}

int WriteIpv6Text(const std::array<uint8_t, 16>& address, char* out) {
  inet_ntop(AF_INET6, address.data(), out, kMaxAddressTextBytes);
  return static_cast<int>(strlen(out));
}

}  // namespace rbld
