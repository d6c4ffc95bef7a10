#include "zones/feed_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "zones/feed_test_util.h"

namespace rbld {
namespace {

ReadResult Plain(std::string text) {
  return ReadText(std::move(text), FeedFormat::kPlain);
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
            "list a whole top-level domain write .address");
  EXPECT_EQ(WhyPlain("!8.8.8.8"),
            "1: exclusions are not part of the plain format; use an rbldnsd "
            "format such as ip4set or dnset");
  EXPECT_EQ(WhyPlain(",8.8.8.8"), "1: the first column is empty");
  EXPECT_EQ(WhyPlain("08.8.8.8"), "1: \"08.8.8.8\" is not an IP address");
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
