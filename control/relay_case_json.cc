#include "control/relay_case_json.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/query_reader.h"
#include "control/relay_redaction.h"
#include "store/relay/form.h"
#include "store/relay/lifecycle.h"

namespace rbld {
namespace {

constexpr int kMaxPage = 10'000;
constexpr int kDefaultPage = 100;

Json NameOf(const std::optional<FormId>& form) {
  return form.has_value() ? Json(Forms()[*form].name) : Json(nullptr);
}

Json ToJson(const RelayTest& test) {
  Json json;
  json["test"] = test.id;
  json["reason"] = TestReasonName(test.reason);
  json["started"] = TimeToJson(test.started);
  json["sessions"] = test.sessions;
  json["retries"] = test.retries;
  json["messages"] = test.messages;
  json["last_message"] = TimeToJson(test.last_message);
  json["deadline"] = TimeToJson(test.deadline);
  json["outcomes"] = Json::array();
  for (int i = 0; i < kFormCount; ++i) {
    if (test.outcomes[i] == FormOutcome::kNotAsked) continue;
    Json asked;
    asked["form"] = Forms()[i].name;
    asked["outcome"] = FormOutcomeName(test.outcomes[i]);
    json["outcomes"].push_back(std::move(asked));
  }
  json["remaining"] = Json::array();
  for (const FormId form : test.remaining) {
    json["remaining"].push_back(Forms()[form].name);
  }
  return json;
}

Json ToJson(const RelayLease& lease) {
  Json json;
  json["test"] = lease.test;
  json["session"] = lease.session;
  json["granted"] = TimeToJson(lease.granted);
  json["until"] = TimeToJson(lease.until);
  return json;
}

// The parameter's value by its name; none if it is not there.
template <typename Enum, size_t kCount>
absl::Status TakeName(QueryReader* query, const char* key,
                      const std::array<Enum, kCount>& values,
                      const char* (*name_of)(Enum), std::optional<Enum>* out) {
  std::string text;
  if (!query->Take(key, &text)) return absl::OkStatus();
  std::vector<std::string> names;
  for (const Enum value : values) {
    names.push_back(name_of(value));
    if (text == names.back()) *out = value;
  }
  if (out->has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the parameter ", key, " must be one of: ", absl::StrJoin(names, ", ")));
}

}  // namespace

Json ToJson(const RelayPolicy& policy, const RelayCase& relay, Detail detail) {
  Json json;
  json["target"] = relay.target.address.ToString();
  json["port"] = relay.target.port;
  json["state"] = CaseStateName(StateOf(relay));
  json["created"] = TimeToJson(relay.created);
  if (detail == Detail::kFull) {
    json["reports"] = relay.reports;
    json["last_report"] = TimeToJson(relay.last_report);
  }
  json["verdict"] = VerdictName(relay.last_verdict);
  json["last_tested"] = TimeToJson(relay.last_tested);
  json["last_test"] = relay.last_test;
  json["listed"] = relay.listed;
  json["listed_since"] = TimeToJson(relay.listed ? relay.listed_since : 0);
  json["listing_ends"] = TimeToJson(HardExpiry(policy, relay));
  json["last_proof"] = TimeToJson(relay.last_proof);
  json["proven_form"] = NameOf(relay.proven_form);
  json["proven_test"] = relay.proven_test;
  json["times_listed"] = relay.times_listed;
  json["retests"] = relay.retests;
  json["first_clean"] = TimeToJson(relay.first_clean);
  json["delist_at"] = TimeToJson(relay.delist_at);
  json["delisted"] = TimeToJson(relay.delisted);
  json["next_session"] = TimeToJson(relay.session_at);
  json["next_reason"] = relay.session_at == 0
                            ? Json(nullptr)
                            : Json(TestReasonName(relay.next_reason));
  json["test"] = relay.test.has_value() ? ToJson(*relay.test) : Json(nullptr);
  json["lease"] =
      relay.lease.has_value() ? ToJson(*relay.lease) : Json(nullptr);
  json["last_session_end"] = TimeToJson(relay.last_session_end);
  json["failures"] = relay.failures;
  json["first_failure"] = TimeToJson(relay.first_failure);
  json["next_owner_request"] = TimeToJson(relay.next_owner_request);
  json["failed_owner_requests"] = relay.failed_owner_requests;
  json["follow_up"] = relay.follow_up;
  return json;
}

Json ToJson(const Evidence& evidence, Detail detail) {
  Json json;
  json["test"] = evidence.test;
  json["time"] = TimeToJson(evidence.time);
  json["kind"] = EvidenceKindName(evidence.kind);
  json["what"] = evidence.what;
  if (detail == Detail::kFull) {
    json["peer"] = evidence.peer;
    json["text"] = evidence.text;
    return json;
  }
  switch (evidence.kind) {
    case EvidenceKind::kSession:
      json["text"] = RedactTranscript(evidence.text, evidence.peer);
      break;
    case EvidenceKind::kMessage:
    case EvidenceKind::kBounce:
      json["text"] = RedactMessage(evidence.text);
      break;
    case EvidenceKind::kVerdict:
      json["text"] = evidence.text;
      break;
  }
  return json;
}

Json ToJson(const RelayCounts& counts) {
  Json json;
  json["sessions_running"] = counts.running;
  json["sessions_leased"] = counts.leased;
  json["sessions_finished"] = counts.finished;
  json["sessions_lost"] = counts.lost;
  json["proofs"] = counts.proofs;
  json["tokens_refused"] = counts.refused_tokens;
  return json;
}

absl::StatusOr<CaseQuery> CaseQueryFrom(
    const std::map<std::string, std::string>& parameters) {
  QueryReader query(parameters);
  constexpr std::array kStates = {CaseState::kIdle, CaseState::kPlanned,
                                  CaseState::kRunning, CaseState::kWaiting};
  std::array<Verdict, kVerdictCount> verdicts;
  for (int i = 0; i < kVerdictCount; ++i) verdicts[i] = static_cast<Verdict>(i);
  CaseQuery cases;
  cases.limit = kDefaultPage;
  std::string cursor;
  bool listed = false;
  absl::Status status =
      TakeName(&query, "state", kStates, &CaseStateName, &cases.state);
  if (status.ok()) {
    status =
        TakeName(&query, "verdict", verdicts, &VerdictName, &cases.verdict);
  }
  if (!status.ok()) return status;
  if (query.Take("listed", &listed)) cases.listed = listed;
  std::string within;
  const bool is_within = query.Take("within", &within);
  query.Take("cursor", &cursor);
  query.Take("limit", 1, kMaxPage, &cases.limit);
  if (status = query.Finish(); !status.ok()) return status;
  if (is_within) {
    const absl::StatusOr<IpPrefix> prefix = ParseIpPrefix(within);
    if (!prefix.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("within: ", prefix.status().message()));
    }
    cases.within = *prefix;
  }
  // The store's cursors are bytes; the API's are text without meaning.
  if (!absl::WebSafeBase64Unescape(cursor, &cases.cursor)) {
    return absl::InvalidArgumentError(
        "cursor: give next_cursor of the page before");
  }
  return cases;
}

}  // namespace rbld
