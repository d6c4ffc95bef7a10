#include "control/problem.h"

#include <gtest/gtest.h>

#include "control/json.h"

namespace rbld {
namespace {

TEST(Problem, GivesEachStatusItsHttpStatusAndCode) {
  const struct {
    absl::Status status;
    int http;
    const char* code;
  } kCases[] = {
      {absl::FailedPreconditionError("m"), 409, "refused"},
      {absl::InvalidArgumentError("m"), 400, "invalid"},
      {absl::NotFoundError("m"), 404, "not_found"},
      {absl::AbortedError("m"), 412, "sequence_passed"},
      {absl::ResourceExhaustedError("m"), 507, "no_space"},
      {absl::UnavailableError("m"), 503, "outcome_unknown"},
      {absl::PermissionDeniedError("m"), 403, "forbidden"},
      {absl::AlreadyExistsError("m"), 409, "exists"},
      {absl::InternalError("m"), 500, "internal"},
      {absl::DataLossError("m"), 500, "internal"},
  };
  for (const auto& test : kCases) {
    const Problem problem = ProblemFromStatus(test.status);
    EXPECT_EQ(problem.status, test.http) << test.status;
    EXPECT_EQ(problem.code, test.code) << test.status;
    EXPECT_EQ(problem.detail, "m");
    EXPECT_FALSE(problem.title.empty());
  }
}

TEST(Problem, ComesBackFromItsJson) {
  const Problem sent = MakeProblem(409, "refused", "no \"quotes\" \n here");
  const Problem got = ParseProblem(409, ProblemJson(sent));
  EXPECT_EQ(got.status, 409);
  EXPECT_EQ(got.code, "refused");
  EXPECT_EQ(got.title, sent.title);
  EXPECT_EQ(got.detail, sent.detail);
  EXPECT_EQ(StatusFromProblem(got),
            absl::FailedPreconditionError("no \"quotes\" \n here"));
}

TEST(Problem, HasTheMembersOfRfc9457) {
  const absl::StatusOr<Json> json =
      ParseJson(ProblemJson(MakeProblem(404, "not_found", "d")));
  ASSERT_TRUE(json.ok());
  EXPECT_EQ((*json)["type"], "tag:rbld,2026:problem:not_found");
  EXPECT_EQ((*json)["title"], "There is no such thing");
  EXPECT_EQ((*json)["status"], 404);
  EXPECT_EQ((*json)["detail"], "d");
}

TEST(Problem, OfAForeignBodyKeepsItsBeginning) {
  const Problem problem = ParseProblem(502, "<html>Bad gateway</html>");
  EXPECT_EQ(problem.status, 502);
  EXPECT_EQ(problem.code, "internal");
  EXPECT_EQ(problem.detail, "<html>Bad gateway</html>");
  EXPECT_EQ(ParseProblem(404, "").detail, "There is no such thing");
}

TEST(Problem, OfAnUnknownCodeIsInternal) {
  EXPECT_TRUE(
      absl::IsInternal(StatusFromProblem(Problem{599, "brand_new", "t", "d"})));
}

}  // namespace
}  // namespace rbld
