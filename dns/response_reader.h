// ReadResponse: a server's reply, taken apart and checked to its last byte.
//
// A pure function: any thread. It is for tools that ask servers which are not
// ours, so nothing in the message is trusted: names follow RFC 1035 §4.1.4 as
// ExpandName reads them, and every length is held against what is there.
#ifndef RBLD_DNS_RESPONSE_READER_H_
#define RBLD_DNS_RESPONSE_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dns/constants.h"

namespace rbld {

// Names are whole, in lower case and with the root's byte, those in the rdata
// of the types of RFC 3597 §4 too; so two records are the same if their bytes
// are.
struct ResponseRecord {
  std::string owner;
  uint16_t type = 0;
  uint16_t rrclass = 0;
  uint32_t ttl_seconds = 0;
  std::string rdata;
};

struct Response {
  uint16_t id = 0;
  uint16_t flags = 0;
  uint16_t rcode = 0;  // with the upper bits of OPT (RFC 6891 §6.1.3)

  bool has_question = false;
  std::string question_name;
  uint16_t question_type = 0;
  uint16_t question_class = 0;

  std::vector<ResponseRecord> answers;
  std::vector<ResponseRecord> authorities;
  // Without OPT.
  std::vector<ResponseRecord> additionals;
  bool has_edns = false;

  bool authoritative() const { return (flags & kFlagAa) != 0; }
  bool truncated() const { return (flags & kFlagTc) != 0; }
};

// InvalidArgument says what is wrong with it: no response, cut short, a bad
// name, rdata that its type does not allow (A, AAAA, TXT, and those with
// names), several questions or OPT records, bytes behind the last record.
absl::StatusOr<Response> ReadResponse(const uint8_t* message, size_t size);

}  // namespace rbld

#endif  // RBLD_DNS_RESPONSE_READER_H_
