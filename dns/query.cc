#include "dns/query.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <bit>

namespace rbld {
namespace {

// The fixed part of a record behind its owner: type, class, TTL, RDLENGTH.
constexpr size_t kRecordFixedBytes = 10;

// Eight bytes that are four labels of one byte each.
constexpr size_t kFourShortLabelsBytes = 8;
bool AreFourShortLabels(const uint8_t* name) {
  constexpr uint64_t kLengths = std::bit_cast<uint64_t>(
      std::array<uint8_t, 8>{0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0});
  constexpr uint64_t kOnes =
      std::bit_cast<uint64_t>(std::array<uint8_t, 8>{1, 0, 1, 0, 1, 0, 1, 0});
  uint64_t word;
  memcpy(&word, name, sizeof(word));
  return (word & kLengths) == kOnes;
}

// Reads the question at offset kHeaderBytes. The hot loop of the parser: one
// step for each label.
bool ParseQuestion(const uint8_t* message, size_t size, Query* query) {
  const uint8_t* const name = message + kHeaderBytes;
  const size_t available = size - kHeaderBytes;
  const size_t most = std::min<size_t>(available, kMaxWireNameBytes);
  size_t at = 0;
  int labels = 0;
  while (true) {
    // The root's byte at offset 254 makes the longest name, of 255 bytes; a
    // label that begins behind it makes a longer one (RFC 1035 §2.3.4).
    if (at >= available || at >= kMaxWireNameBytes) return false;
    query->label_offsets[labels] = static_cast<uint8_t>(at);
    const uint8_t length = name[at];
    if (length == 0) break;
    // An IPv6 address has 32 labels of one byte.
    if (length == 1 && at + kFourShortLabelsBytes < most &&
        AreFourShortLabels(name + at)) {
      const uint32_t offsets = std::bit_cast<uint32_t>(std::array<uint8_t, 4>{
          static_cast<uint8_t>(at), static_cast<uint8_t>(at + 2),
          static_cast<uint8_t>(at + 4), static_cast<uint8_t>(at + 6)});
      memcpy(query->label_offsets + labels, &offsets, sizeof(offsets));
      labels += 4;
      at += kFourShortLabelsBytes;
      continue;
    }
    // Nothing stands before the question that a pointer could mean, and the
    // types 01 and 10 are not in use.
    if (length > kMaxLabelBytes) return false;
    at += size_t{1} + length;
    ++labels;
  }
  const size_t name_bytes = at + 1;
  if (available < name_bytes + 4) return false;
  query->name_bytes = static_cast<uint8_t>(name_bytes);
  query->label_count = static_cast<uint8_t>(labels);
  query->type = ReadU16(name + name_bytes);
  query->qclass = ReadU16(name + name_bytes + 2);
  LowerCaseName(name, static_cast<int>(name_bytes), query->name);
  query->has_question = true;
  return true;
}

bool ParseOpt(const uint8_t* record, size_t owner_bytes, size_t rdata_bytes,
              Query* query) {
  // RFC 6891 §6.1.1: two OPT records are a FORMERR. §6.1.2: the owner is the
  // root.
  if (query->has_edns || owner_bytes != 1) return false;
  const uint8_t* const fixed = record + owner_bytes;
  if (!OptionsAreWhole(fixed + kRecordFixedBytes, rdata_bytes)) return false;
  query->has_edns = true;
  query->udp_payload_bytes = ReadU16(fixed + 2);
  query->edns_version = fixed[5];
  query->dnssec_ok = (fixed[6] & 0x80) != 0;
  return true;
}

// Walks the records behind the question. They must be as many as the header
// says and end where the message ends.
bool ParseRecords(const uint8_t* message, size_t size, size_t at, int answers,
                  int authorities, int additionals, Query* query) {
  const int before_additional = answers + authorities;
  const int total = before_additional + additionals;
  for (int i = 0; i < total; ++i) {
    const int owner = SkipName(message, size, at);
    if (owner == 0) return false;
    const size_t owner_bytes = static_cast<size_t>(owner);
    if (size - at - owner_bytes < kRecordFixedBytes) return false;
    const uint8_t* const fixed = message + at + owner_bytes;
    const size_t rdata_bytes = ReadU16(fixed + 8);
    if (size - at - owner_bytes - kRecordFixedBytes < rdata_bytes) return false;
    // RFC 8945 §5.1: a TSIG record that is not the last one is a FORMERR.
    if (query->has_tsig) return false;
    switch (static_cast<RrType>(ReadU16(fixed))) {
      case RrType::kOpt:
        // RFC 6891 §6.1.1: in the additional section only.
        if (i < before_additional) return false;
        if (!ParseOpt(message + at, owner_bytes, rdata_bytes, query)) {
          return false;
        }
        break;
      case RrType::kTsig:
        if (i < before_additional) return false;
        query->has_tsig = true;
        break;
      default:
        break;
    }
    at += owner_bytes + kRecordFixedBytes + rdata_bytes;
  }
  // Bytes behind the last record are records that the counts deny.
  return at == size;
}

bool ParseBody(const uint8_t* message, size_t size, Query* query) {
  // RFC 9619 §4: a QUERY has one question; more are a FORMERR. With none there
  // is nothing to answer.
  if (ReadU16(message + 4) != 1) return false;
  if (!ParseQuestion(message, size, query)) return false;
  const size_t at = query->question_end_bytes();
  const int answers = ReadU16(message + 6);
  const int authorities = ReadU16(message + 8);
  const int additionals = ReadU16(message + 10);
  if ((answers | authorities | additionals) == 0) return at == size;
  return ParseRecords(message, size, at, answers, authorities, additionals,
                      query);
}

}  // namespace

ParseResult ParseQuery(const uint8_t* message, size_t size, Query* query) {
  if (size < kHeaderBytes) return ParseResult::kDrop;
  query->message = message;
  query->id = ReadU16(message);
  query->flags = ReadU16(message + 2);
  query->type = 0;
  query->qclass = 0;
  query->has_question = false;
  query->has_edns = false;
  query->has_tsig = false;
  query->dnssec_ok = false;
  query->edns_version = 0;
  query->udp_payload_bytes = 0;
  query->name_bytes = 0;
  query->label_count = 0;
  // Answering a response would let two servers answer each other for ever.
  if ((query->flags & kFlagQr) != 0) return ParseResult::kDrop;
  const bool well_formed = ParseBody(message, size, query);
  if (query->opcode() != kOpcodeQuery) return ParseResult::kNotImp;
  return well_formed ? ParseResult::kOk : ParseResult::kFormErr;
}

}  // namespace rbld
