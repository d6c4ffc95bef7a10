// Relay tests: reports and requests, the testers' work, cases and evidence.
#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "control/api_routes.h"
#include "control/peer.h"
#include "control/query_reader.h"
#include "control/relay_case_json.h"
#include "control/relay_codec.h"
#include "store/relay/cases.h"

namespace rbld {
namespace {

constexpr int kCasesPerRead = 1000;

Detail DetailFor(Role role) {
  return role == Role::kPublic ? Detail::kPublic : Detail::kFull;
}

absl::StatusOr<IpPrefix> AddressOf(const std::string& argument) {
  absl::StatusOr<IpPrefix> address = ParseIpPrefix(argument);
  if (address.ok() && !address->IsSingleAddress()) {
    return absl::InvalidArgumentError(
        absl::StrCat(address->ToString(),
                     " is a network; relay cases are of single addresses"));
  }
  return address;
}

// A limit on people is another thing than a full disk.
ApiResponse RelayErrorResponse(const absl::Status& status) {
  return IsRelayLimit(status)
             ? ErrorResponse(429, "too_often", status.message())
             : ErrorResponse(status);
}

}  // namespace

ApiResponse ApiRoutes::PostRelayReports(ApiRequest& request,
                                        const std::string&) {
  const absl::StatusOr<Json> body = ParseJson(request.body);
  if (!body.ok()) return ErrorResponse(body.status());
  const absl::StatusOr<RelayReportRequest> wanted =
      RelayReportRequestFromJson(*body);
  if (!wanted.ok()) return ErrorResponse(wanted.status());
  if (!wanted->reporter.empty() && request.role != Role::kOperator) {
    return ErrorResponse(
        403, "forbidden",
        "reporter: only the operator's socket may say who reports; leave it "
        "out");
  }
  const std::string reporter =
      wanted->reporter.empty() ? request.peer : wanted->reporter;
  RelayCases& cases = publisher_.relay_cases();
  const absl::StatusOr<ReportResult> result =
      cases.Report({wanted->target, reporter});
  if (!result.ok()) return RelayErrorResponse(result.status());
  const std::string target = wanted->target.ToString();
  // A case does not say who reported it; whoever looks for a reason finds it
  // here.
  LogInfo(absl::StrCat("relay report of ", target, " by ",
                       ActorText(wanted->reporter, request.peer), ": ",
                       ReportOutcomeName(result->outcome),
                       wanted->note.empty() ? "" : "; note: ", wanted->note));
  Json json;
  json["target"] = target;
  json["outcome"] = ReportOutcomeName(result->outcome);
  json["case"] =
      ToJson(cases.settings()->policy, result->relay, DetailFor(request.role));
  return JsonResponse(json);
}

ApiResponse ApiRoutes::PostRelayRechecks(ApiRequest& request,
                                         const std::string&) {
  const absl::StatusOr<Json> body = ParseJson(request.body);
  if (!body.ok()) return ErrorResponse(body.status());
  const absl::StatusOr<IpPrefix> target = RecheckRequestFromJson(*body);
  if (!target.ok()) return ErrorResponse(target.status());
  RelayCases& cases = publisher_.relay_cases();
  const absl::StatusOr<RelayCase> relay = cases.Recheck(*target);
  if (!relay.ok()) return RelayErrorResponse(relay.status());
  LogInfo(absl::StrCat("relay re-check of ", target->ToString(), " asked by ",
                       request.peer));
  Json json;
  json["case"] =
      ToJson(cases.settings()->policy, *relay, DetailFor(request.role));
  return JsonResponse(json);
}

ApiResponse ApiRoutes::PostRelayOptOuts(ApiRequest& request,
                                        const std::string&) {
  const absl::StatusOr<Json> body = ParseJson(request.body);
  if (!body.ok()) return ErrorResponse(body.status());
  const absl::StatusOr<OptOutRequest> wanted = OptOutRequestFromJson(*body);
  if (!wanted.ok()) return ErrorResponse(wanted.status());
  RelayCases& cases = publisher_.relay_cases();
  absl::Status status;
  if (wanted->add) {
    RelayOptOut opt_out;
    opt_out.prefix = wanted->prefix;
    opt_out.author = request.peer;
    opt_out.note = wanted->note;
    status = cases.AddOptOut(std::move(opt_out));
  } else {
    status = cases.RemoveOptOut(wanted->prefix);
  }
  if (!status.ok()) return ErrorResponse(status);
  Json json;
  json["verb"] = wanted->add ? "add" : "remove";
  json["prefix"] = wanted->prefix.ToString();
  // Nothing tests them any more, so no test can take off what is listed: that
  // ends by itself.
  uint64_t listed = 0;
  int64_t last_end = 0;
  const std::shared_ptr<const RelaySettings> settings = cases.settings();
  CaseQuery query;
  query.within = wanted->prefix;
  query.listed = true;
  query.limit = kCasesPerRead;
  do {
    const absl::StatusOr<CasePage> page = cases.List(query);
    if (!page.ok()) return ErrorResponse(page.status());
    for (const RelayCase& relay : page->cases) {
      ++listed;
      last_end = std::max(last_end, HardExpiry(settings->policy, relay));
    }
    query.cursor = page->next_cursor;
  } while (!query.cursor.empty());
  json["listed"] = listed;
  json["listing_ends"] = TimeToJson(last_end);
  return JsonResponse(json);
}

ApiResponse ApiRoutes::GetRelayOptOuts(ApiRequest& request,
                                       const std::string&) {
  QueryReader query(request.query);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  std::vector<RelayOptOut> opt_outs = publisher_.relay_cases().OptOuts();
  std::sort(opt_outs.begin(), opt_outs.end(),
            [](const RelayOptOut& a, const RelayOptOut& b) {
              return a.prefix < b.prefix;
            });
  return JsonResponse(OptOutsToJson(opt_outs));
}

// ---- the testers ----

ApiResponse ApiRoutes::PostRelayLeases(ApiRequest& request,
                                       const std::string&) {
  const absl::StatusOr<Json> body = ParseJson(request.body);
  if (!body.ok()) return ErrorResponse(body.status());
  const absl::StatusOr<int> limit = LeaseRequestFromJson(*body);
  if (!limit.ok()) return ErrorResponse(limit.status());
  const absl::StatusOr<std::vector<LeasedSession>> sessions =
      publisher_.relay_cases().Lease(*limit);
  if (!sessions.ok()) return ErrorResponse(sessions.status());
  return JsonResponse(LeaseReplyToJson(*sessions));
}

ApiResponse ApiRoutes::PostRelayResults(ApiRequest& request,
                                        const std::string&) {
  const absl::StatusOr<Json> body = ParseJson(request.body);
  if (!body.ok()) return ErrorResponse(body.status());
  absl::StatusOr<std::vector<FinishedSession>> sessions =
      ResultsRequestFromJson(*body);
  if (!sessions.ok()) return ErrorResponse(sessions.status());
  const absl::StatusOr<std::vector<bool>> applied =
      publisher_.relay_cases().Finish(*std::move(sessions));
  if (!applied.ok()) return ErrorResponse(applied.status());
  return JsonResponse(ResultsReplyToJson(*applied));
}

ApiResponse ApiRoutes::PostRelayTokens(ApiRequest& request,
                                       const std::string&) {
  const absl::StatusOr<Json> body = ParseJson(request.body);
  if (!body.ok()) return ErrorResponse(body.status());
  const absl::StatusOr<std::string> token = TokenRequestFromJson(*body);
  if (!token.ok()) return ErrorResponse(token.status());
  return JsonResponse(
      TokenReplyToJson(publisher_.relay_cases().CheckToken(*token)));
}

ApiResponse ApiRoutes::PostRelayArrivals(ApiRequest& request,
                                         const std::string&) {
  const absl::StatusOr<Json> body = ParseJson(request.body);
  if (!body.ok()) return ErrorResponse(body.status());
  const absl::StatusOr<Arrival> arrival = ArrivalRequestFromJson(*body);
  if (!arrival.ok()) return ErrorResponse(arrival.status());
  const absl::StatusOr<ArrivalResult> result =
      publisher_.relay_cases().Arrive(*arrival);
  if (!result.ok()) return ErrorResponse(result.status());
  return JsonResponse(ArrivalReplyToJson(*result));
}

ApiResponse ApiRoutes::PostRelayProven(ApiRequest& request,
                                       const std::string&) {
  const absl::StatusOr<Json> body = ParseJson(request.body);
  if (!body.ok()) return ErrorResponse(body.status());
  const absl::StatusOr<std::vector<uint64_t>> tests =
      ProvenRequestFromJson(*body);
  if (!tests.ok()) return ErrorResponse(tests.status());
  std::vector<uint64_t> proven;
  for (const uint64_t test : *tests) {
    if (publisher_.relay_cases().IsProven(test)) proven.push_back(test);
  }
  return JsonResponse(ProvenReplyToJson(proven));
}

ApiResponse ApiRoutes::GetRelaySettings(ApiRequest& request,
                                        const std::string&) {
  QueryReader query(request.query);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  const std::shared_ptr<const Config> config = daemon_.config();
  if (!config->relay.has_value()) {
    return ErrorResponse(409, "refused",
                         "relay tests are not configured; add [relay] with "
                         "`list` and `domain` to the configuration");
  }
  const RelayConfig& relay = *config->relay;
  TesterSettings settings;
  settings.domain = relay.domain;
  settings.url = relay.url;
  settings.contact = relay.contact;
  settings.port = relay.settings.port;
  settings.never = relay.settings.never;
  settings.lab_networks = relay.settings.lab_networks;
  return JsonResponse(TesterSettingsToJson(settings));
}

// ---- cases and evidence ----

ApiResponse ApiRoutes::GetRelayCases(ApiRequest& request, const std::string&) {
  const absl::StatusOr<CaseQuery> query = CaseQueryFrom(request.query);
  if (!query.ok()) return ErrorResponse(query.status());
  RelayCases& cases = publisher_.relay_cases();
  const absl::StatusOr<CasePage> page = cases.List(*query);
  if (!page.ok()) return ErrorResponse(page.status());
  const std::shared_ptr<const RelaySettings> settings = cases.settings();
  const RelayPolicy& policy = settings->policy;
  Json json;
  json["cases"] = Json::array();
  for (const RelayCase& relay : page->cases) {
    json["cases"].push_back(ToJson(policy, relay, DetailFor(request.role)));
  }
  json["next_cursor"] =
      page->next_cursor.empty()
          ? Json(nullptr)
          : Json(absl::WebSafeBase64Escape(page->next_cursor));
  return JsonResponse(json);
}

ApiResponse ApiRoutes::GetRelayCase(ApiRequest& request,
                                    const std::string& argument) {
  QueryReader query(request.query);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  const absl::StatusOr<IpPrefix> address = AddressOf(argument);
  if (!address.ok()) return ErrorResponse(address.status());
  RelayCases& cases = publisher_.relay_cases();
  const absl::StatusOr<std::optional<RelayCase>> relay = cases.Find(*address);
  if (!relay.ok()) return ErrorResponse(relay.status());
  if (!relay->has_value()) {
    return ErrorResponse(
        404, "not_found",
        absl::StrCat("there is no relay case of ", address->ToString(),
                     ": nobody has reported it"));
  }
  return JsonResponse(
      ToJson(cases.settings()->policy, **relay, DetailFor(request.role)));
}

ApiResponse ApiRoutes::GetRelayEvidence(ApiRequest& request,
                                        const std::string& argument) {
  QueryReader query(request.query);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  const absl::StatusOr<IpPrefix> address = AddressOf(argument);
  if (!address.ok()) return ErrorResponse(address.status());
  const absl::StatusOr<std::vector<Evidence>> pieces =
      publisher_.relay_cases().EvidenceOf(*address);
  if (!pieces.ok()) return ErrorResponse(pieces.status());
  Json json;
  json["target"] = address->ToString();
  json["evidence"] = Json::array();
  for (const Evidence& piece : *pieces) {
    json["evidence"].push_back(ToJson(piece, DetailFor(request.role)));
  }
  return JsonResponse(json);
}

}  // namespace rbld
