// One record of a generic data file. Pure.
#ifndef RBLD_ZONES_RBLDNSD_GENERIC_RECORD_H_
#define RBLD_ZONES_RBLDNSD_GENERIC_RECORD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

struct GenericRecord {
  // Labels below the zone in wire form and lower case, without the root's byte;
  // empty for the zone itself.
  std::string owner;
  uint16_t type = 0;         // A, AAAA, TXT or MX
  uint32_t ttl_seconds = 0;  // 0: the dataset's
  std::string rdata;
};

// "NAME|@ [TTL] [IN] A|AAAA|TXT|MX DATA". rbldnsd knows no AAAA. A text may
// stand in double quotes; it is cut into strings of 255 bytes.
absl::StatusOr<GenericRecord> ParseGenericRecord(absl::string_view line);

}  // namespace rbld

#endif  // RBLD_ZONES_RBLDNSD_GENERIC_RECORD_H_
