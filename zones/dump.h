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
  // In each format: a range that must be written address by address is left
  // out rather than take the records of such ranges over this.
  uint64_t max_expanded_records = 20'000'000;
};

struct DumpedFile {
  std::string name;  // inside the directory
  DumpFormat format;
  uint64_t records = 0;
  uint64_t bytes = 0;
  std::string sha256_hex;
  // Listings that the format cannot say, and some of them: "what: why".
  uint64_t left_out = 0;
  std::vector<std::string> left_out_examples;
};

// A format that was not written, since with it a mirror would list what an
// exemption hides.
struct RefusedFormat {
  DumpFormat format;
  std::string reason;
  // Its files of an earlier dump, which stay as they are.
  std::vector<std::string> kept;
};

struct DumpSummary {
  std::string zone;
  uint32_t serial = 0;
  uint64_t sequence = 0;
  std::vector<DumpedFile> files;
  std::vector<RefusedFormat> refused;
  std::string manifest_path;
};

// Writes `zone` as `store` has it. Each file is written aside, synced and
// renamed, the MANIFEST (JSON: zone, serial, sequence, epoch, time, and for
// each file format, records, bytes, SHA-256, what is left out) last. A listing
// that a format cannot say is left out of its file and counted. A format is
// refused where leaving out an exemption would list more than the zone does;
// FailedPrecondition, and nothing is changed, if that leaves no format.
// `progress` may be null; 0.0 to 1.0.
absl::StatusOr<DumpSummary> DumpZone(
    const ZoneConfig& zone, const PinnedStore& store, int64_t now_seconds,
    const DumpOptions& options, const std::function<void(double)>& progress);

// What a log says of a dump whose files are not complete: "3 listings left out
// of z.test.zone (…)". Empty where all are.
std::string DescribeIncomplete(const DumpSummary& summary);

}  // namespace rbld

#endif  // RBLD_ZONES_DUMP_H_
