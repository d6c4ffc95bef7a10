// QuickQuery: a query that the quick path (server/quick_answer) may answer, as
// it was read: of class IN and type A or TXT, with or without a plain OPT, for
// an IPv4 address in one of the snapshot's QuickZones. Whatever is not that to
// the letter is the general path's.
//
// Pure functions: no lock, no allocation; any thread. Nothing outside of the
// message is read. Inline, for the loop over a batch.
#ifndef RBLD_SERVER_QUICK_QUERY_H_
#define RBLD_SERVER_QUICK_QUERY_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dns/constants.h"
#include "dns/reversed_name.h"
#include "server/quick_zones.h"
#include "server/snapshot.h"

namespace rbld {

struct QuickQuery {
  const QuickZone* zone = nullptr;  // null: the general path's
  uint32_t address = 0;             // host order
  // With a zone of one source: what it lists the address with (LookUpQuick).
  ValueSetId values = kNotListed;
  // Offsets in the message: where the zone's name begins, and where the
  // question ends.
  uint16_t zone_offset = 0;
  uint16_t question_end = 0;
  bool is_txt = false;  // else A
  bool has_edns = false;
  bool dnssec_ok = false;  // RFC 3225
};

namespace quick_query_internal {

inline constexpr size_t kTypeAndClassBytes = 4;
// Header, the four shortest labels, the shortest zone, type and class.
inline constexpr size_t kMinMessageBytes =
    kHeaderBytes + 4 * 2 + kMinQuickZoneBytes + kTypeAndClassBytes;
static_assert(kMinMessageBytes >= kHeaderBytes + kOctetLabelsBytes);
// A step of the zone's name may begin before the zone.
static_assert(kHeaderBytes + 4 * 2 + kMinQuickZoneBytes >=
              QuickNameStep::kBytes);

// RFC 5782 §5 says something of 127.0.0.1 and 127.0.0.2.
inline constexpr uint32_t kTestNetwork = 0x7f0000;
// The size of the octets' labels if each has one digit: then they are nibbles
// too, the beginning of an IPv6 address.
inline constexpr size_t kNibblesBytes = 4 * 2;

// Bytes of a message as a word, to be compared with constants.
inline uint64_t Load64(const uint8_t* bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof(word));
  return word;
}
inline uint32_t Load32(const uint8_t* bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof(word));
  return word;
}
constexpr uint64_t Word64(std::array<uint8_t, 8> bytes) {
  return std::bit_cast<uint64_t>(bytes);
}
constexpr uint32_t Word32(std::array<uint8_t, 4> bytes) {
  return std::bit_cast<uint32_t>(bytes);
}

// The header's four counts (RFC 1035 §4.1.1).
inline constexpr uint64_t kQuestionAlone = Word64({0, 1, 0, 0, 0, 0, 0, 0});
inline constexpr uint64_t kQuestionAndOpt = Word64({0, 1, 0, 0, 0, 0, 0, 1});
// A question's type and class.
inline constexpr uint32_t kAInternet = Word32({0, 1, 0, 1});
inline constexpr uint32_t kTxtInternet = Word32({0, 16, 0, 1});

// An OPT record (RFC 6891 §6.1.2): the root, type, size of payload, extended
// RCODE, version, flags, of which the first is DO; the size of the options.
// Read are the type, and the version, which must be 0.
inline constexpr size_t kPlainOptBytes = 11;
inline constexpr size_t kOptFlags = 7;
inline constexpr size_t kOptOptionsBytes = 9;
inline bool IsPlainOpt(const uint8_t* opt) {
  constexpr uint64_t kMask = Word64({0xff, 0xff, 0xff, 0, 0, 0, 0xff, 0});
  constexpr uint64_t kWanted = Word64({0, 0, 41, 0, 0, 0, 0, 0});
  return (Load64(opt) & kMask) == kWanted;
}

// Where the name ends that begins at `at`, if behind its question there is a
// plain OPT record with whole options and nothing else; 0 if not. The name may
// be malformed.
size_t FindNameBeforeOptions(const uint8_t* message, size_t message_bytes,
                             size_t at, bool* dnssec_ok);

// The same for an OPT record of any kind. One without options is looked for at
// the message's end: what stands before it is a zone's name or it is not.
inline size_t FindNameBeforeOpt(const uint8_t* message, size_t message_bytes,
                                size_t at, bool* dnssec_ok) {
  const uint8_t* const opt = message + message_bytes - kPlainOptBytes;
  if (IsPlainOpt(opt) && ReadU16(opt + kOptOptionsBytes) == 0) [[likely]] {
    *dnssec_ok = (opt[kOptFlags] & 0x80) != 0;
    return message_bytes - kPlainOptBytes - kTypeAndClassBytes;
  }
  return FindNameBeforeOptions(message, message_bytes, at, dnssec_ok);
}

}  // namespace quick_query_internal

// False, with a null zone, if the query is the general path's. Begins to load
// what PrefetchQuickAnswer reads. Borrows `zones`.
[[gnu::always_inline]] inline bool RecogniseQuickQuery(const QuickZones& zones,
                                                       const uint8_t* message,
                                                       size_t message_bytes,
                                                       QuickQuery* query) {
  namespace internal = quick_query_internal;
  query->zone = nullptr;
  if (message_bytes < internal::kMinMessageBytes) return false;
  // A QUERY, and no response. Whatever else is in the flags means nothing.
  constexpr uint8_t kFlagsOfInterest = (kFlagQr | kOpcodeMask) >> 8;
  const uint64_t counts = internal::Load64(message + 4);
  const bool has_edns = counts != internal::kQuestionAlone;
  if ((message[2] & kFlagsOfInterest) != 0 ||
      (has_edns && counts != internal::kQuestionAndOpt)) {
    return false;
  }
  uint32_t address = 0;
  const size_t octets_bytes = ReadOctetLabels(message + kHeaderBytes, &address);
  if (octets_bytes == 0 || octets_bytes == internal::kNibblesBytes ||
      address >> 8 == internal::kTestNetwork) {
    return false;
  }
  const size_t zone_offset = kHeaderBytes + octets_bytes;
  size_t name_end = message_bytes - internal::kTypeAndClassBytes;
  if (has_edns) {
    name_end = internal::FindNameBeforeOpt(message, message_bytes, zone_offset,
                                           &query->dnssec_ok);
  }
  const QuickZone* const zone =
      zones.Find(message + zone_offset, name_end - zone_offset);
  if (zone == nullptr) return false;
  const uint32_t type_and_class = internal::Load32(message + name_end);
  query->is_txt = type_and_class == internal::kTxtInternet;
  if (!query->is_txt && type_and_class != internal::kAInternet) return false;
  query->zone = zone;
  query->address = address;
  query->zone_offset = static_cast<uint16_t>(zone_offset);
  query->question_end =
      static_cast<uint16_t>(name_end + internal::kTypeAndClassBytes);
  query->has_edns = has_edns;
  if (zone->only_index != nullptr) [[likely]] {
    zone->only_index->PrefetchHead(address);
  } else {
    for (const auto* source = zone->sources; source != zone->sources_end;
         ++source) {
      source->index->PrefetchHead(address);
    }
  }
  return true;
}

// Begins to load what LookUpQuick, or FinishQuickAnswer, reads. Of a recognised
// query.
[[gnu::always_inline]] inline void PrefetchQuickAnswer(
    const QuickQuery& query) {
  const QuickZone& zone = *query.zone;
  if (zone.only_index != nullptr) [[likely]] {
    return zone.only_index->Prefetch(query.address);
  }
  for (const auto* source = zone.sources; source != zone.sources_end;
       ++source) {
    source->index->Prefetch(query.address);
  }
}

// Of zones with more than one source FinishQuickAnswer does it.
[[gnu::always_inline]] inline void LookUpQuick(QuickQuery* query) {
  const Ipv4Index* const index = query->zone->only_index;
  query->values = index != nullptr ? index->Lookup(query->address) : kNotListed;
}

// Where there are many value sets: begins to load what PrefetchQuickValues
// reads …
[[gnu::always_inline]] inline void PrefetchQuickSlots(const QuickQuery& query) {
  if (query.values == kNotListed) return;
  query.zone->only_values->PrefetchSlot(query.values);
}
// … and what FinishQuickAnswer reads of one.
[[gnu::always_inline]] inline void PrefetchQuickValues(
    const QuickQuery& query) {
  if (query.values == kNotListed) return;
  const ValueTable& values = *query.zone->only_values;
  if (!query.is_txt && values.GetOnlyCode(query.values).code != 0) return;
  values.Prefetch(query.values);
}

}  // namespace rbld

#endif  // RBLD_SERVER_QUICK_QUERY_H_
