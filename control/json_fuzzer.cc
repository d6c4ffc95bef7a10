// Fuzzes any bytes as the JSON body of a request for changes. The word is
// "good" for one that is understood, "codec" for JSON that says something else,
// and "bad" for what is no JSON.

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/fuzz/fuzz_target.h"
#include "control/json.h"
#include "control/json_codec.h"

namespace rbld {
namespace {

constexpr int64_t kNow = 1'800'000'000;

}  // namespace

std::string FuzzOne(absl::string_view text) {
  const absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) {
    FuzzCheck(!json.status().message().empty());
    return "bad";
  }
  // What was read is written as text that reads the same.
  const std::string once = JsonText(*json);
  const absl::StatusOr<Json> again = ParseJson(once);
  FuzzCheck(again.ok() && JsonText(*again) == once);
  const absl::StatusOr<ChangeRequest> request =
      ChangeRequestFromJson(*json, "only", kNow);
  if (!request.ok()) {
    FuzzCheck(!request.status().message().empty());
    return "codec";
  }
  FuzzCheck(!request->changes.empty());
  for (const Change& change : request->changes) {
    FuzzCheck(!change.list.empty());
    FuzzCheck(change.expires == 0 || change.expires > kNow);
    FuzzCheck(change.values.size() <=
              static_cast<size_t>(kMaxValuesPerListing));
  }
  const Json written = ToJson(*request);
  const absl::StatusOr<ChangeRequest> reread =
      ChangeRequestFromJson(written, "", kNow);
  FuzzCheck(reread.ok() && JsonText(ToJson(*reread)) == JsonText(written));
  return "good";
}

}  // namespace rbld
