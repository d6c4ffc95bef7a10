// What rbldnsd's own binary makes of these lines is what is expected here;
// tests/dumps compares with the binary itself.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "zones/feed_reader.h"
#include "zones/feed_test_util.h"

namespace rbld {
namespace {

std::string Why(const std::string& line, FeedFormat format) {
  const ReadResult result = ReadText(line + "\n", format);
  return result.rejected.size() == 1 ? result.rejected[0] : "taken";
}

Strings Entries(const std::string& text, FeedFormat format) {
  const ReadResult result = ReadText(text, format);
  EXPECT_EQ(result.rejected, Strings{});
  return result.entries;
}

TEST(Ip4Set, TakesAddressesPrefixesAndRanges) {
  EXPECT_EQ(Entries("8.1.2.3\n"
                    "8.2.3\n"
                    "8.3\n"
                    "9/8\n"
                    "8.4.0.0/16\n"
                    "8.5/16\n"
                    "8.6.7.0-8.6.7.3\n"
                    "8.6.8.4-7\n"
                    "8.16-8.17\n"
                    "8.18-19\n",
                    FeedFormat::kIp4Set),
            (Strings{"8.1.2.3 127.0.0.2", "8.2.3.0/24 127.0.0.2",
                     "8.3.0.0/16 127.0.0.2", "9.0.0.0/8 127.0.0.2",
                     "8.4.0.0/16 127.0.0.2", "8.5.0.0/16 127.0.0.2",
                     "8.6.7.0/30 127.0.0.2", "8.6.8.4/30 127.0.0.2",
                     "8.16.0.0/15 127.0.0.2", "8.18.0.0/15 127.0.0.2"}));
}

TEST(Ip4Set, RejectsWhatRbldnsdRejects) {
  EXPECT_EQ(Why("9 bare", FeedFormat::kIp4Set),
            "1: no address, prefix (1.2.3, 1.2.3.0/24) or range (1.2.3.1-255); "
            "one octet alone needs a length, as in 10/8");
  EXPECT_EQ(Why("8.3.4.5/24 host bits", FeedFormat::kIp4Set),
            "1: bits are set behind the prefix; was 8.3.4.0/24 meant?");
  EXPECT_EQ(Why("8.1.1.9-8.1.1.1", FeedFormat::kIp4Set),
            "1: the range is inverted: its end is before its start");
  for (const char* line :
       {"8.1.2. dot", "8-8.1.255", "8.1-8.2.3", "8.1.2.3-8.1.4", "8.1.2.3x",
        "8.1.2.256", "8.1.2.3/33", "8.1.2.3.4", "name.example"}) {
    EXPECT_NE(Why(line, FeedFormat::kIp4Set), "taken") << line;
  }
}

TEST(Ip4Set, ReadsValuesAndDefaults) {
  EXPECT_EQ(
      Entries("8.0.0.1\n"
              ":3:def $\n"
              "8.0.0.2\n"
              "8.0.0.3 :5\n"
              "8.0.0.4 :6:\n"
              "8.0.0.5 own text # stays\n"
              "8.0.0.6 :127.0.0.7: spaced  \n"
              "8.0.0.7:9:direct\n"
              "8.0.0.8 # comment\n"
              "8.0.0.9 ;comment\n"
              ":4\n"
              "8.0.0.10\n",
              FeedFormat::kIp4Set),
      (Strings{"8.0.0.1 127.0.0.2", "8.0.0.2 127.0.0.3 def $",
               "8.0.0.3 127.0.0.5 def $", "8.0.0.4 127.0.0.6",
               "8.0.0.5 127.0.0.3 own text # stays", "8.0.0.6 127.0.0.7 spaced",
               "8.0.0.7 127.0.0.9 direct", "8.0.0.8 127.0.0.3 def $",
               "8.0.0.9 127.0.0.3 def $", "8.0.0.10 127.0.0.4"}));
}

TEST(Ip4Set, RejectsBadValues) {
  for (const char* line :
       {"8.0.0.1 :x:text", "8.0.0.1 :0:zero", "8.0.0.1 :300:much",
        "8.0.0.1 :8 text", "8.0.0.1 ::only", "8.0.0.1 : 7 : text",
        ":x:default"}) {
    EXPECT_EQ(Why(line, FeedFormat::kIp4Set),
              "1: the value is not of the form :CODE:TEXT, :CODE or TEXT")
        << line;
  }
  EXPECT_NE(Why("8.0.0.1 :10.0.0.1:outside", FeedFormat::kIp4Set)
                .find("outside 127.0.0.0/8"),
            std::string::npos);
}

TEST(Ip4Set, TurnsExclusionsIntoExemptionsOfTheDataset) {
  EXPECT_EQ(Entries("8.0.0.0/24\n!8.0.0.5\n! 8.0.0.8-15 ignored\n",
                    FeedFormat::kIp4Set),
            (Strings{"8.0.0.0/24 127.0.0.2", "!8.0.0.5", "!8.0.0.8/29"}));
}

TEST(Ip4Set, UnitesTheValuesOfEqualEntries) {
  EXPECT_TRUE(ReadText("8.0.0.1 :4:\n8.0.0.1 :5:\n", FeedFormat::kIp4Set)
                  .merge_duplicates);
  EXPECT_FALSE(
      ReadText("8.0.0.1 :4:\n", FeedFormat::kIp4Trie).merge_duplicates);
}

TEST(Ip4Set, HoldsMaxRange4) {
  const ReadResult result = ReadText(
      "$MAXRANGE4 /24\n"
      "$MAXRANGE4 65536\n"
      "8.0.0.0/24\n"
      "8.0.0.0/23\n"
      "#$MAXRANGE4 16\n"
      "8.1.0.0/28\n"
      "8.1.0.0/27\n",
      FeedFormat::kIp4Set);
  EXPECT_EQ(result.entries,
            (Strings{"8.0.0.0/24 127.0.0.2", "8.1.0.0/28 127.0.0.2"}));
  EXPECT_EQ(result.rejected,
            (Strings{"4: more than the 256 addresses that $MAXRANGE4 allows",
                     "7: more than the 16 addresses that $MAXRANGE4 allows"}));
}

TEST(Ip4Trie, KeepsTheFirstOfEqualEntriesAndTakesNoRanges) {
  const ReadResult result = ReadText(
      "8.0.0.0/24 first\n8.0.0.0/24 second\n8.1 abbreviated\n"
      "8.0.0.1-8.0.0.2\n",
      FeedFormat::kIp4Trie);
  EXPECT_EQ(result.entries, (Strings{"8.0.0.0/24 127.0.0.2 first",
                                     "8.1.0.0/16 127.0.0.2 abbreviated"}));
  ASSERT_EQ(result.rejected.size(), 2u);
  EXPECT_EQ(result.rejected[0],
            "2: duplicated entry for 8.0.0.0/24; the first one holds");
}

TEST(Ip4Tset, TakesSingleAddressesWithTheFirstDefault) {
  const ReadResult result = ReadText(
      ":5:text $\n8.0.0.1 own\n!8.0.0.2\n8.0.0.3/32\n8.0.0\n8.0.0.4 :9:x\n"
      ":6:other\n8.0.0.5\n",
      FeedFormat::kIp4Tset);
  EXPECT_EQ(result.entries,
            (Strings{"8.0.0.1 127.0.0.5 text $", "8.0.0.4 127.0.0.5 text $",
                     "8.0.0.5 127.0.0.5 text $"}));
  EXPECT_EQ(result.rejected.size(), 3u);
}

TEST(Ip6Trie, TakesAddressesPrefixesAndLeadingWords) {
  EXPECT_EQ(Entries("2a01:21ab:c000/36 a\n"
                    "2a01:21ab:def7:4242 :3:b\n"
                    "2a05:6001:42::/52\n"
                    "!2a05:6001:42::bead\n"
                    "2a07::\n"
                    "2a0a:0:0:0:0:0:0:5\n"
                    "2a0b:1 # comment\n"
                    "2a0c/16\n",
                    FeedFormat::kIp6Trie),
            (Strings{"2a01:21ab:c000::/36 127.0.0.2 a",
                     "2a01:21ab:def7:4242::/64 127.0.0.3 b",
                     "2a05:6001:42::/52 127.0.0.2", "!2a05:6001:42::bead",
                     "2a07:: 127.0.0.2", "2a0a::5 127.0.0.2",
                     "2a0b:1::/32 127.0.0.2", "2a0c::/16 127.0.0.2"}));
  for (const char* line : {"2a09:1::1:2/112", "8.8.8.8", "2a01:2:3:4:5:6:7:8:x",
                           "2a01::/129", "2a0d", "x::1", "::ffff:8.8.8.8"}) {
    EXPECT_NE(Why(line, FeedFormat::kIp6Trie), "taken") << line;
  }
}

TEST(Ip6Trie, AValueMayFollowAtOnce) {
  EXPECT_EQ(Entries("2a01:db8::/32:3:x\n2a02:00db8::1\n"
                    "2a03:2:3:4:5:6:7:8:9:y\n",
                    FeedFormat::kIp6Trie),
            (Strings{"2a01:db8::/32 127.0.0.3 x", "2a02:db8::1 127.0.0.2",
                     "2a03:2:3:4:5:6:7:8 127.0.0.9 y"}));
}

TEST(Ip6Tset, TakesFourWordsAndExcludesSingleAddresses) {
  const ReadResult result = ReadText(
      ":5:text\n2a01:20fe:23:41ed\n!2a01:20fe:23:41ed::2\n"
      "2a01:20fe:24:41ed::/64\n2a01:20fe:25::\n2a01:20fe:26:1 :9:own\n"
      "!2a01:20fe:26:1\n2a01:20fe:27:1:1\n",
      FeedFormat::kIp6Tset);
  EXPECT_EQ(result.entries, (Strings{"2a01:20fe:23:41ed::/64 127.0.0.5 text",
                                     "!2a01:20fe:23:41ed::2",
                                     "2a01:20fe:26:1::/64 127.0.0.5 text"}));
  EXPECT_EQ(result.rejected.size(), 4u);
}

TEST(Dnset, TakesNamesInEveryScope) {
  EXPECT_EQ(Entries("X.example one $\n"
                    "*.y.example\n"
                    ".z.example :3:\n"
                    "!ok.z.example\n"
                    "!*.no.z.example\n"
                    "tld\n",
                    FeedFormat::kDnset),
            (Strings{"x.example 127.0.0.2 one $", "*.y.example 127.0.0.2",
                     ".z.example 127.0.0.3", "!ok.z.example", "!*.no.z.example",
                     "tld 127.0.0.2"}));
  EXPECT_EQ(Entries("a..b.example\n", FeedFormat::kDnset),
            Strings{"a.b.example 127.0.0.2"});
}

TEST(Dnset, TakesEveryNameAsItStandsAndWarnsOfOddOnes) {
  const ReadResult result = ReadText(
      "a;b\n"
      "q.example;s\n"
      "a\\.b.example\n"
      "a\\032b.example\n"
      "b\xc3\xbc"
      "cher.example\n"
      "\\*.example\n"
      "8.8.8.8\n"
      "!2001:db8::1\n"
      "fine.example\n",
      FeedFormat::kDnset);
  EXPECT_EQ(result.rejected, Strings{});
  EXPECT_EQ(result.entries,
            (Strings{"a;b 127.0.0.2", "q.example;s 127.0.0.2",
                     "a\\.b.example 127.0.0.2", "a\\032b.example 127.0.0.2",
                     "b\\195\\188cher.example 127.0.0.2",
                     "\\042.example 127.0.0.2", "\\056.8.8.8 127.0.0.2",
                     "!\\050001:db8::1", "fine.example 127.0.0.2"}));
  ASSERT_EQ(result.warned.size(), 8u);
  EXPECT_EQ(result.warned[0],
            "1: the name is not one of hosts or domains (letters, digits, "
            "hyphens, underscores); it is taken as it stands, as rbldnsd does");
  EXPECT_EQ(result.warned[6],
            "7: the name ends in a number, as no host's does; it is taken as "
            "it stands, as rbldnsd does, but addresses belong into an ip4set "
            "or ip6trie file");
}

TEST(Dnset, ALineIsRejectedOrWarnedOfAndNotBoth) {
  ListPolicy policy;
  policy.never = {Target::Parse("a;b").value()};
  FeedOptions options;
  options.format = FeedFormat::kDnset;
  const ReadResult result = ReadText("a;b\nc;d\n", options, policy);
  EXPECT_EQ(result.entries, Strings{"c;d 127.0.0.2"});
  EXPECT_EQ(result.rejected.size(), 1u);
  ASSERT_EQ(result.warned.size(), 1u);
  EXPECT_EQ(result.warned[0].substr(0, 2), "2:");
}

TEST(Dnhash, AnImportListsForAllAtOnce) {
  EXPECT_EQ(Entries("a.example @ ts=1\n", FeedFormat::kDnhash),
            Strings{"a.example 127.0.0.2"});
  for (const char* line :
       {"a.example @ key=require", "a.example @ ts=253402300000;delay=1h"}) {
    EXPECT_EQ(
        Why(line, FeedFormat::kDnhash),
        "1: only a watched file can have entries that wait or need a key; "
        "an import lists for all at once");
  }
}

TEST(RbldnsdSpecials, ExpandVariablesAndTheBaseTemplate) {
  EXPECT_EQ(Entries("$1 one\n"
                    "$1 never\n"
                    "#$2 two\n"
                    ":$3 three\n"
                    "8.0.0.1 $1 $5 $$ $ $2$3\n",
                    FeedFormat::kIp4Trie),
            Strings{"8.0.0.1 127.0.0.2 one $$5 $$ $ twothree"});
  EXPECT_EQ(Entries("$1 one\n"
                    "$= base?$= ($) $1 $7\n"
                    "8.0.0.2 r $\n"
                    "8.0.0.3\n"
                    "8.0.0.4 =own $1\n"
                    "8.0.0.5 ==x\n"
                    "8.0.0.6 :4:\n",
                    FeedFormat::kIp4Trie),
            (Strings{"8.0.0.2 127.0.0.2 base?r $$ ($) one $$7",
                     "8.0.0.3 127.0.0.2 base?$ ($) one $$7",
                     "8.0.0.4 127.0.0.2 own one", "8.0.0.5 127.0.0.2 =x",
                     "8.0.0.6 127.0.0.4 base?$ ($) one $$7"}));
}

TEST(RbldnsdSpecials, HoldForTheWholeFileWhereverTheyStand) {
  EXPECT_EQ(Entries("8.0.0.1 $1\n"
                    "8.0.0.2 own\n"
                    "$1 late\n"
                    "$1 later\n"
                    "$TTL 5\n"
                    "$TTL 6\n",
                    FeedFormat::kIp4Set),
            (Strings{"8.0.0.1 127.0.0.2 late 6", "8.0.0.2 127.0.0.2 own 6"}));
  EXPECT_EQ(Entries("8.0.0.1\n$= base $=\n", FeedFormat::kIp4Trie),
            Strings{"8.0.0.1 127.0.0.2 base $"});
  EXPECT_EQ(Entries("8.0.0.1\n:5:x\n:6:y\n8.0.0.2\n", FeedFormat::kIp4Tset),
            (Strings{"8.0.0.1 127.0.0.5 x", "8.0.0.2 127.0.0.5 x"}));
}

TEST(RbldnsdSpecials, TakeTtlAndPassSoaAndNs) {
  EXPECT_EQ(Entries("$SOA 0 a. b. 0 1h 1h 1h 1h\n$NS 1d ns.example\n"
                    "# plain comment\n#$Id: not a special $\n"
                    "$TTL 35m\n8.0.0.1\n8.0.0.2 :5:x\n",
                    FeedFormat::kIp4Set),
            (Strings{"8.0.0.1 127.0.0.2 2100", "8.0.0.2 127.0.0.5 x 2100"}));
}

TEST(RbldnsdSpecials, UnknownAndCombinedAreRejected) {
  EXPECT_EQ(Why("$DATASET ip4set:x @", FeedFormat::kIp4Set),
            "1: $DATASET stands in combined files only");
  EXPECT_EQ(Why("$FOO", FeedFormat::kIp4Set).substr(0, 24),
            "1: unknown special line;");
  EXPECT_NE(Why("$TTL soon", FeedFormat::kIp4Set), "taken");
  EXPECT_NE(Why("$MAXRANGE4 /33", FeedFormat::kIp4Set), "taken");
}

TEST(RbldnsdSpecials, ATimestampFromTheFutureOrExpiredFailsTheWhole) {
  FeedOptions options;
  options.format = FeedFormat::kIp4Set;
  options.now_seconds = 1714564800;  // 2024-05-01T12:00:00Z
  EXPECT_EQ(
      ReadText("\n$TIMESTAMP 2024:05:02\n8.0.0.1\n", options).status.message(),
      "line 2: $TIMESTAMP 2024-05-02T00:00:00Z lies in the future; check "
      "this machine's clock and the feed's");
  EXPECT_FALSE(
      ReadText("$TIMESTAMP 2024:04:01 +1d\n8.0.0.1\n", options).status.ok());
  EXPECT_TRUE(
      ReadText("$TIMESTAMP 2024:05:01 +1d\n8.0.0.1\n", options).status.ok());
}

TEST(RbldnsdFeed, UsesTheGivenDefaultsUntilALineSetsOthers) {
  FeedOptions options;
  options.format = FeedFormat::kIp4Set;
  options.default_values = {{0x7f000004, "given $5", 90},
                            {0x7f000008, "second", 0}};
  const ReadResult result =
      ReadText("8.0.0.1\n8.0.0.2 text\n8.0.0.3 :9\n:3:x\n8.0.0.4\n", options);
  EXPECT_EQ(
      result.entries,
      (Strings{"8.0.0.1 127.0.0.4 given $5 90 127.0.0.8 second",
               "8.0.0.2 127.0.0.4 text 90", "8.0.0.3 127.0.0.9 given $5 90",
               "8.0.0.4 127.0.0.3 x 90"}));
}

TEST(RbldnsdFeed, RejectsControlBytesAndPartlyRefusedRanges) {
  EXPECT_EQ(Why("8.0.0.1 a\x01", FeedFormat::kIp4Set),
            "1: the line has a control character or a NUL byte");
  EXPECT_EQ(Why("9.255.255.255-10.0.0.0", FeedFormat::kIp4Set),
            "1: private address space (RFC 1918)");
  EXPECT_EQ(Why("0/0", FeedFormat::kIp4Trie),
            "1: shorter than the list's shortest prefix (min_ipv4_prefix)");
}

}  // namespace
}  // namespace rbld
