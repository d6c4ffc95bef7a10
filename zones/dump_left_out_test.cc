// Names and reasons that a format of dumps reads as something else: they are
// escaped, or left out and counted, and stop nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "zones/dump_test_util.h"

namespace rbld {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const ValueSet kPlain = {{0x7f000002, "text", 0}};

TEST_F(DumpTest, EscapesTheBytesThatMeanSomethingElse) {
  OpenZone("\"names\"");
  for (const char* label :
       {"(phishing)", "$origin", "!neg", "#hash", "a:b", "a;b", "@", "q\"t",
        "b\\s", "sp ace", "d.t", "caf\xe9", "\x7f\x01", "*x"}) {
    std::string wire = "\7example";
    wire.push_back(static_cast<char>(strlen(label)));
    wire += label;
    AddWire("a", wire, NameScope::kExact, kPlain);
  }
  AddWire("a", std::string("\3nul\3a\0b", 8), NameScope::kExact, kPlain);
  const auto summary = Dump({DumpFormat::kDnset, DumpFormat::kRfc1035});
  ASSERT_TRUE(summary.ok()) << summary.status();
  const Strings entries = Lines("z.test.dnset");
  for (const char* owner :
       {"\\040phishing\\041.example", "\\036origin.example", "\\033neg.example",
        "\\035hash.example", "a\\058b.example", "a\\059b.example",
        "\\064.example", "q\\034t.example", "b\\092s.example",
        "sp\\032ace.example", "d\\046t.example", "caf\\233.example",
        "\\127\\001.example", "\\042x.example", "a\\000b.nul"}) {
    EXPECT_THAT(entries, Contains(absl::StrCat(owner, " :127.0.0.2:=text")));
    EXPECT_THAT(Lines("z.test.zone"),
                Contains(StartsWith(absl::StrCat(owner, " "))))
        << owner;
  }
  EXPECT_EQ(InManifest("z.test.zone")["left_out"], 0);
  EXPECT_EQ(InManifest("z.test.dnset")["left_out"], 0);
}

// RFC 4592 §2.1.1: no escape takes the meaning from such a label, so a name
// server would list every name beside it.
TEST_F(DumpTest, ANameThatBeginsWithAnAsteriskIsNoWildcard) {
  OpenZone("\"names\"");
  AddWire("a", "\7example\1*", NameScope::kExact, kPlain);
  AddWire("a", "\7example\1*\1x", NameScope::kExact, kPlain);
  Add("a", "other.example", kPlain);
  ASSERT_TRUE(Dump({DumpFormat::kDnset, DumpFormat::kRfc1035}).ok());
  const Strings lines = Lines("z.test.zone");
  EXPECT_THAT(lines, Not(Contains(StartsWith("\\042.example "))));
  EXPECT_THAT(lines, Contains("x.\\042.example 300 IN A 127.0.0.2"));
  EXPECT_THAT(lines, Contains("other.example 300 IN A 127.0.0.2"));
  EXPECT_THAT(Lines("z.test.dnset"),
              Contains("\\042.example :127.0.0.2:=text"));
  const nlohmann::json file = InManifest("z.test.zone");
  EXPECT_EQ(file["left_out"], 1);
  EXPECT_EQ(file["left_out_examples"],
            nlohmann::json{"\\042.example: in a zone file a first label that "
                           "is only \"*\" is a wildcard (RFC 4592 §2.1.1)"});
  EXPECT_EQ(InManifest("z.test.dnset")["left_out"], 0);
}

TEST_F(DumpTest, AnExemptionThatCannotBeWrittenRefusesThatFileOnly) {
  OpenZone("\"names\"");
  Add("a", "one.example", kPlain);
  // It hides nothing that is listed, so it is only left out.
  ExemptWire("a", "\7example\1*", NameScope::kExact);
  const std::vector<DumpFormat> formats = {
      DumpFormat::kDnset, DumpFormat::kRfc1035, DumpFormat::kJsonLines};
  ASSERT_TRUE(Dump(formats).ok());
  EXPECT_EQ(ReadManifest()["refused"], nlohmann::json::array());
  const std::string before =
      ReadFile(folder_ + "/dump/z.test.zone", 1 << 20).value();

  // Now it would be listed at a mirror.
  Add("a", ".example", kPlain);
  for (int i = 0; i < 2; ++i) {
    const auto summary = Dump(formats);
    ASSERT_TRUE(summary.ok()) << summary.status();
    EXPECT_THAT(Lines("z.test.dnset"), Contains("!\\042.example"));
    EXPECT_EQ(ReadFile(folder_ + "/dump/z.test.zone", 1 << 20).value(), before);
    const nlohmann::json manifest = ReadManifest();
    ASSERT_EQ(manifest["files"].size(), 2u);
    EXPECT_EQ(InManifest("z.test.zone"), nlohmann::json::object());
    ASSERT_EQ(manifest["refused"].size(), 1u);
    const nlohmann::json& refused = manifest["refused"][0];
    EXPECT_EQ(refused["format"], "rfc1035");
    EXPECT_EQ(refused["kept"], nlohmann::json{"z.test.zone"});
    EXPECT_THAT(refused["reason"].get<std::string>(),
                HasSubstr("the name \\042.example is exempt"));
  }
  // Alone, it refuses the dump, and the last one stays as it is.
  const nlohmann::json manifest = ReadManifest();
  EXPECT_EQ(Dump({DumpFormat::kRfc1035}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReadManifest(), manifest);
  // A kept file is not forgotten: without its format it goes.
  ASSERT_TRUE(Dump({DumpFormat::kDnset}).ok());
  EXPECT_NE(access((folder_ + "/dump/z.test.zone").c_str(), F_OK), 0);
}

TEST_F(DumpTest, ReasonsThatRbldnsdWouldReadOtherwiseAreWrittenOut) {
  OpenZone("\"ipv4\", \"ipv6\", \"names\"");
  Add("a", "10.0.0.1", {{0x7f000002, "costs $$5", 0}});
  Add("a", "10.0.0.2/31", {{0x7f000002, "see $5 for $$ and $=", 0}});
  Add("a", "10.1.0.0/16", {{0x7f000002, "see $5", 0}});
  Add("a", "10.2.0.0/16", kPlain);
  Add("a", "2001:db8::/64", {{0x7f000002, "see $5", 0}});
  Add("a", ".x.example", {{0x7f000002, "see $5", 0}});
  Add("a", "y.x.example", {{0x7f000002, "see $5", 0}});
  const auto summary = Dump(
      {DumpFormat::kIp4Trie, DumpFormat::kIp6Trie, DumpFormat::kDnset}, 1000);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(Lines("z.test.ip4trie"),
            (Strings{"10.0.0.1 :127.0.0.2:=costs $$5",
                     "10.0.0.2 :127.0.0.2:=see 10.0.0.25 for $$ and 10.0.0.2=",
                     "10.0.0.3 :127.0.0.2:=see 10.0.0.35 for $$ and 10.0.0.3=",
                     "10.2.0.0/16 :127.0.0.2:=text", "127.0.0.2 :127.0.0.2:"}));
  EXPECT_EQ(Lines("z.test.dnset"),
            (Strings{"test :127.0.0.2:", "x.example :127.0.0.2:=see x.example5",
                     "*.x.example :127.0.0.2:=see x.example5",
                     "y.x.example :127.0.0.2:=see y.x.example5",
                     "*.y.x.example :127.0.0.2:=see y.x.example5"}));
  const nlohmann::json file = InManifest("z.test.ip4trie");
  EXPECT_EQ(file["left_out"], 1);
  EXPECT_THAT(file["left_out_examples"][0].get<std::string>(),
              StartsWith("10.1.0.0-10.1.255.255: its reason has `$` before"));
  EXPECT_EQ(InManifest("z.test.ip6trie")["left_out"], 1);
  EXPECT_EQ(InManifest("z.test.dnset")["left_out"], 0);
}

// rbldnsd spells a name in a text as rbld does.
TEST_F(DumpTest, DnsetLeavesTheTextsOfOddNamesAsTheyAre) {
  OpenZone("\"names\"");
  AddWire("a", "\7example\3a;b", NameScope::kExact, {{0x7f000002, "see $", 0}});
  AddWire("a", "\7example\3a(b", NameScope::kExact, {{0x7f000002, "see $", 0}});
  AddWire("a", "\7example\3a$b", NameScope::kExact, {{0x7f000002, "see $", 0}});
  EXPECT_EQ(DumpedLines(DumpFormat::kDnset, "z.test.dnset"),
            (Strings{"test :127.0.0.2:", "a\\036b.example :127.0.0.2:=see $",
                     "a\\040b.example :127.0.0.2:=see $",
                     "a\\059b.example :127.0.0.2:=see $"}));
}

TEST_F(DumpTest, ALongTextIsNotCutInADollarSign) {
  OpenZone("\"ipv4\"");
  Add("a", "10.0.0.1", {{0x7f000002, std::string(253, 'x') + "$$$$", 0}});
  EXPECT_EQ(DumpedLines(DumpFormat::kIp4Trie, "z.test.ip4trie")[0],
            "10.0.0.1 :127.0.0.2:=" + std::string(253, 'x'));
}

TEST_F(DumpTest, ZoneFileLeavesOutWhatWouldTakeMoreRecordsThanTheLimit) {
  OpenZone("\"ipv4\", \"ipv6\"");
  Add("a", "10.0.0.0/8", {{0x7f000002, "see $", 0}});
  Add("a", "12.0.0.0/31", {{0x7f000002, "see $", 0}});
  Add("a", "2001:db8::/64", {{0x7f000002, "see $", 0}});
  const auto summary = Dump({DumpFormat::kIp4Trie, DumpFormat::kRfc1035}, 1000);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(Lines("z.test.zone")[0], "0.0.0.12 300 IN A 127.0.0.2");
  EXPECT_EQ(Lines("z.test.ip4trie")[0], "10.0.0.0/8 :127.0.0.2:=see $");
  const nlohmann::json file = InManifest("z.test.zone");
  EXPECT_EQ(file["left_out"], 2);
  EXPECT_EQ(file["left_out_examples"][0],
            "10.0.0.0-10.255.255.255: it cannot be one wildcard and would take "
            "the zone file over 1000 records of single addresses; its reason "
            "holds `$`, so each address has a text of its own: give it one "
            "without `$`");
}

TEST_F(DumpTest, ZoneFileNamesTheListedNameInAWildcardsText) {
  OpenZone("\"names\"");
  Add("a", "*.y.example", {{0x7f000002, "see $", 0}});
  EXPECT_EQ(ZoneLines(), (Strings{"test 300 IN A 127.0.0.2",
                                  "*.y.example 300 IN A 127.0.0.2",
                                  "*.y.example 300 IN TXT \"see y.example\""}));
  EXPECT_EQ(InManifest("z.test.zone")["left_out"], 0);
}

TEST_F(DumpTest, ZoneFileLeavesOutNamesThatReadAsAddresses) {
  OpenZone("\"ipv6\", \"names\"");
  Add("a", "x.a", kPlain);
  Add("a", ".y.a", kPlain);
  Add("a", "1.y.a", kPlain);  // says nothing new
  Exempt("a", "ok.y.a");
  Add("a", "x.example", kPlain);
  const auto summary = Dump({DumpFormat::kRfc1035});
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(Lines("z.test.zone").back(), "x.example 300 IN TXT \"text\"");
  EXPECT_THAT(Lines("z.test.zone"), Not(Contains(HasSubstr(".a "))));
  const nlohmann::json file = InManifest("z.test.zone");
  EXPECT_EQ(file["left_out"], 3) << file;
  EXPECT_THAT(file["left_out_examples"][0].get<std::string>(),
              StartsWith("x.a: its last label is also one of this zone's "
                         "addresses"));
}

TEST_F(DumpTest, MoreTtlsOrValuesThanFilesStopNothing) {
  OpenZone("\"ipv4\"", "\"a\"");
  ChangeRequest request;
  request.actor = request.request = "test";
  for (uint32_t i = 0; i < 300; ++i) {
    Change change;
    change.list = "a";
    change.target = Target::OfPrefix(IpPrefix::FromIpv4(0x0a000000 + i));
    change.values = {{0x7f000002, "", 1000 + i}};
    request.changes.push_back(change);
  }
  Change two;
  two.list = "a";
  two.target = Target::Parse("10.0.2.0").value();
  two.values = {{0x7f000002, "", 1000}, {0x7f000003, "", 1000}};
  request.changes.push_back(two);
  ASSERT_TRUE(publisher_->Apply(request).ok());
  const auto summary = Dump({DumpFormat::kIp4Trie, DumpFormat::kRfc1035});
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->files.size(), 256u);
  // The file of 300 s and those of 1000 s to 1253 s.
  EXPECT_THAT(Lines("z.test.ip4trie.255"), Contains("10.0.1.42 :127.0.0.2:"));
  EXPECT_THAT(Lines("z.test.ip4trie.2"), Contains("10.0.2.0 :127.0.0.2:"));
  const nlohmann::json file = InManifest("z.test.ip4trie");
  EXPECT_EQ(file["left_out"], 1);
  EXPECT_THAT(file["left_out_examples"][0].get<std::string>(),
              StartsWith("10.0.2.0: one value for each file"));
}

TEST_F(DumpTest, OddNamesOfTheZonesHeadAreEscaped) {
  OpenZone("\"ipv4\"");
  config_.zones[0].soa_rname_wire =
      std::string("\3a(;\1@\7example", 14) + std::string(1, '\0');
  config_.zones[0].ns_wire = {std::string("\2$n\7example", 11) +
                              std::string(1, '\0')};
  ASSERT_TRUE(Dump({DumpFormat::kIp4Trie, DumpFormat::kRfc1035}).ok());
  const std::string zone =
      ReadFile(folder_ + "/dump/z.test.zone", 1 << 20).value();
  EXPECT_THAT(zone, HasSubstr(" a\\040\\059.\\064.example. 1 "));
  EXPECT_THAT(zone, HasSubstr(" IN NS \\036n.example.\n"));
  EXPECT_THAT(ReadFile(folder_ + "/dump/z.test.ip4trie", 1 << 20).value(),
              HasSubstr("\n$NS 86400 \\036n.example.\n"));
}

TEST_F(DumpTest, SaysOnceWhatIsNotComplete) {
  OpenZone("\"names\"");
  AddWire("a", "\7example\1*", NameScope::kExact, kPlain);
  const auto summary = Dump({DumpFormat::kDnset, DumpFormat::kRfc1035});
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(DescribeIncomplete(*summary),
              StartsWith("1 listing left out of z.test.zone (\\042.example: "));
  EXPECT_EQ(DescribeIncomplete(DumpSummary()), "");
}

}  // namespace
}  // namespace rbld
