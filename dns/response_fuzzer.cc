// libFuzzer target: any bytes as a server's reply. Built with clang
// (`--repo_env=CC=clang --copt=-fsanitize=fuzzer-no-link,address
// --linkopt=-fsanitize=address`) it takes a folder for what it finds and
// dns/corpus as arguments; response_corpus_test replays the corpus.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "dns/name.h"
#include "dns/response_reader.h"

namespace {

void Check(bool holds) {
  if (!holds) abort();
}

void CheckName(const std::string& name) {
  Check(rbld::WireNameBytes(reinterpret_cast<const uint8_t*>(name.data()),
                            name.size()) == static_cast<int>(name.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::StatusOr<rbld::Response> response =
      rbld::ReadResponse(data, size);
  if (!response.ok()) return 0;
  Check(size >= rbld::kHeaderBytes);
  if (response->has_question) CheckName(response->question_name);
  for (const auto* section :
       {&response->answers, &response->authorities, &response->additionals}) {
    for (const rbld::ResponseRecord& record : *section) {
      CheckName(record.owner);
      // Two names and what stands around them, where there are names.
      Check(record.rdata.size() <= 65535 + 2 * rbld::kMaxWireNameBytes);
    }
  }
  // A reply has at most one byte for each record's owner, so as many records
  // as bytes.
  Check(response->answers.size() + response->authorities.size() +
            response->additionals.size() <=
        size);
  return 0;
}
