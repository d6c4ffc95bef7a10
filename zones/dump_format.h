// The formats of dumps and their names.
#ifndef RBLD_ZONES_DUMP_FORMAT_H_
#define RBLD_ZONES_DUMP_FORMAT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

enum class DumpFormat { kIp4Trie, kIp6Trie, kDnset, kRfc1035, kJsonLines };

// "ip4trie", "ip6trie", "dnset", "rfc1035", "jsonl". InvalidArgument names
// them.
absl::StatusOr<DumpFormat> ParseDumpFormat(absl::string_view name);
const char* DumpFormatName(DumpFormat format);

}  // namespace rbld

#endif  // RBLD_ZONES_DUMP_FORMAT_H_
