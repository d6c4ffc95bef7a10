// Replies to generated and to mutated queries, judged by ldns.

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dns/ldns_packet.h"
#include "dns/query_builder.h"
#include "gtest/gtest.h"
#include "server/answer.h"
#include "server/stats.h"
#include "server/test_snapshot.h"

namespace rbld {
namespace {

constexpr int kGeneratedQueries = 100000;
constexpr int kMutatedQueries = 100000;

class AnswerWireTest : public ::testing::Test {
 protected:
  AnswerWireTest() : random_(20) {
    ZoneConfig mixed = TestZone("mixed.example");
    mixed.has_names = true;
    mixed.lists = {"list", "second"};
    mixed.records = {TestRecord("www.mixed.example", "A 192.0.2.80"),
                     TestRecord("mixed.example", "TXT hello")};
    ZoneConfig retired = TestZone("old.example");
    retired.state = ZoneState::kRetired;
    builder_.AddZone(mixed).AddZone(retired);
    ValueSet many;
    for (uint32_t i = 2; i < 60; ++i) {
      many.push_back({0x7f000000 + i, absl::StrCat("reason ", i, " of $"), i});
    }
    builder_.Add("list", "10.0.0.0/12", {{0x7f000002, "range $", 0}})
        .Add("list", "10.99.1.1", many)
        .Add("second", "10.0.0.0/14", {{0x7f000004, std::string(4000, '$'), 9}})
        .Add("list", "2001:db8::/48", {{0x7f000002, "six $", 0}})
        .Add("list", ".spam.test", {{0x7f000002, "name $", 0}});
    snapshot_ = builder_.Build();
  }

  int Below(int bound) {
    return static_cast<int>(random_() % static_cast<unsigned>(bound));
  }

  std::string RandomName() {
    static const char* const kZones[] = {"mixed.example", "MIXED.eXample",
                                         "old.example", "other.example"};
    const std::string zone = kZones[Below(20) < 16 ? Below(2) : Below(4)];
    switch (Below(6)) {
      case 0:
        return absl::StrCat(Below(256), ".", Below(256), ".", Below(20), ".10.",
                            zone);
      case 1: {
        std::string name;
        const int nibbles = 1 + Below(33);
        for (int i = nibbles; i > 0; --i) {
          // From the top down: 2001:0db8::
          static const char kTop[] = "20010db8";
          absl::StrAppend(&name,
                          i <= 8 ? std::string(1, kTop[i - 1])
                                 : absl::StrCat(absl::Hex(Below(2))),
                          ".");
        }
        return name + zone;
      }
      case 2:
        return absl::StrCat("w", Below(9), ".spam.test.", zone);
      case 3:
        return absl::StrCat(Below(3), ".0.127.", zone);
      case 4:
        return absl::StrCat("1.1.99.10.", zone);
      default:
        return Below(2) == 0 ? zone : "www." + zone;
    }
  }

  std::string RandomQuery() {
    static const int kTypes[] = {1, 1, 1, 16, 16, 255, 28, 6, 2, 252, 65535};
    QueryBuilder query(static_cast<uint16_t>(random_()),
                       Below(2) == 0 ? 0 : kFlagRd);
    query.Question(RandomName(), static_cast<RrType>(kTypes[Below(11)]));
    if (Below(2) == 0) {
      query.Opt(static_cast<uint16_t>(Below(5000)), Below(20) == 0 ? 1 : 0, "",
                Below(2) == 0);
    }
    return query.message();
  }

  // Checks one reply; returns whether there was one.
  bool Check(const std::string& message, Transport transport) {
    // Buffers of the exact sizes, so that ASan sees one byte too far.
    const std::unique_ptr<uint8_t[]> bytes(new uint8_t[message.size()]);
    memcpy(bytes.get(), message.data(), message.size());
    const size_t room =
        transport == Transport::kUdp ? kUdpReplyBytes : kTcpReplyBytes;
    const std::unique_ptr<uint8_t[]> out(new uint8_t[room]);
    Request request;
    request.message = bytes.get();
    request.message_bytes = message.size();
    request.transport = transport;
    Outcome outcome;
    const size_t size = Answer(*snapshot_, request, out.get(), &outcome);
    ++kinds_[static_cast<size_t>(outcome.kind)];
    if (size == 0) {
      EXPECT_EQ(AnswerKind::kDropped, outcome.kind);
      return false;
    }
    EXPECT_LE(size, room);
    EXPECT_EQ(message.substr(0, 2),
              std::string(reinterpret_cast<char*>(out.get()), 2));
    EXPECT_TRUE(out[2] & 0x80) << "QR";
    if (transport == Transport::kUdp && outcome.kind != AnswerKind::kFormErr) {
      Query query;
      ParseQuery(bytes.get(), message.size(), &query);
      EXPECT_LE(size,
                std::min<size_t>(
                    1232, std::max<size_t>(512, query.udp_payload_bytes)));
    }
    const LdnsPacket packet(out.get(), size);
    EXPECT_TRUE(packet.ok()) << packet.error();
    // What ldns understood is the whole of it.
    if (packet.ok()) {
      EXPECT_EQ(size, ldns_pkt_size(packet.get()));
    }
    return true;
  }

  std::mt19937 random_;
  TestSnapshot builder_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::array<int, kAnswerKinds> kinds_ = {};
};

TEST_F(AnswerWireTest, RepliesToGeneratedQueriesAreWellFormed) {
  for (int i = 0; i < kGeneratedQueries; ++i) {
    const std::string query = RandomQuery();
    const Transport transport = i % 4 == 0 ? Transport::kTcp : Transport::kUdp;
    ASSERT_TRUE(Check(query, transport));
    ASSERT_FALSE(HasFailure()) << "query " << i;
  }
  // Every outcome that a well-formed query can have was had.
  for (const AnswerKind kind :
       {AnswerKind::kListed, AnswerKind::kStatic, AnswerKind::kNoData,
        AnswerKind::kNxDomain, AnswerKind::kRefused, AnswerKind::kBadVers}) {
    EXPECT_GT(kinds_[static_cast<size_t>(kind)], 50) << AnswerKindName(kind);
  }
}

TEST_F(AnswerWireTest, RepliesToMutatedQueriesAreWellFormed) {
  int replies = 0;
  for (int i = 0; i < kMutatedQueries; ++i) {
    std::string query = RandomQuery();
    const int changes = 1 + Below(5);
    for (int k = 0; k < changes; ++k) {
      const size_t at = random_() % query.size();
      switch (Below(4)) {
        case 0:
          query.erase(at, 1);
          break;
        case 1:
          query.insert(at, 1, static_cast<char>(random_()));
          break;
        default:
          query[at] = static_cast<char>(random_());
      }
      if (query.empty()) break;
    }
    if (Below(10) == 0) query.resize(random_() % (query.size() + 1));
    replies += Check(query, i % 4 == 0 ? Transport::kTcp : Transport::kUdp);
    ASSERT_FALSE(HasFailure()) << "query " << i;
  }
  EXPECT_GT(replies, kMutatedQueries / 2);
  for (const AnswerKind kind :
       {AnswerKind::kDropped, AnswerKind::kFormErr, AnswerKind::kNotImp,
        AnswerKind::kListed, AnswerKind::kRefused}) {
    EXPECT_GT(kinds_[static_cast<size_t>(kind)], 50) << AnswerKindName(kind);
  }
}

}  // namespace
}  // namespace rbld
