// What a zone's configuration and its access lists make of an answer: keys,
// clients, refusals with codes, and values of its own.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dns/ldns_packet.h"
#include "dns/query_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/answer.h"
#include "server/test_snapshot.h"

namespace rbld {
namespace {

constexpr int64_t kNow = 1'700'000'000;

ValueSet One(uint32_t code, std::string reason = "", uint32_t ttl = 0) {
  return {Value{code, std::move(reason), ttl}};
}

class AnswerPolicyTest : public ::testing::Test {
 protected:
  // "127.0.0.2 127.0.0.4", the texts, "nodata", "nxdomain", "refused" or
  // "silence".
  std::string Say(absl::string_view name, RrType type = RrType::kA) {
    if (snapshot_ == nullptr) snapshot_ = builder_.Build();
    const std::string message = QueryBuilder().Question(name, type).message();
    sockaddr_in client = {};
    client.sin_family = AF_INET;
    EXPECT_EQ(inet_pton(AF_INET, client_.c_str(), &client.sin_addr), 1);
    Request request;
    request.message = reinterpret_cast<const uint8_t*>(message.data());
    request.message_bytes = message.size();
    request.client = reinterpret_cast<const sockaddr*>(&client);
    request.now_seconds = now_;
    std::vector<uint8_t> out(kUdpReplyBytes);
    Outcome outcome;
    const size_t bytes = Answer(*snapshot_, request, out.data(), &outcome);
    if (bytes == 0) return "silence";
    const LdnsPacket packet(out.data(), bytes);
    EXPECT_TRUE(packet.ok()) << packet.error();
    std::vector<std::string> data;
    for (const std::string& line : packet.answers()) {
      data.push_back(line.substr(line.rfind('\t') + 1));
    }
    switch (outcome.kind) {
      case AnswerKind::kListed:
      case AnswerKind::kStatic:
        return absl::StrJoin(data, " ");
      case AnswerKind::kNoData:
        return "nodata";
      case AnswerKind::kNxDomain:
        return "nxdomain";
      case AnswerKind::kRefused:
        return "refused";
      default:
        return "other";
    }
  }

  void SetClient(const std::string& address) { client_ = address; }
  void SetTime(int64_t now_seconds) { now_ = now_seconds; }

  TestSnapshot builder_;

 private:
  std::shared_ptr<const Snapshot> snapshot_;
  std::string client_ = "192.0.2.99";
  int64_t now_ = kNow;
};

TEST_F(AnswerPolicyTest, AListHasACodeAndReasonOfItsOwnInAZone) {
  ZoneConfig zen = TestZone("zen.example");
  zen.lists = {"sbl", "xbl", "pbl"};
  zen.list_values["xbl"] = {0x7f000004, "xbl: $"};
  zen.list_values["pbl"] = {0x7f00000a, std::nullopt};
  builder_.AddZone(zen)
      .AddZone(TestZone("plain.example"))
      .Add("sbl", "192.0.2.1", One(0x7f000002, "sbl"))
      .Add("xbl", "192.0.2.1", One(0x7f000002, "sbl"))
      .Add("pbl", "192.0.2.0/24", One(0x7f000002, "pbl"));
  EXPECT_EQ(Say("1.2.0.192.zen.example"), "127.0.0.2 127.0.0.4 127.0.0.10");
  EXPECT_EQ(Say("1.2.0.192.zen.example", RrType::kTxt),
            "\"sbl\" \"xbl: 192.0.2.1\" \"pbl\"");
  EXPECT_EQ(Say("2.2.0.192.zen.example"), "127.0.0.10");
}

TEST_F(AnswerPolicyTest, ABitMaskIsOneAddress) {
  ZoneConfig multi = TestZone("multi.example");
  multi.lists = {"a", "b", "c"};
  multi.combining = Combining::kBitMask;
  multi.list_values["c"] = {0x7f000040, std::nullopt};
  builder_.AddZone(multi)
      .Add("a", "192.0.2.1", One(0x7f000002, "a", 60))
      .Add("b", "192.0.2.1", One(0x7f000008, "b", 30))
      .Add("c", "192.0.2.1", One(0x7f000002, "c", 90));
  EXPECT_EQ(Say("1.2.0.192.multi.example"), "127.0.0.74");
  EXPECT_EQ(Say("1.2.0.192.multi.example", RrType::kTxt), "\"a\" \"b\" \"c\"");
  EXPECT_EQ(Say("2.0.0.127.multi.example"), "127.0.0.2");
}

TEST_F(AnswerPolicyTest, ASubzoneHasListsOfItsOwn) {
  ZoneConfig zone = TestZone("bl.example");
  SubzoneConfig subzone;
  subzone.name = "sub";
  subzone.labels = std::string("\3sub");
  subzone.lists = {"other"};
  subzone.list_values["other"] = {0x7f000007, std::nullopt};
  zone.subzones = {subzone};
  builder_.AddZone(zone)
      .Add("list", "192.0.2.1", One(0x7f000002))
      .Add("other", "192.0.2.2", One(0x7f000003));
  EXPECT_EQ(Say("1.2.0.192.bl.example"), "127.0.0.2");
  EXPECT_EQ(Say("2.2.0.192.bl.example"), "nxdomain");
  EXPECT_EQ(Say("1.2.0.192.sub.bl.example"), "nxdomain");
  EXPECT_EQ(Say("2.2.0.192.sub.bl.example"), "127.0.0.7");
  EXPECT_EQ(Say("sub.bl.example"), "nodata");
  EXPECT_EQ(Say("2.0.0.127.sub.bl.example"), "127.0.0.2");
  EXPECT_EQ(Say("1.0.0.127.sub.bl.example"), "nxdomain");
}

TEST_F(AnswerPolicyTest, RulesForClients) {
  ZoneConfig zone = TestZone("bl.example");
  const auto rule = [&zone](absl::string_view clients, AccessAction action,
                            uint32_t code = 0x7f000002) {
    zone.access.push_back(
        {{*ParseIpPrefix(clients)}, action, {code, "told $", 0}});
  };
  rule("10.0.0.0/8", AccessAction::kRefuse);
  rule("10.1.0.0/16", AccessAction::kPass);
  rule("10.2.0.0/16", AccessAction::kIgnore);
  rule("10.3.0.0/16", AccessAction::kEmpty);
  rule("10.4.0.0/16", AccessAction::kListed, 0x7f000042);
  builder_.AddZone(zone).Add("list", "192.0.2.1", One(0x7f000002));
  const auto both = [this](const std::string& client) {
    SetClient(client);
    return absl::StrCat(Say("1.2.0.192.bl.example"), ",",
                        Say("2.2.0.192.bl.example"));
  };
  EXPECT_EQ(both("11.0.0.1"), "127.0.0.2,nxdomain");
  EXPECT_EQ(both("10.0.0.1"), "refused,refused");
  EXPECT_EQ(both("10.1.0.1"), "127.0.0.2,nxdomain");
  EXPECT_EQ(both("10.2.0.1"), "silence,silence");
  EXPECT_EQ(both("10.3.0.1"), "nxdomain,nxdomain");
  EXPECT_EQ(both("10.4.0.1"), "127.0.0.66,127.0.0.66");
  EXPECT_EQ(Say("9.2.0.192.bl.example", RrType::kTxt), "\"told 10.4.0.1\"");
}

TEST_F(AnswerPolicyTest, ARefusalMayBeACode) {
  ZoneConfig zone = TestZone("bl.example");
  zone.refused = Value{0x7ffffffe, "see https://bl.example/?$", 0};
  zone.access = {{{*ParseIpPrefix("10.0.0.0/8")}, AccessAction::kRefuse, {}}};
  builder_.AddZone(zone).Add("list", "192.0.2.1", One(0x7f000002));
  EXPECT_EQ(Say("1.2.0.192.bl.example"), "127.0.0.2");
  SetClient("10.0.0.1");
  EXPECT_EQ(Say("1.2.0.192.bl.example"), "127.255.255.254");
  EXPECT_EQ(Say("2.2.0.192.bl.example"), "127.255.255.254");
  EXPECT_EQ(Say("2.2.0.192.bl.example", RrType::kTxt),
            "\"see https://bl.example/?10.0.0.1\"");
  // Resolvers that minimise names must come that far.
  EXPECT_EQ(Say("192.bl.example"), "nodata");
  EXPECT_EQ(Say("bl.example", RrType::kNs),
            "ns.bl.example. ns.elsewhere.example.");
}

constexpr char kKeys[] =
    ":refuse\n"
    "alpha :pass @ name=a\n"
    "beta :pass @ quota=3/1h\n"
    "gamma :pass @ expires=1700000100\n"
    "delta :empty\n";

TEST_F(AnswerPolicyTest, KeysInTheName) {
  ZoneConfig zone = TestZone("bl.example");
  zone.datasets = {"keys"};
  zone.records = {TestRecord("ns.bl.example", "A 198.51.100.1")};
  builder_.AddZone(zone)
      .Add("list", "192.0.2.1", One(0x7f000002, "for $"))
      .AddDataset("keys", DatasetType::kAclKey, kKeys);
  EXPECT_EQ(Say("1.2.0.192.alpha.bl.example"), "127.0.0.2");
  EXPECT_EQ(Say("1.2.0.192.ALPHA.bl.example", RrType::kTxt),
            "\"for 192.0.2.1\"");
  EXPECT_EQ(Say("2.2.0.192.alpha.bl.example"), "nxdomain");
  EXPECT_EQ(Say("192.alpha.bl.example"), "nodata");
  EXPECT_EQ(Say("alpha.bl.example"), "nodata");
  EXPECT_EQ(Say("1.0.0.127.alpha.bl.example"), "nxdomain");
  EXPECT_EQ(Say("1.2.0.192.delta.bl.example"), "nxdomain");
  // Without one, or with a wrong one.
  EXPECT_EQ(Say("1.2.0.192.bl.example"), "refused");
  EXPECT_EQ(Say("1.2.0.192.omega.bl.example"), "refused");
  EXPECT_EQ(Say("omega.bl.example"), "refused");
  // Who has no key must still find the zone's servers.
  EXPECT_EQ(Say("bl.example", RrType::kNs),
            "ns.bl.example. ns.elsewhere.example.");
  EXPECT_EQ(Say("ns.bl.example"), "198.51.100.1");
}

TEST_F(AnswerPolicyTest, AKeyHasAQuotaAndAnEnd) {
  ZoneConfig zone = TestZone("bl.example");
  zone.datasets = {"keys"};
  zone.over_quota = Value{0x7fffffff, "", 0};
  builder_.AddZone(zone)
      .Add("list", "192.0.2.1", One(0x7f000002))
      .AddDataset("keys", DatasetType::kAclKey, kKeys);
  const char kBeta[] = "1.2.0.192.beta.bl.example";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Say(kBeta), "127.0.0.2");
  EXPECT_EQ(Say(kBeta), "127.255.255.255");
  SetTime(kNow + 3600);
  EXPECT_EQ(Say(kBeta), "127.0.0.2");
  const char kGamma[] = "1.2.0.192.gamma.bl.example";
  SetTime(kNow + 99);
  EXPECT_EQ(Say(kGamma), "127.0.0.2");
  SetTime(kNow + 100);
  EXPECT_EQ(Say(kGamma), "refused");
}

TEST_F(AnswerPolicyTest, AnUnknownKeyIsToldByCode) {
  ZoneConfig zone = TestZone("bl.example");
  zone.datasets = {"keys"};
  zone.refused = Value{0x7ffffffe, "", 0};
  builder_.AddZone(zone)
      .Add("list", "192.0.2.1", One(0x7f000002))
      .AddDataset("keys", DatasetType::kAclKey, kKeys);
  EXPECT_EQ(Say("1.2.0.192.omega.bl.example"), "127.255.255.254");
  EXPECT_EQ(Say("1.2.0.192.bl.example"), "127.255.255.254");
  EXPECT_EQ(Say("2.0.192.omega.bl.example"), "nodata");
}

TEST_F(AnswerPolicyTest, AKeyMayOverrideTheRulesForClients) {
  ZoneConfig zone = TestZone("strict.example");
  zone.datasets = {"keys"};
  zone.access = {{{*ParseIpPrefix("0.0.0.0/0")}, AccessAction::kRefuse, {}}};
  builder_.AddZone(zone);
  zone = TestZone("mild.example");
  zone.datasets = {"keys"};
  zone.access = {{{*ParseIpPrefix("0.0.0.0/0")}, AccessAction::kRefuse, {}}};
  zone.key_overrides_access = true;
  builder_.AddZone(zone)
      .Add("list", "192.0.2.1", One(0x7f000002))
      .AddDataset("keys", DatasetType::kAclKey, kKeys);
  EXPECT_EQ(Say("1.2.0.192.alpha.strict.example"), "refused");
  EXPECT_EQ(Say("1.2.0.192.alpha.mild.example"), "127.0.0.2");
  EXPECT_EQ(Say("1.2.0.192.mild.example"), "refused");
}

TEST_F(AnswerPolicyTest, EntriesThatWaitOrNeedAKey) {
  ZoneConfig zone = TestZone("uri.example");
  zone.has_names = true;
  zone.datasets = {"feed", "keys"};
  builder_.AddZone(zone)
      .AddDataset("feed", DatasetType::kDnhash,
                  "now.test :2:plain\n"
                  "later.test :3:waits @ ts=1700000000;delay=60s\n"
                  "keyed.test :4:keyed @ key=require\n"
                  "soon.test :5:soon @ ts=1700000000;delay=60s;key=nodelay\n"
                  "both.test :6:public\n"
                  "both.test :7:secret @ key=require\n")
      .AddDataset("keys", DatasetType::kAclKey, ":pass\nalpha :pass\n");
  EXPECT_EQ(Say("now.test.uri.example"), "127.0.0.2");
  EXPECT_EQ(Say("later.test.uri.example"), "nxdomain");
  EXPECT_EQ(Say("later.test.alpha.uri.example"), "nxdomain");
  EXPECT_EQ(Say("keyed.test.uri.example"), "nxdomain");
  EXPECT_EQ(Say("keyed.test.alpha.uri.example"), "127.0.0.4");
  EXPECT_EQ(Say("soon.test.uri.example"), "nxdomain");
  EXPECT_EQ(Say("soon.test.alpha.uri.example"), "127.0.0.5");
  EXPECT_EQ(Say("both.test.uri.example"), "127.0.0.6");
  EXPECT_EQ(Say("both.test.uri.example", RrType::kTxt), "\"public\"");
  EXPECT_EQ(Say("both.test.alpha.uri.example"), "127.0.0.6 127.0.0.7");
  SetTime(kNow + 60);
  EXPECT_EQ(Say("later.test.uri.example"), "127.0.0.3");
  EXPECT_EQ(Say("soon.test.uri.example"), "127.0.0.5");
  EXPECT_EQ(Say("keyed.test.uri.example"), "nxdomain");
}

TEST_F(AnswerPolicyTest, TheWrongKindHasACode) {
  ZoneConfig names = TestZone("dbl.example");
  names.has_ipv4 = names.has_ipv6 = false;
  names.has_names = true;
  names.wrong_kind = Value{0x7f0001ff, "no addresses here: $", 0};
  ZoneConfig addresses = TestZone("bl.example");
  addresses.wrong_kind = Value{0x7f0000ff, "", 0};
  builder_.AddZone(names)
      .AddZone(addresses)
      .Add("list", "bad.test", One(0x7f000102))
      .Add("list", "192.0.2.1", One(0x7f000002));
  EXPECT_EQ(Say("bad.test.dbl.example"), "127.0.1.2");
  EXPECT_EQ(Say("good.test.dbl.example"), "nxdomain");
  EXPECT_EQ(Say("4.3.2.1.dbl.example"), "127.0.1.255");
  EXPECT_EQ(Say("4.3.2.1.dbl.example", RrType::kTxt),
            "\"no addresses here: 4.3.2.1\"");
  EXPECT_EQ(Say("3.2.1.dbl.example"), "nodata");
  EXPECT_EQ(Say("1.0.0.127.dbl.example"), "nxdomain");
  EXPECT_EQ(Say("test.dbl.example"), "127.0.0.2");
  EXPECT_EQ(Say("invalid.dbl.example"), "nxdomain");
  EXPECT_EQ(Say("1.2.0.192.bl.example"), "127.0.0.2");
  EXPECT_EQ(Say("2.2.0.192.bl.example"), "nxdomain");
  EXPECT_EQ(Say("bad.test.bl.example"), "127.0.0.255");
  EXPECT_EQ(Say("invalid.bl.example"), "nxdomain");
  EXPECT_EQ(Say("1.0.0.127.bl.example"), "nxdomain");
}

TEST_F(AnswerPolicyTest, AMistypedZoneHasACode) {
  ZoneConfig parent = TestZone("lists.example");
  parent.lists.clear();
  parent.mistyped = Value{0x7ffffffc, "no such list", 0};
  parent.records = {TestRecord("www.lists.example", "A 198.51.100.1")};
  builder_.AddZone(parent)
      .AddZone(TestZone("zen.lists.example"))
      .Add("list", "192.0.2.1", One(0x7f000002));
  EXPECT_EQ(Say("1.2.0.192.zen.lists.example"), "127.0.0.2");
  EXPECT_EQ(Say("2.2.0.192.zen.lists.example"), "nxdomain");
  EXPECT_EQ(Say("2.2.0.192.zenn.lists.example"), "127.255.255.252");
  EXPECT_EQ(Say("2.2.0.192.a.b.lists.example"), "127.255.255.252");
  EXPECT_EQ(Say("2.2.0.192.lists.example"), "127.255.255.252");
  EXPECT_EQ(Say("0.192.zenn.lists.example"), "nodata");
  EXPECT_EQ(Say("www.lists.example"), "198.51.100.1");
  EXPECT_EQ(Say("www.lists.example", RrType::kMx), "nodata");
}

}  // namespace
}  // namespace rbld
