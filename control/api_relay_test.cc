// /v1/relay/…, with the tester's side of the codec as the tester uses it.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control/api.h"
#include "control/api_test_util.h"
#include "control/json.h"
#include "control/relay_codec.h"

namespace rbld {
namespace {

constexpr char kRelayTable[] = R"(
[relay]
list = "relays"
domain = "probe.example.org"
never = ["198.51.100.0/24"]
lab_networks = ["192.0.2.0/24", "203.0.113.0/24"]
reports_per_day = 3
)";

class ApiRelayTest : public testing::Test {
 protected:
  ApiResponse Send(const std::string& method, const std::string& path,
                   const std::string& body, Role role,
                   std::map<std::string, std::string> query = {}) {
    ApiRequest request;
    request.role = role;
    request.method = method;
    request.path = path;
    request.query = std::move(query);
    request.body = body;
    request.peer = absl::StrCat("uid:7(", RoleName(role), ")");
    return world_.api()->Handle(std::move(request));
  }
  ApiResponse Get(const std::string& path, Role role = Role::kOperator,
                  std::map<std::string, std::string> query = {}) {
    return Send("GET", path, "", role, std::move(query));
  }
  ApiResponse Post(const std::string& path, const std::string& body,
                   Role role = Role::kOperator) {
    return Send("POST", path, body, role);
  }
  static Json Body(const ApiResponse& response) {
    absl::StatusOr<Json> json = ParseJson(response.body);
    EXPECT_TRUE(json.ok()) << response.body;
    return json.ok() ? *json : Json();
  }
  static std::string Code(const ApiResponse& response) {
    return Body(response).value("code", "");
  }
  static std::string Detail(const ApiResponse& response) {
    return Body(response).value("detail", "");
  }

  ApiResponse Report(const std::string& target, Role role = Role::kOperator,
                     const std::string& more = "") {
    return Post("/v1/relay/reports",
                absl::StrCat(R"({"target":")", target, "\"", more, "}"), role);
  }
  // What a tester does.
  Json Ask(const std::string& path, const Json& body) {
    const ApiResponse response = Post(path, JsonText(body), Role::kRelayd);
    EXPECT_EQ(response.status, 200) << response.body;
    return Body(response);
  }
  std::vector<LeasedSession> Lease(int limit = 10) {
    return LeaseReplyFromJson(
               Ask("/v1/relay/leases", LeaseRequestToJson(limit)))
        .value();
  }
  bool Finish(const LeasedSession& lease, FormOutcome outcome) {
    FinishedSession session;
    session.target = lease.target;
    session.report.test = lease.test;
    session.report.session = lease.session;
    session.report.end = SessionEnd::kDone;
    session.transcript = "S: 250 hello [198.51.100.7]\n";
    for (const LeasedSession::Probe& probe : lease.probes) {
      session.report.outcomes.emplace_back(probe.form, outcome);
      absl::StrAppend(&session.transcript, "C: RCPT TO:<", probe.token,
                      "@probe.example.org>\n");
    }
    session.tester = "198.51.100.7";
    return ResultsReplyFromJson(
               Ask("/v1/relay/results", ResultsRequestToJson({session})))
        ->at(0);
  }
  ArrivalReply Arrive(const std::string& token, absl::string_view peer) {
    const Arrival arrival = {token, *ParseIpPrefix(peer),
                             "Received: from a; Tue, 24 Nov 2026 17:00:00 "
                             "+0000\nSubject: secret\n\nbody\n"};
    return ArrivalReplyFromJson(
               Ask("/v1/relay/arrivals", ArrivalRequestToJson(arrival)))
        .value();
  }
  // Reported, leased, and proven by its first form.
  LeasedSession Prove(const std::string& target) {
    EXPECT_EQ(Report(target).status, 200);
    std::vector<LeasedSession> leases = Lease();
    EXPECT_EQ(leases.size(), 1u);
    EXPECT_EQ(Arrive(leases[0].probes[0].token, target).verdict,
              Verdict::kOpen);
    return leases[0];
  }

  ApiForTests world_{/*two_lists=*/false, kRelayTable};
};

TEST_F(ApiRelayTest, AReportIsTestedProvenAndListed) {
  const ApiResponse reported = Report("192.0.2.1", Role::kImporter);
  ASSERT_EQ(reported.status, 200) << reported.body;
  EXPECT_EQ(Body(reported)["target"], "192.0.2.1");
  EXPECT_EQ(Body(reported)["outcome"], "test planned");
  EXPECT_EQ(Body(reported)["case"]["state"], "planned");
  EXPECT_EQ(Body(reported)["case"]["next_reason"], "report");
  EXPECT_EQ(Body(Report("192.0.2.1"))["outcome"], "joined");

  const std::vector<LeasedSession> leases = Lease();
  ASSERT_EQ(leases.size(), 1u);
  EXPECT_EQ(leases[0].target.address.ToString(), "192.0.2.1");
  EXPECT_EQ(leases[0].max_messages, 3);
  EXPECT_GT(leases[0].until, kTestNow);
  ASSERT_FALSE(leases[0].probes.empty());
  EXPECT_TRUE(Lease().empty()) << "one session at a time";
  const Json running = Body(Get("/v1/relay/cases/192.0.2.1"));
  EXPECT_EQ(running["state"], "running");
  EXPECT_EQ(running["lease"]["test"], leases[0].test);

  const std::string& token = leases[0].probes[0].token;
  const TokenReply checked =
      TokenReplyFromJson(Ask("/v1/relay/tokens", TokenRequestToJson(token)))
          .value();
  EXPECT_EQ(checked, (TokenReply{TokenState::kValid, TokenKind::kRecipient,
                                 leases[0].probes[0].form}));
  EXPECT_EQ(Ask("/v1/relay/tokens", TokenRequestToJson("postmaster"))["state"],
            "no token");
  EXPECT_TRUE(
      Ask("/v1/relay/proven", ProvenRequestToJson({leases[0].test}))["proven"]
          .empty());
  EXPECT_EQ(Arrive(token, "192.0.2.1"),
            (ArrivalReply{TokenState::kValid, Verdict::kOpen}));
  EXPECT_EQ(Arrive(token, "192.0.2.1"),
            (ArrivalReply{TokenState::kReplayed, Verdict::kNone}));
  EXPECT_EQ(
      ProvenReplyFromJson(
          Ask("/v1/relay/proven", ProvenRequestToJson({leases[0].test, 4711})))
          .value(),
      std::vector<uint64_t>{leases[0].test});
  EXPECT_TRUE(Finish(leases[0], FormOutcome::kRefused));
  EXPECT_FALSE(Finish(leases[0], FormOutcome::kRefused)) << "told already";

  EXPECT_EQ(Body(Get("/v1/targets/192.0.2.1"))["listed"], true);
  const Json listed = Body(Get("/v1/relay/cases/192.0.2.1"));
  EXPECT_EQ(listed["listed"], true);
  EXPECT_EQ(listed["verdict"], "open");
  EXPECT_EQ(listed["proven_form"], "plain");
  EXPECT_EQ(listed["proven_test"], leases[0].test);
  EXPECT_EQ(listed["next_reason"], "re-test");
  EXPECT_TRUE(listed["listing_ends"].is_string());
  EXPECT_EQ(listed["reports"], 2);
}

TEST_F(ApiRelayTest, WhoReportsIsCounted) {
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(Report(absl::StrCat("192.0.2.", i), Role::kPublic).status, 200);
  }
  const ApiResponse refused = Report("192.0.2.4", Role::kPublic);
  EXPECT_EQ(refused.status, 429) << refused.body;
  EXPECT_EQ(Code(refused), "too_often");
  EXPECT_NE(Detail(refused).find("uid:7(public) has made 3 reports"),
            std::string::npos)
      << refused.body;
  // Others have limits of their own; the operator says whose it is.
  EXPECT_EQ(Report("192.0.2.4", Role::kImporter).status, 200);
  for (int i = 5; i <= 7; ++i) {
    EXPECT_EQ(Report(absl::StrCat("192.0.2.", i), Role::kOperator,
                     R"(,"reporter":"alice","note":"spam")")
                  .status,
              200);
  }
  EXPECT_EQ(
      Report("192.0.2.8", Role::kOperator, R"(,"reporter":"alice")").status,
      429);
  EXPECT_EQ(Report("192.0.2.8", Role::kOperator).status, 200);
  // Nobody else may use up another's limit.
  EXPECT_EQ(Report("192.0.2.9", Role::kPublic, R"(,"reporter":"alice")").status,
            403);
}

TEST_F(ApiRelayTest, RefusesWhatMayNotBeTested) {
  EXPECT_EQ(Report("198.51.100.1").status, 409);
  EXPECT_NE(Detail(Report("198.51.100.1")).find("one of our own addresses"),
            std::string::npos);
  EXPECT_EQ(Report("10.0.0.1").status, 409);
  EXPECT_EQ(Report("127.0.0.1").status, 409);
  EXPECT_EQ(Report("192.0.2.0/24").status, 400);
  EXPECT_EQ(Report("mx.example.com").status, 400);
  EXPECT_EQ(Post("/v1/relay/reports", "[]").status, 400);
  EXPECT_EQ(Post("/v1/relay/reports", "").status, 400);
}

TEST_F(ApiRelayTest, AnOwnerAsksForATestOfWhatIsListed) {
  const std::string body = R"({"target":"192.0.2.1"})";
  EXPECT_EQ(Post("/v1/relay/rechecks", body, Role::kPublic).status, 409);
  const LeasedSession lease = Prove("192.0.2.1");
  EXPECT_TRUE(Finish(lease, FormOutcome::kRefused));
  const ApiResponse asked = Post("/v1/relay/rechecks", body, Role::kPublic);
  ASSERT_EQ(asked.status, 200) << asked.body;
  EXPECT_EQ(Body(asked)["case"]["next_reason"], "owner's request");
  EXPECT_FALSE(Body(asked)["case"].contains("reports"));
  const ApiResponse again = Post("/v1/relay/rechecks", body, Role::kPublic);
  EXPECT_EQ(again.status, 429) << again.body;
  EXPECT_NE(Detail(again).find("the next one may come after"),
            std::string::npos);
}

TEST_F(ApiRelayTest, OptOutsEndTestsAndTellWhenAListingEnds) {
  Prove("192.0.2.1");
  const ApiResponse added =
      Post("/v1/relay/optouts",
           R"({"verb":"add","prefix":"192.0.2.1","note":"asked by mail"})");
  ASSERT_EQ(added.status, 200) << added.body;
  EXPECT_EQ(Body(added)["listing_ends"], "2027-04-15T08:00:00Z");
  EXPECT_EQ(Body(added)["listed"], 1);
  EXPECT_EQ(Post("/v1/relay/optouts", R"({"verb":"add","prefix":"192.0.2.1"})")
                .status,
            409);
  const ApiResponse net =
      Post("/v1/relay/optouts", R"({"verb":"add","prefix":"192.0.2.128/25"})");
  EXPECT_TRUE(Body(net)["listing_ends"].is_null());
  EXPECT_EQ(Body(net)["listed"], 0);
  const ApiResponse around =
      Post("/v1/relay/optouts", R"({"verb":"add","prefix":"192.0.2.0/26"})");
  EXPECT_EQ(Body(around)["listed"], 1);
  EXPECT_EQ(Body(around)["listing_ends"], "2027-04-15T08:00:00Z");
  ASSERT_EQ(
      Post("/v1/relay/optouts", R"({"verb":"remove","prefix":"192.0.2.0/26"})")
          .status,
      200);
  EXPECT_EQ(Report("192.0.2.130").status, 409);

  const std::vector<RelayOptOut> all =
      OptOutsFromJson(Body(Get("/v1/relay/optouts", Role::kRelayd))).value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].prefix.ToString(), "192.0.2.1");
  EXPECT_EQ(all[0].author, "uid:7(operator)");
  EXPECT_EQ(all[0].note, "asked by mail");
  EXPECT_EQ(all[0].created, kTestNow);

  const std::string remove = R"({"verb":"remove","prefix":"192.0.2.128/25"})";
  EXPECT_EQ(Post("/v1/relay/optouts", remove).status, 200);
  EXPECT_EQ(Post("/v1/relay/optouts", remove).status, 404);
  EXPECT_EQ(Report("192.0.2.130").status, 200);
}

TEST_F(ApiRelayTest, ListsCasesInPagesAndByWhatTheyAre) {
  Prove("192.0.2.1");
  for (const char* target : {"203.0.113.1", "203.0.113.2"}) {
    ASSERT_EQ(Report(target).status, 200);
  }
  const auto targets = [this](std::map<std::string, std::string> query) {
    std::set<std::string> seen;
    const Json page = Body(Get("/v1/relay/cases", Role::kRelayd, query));
    for (const Json& one : page["cases"]) {
      seen.insert(one["target"].get<std::string>());
    }
    return seen;
  };
  using Set = std::set<std::string>;
  EXPECT_EQ(targets({}), (Set{"192.0.2.1", "203.0.113.1", "203.0.113.2"}));
  EXPECT_EQ(targets({{"listed", "true"}}), Set{"192.0.2.1"});
  EXPECT_EQ(targets({{"listed", "false"}}),
            (Set{"203.0.113.1", "203.0.113.2"}));
  EXPECT_EQ(targets({{"verdict", "open"}}), Set{"192.0.2.1"});
  EXPECT_EQ(targets({{"state", "planned"}, {"verdict", "none"}}),
            (Set{"203.0.113.1", "203.0.113.2"}));
  EXPECT_EQ(targets({{"state", "waiting"}}), Set{});

  std::map<std::string, std::string> query = {{"limit", "2"}};
  const Json first = Body(Get("/v1/relay/cases", Role::kOperator, query));
  ASSERT_EQ(first["cases"].size(), 2u);
  query["cursor"] = first["next_cursor"].get<std::string>();
  EXPECT_EQ(targets(query), Set{"203.0.113.2"});
  EXPECT_TRUE(
      Body(Get("/v1/relay/cases", Role::kOperator, query))["next_cursor"]
          .is_null());
  for (const auto& [key, value] :
       std::map<std::string, std::string>{{"state", "sleeping"},
                                          {"verdict", "bad"},
                                          {"listed", "maybe"},
                                          {"cursor", "!!"},
                                          {"limit", "0"},
                                          {"lmit", "1"}}) {
    EXPECT_EQ(Get("/v1/relay/cases", Role::kOperator, {{key, value}}).status,
              400)
        << key;
  }
}

TEST_F(ApiRelayTest, ThePublicSeesACaseWithoutItsReports) {
  EXPECT_EQ(Get("/v1/relay/cases/192.0.2.1", Role::kPublic).status, 404);
  EXPECT_EQ(Get("/v1/relay/cases/192.0.2.0/24", Role::kPublic).status, 400);
  EXPECT_EQ(Get("/v1/relay/cases/x", Role::kPublic).status, 400);
  Prove("192.0.2.1");
  const Json open = Body(Get("/v1/relay/cases/192.0.2.1", Role::kPublic));
  EXPECT_EQ(open["listed"], true);
  EXPECT_EQ(open["proven_form"], "plain");
  EXPECT_FALSE(open.contains("reports"));
  EXPECT_FALSE(open.contains("last_report"));
  EXPECT_EQ(Body(Get("/v1/relay/cases/192.0.2.1"))["reports"], 1);
}

TEST_F(ApiRelayTest, ThePublicSeesEvidenceWithoutWhatCouldBeAbused) {
  const LeasedSession lease = Prove("192.0.2.1");
  ASSERT_TRUE(Finish(lease, FormOutcome::kAccepted));
  const Json full = Body(Get("/v1/relay/evidence/192.0.2.1"));
  std::set<std::string> kinds;
  for (const Json& piece : full["evidence"]) {
    kinds.insert(piece["kind"].get<std::string>());
    if (piece["kind"] == "session") {
      EXPECT_EQ(piece["peer"], "198.51.100.7");
      EXPECT_EQ(piece["what"], "done");
    }
    if (piece["kind"] == "message") {
      EXPECT_EQ(piece["peer"], "192.0.2.1");
    }
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"session", "message", "verdict"}));
  const std::string& token = lease.probes[0].token;
  const std::string whole = JsonText(full);
  EXPECT_TRUE(absl::StrContains(whole, token));
  EXPECT_TRUE(absl::StrContains(whole, "Subject: secret"));

  const ApiResponse response =
      Get("/v1/relay/evidence/192.0.2.1", Role::kPublic);
  const Json open = Body(response);
  ASSERT_EQ(open["evidence"].size(), full["evidence"].size());
  for (const LeasedSession::Probe& probe : lease.probes) {
    EXPECT_FALSE(absl::StrContains(response.body, probe.token));
  }
  EXPECT_FALSE(absl::StrContains(response.body, "198.51.100.7"));
  EXPECT_FALSE(absl::StrContains(response.body, "secret"));
  EXPECT_FALSE(absl::StrContains(response.body, "body"));
  EXPECT_FALSE(absl::StrContains(response.body, "peer"));
  EXPECT_TRUE(absl::StrContains(response.body, "250 hello [TESTER]"));
  EXPECT_TRUE(absl::StrContains(response.body, "<TOKEN@probe.example.org>"));
  EXPECT_TRUE(absl::StrContains(response.body, "2026-11-24T17:00:00Z"));
  EXPECT_TRUE(Body(Get("/v1/relay/evidence/192.0.2.9"))["evidence"].empty());
}

TEST_F(ApiRelayTest, TellsATesterItsSettings) {
  const TesterSettings settings =
      TesterSettingsFromJson(Body(Get("/v1/relay/settings", Role::kRelayd)))
          .value();
  EXPECT_EQ(settings.domain, "probe.example.org");
  EXPECT_EQ(settings.url, "https://probe.example.org/");
  EXPECT_EQ(settings.contact, "postmaster@probe.example.org");
  EXPECT_EQ(settings.port, 25);
  ASSERT_EQ(settings.never.size(), 1u);
  EXPECT_EQ(settings.lab_networks.size(), 2u);
}

TEST_F(ApiRelayTest, EachRouteIsForItsRoles) {
  const int all = 15;
  const int op = static_cast<int>(Role::kOperator);
  const int importer = static_cast<int>(Role::kImporter);
  const int relayd = static_cast<int>(Role::kRelayd);
  const int open = static_cast<int>(Role::kPublic);
  const struct {
    const char* method;
    const char* path;
    int roles;
  } routes[] = {
      {"POST", "/v1/relay/reports", op | importer | open},
      {"POST", "/v1/relay/rechecks", op | open},
      {"POST", "/v1/relay/optouts", op},
      {"GET", "/v1/relay/optouts", op | relayd},
      {"POST", "/v1/relay/leases", relayd},
      {"POST", "/v1/relay/results", relayd},
      {"POST", "/v1/relay/tokens", relayd},
      {"POST", "/v1/relay/arrivals", relayd},
      {"POST", "/v1/relay/proven", relayd},
      {"GET", "/v1/relay/settings", op | relayd},
      {"GET", "/v1/relay/cases", op | relayd},
      {"GET", "/v1/relay/cases/192.0.2.1", op | relayd | open},
      {"GET", "/v1/relay/evidence/192.0.2.1", op | open},
  };
  for (const auto& route : routes) {
    for (const Role role :
         {Role::kOperator, Role::kImporter, Role::kRelayd, Role::kPublic}) {
      const ApiResponse response = Send(route.method, route.path, "", role);
      EXPECT_EQ(response.status != 403,
                (route.roles & all & static_cast<int>(role)) != 0)
          << route.path << " " << RoleName(role);
    }
  }
  const ApiResponse wrong = Send("PUT", "/v1/relay/optouts", "", Role::kRelayd);
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at("Allow"), "POST, GET");
}

TEST_F(ApiRelayTest, RefusesMoreThanARequestMayHave) {
  const auto post = [this](const std::string& path, const std::string& key,
                           int count, const std::string& element) {
    std::string body = absl::StrCat("{\"", key, "\":[");
    for (int i = 0; i < count; ++i) {
      absl::StrAppend(&body, i == 0 ? "" : ",", element);
    }
    return Post(path, body + "]}", Role::kRelayd);
  };
  EXPECT_EQ(post("/v1/relay/proven", "tests", kMaxProvenTests, "1").status,
            200);
  EXPECT_EQ(post("/v1/relay/proven", "tests", kMaxProvenTests + 1, "1").status,
            400);
  EXPECT_EQ(
      post("/v1/relay/results", "sessions", kMaxRelayResults + 1, "{}").status,
      400);
}

TEST_F(ApiRelayTest, CountsWhatIsDone) {
  const LeasedSession lease = Prove("192.0.2.1");
  EXPECT_TRUE(Finish(lease, FormOutcome::kRefused));
  Ask("/v1/relay/tokens", TokenRequestToJson("postmaster"));
  const Json stats = Body(Get("/v1/stats"))["relay"];
  EXPECT_EQ(stats["sessions_running"], 0);
  EXPECT_EQ(stats["sessions_leased"], 1);
  EXPECT_EQ(stats["sessions_finished"], 1);
  EXPECT_EQ(stats["sessions_lost"], 0);
  EXPECT_EQ(stats["proofs"], 1);
  EXPECT_EQ(stats["tokens_refused"], 1);
  const std::string metrics = Get("/metrics").body;
  for (const char* line :
       {"rbld_relay_sessions_running 0\n",
        "rbld_relay_sessions_leased_total 1\n",
        "rbld_relay_sessions_finished_total 1\n",
        "rbld_relay_sessions_lost_total 0\n", "rbld_relay_proofs_total 1\n",
        "rbld_relay_tokens_refused_total 1\n"}) {
    EXPECT_TRUE(absl::StrContains(metrics, line)) << line;
  }
}

class ApiWithoutRelayTest : public ApiRelayTest {
 protected:
  ApiForTests bare_;
};

TEST_F(ApiWithoutRelayTest, SaysThatRelayTestsAreNotConfigured) {
  for (const auto& [method, path, body] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"POST", "/v1/relay/reports", R"({"target":"192.0.2.1"})"},
           {"POST", "/v1/relay/rechecks", R"({"target":"192.0.2.1"})"},
           {"GET", "/v1/relay/settings", ""}}) {
    ApiRequest request;
    request.role = Role::kOperator;
    request.method = method;
    request.path = path;
    request.body = body;
    request.peer = "uid:7(test)";
    const ApiResponse response = bare_.api()->Handle(std::move(request));
    EXPECT_EQ(response.status, 409) << path;
    EXPECT_TRUE(absl::StrContains(response.body, "add [relay]"))
        << response.body;
  }
}

}  // namespace
}  // namespace rbld
