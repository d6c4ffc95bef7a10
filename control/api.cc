#include "control/api.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "control/api_routes.h"
#include "control/problem.h"

namespace rbld {
namespace {

using Handler = ApiResponse (ApiRoutes::*)(ApiRequest&, const std::string&);

constexpr int kOnlyOperator = static_cast<int>(Role::kOperator);
constexpr int kOnlyImporter = static_cast<int>(Role::kImporter);
constexpr int kOnlyRelayd = static_cast<int>(Role::kRelayd);
constexpr int kOnlyPublic = static_cast<int>(Role::kPublic);
constexpr int kStaff = kOnlyOperator | kOnlyImporter | kOnlyRelayd;
constexpr int kEverybody = kStaff | kOnlyPublic;

struct Route {
  const char* method;
  // A '*' stands for one path segment, "**" at the end for all that is left.
  const char* pattern;
  int roles;  // bits of Role
  Handler handler;
};

constexpr Route kRoutes[] = {
    {"POST", "/v1/changes", kOnlyOperator, &ApiRoutes::PostChanges},
    {"GET", "/v1/targets/**", kEverybody, &ApiRoutes::GetTarget},
    {"GET", "/v1/listings", kStaff, &ApiRoutes::GetListings},
    {"GET", "/v1/history", kStaff, &ApiRoutes::GetHistory},
    {"GET", "/v1/audit", kOnlyOperator, &ApiRoutes::GetAudit},
    {"GET", "/v1/lists", kEverybody, &ApiRoutes::GetLists},
    {"GET", "/v1/lists/*", kEverybody, &ApiRoutes::GetList},
    {"GET", "/v1/lists/*/dump", kOnlyOperator | kOnlyImporter,
     &ApiRoutes::GetListDump},
    {"GET", "/v1/zones", kEverybody, &ApiRoutes::GetZones},
    {"GET", "/v1/zones/*", kEverybody, &ApiRoutes::GetZone},
    {"POST", "/v1/imports", kOnlyOperator | kOnlyImporter,
     &ApiRoutes::PostImports},
    {"POST", "/v1/relay/reports", kOnlyOperator | kOnlyImporter | kOnlyPublic,
     &ApiRoutes::PostRelayReports},
    {"POST", "/v1/relay/rechecks", kOnlyOperator | kOnlyPublic,
     &ApiRoutes::PostRelayRechecks},
    {"POST", "/v1/relay/optouts", kOnlyOperator, &ApiRoutes::PostRelayOptOuts},
    {"GET", "/v1/relay/optouts", kOnlyOperator | kOnlyRelayd,
     &ApiRoutes::GetRelayOptOuts},
    {"POST", "/v1/relay/leases", kOnlyRelayd, &ApiRoutes::PostRelayLeases},
    {"POST", "/v1/relay/results", kOnlyRelayd, &ApiRoutes::PostRelayResults},
    {"POST", "/v1/relay/tokens", kOnlyRelayd, &ApiRoutes::PostRelayTokens},
    {"POST", "/v1/relay/arrivals", kOnlyRelayd, &ApiRoutes::PostRelayArrivals},
    {"POST", "/v1/relay/proven", kOnlyRelayd, &ApiRoutes::PostRelayProven},
    {"GET", "/v1/relay/settings", kOnlyOperator | kOnlyRelayd,
     &ApiRoutes::GetRelaySettings},
    {"GET", "/v1/relay/cases", kOnlyOperator | kOnlyRelayd,
     &ApiRoutes::GetRelayCases},
    {"GET", "/v1/relay/cases/**", kOnlyOperator | kOnlyRelayd | kOnlyPublic,
     &ApiRoutes::GetRelayCase},
    {"GET", "/v1/relay/evidence/**", kOnlyOperator | kOnlyPublic,
     &ApiRoutes::GetRelayEvidence},
    {"POST", "/v1/dumps", kOnlyOperator, &ApiRoutes::PostDumps},
    {"POST", "/v1/reload", kOnlyOperator, &ApiRoutes::PostReload},
    {"POST", "/v1/backup", kOnlyOperator, &ApiRoutes::PostBackup},
    {"GET", "/v1/status", kStaff, &ApiRoutes::GetStatus},
    {"GET", "/v1/stats", kStaff, &ApiRoutes::GetStats},
    {"GET", "/metrics", kStaff, &ApiRoutes::GetMetrics},
};

bool Matches(absl::string_view pattern, absl::string_view path,
             std::string* argument) {
  const size_t star = pattern.find('*');
  if (star == absl::string_view::npos) return pattern == path;
  if (path.substr(0, star) != pattern.substr(0, star)) return false;
  path.remove_prefix(star);
  if (absl::EndsWith(pattern, "**")) {
    *argument = std::string(path);
    return !path.empty();
  }
  const absl::string_view tail = pattern.substr(star + 1);
  const size_t segment_end = std::min(path.find('/'), path.size());
  if (segment_end == 0 || path.substr(segment_end) != tail) return false;
  *argument = std::string(path.substr(0, segment_end));
  return true;
}

}  // namespace

ApiResponse JsonResponse(const Json& json) {
  ApiResponse response;
  response.body = JsonText(json) + "\n";
  return response;
}

ApiResponse ErrorResponse(int http_status, absl::string_view code,
                          absl::string_view detail) {
  ApiResponse response;
  response.status = http_status;
  response.content_type = kProblemContentType;
  response.body = ProblemJson(MakeProblem(http_status, code, detail));
  return response;
}

ApiResponse ErrorResponse(const absl::Status& status) {
  const Problem problem = ProblemFromStatus(status);
  return ErrorResponse(problem.status, problem.code, problem.detail);
}

bool WantsProgress(const ApiRequest& request) {
  return absl::StrContains(request.accept, "application/x-ndjson");
}

ApiResponse ProgressResponse(
    std::function<absl::StatusOr<Json>(const ProgressCallback&)> work) {
  ApiResponse response;
  response.content_type = "application/x-ndjson";
  response.stream = [work = std::move(work)](const ResponseSink& sink) {
    // A line for each percent is enough for a person, and little for a wire.
    int last_percent = -1;
    const absl::StatusOr<Json> result = work([&](double part) {
      const int percent = static_cast<int>(part * 100);
      if (percent == last_percent) return;
      last_percent = percent;
      sink(absl::StrCat("{\"progress\":", part, "}\n"));
    });
    Json line;
    if (result.ok()) {
      line["result"] = *result;
      sink(JsonText(line) + "\n");
    } else {
      sink(absl::StrCat(
          "{\"problem\":",
          absl::StripSuffix(ProblemJson(ProblemFromStatus(result.status())),
                            "\n"),
          "}\n"));
    }
  };
  return response;
}

Api::Api(Publisher* publisher, DaemonControl* daemon, const Clock* clock)
    : routes_(std::make_unique<ApiRoutes>(publisher, daemon, clock)) {}
Api::~Api() = default;

Api::BodyPlan Api::BodyOf(absl::string_view method, absl::string_view path) {
  if (method == "POST" && path == "/v1/imports") {
    return {.stream = true, .limit_bytes = kMaxImportBodyBytes};
  }
  return {};
}

ApiResponse Api::Handle(ApiRequest request) {
  std::vector<std::string> methods;
  for (const Route& route : kRoutes) {
    std::string argument;
    if (!Matches(route.pattern, request.path, &argument)) continue;
    if (request.method != route.method) {
      methods.push_back(route.method);
      continue;
    }
    if ((route.roles & static_cast<int>(request.role)) == 0) {
      return ErrorResponse(
          403, "forbidden",
          absl::StrCat("the ", RoleName(request.role), " socket may not ",
                       request.method, " ", route.pattern,
                       "; use the operator's socket"));
    }
    return (*routes_.*route.handler)(request, argument);
  }
  if (!methods.empty()) {
    ApiResponse response = ErrorResponse(
        405, "method_not_allowed",
        absl::StrCat("use ", absl::StrJoin(methods, " or "), " here"));
    response.headers["Allow"] = absl::StrJoin(methods, ", ");
    return response;
  }
  return ErrorResponse(
      404, "not_found",
      absl::StrCat("there is no route ", request.path.substr(0, 100),
                   "; docs/CONTROL_API.md lists them"));
}

}  // namespace rbld
