// SortIpv4Entries: sorts an import's plain IPv4 entries by target, on two
// threads, stable: of two entries with one target the later line stays behind.
#ifndef RBLD_STORE_IPV4_SORT_H_
#define RBLD_STORE_IPV4_SORT_H_

#include <vector>

#include "store/import.h"

namespace rbld {

// Takes as much memory again as the entries have.
void SortIpv4Entries(std::vector<Import::Ipv4Entry>* entries);

}  // namespace rbld

#endif  // RBLD_STORE_IPV4_SORT_H_
