// Rules of RFC 5782 and RFC 6471 that no other test shows by themselves;
// docs/CONFORMANCE.md names them.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dns/ldns_packet.h"
#include "dns/query_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/answer.h"
#include "server/test_snapshot.h"

namespace rbld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Strings = std::vector<std::string>;

constexpr int kNoError = 0;
constexpr int kNxDomain = 3;
constexpr int kRefused = 5;

class ConformanceTest : public ::testing::Test {
 protected:
  struct Reply {
    bool any = false;  // was there one at all?
    int rcode = -1;
    Strings data;  // the answers' data
  };

  Reply Ask(const std::string& name, RrType type = RrType::kA,
            const char* client = "198.51.100.7") {
    if (snapshot_ == nullptr) snapshot_ = builder_.Build();
    const std::string message = QueryBuilder().Question(name, type).message();
    sockaddr_in from = {};
    from.sin_family = AF_INET;
    EXPECT_EQ(inet_pton(AF_INET, client, &from.sin_addr), 1);
    Request request;
    request.message = reinterpret_cast<const uint8_t*>(message.data());
    request.message_bytes = message.size();
    request.client = reinterpret_cast<const sockaddr*>(&from);
    uint8_t out[kUdpReplyBytes];
    Outcome outcome;
    const size_t size = Answer(*snapshot_, request, out, &outcome);
    Reply reply;
    if (size == 0) return reply;
    const LdnsPacket packet(out, size);
    EXPECT_TRUE(packet.ok()) << packet.error();
    reply.any = true;
    reply.rcode = out[3] & 0x0f;
    for (const std::string& line : packet.answers()) {
      reply.data.push_back(line.substr(line.rfind('\t') + 1));
    }
    return reply;
  }

  TestSnapshot builder_;
  std::shared_ptr<const Snapshot> snapshot_;
};

// RFC 5782 §2.1: a range has records for every address in it.
TEST_F(ConformanceTest, EveryAddressOfARangeHasItsRecords) {
  builder_.AddZone(TestZone("rbl.example"))
      .Add("list", "192.0.2.64/26", {{0x7f000002, "see $", 0}});
  for (int i = 0; i < 256; ++i) {
    const std::string name = absl::StrCat(i, ".2.0.192.rbl.example");
    if (i >= 64 && i < 128) {
      EXPECT_THAT(Ask(name).data, ElementsAre("127.0.0.2")) << name;
      EXPECT_THAT(Ask(name, RrType::kTxt).data,
                  ElementsAre(absl::StrCat("\"see 192.0.2.", i, "\"")))
          << name;
    } else {
      EXPECT_EQ(Ask(name).rcode, kNxDomain) << name;
    }
  }
}

// RFC 5782 §2.1: an address that is not listed has no records.
TEST_F(ConformanceTest, AnAddressThatIsNotListedHasNoRecordOfAnyType) {
  builder_.AddZone(TestZone("rbl.example"))
      .Add("list", "192.0.2.64/26", {{0x7f000002, "see $", 0}});
  for (const RrType type :
       {RrType::kA, RrType::kTxt, RrType::kAny, RrType::kAaaa, RrType::kMx,
        RrType::kNs, RrType::kSoa, RrType::kCname}) {
    const Reply reply = Ask("1.2.0.192.rbl.example", type);
    EXPECT_EQ(reply.rcode, kNxDomain) << static_cast<int>(type);
    EXPECT_THAT(reply.data, IsEmpty()) << static_cast<int>(type);
  }
}

// RFC 5782 §2.3 and RFC 6471 §3.1: sublists, together in one zone by several A
// records, and each in a zone of its own.
TEST_F(ConformanceTest, SublistsAnswerTogetherAndInZonesOfTheirOwn) {
  ZoneConfig all = TestZone("bad.example");
  all.lists = {"relay", "malware"};
  ZoneConfig relay = TestZone("relay.bad.example");
  relay.lists = {"relay"};
  ZoneConfig malware = TestZone("malware.bad.example");
  malware.lists = {"malware"};
  builder_.AddZone(all)
      .AddZone(relay)
      .AddZone(malware)
      .Add("relay", "192.0.2.99", {{0x7f000101, "relay", 0}})
      .Add("malware", "192.0.2.99", {{0x7f000102, "malware", 0}})
      .Add("malware", "192.0.2.100", {{0x7f000102, "malware", 0}});
  EXPECT_THAT(Ask("99.2.0.192.bad.example").data,
              UnorderedElementsAre("127.0.1.1", "127.0.1.2"));
  EXPECT_THAT(Ask("99.2.0.192.bad.example", RrType::kTxt).data,
              UnorderedElementsAre("\"relay\"", "\"malware\""));
  EXPECT_THAT(Ask("99.2.0.192.relay.bad.example").data,
              ElementsAre("127.0.1.1"));
  EXPECT_THAT(Ask("99.2.0.192.malware.bad.example").data,
              ElementsAre("127.0.1.2"));
  EXPECT_THAT(Ask("100.2.0.192.bad.example").data, ElementsAre("127.0.1.2"));
  EXPECT_EQ(Ask("100.2.0.192.relay.bad.example").rcode, kNxDomain);
}

// RFC 5782 §5: a list with several values has a test entry for each.
TEST_F(ConformanceTest, AListOfSeveralValuesMayHaveATestEntryForEach) {
  ZoneConfig zone = TestZone("rbl.example");
  zone.records = {TestRecord("5.0.0.127.rbl.example", "A 127.0.0.5"),
                  TestRecord("5.0.0.127.rbl.example", "TXT tested")};
  builder_.AddZone(zone);
  EXPECT_THAT(Ask("2.0.0.127.rbl.example").data, ElementsAre("127.0.0.2"));
  EXPECT_THAT(Ask("5.0.0.127.rbl.example").data, ElementsAre("127.0.0.5"));
  EXPECT_THAT(Ask("5.0.0.127.rbl.example", RrType::kTxt).data,
              ElementsAre("\"tested\""));
  EXPECT_EQ(Ask("1.0.0.127.rbl.example").rcode, kNxDomain);
}

// RFC 5782 §5: the apex may lead to a web server.
TEST_F(ConformanceTest, TheApexMayPointToAWebServer) {
  ZoneConfig zone = TestZone("rbl.example");
  zone.records = {TestRecord("rbl.example", "A 192.0.2.80"),
                  TestRecord("rbl.example", "AAAA 2001:db8::80")};
  builder_.AddZone(zone);
  EXPECT_THAT(Ask("rbl.example").data, ElementsAre("192.0.2.80"));
  EXPECT_THAT(Ask("rbl.example", RrType::kAaaa).data,
              ElementsAre("2001:db8::80"));
}

// RFC 6471 §3.8: a client that does harm can be shut out.
TEST_F(ConformanceTest, AnAccessListShutsClientsOut) {
  ZoneConfig zone = TestZone("rbl.example");
  zone.datasets = {"who"};
  builder_.AddZone(zone)
      .Add("list", "192.0.2.1", {{0x7f000002, "", 0}})
      .AddDataset("who", DatasetType::kAcl,
                  "203.0.113.0/24 :ignore\n198.18.0.0/15 :refuse\n");
  const std::string name = "1.2.0.192.rbl.example";
  EXPECT_EQ(Ask(name).rcode, kNoError);
  EXPECT_EQ(Ask(name, RrType::kA, "198.19.255.1").rcode, kRefused);
  EXPECT_FALSE(Ask(name, RrType::kA, "203.0.113.9").any);
}

}  // namespace
}  // namespace rbld
