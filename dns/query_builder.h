// QueryBuilder: messages to be sent to a server; for tests, wrong ones too.
#ifndef RBLD_DNS_QUERY_BUILDER_H_
#define RBLD_DNS_QUERY_BUILDER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "dns/constants.h"

namespace rbld {

// Used by one thread. Each call appends to the message; counts follow unless
// SetCounts overrides them.
class QueryBuilder {
 public:
  explicit QueryBuilder(uint16_t id = 0x1234, uint16_t flags = 0);

  // `name` is text as NameFromText reads it; any other ends the program.
  QueryBuilder& Question(absl::string_view name, RrType type,
                         uint16_t qclass = kClassIn);
  // A name as bytes, right or wrong.
  QueryBuilder& RawQuestion(absl::string_view wire_name, uint16_t type,
                            uint16_t qclass = kClassIn);
  enum class Section { kAnswer, kAuthority, kAdditional };
  QueryBuilder& Record(Section section, absl::string_view wire_owner,
                       uint16_t type, uint16_t rrclass, uint32_t ttl,
                       absl::string_view rdata);
  QueryBuilder& Opt(uint16_t payload_bytes = 1232, uint8_t version = 0,
                    absl::string_view options = "", bool dnssec_ok = false);
  QueryBuilder& Raw(absl::string_view bytes);
  QueryBuilder& SetCounts(int questions, int answers, int authorities,
                          int additionals);

  const std::string& message() const { return message_; }
  const uint8_t* data() const {
    return reinterpret_cast<const uint8_t*>(message_.data());
  }
  size_t size() const { return message_.size(); }

 private:
  void Count(int word);
  std::string message_;
};

}  // namespace rbld

#endif  // RBLD_DNS_QUERY_BUILDER_H_
