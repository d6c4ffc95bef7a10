// The writers of single dump formats. Only zones/dump.cc and tests use them.
#ifndef RBLD_ZONES_DUMP_WRITER_H_
#define RBLD_ZONES_DUMP_WRITER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "base/ip_prefix.h"
#include "zones/dump_file.h"
#include "zones/dump_format.h"
#include "zones/zone_stream.h"

namespace rbld {

// Where a format cannot say exactly what the zone answers: what differs, and
// how many listings it touches. Goes into the MANIFEST.
using DumpDifferences = std::map<std::string, uint64_t>;

struct DumpContext {
  ZoneStream* stream = nullptr;
  DumpFiles* files = nullptr;
  uint32_t serial = 0;
  uint64_t max_expanded_records = 0;
  // The files that this format may have: the dump's other formats get theirs.
  size_t max_files = DumpFiles::kMaxFiles;
  DumpDifferences* differences = nullptr;
  // Never null; 0.0 to 1.0 of this format.
  std::function<void(double)> progress;
};

// The writers count a listing that their format cannot say as left out of its
// file and go on. FailedPrecondition only where an exemption cannot be said and
// something that it hides is in the file: then a mirror would list more than
// the zone does, so the format's files are not to be used.

// rbldnsd's ip4trie, ip6trie or dnset: ZONE.FORMAT, and where names have
// several values or TTLs ZONE.FORMAT.2 and so on, to be given to rbldnsd
// together.
absl::Status WriteRbldnsd(DumpFormat format, const DumpContext& context);

// A zone file of RFC 1035, ZONE.zone.
absl::Status WriteRfc1035(const DumpContext& context);

// Of DumpDifferences, in more than one format.
inline constexpr char kSubjectBelow[] =
    "`$` below a name with subdomains is the listed name, not the queried one";

absl::uint128 AddressToWord(const AddressBytes& bytes);
AddressBytes WordToAddress(absl::uint128 word);

}  // namespace rbld

#endif  // RBLD_ZONES_DUMP_WRITER_H_
