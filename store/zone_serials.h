// What decides whether, and to what, a zone's serial moves.
//
// Pure functions.
#ifndef RBLD_STORE_ZONE_SERIALS_H_
#define RBLD_STORE_ZONE_SERIALS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "store/publisher.h"
#include "store/records.h"
#include "store/zone_answers.h"

namespace rbld {

// Does the zone, or one of its subzones, answer from `list`, or hide by its
// exemptions what files say?
bool Publishes(const ZoneSpec& zone, absl::string_view list);

// Does any answer of the lists and files differ? The two specifications are of
// one zone under one configuration, and may have other files.
bool ZoneDiffers(const ZoneSpec& before, const AnswerSide& before_side,
                 const ZoneSpec& after, const AnswerSide& after_side);

// The serial after `record`'s for a zone's next content.
uint32_t NextSerial(const ZoneSpec& spec, const ZoneRecord& record,
                    int64_t now_seconds);

// RFC 1982 §3.2.
bool IsAhead(uint32_t serial, uint32_t of);

// ZoneRecord::fingerprint: the configuration's, and behind a '+' that of the
// watched files, if the zone has any.
struct ZoneFingerprint {
  std::string configuration;
  std::string files;
};
ZoneFingerprint SplitFingerprint(absl::string_view stored);
std::string JoinFingerprint(const ZoneFingerprint& fingerprint);

}  // namespace rbld

#endif  // RBLD_STORE_ZONE_SERIALS_H_
