#include "tools/compare/address_name.h"

#include "absl/strings/str_cat.h"

namespace rbld {

std::string Ipv4Labels(uint32_t host_order, int octets) {
  std::string labels;
  for (int i = octets - 1; i >= 0; --i) {
    const std::string octet = absl::StrCat(host_order >> (24 - 8 * i) & 0xff);
    labels.push_back(static_cast<char>(octet.size()));
    labels += octet;
  }
  return labels;
}

std::string Ipv6Labels(const AddressBytes& address, int nibbles) {
  std::string labels;
  for (int i = nibbles - 1; i >= 0; --i) {
    const unsigned byte = address[static_cast<size_t>(i / 2)];
    labels.push_back('\1');
    labels.push_back("0123456789abcdef"[i % 2 == 0 ? byte >> 4 : byte & 0x0f]);
  }
  return labels;
}

}  // namespace rbld
