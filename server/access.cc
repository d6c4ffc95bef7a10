#include "server/access.h"

#include <netinet/in.h>

#include <algorithm>

#include "dns/reversed_name.h"
#include "store/dataset_builder.h"

namespace rbld {
namespace {

// A client's address; IPv4 ones that come through an IPv6 socket are IPv4.
struct ClientAddress {
  bool is_ipv4 = false;
  uint32_t ipv4 = 0;  // host order
  AddressBytes ipv6 = {};
};

bool ReadClient(const sockaddr* client, ClientAddress* address) {
  if (client == nullptr) return false;
  if (client->sa_family == AF_INET) {
    address->is_ipv4 = true;
    address->ipv4 =
        ntohl(reinterpret_cast<const sockaddr_in*>(client)->sin_addr.s_addr);
    return true;
  }
  if (client->sa_family != AF_INET6) return false;
  const in6_addr& bytes =
      reinterpret_cast<const sockaddr_in6*>(client)->sin6_addr;
  std::copy_n(bytes.s6_addr, address->ipv6.size(), address->ipv6.begin());
  if (IN6_IS_ADDR_V4MAPPED(&bytes)) {
    address->is_ipv4 = true;
    for (int i = 12; i < 16; ++i) {
      address->ipv4 = address->ipv4 << 8 | bytes.s6_addr[i];
    }
  }
  return true;
}

}  // namespace

AccessDecision DecideAccess(const std::vector<const FileDataset*>& lists,
                            const sockaddr* client) {
  AccessDecision decision;
  ClientAddress address;
  if (!ReadClient(client, &address)) return decision;
  for (const FileDataset* list : lists) {
    const ValueSetId place = address.is_ipv4
                                 ? list->index.ipv4->Lookup(address.ipv4)
                                 : list->index.ipv6->Lookup(address.ipv6);
    if (place == kNotListed) continue;
    const FileDataset::Rule& rule = list->rules[place - 1];
    if (rule.action >= decision.action) continue;
    decision.action = rule.action;
    if (rule.action == AccessAction::kListed) {
      decision.values = &list->values->Get(rule.values);
    }
  }
  return decision;
}

std::shared_ptr<const FileDataset> MakeAccessList(
    const std::vector<AccessConfig>& rules) {
  if (rules.empty()) return nullptr;
  auto list = std::make_shared<FileDataset>();
  auto values = std::make_shared<ValueTable>();
  list->type = DatasetType::kAcl;
  DatasetBuilder builder((DatasetBuilder::Options()));
  std::vector<ValueSetId> places;
  for (const AccessConfig& rule : rules) {
    const auto number =
        static_cast<DatasetBuilder::ValuesNumber>(places.size());
    for (const IpPrefix& prefix : rule.clients) {
      // Sorted in memory, it cannot fail.
      const absl::Status status =
          prefix.family == Family::kIpv4
              ? builder.AddIpv4(prefix.ipv4(), prefix.length_bits, false,
                                number)
              : builder.AddIpv6(prefix, false, number);
      status.IgnoreError();
    }
    const ValueSetId id = rule.action == AccessAction::kListed
                              ? values->Intern({rule.value})
                              : kNotListed;
    list->rules.push_back({rule.action, id});
    places.push_back(static_cast<ValueSetId>(list->rules.size()));
  }
  list->index = *builder.Build(places, values.get());
  list->values = std::move(values);
  return list;
}

int WriteClientText(const sockaddr* client, char* out) {
  ClientAddress address;
  if (!ReadClient(client, &address)) return 0;
  return address.is_ipv4 ? WriteIpv4Text(address.ipv4, out)
                         : WriteIpv6Text(address.ipv6, out);
}

}  // namespace rbld
