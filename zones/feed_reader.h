// ReadFeed: text of every format that rbld imports -> an Import.
#ifndef RBLD_ZONES_FEED_READER_H_
#define RBLD_ZONES_FEED_READER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/import.h"
#include "zones/byte_source.h"

namespace rbld {

enum class FeedFormat {
  kPlain,   // address, CIDR, range or name a line; further columns ignored
  kIp4Set,  // rbldnsd's
  kIp4Tset,
  kIp4Trie,
  kIp6Tset,
  kIp6Trie,
  kDnset,
  kJsonLines,
  kDnhash,  // of rspamd's fork of rbldnsd; as a dnset
};

// "plain", "ip4set", …, "jsonl".
absl::StatusOr<FeedFormat> ParseFeedFormat(absl::string_view name);
const char* FeedFormatName(FeedFormat format);
// kOctet for ip4set, kLongest for the others.
Precedence PrecedenceOf(FeedFormat format);

struct FeedOptions {
  FeedFormat format = FeedFormat::kPlain;
  ValueSet default_values;  // of lines that give none; normalised, not empty
  // JSON Lines: lines that name another source are left out and counted here.
  std::string source;
  // For rbldnsd's $TIMESTAMP: data from the future, or expired, fails the
  // whole. 0: not checked.
  int64_t now_seconds = 0;
  // Called with the bytes read so far, about once a megabyte; may be null.
  std::function<void(uint64_t)> progress;
};

struct FeedCounts {
  uint64_t lines = 0;
  uint64_t entries = 0;       // accepted
  uint64_t other_source = 0;  // see FeedOptions::source
};

// A line that cannot be taken is given to import->Reject with its number, and
// the rest goes on; a source that fails (truncated gzip, a read error) fails
// the whole. `source` is already decompressed. Lines may be of any length; one
// over 64 KiB (JSON Lines: 1 MiB) is rejected without being held.
absl::StatusOr<FeedCounts> ReadFeed(ByteSource* source,
                                    const FeedOptions& options, Import* import);

}  // namespace rbld

#endif  // RBLD_ZONES_FEED_READER_H_
