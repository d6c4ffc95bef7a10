#include "tools/compare/frame.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "dns/name.h"
#include "dns/query_builder.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

constexpr uint8_t kUdp = 17;
constexpr uint8_t kTcp = 6;

std::string U16(size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string Query(absl::string_view name = "2.0.0.127.BL.test") {
  return QueryBuilder(1).Question(name, RrType::kTxt).Opt().message();
}

std::string Udp(const std::string& payload, uint16_t port = 53) {
  return U16(4711) + U16(port) + U16(8 + payload.size()) + U16(0) + payload;
}

std::string Tcp(const std::string& payload, uint16_t port = 53) {
  return U16(4711) + U16(port) + std::string(8, '\0') + "\x60\x18" +
         std::string(6, '\0') + "\2\4\5\xb4" + payload;
}

std::string Ipv4(const std::string& payload, uint8_t protocol,
                 uint16_t fragment = 0) {
  return absl::StrCat(std::string("\x46\0", 2), U16(24 + payload.size()),
                      U16(1), U16(fragment), "\x40",
                      std::string(1, static_cast<char>(protocol)), U16(0),
                      std::string(8, '\1'), "\1\1\1\1", payload);
}

std::string Ipv6(const std::string& payload, uint8_t next) {
  return absl::StrCat(std::string("\x60\0\0\0", 4), U16(payload.size()),
                      std::string(1, static_cast<char>(next)), "\x40",
                      std::string(32, '\2'), payload);
}

std::string Ethernet(const std::string& packet, uint16_t type = 0x0800) {
  return absl::StrCat(std::string(12, '\3'), U16(type), packet);
}

std::vector<Question> Read(LinkType link, const std::string& frame,
                           uint16_t port = 53) {
  std::vector<Question> questions;
  ReadFrameQuestions(link, reinterpret_cast<const uint8_t*>(frame.data()),
                     frame.size(), port, &questions);
  return questions;
}

const std::vector<Question> kOne = {{*NameFromText("2.0.0.127.bl.test"), 16}};

TEST(ReadFrameQuestions, KnowsEveryLink) {
  const std::string four = Ipv4(Udp(Query()), kUdp);
  const std::string six = Ipv6(Udp(Query()), kUdp);
  EXPECT_EQ(kOne, Read(LinkType::kEthernet, Ethernet(four)));
  EXPECT_EQ(kOne, Read(LinkType::kEthernet, Ethernet(six, 0x86dd)));
  EXPECT_EQ(kOne, Read(LinkType::kRaw, four));
  EXPECT_EQ(kOne, Read(LinkType::kRaw, six));
  EXPECT_EQ(kOne, Read(LinkType::kLoopback, "\2abc" + four));
  EXPECT_EQ(kOne, Read(LinkType::kLinuxSll,
                       std::string(14, '\1') + U16(0x86dd) + six));
  EXPECT_EQ(kOne, Read(LinkType::kLinuxSll2,
                       U16(0x0800) + std::string(18, '\1') + four));
}

TEST(ReadFrameQuestions, PassesVlanTags) {
  const std::string four = Ipv4(Udp(Query()), kUdp);
  EXPECT_EQ(kOne, Read(LinkType::kEthernet,
                       Ethernet(U16(5) + U16(0x0800) + four, 0x8100)));
  EXPECT_EQ(kOne,
            Read(LinkType::kEthernet,
                 Ethernet(U16(5) + U16(0x8100) + U16(6) + U16(0x0800) + four,
                          0x88a8)));
}

TEST(ReadFrameQuestions, PassesExtensionHeadersAndPadding) {
  const std::string udp = Udp(Query());
  const std::string options = std::string("\x2b\0\0\0\0\0\0\0", 8);  // routing
  const std::string routing = std::string("\x2c\0\0\0\0\0\0\0", 8);  // fragment
  const std::string fragment = std::string("\x11\0\0\1\0\0\0\0", 8);
  EXPECT_EQ(kOne,
            Read(LinkType::kRaw, Ipv6(options + routing + fragment + udp, 0)));
  const std::string later = std::string("\x11\0\0\x08\0\0\0\0", 8);
  EXPECT_TRUE(Read(LinkType::kRaw, Ipv6(later + udp, 44)).empty());
  EXPECT_EQ(kOne,
            Read(LinkType::kEthernet, Ethernet(Ipv4(udp, kUdp) + "padding")));
}

TEST(ReadFrameQuestions, ReadsWholeMessagesOfATcpSegment) {
  const std::string query = Query();
  const std::string other =
      QueryBuilder(2).Question("x.test", RrType::kA).message();
  const std::string both =
      U16(query.size()) + query + U16(other.size()) + other + "\0";
  EXPECT_EQ((std::vector<Question>{kOne[0], {*NameFromText("x.test"), 1}}),
            Read(LinkType::kRaw, Ipv4(Tcp(both), kTcp)));
  EXPECT_TRUE(Read(LinkType::kRaw, Ipv4(Tcp("\1\2garbage"), kTcp)).empty());
  EXPECT_TRUE(Read(LinkType::kRaw, Ipv4(Tcp(""), kTcp)).empty());
}

TEST(ReadFrameQuestions, TakesAQuestionWhoseMessageWasCutOff) {
  const std::string frame = Ethernet(Ipv4(Udp(Query()), kUdp));
  EXPECT_EQ(kOne, Read(LinkType::kEthernet, frame.substr(0, frame.size() - 9)));
  EXPECT_TRUE(
      Read(LinkType::kEthernet, frame.substr(0, frame.size() - 20)).empty());
}

TEST(ReadFrameQuestions, PassesOverAllElse) {
  const std::string query = Query();
  EXPECT_TRUE(Read(LinkType::kRaw, Ipv4(Udp(query, 54), kUdp)).empty());
  EXPECT_EQ(kOne, Read(LinkType::kRaw, Ipv4(Udp(query, 54), kUdp), 54));
  EXPECT_TRUE(Read(LinkType::kRaw, Ipv4(Udp(query), 1)).empty());
  // A later fragment.
  EXPECT_TRUE(Read(LinkType::kRaw, Ipv4(Udp(query), kUdp, 100)).empty());
  EXPECT_TRUE(Read(LinkType::kEthernet, Ethernet(Udp(query), 0x0806)).empty());
  // Replies, other opcodes and classes, zone transfers.
  for (const QueryBuilder& builder :
       {QueryBuilder(1, kFlagQr).Question("x.test", RrType::kA),
        QueryBuilder(1, 0x2800).Question("x.test", RrType::kA),
        QueryBuilder(1).Question("x.test", RrType::kA, 3),
        QueryBuilder(1).Question("x.test", RrType::kAxfr), QueryBuilder(1)}) {
    EXPECT_TRUE(
        Read(LinkType::kRaw, Ipv4(Udp(builder.message()), kUdp)).empty());
  }
}

TEST(ReadFrameQuestions, NoCutDoesHarm) {
  for (const std::string& frame :
       {Ethernet(Ipv4(Udp(Query()), kUdp)),
        Ethernet(Ipv6(Tcp(U16(Query().size()) + Query()), kTcp), 0x86dd)}) {
    for (size_t size = 0; size <= frame.size(); ++size) {
      for (int link = 0; link < kLinkTypes; ++link) {
        Read(static_cast<LinkType>(link), frame.substr(0, size));
      }
    }
  }
}

}  // namespace
}  // namespace rbld
