// ParseQuery: one DNS message from a client, checked to its last byte, without
// copying anything but the lower-cased name.
//
// A pure function: no allocation, no lock, any thread. The checks follow
// RFC 1035 §4, RFC 6891 §6.1, RFC 9267 (the ways in which parsers failed) and
// RFC 9619 (one question).
#ifndef RBLD_DNS_QUERY_H_
#define RBLD_DNS_QUERY_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "dns/constants.h"
#include "dns/name.h"

namespace rbld {

enum class ParseResult : uint8_t {
  kOk,
  kDrop,     // not to be answered at all: a response, or no whole header
  kFormErr,  // to be answered with FORMERR
  kNotImp,   // well-formed or not, its opcode is not QUERY
};

// What ParseQuery found. Borrows the message.
struct Query {
  const uint8_t* message = nullptr;
  uint16_t id = 0;
  uint16_t flags = 0;
  uint16_t type = 0;
  uint16_t qclass = 0;

  // The question was read, so that the reply can echo it.
  bool has_question = false;
  // One OPT record was read. Stays true when a second one makes a FORMERR.
  bool has_edns = false;
  bool has_tsig = false;
  bool dnssec_ok = false;  // RFC 3225
  uint8_t edns_version = 0;
  uint16_t udp_payload_bytes = 0;  // as the client wrote it; 0 without EDNS

  // The question's name, always at offset kHeaderBytes of the message.
  uint8_t name_bytes = 0;   // with the root's byte
  uint8_t label_count = 0;  // without the root
  // Where the length byte of each label is in the name; the root's byte comes
  // as entry `label_count`.
  uint8_t label_offsets[kMaxLabels + 1];
  // The name in lower case.
  uint8_t name[kNameBufferBytes];

  int opcode() const { return (flags & kOpcodeMask) >> kOpcodeShift; }
  bool recursion_desired() const { return (flags & kFlagRd) != 0; }
  // The name from label `first_label` on, lower case, with the root's byte.
  absl::string_view NameFrom(int first_label) const {
    const int offset = label_offsets[first_label];
    return absl::string_view(reinterpret_cast<const char*>(name) + offset,
                             static_cast<size_t>(name_bytes - offset));
  }
  // Where the question ends in the message; has_question only.
  size_t question_end_bytes() const {
    return size_t{kHeaderBytes} + name_bytes + 4;
  }
};

// Are the options of an OPT record's rdata whole (RFC 6891 §6.1.2)?
inline bool OptionsAreWhole(const uint8_t* rdata, size_t size) {
  size_t at = 0;
  while (at < size) {
    if (size - at < 4) return false;
    const size_t length = ReadU16(rdata + at + 2);
    if (size - at - 4 < length) return false;
    at += 4 + length;
  }
  return true;
}

// Fills `*query` as far as it came; its id and flags are valid unless the
// result is kDrop.
ParseResult ParseQuery(const uint8_t* message, size_t size, Query* query);

}  // namespace rbld

#endif  // RBLD_DNS_QUERY_H_
