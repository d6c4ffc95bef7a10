#include "zones/feed_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "zones/feed_test_util.h"

namespace rbld {
namespace {

ReadResult Plain(std::string text, ListPolicy policy = {}) {
  FeedOptions options;
  options.format = FeedFormat::kPlain;
  return ReadText(std::move(text), std::move(options), std::move(policy));
}

std::string WhyPlain(const std::string& line) {
  const ReadResult result = Plain(line);
  if (result.rejected.size() != 1) return "taken";
  return result.rejected[0];
}

TEST(FeedFormat, NamesReadBack) {
  for (const char* name : {"plain", "ip4set", "ip4tset", "ip4trie", "ip6tset",
                           "ip6trie", "dnset", "jsonl"}) {
    EXPECT_STREQ(FeedFormatName(ParseFeedFormat(name).value()), name);
  }
  EXPECT_EQ(ParseFeedFormat("csv").status().message(),
            "\"csv\" is no format of feeds; use one of plain, ip4set, ip4tset, "
            "ip4trie, ip6tset, ip6trie, dnset, dnhash, jsonl");
  EXPECT_EQ(PrecedenceOf(FeedFormat::kIp4Set), Precedence::kOctet);
  EXPECT_EQ(PrecedenceOf(FeedFormat::kIp4Trie), Precedence::kLongest);
}

TEST(PlainFeed, TakesAddressesPrefixesRangesAndNames) {
  const ReadResult result = Plain(
      "8.8.8.8\n"
      "9.9.0.0/16\n"
      "2a00::1\n"
      "2a01::/32\n"
      "4.4.4.4-4.4.4.6\n"
      "5.5.5.5 - 5.5.5.6\tcompany\n"
      "mail.example.com\n"
      ".example.net\n"
      "*.example.org\n");
  EXPECT_EQ(result.rejected, Strings{});
  EXPECT_EQ(
      result.entries,
      (Strings{"8.8.8.8 127.0.0.2", "9.9.0.0/16 127.0.0.2",
               "4.4.4.4/31 127.0.0.2", "4.4.4.6 127.0.0.2", "5.5.5.5 127.0.0.2",
               "5.5.5.6 127.0.0.2", "2a00::1 127.0.0.2", "2a01::/32 127.0.0.2",
               "mail.example.com 127.0.0.2", ".example.net 127.0.0.2",
               "*.example.org 127.0.0.2"}));
  EXPECT_EQ(result.counts.lines, 9u);
  EXPECT_EQ(result.counts.entries, 9u);
}

TEST(PlainFeed, IgnoresCommentsEmptyLinesAndFurtherColumns) {
  const ReadResult result = Plain(
      "# comment\n"
      "; comment\n"
      "\n"
      "   \t\n"
      "  8.8.8.1\n"
      "8.8.8.2\t5\n"
      "8.8.8.3,2024,x\n"
      "8.8.8.4 # why\n"
      "8.8.8.5;why\n"
      "8.8.8.6#why\n"
      "8.8.8.7 - - [01/May/2024] \"GET\"\n");
  EXPECT_EQ(result.rejected, Strings{});
  EXPECT_EQ(result.entries.size(), 7u);
}

TEST(PlainFeed, TakesCarriageReturnsAndAByteOrderMark) {
  const ReadResult result = Plain(
      "\xef\xbb\xbf"
      "8.8.8.1\r\n8.8.8.2\r\n");
  EXPECT_EQ(result.rejected, Strings{});
  EXPECT_EQ(result.entries,
            (Strings{"8.8.8.1 127.0.0.2", "8.8.8.2 127.0.0.2"}));
}

TEST(PlainFeed, RejectsBadLinesWithTheirNumberAndGoesOn) {
  const ReadResult result = Plain("8.8.8.1\n8.8.8.256\n8.8.8.2\n1.2.3\n");
  EXPECT_EQ(result.entries.size(), 2u);
  EXPECT_EQ(result.rejected, (Strings{"2: \"8.8.8.256\" is not an IP address",
                                      "4: \"1.2.3\" is not an IP address"}));
}

TEST(PlainFeed, SaysWhyALineIsRejected) {
  EXPECT_EQ(WhyPlain("8.8.8.8/16"),
            "1: \"8.8.8.8/16\" has bits set behind the prefix; was 8.8.0.0/16 "
            "meant?");
  EXPECT_EQ(WhyPlain("0.0.0.0/0"),
            "1: 0.0.0.0/0: shorter than /8, the shortest prefix that this list "
            "takes; list longer prefixes, or lower min_ipv4_prefix in the "
            "list's configuration");
  EXPECT_EQ(WhyPlain("10.1.2.3"), "1: private address space (RFC 1918)");
  EXPECT_EQ(WhyPlain("127.0.0.1"), "1: loopback (RFC 1122)");
  EXPECT_EQ(WhyPlain("4.4.4.6-4.4.4.4"),
            "1: \"4.4.4.6-4.4.4.4\" is inverted: its end is before its start");
  EXPECT_EQ(WhyPlain("::ffff:8.8.8.8"),
            "1: ::ffff:8.8.8.8: is, or contains, IPv4-mapped address space "
            "(RFC 4291); set allow_special_purpose = true for the list if that "
            "is meant");
  EXPECT_EQ(WhyPlain("address,first_seen"),
            "1: \"address\" is neither an address nor a name with a dot; to "
            "list a whole top-level domain write .address; a list of hashes or "
            "the like needs names = \"any\"");
  EXPECT_EQ(WhyPlain("!8.8.8.8"),
            "1: exclusions are not part of the plain format; use an rbldnsd "
            "format such as ip4set or dnset");
  EXPECT_EQ(WhyPlain(",8.8.8.8"), "1: the first column is empty");
  EXPECT_EQ(WhyPlain("08.8.8.8"), "1: \"08.8.8.8\" is not an IP address");
}

TEST(PlainFeed, ReadsASecondAddressAsARangeOrANetmask) {
  const struct {
    const char* line;
    Strings entries;
  } kLines[] = {
      {"8.20.30.0\t8.20.30.255\t24", {"8.20.30.0/24 127.0.0.2"}},
      {"8.40.0.0,8.40.3.255,AU", {"8.40.0.0/22 127.0.0.2"}},
      {"8.40.0.0;8.40.3.255;AU", {"8.40.0.0/22 127.0.0.2"}},
      {"8.40.0.4 8.40.0.7", {"8.40.0.4/30 127.0.0.2"}},
      {"8.62.0.0 255.255.255.0", {"8.62.0.0/24 127.0.0.2"}},
      {"8.62.0.0/255.255.254.0", {"8.62.0.0/23 127.0.0.2"}},
      {"8.62.0.1 255.255.255.255", {"8.62.0.1 127.0.0.2"}},
      {"8.62.0.0 /24", {"8.62.0.0/24 127.0.0.2"}},
      // Counts, dates, countries and remarks.
      {"8.1.1.1\t12", {"8.1.1.1 127.0.0.2"}},
      {"8.1.1.1,2024-05-01,IN", {"8.1.1.1 127.0.0.2"}},
      {"8.1.1.1 IN", {"8.1.1.1 127.0.0.2"}},
      {"8.1.1.1 ## a remark", {"8.1.1.1 127.0.0.2"}},
      {"8.1.1.1 # 8.2.2.2", {"8.1.1.1 127.0.0.2"}},
      {"8.1.1.1 # CNAME", {"8.1.1.1 127.0.0.2"}},
      {"8.1.1.1 12:34:56 1.5", {"8.1.1.1 127.0.0.2"}},
      {"bad.example.com ## a remark", {"bad.example.com 127.0.0.2"}},
      {"bad.example.com IN", {"bad.example.com 127.0.0.2"}},
  };
  for (const auto& line : kLines) {
    const ReadResult result = Plain(absl::StrCat(line.line, "\n"));
    EXPECT_EQ(result.rejected, Strings{}) << line.line;
    EXPECT_EQ(result.entries, line.entries) << line.line;
  }
}

TEST(PlainFeed, RejectsTwoAddressesThatAreNoRange) {
  for (const char* line :
       {"8.1.1.1 9.2.2.2", "8.1.1.1,8.1.2.2", "8.1.1.0 8.3.2.254",
        "8.1.1.0/24 8.1.2.0/24", "8.1.1.1 2001:4860::1",
        "8.62.0.1 255.255.255.0", "8.40.3.255 8.40.0.0", "8.62.0.0 /33",
        // What is not understood lists no part of what is meant.
        "8.1.1.1,8.1.1.2,8.1.1.3", "8.20.30.0 8.20.030.255",
        "8.1.1.0 -8.1.1.255", "8.1.1.1 8.9.9.0-8.9.9.255",
        "8.1.1.0 8.1.1.0-255", "8.1.1.0 8.1.1.0/255.255.255.0",
        "8.1.1.0,\"8.1.1.255\",24", "8.1.1.0 (8.1.1.255)",
        "8.1.1.0 -> 8.1.1.255", "8.1.1.0 to 8.1.1.255", "8.1.1.0 8.1.1.256",
        "8.1.1.1 8.9.9.9:80", "8.1.1.1 AU 8.1.1.9", "8.1.1.1 AU,8.1.1.9",
        "8.1.1.1-8.1.1.2 8.1.1.9", "8.1.1.0 /24 8.2.2.2",
        "8.1.1.1 AU 2001:4860::1", "ads.example.com,8.1.1.1",
        "8.62.0.0 0.0.0.255"}) {
    const ReadResult result = Plain(absl::StrCat(line, "\n"));
    EXPECT_EQ(result.entries, Strings{}) << line;
    EXPECT_EQ(result.rejected.size(), 1u) << line;
  }
}

TEST(PlainFeed, RefusesTheLinesOfOtherFormatsByTheirName) {
  const struct {
    const char* line;
    const char* says;
  } kLines[] = {
      {"0.0.0.0 ads.example.com", "hosts file"},
      {"127.0.0.1\tads.example.com # x", "hosts file"},
      {"::1 localhost", "hosts file"},
      {"||ads.example.com^", "ad blocker"},
      {"@@||good.example.com^", "ad blocker"},
      {"shop.example.com##.banner", "ad blocker"},
      {"shop.example.com#@#.banner", "ad blocker"},
      {"! Title: a list", "ad blocker"},
      {"good.example.com CNAME rpz-passthru.", "zone file"},
      {"bad.example.com\t60\tIN CNAME .", "zone file"},
      {"$TTL 60", "zone file"},
      {"good.example.com cname rpz-passthru.", "zone file"},
      {"good.example.com IN a 192.0.2.1", "zone file"},
      {"good.example.com 60 IN TXT \"x\"", "zone file"},
      {"good.example.com TXT \"x\"", "zone file"},
      {"good.example.com DNAME x.", "zone file"},
      {"good.example.com TYPE5 \\# 1 00", "zone file"},
      {"shop.example.com,b.example.com##.x", "ad blocker"},
      {"shop.example.com ##.x", "ad blocker"},
      {"shop.example.com#%#x", "ad blocker"},
      {"0.0.0.0 0ads.example.com", "hosts file"},
      {"0.0.0.0 _x.example.com", "hosts file"},
      {"0.0.0.0,ads.example.com", "hosts file"},
      {"0.0.0.0 \xc3\xbcnchen.example", "hosts file"},
      {"::0 ads.example.com", "hosts file"},
      {"0:0:0:0:0:0:0:0 ads.example.com", "hosts file"},
      {"::ffff:0.0.0.0 ads.example.com", "hosts file"},
      {"ff02::1 ip6-allnodes", "hosts file"},
      {"\"8.1.1.1\",1", "CSV"},
      {"<!DOCTYPE html>", "HTML"},
      {"<a href=\"x\">", "HTML"},
      {"{\"target\":\"8.8.8.8\"}", "JSON"},
      {"address=/ads.example.com/0.0.0.0", "dnsmasq"},
      {"local-zone: \"ads.example.com\" refuse", "unbound"},
      {"https://bad.example.com/x", "URL"},
      {"8.67.1.1:8080", "port"},
      {"bad.example.com:80", "port"},
      {"bad.example.com/path", "host alone"},
      {"bad.example.com(phishing)", "character"},
      {"bad.example.com^", "character"},
      {"a.8.8.1234", "mistyped"},
      {"foo", "a name with a dot"},
  };
  ListPolicy policy;
  policy.allow_special_purpose = true;
  for (const auto& line : kLines) {
    const ReadResult result = Plain(absl::StrCat(line.line, "\n"), policy);
    EXPECT_EQ(result.entries, Strings{}) << line.line;
    ASSERT_EQ(result.rejected.size(), 1u) << line.line;
    EXPECT_THAT(result.rejected[0], ::testing::HasSubstr(line.says))
        << line.line;
  }
}

TEST(JsonFeed, RejectsNamesThatNobodyMeans) {
  for (const char* target :
       {"8.67.1.1:8080", "bad.example.com(phishing)", "https://x.example/y",
        "||ads.example.com^", "foo"}) {
    const ReadResult result =
        ReadText(absl::StrCat("{\"target\":\"", target, "\"}\n"),
                 FeedFormat::kJsonLines);
    EXPECT_EQ(result.entries, Strings{}) << target;
    EXPECT_EQ(result.rejected.size(), 1u) << target;
  }
}

// As dumps of version 0.1.0 wrote them.
TEST(JsonFeed, TakesTheNamesOfAnEarlierDumpWithAWarning) {
  const ReadResult result = ReadText(
      "{\"target\":\"8.67.1.1:8080\",\"source\":\"manual\",\"values\":[{"
      "\"code\":\"127.0.0.2\"}],\"created\":\"2026-05-01T12:00:00Z\"}\n"
      "{\"target\":\"foo\",\"source\":\"manual\",\"values\":[{\"code\":"
      "\"127.0.0.2\"}],\"created\":\"2026-05-01T12:00:00Z\"}\n"
      "{\"target\":\"a.example\",\"source\":\"manual\",\"values\":[{\"code\":"
      "\"127.0.0.2\"}],\"created\":\"2026-05-01T12:00:00Z\"}\n",
      FeedFormat::kJsonLines);
  EXPECT_EQ(result.rejected, Strings{});
  EXPECT_EQ(result.entries, (Strings{"8.67.1.1:8080 127.0.0.2", "foo 127.0.0.2",
                                     "a.example 127.0.0.2"}));
  ASSERT_EQ(result.warned.size(), 2u);
  EXPECT_THAT(result.warned[0], ::testing::HasSubstr("has a port"));
}

TEST(PlainFeed, TakesHostAndDomainNames) {
  EXPECT_EQ(Plain("bad.example.com\n_dmarc.x-y.example\n-lead.example\n.zip\n"
                  "*.wild.example\n1-2-3.example\nlocal-shop.example\n")
                .rejected,
            Strings{});
}

TEST(PlainFeed, ListsNamesInUtf8ByTheirXnFormAndSaysSo) {
  const ReadResult result = Plain(
      "bücher.example remark\n.STRASSE-ß.example\nb\xfc"
      "cher.example\n"
      "☃.example\nbücher.example/x\n１.２.３.４\nplain.example # ü\n");
  EXPECT_EQ(result.entries, (Strings{"xn--bcher-kva.example 127.0.0.2",
                                     ".xn--strasse--xya.example 127.0.0.2",
                                     "plain.example 127.0.0.2"}));
  EXPECT_EQ(result.warned, (Strings{"1: listed as xn--bcher-kva.example",
                                    "2: listed as .xn--strasse--xya.example"}));
  ASSERT_EQ(result.rejected.size(), 4u);
  EXPECT_EQ(result.rejected[0],
            "3: the name has bytes above 127, but is not UTF-8; give its xn-- "
            "form");
  EXPECT_THAT(result.rejected[1], ::testing::HasSubstr("UTS #46"));
  EXPECT_THAT(result.rejected[2], ::testing::HasSubstr("\"/\""));
  EXPECT_THAT(result.rejected[3], ::testing::HasSubstr("becomes 1.2.3.4"));
}

TEST(JsonFeed, ListsNamesInUtf8ByTheirXnFormAndSaysSo) {
  const ReadResult result = ReadText(
      "{\"target\":\"bücher.example\"}\n{\"exempt\":\".ü.example\"}\n"
      "{\"target\":\"☃.example\"}\n{\"target\":\"ü\"}\n",
      FeedFormat::kJsonLines);
  EXPECT_EQ(result.entries,
            (Strings{"xn--bcher-kva.example 127.0.0.2", "!.xn--tda.example"}));
  EXPECT_EQ(result.warned, (Strings{"1: listed as xn--bcher-kva.example",
                                    "2: exempted as .xn--tda.example"}));
  EXPECT_EQ(result.rejected.size(), 2u);
}

TEST(PlainFeed, TakesSingleLabelsWhereTheListSaysSo) {
  ListPolicy policy;
  policy.names = NameRule::kAny;
  const std::string text =
      "d41d8cd98f00b204e9800998ecf8427e\n12345678\nfoo\nbücher\n"
      "10-20 x\nx.example\n1.2.3\nfoo:80\nhttps://x.example/\n";
  const ReadResult result = Plain(text, policy);
  EXPECT_EQ(
      result.entries,
      (Strings{"d41d8cd98f00b204e9800998ecf8427e 127.0.0.2",
               "12345678 127.0.0.2", "foo 127.0.0.2", "xn--bcher-kva 127.0.0.2",
               "10-20 127.0.0.2", "x.example 127.0.0.2"}));
  EXPECT_EQ(result.rejected.size(), 3u);
  EXPECT_EQ(Plain(text).entries, Strings{"x.example 127.0.0.2"});
  FeedOptions options;
  options.format = FeedFormat::kJsonLines;
  EXPECT_EQ(ReadText("{\"target\":\"foo\"}\n", options, policy).entries,
            Strings{"foo 127.0.0.2"});
}

// zones/testdata/dump_2e82121.jsonl is what that commit wrote of a list.
TEST(JsonFeed, ADumpOfAnEarlierCommitLosesNothing) {
  std::ifstream file("zones/testdata/dump_2e82121.jsonl");
  std::stringstream text;
  text << file.rdbuf();
  FeedOptions options;
  options.format = FeedFormat::kJsonLines;
  options.source = "manual";
  const ReadResult result = ReadText(text.str(), options);
  EXPECT_EQ(result.rejected, Strings{});
  const Strings expected = {"8.8.4.0/24 127.0.0.9 seen \"here\"",
                            "foo 127.0.0.2 bad $",
                            ".zip 127.0.0.9 seen \"here\"",
                            "||ads.example.com^ 127.0.0.2 bad $",
                            "8.67.1.1:8080 127.0.0.2 bad $",
                            "a,b\\035c.example 127.0.0.9 seen \"here\"",
                            "plain.example 127.0.0.9 seen \"here\"",
                            "https://x.example/y 127.0.0.9 seen \"here\"",
                            "bad.example.com(phishing) 127.0.0.2 bad $",
                            "2a00::/32 127.0.0.9 seen \"here\"",
                            "!ok(fine).example"};
  EXPECT_THAT(result.entries, ::testing::UnorderedElementsAreArray(expected));
  // The exemption of the whole list belongs to no dataset.
  EXPECT_EQ(result.counts.other_source, 1u);
  ASSERT_EQ(result.warned.size(), 7u);
  EXPECT_THAT(result.warned[0], ::testing::HasSubstr("it is of a dump"));
}

TEST(PlainFeed, RejectsNulAndControlBytes) {
  EXPECT_EQ(WhyPlain(std::string("8.8.8.8\0", 8)),
            "1: the line has a control character or a NUL byte");
  EXPECT_EQ(WhyPlain("8.8.8.8 \x1b[31m"),
            "1: the line has a control character or a NUL byte");
  EXPECT_EQ(WhyPlain(std::string("\0\0\0\0", 4)),
            "1: the line has a control character or a NUL byte");
}

TEST(PlainFeed, TakesNothingOfARangeThatIsPartlyRefused) {
  const ReadResult result = Plain("9.255.255.255-10.0.0.1\n");
  EXPECT_EQ(result.entries, Strings{});
  EXPECT_EQ(result.rejected.size(), 1u);
}

TEST(PlainFeed, RejectsAnOverlongLineAndGoesOn) {
  const ReadResult result =
      Plain("8.8.8.1\n" + std::string(3 << 20, 'x') + "\n8.8.8.2\n");
  EXPECT_EQ(result.entries.size(), 2u);
  EXPECT_EQ(result.rejected, Strings{"2: the line is over 65536 bytes"});
}

TEST(PlainFeed, GivesEachEntryTheDefaultValues) {
  FeedOptions options;
  options.default_values = {{0x7f000004, "see $", 60}, {0x7f000009, "", 0}};
  const ReadResult result = ReadText("8.8.8.8\n", options);
  EXPECT_EQ(result.entries, Strings{"8.8.8.8 127.0.0.4 see $ 60 127.0.0.9"});
}

TEST(PlainFeed, FailsWithValuesThatTheListDoesNotAllow) {
  FeedOptions options;
  options.default_values = {{0x0a000001, "", 0}};
  EXPECT_FALSE(ReadText("8.8.8.8\n", options).status.ok());
}

TEST(PlainFeed, FailsWholeWhenItsDataIsTruncated) {
  // A gzip member's head and nothing more.
  const ReadResult result =
      Plain(std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10));
  EXPECT_EQ(result.status.message(),
            "truncated gzip data: it ends before its end mark; fetch the file "
            "again");
}

TEST(PlainFeed, TellsItsProgress) {
  FeedOptions options;
  uint64_t last = 0;
  int calls = 0;
  options.progress = [&](uint64_t bytes) {
    EXPECT_GE(bytes, last);
    last = bytes;
    ++calls;
  };
  std::string text;
  while (text.size() < (5 << 20)) text += "8.8.8.8 padding\n";
  ReadText(text, options);
  EXPECT_EQ(last, text.size());
  EXPECT_GE(calls, 4);
}

constexpr char kJson[] =
    R"({"target":"8.8.8.8","source":"feed","values":[{"code":"127.0.0.3","reason":"r","ttl":60}],"created":"2024-05-01T12:00:00Z","updated":"2024-05-02T12:00:00Z","expires":"2034-05-01T12:00:00Z","author":"a","note":"n"}
{"target":"example.com"}
{"exempt":"8.8.8.9","scope":"dataset","source":"feed"}
{"target":"8.8.4.4","source":"other"}
{"exempt":"8.8.8.10","scope":"list"}
)";

TEST(JsonFeed, TakesItsOwnSourceAndCountsTheOthers) {
  FeedOptions options;
  options.format = FeedFormat::kJsonLines;
  options.source = "feed";
  const ReadResult result = ReadText(kJson, options);
  EXPECT_EQ(result.rejected, Strings{});
  EXPECT_EQ(result.entries, (Strings{"8.8.8.8 127.0.0.3 r 60",
                                     "example.com 127.0.0.2", "!8.8.8.9"}));
  EXPECT_EQ(result.counts.other_source, 2u);
  EXPECT_EQ(result.details[0].created, 1714564800);
  EXPECT_EQ(result.details[0].updated, 1714651200);
  EXPECT_EQ(result.details[0].expires, 2030097600);
  EXPECT_EQ(result.details[0].author, "a");
  EXPECT_EQ(result.details[0].note, "n");
}

TEST(JsonFeed, RejectsWhatTheListDoesNotAllow) {
  const ReadResult result = ReadText(
      R"({"target":"8.8.8.8","values":[{"code":"10.0.0.1"}]}
{"target":"10.0.0.1"}
{"target":"8.8.8.8","values":[{"code":"127.0.0.2","reason":")" +
          std::string(5000, 'x') + R"("}]}
{"target":"8.8.8.8","note":"a\u0007b"}
)",
      FeedFormat::kJsonLines);
  EXPECT_EQ(result.entries, Strings{});
  ASSERT_EQ(result.rejected.size(), 4u);
  EXPECT_NE(result.rejected[0].find("outside 127.0.0.0/8"), std::string::npos);
  EXPECT_NE(result.rejected[1].find("RFC 1918"), std::string::npos);
  EXPECT_NE(result.rejected[2].find("4096"), std::string::npos);
  EXPECT_EQ(result.rejected[3], "4: note: has a control character");
}

}  // namespace
}  // namespace rbld
