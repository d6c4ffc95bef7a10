#include "server/quick_answer.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <bit>

#include "dns/constants.h"
#include "dns/query.h"
#include "dns/response_writer.h"
#include "dns/reversed_name.h"
#include "server/snapshot.h"
#include "server/txt_template.h"

namespace rbld {
namespace {

static_assert(kQuickReplyRoomBytes == kMinUdpPayloadBytes);

using quick_query_internal::kMinMessageBytes;
using quick_query_internal::kPlainOptBytes;
using quick_query_internal::kQuestionAlone;
using quick_query_internal::Word64;

static_assert(kPlainOptBytes == kOptBytes);

// How many records a quick answer has. With them it always fits, also while
// the general path had one more that it took away again as a duplicate.
constexpr size_t kMaxCodes = 8;
constexpr size_t kARecordBytes = kRecordHeadBytes + 4;
static_assert(kHeaderBytes + kMaxWireNameBytes + 4 +
                  (kMaxCodes + 1) * kARecordBytes + kOptBytes <=
              kQuickReplyRoomBytes);

// Copies at least 32 bytes; reads and writes nothing else.
[[gnu::always_inline]] inline void CopyWide(const uint8_t* from, size_t bytes,
                                            uint8_t* to) {
  constexpr size_t kStep = 16;
  memcpy(to, from, kStep);
  memcpy(to + kStep, from + kStep, kStep);
  for (size_t at = 2 * kStep; at + kStep < bytes; at += kStep) {
    memcpy(to + at, from + at, kStep);
  }
  memcpy(to + bytes - kStep, from + bytes - kStep, kStep);
}

// A question's message, and an SOA record behind its owner: type, class, TTL,
// RDLENGTH, two names and five numbers.
constexpr size_t kMinSoaTailBytes = 2 + 2 + 4 + 2 + 1 + 1 + 5 * 4;
static_assert(kMinMessageBytes >= 32 && kMinSoaTailBytes >= 32);

// As ResponseWriter's.
size_t WriteOpt(bool dnssec_ok, uint8_t* out) {
  static constexpr uint8_t kOpt[kOptBytes] = {
      0, 0, 41, kMaxUdpPayloadBytes >> 8, kMaxUdpPayloadBytes & 0xff, 0, 0, 0,
      0, 0, 0};
  memcpy(out, kOpt, sizeof(kOpt));
  // RFC 3225 §3: DO is copied.
  out[7] = dnssec_ok ? 0x80 : 0;
  return kOptBytes;
}

inline void WriteRecordHead(RrType type, uint32_t ttl_seconds,
                            size_t rdata_bytes, uint8_t* out) {
  // A pointer to the question's name, type, class; the TTL covers the rest.
  const uint64_t start = Word64(
      {0xc0, kHeaderBytes, 0, static_cast<uint8_t>(type), 0, kClassIn, 0, 0});
  memcpy(out, &start, sizeof(start));
  WriteU32(out + 6, ttl_seconds);
  WriteU16(out + 10, static_cast<uint16_t>(rdata_bytes));
}

// What was written behind the question.
struct Body {
  AnswerKind kind;
  uint8_t answers;  // without any there is one authority record
  uint32_t bytes;   // 0: it declines
};
constexpr Body kDeclined = {AnswerKind::kDropped, 0, 0};

// How many bytes there are for that.
size_t RoomBytes(const QuickQuery& query) {
  return kQuickReplyRoomBytes - query.question_end - kOptBytes;
}

// A "no", with the SOA that says for how long it holds (RFC 2308 §3).
[[gnu::always_inline]] inline Body WriteNegative(const QuickQuery& query,
                                                 AnswerKind kind,
                                                 uint8_t* out) {
  const absl::string_view tail = query.zone->negative_soa_tail;
  const size_t bytes = 2 + tail.size();
  if (RoomBytes(query) < bytes) return kDeclined;
  WriteU16(out, static_cast<uint16_t>(0xc000 | query.zone_offset));
  CopyWide(reinterpret_cast<const uint8_t*>(tail.data()), tail.size(), out + 2);
  return {kind, 0, static_cast<uint32_t>(bytes)};
}

// The header's flags and counts; the id and the question are there.
void WriteHead(const uint8_t* message, const Body& body, bool has_edns,
               uint8_t* out) {
  // RFC 1035 §4.1.1: RD is copied, and all else is 0.
  out[2] = static_cast<uint8_t>((kFlagQr | kFlagAa) >> 8 |
                                (message[2] & kFlagRd >> 8));
  out[3] = static_cast<uint8_t>(
      body.kind == AnswerKind::kNxDomain ? Rcode::kNxDomain : Rcode::kNoError);
  memcpy(out + 4, &kQuestionAlone, sizeof(kQuestionAlone));
  out[7] = body.answers;
  out[9] = body.answers == 0 ? 1 : 0;
  out[11] = has_edns ? 1 : 0;
}

// `ttl_seconds` is a value's.
uint32_t TtlOf(const QuickQuery& query, uint32_t ttl_seconds) {
  return ttl_seconds != 0 ? ttl_seconds : query.zone->ttl_seconds;
}

void WriteCode(uint32_t ttl_seconds, uint32_t code, uint8_t* out) {
  WriteRecordHead(RrType::kA, ttl_seconds, 4, out);
  WriteU32(out + kRecordHeadBytes, code);
}

constexpr size_t kMaxOctetLabelBytes = 4;

// Appends a label's digits and a dot to a text; writes kMaxOctetLabelBytes.
char* AppendOctet(const uint8_t* label, char* text) {
  memcpy(text, label + 1, kMaxOctetLabelBytes);
  text += label[0];
  *text = '.';
  return text + 1;
}

// The address as its own labels spell it, from the last to the first. Returns
// the bytes written; `text` has 4 * kMaxOctetLabelBytes.
size_t WriteAddressText(const uint8_t* name, char* text) {
  const uint8_t* const second = name + 1 + name[0];
  const uint8_t* const third = second + 1 + second[0];
  const uint8_t* const fourth = third + 1 + third[0];
  char* const end = AppendOctet(
      name, AppendOctet(second, AppendOctet(third, AppendOctet(fourth, text))));
  return static_cast<size_t>(end - text) - 1;
}

// Not inline: what has a buffer of characters is guarded by the compiler.
[[gnu::noinline]] Body WriteReason(const QuickQuery& query,
                                   const uint8_t* message,
                                   const ValueView& value, uint8_t* out) {
  char text[4 * kMaxOctetLabelBytes];
  const size_t text_bytes = WriteAddressText(message + kHeaderBytes, text);
  const int rdata_bytes =
      RenderTxt(value.reason, absl::string_view(text, text_bytes),
                out + kRecordHeadBytes, RoomBytes(query) - kRecordHeadBytes);
  if (rdata_bytes < 0) return kDeclined;
  WriteRecordHead(RrType::kTxt, TtlOf(query, value.ttl_seconds),
                  static_cast<size_t>(rdata_bytes), out);
  return {AnswerKind::kListed, 1,
          static_cast<uint32_t>(kRecordHeadBytes + rdata_bytes)};
}

// Of an address that is listed with one value. Of most A queries the table
// knows all that it takes; the set, with its reason, lies elsewhere.
[[gnu::always_inline]] inline bool WriteOnlyCode(const QuickQuery& query,
                                                 uint8_t* out, Body* body) {
  if (query.is_txt) return false;
  const ValueTable::OnlyCode only =
      query.zone->only_values->GetOnlyCode(query.values);
  if (only.code == 0) return false;
  WriteCode(TtlOf(query, only.ttl_seconds), only.code, out);
  *body = {AnswerKind::kListed, 1, kARecordBytes};
  return true;
}

Body WriteValue(const QuickQuery& query, const uint8_t* message,
                const ValueView& value, uint8_t* out) {
  if (!query.is_txt) {
    WriteCode(TtlOf(query, value.ttl_seconds), value.code, out);
    return {AnswerKind::kListed, 1, kARecordBytes};
  }
  if (value.reason.empty()) {
    return WriteNegative(query, AnswerKind::kNoData, out);
  }
  return WriteReason(query, message, value, out);
}

// Calls use(value) for all values of the address; false if one call said so.
template <typename Use>
bool ForAllValues(const QuickQuery& query, const Use& use) {
  const IndexSource<Ipv4Index>* const end = query.zone->sources_end;
  for (const auto* source = query.zone->sources; source != end; ++source) {
    const ValueSetId id = source->index->Lookup(query.address);
    if (id == kNotListed) continue;
    for (const ValueView value : source->values->Get(id)) {
      if (!use(value)) return false;
    }
  }
  return true;
}

// Of an address that may be listed several times, or not at all.
[[gnu::noinline]] Body WriteSeveral(const QuickQuery& query,
                                    const uint8_t* message, uint8_t* out) {
  uint32_t codes[kMaxCodes];
  size_t count = 0;
  // The records' one TTL is the smallest (RFC 2181 §5.2).
  uint32_t ttl_seconds = 0xffffffff;
  ValueView explained;
  const bool all = ForAllValues(query, [&](const ValueView& value) {
    ttl_seconds = std::min(ttl_seconds, TtlOf(query, value.ttl_seconds));
    if (std::find(codes, codes + count, value.code) == codes + count) {
      if (count == kMaxCodes) return false;
      codes[count++] = value.code;
    }
    if (!query.is_txt || value.reason.empty()) return true;
    // A set that two sources have is one; two reasons are not so simple.
    if (!explained.reason.empty() &&
        explained.reason.data() != value.reason.data()) {
      return false;
    }
    explained = value;
    return true;
  });
  if (!all) return kDeclined;
  if (count == 0) return WriteNegative(query, AnswerKind::kNxDomain, out);
  if (!explained.reason.empty()) {
    return WriteReason(query, message, explained, out);
  }
  if (query.is_txt) return WriteNegative(query, AnswerKind::kNoData, out);
  for (size_t i = 0; i < count; ++i) {
    WriteCode(ttl_seconds, codes[i], out + i * kARecordBytes);
  }
  return {AnswerKind::kListed, static_cast<uint8_t>(count),
          static_cast<uint32_t>(count * kARecordBytes)};
}

}  // namespace

namespace quick_query_internal {

size_t FindNameBeforeOptions(const uint8_t* message, size_t message_bytes,
                             size_t at, bool* dnssec_ok) {
  const void* const root = memchr(message + at, 0, message_bytes - at);
  if (root == nullptr) return 0;
  const size_t name_end =
      static_cast<size_t>(static_cast<const uint8_t*>(root) - message) + 1;
  const size_t opt_begin = name_end + kTypeAndClassBytes;
  if (message_bytes < opt_begin + kPlainOptBytes) return 0;
  const uint8_t* const opt = message + opt_begin;
  const size_t options_bytes = ReadU16(opt + kOptOptionsBytes);
  if (!IsPlainOpt(opt) ||
      message_bytes != opt_begin + kPlainOptBytes + options_bytes ||
      !OptionsAreWhole(opt + kPlainOptBytes, options_bytes)) {
    return 0;
  }
  *dnssec_ok = (opt[kOptFlags] & 0x80) != 0;
  return name_end;
}

}  // namespace quick_query_internal

size_t FinishQuickAnswer(const QuickQuery& query, const uint8_t* message,
                         size_t message_bytes, uint8_t* out, Outcome* outcome) {
  const QuickZone& zone = *query.zone;
  size_t at = query.question_end;
  CopyWide(message, at, out);
  Body body;
  // Most zones have one source, and most listings one value.
  if (zone.only_index == nullptr) [[unlikely]] {
    body = WriteSeveral(query, message, out + at);
  } else if (query.values == kNotListed) {
    body = WriteNegative(query, AnswerKind::kNxDomain, out + at);
  } else if (WriteOnlyCode(query, out + at, &body)) [[likely]] {
    // That was all.
  } else if (const ServedValues& set = zone.only_values->Get(query.values);
             set.size() == 1) {
    body = WriteValue(query, message, set[0], out + at);
  } else {
    body = WriteSeveral(query, message, out + at);
  }
  if (body.bytes == 0) return 0;
  at += body.bytes;
  WriteHead(message, body, query.has_edns, out);
  if (query.has_edns) at += WriteOpt(query.dnssec_ok, out + at);
  outcome->kind = body.kind;
  outcome->truncated = false;
  outcome->counter_slot = zone.counter_slot;
  outcome->request_bytes = static_cast<uint32_t>(message_bytes);
  outcome->reply_bytes = static_cast<uint32_t>(at);
  return at;
}

}  // namespace rbld
