// libFuzzer target: any bytes as the body of POST /v1/changes. Built with clang
// (`--repo_env=CC=clang --copt=-fsanitize=fuzzer-no-link,address
// --linkopt=-fsanitize=address`) it takes a folder for what it finds and
// control/corpus/json as arguments; corpus_test replays the corpus.

#include <cstdint>
#include <cstdlib>

#include "absl/strings/string_view.h"
#include "control/json.h"
#include "control/json_codec.h"

namespace rbld {
namespace {

constexpr int64_t kNow = 1'800'000'000;

void Check(bool holds) {
  if (!holds) abort();
}

}  // namespace

int FuzzJson(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) {
    Check(!json.status().message().empty());
    return 0;
  }
  // What was read is written as text that reads the same.
  const std::string once = JsonText(*json);
  const absl::StatusOr<Json> again = ParseJson(once);
  Check(again.ok() && JsonText(*again) == once);
  const absl::StatusOr<ChangeRequest> request =
      ChangeRequestFromJson(*json, "only", kNow);
  if (!request.ok()) {
    Check(!request.status().message().empty());
    return 1;
  }
  Check(!request->changes.empty());
  for (const Change& change : request->changes) {
    Check(!change.list.empty());
    Check(change.expires == 0 || change.expires > kNow);
    Check(change.values.size() <= static_cast<size_t>(kMaxValuesPerListing));
  }
  const Json written = ToJson(*request);
  const absl::StatusOr<ChangeRequest> reread =
      ChangeRequestFromJson(written, "", kNow);
  Check(reread.ok() && JsonText(ToJson(*reread)) == JsonText(written));
  return 2;
}

}  // namespace rbld

#ifndef RBLD_CORPUS_TEST
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rbld::FuzzJson(data, size);
  return 0;
}
#endif
