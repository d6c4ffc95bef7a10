#include "zones/rbldnsd/entry.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace rbld {
namespace {

// One to four octets from the address's beginning.
struct Octets {
  uint32_t value = 0;  // the missing ones are 0
  int count = 0;
  uint32_t HostMask() const {
    return count == 4 ? 0 : 0xffffffffu >> (8 * count);
  }
};

// A decimal number up to 999; -1 if there is none.
int TakeNumber(absl::string_view* text) {
  int number = 0;
  size_t i = 0;
  while (i < text->size() && absl::ascii_isdigit((*text)[i])) {
    number = number * 10 + ((*text)[i++] - '0');
    if (number > 999) return -1;
  }
  if (i == 0) return -1;
  text->remove_prefix(i);
  return number;
}

bool TakeOctets(absl::string_view* text, Octets* octets) {
  while (true) {
    const int number = TakeNumber(text);
    if (number < 0 || number > 255) return false;
    octets->value |= static_cast<uint32_t>(number) << (24 - 8 * octets->count);
    ++octets->count;
    if (octets->count == 4 || text->empty() || (*text)[0] != '.') return true;
    text->remove_prefix(1);
  }
}

bool AtEntryEnd(absl::string_view text) {
  return text.empty() || text[0] == ' ' || text[0] == '\t' || text[0] == '#' ||
         text[0] == ';' || text[0] == ':';
}

absl::Status BadIpv4(bool ranges) {
  return absl::InvalidArgumentError(
      ranges ? "no address, prefix (1.2.3, 1.2.3.0/24) or range "
               "(1.2.3.1-255); one octet alone needs a length, as in 10/8"
             : "no address or prefix (1.2.3.4, 1.2.3.0/24); one octet alone "
               "needs a length, as in 10/8");
}

absl::StatusOr<Ipv4Range> TakeLength(absl::string_view* text,
                                     const Octets& octets,
                                     Ipv4EntryForms forms) {
  text->remove_prefix(1);
  const int length_bits = TakeNumber(text);
  if (length_bits < 0 || length_bits > 32 || !AtEntryEnd(*text)) {
    return BadIpv4(forms.ranges);
  }
  if (length_bits == 0 && forms.ranges) {
    return absl::InvalidArgumentError(
        "a length of 0 is all addresses; an ip4set has none such");
  }
  const IpPrefix prefix = IpPrefix::FromIpv4(octets.value, length_bits);
  if (prefix.ipv4() != octets.value && !forms.host_bits) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bits are set behind the prefix; was ", prefix.ToString(), " meant?"));
  }
  return Ipv4Range{
      prefix.ipv4(),
      static_cast<uint32_t>(prefix.ipv4() | (0xffffffffull >> length_bits))};
}

absl::StatusOr<Ipv4Range> TakeRangeEnd(absl::string_view* text,
                                       const Octets& first) {
  text->remove_prefix(1);
  Octets last;
  if (!TakeOctets(text, &last) || !AtEntryEnd(*text)) return BadIpv4(true);
  if (last.count == 1) {
    // "1.2.3.1-255": the number stands for the first one's last octet.
    const int shift = 32 - 8 * first.count;
    last.value = (first.value & ~(0xffu << shift)) | (last.value >> 24)
                                                         << shift;
    last.count = first.count;
  }
  if (last.count != first.count) {
    return absl::InvalidArgumentError(
        "the ends of a range have as many octets each, or the second is one "
        "alone (1.2.3.1-255)");
  }
  const Ipv4Range range{first.value, last.value | last.HostMask()};
  if (range.last < range.first) {
    return absl::InvalidArgumentError(
        "the range is inverted: its end is before its start");
  }
  return range;
}

// Hexadecimal words and their colons: four of them are 64 bits, and "::" makes
// it 128. A colon that no word can follow is left.
bool TakeWords(absl::string_view* text, AddressBytes* bytes, int* bits) {
  constexpr size_t kBytes = std::tuple_size<AddressBytes>::value;
  *bytes = {};
  size_t count = 0;
  std::optional<size_t> gap;
  if (absl::ConsumePrefix(text, "::")) gap = 0;
  bool ended = false;
  while (!ended) {
    unsigned word = 0;
    size_t i = 0;
    for (; i < text->size() &&
           absl::ascii_isxdigit(static_cast<unsigned char>((*text)[i]));
         ++i) {
      const char c =
          absl::ascii_tolower(static_cast<unsigned char>((*text)[i]));
      word =
          word * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
      if (word > 0xffff) return false;
    }
    if (i == 0) break;
    text->remove_prefix(i);
    (*bytes)[count++] = static_cast<uint8_t>(word >> 8);
    (*bytes)[count++] = static_cast<uint8_t>(word);
    ended = count == kBytes || !absl::ConsumePrefix(text, ":");
    if (!ended && !gap.has_value() && absl::ConsumePrefix(text, ":")) {
      gap = count;
    }
  }
  *bits = static_cast<int>(8 * count);
  if (!gap.has_value()) return ended;
  if (count == kBytes) return false;
  std::rotate(bytes->begin() + static_cast<ptrdiff_t>(*gap),
              bytes->begin() + static_cast<ptrdiff_t>(count), bytes->end());
  *bits = static_cast<int>(8 * kBytes);
  return true;
}

}  // namespace

absl::StatusOr<Ipv4Range> TakeIpv4Range(absl::string_view* text,
                                        Ipv4EntryForms forms) {
  Octets octets;
  if (!TakeOctets(text, &octets)) return BadIpv4(forms.ranges);
  if (!text->empty() && (*text)[0] == '/') {
    return TakeLength(text, octets, forms);
  }
  if (forms.ranges && !text->empty() && (*text)[0] == '-') {
    return TakeRangeEnd(text, octets);
  }
  if (octets.count == 1 || !AtEntryEnd(*text)) return BadIpv4(forms.ranges);
  return Ipv4Range{octets.value, octets.value | octets.HostMask()};
}

bool TakeIpv4Address(absl::string_view* text, uint32_t* address) {
  Octets octets;
  if (!TakeOctets(text, &octets) || octets.count != 4 || !AtEntryEnd(*text)) {
    return false;
  }
  *address = octets.value;
  return true;
}

absl::StatusOr<IpPrefix> TakeIpv6Prefix(absl::string_view* text,
                                        Ipv6EntryForms forms) {
  const absl::Status bad = absl::InvalidArgumentError(
      "no IPv6 address or prefix (2001:db8::1, 2001:db8::/32, 2001:db8:1)");
  AddressBytes bytes;
  int length_bits = 0;
  if (!TakeWords(text, &bytes, &length_bits)) return bad;
  if (forms.lengths && absl::ConsumePrefix(text, "/")) {
    length_bits = TakeNumber(text);
    if (length_bits < 0 || length_bits > 128) return bad;
  } else if (length_bits == 16) {
    return bad;
  }
  if (!AtEntryEnd(*text)) return bad;
  const IpPrefix prefix = IpPrefix::Make(Family::kIpv6, bytes, length_bits);
  if (prefix.bytes != bytes && !forms.host_bits) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bits are set behind the prefix; was ", prefix.ToString(), " meant?"));
  }
  return prefix;
}

}  // namespace rbld
