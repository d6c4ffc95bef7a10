#include "server/answer.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dns/ldns_packet.h"
#include "dns/query_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/test_snapshot.h"

namespace rbld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Strings = std::vector<std::string>;

ValueSet One(uint32_t code, std::string reason = "", uint32_t ttl = 0) {
  return {Value{code, std::move(reason), ttl}};
}

constexpr uint32_t kCode2 = 0x7f000002;
constexpr uint32_t kCode4 = 0x7f000004;
constexpr uint32_t kCode9 = 0x7f000009;

// The nibble name of an address, without the zone.
std::string Nibbles(absl::string_view address, int nibbles = 32) {
  const IpPrefix prefix = *ParseIpPrefix(address);
  std::string name;
  for (int i = nibbles - 1; i >= 0; --i) {
    const int byte = prefix.bytes[static_cast<size_t>(i / 2)];
    absl::StrAppend(&name, absl::Hex(i % 2 == 0 ? byte >> 4 : byte & 15));
    if (i > 0) name += ".";
  }
  return name;
}

struct Reply {
  Reply(const Snapshot& snapshot, const std::string& message,
        Transport transport = Transport::kUdp) {
    std::vector<uint8_t> out(transport == Transport::kUdp ? kUdpReplyBytes
                                                          : kTcpReplyBytes);
    Request request;
    request.message = reinterpret_cast<const uint8_t*>(message.data());
    request.message_bytes = message.size();
    request.transport = transport;
    size = Answer(snapshot, request, out.data(), &outcome);
    bytes.assign(reinterpret_cast<char*>(out.data()), size);
    if (size == 0) return;
    packet = std::make_unique<LdnsPacket>(out.data(), size);
    EXPECT_TRUE(packet->ok()) << packet->error();
  }
  int rcode() const { return packet->rcode(); }
  Strings answers() const { return packet->answers(); }

  size_t size = 0;
  Outcome outcome;
  std::string bytes;
  std::unique_ptr<LdnsPacket> packet;
};

class AnswerTest : public ::testing::Test {
 protected:
  Reply Ask(absl::string_view name, RrType type = RrType::kA,
            Transport transport = Transport::kUdp) {
    if (snapshot_ == nullptr) snapshot_ = builder_.Build();
    return Reply(*snapshot_, QueryBuilder().Question(name, type).message(),
                 transport);
  }
  Reply AskRaw(const QueryBuilder& query) {
    if (snapshot_ == nullptr) snapshot_ = builder_.Build();
    return Reply(*snapshot_, query.message());
  }
  // "listed 127.0.0.2", "nodata", "nxdomain" …
  std::string Say(absl::string_view name, RrType type = RrType::kA) {
    const Reply reply = Ask(name, type);
    if (reply.outcome.kind == AnswerKind::kListed) {
      const std::string line = reply.answers()[0];
      return absl::StrCat("listed ", line.substr(line.rfind('\t') + 1));
    }
    const std::string soa = absl::StrJoin(reply.packet->authorities(), "|");
    switch (reply.outcome.kind) {
      case AnswerKind::kNoData:
        EXPECT_EQ(0, reply.rcode());
        EXPECT_THAT(reply.answers(), IsEmpty());
        EXPECT_THAT(soa, HasSubstr("\tSOA\t"));
        return "nodata";
      case AnswerKind::kNxDomain:
        EXPECT_EQ(3, reply.rcode());
        EXPECT_THAT(reply.answers(), IsEmpty());
        EXPECT_THAT(soa, HasSubstr("\tSOA\t"));
        return "nxdomain";
      case AnswerKind::kStatic:
        return "static";
      case AnswerKind::kRefused:
        EXPECT_EQ(5, reply.rcode());
        return "refused";
      default:
        return "other";
    }
  }

  TestSnapshot builder_;
  std::shared_ptr<const Snapshot> snapshot_;
};

TEST_F(AnswerTest, AnswersAListedAddressWithCodeAndReason) {
  builder_.AddZone(TestZone("rbl.example"))
      .Add("list", "192.0.2.1", One(kCode4, "see https://x/$ for $$"));
  const Reply a = Ask("1.2.0.192.rbl.example");
  EXPECT_THAT(a.answers(),
              ElementsAre("1.2.0.192.rbl.example.\t300\tIN\tA\t127.0.0.4"));
  EXPECT_TRUE(a.packet->aa());
  EXPECT_EQ(AnswerKind::kListed, a.outcome.kind);
  EXPECT_THAT(a.packet->authorities(), IsEmpty());
  EXPECT_THAT(Ask("1.2.0.192.rbl.example", RrType::kTxt).answers(),
              ElementsAre("1.2.0.192.rbl.example.\t300\tIN\tTXT\t\"see "
                          "https://x/192.0.2.1 for $\""));
  EXPECT_THAT(Ask("1.2.0.192.rbl.example", RrType::kAny).answers(),
              ElementsAre("1.2.0.192.rbl.example.\t300\tIN\tA\t127.0.0.4"));
}

TEST_F(AnswerTest, SaysNoDataForOtherTypesOfAListedName) {
  builder_.AddZone(TestZone("rbl.example"))
      .Add("list", "192.0.2.1", One(kCode2));
  EXPECT_EQ("nodata", Say("1.2.0.192.rbl.example", RrType::kAaaa));
  // No reason: no TXT.
  EXPECT_EQ("nodata", Say("1.2.0.192.rbl.example", RrType::kTxt));
  EXPECT_EQ("nodata", Say("1.2.0.192.rbl.example", static_cast<RrType>(65535)));
}

TEST_F(AnswerTest, SaysNxDomainWithTheSmallerSoaTtl) {
  ZoneConfig zone = TestZone("rbl.example");
  zone.soa_ttl_seconds = 3600;
  zone.negative_ttl_seconds = 60;
  ZoneConfig other = TestZone("other.example");
  other.soa_ttl_seconds = 20;
  other.negative_ttl_seconds = 60;
  builder_.AddZone(zone).AddZone(other).SetSerial("rbl.example", 4711);
  EXPECT_EQ("nxdomain", Say("1.2.0.192.rbl.example"));
  EXPECT_THAT(Ask("1.2.0.192.rbl.example").packet->authorities(),
              ElementsAre("rbl.example.\t60\tIN\tSOA\tns.rbl.example. "
                          "hostmaster.rbl.example. 4711 3600 600 604800 60"));
  EXPECT_THAT(Ask("1.2.0.192.other.example").packet->authorities()[0],
              HasSubstr("other.example.\t20\tIN\tSOA"));
}

TEST_F(AnswerTest, UnitesTheListsOfAZoneWithoutDuplicates) {
  ZoneConfig zone = TestZone("rbl.example");
  zone.lists = {"a", "b", "c"};
  builder_.AddZone(zone)
      .Add("a", "192.0.2.1", {Value{kCode2, "same", 0}, Value{kCode4, "x", 0}})
      .Add("b", "192.0.2.0/24", {Value{kCode2, "same", 100}})
      .Add("c", "192.0.2.1", {Value{kCode9, "", 900}});
  // RFC 2181 §5.2: one TTL, the smallest of the set.
  EXPECT_THAT(
      Ask("1.2.0.192.rbl.example").answers(),
      UnorderedElementsAre("1.2.0.192.rbl.example.\t100\tIN\tA\t127.0.0.2",
                           "1.2.0.192.rbl.example.\t100\tIN\tA\t127.0.0.4",
                           "1.2.0.192.rbl.example.\t100\tIN\tA\t127.0.0.9"));
  EXPECT_THAT(
      Ask("1.2.0.192.rbl.example", RrType::kTxt).answers(),
      UnorderedElementsAre("1.2.0.192.rbl.example.\t100\tIN\tTXT\t\"same\"",
                           "1.2.0.192.rbl.example.\t100\tIN\tTXT\t\"x\""));
  EXPECT_THAT(Ask("2.2.0.192.rbl.example").answers(),
              ElementsAre("2.2.0.192.rbl.example.\t100\tIN\tA\t127.0.0.2"));
}

TEST_F(AnswerTest, GivesTheSmallestTtlToOneCodeWithTwoTtls) {
  builder_.AddZone(TestZone("rbl.example"))
      .Add("list", "192.0.2.1",
           {Value{kCode2, "a", 500}, Value{kCode2, "b", 40}});
  EXPECT_THAT(Ask("1.2.0.192.rbl.example").answers(),
              ElementsAre("1.2.0.192.rbl.example.\t40\tIN\tA\t127.0.0.2"));
}

TEST_F(AnswerTest, SplitsLongReasonsIntoStrings) {
  builder_.AddZone(TestZone("rbl.example"))
      .Add("list", "192.0.2.1", One(kCode2, std::string(250, 'x') + "$"));
  EXPECT_THAT(
      Ask("1.2.0.192.rbl.example", RrType::kTxt).answers(),
      ElementsAre(absl::StrCat("1.2.0.192.rbl.example.\t300\tIN\tTXT\t\"",
                               std::string(250, 'x'), "192.0\" \".2.1\"")));
}

TEST_F(AnswerTest, KnowsEmptyNonTerminalsOfAddressesAndRanges) {
  builder_.AddZone(TestZone("rbl.example"))
      .Add("list", "192.0.2.1", One(kCode2))
      .Add("list", "10.0.0.0/8", One(kCode2))
      .Add("list", "2001:db8::/32", One(kCode2));
  EXPECT_EQ("nodata", Say("2.0.192.rbl.example"));
  EXPECT_EQ("nodata", Say("0.192.rbl.example"));
  EXPECT_EQ("nodata", Say("192.rbl.example"));
  EXPECT_EQ("nxdomain", Say("3.0.192.rbl.example"));
  EXPECT_EQ("nxdomain", Say("193.rbl.example"));
  // Below a listed range everything exists.
  EXPECT_EQ("nodata", Say("77.10.rbl.example"));
  EXPECT_EQ("listed 127.0.0.2", Say("1.2.77.10.rbl.example"));
  EXPECT_EQ("nodata", Say("2.rbl.example"));
  EXPECT_EQ("nodata", Say("8.b.d.0.1.0.0.2.rbl.example"));
  EXPECT_EQ("nodata", Say("a.8.b.d.0.1.0.0.2.rbl.example"));
  EXPECT_EQ("nxdomain", Say("9.b.d.0.1.0.0.2.rbl.example"));
  EXPECT_EQ("listed 127.0.0.2", Say(Nibbles("2001:db8::77") + ".rbl.example"));
}

TEST_F(AnswerTest, ReadsAPartialNameBothWaysInAMixedZone) {
  builder_.AddZone(TestZone("mixed.example"))
      .Add("list", "2001::/16", One(kCode2));
  // 2.0.0.1 is not listed, but 2001::/16 has names below 1.0.0.2.
  EXPECT_EQ("nodata", Say("1.0.0.2.mixed.example"));
  EXPECT_EQ("nxdomain", Say("2.0.0.2.mixed.example"));
  ZoneConfig ipv4_only = TestZone("four.example");
  ipv4_only.has_ipv6 = false;
  TestSnapshot other;
  other.AddZone(ipv4_only).Add("list", "2001::/16", One(kCode2));
  snapshot_ = other.Build();
  EXPECT_EQ("nxdomain", Say("1.0.0.2.four.example"));
}

TEST_F(AnswerTest, DeniesNamesDeeperThanAnAddress) {
  builder_.AddZone(TestZone("rbl.example"))
      .Add("list", "192.0.2.1", One(kCode2))
      .Add("list", "2001:db8::1", One(kCode2));
  EXPECT_EQ("nxdomain", Say("x.1.2.0.192.rbl.example"));
  EXPECT_EQ("nxdomain", Say("5.1.2.0.192.rbl.example"));
  EXPECT_EQ("nxdomain", Say("0." + Nibbles("2001:db8::1") + ".rbl.example"));
  for (const char* name : {"01.2.0.192", "256.2.0.192", "1.2.00.192", "x",
                           "-1.2.0.192", "1.2.0.192x"}) {
    EXPECT_EQ("nxdomain", Say(absl::StrCat(name, ".rbl.example"))) << name;
  }
}

TEST_F(AnswerTest, HasTheTestEntriesOfAnAddressZone) {
  ZoneConfig zone = TestZone("rbl.example");
  zone.test_code = kCode9;
  builder_.AddZone(zone);
  EXPECT_EQ("listed 127.0.0.9", Say("2.0.0.127.rbl.example"));
  EXPECT_THAT(Ask("2.0.0.127.rbl.example", RrType::kTxt).answers(),
              ElementsAre("2.0.0.127.rbl.example.\t300\tIN\tTXT\t\"127.0.0.2 "
                          "is a test entry\""));
  EXPECT_EQ("nxdomain", Say("1.0.0.127.rbl.example"));
  EXPECT_EQ("nodata", Say("0.0.127.rbl.example"));
  EXPECT_EQ("nodata", Say("127.rbl.example"));
  EXPECT_EQ("nxdomain", Say("126.rbl.example"));
  const std::string two = Nibbles("::ffff:127.0.0.2") + ".rbl.example";
  EXPECT_EQ("listed 127.0.0.9", Say(two));
  EXPECT_EQ("nxdomain", Say(Nibbles("::ffff:127.0.0.1") + ".rbl.example"));
  for (int nibbles = 1; nibbles < 32; ++nibbles) {
    EXPECT_EQ("nodata", Say(absl::StrCat(Nibbles("::ffff:127.0.0.2", nibbles),
                                         ".rbl.example")))
        << nibbles;
  }
}

TEST_F(AnswerTest, NeverListsTheUnlistedTestEntriesWhateverTheIndexSays) {
  ZoneConfig zone = TestZone("rbl.example");
  zone.records = {TestRecord("1.0.0.127.rbl.example", "A 192.0.2.9")};
  builder_.AddZone(zone)
      .Add("list", "127.0.0.0/8", One(kCode4))
      .Add("list", "::/8", One(kCode4));
  EXPECT_EQ("nxdomain", Say("1.0.0.127.rbl.example"));
  EXPECT_EQ("nxdomain", Say("1.0.0.127.rbl.example", RrType::kTxt));
  EXPECT_EQ("nxdomain", Say(Nibbles("::ffff:127.0.0.1") + ".rbl.example"));
  // The index's values answer for the listed ones.
  EXPECT_EQ("listed 127.0.0.4", Say("2.0.0.127.rbl.example"));
  EXPECT_EQ("listed 127.0.0.4",
            Say(Nibbles("::ffff:127.0.0.2") + ".rbl.example"));
}

TEST_F(AnswerTest, HasTheTestEntriesOfANameZone) {
  ZoneConfig zone = TestZone("names.example");
  zone.has_ipv4 = false;
  zone.has_ipv6 = false;
  zone.has_names = true;
  builder_.AddZone(zone).Add("list", "invalid", One(kCode4));
  EXPECT_EQ("listed 127.0.0.2", Say("TEST.names.example"));
  EXPECT_THAT(Ask("test.names.example", RrType::kTxt).answers()[0],
              HasSubstr("\"test is a test entry\""));
  EXPECT_EQ("nxdomain", Say("INVALID.names.example"));
  EXPECT_EQ("nxdomain", Say("x.test.names.example"));
  // Not a zone of addresses.
  EXPECT_EQ("nxdomain", Say("2.0.0.127.names.example"));
}

TEST_F(AnswerTest, AnswersNamesByScopeAndKnowsTheNamesBetween) {
  ZoneConfig zone = TestZone("names.example");
  zone.has_names = true;
  builder_.AddZone(zone)
      .Add("list", "a.spam.test", One(kCode2, "$ is bad"))
      .Add("list", ".both.test", One(kCode4))
      .Add("list", "*.subs.test", One(kCode9));
  EXPECT_EQ("listed 127.0.0.2", Say("A.Spam.test.names.example"));
  EXPECT_THAT(Ask("A.Spam.test.names.example", RrType::kTxt).answers()[0],
              HasSubstr("\"a.spam.test is bad\""));
  EXPECT_EQ("nodata", Say("spam.test.names.example"));
  EXPECT_EQ("nxdomain", Say("x.a.spam.test.names.example"));
  EXPECT_EQ("listed 127.0.0.4", Say("both.test.names.example"));
  EXPECT_EQ("listed 127.0.0.4", Say("x.y.both.test.names.example"));
  EXPECT_EQ("nodata", Say("subs.test.names.example"));
  EXPECT_EQ("listed 127.0.0.9", Say("x.subs.test.names.example"));
  EXPECT_EQ("nxdomain", Say("other.test.names.example"));
}

TEST_F(AnswerTest, AnswersTheApex) {
  ZoneConfig zone = TestZone("rbl.example");
  zone.records = {TestRecord("rbl.example", "A 192.0.2.80"),
                  TestRecord("rbl.example", "TXT hello", 50),
                  TestRecord("rbl.example", "TXT world", 70)};
  builder_.AddZone(zone).SetSerial("rbl.example", 99);
  EXPECT_THAT(Ask("rbl.example", RrType::kSoa).answers(),
              ElementsAre(HasSubstr("rbl.example.\t3600\tIN\tSOA\t"
                                    "ns.rbl.example. hostmaster.rbl.example. "
                                    "99 3600 600 604800 60")));
  EXPECT_THAT(
      Ask("rbl.example", RrType::kNs).answers(),
      ElementsAre("rbl.example.\t86400\tIN\tNS\tns.rbl.example.",
                  "rbl.example.\t86400\tIN\tNS\tns.elsewhere.example."));
  EXPECT_THAT(Ask("rbl.example").answers(),
              ElementsAre("rbl.example.\t600\tIN\tA\t192.0.2.80"));
  EXPECT_THAT(Ask("rbl.example", RrType::kTxt).answers(),
              UnorderedElementsAre("rbl.example.\t50\tIN\tTXT\t\"hello\"",
                                   "rbl.example.\t50\tIN\tTXT\t\"world\""));
  EXPECT_EQ("nodata", Say("rbl.example", RrType::kAaaa));
  EXPECT_EQ("nodata", Say("rbl.example", RrType::kDs));
  EXPECT_EQ(1u, Ask("rbl.example", RrType::kAny).answers().size());
}

TEST_F(AnswerTest, AnswersStaticNamesAndKnowsTheNamesBetween) {
  ZoneConfig zone = TestZone("rbl.example");
  zone.records = {TestRecord("www.a.b.rbl.example", "A 192.0.2.80"),
                  TestRecord("alias.rbl.example", "CNAME www.example"),
                  TestRecord("1.2.0.192.rbl.example", "A 192.0.2.81", 30),
                  TestRecord("1.2.0.192.rbl.example", "AAAA 2001:db8::1")};
  builder_.AddZone(zone).Add("list", "192.0.2.1", One(kCode2, "bad"));
  EXPECT_THAT(Ask("WWW.a.b.rbl.example").answers(),
              ElementsAre("WWW.a.b.rbl.example.\t600\tIN\tA\t192.0.2.80"));
  EXPECT_EQ("nodata", Say("a.b.rbl.example"));
  EXPECT_EQ("nodata", Say("b.rbl.example"));
  EXPECT_EQ("nxdomain", Say("c.b.rbl.example"));
  EXPECT_EQ("nodata", Say("www.a.b.rbl.example", RrType::kTxt));
  EXPECT_THAT(Ask("alias.rbl.example").answers(),
              ElementsAre("alias.rbl.example.\t600\tIN\tCNAME\twww.example."));
  // Static records and listings of one name are united.
  EXPECT_THAT(
      Ask("1.2.0.192.rbl.example").answers(),
      UnorderedElementsAre("1.2.0.192.rbl.example.\t30\tIN\tA\t192.0.2.81",
                           "1.2.0.192.rbl.example.\t30\tIN\tA\t127.0.0.2"));
  EXPECT_EQ("static", Say("1.2.0.192.rbl.example", RrType::kAaaa));
  EXPECT_THAT(Ask("1.2.0.192.rbl.example", RrType::kTxt).answers(),
              ElementsAre("1.2.0.192.rbl.example.\t300\tIN\tTXT\t\"bad\""));
}

TEST_F(AnswerTest, ListsNothingInARetiredZone) {
  ZoneConfig zone = TestZone("old.example");
  zone.state = ZoneState::kRetired;
  zone.has_names = true;
  builder_.AddZone(zone).Add("list", "192.0.2.1", One(kCode2));
  EXPECT_EQ("static", Say("old.example", RrType::kSoa));
  EXPECT_EQ("static", Say("old.example", RrType::kNs));
  for (const char* name :
       {"1.2.0.192", "2.0.0.127", "0.0.127", "127", "test", "2.0.192", "192"}) {
    EXPECT_EQ("nxdomain", Say(absl::StrCat(name, ".old.example"))) << name;
  }
}

TEST_F(AnswerTest, PrefersTheZoneWithTheLongestName) {
  ZoneConfig upper = TestZone("example");
  ZoneConfig lower = TestZone("a.b.example");
  lower.lists = {"other"};
  builder_.AddZone(upper)
      .AddZone(lower)
      .Add("list", "192.0.2.1", One(kCode2))
      .Add("other", "192.0.2.1", One(kCode4));
  EXPECT_EQ("listed 127.0.0.2", Say("1.2.0.192.example"));
  EXPECT_EQ("listed 127.0.0.4", Say("1.2.0.192.A.B.example"));
  // The names on the way to the lower zone exist in the upper one.
  EXPECT_EQ("nodata", Say("b.example"));
  EXPECT_EQ("nxdomain", Say("c.example"));
  EXPECT_EQ("static", Say("a.b.example", RrType::kSoa));
  // RFC 4035 §3.1.4.1: the upper side answers DS.
  EXPECT_EQ("nodata", Say("a.b.example", RrType::kDs));
  EXPECT_THAT(Ask("a.b.example", RrType::kDs).packet->authorities()[0],
              ::testing::StartsWith("example.\t"));
}

TEST_F(AnswerTest, RefusesWhatIsNotOurs) {
  builder_.AddZone(TestZone("rbl.example"));
  EXPECT_EQ("refused", Say("other.example"));
  EXPECT_EQ("refused", Say("example"));
  EXPECT_EQ("refused", Say("."));
  EXPECT_EQ("refused", Say("xrbl.example"));
  EXPECT_FALSE(Ask("other.example").packet->aa());
  const Reply edns =
      AskRaw(QueryBuilder().Question("other.example", RrType::kA).Opt());
  EXPECT_THAT(edns.bytes,
              ::testing::EndsWith(std::string("\0\x0f\0\2\0\x14", 6)));
}

TEST_F(AnswerTest, RefusesOtherClassesAndTakesAnyWithoutAuthority) {
  builder_.AddZone(TestZone("rbl.example"));
  for (const uint16_t qclass : {0, 3, 4, 254}) {
    const Reply reply = AskRaw(
        QueryBuilder().Question("2.0.0.127.rbl.example", RrType::kA, qclass));
    EXPECT_EQ(5, reply.rcode()) << qclass;
  }
  const Reply any = AskRaw(
      QueryBuilder().Question("2.0.0.127.rbl.example", RrType::kA, kClassAny));
  EXPECT_EQ(1u, any.answers().size());
  EXPECT_FALSE(any.packet->aa());  // RFC 1035 §6.2
}

TEST_F(AnswerTest, TellsItsVersionIfItMay) {
  builder_.AddZone(TestZone("rbl.example"));
  const auto ask = [this](absl::string_view name, RrType type) {
    return AskRaw(QueryBuilder().Question(name, type, kClassChaos));
  };
  EXPECT_EQ(5, ask("version.bind", RrType::kTxt).rcode());
  snapshot_ = builder_.SetVersion("rbld 7").Build();
  for (const char* name : {"version.bind", "VERSION.server"}) {
    const Reply reply = ask(name, RrType::kTxt);
    EXPECT_EQ(0, reply.rcode());
    ASSERT_EQ(1u, reply.answers().size());
    EXPECT_THAT(reply.answers()[0], HasSubstr("CH\tTXT\t\"rbld 7\""));
  }
  EXPECT_EQ(5, ask("version.bind", RrType::kA).rcode());
  EXPECT_EQ(5, ask("version.example", RrType::kTxt).rcode());
  EXPECT_EQ(5, Ask("version.bind", RrType::kTxt).rcode());
}

TEST_F(AnswerTest, KnowsTheTypesThatAreNoData) {
  builder_.AddZone(TestZone("rbl.example"));
  const auto rcode = [this](int type, Transport transport) {
    return Ask("2.0.0.127.rbl.example", static_cast<RrType>(type), transport)
        .rcode();
  };
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    EXPECT_EQ(5, rcode(251, transport));
    EXPECT_EQ(5, rcode(252, transport));
    EXPECT_EQ(4, rcode(249, transport));
    EXPECT_EQ(4, rcode(253, transport));
    EXPECT_EQ(4, rcode(254, transport));
    EXPECT_EQ(1, rcode(250, transport));
    EXPECT_EQ(1, rcode(41, transport));
    EXPECT_EQ(1, rcode(0, transport));
    EXPECT_EQ(1, rcode(128, transport));
  }
}

TEST_F(AnswerTest, IsSilentToResponsesAndStumps) {
  builder_.AddZone(TestZone("rbl.example"));
  EXPECT_EQ(0u,
            AskRaw(QueryBuilder(1, kFlagQr).Question("rbl.example", RrType::kA))
                .size);
  for (size_t size = 0; size < 12; ++size) {
    const Reply reply(*snapshot_, std::string(size, '\0'));
    EXPECT_EQ(0u, reply.size);
    EXPECT_EQ(AnswerKind::kDropped, reply.outcome.kind);
  }
}

TEST_F(AnswerTest, AnswersOtherOpcodesWithNotImp) {
  builder_.AddZone(TestZone("rbl.example"));
  for (int opcode = 1; opcode < 16; ++opcode) {
    const Reply reply =
        AskRaw(QueryBuilder(1, static_cast<uint16_t>(opcode << 11))
                   .Question("rbl.example", RrType::kSoa));
    EXPECT_EQ(4, reply.rcode());
    EXPECT_EQ(opcode, reply.bytes[2] >> 3 & 15);
  }
}

TEST_F(AnswerTest, AnswersBadEdns) {
  builder_.AddZone(TestZone("rbl.example"));
  const Reply version =
      AskRaw(QueryBuilder()
                 .Question("2.0.0.127.rbl.example", RrType::kA)
                 .Opt(1232, 1));
  EXPECT_EQ(AnswerKind::kBadVers, version.outcome.kind);
  EXPECT_EQ(1, ldns_pkt_edns_extended_rcode(version.packet->get()));
  EXPECT_THAT(version.answers(), IsEmpty());
  const Reply two = AskRaw(
      QueryBuilder().Question("2.0.0.127.rbl.example", RrType::kA).Opt().Opt());
  EXPECT_EQ(1, two.rcode());
  EXPECT_TRUE(ldns_pkt_edns(two.packet->get()));
  // No OPT in the query, none in the reply.
  EXPECT_FALSE(ldns_pkt_edns(Ask("2.0.0.127.rbl.example").packet->get()));
}

TEST_F(AnswerTest, KeepsTheClientsLimitBetween512And1232) {
  ValueSet many;
  for (uint32_t i = 2; i < 64; ++i) many.push_back({0x7f000000 + i, "", 0});
  ValueSet some(many.begin(), many.begin() + 28);
  builder_.AddZone(TestZone("rbl.example"))
      .Add("list", "192.0.2.1", many)   // 62 records: about 1035 bytes
      .Add("list", "192.0.2.2", some);  // 28 records: about 487 bytes
  const auto ask = [this](const char* name, int payload) {
    QueryBuilder query;
    query.Question(name, RrType::kA);
    if (payload >= 0) query.Opt(static_cast<uint16_t>(payload));
    return AskRaw(query);
  };
  EXPECT_EQ(28u, ask("2.2.0.192.rbl.example", -1).answers().size());
  EXPECT_EQ(28u, ask("2.2.0.192.rbl.example", 0).answers().size());
  for (const int payload : {-1, 0, 511, 512, 1000}) {
    const Reply reply = ask("1.2.0.192.rbl.example", payload);
    EXPECT_TRUE(reply.packet->tc()) << payload;
    EXPECT_TRUE(reply.outcome.truncated);
    EXPECT_THAT(reply.answers(), IsEmpty());
    EXPECT_EQ(payload >= 0, ldns_pkt_edns(reply.packet->get()));
  }
  for (const int payload : {1232, 4096, 65535}) {
    const Reply reply = ask("1.2.0.192.rbl.example", payload);
    EXPECT_FALSE(reply.packet->tc()) << payload;
    EXPECT_EQ(62u, reply.answers().size());
    EXPECT_LE(reply.size, 1232u);
  }
  EXPECT_EQ(62u, Ask("1.2.0.192.rbl.example", RrType::kA, Transport::kTcp)
                     .answers()
                     .size());
}

TEST_F(AnswerTest, NeverExceeds1232BytesOverUdp) {
  ValueSet texts;
  for (uint32_t i = 0; i < 5; ++i) {
    texts.push_back({kCode2, absl::StrCat(i, std::string(300, 'x')), 0});
  }
  builder_.AddZone(TestZone("rbl.example")).Add("list", "192.0.2.1", texts);
  const Reply udp = AskRaw(QueryBuilder()
                               .Question("1.2.0.192.rbl.example", RrType::kTxt)
                               .Opt(65535));
  EXPECT_TRUE(udp.packet->tc());
  const Reply tcp = Ask("1.2.0.192.rbl.example", RrType::kTxt, Transport::kTcp);
  EXPECT_EQ(5u, tcp.answers().size());
  EXPECT_GT(tcp.size, 1232u);
}

TEST_F(AnswerTest, PreservesTheCaseOfTheQuestion) {
  builder_.AddZone(TestZone("rbl.example"));
  const std::string query =
      QueryBuilder().Question("2.0.0.127.rBl.EXAMple", RrType::kA).message();
  const Reply reply(*(snapshot_ = builder_.Build()), query);
  EXPECT_EQ(query.substr(12), reply.bytes.substr(12, query.size() - 12));
  EXPECT_EQ(1u, reply.answers().size());
}

TEST_F(AnswerTest, ServesTheLongestPossibleNames) {
  // 247 bytes of zone and four labels of one byte make 255.
  std::string name;
  for (int i = 0; i < 3; ++i) name += std::string(61, 'a') + ".";
  name += std::string(59, 'b');
  ZoneConfig zone = TestZone("rbl.example");
  zone.name = name;
  zone.wire_name = *NameFromText(name);
  ASSERT_EQ(247u, zone.wire_name.size());
  builder_.AddZone(zone).Add("list", "1.1.2.0/24", One(kCode2));
  EXPECT_EQ("nodata", Say("2.1.1." + name));
  EXPECT_EQ("listed 127.0.0.2", Say("3.2.1.1." + name));
  EXPECT_EQ("nxdomain", Say("3.2.9.9." + name));
}

TEST_F(AnswerTest, CountsTheZoneOfAQuery) {
  builder_.AddZone(TestZone("a.example")).AddZone(TestZone("b.example"));
  EXPECT_EQ(builder_.stats()->ZoneSlot("b.example"),
            Ask("2.0.0.127.b.example").outcome.counter_slot);
  EXPECT_EQ(-1, Ask("x.example").outcome.counter_slot);
}

}  // namespace
}  // namespace rbld
