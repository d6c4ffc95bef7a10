#include "control/problem.h"

#include "absl/strings/str_cat.h"
#include "control/json.h"

namespace rbld {
namespace {

struct Kind {
  absl::StatusCode status_code;
  int http_status;
  const char* code;
  const char* title;
};

// The first row with a status code is the one that the status maps to; the
// first with a name is the one that the problem maps back to.
constexpr Kind kKinds[] = {
    {absl::StatusCode::kFailedPrecondition, 409, "refused",
     "The change is refused by a rule"},
    {absl::StatusCode::kInvalidArgument, 400, "invalid",
     "The request cannot be meant"},
    {absl::StatusCode::kNotFound, 404, "not_found", "There is no such thing"},
    {absl::StatusCode::kAborted, 412, "sequence_passed",
     "The store has moved on"},
    {absl::StatusCode::kResourceExhausted, 507, "no_space",
     "There is no room for it"},
    {absl::StatusCode::kUnavailable, 503, "outcome_unknown",
     "It is not known whether the change happened"},
    {absl::StatusCode::kPermissionDenied, 403, "forbidden",
     "This socket does not give that right"},
    {absl::StatusCode::kAlreadyExists, 409, "exists",
     "Something is there already"},
    {absl::StatusCode::kInternal, 500, "internal", "The server failed"},
    {absl::StatusCode::kInvalidArgument, 400, "list_required",
     "The request must name a list"},
    {absl::StatusCode::kInvalidArgument, 400, "bad_http",
     "The request is not well-formed HTTP"},
    {absl::StatusCode::kInvalidArgument, 405, "method_not_allowed",
     "The route does not know this method"},
    {absl::StatusCode::kInvalidArgument, 408, "too_slow",
     "The request did not come in time"},
    {absl::StatusCode::kInvalidArgument, 413, "too_large",
     "The request is too large"},
    {absl::StatusCode::kInvalidArgument, 415, "unsupported_body",
     "The body is in a form that is not read"},
    {absl::StatusCode::kInvalidArgument, 431, "head_too_large",
     "The request's head is too large"},
    {absl::StatusCode::kResourceExhausted, 429, "too_often",
     "It was asked for too often"},
    {absl::StatusCode::kUnavailable, 503, "busy",
     "The server has too much to do"},
};

const Kind& KindOfCode(absl::string_view code) {
  for (const Kind& kind : kKinds) {
    if (code == kind.code) return kind;
  }
  return KindOfCode("internal");
}

const Kind& KindOfHttpStatus(int http_status) {
  for (const Kind& kind : kKinds) {
    if (http_status == kind.http_status) return kind;
  }
  return KindOfCode(http_status >= 400 && http_status < 500 ? "bad_http"
                                                            : "internal");
}

constexpr size_t kMaxForeignDetailBytes = 200;

}  // namespace

Problem MakeProblem(int http_status, absl::string_view code,
                    absl::string_view detail) {
  return Problem{http_status, std::string(code), KindOfCode(code).title,
                 std::string(detail)};
}

Problem ProblemFromStatus(const absl::Status& status) {
  const Kind* found = &KindOfCode("internal");
  for (const Kind& kind : kKinds) {
    if (kind.status_code == status.code()) {
      found = &kind;
      break;
    }
  }
  return Problem{found->http_status, found->code, found->title,
                 std::string(status.message())};
}

absl::Status StatusFromProblem(const Problem& problem) {
  return absl::Status(KindOfCode(problem.code).status_code, problem.detail);
}

std::string ProblemJson(const Problem& problem) {
  // RFC 9457 §3.1.1: the type is a URI that names the kind of problem.
  // RFC 4151 tags need no server that answers for them.
  Json json;
  json["type"] = absl::StrCat("tag:rbld,2026:problem:", problem.code);
  json["title"] = problem.title;
  json["status"] = problem.status;
  json["detail"] = problem.detail;
  json["code"] = problem.code;
  return JsonText(json) + "\n";
}

Problem ParseProblem(int http_status, absl::string_view body) {
  const Kind& guess = KindOfHttpStatus(http_status);
  Problem problem{http_status, guess.code, guess.title, ""};
  absl::StatusOr<Json> json = ParseJson(body);
  if (!json.ok() || !json->is_object()) {
    problem.detail = std::string(body.substr(0, kMaxForeignDetailBytes));
    if (problem.detail.empty()) problem.detail = problem.title;
    return problem;
  }
  for (auto& [key, value] : json->items()) {
    if (!value.is_string()) continue;
    if (key == "code") problem.code = value.get<std::string>();
    if (key == "title") problem.title = value.get<std::string>();
    if (key == "detail") problem.detail = value.get<std::string>();
  }
  return problem;
}

}  // namespace rbld
