#include "zones/rbldnsd/dataset_type.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

struct NamedType {
  DatasetType type;
  const char* name;
};

constexpr NamedType kTypes[] = {
    {DatasetType::kIp4Set, "ip4set"},     {DatasetType::kIp4Tset, "ip4tset"},
    {DatasetType::kIp4Trie, "ip4trie"},   {DatasetType::kIp6Tset, "ip6tset"},
    {DatasetType::kIp6Trie, "ip6trie"},   {DatasetType::kDnset, "dnset"},
    {DatasetType::kDnhash, "dnhash"},     {DatasetType::kGeneric, "generic"},
    {DatasetType::kCombined, "combined"}, {DatasetType::kAcl, "acl"},
    {DatasetType::kAclKey, "aclkey"},
};

}  // namespace

absl::StatusOr<DatasetType> ParseDatasetType(absl::string_view name) {
  std::string known;
  for (const NamedType& type : kTypes) {
    if (name == type.name) return type.type;
    absl::StrAppend(&known, known.empty() ? "" : ", ", type.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(name.substr(0, 40)),
                   "\" is no type of dataset; use one of ", known));
}

const char* DatasetTypeName(DatasetType type) {
  for (const NamedType& known : kTypes) {
    if (known.type == type) return known.name;
  }
  return "";
}

}  // namespace rbld
