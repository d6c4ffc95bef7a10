// Which zones are quick, and that those which are not would have other answers.

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dns/query_builder.h"
#include "server/quick_answer_test_base.h"

namespace rbld {
namespace {

TEST_F(QuickAnswerTest, TheLongestZonesAndNames) {
  // 4 labels of 4 bytes, and what the zone leaves of 255: 239 and less.
  std::string most;
  for (const size_t bytes : {63, 63, 63, 44}) {
    absl::StrAppend(&most, most.empty() ? "" : ".", std::string(bytes, 'z'));
  }
  for (const std::string& name :
       {most, most + "y", most + "yy", std::string("ab.com"),
        std::string("a.com"), std::string("exactly-14.byt"),
        std::string("exactly-15b.byt")}) {
    ZoneConfig zone = TestZone(name);
    // So that the SOA has room in 512 bytes.
    zone.soa_mname_wire = zone.soa_rname_wire = std::string("\2ns\0", 4);
    builder_.AddZone(zone);
  }
  builder_.Add("list", "10.0.0.0/8", One(0x7f000002));
  snapshot_ = builder_.Build();
  const auto both = [](const std::string& zone) {
    return std::vector<std::string>{"244.243.242.110." + zone,
                                    "244.243.242.10." + zone,
                                    "44.3.2.1." + zone, "44.3.2.10." + zone};
  };
  EXPECT_EQ(AskAll(both("ab.com")), 16);
  EXPECT_EQ(AskAll(both("a.com")), 0);
  EXPECT_EQ(AskAll(both("exactly-14.byt")), 16);
  EXPECT_EQ(AskAll(both("exactly-15b.byt")), 16);
  EXPECT_EQ(AskAll(both(most)), 16);
  EXPECT_EQ(AskAll(both(most + "y")), 16);
  EXPECT_EQ(AskAll({"44.3.2.10." + most + "yy"}), 0);
}

TEST_F(QuickAnswerTest, ManyZonesOfLikeNames) {
  for (int i = 0; i < 300; ++i) {
    ZoneConfig zone =
        TestZone(absl::StrCat("blacklist.customer", i, ".dnsbl.example.net"));
    if (i % 3 == 0) zone.lists = {"other"};
    builder_.AddZone(zone);
  }
  builder_.Add("list", "10.0.0.0/8", One(0x7f000002))
      .Add("other", "10.0.0.0/8", One(0x7f000003));
  snapshot_ = builder_.Build();
  int quick = 0;
  for (int i = 0; i < 310; ++i) {
    quick += AskAll({absl::StrCat("44.3.2.10.blacklist.customer", i,
                                  ".dnsbl.example.net")});
  }
  EXPECT_GT(quick, 290 * 4);
}

// In each of these zones a query for an address has another answer than in a
// zone without what it has: the flag must know of it.
TEST_F(QuickAnswerTest, ZonesThatAreNotQuick) {
  struct Case {
    const char* name;
    std::function<void(ZoneConfig*, TestSnapshot*)> set_up;
  };
  const std::vector<AccessConfig> refuse = {
      {{*ParseIpPrefix("0.0.0.0/0")}, AccessAction::kRefuse, {}}};
  const Case kCases[] = {
      {"data that is not there",
       [](ZoneConfig* zone, TestSnapshot*) { zone->datasets = {"missing"}; }},
      {"names",
       [](ZoneConfig* zone, TestSnapshot* builder) {
         zone->has_names = true;
         builder->Add("list", "x.44.3.2.11", One(0x7f000002));
       }},
      {"a subzone that is an octet",
       [](ZoneConfig* zone, TestSnapshot*) {
         SubzoneConfig subzone;
         subzone.name = "10";
         subzone.labels =
             "\2"
             "10";
         subzone.lists = {"other"};
         zone->subzones = {subzone};
       }},
      {"keys",
       [](ZoneConfig* zone, TestSnapshot* builder) {
         zone->datasets = {"keys"};
         builder->AddDataset("keys", DatasetType::kAclKey,
                             ":refuse\nalpha :pass\n");
       }},
      {"access by client",
       [&refuse](ZoneConfig* zone, TestSnapshot*) { zone->access = refuse; }},
      {"an access list",
       [](ZoneConfig* zone, TestSnapshot* builder) {
         zone->datasets = {"acl"};
         builder->AddDataset("acl", DatasetType::kAcl, "0/0 :empty\n");
       }},
      {"mistakes that are told",
       [](ZoneConfig* zone, TestSnapshot*) {
         zone->lists = {};
         zone->mistyped = Value{0x7ffffffc, "$ is no list", 0};
       }},
      {"a bit mask",
       [](ZoneConfig* zone, TestSnapshot*) {
         zone->combining = Combining::kBitMask;
       }},
      {"NS in answers",
       [](ZoneConfig* zone, TestSnapshot*) { zone->ns_in_answers = true; }},
      {"a static record at an address",
       [](ZoneConfig* zone, TestSnapshot*) {
         zone->records = {TestRecord("44.3.2.10.bl.example", "A 192.0.2.1")};
       }},
      {"a static record below an address",
       [](ZoneConfig* zone, TestSnapshot*) {
         zone->records = {TestRecord("x.44.3.2.11.bl.example", "A 192.0.2.1")};
       }},
      {"a zone below",
       [](ZoneConfig*, TestSnapshot* builder) {
         ZoneConfig below = TestZone("10.bl.example");
         below.lists = {"other"};
         builder->AddZone(below);
       }},
      {"a zone far below",
       [](ZoneConfig*, TestSnapshot* builder) {
         ZoneConfig below = TestZone("44.3.2.10.bl.example");
         below.lists = {"other"};
         builder->AddZone(below);
       }},
      {"a file's record at an address",
       [](ZoneConfig* zone, TestSnapshot* builder) {
         zone->datasets = {"generic"};
         builder->AddDataset("generic", DatasetType::kGeneric,
                             "44.3.2.10 A 192.0.2.1\n");
       }},
      {"values of the zone's own",
       [](ZoneConfig* zone, TestSnapshot*) {
         zone->list_values["list"] = {0x7f000042, "of the zone"};
       }},
      {"entries that wait",
       [](ZoneConfig* zone, TestSnapshot* builder) {
         zone->datasets = {"waiting"};
         builder->AddDataset("waiting", DatasetType::kIp4Trie,
                             "11.2.3.44 :5:later @ ts=1700000000;delay=60s\n");
       }},
      {"exemptions",
       [](ZoneConfig* zone, TestSnapshot* builder) {
         zone->datasets = {"feed"};
         zone->dataset_lists["feed"] = "list";
         builder->AddDataset("feed", DatasetType::kIp4Trie, "11.2.3.44\n")
             .Exempt("list", "11.2.3.0/24");
       }},
  };
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.name);
    TestSnapshot builder;
    ZoneConfig zone = TestZone("bl.example");
    one.set_up(&zone, &builder);
    builder.AddZone(zone)
        .Add("list", "10.0.0.0/8",
             {{0x7f000002, "a $", 60}, {0x7f000004, "", 0}})
        .Add("other", "192.0.2.1", One(0x7f000003));
    snapshot_ = builder.Build();
    EXPECT_EQ(AskAll({"44.3.2.10.bl.example", "44.3.2.11.bl.example",
                      "44.3.2.12.bl.example"}),
              0);
  }
}

TEST_F(QuickAnswerTest, RecordsElsewhereDoNoHarm) {
  ZoneConfig zone = TestZone("bl.example");
  zone.records = {TestRecord("www.bl.example", "A 192.0.2.1"),
                  TestRecord("4.3.2.10.www.bl.example", "A 192.0.2.1"),
                  TestRecord("bl.example", "A 192.0.2.1"),
                  TestRecord("bl.example", "TXT hello")};
  builder_.AddZone(zone)
      .AddZone(TestZone("child.bl.example"))
      .Add("list", "10.0.0.0/8", One(0x7f000002));
  snapshot_ = builder_.Build();
  EXPECT_EQ(AskAll({"44.3.2.10.bl.example", "44.3.2.11.bl.example",
                    "44.3.2.10.child.bl.example"}),
            12);
}

TEST_F(QuickAnswerTest, AZoneInUpperCaseIsNeverFound) {
  ZoneConfig zone = TestZone("BL.example");
  builder_.AddZone(zone).Add("list", "10.0.0.0/8", One(0x7f000002));
  snapshot_ = builder_.Build();
  EXPECT_EQ(AskAll({"44.3.2.10.BL.example", "44.3.2.10.bl.example"}), 0);
}

TEST_F(QuickAnswerTest, NamesThatHoldZeros) {
  ZoneConfig zone = TestZone("a\\000b.example");
  builder_.AddZone(zone).Add("list", "10.0.0.0/8", One(0x7f000002));
  snapshot_ = builder_.Build();
  AskAll({"44.3.2.10.a\\000b.example", "44.3.2.10.a\\000c.example",
          "44.3.2.11.A\\000B.example"});
}

}  // namespace
}  // namespace rbld
