#include "zones/dump_format.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr DumpFormat kFormats[] = {DumpFormat::kIp4Trie, DumpFormat::kIp6Trie,
                                   DumpFormat::kDnset, DumpFormat::kRfc1035,
                                   DumpFormat::kJsonLines};

}  // namespace

const char* DumpFormatName(DumpFormat format) {
  switch (format) {
    case DumpFormat::kIp4Trie:
      return "ip4trie";
    case DumpFormat::kIp6Trie:
      return "ip6trie";
    case DumpFormat::kDnset:
      return "dnset";
    case DumpFormat::kRfc1035:
      return "rfc1035";
    case DumpFormat::kJsonLines:
      return "jsonl";
  }
  return "";
}

absl::StatusOr<DumpFormat> ParseDumpFormat(absl::string_view name) {
  std::string known;
  for (const DumpFormat format : kFormats) {
    if (name == DumpFormatName(format)) return format;
    absl::StrAppend(&known, known.empty() ? "" : ", ", DumpFormatName(format));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(name.substr(0, 40)),
                   "\" is no format of dumps; use one of ", known));
}

}  // namespace rbld
