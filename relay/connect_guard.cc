#include "relay/connect_guard.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "store/guard.h"

namespace rbld {

std::vector<IpPrefix> InterfaceAddresses() {
  std::vector<IpPrefix> addresses;
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return addresses;
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    AddressBytes bytes = {};
    if (one->ifa_addr->sa_family == AF_INET) {
      memcpy(bytes.data(),
             &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, 4);
      addresses.push_back(IpPrefix::Make(Family::kIpv4, bytes, 32));
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      memcpy(bytes.data(),
             &reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr,
             16);
      addresses.push_back(IpPrefix::Make(Family::kIpv6, bytes, 128));
    }
  }
  freeifaddrs(first);
  return addresses;
}

absl::Status ConnectGuard::Check(const IpPrefix& address,
                                 uint16_t to_port) const {
  const auto refuse = [&address](absl::string_view why) {
    return absl::FailedPreconditionError(
        absl::StrCat("no connection to ", address.ToString(), ": ", why));
  };
  if (to_port != port) {
    return refuse(absl::StrCat("port ", to_port, " is not ", port));
  }
  if (!address.IsSingleAddress()) return refuse("it is no single address");
  ListPolicy policy;
  policy.allowed_special = lab_networks;
  if (const char* why = WhyNotListable(policy, address)) return refuse(why);
  // The test entries of RFC 5782 may be listed, but are loopback.
  if (address == IpPrefix::FromIpv4(0x7f000002) ||
      address == ParseIpPrefix("::ffff:127.0.0.2").value()) {
    return refuse("loopback (RFC 1122)");
  }
  for (const IpPrefix& own : never) {
    if (own.Contains(address)) {
      return refuse(absl::StrCat("it is our own, ", own.ToString()));
    }
  }
  const std::vector<IpPrefix> interfaces = InterfaceAddresses();
  if (std::find(interfaces.begin(), interfaces.end(), address) !=
      interfaces.end()) {
    return refuse("it is this machine");
  }
  return absl::OkStatus();
}

}  // namespace rbld
