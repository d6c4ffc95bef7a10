// Fuzzes the reading of servers' replies.
#include <string>

#include "base/fuzz/fuzz_target.h"
#include "dns/name.h"
#include "dns/response_reader.h"

namespace rbld {
namespace {

void CheckName(const std::string& name) {
  FuzzCheck(WireNameBytes(reinterpret_cast<const uint8_t*>(name.data()),
                          name.size()) == static_cast<int>(name.size()));
}

}  // namespace

std::string FuzzOne(absl::string_view input) {
  const absl::StatusOr<Response> response = ReadResponse(
      reinterpret_cast<const uint8_t*>(input.data()), input.size());
  if (!response.ok()) return "";
  FuzzCheck(input.size() >= kHeaderBytes);
  if (response->has_question) CheckName(response->question_name);
  for (const auto* section :
       {&response->answers, &response->authorities, &response->additionals}) {
    for (const ResponseRecord& record : *section) {
      CheckName(record.owner);
      // Two names and what stands around them, where there are names.
      FuzzCheck(record.rdata.size() <= 65535 + 2 * kMaxWireNameBytes);
    }
  }
  // A reply has at most one byte for each record's owner, so as many records
  // as bytes.
  FuzzCheck(response->answers.size() + response->authorities.size() +
                response->additionals.size() <=
            input.size());
  return "";
}

}  // namespace rbld
