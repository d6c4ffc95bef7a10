#include "control/json_codec.h"

#include <gtest/gtest.h>

#include <string>

#include "store/listing.h"
#include "store/target.h"

namespace rbld {
namespace {

constexpr int64_t kNow = 1'800'000'000;

absl::StatusOr<ChangeRequest> Read(const std::string& text,
                                   const std::string& default_list = "") {
  const absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) return json.status();
  return ChangeRequestFromJson(*json, {default_list, kNow, {}});
}

std::string ErrorOf(const std::string& text) {
  return std::string(Read(text).status().message());
}

TEST(ChangeRequestFromJson, ReadsEveryField) {
  const absl::StatusOr<ChangeRequest> request = Read(R"({
    "changes": [
      {"verb": "add", "list": "relays", "source": "feed",
       "target": "192.0.2.0/24", "expires": "30d", "note": "seen",
       "values": [{"code": "127.0.0.4", "reason": "r", "ttl": 60},
                  {"code": "127.0.0.2"}]},
      {"verb": "unexempt", "list": "relays", "target": "*.example.com"}],
    "actor": "alice", "why": "asked", "request": "r", "dry_run": true,
    "if_sequence": 18446744073709551615})");
  ASSERT_TRUE(request.ok()) << request.status();
  ASSERT_EQ(request->changes.size(), 2u);
  const Change& add = request->changes[0];
  EXPECT_EQ(add.verb, Change::Verb::kAdd);
  EXPECT_EQ(add.list, "relays");
  EXPECT_EQ(add.source, "feed");
  EXPECT_EQ(add.target.ToString(), "192.0.2.0/24");
  EXPECT_EQ(add.expires, kNow + 30 * 86400);
  EXPECT_EQ(add.note, "seen");
  EXPECT_EQ(add.values,
            (ValueSet{Value{0x7f000002, "", 0}, Value{0x7f000004, "r", 60}}));
  EXPECT_EQ(request->changes[1].verb, Change::Verb::kUnexempt);
  EXPECT_EQ(request->changes[1].target.ToString(), "*.example.com");
  EXPECT_EQ(request->actor, "alice");
  EXPECT_EQ(request->why, "asked");
  EXPECT_TRUE(request->dry_run);
  EXPECT_EQ(request->if_sequence, 18446744073709551615u);
}

TEST(ChangeRequestFromJson, FillsInListAndSource) {
  const absl::StatusOr<ChangeRequest> request =
      Read(R"({"changes":[{"verb":"add","target":"192.0.2.1"},
                          {"verb":"remove","target":"192.0.2.1"}]})",
           "only");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->changes[0].list, "only");
  EXPECT_EQ(request->changes[0].source, "manual");
  // Every source's listing, not only the operator's.
  EXPECT_EQ(request->changes[1].source, "");
  EXPECT_FALSE(request->if_sequence.has_value());
}

TEST(ChangeRequestFromJson, ComesBackFromItsJson) {
  const absl::StatusOr<ChangeRequest> sent = Read(R"({"changes":[
    {"verb":"add","list":"l","target":".example.com","expires":"5h",
     "values":[{"code":"127.0.0.9","reason":"é","ttl":1}],"note":"n"},
    {"verb":"exempt","list":"l","source":"s","target":"2001:db8::/32"}],
    "actor":"a","why":"w","request":"q","dry_run":true,"if_sequence":7})");
  ASSERT_TRUE(sent.ok()) << sent.status();
  const absl::StatusOr<ChangeRequest> got =
      ChangeRequestFromJson(ToJson(*sent), {"", kNow, {}});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(JsonText(ToJson(*got)), JsonText(ToJson(*sent)));
  EXPECT_EQ(got->changes[0].expires, kNow + 5 * 3600);
}

TEST(ChangeRequestFromJson, NamesThePlaceOfEveryError) {
  const struct {
    const char* text;
    const char* beginning;
  } kCases[] = {
      {"[]", "the body must be a JSON object"},
      {"{}", "changes: must be an array"},
      {R"({"changes":[]})", "changes: must be an array"},
      {R"({"changes":{}})", "changes: must be an array"},
      {R"({"changes":[1]})", "changes[0]: must be an object"},
      {R"({"chagnes":[]})", "chagnes: is no key here"},
      {R"({"changes":[{"verb":"add","list":"l","target":"1.2.3.4"},
                      {"verb":"ad","list":"l","target":"1.2.3.4"}]})",
       "changes[1].verb: must be"},
      {R"({"changes":[{"verb":"add","target":"1.2.3.4"}]})",
       "changes[0].list: missing"},
      {R"({"changes":[{"verb":"remove","list":"l","source":"",
           "target":"1.2.3.4"}]})",
       "changes[0].source: empty"},
      {R"({"changes":[{"verb":"add","list":"l"}]})",
       "changes[0].target: missing"},
      {R"({"changes":[{"verb":"add","list":"l","target":"1.2.3.400"}]})",
       "changes[0].target: "},
      {R"({"changes":[{"verb":"add","list":"l","target":7}]})",
       "changes[0].target: must be a string"},
      {R"({"changes":[{"verb":"add","list":"l","target":"1.2.3.4",
           "code":"127.0.0.2"}]})",
       "changes[0].code: is no key here"},
      {R"({"changes":[{"verb":"add","list":"l","target":"1.2.3.4",
           "values":[{"code":"x"}]}]})",
       "changes[0].values[0].code: "},
      {R"({"changes":[{"verb":"add","list":"l","target":"1.2.3.4",
           "values":[{"code":"127.0.0.2","ttl":-1}]}]})",
       "changes[0].values[0].ttl: must be a whole number"},
      {R"({"changes":[{"verb":"add","list":"l","target":"1.2.3.4",
           "values":[{"code":"127.0.0.2","ttl":2147483648}]}]})",
       "changes[0].values[0].ttl: at most"},
      {R"({"changes":[{"verb":"remove","list":"l","target":"1.2.3.4",
           "values":[{"code":"127.0.0.2"}]}]})",
       "changes[0].values: only an"},
      {R"({"changes":[{"verb":"add","list":"l","target":"1.2.3.4",
           "expires":"yesterday"}]})",
       "changes[0].expires: "},
      {R"({"changes":[{"verb":"add","list":"l","target":"1.2.3.4",
           "note":"a\u0007b"}]})",
       "changes[0].note: holds a control character"},
      {R"({"dry_run":"yes","changes":[]})", "dry_run: must be true or false"},
      {R"({"if_sequence":1.5,"changes":[]})", "if_sequence: must be a whole"},
      {R"({"actor":"a\nb","changes":[]})", "actor: holds a control character"},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(ErrorOf(test.text).rfind(test.beginning, 0), 0u)
        << test.text << "\ngave: " << ErrorOf(test.text);
  }
}

TEST(ChangeRequestFromJson, RefusesTooManyValues) {
  std::string values;
  for (int i = 0; i < kMaxValuesPerListing + 1; ++i) {
    values += (i == 0 ? "" : ",") + std::string("{\"code\":\"127.0.1.") +
              std::to_string(i) + "\"}";
  }
  EXPECT_EQ(ErrorOf(R"({"changes":[{"verb":"add","list":"l",
                        "target":"1.2.3.4","values":[)" +
                    values + "]}]}"),
            "changes[0].values: at most 64 values");
}

Listing SampleListing() {
  Listing listing;
  listing.list = "relays";
  listing.source = "manual";
  listing.target = *Target::Parse("192.0.2.7");
  listing.values = {Value{0x7f000002, "open", 300}};
  listing.created = kNow;
  listing.updated = kNow;
  listing.author = "uid:0(root)";
  listing.note = "secret";
  return listing;
}

TEST(ListingToJson, HidesAuthorAndNoteFromThePublic) {
  const Json full = ToJson(SampleListing(), Detail::kFull);
  EXPECT_EQ(full["author"], "uid:0(root)");
  EXPECT_EQ(full["note"], "secret");
  const std::string shown = JsonText(ToJson(SampleListing(), Detail::kPublic));
  EXPECT_EQ(shown.find("root"), std::string::npos);
  EXPECT_EQ(shown.find("secret"), std::string::npos);
  EXPECT_NE(shown.find("192.0.2.7"), std::string::npos);
}

TEST(ListingToJson, WritesTimesInUtcAndNullForNone) {
  const Json json = ToJson(SampleListing(), Detail::kFull);
  EXPECT_EQ(json["created"], "2027-01-15T08:00:00Z");
  EXPECT_TRUE(json["expires"].is_null());
  EXPECT_EQ(JsonText(json["values"]),
            R"([{"code":"127.0.0.2","reason":"open","ttl":300}])");
}

TEST(ExemptionToJson, TellsItsScope) {
  Exemption exemption;
  exemption.target = *Target::Parse("192.0.2.7");
  EXPECT_EQ(ToJson(exemption, Detail::kFull)["scope"], "list");
  EXPECT_TRUE(ToJson(exemption, Detail::kFull)["source"].is_null());
  exemption.scope_source = "feed";
  EXPECT_EQ(ToJson(exemption, Detail::kFull)["scope"], "dataset");
  EXPECT_EQ(ToJson(exemption, Detail::kFull)["source"], "feed");
}

TEST(ChangeResultToJson, CountsOutcomes) {
  const absl::StatusOr<ChangeRequest> request = Read(
      R"({"changes":[{"verb":"add","target":"192.0.2.1"},
                     {"verb":"remove","target":"192.0.2.2"}]})",
      "l");
  ASSERT_TRUE(request.ok());
  const Json json = ToJson(
      *request,
      ChangeResult{5, {ChangeOutcome::kAdded, ChangeOutcome::kNotFound}});
  EXPECT_EQ(json["sequence"], 5);
  EXPECT_EQ(json["counts"]["added"], 1);
  EXPECT_EQ(json["counts"]["not_found"], 1);
  EXPECT_EQ(json["counts"]["removed"], 0);
  EXPECT_EQ(json["results"][1]["target"], "192.0.2.2");
  EXPECT_EQ(json["results"][1]["outcome"], "not_found");
}

}  // namespace
}  // namespace rbld
