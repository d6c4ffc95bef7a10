// The bodies of /v1/relay/… as JSON and back, for both sides: each request and
// each reply has a function that writes it and one that reads it.
// docs/CONTROL_API.md describes the shapes.
//
// Forms, outcomes, ends, verdicts and states go by their names, so that neither
// side depends on the other's numbers. What cannot be meant is InvalidArgument
// with its place, as in "sessions[3].target: …".
//
// Pure functions; any thread.
#ifndef RBLD_CONTROL_RELAY_CODEC_H_
#define RBLD_CONTROL_RELAY_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "control/json.h"
#include "store/relay/case.h"
#include "store/relay/cases.h"
#include "store/relay/form.h"
#include "store/relay/token.h"

namespace rbld {

inline constexpr int kMaxRelayLeases = 1000;  // of one request, as the others
inline constexpr int kMaxRelayResults = 1000;
inline constexpr int kMaxProvenTests = 10'000;
// What is longer is cut by who writes it, and refused by who reads it.
inline constexpr size_t kMaxTranscriptBytes = 64 << 10;
inline constexpr size_t kMaxArrivedMessageBytes = 256 << 10;

// ---- POST /v1/relay/reports, rechecks, optouts: people and programs ----

struct RelayReportRequest {
  IpPrefix target;
  std::string reporter;  // empty: who asks
  std::string note;
};
Json RelayReportRequestToJson(const RelayReportRequest& request);
absl::StatusOr<RelayReportRequest> RelayReportRequestFromJson(const Json& json);

Json RecheckRequestToJson(const IpPrefix& target);
absl::StatusOr<IpPrefix> RecheckRequestFromJson(const Json& json);

struct OptOutRequest {
  bool add = true;  // or remove
  IpPrefix prefix;
  std::string note;
};
Json OptOutRequestToJson(const OptOutRequest& request);
absl::StatusOr<OptOutRequest> OptOutRequestFromJson(const Json& json);

// GET /v1/relay/optouts
Json OptOutsToJson(const std::vector<RelayOptOut>& opt_outs);
absl::StatusOr<std::vector<RelayOptOut>> OptOutsFromJson(const Json& json);

// ---- POST /v1/relay/leases ----

Json LeaseRequestToJson(int limit);
absl::StatusOr<int> LeaseRequestFromJson(const Json& json);
Json LeaseReplyToJson(const std::vector<LeasedSession>& sessions);
absl::StatusOr<std::vector<LeasedSession>> LeaseReplyFromJson(const Json& json);

// ---- POST /v1/relay/results ----

// Bytes of a transcript that are no UTF-8 become U+FFFD.
Json ResultsRequestToJson(const std::vector<FinishedSession>& sessions);
absl::StatusOr<std::vector<FinishedSession>> ResultsRequestFromJson(
    const Json& json);
Json ResultsReplyToJson(const std::vector<bool>& applied);
absl::StatusOr<std::vector<bool>> ResultsReplyFromJson(const Json& json);

// ---- POST /v1/relay/tokens, arrivals ----

// "valid", "no token", "forged", "expired", "replayed".
const char* TokenStateName(TokenState state);
// "recipient", "sender".
const char* TokenKindName(TokenKind kind);

Json TokenRequestToJson(absl::string_view token);
absl::StatusOr<std::string> TokenRequestFromJson(const Json& json);
struct TokenReply {
  TokenState state = TokenState::kNoToken;
  // Of a token that was made here, whether it still holds or not.
  std::optional<TokenKind> kind;
  std::optional<FormId> form;

  friend bool operator==(const TokenReply&, const TokenReply&) = default;
};
Json TokenReplyToJson(const TokenCheck& check);
absl::StatusOr<TokenReply> TokenReplyFromJson(const Json& json);

// Bytes of the message that are no UTF-8 become U+FFFD.
Json ArrivalRequestToJson(const Arrival& arrival);
absl::StatusOr<Arrival> ArrivalRequestFromJson(const Json& json);
struct ArrivalReply {
  TokenState state = TokenState::kNoToken;
  Verdict verdict = Verdict::kNone;  // a proof, if it was one

  friend bool operator==(const ArrivalReply&, const ArrivalReply&) = default;
};
Json ArrivalReplyToJson(const ArrivalResult& result);
absl::StatusOr<ArrivalReply> ArrivalReplyFromJson(const Json& json);

// ---- POST /v1/relay/proven ----

Json ProvenRequestToJson(const std::vector<uint64_t>& tests);
absl::StatusOr<std::vector<uint64_t>> ProvenRequestFromJson(const Json& json);
Json ProvenReplyToJson(const std::vector<uint64_t>& proven);
absl::StatusOr<std::vector<uint64_t>> ProvenReplyFromJson(const Json& json);

// ---- GET /v1/relay/settings ----

// What a tester must know of the configuration.
struct TesterSettings {
  std::string domain;
  std::string url;
  std::string contact;
  uint16_t port = 25;
  std::vector<IpPrefix> never;
  std::vector<IpPrefix> lab_networks;

  friend bool operator==(const TesterSettings&,
                         const TesterSettings&) = default;
};
Json TesterSettingsToJson(const TesterSettings& settings);
absl::StatusOr<TesterSettings> TesterSettingsFromJson(const Json& json);

}  // namespace rbld

#endif  // RBLD_CONTROL_RELAY_CODEC_H_
