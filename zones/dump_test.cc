// tests/dumps serves these dumps by other name servers.
#include "zones/dump.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "zones/byte_source.h"
#include "zones/dump_test_util.h"
#include "zones/feed_reader.h"

namespace rbld {
namespace {

TEST_F(DumpTest, Ip4TrieHasDisjointPrefixesAndTheTestEntry) {
  OpenZone("\"ipv4\"");
  Add("a", "10.0.0.0/8", {{0x7f000002, "eight", 0}});
  Add("a", "10.0.0.0/10", {{0x7f000003, "", 0}});
  Exempt("a", "10.128.0.0/9");
  EXPECT_EQ(
      DumpedLines(DumpFormat::kIp4Trie, "z.test.ip4trie"),
      (Strings{"10.0.0.0/10 :127.0.0.3:", "10.64.0.0/10 :127.0.0.2:=eight",
               "127.0.0.2 :127.0.0.2:"}));
}

TEST_F(DumpTest, SeveralValuesAndTtlsGoToStackedFiles) {
  OpenZone("\"ipv4\"");
  Add("a", "10.0.0.1", {{0x7f000002, "x", 0}, {0x7f000003, "y", 0}});
  Add("a", "10.0.0.2", {{0x7f000002, "x", 30}});
  const auto summary = Dump({DumpFormat::kIp4Trie});
  ASSERT_TRUE(summary.ok()) << summary.status();
  ASSERT_EQ(summary->files.size(), 3u);
  EXPECT_EQ(Lines("z.test.ip4trie"),
            (Strings{"10.0.0.1 :127.0.0.2:=x", "127.0.0.2 :127.0.0.2:"}));
  EXPECT_EQ(Lines("z.test.ip4trie.2"), Strings{"10.0.0.1 :127.0.0.3:=y"});
  EXPECT_EQ(Lines("z.test.ip4trie.3"), Strings{"10.0.0.2 :127.0.0.2:=x"});
  const auto head = ReadFile(folder_ + "/dump/z.test.ip4trie.3", 1 << 20);
  EXPECT_NE(head->find("$TTL 30\n"), std::string::npos);
}

TEST_F(DumpTest, ListsOfAZoneAreUnited) {
  OpenZone("\"ipv4\"", "\"a\", \"b\"");
  Add("a", "10.0.0.0/24", {{0x7f000002, "", 0}});
  Add("b", "10.0.0.64/26", {{0x7f000004, "", 0}});
  Add("b", "10.0.1.0/24", {{0x7f000002, "", 0}});
  EXPECT_EQ(DumpedLines(DumpFormat::kIp4Trie, "z.test.ip4trie"),
            (Strings{"10.0.0.0/26 :127.0.0.2:", "10.0.0.64/26 :127.0.0.2:",
                     "10.0.0.128/25 :127.0.0.2:", "10.0.1.0/24 :127.0.0.2:",
                     "127.0.0.2 :127.0.0.2:"}));
  EXPECT_EQ(Lines("z.test.ip4trie.2"), Strings{"10.0.0.64/26 :127.0.0.4:"});
}

TEST_F(DumpTest, AZonesOwnValuesOfAListAndItsBitMaskHold) {
  OpenZone("\"ipv4\"",
           "\"a\", {name = \"b\", code = \"127.0.0.8\", reason = \"of b\"}");
  Add("a", "10.0.0.1", {{0x7f000002, "", 0}});
  Add("b", "10.0.0.1", {{0x7f000002, "", 0}});
  Add("b", "10.0.0.2", {{0x7f000002, "", 0}});
  EXPECT_EQ(DumpedLines(DumpFormat::kIp4Trie, "z.test.ip4trie"),
            (Strings{"10.0.0.1 :127.0.0.2:", "10.0.0.2 :127.0.0.8:=of b",
                     "127.0.0.2 :127.0.0.2:"}));
  EXPECT_EQ(Lines("z.test.ip4trie.2"), Strings{"10.0.0.1 :127.0.0.8:=of b"});
  config_.zones[0].combining = Combining::kBitMask;
  EXPECT_EQ(ZoneLines()[0], "1.0.0.10 300 IN A 127.0.0.10");
  config_.zones[0].datasets = {"feed"};
  EXPECT_EQ(ZoneLines(),
            Strings{"the zone z.test has data of watched files (dataset feed), "
                    "which a dump does not hold; mirror the files themselves, "
                    "or import them"});
}

TEST_F(DumpTest, TheOperatorsValuesOfTheTestEntryStand) {
  OpenZone("\"ipv4\"");
  Add("a", "127.0.0.2", {{0x7f000009, "mine", 0}});
  EXPECT_EQ(DumpedLines(DumpFormat::kIp4Trie, "z.test.ip4trie"),
            Strings{"127.0.0.2 :127.0.0.9:=mine"});
}

TEST_F(DumpTest, ARetiredZoneListsNothing) {
  OpenZone("\"ipv4\", \"ipv6\", \"names\"", "\"a\"", "state = \"retired\"\n");
  Add("a", "10.0.0.1", {{0x7f000002, "", 0}});
  ASSERT_TRUE(Dump({DumpFormat::kIp4Trie, DumpFormat::kRfc1035}).ok());
  EXPECT_EQ(Lines("z.test.ip4trie"), Strings{});
  EXPECT_EQ(Lines("z.test.zone"), Strings{});
}

TEST_F(DumpTest, Ip6TrieWritesNoDottedQuads) {
  OpenZone("\"ipv6\"");
  Add("a", "2001:db8::/33", {{0x7f000002, "", 0}});
  EXPECT_EQ(DumpedLines(DumpFormat::kIp6Trie, "z.test.ip6trie"),
            (Strings{"0:0:0:0:0:ffff:7f00:2 :127.0.0.2:",
                     "2001:db8::/33 :127.0.0.2:"}));
}

TEST_F(DumpTest, DnsetExcludesOnlyWhatIsListedAbove) {
  OpenZone("\"names\"");
  Add("a", ".spam.example", {{0x7f000002, "x", 0}, {0x7f000003, "y", 0}});
  Add("a", "one.spam.example", {{0x7f000002, "z", 0}});
  Exempt("a", "ok.spam.example");
  Exempt("a", ".clean.spam.example");
  Exempt("a", "nothing.example");
  EXPECT_EQ(DumpedLines(DumpFormat::kDnset, "z.test.dnset"),
            (Strings{"test :127.0.0.2:", "spam.example :127.0.0.2:=x",
                     "*.spam.example :127.0.0.2:=x", "!ok.spam.example",
                     "one.spam.example :127.0.0.2:=z", "!clean.spam.example",
                     "!*.clean.spam.example"}));
  EXPECT_EQ(
      Lines("z.test.dnset.2"),
      (Strings{"spam.example :127.0.0.3:=y", "*.spam.example :127.0.0.3:=y",
               "!ok.spam.example", "!one.spam.example", "!clean.spam.example",
               "!*.clean.spam.example"}));
}

TEST_F(DumpTest, ZoneFileHasTheHeadAndStaticRecords) {
  OpenZone("\"ipv4\"", "\"a\"",
           "records = [\"@ 60 A 192.0.2.1\", \"www 60 MX 10 mx.example.org.\", "
           "\"www TXT \\\"a b\\\"\"]\n");
  ASSERT_TRUE(Dump({DumpFormat::kRfc1035}).ok());
  EXPECT_EQ(
      ReadFile(folder_ + "/dump/z.test.zone", 1 << 20).value(),
      "$ORIGIN z.test.\n"
      "@ 3600 IN SOA ns.example.org. hostmaster.z.test. 1 3600 600 604800 "
      "60\n"
      "@ 86400 IN NS ns.example.org.\n"
      "@ 60 IN A 192.0.2.1\n"
      "www 60 IN MX 10 mx.example.org.\n"
      "www 300 IN TXT \"a b\"\n"
      "2.0.0.127 300 IN A 127.0.0.2\n");
}

TEST_F(DumpTest, ZoneFileUsesAWildcardOnlyForAWholeUniformSlash24) {
  OpenZone("\"ipv4\"");
  Add("a", "10.0.0.0/23", {{0x7f000002, "r", 0}});
  Strings lines = ZoneLines();
  EXPECT_EQ(lines,
            (Strings{"*.0.0.10 300 IN A 127.0.0.2", "*.0.0.10 300 IN TXT \"r\"",
                     "*.1.0.10 300 IN A 127.0.0.2", "*.1.0.10 300 IN TXT \"r\"",
                     "2.0.0.127 300 IN A 127.0.0.2"}));
  Exempt("a", "10.0.1.7");
  lines = ZoneLines();
  EXPECT_EQ(lines.size(), 2u + 255 * 2 + 1);
  EXPECT_EQ(
      std::count(lines.begin(), lines.end(), "*.1.0.10 300 IN A 127.0.0.2"), 0);
  EXPECT_EQ(
      std::count(lines.begin(), lines.end(), "7.1.0.10 300 IN A 127.0.0.2"), 0);
  EXPECT_EQ(
      std::count(lines.begin(), lines.end(), "8.1.0.10 300 IN A 127.0.0.2"), 1);
}

TEST_F(DumpTest, ZoneFileExpandsReasonsThatNameTheAddress) {
  OpenZone("\"ipv4\"");
  Add("a", "10.0.0.0/24", {{0x7f000002, "see $, $$", 0}});
  const Strings lines = ZoneLines();
  EXPECT_EQ(lines.size(), 512u + 1);
  EXPECT_EQ(lines[0], "0.0.0.10 300 IN A 127.0.0.2");
  EXPECT_EQ(lines[1], "0.0.0.10 300 IN TXT \"see 10.0.0.0, $\"");
  EXPECT_EQ(lines[511], "255.0.0.10 300 IN TXT \"see 10.0.0.255, $\"");
}

TEST_F(DumpTest, ZoneFileOfAMixedZoneKeepsFamiliesApart) {
  OpenZone("\"mixed\"");
  Add("a", "2.0.0.0/24", {{0x7f000002, "", 0}});
  Add("a", "12.0.0.0/24", {{0x7f000002, "", 0}});
  Strings lines = ZoneLines();
  EXPECT_EQ(
      std::count(lines.begin(), lines.end(), "*.0.0.2 300 IN A 127.0.0.2"), 0);
  EXPECT_EQ(
      std::count(lines.begin(), lines.end(), "9.0.0.2 300 IN A 127.0.0.2"), 1);
  EXPECT_EQ(
      std::count(lines.begin(), lines.end(), "*.0.0.12 300 IN A 127.0.0.2"), 1);
}

TEST_F(DumpTest, ZoneFileWritesIpv6AtNibbleBoundaries) {
  OpenZone("\"ipv6\"");
  Add("a", "2001:db8::/33", {{0x7f000002, "", 0}});
  Add("a", "2001:db8:ffff::8/127", {{0x7f000003, "see $", 0}});
  const std::string zeros = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.";
  EXPECT_EQ(
      ZoneLines(),
      (Strings{
          "2.0.0.0.0.0.f.7.f.f.f.f." + zeros + "0 300 IN A 127.0.0.2",
          "*.0.8.b.d.0.1.0.0.2 300 IN A 127.0.0.2",
          "*.1.8.b.d.0.1.0.0.2 300 IN A 127.0.0.2",
          "*.2.8.b.d.0.1.0.0.2 300 IN A 127.0.0.2",
          "*.3.8.b.d.0.1.0.0.2 300 IN A 127.0.0.2",
          "*.4.8.b.d.0.1.0.0.2 300 IN A 127.0.0.2",
          "*.5.8.b.d.0.1.0.0.2 300 IN A 127.0.0.2",
          "*.6.8.b.d.0.1.0.0.2 300 IN A 127.0.0.2",
          "*.7.8.b.d.0.1.0.0.2 300 IN A 127.0.0.2",
          "8." + zeros + "f.f.f.f.8.b.d.0.1.0.0.2 300 IN A 127.0.0.3",
          "8." + zeros +
              "f.f.f.f.8.b.d.0.1.0.0.2 300 IN TXT \"see 2001:db8:ffff::8\"",
          "9." + zeros + "f.f.f.f.8.b.d.0.1.0.0.2 300 IN A 127.0.0.3",
          "9." + zeros +
              "f.f.f.f.8.b.d.0.1.0.0.2 300 IN TXT \"see 2001:db8:ffff::9\"",
      }));
}

TEST_F(DumpTest, ZoneFileRepeatsAWildcardAtEachNameThatExistsBelowIt) {
  OpenZone("\"names\"", "\"a\"",
           "records = [\"www.x.example 60 A 192.0.2.1\"]\n");
  Add("a", ".x.example", {{0x7f000002, "", 0}});
  Add("a", "deep.b.x.example", {{0x7f000003, "", 0}});
  Exempt("a", "ok.x.example");
  Exempt("a", ".clean.x.example");
  EXPECT_EQ(ZoneLines(),
            (Strings{
                "test 300 IN A 127.0.0.2",
                "x.example 300 IN A 127.0.0.2",
                "*.x.example 300 IN A 127.0.0.2",
                // Between: exists only for the name below it.
                "b.x.example 300 IN A 127.0.0.2",
                "*.b.x.example 300 IN A 127.0.0.2",
                "deep.b.x.example 300 IN A 127.0.0.3",
                "*.deep.b.x.example 300 IN A 127.0.0.2",
                "*.ok.x.example 300 IN A 127.0.0.2",
                // One set of records has one TTL.
                "www.x.example 60 IN A 192.0.2.1",
                "www.x.example 60 IN A 127.0.0.2",
                "*.www.x.example 300 IN A 127.0.0.2",
                "clean.x.example 60 IN HINFO \"exempt\" \"not listed\"",
            }));
}

TEST_F(DumpTest, JsonLinesImportedAgainAreTheSameListings) {
  OpenZone("\"mixed\", \"names\"");
  Add("a", "10.0.0.0/24", {{0x7f000002, "é \"$\"", 60}, {0x7f000003, "", 0}},
      "feed");
  Add("a", ".x.example", {{0x7f000004, std::string(4096, 'y'), 0}}, "feed");
  Add("a", "2001:db8::1", {{0x7f000002, "latin \xe9", 0}}, "feed");
  Add("a", "10.0.0.9", {{0x7f000002, "by hand", 0}}, "manual");
  Exempt("a", "10.0.0.8", "feed");
  ASSERT_TRUE(Dump({DumpFormat::kJsonLines}).ok());
  std::vector<Listing> before;
  ASSERT_TRUE(publisher_->Pin()
                  ->ForEachListing("a",
                                   [&](const Listing& listing) {
                                     before.push_back(listing);
                                     return true;
                                   })
                  .ok());
  ASSERT_EQ(before.size(), 4u);

  // Into the same list it changes nothing; then, into an empty store, it makes
  // the same listings.
  const auto run = [&] {
    FeedOptions options;
    options.format = FeedFormat::kJsonLines;
    options.source = "feed";
    options.default_values = {{0x7f000002, "", 0}};
    Import import(ListSpecs(config_)[0].policy);
    const auto source = OpenFileSource(folder_ + "/dump/z.test.a.jsonl");
    EXPECT_TRUE(source.ok());
    const auto counts = ReadFeed(source->get(), options, &import);
    EXPECT_TRUE(counts.ok()) << counts.status();
    EXPECT_EQ(import.rejected_count(), 0u);
    EXPECT_EQ(counts->other_source, 1u);
    ImportOptions import_options;
    import_options.list = "a";
    import_options.source = "feed";
    import_options.actor = "test";
    import_options.force = true;
    const auto summary =
        publisher_->RunImport(std::move(import), import_options, nullptr);
    EXPECT_TRUE(summary.ok()) << summary.status();
    return *summary;
  };
  clock_.Advance(1000);
  const ImportSummary again = run();
  EXPECT_EQ(again.added + again.removed + again.changed, 0u);
  EXPECT_EQ(again.unchanged, 4u);

  publisher_.reset();
  config_.store_directory = folder_ + "/other";
  PublisherOptions options;
  options.directory = config_.store_directory;
  options.clock = &clock_;
  publisher_ =
      Publisher::Open(options, ListSpecs(config_), ZoneSpecs(config_)).value();
  EXPECT_EQ(run().added, 4u);
  std::vector<Listing> after;
  ASSERT_TRUE(publisher_->Pin()
                  ->ForEachListing("a",
                                   [&](const Listing& listing) {
                                     after.push_back(listing);
                                     return true;
                                   })
                  .ok());
  before.erase(std::remove_if(before.begin(), before.end(),
                              [](const Listing& listing) {
                                return listing.source == "manual";
                              }),
               before.end());
  EXPECT_EQ(after, before);
  std::vector<Exemption> exemptions;
  ASSERT_TRUE(publisher_->Pin()
                  ->ForEachExemption("a",
                                     [&](const Exemption& exemption) {
                                       exemptions.push_back(exemption);
                                       return true;
                                     })
                  .ok());
  ASSERT_EQ(exemptions.size(), 1u);
  EXPECT_EQ(exemptions[0].scope_source, "feed");
  EXPECT_EQ(exemptions[0].created, kNow);
}

TEST_F(DumpTest, ManifestTellsFilesAndDifferences) {
  OpenZone("\"mixed\"");
  Add("a", "10.0.0.0/24", {{0x7f000002, "", 0}, {0x7f000003, "", 0}});
  const auto summary = Dump({DumpFormat::kIp4Trie, DumpFormat::kIp6Trie,
                             DumpFormat::kRfc1035, DumpFormat::kJsonLines});
  ASSERT_TRUE(summary.ok()) << summary.status();
  const auto pin = publisher_->Pin();
  EXPECT_EQ(summary->serial, pin->zone_serial("z.test"));
  EXPECT_EQ(summary->sequence, pin->sequence());
  EXPECT_EQ(summary->manifest_path, folder_ + "/dump/MANIFEST");
  const auto manifest =
      nlohmann::json::parse(ReadFile(summary->manifest_path, 1 << 20).value());
  EXPECT_EQ(manifest["zone"], "z.test");
  EXPECT_EQ(manifest["serial"], summary->serial);
  EXPECT_EQ(manifest["epoch"], pin->epoch());
  EXPECT_EQ(manifest["time"], "2024-05-01T12:00:00Z");
  ASSERT_EQ(manifest["files"].size(), 5u);
  for (const auto& file : manifest["files"]) {
    const auto text = ReadFile(
        absl::StrCat(folder_, "/dump/", file["name"].get<std::string>()),
        1 << 26);
    ASSERT_TRUE(text.ok());
    EXPECT_EQ(file["bytes"], text->size());
  }
  EXPECT_EQ(manifest["rbldnsd"],
            (nlohmann::json{"z.test:ip4trie:z.test.ip4trie",
                            "z.test:ip4trie:z.test.ip4trie.2",
                            "z.test:ip6trie:z.test.ip6trie"}));
  std::set<std::string> whats;
  for (const auto& difference : manifest["differences"]) {
    whats.insert(difference["what"].get<std::string>());
    EXPECT_GT(difference["count"], 0);
  }
  EXPECT_EQ(whats.size(), 2u);
}

TEST_F(DumpTest, RemovesFilesThatTheNewDumpNoLongerHas) {
  OpenZone("\"ipv4\"");
  Add("a", "10.0.0.1", {{0x7f000002, "", 0}, {0x7f000003, "", 0}});
  ASSERT_TRUE(Dump({DumpFormat::kIp4Trie}).ok());
  EXPECT_EQ(access((folder_ + "/dump/z.test.ip4trie.2").c_str(), F_OK), 0);
  Add("a", "10.0.0.1", {{0x7f000002, "", 0}});
  ASSERT_TRUE(Dump({DumpFormat::kIp4Trie}).ok());
  EXPECT_NE(access((folder_ + "/dump/z.test.ip4trie.2").c_str(), F_OK), 0);
}

TEST_F(DumpTest, TheSameDataIsTheSameBytes) {
  OpenZone("\"mixed\"");
  Add("a", "10.0.0.0/24", {{0x7f000002, "x", 0}});
  const auto first = Dump({DumpFormat::kIp4Trie, DumpFormat::kRfc1035});
  clock_.Advance(100);
  const auto second = Dump({DumpFormat::kIp4Trie, DumpFormat::kRfc1035});
  ASSERT_TRUE(first.ok() && second.ok());
  for (size_t i = 0; i < first->files.size(); ++i) {
    EXPECT_EQ(first->files[i].sha256_hex, second->files[i].sha256_hex);
  }
}

TEST_F(DumpTest, AFailedDumpLeavesTheOldOne) {
  OpenZone("\"ipv4\"");
  Add("a", "10.0.0.1", {{0x7f000002, "x", 0}});
  ASSERT_TRUE(Dump({DumpFormat::kIp4Trie, DumpFormat::kRfc1035}).ok());
  const std::string before =
      ReadFile(folder_ + "/dump/z.test.ip4trie", 1 << 20).value();
  Add("a", "10.0.0.2", {{0x7f000002, "x", 0}});
  // The second file cannot be made.
  const std::string aside =
      absl::StrCat(folder_, "/dump/.z.test.zone.tmp-", getpid());
  ASSERT_TRUE(MakeDirectories(aside).ok());
  EXPECT_FALSE(Dump({DumpFormat::kIp4Trie, DumpFormat::kRfc1035}).ok());
  rmdir(aside.c_str());
  EXPECT_EQ(ReadFile(folder_ + "/dump/z.test.ip4trie", 1 << 20).value(),
            before);
  std::set<std::string> names;
  DIR* const dir = opendir((folder_ + "/dump").c_str());
  while (const dirent* entry = readdir(dir)) names.insert(entry->d_name);
  closedir(dir);
  EXPECT_EQ(names, (std::set<std::string>{".", "..", "MANIFEST",
                                          "z.test.ip4trie", "z.test.zone"}));
}

}  // namespace
}  // namespace rbld
