#include "zones/rbldnsd/entry.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

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

// A decimal number of at most three digits; -1 if there is none.
int TakeNumber(absl::string_view* text) {
  int number = 0;
  size_t i = 0;
  while (i < text->size() && absl::ascii_isdigit((*text)[i])) {
    if (i == 3) return -1;
    number = number * 10 + ((*text)[i++] - '0');
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

absl::StatusOr<IpPrefix> TakeIpv6Prefix(absl::string_view* text) {
  const absl::Status bad = absl::InvalidArgumentError(
      "no IPv6 address or prefix (2001:db8::1, 2001:db8::/32, 2001:db8:1)");
  const size_t size = static_cast<size_t>(
      std::find_if(text->begin(), text->end(),
                   [](char c) {
                     return c == ' ' || c == '\t' || c == '#' || c == ';';
                   }) -
      text->begin());
  const absl::string_view entry = text->substr(0, size);
  text->remove_prefix(size);
  const size_t slash = entry.find('/');
  std::string address(entry.substr(0, slash));
  if (address.empty() || absl::StrContains(address, '.')) return bad;
  std::string length;
  if (slash != absl::string_view::npos) {
    length = std::string(entry.substr(slash));
  }
  if (!absl::StrContains(address, "::")) {
    const auto words = std::count(address.begin(), address.end(), ':') + 1;
    if (words > 8 || (words == 1 && length.empty())) return bad;
    if (words < 8) absl::StrAppend(&address, "::");
    if (length.empty()) length = absl::StrCat("/", 16 * words);
  }
  const absl::StatusOr<IpPrefix> prefix =
      ParseIpPrefix(absl::StrCat(address, length));
  if (!prefix.ok()) return prefix.status();
  if (prefix->family != Family::kIpv6) return bad;
  return *prefix;
}

}  // namespace rbld
