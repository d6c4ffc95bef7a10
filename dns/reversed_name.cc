#include "dns/reversed_name.h"

#include <string.h>

#include <algorithm>
#include <bit>

#include "dns/name.h"

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

// Eight labels of one hex digit each, in 16 bytes that are computed with at
// once: the digits' values stand where the digits do. Where something else
// stands, a byte of `*wrong` is set.
Bytes16 ReadEightNibbles(const uint8_t* labels, Bytes16* wrong) {
  constexpr Bytes16 kLengths = {-1, 0, -1, 0, -1, 0, -1, 0,
                                -1, 0, -1, 0, -1, 0, -1, 0};
  Bytes16 bytes;
  memcpy(&bytes, labels, sizeof(bytes));
  // Bytes above 127 are negative here, and so neither.
  const Bytes16 is_digit =
      static_cast<Bytes16>(bytes >= '0') & static_cast<Bytes16>(bytes <= '9');
  const Bytes16 is_letter =
      static_cast<Bytes16>(bytes >= 'a') & static_cast<Bytes16>(bytes <= 'f');
  const Bytes16 is_length = static_cast<Bytes16>(bytes == 1) & kLengths;
  *wrong |= ~((is_digit | is_letter) & ~kLengths) & ~is_length;
  return (bytes & 0x0f) + (is_letter & 9);
}

// The values of four labels from 8 bytes of ReadEightNibbles, the first label's
// in the lowest bits.
uint64_t JoinFourNibbles(const uint8_t* bytes) {
  const uint64_t values =
      reversed_name_internal::LoadLittleEndian64(bytes) >> 8;
  const uint64_t pairs = values | values >> 12;
  return (pairs & 0xff) | (pairs >> 24 & 0xff00);
}

void WriteBigEndian64(uint64_t value, uint8_t* out) {
  if constexpr (std::endian::native == std::endian::little) {
    value = __builtin_bswap64(value);
  }
  memcpy(out, &value, sizeof(value));
}

// A whole address of 32 labels; false if it is none.
bool ReadAllNibbles(const uint8_t* name, ReversedAddress* address) {
  Bytes16 wrong = {};
  uint8_t values[64];
  for (size_t i = 0; i < sizeof(values); i += sizeof(Bytes16)) {
    const Bytes16 eight = ReadEightNibbles(name + i, &wrong);
    memcpy(values + i, &eight, sizeof(eight));
  }
  uint64_t wrong_halves[2];
  memcpy(wrong_halves, &wrong, sizeof(wrong));
  if ((wrong_halves[0] | wrong_halves[1]) != 0) return false;
  for (size_t half = 0; half < 2; ++half) {
    const uint8_t* const from = values + 32 * half;
    WriteBigEndian64(JoinFourNibbles(from) | JoinFourNibbles(from + 8) << 16 |
                         JoinFourNibbles(from + 16) << 32 |
                         JoinFourNibbles(from + 24) << 48,
                     address->ipv6_first.data() + 8 * (1 - half));
  }
  address->ipv6_last = address->ipv6_first;
  address->ipv6_nibbles = kNibbles;
  return true;
}

void ReadNibbles(const uint8_t* name, const uint8_t* label_offsets, int labels,
                 ReversedAddress* address) {
  // One byte a label makes two bytes each.
  if (label_offsets[labels] - label_offsets[0] != 2 * labels) return;
  if (labels == kNibbles) {
    ReadAllNibbles(name + label_offsets[0], address);
    return;
  }
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
  // By hand, as inet_ntop makes dotted quads of some addresses.
  constexpr int kWords = 8;
  unsigned words[kWords];
  int run = 0, longest = 0, gap = -1;
  for (int i = 0; i < kWords; ++i) {
    const size_t at = 2 * static_cast<size_t>(i);
    words[i] = static_cast<unsigned>(address[at] << 8 | address[at + 1]);
    run = words[i] == 0 ? run + 1 : 0;
    // One word alone is no gap.
    if (run > std::max(longest, 1)) {
      longest = run;
      gap = i + 1 - run;
    }
  }
  constexpr char kDigits[] = "0123456789abcdef";
  char* at = out;
  for (int i = 0; i < kWords; ++i) {
    if (i == gap) {
      *at++ = ':';
      i += longest - 1;
      if (i + 1 == kWords) *at++ = ':';
      continue;
    }
    if (i > 0) *at++ = ':';
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
      const unsigned digit = words[i] >> shift & 15;
      started |= digit != 0 || shift == 0;
      if (started) *at++ = kDigits[digit];
    }
  }
  *at = '\0';
  return static_cast<int>(at - out);
}

}  // namespace rbld
