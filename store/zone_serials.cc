#include "store/zone_serials.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

bool PartDiffers(const AnswerRules& rules, const PartAnswers& before,
                 const PartAnswers& after) {
  AddressBytes last;
  last.fill(0xff);
  const ZonePart& part = *after.part;
  return (part.has_ipv4 &&
          AddressesDiffer(rules, before, after, Family::kIpv4, {},
                          IpPrefix::FromIpv4(0xffffffff).bytes)) ||
         (part.has_ipv6 &&
          AddressesDiffer(rules, before, after, Family::kIpv6, {}, last)) ||
         (part.has_names && AnyNameDiffers(rules, before, after));
}

}  // namespace

bool Publishes(const ZoneSpec& zone, absl::string_view list) {
  for (const ZonePart& part : zone.parts) {
    for (const PublishedList& published : part.lists) {
      if (published.list == list) return true;
    }
    for (const PublishedFile& file : part.files) {
      if (file.hidden_by == list) return true;
    }
  }
  return false;
}

bool ZoneDiffers(const ZoneSpec& before, const AnswerSide& before_side,
                 const ZoneSpec& after, const AnswerSide& after_side) {
  if (before.parts.size() != after.parts.size()) return true;
  for (size_t i = 0; i < after.parts.size(); ++i) {
    const ZonePart& old_part = before.parts[i];
    const ZonePart& part = after.parts[i];
    // With another kind the names between change, too.
    if (old_part.labels != part.labels || old_part.has_ipv4 != part.has_ipv4 ||
        old_part.has_ipv6 != part.has_ipv6 ||
        old_part.has_names != part.has_names ||
        PartDiffers(after.rules,
                    {&old_part, before_side.indexes, before_side.values},
                    {&part, after_side.indexes, after_side.values})) {
      return true;
    }
  }
  // What files say beside listings has a digest of its own.
  return before.files_other != after.files_other;
}

bool IsAhead(uint32_t serial, uint32_t of) {
  return static_cast<int32_t>(serial - of) > 0;
}

uint32_t NextSerial(const ZoneSpec& spec, const ZoneRecord& record,
                    int64_t now_seconds) {
  uint32_t next = record.serial + 1;
  const uint32_t floor = spec.unix_time_serial
                             ? static_cast<uint32_t>(now_seconds)
                             : spec.serial_base;
  // The floor is taken only where it is ahead.
  if (record.serial == 0 || IsAhead(floor, next)) {
    next = std::max(floor, uint32_t{1});
  }
  // 0 means "none" in our records, and some secondaries dislike it.
  return next == 0 ? 1 : next;
}

ZoneFingerprint SplitFingerprint(absl::string_view stored) {
  const size_t plus = stored.find('+');
  if (plus == absl::string_view::npos) return {std::string(stored), ""};
  return {std::string(stored.substr(0, plus)),
          std::string(stored.substr(plus + 1))};
}

std::string JoinFingerprint(const ZoneFingerprint& fingerprint) {
  if (fingerprint.files.empty()) return fingerprint.configuration;
  return absl::StrCat(fingerprint.configuration, "+", fingerprint.files);
}

}  // namespace rbld
