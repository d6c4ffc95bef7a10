// The kinds of data files that rbldnsd and its forks know.
#ifndef RBLD_ZONES_RBLDNSD_DATASET_TYPE_H_
#define RBLD_ZONES_RBLDNSD_DATASET_TYPE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/listing.h"

namespace rbld {

enum class DatasetType : uint8_t {
  kIp4Set,
  kIp4Tset,
  kIp4Trie,
  kIp6Tset,
  kIp6Trie,
  kDnset,
  kDnhash,    // of rspamd's fork: names, as in a dnset
  kGeneric,   // other records of a zone
  kCombined,  // several datasets and subzones in one file
  kAcl,       // who may ask, by the client's address
  kAclKey,    // of rspamd's fork: who may ask, by a key in the name
};

// "ip4set", …; the error lists them all.
absl::StatusOr<DatasetType> ParseDatasetType(absl::string_view name);
const char* DatasetTypeName(DatasetType type);

inline bool IsIpv4Set(DatasetType type) {
  return type == DatasetType::kIp4Set || type == DatasetType::kIp4Tset ||
         type == DatasetType::kIp4Trie;
}
inline bool IsIpv6Set(DatasetType type) {
  return type == DatasetType::kIp6Tset || type == DatasetType::kIp6Trie;
}
inline bool IsNameSet(DatasetType type) {
  return type == DatasetType::kDnset || type == DatasetType::kDnhash;
}
// Holds listings: what is asked for is looked up in it.
inline bool HoldsListings(DatasetType type) {
  return IsIpv4Set(type) || IsIpv6Set(type) || IsNameSet(type);
}
// Says who may ask.
inline bool IsAccessList(DatasetType type) {
  return type == DatasetType::kAcl || type == DatasetType::kAclKey;
}
// One value for all entries.
inline bool IsTrivial(DatasetType type) {
  return type == DatasetType::kIp4Tset || type == DatasetType::kIp6Tset;
}
// An entry that stands there several times answers with all of its values;
// elsewhere the first one holds.
inline bool UnitesEqualEntries(DatasetType type) {
  return type == DatasetType::kIp4Set || IsNameSet(type);
}
// Entries may have parameters of rspamd's fork.
inline bool MayHaveParameters(DatasetType type) {
  return type == DatasetType::kDnhash || type == DatasetType::kIp4Trie ||
         type == DatasetType::kIp6Trie;
}
inline Precedence PrecedenceOf(DatasetType type) {
  return type == DatasetType::kIp4Set ? Precedence::kOctet
                                      : Precedence::kLongest;
}

}  // namespace rbld

#endif  // RBLD_ZONES_RBLDNSD_DATASET_TYPE_H_
