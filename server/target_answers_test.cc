#include "server/target_answers.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/test_snapshot.h"

namespace rbld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'700'000'000;

ValueSet One(uint32_t code, std::string reason = "") {
  return {Value{code, std::move(reason), 0}};
}

class TargetAnswersTest : public ::testing::Test {
 protected:
  // Of each zone that may be asked: "ZONE STATE CODES 'TEXTS' FROM".
  std::vector<std::string> About(absl::string_view target) {
    if (snapshot_ == nullptr) snapshot_ = builder_.Build();
    std::vector<std::string> said;
    for (const TargetAnswer& answer :
         AnswersAbout(*snapshot_, *Target::Parse(target), kNow, with_key_)) {
      asked_ = answer.asked;
      static constexpr const char* kStates[] = {"no", "listed", "refused",
                                                "failed"};
      std::string text = absl::StrCat(
          answer.subzone, answer.subzone.empty() ? "" : ".", answer.zone, " ",
          kStates[static_cast<int>(answer.state)]);
      for (const std::string& code : answer.codes) {
        absl::StrAppend(&text, " ", code);
      }
      for (const std::string& reason : answer.texts) {
        absl::StrAppend(&text, " '", reason, "'");
      }
      for (const TargetAnswer::Origin& origin : answer.from) {
        absl::StrAppend(&text, " ", origin.list, origin.dataset,
                        origin.exempt ? " exempt" : "");
      }
      said.push_back(std::move(text));
    }
    return said;
  }

  TestSnapshot builder_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::string asked_;
  bool with_key_ = true;
};

TEST_F(TargetAnswersTest, SaysWhatEachZoneAnswersAndFromWhere) {
  ZoneConfig both = TestZone("both.example");
  both.datasets = {"feed"};
  both.dataset_lists["feed"] = "list";
  ZoneConfig files = TestZone("files.example");
  files.lists.clear();
  files.datasets = {"feed"};
  files.dataset_values["feed"].code = 0x7f000009;
  builder_.AddZone(both)
      .AddZone(files)
      .Add("list", "192.0.2.1", One(0x7f000002, "list $"))
      .AddDataset("feed", DatasetType::kIp4Set,
                  "192.0.2.1 :3:feed $\n192.0.2.2\n192.0.2.3\n!192.0.2.4\n")
      .Exempt("list", "192.0.2.3");
  EXPECT_THAT(
      About("192.0.2.1"),
      ElementsAre("both.example listed 127.0.0.3 127.0.0.2 'feed 192.0.2.1' "
                  "'list 192.0.2.1' list feed",
                  "files.example listed 127.0.0.9 'feed 192.0.2.1' feed"));
  EXPECT_EQ(asked_, "1.2.0.192.files.example");
  EXPECT_THAT(About("192.0.2.2"),
              ElementsAre("both.example listed 127.0.0.2 feed",
                          "files.example listed 127.0.0.9 feed"));
  EXPECT_THAT(About("192.0.2.3"),
              ElementsAre("both.example no feed exempt",
                          "files.example listed 127.0.0.9 feed"));
  EXPECT_THAT(About("192.0.2.4"),
              ElementsAre("both.example no", "files.example no"));
  // No zone here has names.
  EXPECT_THAT(About("x.example"), IsEmpty());
}

TEST_F(TargetAnswersTest, AsksForBothEndsOfAPrefix) {
  builder_.AddZone(TestZone("bl.example"))
      .Add("list", "192.0.2.0", One(0x7f000002))
      .Add("list", "198.51.100.0/24", One(0x7f000002))
      .Add("list", "2001:db8::/32", One(0x7f000006));
  EXPECT_THAT(About("192.0.2.0/24"),
              ElementsAre("bl.example no 127.0.0.2 list"));
  EXPECT_THAT(About("198.51.100.0/24"),
              ElementsAre("bl.example listed 127.0.0.2 list"));
  EXPECT_EQ(asked_, "0.100.51.198.bl.example");
  EXPECT_THAT(About("198.51.100.64/26"),
              ElementsAre("bl.example listed 127.0.0.2 list"));
  EXPECT_THAT(About("198.51.100.0/23"),
              ElementsAre("bl.example no 127.0.0.2 list"));
  EXPECT_THAT(About("2001:db8:1::/48"),
              ElementsAre("bl.example listed 127.0.0.6 list"));
  EXPECT_THAT(About("2001:db8::5"),
              ElementsAre("bl.example listed 127.0.0.6 list"));
  EXPECT_EQ(asked_,
            "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
            "bl.example");
}

TEST_F(TargetAnswersTest, FindsAnIpv4AddressInsideAnIpv6One) {
  ZoneConfig zone = TestZone("bl.example");
  zone.ipv4_in_ipv6 = true;
  zone.has_ipv6 = false;
  builder_.AddZone(zone).Add("list", "192.0.2.1", One(0x7f000002));
  EXPECT_THAT(About("::ffff:192.0.2.1"),
              ElementsAre("bl.example listed 127.0.0.2 list"));
  EXPECT_THAT(About("2002:c000:201::1"),
              ElementsAre("bl.example listed 127.0.0.2 list"));
  EXPECT_THAT(About("2001:db8::1"), IsEmpty());
}

TEST_F(TargetAnswersTest, ANameIsAskedForInItsScope) {
  ZoneConfig zone = TestZone("dbl.example");
  zone.has_names = true;
  builder_.AddZone(zone)
      .Add("list", "only.test", One(0x7f000002))
      .Add("list", "*.below.test", One(0x7f000002))
      .Add("list", ".all.test", One(0x7f000002));
  EXPECT_THAT(About("only.test"),
              ElementsAre("dbl.example listed 127.0.0.2 list"));
  EXPECT_THAT(About(".only.test"),
              ElementsAre("dbl.example no 127.0.0.2 list"));
  EXPECT_THAT(About("*.only.test"), ElementsAre("dbl.example no"));
  EXPECT_THAT(About("below.test"), ElementsAre("dbl.example no"));
  EXPECT_THAT(About("*.below.test"),
              ElementsAre("dbl.example listed 127.0.0.2 list"));
  EXPECT_THAT(About(".all.test"),
              ElementsAre("dbl.example listed 127.0.0.2 list"));
  EXPECT_THAT(About("x.all.test"),
              ElementsAre("dbl.example listed 127.0.0.2 list"));
  EXPECT_EQ(asked_, "x.all.test.dbl.example");
  // It leaves no room for the zone.
  const std::string label(60, 'a');
  EXPECT_THAT(About(absl::StrCat(label, ".", label, ".", label, ".", label)),
              IsEmpty());
}

TEST_F(TargetAnswersTest, AsksSubzonesOfTheConfigurationAndOfCombinedFiles) {
  ZoneConfig zone = TestZone("bl.example");
  zone.datasets = {"all"};
  SubzoneConfig sub;
  sub.name = "sub";
  sub.labels = "\3sub";
  sub.lists = {"other"};
  zone.subzones = {sub};
  builder_.AddZone(zone)
      .Add("other", "192.0.2.1", One(0x7f000004))
      .AddDataset("all", DatasetType::kCombined,
                  "$DATASET ip4set:a @\n192.0.2.2 :2:\n"
                  "$DATASET ip4set:b low\n192.0.2.3 :3:\n");
  EXPECT_THAT(About("192.0.2.1"),
              ElementsAre("bl.example no", "low.bl.example no",
                          "sub.bl.example listed 127.0.0.4 other"));
  EXPECT_THAT(About("192.0.2.2"),
              ElementsAre("bl.example listed 127.0.0.2 all",
                          "low.bl.example no", "sub.bl.example no"));
  EXPECT_THAT(
      About("192.0.2.3"),
      ElementsAre("bl.example no", "low.bl.example listed 127.0.0.3 all",
                  "sub.bl.example no"));
}

TEST_F(TargetAnswersTest, NoRuleForClientsStopsItAndNoKeyIsCharged) {
  ZoneConfig zone = TestZone("acl.example");
  zone.access = {{{*ParseIpPrefix("0.0.0.0/0")}, AccessAction::kIgnore, {}}};
  builder_.AddZone(zone);
  zone = TestZone("keyed.example");
  zone.datasets = {"keys"};
  builder_.AddZone(zone);
  zone = TestZone("locked.example");
  zone.datasets = {"none pass"};
  builder_.AddZone(zone)
      .Add("list", "192.0.2.1", One(0x7f000002))
      .AddDataset("keys", DatasetType::kAclKey,
                  ":refuse\nold :pass @ expires=1600000000\n"
                  "beta :pass @ quota=1/1h\nno :empty\n")
      .AddDataset("none pass", DatasetType::kAclKey, ":refuse\nno :empty\n");
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(About("192.0.2.1"),
                ElementsAre("acl.example listed 127.0.0.2 list",
                            "keyed.example listed 127.0.0.2 list",
                            "locked.example refused list"));
  }
  const ServedKeys& keys =
      *snapshot_->files().datasets.find("keys")->second->keys;
  EXPECT_EQ(keys.Find("beta")->usage->queries(), 0u);
  // Without a key, nothing is told of what is for those who have one.
  with_key_ = false;
  EXPECT_THAT(About("192.0.2.1"),
              ElementsAre("acl.example listed 127.0.0.2 list",
                          "keyed.example refused", "locked.example refused"));
}

TEST_F(TargetAnswersTest, SaysThatDataIsMissingAndNothingOfRetiredZones) {
  ZoneConfig zone = TestZone("missing.example");
  zone.datasets = {"gone"};
  builder_.AddZone(zone);
  zone = TestZone("kindless.example");
  zone.datasets = {"gone"};
  zone.kind_from_files = true;
  builder_.AddZone(zone);
  zone = TestZone("retired.example");
  zone.state = ZoneState::kRetired;
  builder_.AddZone(zone).Add("list", "192.0.2.1", One(0x7f000002));
  EXPECT_THAT(About("192.0.2.1"), ElementsAre("missing.example failed list",
                                              "kindless.example failed list"));
  EXPECT_THAT(About("x.example"), ElementsAre("kindless.example failed"));
}

TEST_F(TargetAnswersTest, FindsGenericRecords) {
  ZoneConfig zone = TestZone("bl.example");
  zone.lists.clear();
  zone.has_names = true;
  zone.datasets = {"extra"};
  builder_.AddZone(zone).AddDataset("extra", DatasetType::kGeneric,
                                    "www A 192.0.2.80\nwww TXT hello\n");
  EXPECT_THAT(About(".www"),
              ElementsAre("bl.example no 192.0.2.80 'hello' extra"));
}

}  // namespace
}  // namespace rbld
