// Fuzzes any bytes as the JSON body of a request for changes, and as each body
// of relay tests. The word is "good" for a request for changes that is
// understood, "relay" for a body of relay tests, "codec" for JSON that says
// something else, and "bad" for what is no JSON.

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/fuzz/fuzz_target.h"
#include "control/json.h"
#include "control/json_codec.h"
#include "control/relay_codec.h"

namespace rbld {
namespace {

constexpr int64_t kNow = 1'800'000'000;

// What was read is written as what reads the same.
template <typename Read, typename Write>
bool GoesRound(const Json& json, Read read, Write write) {
  const auto value = read(json);
  if (!value.ok()) {
    FuzzCheck(!value.status().message().empty());
    return false;
  }
  const std::string written = JsonText(write(*value));
  const absl::StatusOr<Json> sent = ParseJson(written);
  FuzzCheck(sent.ok());
  const auto again = read(*sent);
  FuzzCheck(again.ok() && JsonText(write(*again)) == written);
  return true;
}

// What the tester reads of a reply, as the server wrote it.
Json WriteTokenReply(const TokenReply& reply) {
  TokenCheck check;
  check.state = reply.state;
  check.token.kind = reply.kind.value_or(TokenKind::kRecipient);
  check.token.form = reply.form.value_or(0);
  return TokenReplyToJson(check);
}
Json WriteArrivalReply(const ArrivalReply& reply) {
  ArrivalResult result;
  result.check.state = reply.state;
  result.verdict = reply.verdict;
  return ArrivalReplyToJson(result);
}

bool IsOfRelayTests(const Json& json) {
  bool found = false;
  const auto as = [&](auto read, auto write) {
    found = GoesRound(json, read, write) || found;
  };
  as(RelayReportRequestFromJson, RelayReportRequestToJson);
  as(RecheckRequestFromJson, RecheckRequestToJson);
  as(OptOutRequestFromJson, OptOutRequestToJson);
  as(OptOutsFromJson, OptOutsToJson);
  as(LeaseRequestFromJson, LeaseRequestToJson);
  as(LeaseReplyFromJson, LeaseReplyToJson);
  as(ResultsRequestFromJson, ResultsRequestToJson);
  as(ResultsReplyFromJson, ResultsReplyToJson);
  as(TokenRequestFromJson, TokenRequestToJson);
  as(TokenReplyFromJson, WriteTokenReply);
  as(ArrivalRequestFromJson, ArrivalRequestToJson);
  as(ArrivalReplyFromJson, WriteArrivalReply);
  as(ProvenRequestFromJson, ProvenRequestToJson);
  as(ProvenReplyFromJson, ProvenReplyToJson);
  as(TesterSettingsFromJson, TesterSettingsToJson);
  return found;
}

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
      ChangeRequestFromJson(*json, {"only", kNow, {}});
  const bool of_relay_tests = IsOfRelayTests(*json);
  if (!request.ok()) {
    FuzzCheck(!request.status().message().empty());
    return of_relay_tests ? "relay" : "codec";
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
      ChangeRequestFromJson(written, {"", kNow, {}});
  FuzzCheck(reread.ok() && JsonText(ToJson(*reread)) == JsonText(written));
  return "good";
}

}  // namespace rbld
