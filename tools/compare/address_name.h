// The names under which lists are asked for addresses (RFC 5782 §2.1, §2.4).
//
// Pure functions: any thread.
#ifndef RBLD_TOOLS_COMPARE_ADDRESS_NAME_H_
#define RBLD_TOOLS_COMPARE_ADDRESS_NAME_H_

#include <cstdint>
#include <string>

#include "base/ip_prefix.h"

namespace rbld {

// Labels in wire form without the root's byte: of the first `octets` octets
// (1 to 4), "\1" "2" "\3" "192" for two of 192.2.x.y.
std::string Ipv4Labels(uint32_t host_order, int octets);
// Of the first `nibbles` nibbles, 1 to 32.
std::string Ipv6Labels(const AddressBytes& address, int nibbles);

}  // namespace rbld

#endif  // RBLD_TOOLS_COMPARE_ADDRESS_NAME_H_
