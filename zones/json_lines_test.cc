#include "zones/json_lines.h"

#include <gtest/gtest.h>

#include <string>

namespace rbld {
namespace {

std::string Why(const std::string& line) {
  const auto entry = ParseJsonLine(line);
  return entry.ok() ? "taken" : std::string(entry.status().message());
}

Listing FullListing() {
  Listing listing;
  listing.list = "relays";
  listing.source = "feed";
  listing.target = Target::Parse("2001:db8::/32").value();
  listing.values = {{0x7f000002, "see \"$\" \\ \xc3\xa9", 300},
                    {0x7f000003, "latin \xe9", 0},
                    {0x7f000004, "", 0}};
  listing.created = 1714564800;
  listing.updated = 1714564801;
  listing.expires = 2030097600;
  listing.author = "op";
  listing.note = "a \xe2\x82\xac note";
  return listing;
}

TEST(JsonLines, WritesAListing) {
  std::string line;
  AppendJsonLine(FullListing(), &line);
  EXPECT_EQ(
      line,
      "{\"target\":\"2001:db8::/32\",\"source\":\"feed\",\"values\":[{\"code\":"
      "\"127.0.0.2\",\"reason\":\"see \\\"$\\\" \\\\ "
      "\xc3\xa9\",\"ttl\":300},{\"code\":\"127.0.0.3\",\"reason_base64\":"
      "\"bGF0aW4g6Q==\"},{\"code\":\"127.0.0.4\"}],\"created\":\"2024-05-01T12:"
      "00:00Z\",\"updated\":\"2024-05-01T12:00:01Z\",\"expires\":\"2034-05-01T"
      "12:00:00Z\",\"author\":\"op\",\"note\":\"a \xe2\x82\xac note\"}\n");
}

TEST(JsonLines, AListingReadsBackTheSame) {
  const Listing listing = FullListing();
  std::string line;
  AppendJsonLine(listing, &line);
  const JsonEntry entry = ParseJsonLine(line).value();
  EXPECT_FALSE(entry.exemption);
  EXPECT_EQ(entry.target, listing.target);
  EXPECT_EQ(entry.source, listing.source);
  EXPECT_EQ(entry.values, listing.values);
  EXPECT_EQ(entry.details.created, listing.created);
  EXPECT_EQ(entry.details.updated, listing.updated);
  EXPECT_EQ(entry.details.expires, listing.expires);
  EXPECT_EQ(entry.details.author, listing.author);
  EXPECT_EQ(entry.details.note, listing.note);
}

TEST(JsonLines, AnExemptionReadsBackTheSame) {
  Exemption exemption;
  exemption.target = Target::Parse(".example.com").value();
  exemption.created = 1714564800;
  exemption.author = "op";
  std::string line;
  AppendJsonLine(exemption, &line);
  EXPECT_EQ(line,
            "{\"exempt\":\".example.com\",\"scope\":\"list\",\"created\":"
            "\"2024-05-01T12:00:00Z\",\"author\":\"op\"}\n");
  JsonEntry entry = ParseJsonLine(line).value();
  EXPECT_TRUE(entry.exemption);
  EXPECT_TRUE(entry.whole_list);
  EXPECT_EQ(entry.target, exemption.target);
  exemption.scope_source = "feed";
  line.clear();
  AppendJsonLine(exemption, &line);
  entry = ParseJsonLine(line).value();
  EXPECT_FALSE(entry.whole_list);
  EXPECT_EQ(entry.source, "feed");
}

TEST(JsonLines, RejectsWhatIsNoListing) {
  EXPECT_EQ(Why("{"), "the line is not JSON");
  EXPECT_EQ(Why(""), "the line is not JSON");
  EXPECT_EQ(Why("[]"), "the line is no JSON object");
  EXPECT_EQ(Why("{}"), "neither \"target\" nor \"exempt\" is given");
  EXPECT_EQ(Why(R"({"target":"8.8.8.8","exempt":"8.8.8.8"})"),
            "\"target\" and \"exempt\" stand in one object");
  EXPECT_EQ(Why(R"({"target":8})"), "\"target\": must be a string");
  EXPECT_EQ(Why(R"({"target":"8.8.8.8"} x)"), "the line is not JSON");
  EXPECT_EQ(Why(R"({"target":"8.8.8.8","created":"today"})"),
            "\"created\": \"today\" is no time; write it as "
            "2024-05-01T12:00:00Z");
  EXPECT_EQ(Why(R"({"target":"8.8.8.8","values":[]})"),
            "\"values\": must be an array of at least one value");
  EXPECT_EQ(Why(R"({"target":"8.8.8.8","values":[{}]})"),
            "\"values\": a value has no code");
  EXPECT_EQ(
      Why(R"({"target":"8.8.8.8","values":[{"code":"127.0.0.2","ttl":-1}]})"),
      "\"ttl\": must be seconds, from 0 to 2147483647");
  EXPECT_EQ(Why(R"({"exempt":"8.8.8.8","values":[{"code":"127.0.0.2"}]})"),
            "\"values\": an exemption has none");
  EXPECT_EQ(Why(R"({"target":"8.8.8.8","scope":"list"})"),
            "\"scope\": only an exemption has one");
}

TEST(JsonLines, RejectsUnknownAndDoubledKeys) {
  EXPECT_EQ(Why(R"({"target":"8.8.8.8","colour":"red"})"),
            "\"colour\": unknown key; known are target, exempt, scope, source, "
            "values, created, updated, expires, author and note");
  EXPECT_EQ(Why(R"({"target":"8.8.8.8","target":"8.8.8.9"})"),
            "\"target\": stands there twice");
  EXPECT_EQ(Why(R"({"target":"8.8.8.8","values":[{"code":"127.0.0.2","code":)"
                R"("127.0.0.3"}]})"),
            "\"code\": stands there twice");
}

TEST(JsonLines, RejectsDeepNestingAndBadUtf8) {
  EXPECT_EQ(Why(R"({"target":)" + std::string(50000, '[')),
            "the JSON is nested deeper than a listing is");
  EXPECT_EQ(Why("{\"target\":\"\xff\"}"), "the line is not JSON");
}

TEST(JsonString, EscapesAndReplaces) {
  std::string out;
  AppendJsonString(std::string("a\"\\\n\x7f\xff\xc0\x80", 8), &out);
  EXPECT_EQ(out,
            "\"a\\\"\\\\\\u000a\\u007f\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(IsUtf8, KnowsOverlongFormsAndSurrogates) {
  EXPECT_TRUE(IsUtf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
  for (const char* text : {"\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                           "\xf4\x90\x80\x80", "\xf5", "\xe2\x82"}) {
    EXPECT_FALSE(IsUtf8(text));
  }
}

}  // namespace
}  // namespace rbld
