#include "control/relay_codec.h"

#include <utility>

#include "zones/duration.h"

namespace rbld {
namespace {

// At most so many bytes of valid UTF-8.
std::string WireText(absl::string_view text, size_t most) {
  // Bytes beyond the limit would only be thrown away afterwards.
  const Json cleaned =
      ParseJson(JsonText(Json(std::string(text.substr(0, most))))).value();
  std::string wire = cleaned.get<std::string>();
  if (wire.size() <= most) return wire;
  // A character must not be cut in two.
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(wire[end]) & 0xc0) == 0x80) {
    --end;
  }
  wire.resize(end);
  return wire;
}

Json SessionToJson(const RelayTarget& target, uint64_t test, int session) {
  Json json;
  json["target"] = target.address.ToString();
  json["port"] = target.port;
  json["test"] = test;
  json["session"] = session;
  return json;
}

Json PrefixesToJson(const std::vector<IpPrefix>& prefixes) {
  Json json = Json::array();
  for (const IpPrefix& prefix : prefixes) json.push_back(prefix.ToString());
  return json;
}

}  // namespace

const char* TokenKindName(TokenKind kind) {
  return kind == TokenKind::kSender ? "sender" : "recipient";
}

Json RelayReportRequestToJson(const RelayReportRequest& request) {
  Json json;
  json["target"] = request.target.ToString();
  if (!request.reporter.empty()) json["reporter"] = request.reporter;
  if (!request.note.empty()) json["note"] = request.note;
  return json;
}

Json RecheckRequestToJson(const IpPrefix& target) {
  Json json;
  json["target"] = target.ToString();
  return json;
}

Json OptOutRequestToJson(const OptOutRequest& request) {
  Json json;
  json["verb"] = request.add ? "add" : "remove";
  json["prefix"] = request.prefix.ToString();
  if (!request.note.empty()) json["note"] = request.note;
  return json;
}

Json OptOutsToJson(const std::vector<RelayOptOut>& opt_outs) {
  Json json;
  json["optouts"] = Json::array();
  for (const RelayOptOut& opt_out : opt_outs) {
    Json one;
    one["prefix"] = opt_out.prefix.ToString();
    one["created"] = IsoTime(opt_out.created);
    one["author"] = opt_out.author;
    one["note"] = opt_out.note;
    json["optouts"].push_back(std::move(one));
  }
  return json;
}

Json LeaseRequestToJson(int limit) {
  Json json;
  json["limit"] = limit;
  return json;
}

Json LeaseReplyToJson(const std::vector<LeasedSession>& sessions) {
  Json json;
  json["sessions"] = Json::array();
  for (const LeasedSession& session : sessions) {
    Json one = SessionToJson(session.target, session.test, session.session);
    one["until"] = IsoTime(session.until);
    one["max_messages"] = session.max_messages;
    one["probes"] = Json::array();
    for (const LeasedSession::Probe& probe : session.probes) {
      Json form;
      form["form"] = Forms()[probe.form].name;
      form["token"] = probe.token;
      form["sender_token"] = probe.sender_token;
      one["probes"].push_back(std::move(form));
    }
    json["sessions"].push_back(std::move(one));
  }
  return json;
}

Json ResultsRequestToJson(const std::vector<FinishedSession>& sessions) {
  Json json;
  json["sessions"] = Json::array();
  for (const FinishedSession& session : sessions) {
    const SessionReport& report = session.report;
    Json one = SessionToJson(session.target, report.test, report.session);
    one["end"] = SessionEndName(report.end);
    one["outcomes"] = Json::array();
    for (const auto& [form, outcome] : report.outcomes) {
      Json asked;
      asked["form"] = Forms()[form].name;
      asked["outcome"] = FormOutcomeName(outcome);
      one["outcomes"].push_back(std::move(asked));
    }
    one["transcript"] = WireText(session.transcript, kMaxTranscriptBytes);
    one["tester"] = session.tester;
    json["sessions"].push_back(std::move(one));
  }
  return json;
}

Json ResultsReplyToJson(const std::vector<bool>& applied) {
  Json json;
  json["applied"] = applied;
  return json;
}

const char* TokenStateName(TokenState state) {
  switch (state) {
    case TokenState::kValid:
      return "valid";
    case TokenState::kNoToken:
      return "no token";
    case TokenState::kForged:
      return "forged";
    case TokenState::kExpired:
      return "expired";
    case TokenState::kReplayed:
      break;
  }
  return "replayed";
}

Json TokenRequestToJson(absl::string_view token) {
  Json json;
  json["token"] = std::string(token);
  return json;
}

Json TokenReplyToJson(const TokenCheck& check) {
  Json json;
  json["state"] = TokenStateName(check.state);
  if (check.state != TokenState::kNoToken &&
      check.state != TokenState::kForged) {
    json["kind"] = TokenKindName(check.token.kind);
    json["form"] = Forms()[check.token.form].name;
  }
  return json;
}

Json ArrivalRequestToJson(const Arrival& arrival) {
  Json json;
  json["token"] = arrival.token;
  json["peer"] = arrival.peer.ToString();
  json["message"] = WireText(arrival.message, kMaxArrivedMessageBytes);
  return json;
}

Json ArrivalReplyToJson(const ArrivalResult& result) {
  Json json;
  json["state"] = TokenStateName(result.check.state);
  if (result.verdict != Verdict::kNone) {
    json["verdict"] = VerdictName(result.verdict);
  }
  return json;
}

Json ProvenRequestToJson(const std::vector<uint64_t>& tests) {
  Json json;
  json["tests"] = tests;
  return json;
}

Json ProvenReplyToJson(const std::vector<uint64_t>& proven) {
  Json json;
  json["proven"] = proven;
  return json;
}

Json TesterSettingsToJson(const TesterSettings& settings) {
  Json json;
  json["domain"] = settings.domain;
  json["url"] = settings.url;
  json["contact"] = settings.contact;
  json["port"] = settings.port;
  json["never"] = PrefixesToJson(settings.never);
  json["lab_networks"] = PrefixesToJson(settings.lab_networks);
  return json;
}

}  // namespace rbld
