#include "base/ip_prefix.h"

#include <arpa/inet.h>
#include <string.h>

#include "absl/numeric/bits.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

// Clears (or sets, with `ones`) every bit from `length_bits` on.
void FillHostBits(AddressBytes* bytes, int length_bits, int width_bits,
                  bool ones) {
  for (int i = 0; i < width_bits / 8; ++i) {
    const int bits_before = length_bits - i * 8;
    if (bits_before >= 8) continue;
    const uint8_t host_mask =
        bits_before <= 0 ? 0xff : static_cast<uint8_t>(0xff >> bits_before);
    if (ones) {
      (*bytes)[i] |= host_mask;
    } else {
      (*bytes)[i] &= static_cast<uint8_t>(~host_mask);
    }
  }
}

struct Address {
  Family family;
  AddressBytes bytes;
};

absl::StatusOr<Address> ParseAddress(absl::string_view text) {
  Address result = {Family::kIpv4, {}};
  uint32_t host_order = 0;
  if (ParseDottedQuad(text, &host_order)) {
    result.bytes = IpPrefix::FromIpv4(host_order).bytes;
    return result;
  }
  // inet_pton wants a terminated string; no address is longer than this.
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() < sizeof(buffer) &&
      text.find(':') != absl::string_view::npos) {
    memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    if (strlen(buffer) == text.size() &&
        inet_pton(AF_INET6, buffer, result.bytes.data()) == 1) {
      result.family = Family::kIpv6;
      return result;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text.substr(0, 64), "\" is not an IP address"));
}

// Adds one to the bit at position `length_bits - 1`; true on overflow.
bool AddAtBit(AddressBytes* bytes, int length_bits) {
  if (length_bits == 0) return true;
  int i = (length_bits - 1) / 8;
  unsigned add = 1u << (7 - (length_bits - 1) % 8);
  for (; i >= 0; --i) {
    const unsigned sum = (*bytes)[i] + add;
    (*bytes)[i] = static_cast<uint8_t>(sum);
    if (sum < 256) return false;
    add = 1;
  }
  return true;
}

}  // namespace

IpPrefix IpPrefix::Make(Family family, const AddressBytes& bytes,
                        int length_bits) {
  IpPrefix prefix;
  prefix.family = family;
  prefix.length_bits = static_cast<uint8_t>(length_bits);
  prefix.bytes = bytes;
  FillHostBits(&prefix.bytes, length_bits, WidthBits(family), false);
  return prefix;
}

IpPrefix IpPrefix::FromIpv4(uint32_t host_order, int length_bits) {
  const AddressBytes bytes = {static_cast<uint8_t>(host_order >> 24),
                              static_cast<uint8_t>(host_order >> 16),
                              static_cast<uint8_t>(host_order >> 8),
                              static_cast<uint8_t>(host_order)};
  return Make(Family::kIpv4, bytes, length_bits);
}

bool IpPrefix::Contains(const IpPrefix& other) const {
  if (family != other.family || other.length_bits < length_bits) return false;
  return Make(family, other.bytes, length_bits).bytes == bytes;
}

AddressBytes IpPrefix::LastAddress() const {
  AddressBytes last = bytes;
  FillHostBits(&last, length_bits, WidthBits(family), true);
  return last;
}

std::string IpPrefix::ToString() const {
  char buffer[INET6_ADDRSTRLEN];
  inet_ntop(family == Family::kIpv4 ? AF_INET : AF_INET6, bytes.data(), buffer,
            sizeof(buffer));
  if (IsSingleAddress()) return buffer;
  return absl::StrCat(buffer, "/", static_cast<int>(length_bits));
}

bool ParseDottedQuad(absl::string_view text, uint32_t* host_order) {
  uint32_t address = 0;
  size_t i = 0;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0 && (i >= text.size() || text[i++] != '.')) return false;
    const size_t start = i;
    uint32_t value = 0;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9' &&
           i - start < 3) {
      value = value * 10 + static_cast<uint32_t>(text[i++] - '0');
    }
    if (i == start || value > 255) return false;
    // A leading zero is octal for some tools and decimal for others.
    if (text[start] == '0' && i - start > 1) return false;
    address = address << 8 | value;
  }
  if (i != text.size()) return false;
  *host_order = address;
  return true;
}

absl::StatusOr<IpPrefix> ParseIpPrefix(absl::string_view text) {
  const size_t slash = text.find('/');
  absl::StatusOr<Address> address = ParseAddress(text.substr(0, slash));
  if (!address.ok()) return address.status();
  const int width_bits = IpPrefix::WidthBits(address->family);
  int length_bits = width_bits;
  if (slash != absl::string_view::npos) {
    const absl::string_view length_text = text.substr(slash + 1);
    const bool digits_only =
        !length_text.empty() && length_text.size() <= 3 &&
        length_text.find_first_not_of("0123456789") == absl::string_view::npos;
    if (!digits_only || !absl::SimpleAtoi(length_text, &length_bits) ||
        length_bits > width_bits) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text.substr(0, 64),
                       "\": the prefix length must be 0 to ", width_bits));
    }
  }
  const IpPrefix prefix =
      IpPrefix::Make(address->family, address->bytes, length_bits);
  if (prefix.bytes != address->bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text.substr(0, 64), "\" has bits set behind the prefix; was ",
        prefix.ToString(), " meant?"));
  }
  return prefix;
}

absl::StatusOr<std::vector<IpPrefix>> ParseIpRange(absl::string_view text) {
  const size_t dash = text.find('-');
  if (dash == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text.substr(0, 64), "\" is not a range (a-b)"));
  }
  absl::StatusOr<Address> first = ParseAddress(text.substr(0, dash));
  if (!first.ok()) return first.status();
  absl::StatusOr<Address> last = ParseAddress(text.substr(dash + 1));
  if (!last.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(last.status().message(),
                     "; a range is two whole addresses, as in "
                     "192.0.2.0-192.0.2.255"));
  }
  if (first->family != last->family) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text.substr(0, 96), "\" mixes IPv4 and IPv6 in one range"));
  }
  if (last->bytes < first->bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text.substr(0, 96),
                     "\" is inverted: its end is before its "
                     "start"));
  }
  return CoverRange(first->family, first->bytes, last->bytes);
}

std::vector<IpPrefix> CoverRange(Family family, const AddressBytes& first,
                                 const AddressBytes& last) {
  std::vector<IpPrefix> result;
  AddressBytes start = first;
  const int width_bits = IpPrefix::WidthBits(family);
  while (true) {
    // The shortest prefix that starts here and does not reach beyond `last`.
    int length_bits = width_bits;
    while (length_bits > 0) {
      const IpPrefix wider = IpPrefix::Make(family, start, length_bits - 1);
      if (wider.bytes != start || wider.LastAddress() > last) break;
      --length_bits;
    }
    const IpPrefix prefix = IpPrefix::Make(family, start, length_bits);
    result.push_back(prefix);
    if (prefix.LastAddress() == last) return result;
    if (AddAtBit(&start, length_bits)) return result;
  }
}

bool ParseNetmask(uint32_t mask, int* length_bits) {
  if (mask >> 24 != 255 || (~mask & (~mask + 1)) != 0) return false;
  *length_bits = absl::popcount(mask);
  return true;
}

}  // namespace rbld
