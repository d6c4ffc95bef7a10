// Problem: an error as the control API says it (RFC 9457, "problem details for
// HTTP APIs"), and its way from and back to an absl::Status.
//
// Values and pure functions; any thread.
#ifndef RBLD_CONTROL_PROBLEM_H_
#define RBLD_CONTROL_PROBLEM_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rbld {

inline constexpr char kProblemContentType[] = "application/problem+json";

struct Problem {
  int status = 500;    // of HTTP
  std::string code;    // for programs: "refused", "invalid", "not_found", …
  std::string title;   // the same for every problem of one code
  std::string detail;  // what happened here, and what to do about it
};

// A problem with the title that belongs to `code`.
Problem MakeProblem(int http_status, absl::string_view code,
                    absl::string_view detail);

// FailedPrecondition 409 "refused", InvalidArgument 400 "invalid", NotFound 404
// "not_found", Aborted 412 "sequence_passed", ResourceExhausted 507 "no_space",
// Unavailable 503 "outcome_unknown", PermissionDenied 403 "forbidden",
// AlreadyExists 409 "exists", everything else 500 "internal".
// Precondition: !status.ok().
Problem ProblemFromStatus(const absl::Status& status);

// The inverse: a status whose code fits the problem's and whose message is the
// problem's detail.
absl::Status StatusFromProblem(const Problem& problem);

// {"type":"tag:rbld,2026:problem:CODE", "title":…, "status":…, "detail":…,
// "code":…}
std::string ProblemJson(const Problem& problem);

// Reads what ProblemJson wrote; a body that is no problem object gives one of
// `http_status` whose detail is the body's beginning.
Problem ParseProblem(int http_status, absl::string_view body);

}  // namespace rbld

#endif  // RBLD_CONTROL_PROBLEM_H_
