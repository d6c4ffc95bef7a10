#include "control/api.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/api_test_util.h"
#include "control/json.h"

namespace rbld {
namespace {

class ApiTest : public testing::Test {
 protected:
  ApiResponse Get(const std::string& path,
                  std::map<std::string, std::string> query = {},
                  Role role = Role::kOperator) {
    ApiRequest request;
    request.role = role;
    request.method = "GET";
    request.path = path;
    request.query = std::move(query);
    request.peer = "uid:7(test)";
    return world_.api()->Handle(std::move(request));
  }
  ApiResponse Post(const std::string& path, const std::string& body,
                   Role role = Role::kOperator, const std::string& key = "",
                   std::map<std::string, std::string> query = {}) {
    ApiRequest request;
    request.role = role;
    request.method = "POST";
    request.path = path;
    request.query = std::move(query);
    request.body = body;
    request.peer = "uid:7(test)";
    request.idempotency_key = key;
    return world_.api()->Handle(std::move(request));
  }
  ApiResponse Add(const std::string& target, const std::string& more = "") {
    return Post("/v1/changes",
                absl::StrCat(R"({"changes":[{"verb":"add","target":")", target,
                             "\"", more, "}]}"));
  }
  ApiResponse Import(const std::string& feed,
                     std::map<std::string, std::string> query,
                     Role role = Role::kOperator) {
    ApiRequest request;
    request.role = role;
    request.method = "POST";
    request.path = "/v1/imports";
    request.query = std::move(query);
    request.body_stream = StringSource(feed);
    request.peer = "uid:7(test)";
    return world_.api()->Handle(std::move(request));
  }
  static Json Body(const ApiResponse& response) {
    absl::StatusOr<Json> json = ParseJson(response.body);
    EXPECT_TRUE(json.ok()) << response.body;
    return json.ok() ? *json : Json();
  }
  static std::string Code(const ApiResponse& response) {
    return Body(response).value("code", "");
  }

  ApiForTests world_;
};

TEST_F(ApiTest, AddShowRemoveGoesRound) {
  const ApiResponse added =
      Add("192.0.2.7",
          R"(,"values":[{"code":"127.0.0.9","reason":"why"}],"note":"n")");
  ASSERT_EQ(added.status, 200) << added.body;
  EXPECT_EQ(Body(added)["results"][0]["outcome"], "added");
  EXPECT_EQ(Body(added)["sequence"], 1);

  const Json shown = Body(Get("/v1/targets/192.0.2.7"));
  EXPECT_EQ(shown["listed"], true);
  EXPECT_EQ(shown["lists"][0]["effective"][0]["code"], "127.0.0.9");
  EXPECT_EQ(shown["lists"][0]["listings"][0]["author"], "uid:7(test)");
  EXPECT_EQ(shown["lists"][0]["listings"][0]["note"], "n");

  const ApiResponse removed = Post(
      "/v1/changes", R"({"changes":[{"verb":"remove","target":"192.0.2.7"}]})");
  EXPECT_EQ(Body(removed)["results"][0]["outcome"], "removed");
  EXPECT_EQ(Body(Get("/v1/targets/192.0.2.7"))["listed"], false);
}

// What a dnset lists can be shown, found and taken away by the text that is
// shown of it.
TEST_F(ApiTest, OddNamesOfAnImportAreShownFoundAndRemoved) {
  const ApiResponse imported = Import(
      "a;b\nq.example;s\na\\.b.example\na\\032b.example\n8.8.8.8\n"
      "b\xc3\xbc"
      "cher.example\n\\*.example\n*.a#b\n\\000.example\n"
      "!.no;such.a#b\n",
      {{"source", "f"}, {"format", "dnset"}});
  ASSERT_EQ(imported.status, 200) << imported.body;
  EXPECT_EQ(Body(imported)["added"], 10);
  EXPECT_EQ(Body(imported)["rejected"], 0);
  EXPECT_EQ(Body(imported)["warned"], 10);
  const Json found = Body(Get("/v1/listings"));
  ASSERT_EQ(found["listings"].size(), 9u);
  ASSERT_EQ(found["exemptions"].size(), 1u);
  const auto change = [&](const char* verb, const Json& entry) {
    Json body;
    body["changes"][0] = {
        {"verb", verb}, {"target", entry["target"]}, {"source", "f"}};
    return Body(Post("/v1/changes", JsonText(body)))["results"][0]["outcome"];
  };
  for (const Json& listing : found["listings"]) {
    const std::string text = listing["target"];
    const Json shown = Body(Get("/v1/targets/" + text));
    EXPECT_EQ(shown["lists"][0]["listings"][0]["target"], text);
    EXPECT_EQ(Body(Get("/v1/listings", {{"within", text}}))["listings"].size(),
              1u)
        << text;
    EXPECT_EQ(change("remove", listing), "removed") << text;
    EXPECT_EQ(Body(Get("/v1/history", {{"target", text}}))["entries"].size(),
              2u)
        << text;
  }
  EXPECT_EQ(change("unexempt", found["exemptions"][0]), "removed");
  EXPECT_EQ(Body(Get("/v1/listings"))["listings"].size(), 0u);
}

TEST_F(ApiTest, NamesInUtf8MeanTheirXnFormAndTheReplySaysSo) {
  const ApiResponse added = Post("/v1/changes", R"({"changes":[
      {"verb":"add","target":"bücher.example"},
      {"verb":"exempt","target":".ü.example"},
      {"verb":"add","target":"plain.example"}]})");
  ASSERT_EQ(added.status, 200) << added.body;
  const Json results = Body(added)["results"];
  EXPECT_EQ(results[0]["target"], "xn--bcher-kva.example");
  EXPECT_EQ(results[0]["notes"],
            Json::array({"bücher.example is listed as xn--bcher-kva.example"}));
  EXPECT_EQ(results[1]["notes"],
            Json::array({".ü.example is exempt as .xn--tda.example"}));
  EXPECT_FALSE(results[2].contains("notes"));
  const Json shown = Body(Get("/v1/targets/bücher.example"));
  EXPECT_EQ(shown["target"], "xn--bcher-kva.example");
  EXPECT_EQ(shown["lists"][0]["listed"], true);
  // The only zone is of addresses.
  EXPECT_EQ(shown["lists"][0]["published"], false);
  EXPECT_EQ(shown["listed"], false);
  EXPECT_EQ(
      Body(Get("/v1/listings", {{"within", "bücher.example"}}))["listings"]
          .size(),
      1u);
  EXPECT_EQ(Body(Get("/v1/history", {{"target", "bücher.example"}}))["entries"]
                .size(),
            1u);
  const Json removed = Body(
      Post("/v1/changes",
           R"({"changes":[{"verb":"remove","target":"BÜCHER.example"}]})"));
  EXPECT_EQ(removed["results"][0]["outcome"], "removed");
  EXPECT_EQ(removed["results"][0]["notes"][0],
            "BÜCHER.example is read as xn--bcher-kva.example");
  const ApiResponse refused = Add("☃.example");
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("changes[0].target: the name is no "
                              "internationalized one (UTS #46)"),
            std::string::npos)
      << refused.body;
  EXPECT_EQ(Add("bücher.example/x").status, 400);
}

TEST_F(ApiTest, ANetmaskIsAPrefixLength) {
  EXPECT_EQ(Body(Add("8.1.1.0/255.255.255.0"))["results"][0]["target"],
            "8.1.1.0/24");
  const ApiResponse refused = Add("8.1.1.1/255.255.255.0");
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("was 8.1.1.0/24 meant?"), std::string::npos)
      << refused.body;
}

TEST(ApiOfAListOfHashes, TakesSingleLabels) {
  ApiForTests world(/*two_lists=*/true,
                    "[[list]]\nname = \"hashes\"\nnames = \"any\"\n");
  const auto add = [&](const std::string& list, const std::string& target) {
    ApiRequest request;
    request.role = Role::kOperator;
    request.method = "POST";
    request.path = "/v1/changes";
    request.body = absl::StrCat(R"({"changes":[{"verb":"add","list":")", list,
                                R"(","target":")", target, R"("}]})");
    return world.api()->Handle(std::move(request)).status;
  };
  for (const char* target : {"d41d8cd98f00b204", "12345678", "foo"}) {
    EXPECT_EQ(add("hashes", target), 200) << target;
    EXPECT_EQ(add("names", target), 400) << target;
  }
  for (const char* target : {"foo:80", "1.2.3", "a,b", "https://x.example"}) {
    EXPECT_EQ(add("hashes", target), 400) << target;
  }
  ApiRequest request;
  request.role = Role::kOperator;
  request.method = "GET";
  request.path = "/v1/lists/hashes";
  EXPECT_EQ(
      (*ParseJson(
          world.api()->Handle(std::move(request)).body))["policy"]["names"],
      "any");
}

TEST_F(ApiTest, ShowsPrefixesWithAndWithoutEscapedSlash) {
  ASSERT_EQ(Add("192.0.2.0/24").status, 200);
  EXPECT_EQ(Body(Get("/v1/targets/192.0.2.0/24"))["listed"], true);
  EXPECT_EQ(Get("/v1/targets/192.0.2.0/33").status, 400);
  EXPECT_EQ(Get("/v1/targets/").status, 404);
  EXPECT_EQ(Get("/v1/targets/192.0.2.1", {{"list", "none"}}).status, 404);
}

TEST_F(ApiTest, ABatchHappensWholeOrNotAtAll) {
  const ApiResponse refused = Post("/v1/changes", R"({"changes":[
      {"verb":"add","target":"192.0.2.1"},
      {"verb":"add","target":"127.0.0.5"}]})");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.content_type, "application/problem+json");
  EXPECT_EQ(Code(refused), "refused");
  EXPECT_NE(refused.body.find("change 2 (127.0.0.5)"), std::string::npos);
  EXPECT_EQ(Body(Get("/v1/targets/192.0.2.1"))["listed"], false);
}

TEST_F(ApiTest, DryRunChangesNothing) {
  const ApiResponse response = Post("/v1/changes", R"({"dry_run":true,
      "changes":[{"verb":"add","target":"192.0.2.1"}]})");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(Body(response)["results"][0]["outcome"], "added");
  EXPECT_EQ(Body(response)["sequence"], 0);
  EXPECT_EQ(Body(Get("/v1/targets/192.0.2.1"))["listed"], false);
}

TEST_F(ApiTest, IfSequenceRefusesOnceTheStoreMovedOn) {
  ASSERT_EQ(Add("192.0.2.1").status, 200);
  const std::string change =
      R"("changes":[{"verb":"add","target":"192.0.2.2"}]})";
  EXPECT_EQ(Post("/v1/changes", "{\"if_sequence\":0," + change).status, 412);
  EXPECT_EQ(Post("/v1/changes", "{\"if_sequence\":1," + change).status, 200);
}

TEST_F(ApiTest, ARepeatedKeyGetsTheFirstResult) {
  const std::string add =
      R"({"changes":[{"verb":"add","target":"192.0.2.1"}]})";
  const std::string other =
      R"({"changes":[{"verb":"add","target":"192.0.2.2"}]})";
  const ApiResponse first = Post("/v1/changes", add, Role::kOperator, "k1");
  const ApiResponse again = Post("/v1/changes", add, Role::kOperator, "k1");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, again.body);
  EXPECT_EQ(world_.publisher()->Stats().sequence, 1u);
  // The same key with another body is another request, not the first's result.
  const ApiResponse mixed = Post("/v1/changes", other, Role::kOperator, "k1");
  EXPECT_EQ(Body(mixed)["results"][0]["outcome"], "added");
  EXPECT_EQ(Body(Get("/v1/targets/192.0.2.2"))["listed"], true);
  EXPECT_EQ(Post("/v1/changes", add, Role::kOperator, "a b").status, 400);
  EXPECT_EQ(
      Post("/v1/changes", add, Role::kOperator, std::string(129, 'k')).status,
      400);
}

TEST_F(ApiTest, RecordsWhoAskedAndOnWhoseBehalf) {
  ASSERT_EQ(Post("/v1/changes", R"({"actor":"alice","why":"on the phone",
      "changes":[{"verb":"add","target":"192.0.2.1"}]})")
                .status,
            200);
  const Json entry = Body(Get("/v1/audit"))["entries"][0];
  EXPECT_EQ(entry["actor"], "alice via uid:7(test)");
  EXPECT_EQ(entry["why"], "on the phone");
  EXPECT_EQ(entry["request"], "add");
  EXPECT_EQ(entry["sequence"], 1);
  EXPECT_EQ(entry["added"], 1);
  EXPECT_EQ(entry["removed"], 0);
  EXPECT_EQ(entry["what"], "192.0.2.1");
}

TEST_F(ApiTest, HistoryTellsBeforeAndAfterNewestFirst) {
  ASSERT_EQ(Add("192.0.2.1").status, 200);
  ASSERT_EQ(Add("192.0.2.1", R"(,"values":[{"code":"127.0.0.8"}])").status,
            200);
  const Json entries =
      Body(Get("/v1/history", {{"target", "192.0.2.1"}}))["entries"];
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0]["kind"], "change");
  EXPECT_EQ(entries[0]["before"]["values"][0]["code"], "127.0.0.2");
  EXPECT_EQ(entries[0]["after"]["values"][0]["code"], "127.0.0.8");
  EXPECT_EQ(entries[1]["kind"], "add");
  EXPECT_EQ(Get("/v1/history").status, 400);
}

TEST_F(ApiTest, PagesThroughAllListingsOnce) {
  std::string changes;
  for (int i = 0; i < 250; ++i) {
    absl::StrAppend(&changes, i == 0 ? "" : ",",
                    R"({"verb":"add","target":"192.0.2.)", i, "\"}");
  }
  ASSERT_EQ(Post("/v1/changes", "{\"changes\":[" + changes + "]}").status, 200);
  std::set<std::string> seen;
  std::map<std::string, std::string> query = {{"limit", "60"}};
  int pages = 0;
  for (;;) {
    const Json page = Body(Get("/v1/listings", query));
    ASSERT_LE(page["listings"].size(), 60u);
    for (const Json& one : page["listings"]) {
      EXPECT_TRUE(seen.insert(one["target"].get<std::string>()).second);
    }
    ASSERT_LT(++pages, 20);
    if (page["next_cursor"].is_null()) break;
    query["cursor"] = page["next_cursor"].get<std::string>();
  }
  EXPECT_EQ(seen.size(), 250u);
  EXPECT_EQ(Get("/v1/listings", {{"cursor", "!!"}}).status, 400);
  EXPECT_EQ(Get("/v1/listings", {{"limit", "0"}}).status, 400);
  EXPECT_EQ(Get("/v1/listings", {{"limit", "10001"}}).status, 400);
  EXPECT_EQ(Get("/v1/listings", {{"lsit", "relays"}}).status, 400);
}

TEST_F(ApiTest, RefusesMoreChangesThanARequestMayHave) {
  std::string changes;
  for (int i = 0; i <= kMaxChangesPerRequest; ++i) {
    absl::StrAppend(&changes, i == 0 ? "" : ",",
                    R"({"verb":"add","target":"20.0.)", i / 256, ".", i % 256,
                    "\"}");
  }
  const ApiResponse response =
      Post("/v1/changes", "{\"changes\":[" + changes + "]}");
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(world_.publisher()->Stats().sequence, 0u);
}

TEST_F(ApiTest, RefusesHostileBodies) {
  const std::string deep(100'000, '[');
  for (const std::string& body :
       {deep, std::string(R"({"changes":[],"changes":[]})"),
        std::string("{\"why\":\"\xff\"}"), std::string("{\"if_sequence\":NaN}"),
        std::string(""), std::string("null"), std::string("{\"changes\":"),
        std::string("\0", 1)}) {
    const ApiResponse response = Post("/v1/changes", body);
    EXPECT_EQ(response.status, 400) << body.substr(0, 40);
    EXPECT_EQ(Code(response), "invalid");
  }
  EXPECT_EQ(world_.publisher()->Stats().sequence, 0u);
}

TEST_F(ApiTest, ImportReplacesTheSourceAndSumsUp) {
  const ApiResponse first =
      Import("192.0.2.1\n192.0.2.2\nnonsense here\n300.1.1.1\n",
             {{"source", "feed"}, {"file", "feed.txt"}});
  ASSERT_EQ(first.status, 200) << first.body;
  Json summary = Body(first);
  EXPECT_EQ(summary["added"], 2);
  EXPECT_EQ(summary["list"], "relays");
  EXPECT_GE(summary["rejected"].get<int>(), 1);
  EXPECT_EQ(summary["rejected_lines"].back()["line"], 4);

  summary = Body(Import("192.0.2.2\n192.0.2.3\n", {{"source", "feed"}}));
  EXPECT_EQ(summary["added"], 1);
  EXPECT_EQ(summary["removed"], 1);
  EXPECT_EQ(summary["unchanged"], 1);
  EXPECT_EQ(Body(Get("/v1/targets/192.0.2.1"))["listed"], false);
}

TEST_F(ApiTest, ImportTakesCodeAndReasonForBareLines) {
  ASSERT_EQ(Import("192.0.2.1\n", {{"source", "feed"},
                                   {"code", "127.0.0.44"},
                                   {"reason", "from the feed"}})
                .status,
            200);
  const Json value =
      Body(Get("/v1/targets/192.0.2.1"))["lists"][0]["effective"][0];
  EXPECT_EQ(value["code"], "127.0.0.44");
  EXPECT_EQ(value["reason"], "from the feed");
  EXPECT_EQ(
      Import("192.0.2.1\n", {{"source", "f"}, {"code", "10.0.0.1"}}).status /
          100,
      4);
}

TEST_F(ApiTest, ImportRefusesToShrinkASource) {
  std::string feed;
  for (int i = 0; i < 200; ++i) absl::StrAppend(&feed, "192.0.2.", i, "\n");
  ASSERT_EQ(Import(feed, {{"source", "feed"}}).status, 200);
  const ApiResponse refused = Import("192.0.2.1\n", {{"source", "feed"}});
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(Code(refused), "refused");
  EXPECT_EQ(
      Import("192.0.2.1\n", {{"source", "feed"}, {"max_shrink", "100"}}).status,
      200);
}

TEST_F(ApiTest, ImportReportsProgressAsLines) {
  ApiRequest request;
  request.role = Role::kOperator;
  request.method = "POST";
  request.path = "/v1/imports";
  request.query = {{"source", "feed"}};
  request.body_stream = StringSource("192.0.2.1\n");
  request.accept = "application/x-ndjson";
  const ApiResponse response = world_.api()->Handle(std::move(request));
  ASSERT_EQ(response.status, 200);
  ASSERT_TRUE(response.stream);
  std::string text;
  response.stream([&](absl::string_view bytes) {
    text.append(bytes.data(), bytes.size());
    return true;
  });
  const std::vector<std::string> lines =
      absl::StrSplit(text, '\n', absl::SkipEmpty());
  ASSERT_FALSE(lines.empty());
  const absl::StatusOr<Json> last = ParseJson(lines.back());
  ASSERT_TRUE(last.ok()) << lines.back();
  EXPECT_EQ((*last)["result"]["added"], 1);
}

TEST_F(ApiTest, ImportThatIsRefusedEndsItsLinesWithAProblem) {
  std::string feed;
  for (int i = 0; i < 200; ++i) absl::StrAppend(&feed, "192.0.2.", i, "\n");
  ASSERT_EQ(Import(feed, {{"source", "feed"}}).status, 200);
  ApiRequest request;
  request.role = Role::kOperator;
  request.method = "POST";
  request.path = "/v1/imports";
  request.query = {{"source", "feed"}};
  request.body_stream = StringSource("192.0.2.1\n");
  request.accept = "application/x-ndjson";
  const ApiResponse response = world_.api()->Handle(std::move(request));
  ASSERT_TRUE(response.stream) << response.body;
  std::string text;
  response.stream([&](absl::string_view bytes) {
    text.append(bytes.data(), bytes.size());
    return true;
  });
  EXPECT_NE(text.find("\"problem\":{"), std::string::npos) << text;
  EXPECT_NE(text.find("\"code\":\"refused\""), std::string::npos) << text;
  EXPECT_EQ(world_.publisher()->Stats().sequence, 1u);
}

TEST_F(ApiTest, StrictImportRefusesAFeedWithABadLineAndNamesIt) {
  const ApiResponse response =
      Import("192.0.2.1\n300.1.1.1\n", {{"source", "feed"}, {"strict", "1"}});
  EXPECT_EQ(response.status, 409);
  EXPECT_NE(response.body.find("line 2 (300.1.1.1)"), std::string::npos)
      << response.body;
  EXPECT_EQ(world_.publisher()->Stats().sequence, 0u);
}

TEST_F(ApiTest, ImportRefusesBadParameters) {
  EXPECT_EQ(Import("", {}).status, 400);
  EXPECT_EQ(Import("", {{"source", "f"}, {"format", "xls"}}).status, 400);
  EXPECT_EQ(Import("", {{"source", "f"}, {"max_grow", "nan"}}).status, 400);
  EXPECT_EQ(Import("", {{"source", "f"}, {"forec", "1"}}).status, 400);
  EXPECT_EQ(Import("", {{"source", "f"}, {"list", "none"}}).status, 404);
  EXPECT_EQ(Import("", {{"source", "f"}, {"why", "a\nb"}}).status, 400);
  EXPECT_EQ(Import("\x1f\x8b\x08garbage", {{"source", "f"}}).status / 100, 4);
}

TEST_F(ApiTest, WhatIsDumpedOfAListCanBeImportedAgain) {
  ASSERT_EQ(Import("192.0.2.1\n192.0.2.0/28\n2001:db8::/40\n",
                   {{"source", "feed"}, {"reason", "r"}, {"expires", "30d"}})
                .status,
            200);
  const ApiResponse dump = Get("/v1/lists/relays/dump", {{"source", "feed"}});
  ASSERT_TRUE(dump.stream) << dump.body;
  std::string text;
  dump.stream([&](absl::string_view bytes) {
    text.append(bytes.data(), bytes.size());
    return true;
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  const ApiResponse again =
      Import(text, {{"source", "feed"}, {"format", "jsonl"}});
  ASSERT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(Body(again)["unchanged"], 3);
  EXPECT_EQ(Body(again)["changed"], 0);
  EXPECT_EQ(Get("/v1/lists/none/dump").status, 404);
}

TEST_F(ApiTest, EveryRouteKnowsWhoMayUseIt) {
  const int kO = static_cast<int>(Role::kOperator);
  const int kI = static_cast<int>(Role::kImporter);
  const int kR = static_cast<int>(Role::kRelayd);
  const int kP = static_cast<int>(Role::kPublic);
  const struct {
    const char* method;
    const char* path;
    int allowed;
  } kCases[] = {
      {"POST", "/v1/changes", kO},
      {"GET", "/v1/targets/192.0.2.1", kO | kI | kR | kP},
      {"GET", "/v1/listings", kO | kI | kR},
      {"GET", "/v1/history", kO | kI | kR},
      {"GET", "/v1/audit", kO},
      {"GET", "/v1/lists", kO | kI | kR | kP},
      {"GET", "/v1/lists/relays", kO | kI | kR | kP},
      {"GET", "/v1/lists/relays/dump", kO | kI},
      {"GET", "/v1/zones", kO | kI | kR | kP},
      {"GET", "/v1/zones/relays.rbld.test", kO | kI | kR | kP},
      {"POST", "/v1/imports", kO | kI},
      {"POST", "/v1/dumps", kO},
      {"POST", "/v1/reload", kO},
      {"POST", "/v1/backup", kO},
      {"GET", "/v1/status", kO | kI | kR},
      {"GET", "/v1/stats", kO | kI | kR},
      {"GET", "/metrics", kO | kI | kR},
  };
  for (const auto& test : kCases) {
    for (const Role role :
         {Role::kOperator, Role::kImporter, Role::kRelayd, Role::kPublic}) {
      const ApiResponse response = std::string(test.method) == "GET"
                                       ? Get(test.path, {}, role)
                                       : Post(test.path, "", role);
      const bool allowed = (test.allowed & static_cast<int>(role)) != 0;
      EXPECT_EQ(response.status != 403, allowed)
          << test.method << " " << test.path << " as " << RoleName(role);
    }
  }
}

TEST_F(ApiTest, ImporterMayNotPassTheGuardsNorTakeOthersSources) {
  const std::string feed = "192.0.2.1\n";
  EXPECT_EQ(Import(feed, {{"source", "feed"}}, Role::kImporter).status, 200);
  for (const auto& [key, value] : std::map<std::string, std::string>{
           {"force", "true"}, {"max_shrink", "31"}, {"max_grow", "1000"}}) {
    EXPECT_EQ(Import(feed, {{"source", "feed"}, {key, value}}, Role::kImporter)
                  .status,
              403)
        << key;
  }
  for (const char* source : {"manual", "relay-test"}) {
    EXPECT_EQ(Import(feed, {{"source", source}}, Role::kImporter).status, 403);
  }
  EXPECT_EQ(
      Import(feed, {{"source", "feed"}, {"max_shrink", "10"}}, Role::kImporter)
          .status,
      200);
}

TEST_F(ApiTest, ThePublicSeesNoAuthorsAndNotes) {
  ASSERT_EQ(Add("192.0.2.1", R"(,"note":"my neighbour")").status, 200);
  const ApiResponse response = Get("/v1/targets/192.0.2.1", {}, Role::kPublic);
  EXPECT_EQ(Body(response)["listed"], true);
  EXPECT_EQ(response.body.find("neighbour"), std::string::npos);
  EXPECT_EQ(response.body.find("uid:7"), std::string::npos);
}

TEST_F(ApiTest, TellsWrongRoutesFromWrongMethods) {
  EXPECT_EQ(Get("/v1/nothing").status, 404);
  EXPECT_EQ(Get("/v1/lists/a/b").status, 404);
  EXPECT_EQ(Get("/").status, 404);
  const ApiResponse response = Get("/v1/changes");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.at("Allow"), "POST");
}

TEST_F(ApiTest, ListsAndZonesTellTheirState) {
  ASSERT_EQ(Add("192.0.2.1").status, 200);
  const Json list = Body(Get("/v1/lists/relays"));
  EXPECT_EQ(list["listings"], 1);
  EXPECT_EQ(list["datasets"][0]["source"], "manual");
  EXPECT_EQ(list["policy"]["min_ipv4_length_bits"], 8);
  EXPECT_EQ(list["default_values"][0]["code"], "127.0.0.2");
  EXPECT_EQ(list["zones"][0], "relays.rbld.test");
  const Json before = Body(Get("/v1/zones/relays.rbld.test"));
  EXPECT_EQ(before["soa"]["mname"], "ns.rbld.test.");
  ASSERT_EQ(Add("192.0.2.2").status, 200);
  const Json after = Body(Get("/v1/zones/RELAYS.rbld.test."));
  EXPECT_GT(after["serial"].get<uint64_t>(), before["serial"].get<uint64_t>());
  EXPECT_EQ(Get("/v1/zones/other.test").status, 404);
  EXPECT_EQ(Get("/v1/lists/other").status, 404);
}

TEST_F(ApiTest, DumpsAZoneIntoAFolder) {
  ASSERT_EQ(Add("192.0.2.1").status, 200);
  const std::string folder = world_.directory() + "/mirror";
  const ApiResponse response = Post(
      "/v1/dumps", absl::StrCat(R"({"zone":"relays.rbld.test","directory":")",
                                folder, R"(","formats":["ip4trie","jsonl"]})"));
  ASSERT_EQ(response.status, 200) << response.body;
  const Json json = Body(response);
  ASSERT_EQ(json["files"].size(), 2u);
  for (const Json& file : json["files"]) {
    EXPECT_TRUE(std::filesystem::exists(folder + "/" +
                                        file["name"].get<std::string>()));
    EXPECT_EQ(file["sha256"].get<std::string>().size(), 64u);
  }
  EXPECT_EQ(Post("/v1/dumps", R"({"zone":"relays.rbld.test",
      "directory":"relative","formats":["jsonl"]})")
                .status,
            400);
  EXPECT_EQ(Post("/v1/dumps", R"({"zone":"none.test","directory":"/x",
      "formats":["jsonl"]})")
                .status,
            404);
  EXPECT_EQ(Post("/v1/dumps", R"({"zone":"relays.rbld.test"})").status, 400);
  EXPECT_EQ(Post("/v1/dumps", R"({"zone":"relays.rbld.test","directory":"/x",
      "formats":["xls"]})")
                .status,
            400);
}

// A daemon that is started with --config rbld.toml writes it on schedule, too.
TEST(ApiDumps, AFolderOfTheConfigurationMayBeRelative) {
  ApiForTests world(false,
                    "[[dump]]\nzone = \"relays.rbld.test\"\ndirectory = "
                    "\"dump\"\nformats = [\"ip4trie\"]\n",
                    "rbld.toml");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(world.directory());
  ApiRequest request;
  request.role = Role::kOperator;
  request.method = "POST";
  request.path = "/v1/dumps";
  request.body = R"({"zone":"relays.rbld.test"})";
  const ApiResponse response = world.api()->Handle(std::move(request));
  std::filesystem::current_path(before);
  ASSERT_EQ(response.status, 200) << response.body;
  const Json json = *ParseJson(response.body);
  EXPECT_EQ(json["directory"], world.directory() + "/dump");
  EXPECT_EQ(json["manifest"], world.directory() + "/dump/MANIFEST");
  EXPECT_EQ(json["files"][0]["left_out"], 0);
  EXPECT_EQ(json["refused"], Json::array());
  EXPECT_TRUE(std::filesystem::exists(world.directory() + "/dump/MANIFEST"));
}

// One format can be refused; the others are written.
TEST(ApiDumps, SaysWhatIsLeftOutAndRefused) {
  ApiForTests world(true,
                    "[[zone]]\nname = \"names.rbld.test\"\nkind = "
                    "\"names\"\nlists = [\"names\"]\nns = "
                    "[\"ns.rbld.test.\"]\n");
  const auto apply = [&](Change::Verb verb, const std::string& wire,
                         NameScope scope) {
    Change change;
    change.verb = verb;
    change.list = "names";
    change.source = verb == Change::Verb::kAdd ? "manual" : "";
    change.target = Target::OfName(wire, scope);
    if (verb == Change::Verb::kAdd) change.values = {{0x7f000002, "", 0}};
    ChangeRequest request;
    request.changes = {change};
    request.actor = request.request = "test";
    ASSERT_TRUE(world.publisher()->Apply(request).ok());
  };
  const auto dump = [&] {
    ApiRequest request;
    request.role = Role::kOperator;
    request.method = "POST";
    request.path = "/v1/dumps";
    request.body = absl::StrCat(
        R"({"zone":"names.rbld.test","formats":["dnset","rfc1035"],)",
        R"("directory":")", world.directory(), R"(/dump"})");
    return *ParseJson(world.api()->Handle(std::move(request)).body);
  };
  apply(Change::Verb::kAdd, "\7example\1*", NameScope::kExact);
  Json json = dump();
  EXPECT_EQ(json["files"][1]["name"], "names.rbld.test.zone");
  EXPECT_EQ(json["files"][1]["left_out"], 1);
  EXPECT_EQ(json["files"][1]["left_out_examples"].size(), 1u);
  apply(Change::Verb::kAdd, "\7example", NameScope::kWithSubdomains);
  apply(Change::Verb::kExempt, "\7example\1*", NameScope::kExact);
  json = dump();
  EXPECT_EQ(json["files"].size(), 1u);
  ASSERT_EQ(json["refused"].size(), 1u);
  EXPECT_EQ(json["refused"][0]["format"], "rfc1035");
  EXPECT_EQ(json["refused"][0]["kept"][0], "names.rbld.test.zone");
}

TEST_F(ApiTest, BacksUpAndRestores) {
  ASSERT_EQ(Add("192.0.2.1").status, 200);
  const std::string folder = world_.directory() + "/backup";
  const ApiResponse response =
      Post("/v1/backup", "{\"directory\":\"" + folder + "\"}");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(Body(response)["sequence"], 1);
  EXPECT_TRUE(
      Publisher::Restore(folder, world_.directory() + "/restored").ok());
  EXPECT_EQ(Post("/v1/backup", "{\"directory\":\"here\"}").status, 400);
  EXPECT_EQ(Post("/v1/backup", "").status, 400);
}

TEST_F(ApiTest, StatusStatsAndMetricsTellTheStore) {
  ASSERT_EQ(Add("192.0.2.1").status, 200);
  const Json status = Body(Get("/v1/status"));
  EXPECT_EQ(status["store"]["sequence"], 1);
  EXPECT_EQ(status["offline"], true);
  EXPECT_EQ(status["lists"][0]["listings"], 1);
  EXPECT_EQ(Body(Get("/v1/stats"))["store"]["changes"], 1);
  const ApiResponse metrics = Get("/metrics");
  EXPECT_EQ(metrics.content_type.rfind("text/plain; version=0.0.4", 0), 0u);
  EXPECT_NE(metrics.body.find("rbld_store_sequence 1\n"), std::string::npos);
  EXPECT_NE(metrics.body.find("rbld_list_listings{list=\"relays\","
                              "source=\"manual\"} 1\n"),
            std::string::npos);
}

TEST_F(ApiTest, ReloadWithoutADaemonIsRefused) {
  EXPECT_EQ(Post("/v1/reload", "").status, 409);
  EXPECT_EQ(Post("/v1/reload", "{\"x\":1}").status, 400);
}

TEST(ApiWithTwoLists, AsksForAListAndNamesThem) {
  ApiForTests world(/*two_lists=*/true);
  ApiRequest request;
  request.role = Role::kOperator;
  request.method = "POST";
  request.path = "/v1/changes";
  request.body = R"({"changes":[{"verb":"add","target":"192.0.2.1"}]})";
  const ApiResponse response = world.api()->Handle(std::move(request));
  EXPECT_EQ(response.status, 400);
  ApiRequest import;
  import.role = Role::kOperator;
  import.method = "POST";
  import.path = "/v1/imports";
  import.query = {{ "source", "f" }};
  const ApiResponse refused = world.api()->Handle(std::move(import));
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("relays, names"), std::string::npos)
      << refused.body;
}

TEST(ApiBodyOf, StreamsImportsOnly) {
  EXPECT_TRUE(Api::BodyOf("POST", "/v1/imports").stream);
  EXPECT_FALSE(Api::BodyOf("POST", "/v1/changes").stream);
  EXPECT_FALSE(Api::BodyOf("GET", "/v1/imports").stream);
}

}  // namespace
}  // namespace rbld
