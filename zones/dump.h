// Dumps: a zone, or a list, written for mirrors in the formats they load.
#ifndef RBLD_ZONES_DUMP_H_
#define RBLD_ZONES_DUMP_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "store/publisher.h"
#include "zones/config.h"
#include "zones/dump_format.h"

namespace rbld {

struct DumpOptions {
  std::string directory;  // made if missing
  std::vector<DumpFormat> formats;
  // RFC 1035 output: refuse rather than write more records than this when
  // ranges must be expanded.
  uint64_t max_expanded_records = 20'000'000;
};

struct DumpedFile {
  std::string name;  // inside the directory
  DumpFormat format;
  uint64_t records = 0;
  uint64_t bytes = 0;
  std::string sha256_hex;
};

struct DumpSummary {
  std::string zone;
  uint32_t serial = 0;
  uint64_t sequence = 0;
  std::vector<DumpedFile> files;
  std::string manifest_path;
};

// Writes `zone` as `store` has it. Each file is written aside, synced and
// renamed, the MANIFEST (JSON: zone, serial, sequence, epoch, time, and for
// each file format, records, bytes, SHA-256) last. FailedPrecondition, with the
// reason, where a format cannot say what the zone answers. `progress` may be
// null; 0.0 to 1.0.
absl::StatusOr<DumpSummary> DumpZone(
    const ZoneConfig& zone, const PinnedStore& store, int64_t now_seconds,
    const DumpOptions& options, const std::function<void(double)>& progress);

}  // namespace rbld

#endif  // RBLD_ZONES_DUMP_H_
