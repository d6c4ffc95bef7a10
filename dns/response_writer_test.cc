#include "dns/response_writer.h"

#include <memory>
#include <string>

#include "dns/ldns_packet.h"
#include "dns/query_builder.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

using Packet = LdnsPacket;

// The reply as a library that is not ours reads it.
Packet Parse(const uint8_t* bytes, size_t size) {
  Packet packet(bytes, size);
  EXPECT_TRUE(packet.ok()) << packet.error();
  return packet;
}

class ResponseWriterTest : public ::testing::Test {
 protected:
  void Read(const QueryBuilder& builder) {
    message_ = builder.message();
    ASSERT_EQ(ParseResult::kOk,
              ParseQuery(reinterpret_cast<const uint8_t*>(message_.data()),
                         message_.size(), &query_));
  }
  std::string message_;
  Query query_;
  uint8_t out_[kMaxMessageBytes];
};

TEST_F(ResponseWriterTest, EchoesIdQuestionAndItsCase) {
  Read(QueryBuilder(0x4711, kFlagRd | 0x00b0)
           .Question("MiXeD.Example", RrType::kA));
  ResponseWriter writer(query_, Rcode::kNoError, true, out_, 512);
  ASSERT_TRUE(writer.AddA(300, 0x7f000002));
  const size_t size = writer.Finish();
  const Packet packet = Parse(out_, size);
  EXPECT_EQ(0x4711, ldns_pkt_id(packet.get()));
  EXPECT_TRUE(ldns_pkt_qr(packet.get()));
  EXPECT_TRUE(ldns_pkt_aa(packet.get()));
  EXPECT_TRUE(ldns_pkt_rd(packet.get()));
  EXPECT_FALSE(ldns_pkt_ra(packet.get()));
  EXPECT_FALSE(ldns_pkt_ad(packet.get()));
  EXPECT_FALSE(ldns_pkt_cd(packet.get()));
  EXPECT_EQ(0, memcmp(out_ + 12, message_.data() + 12, message_.size() - 12));
  EXPECT_EQ("MiXeD.Example.\t300\tIN\tA\t127.0.0.2", packet.answers()[0]);
}

TEST_F(ResponseWriterTest, OwnsAuthorityByTheEndOfTheQuestion) {
  Read(QueryBuilder().Question("1.2.3.4.zone.example", RrType::kA));
  std::string record;
  AppendRecord(static_cast<uint16_t>(RrType::kNs), 60,
               *NameFromText("ns.example"), &record);
  ResponseWriter writer(query_, Rcode::kNxDomain, true, out_, 512);
  ASSERT_TRUE(writer.AddAuthority(query_.label_offsets[4], record.substr(2)));
  const Packet packet = Parse(out_, writer.Finish());
  EXPECT_EQ(std::vector<std::string>{"zone.example.\t60\tIN\tNS\tns.example."},
            packet.authorities());
  EXPECT_EQ(LDNS_RCODE_NXDOMAIN, ldns_pkt_get_rcode(packet.get()));
}

TEST_F(ResponseWriterTest, TruncatesToNothingAndKeepsOpt) {
  Read(QueryBuilder()
           .Question("zone.example", RrType::kA)
           .Opt(512, 0, "", true));
  ResponseWriter writer(query_, Rcode::kNoError, true, out_, 512);
  int added = 0;
  while (writer.AddA(1, static_cast<uint32_t>(added))) ++added;
  // 512 less header, question, OPT; 16 bytes a record.
  EXPECT_EQ((512 - 12 - 18 - 11) / 16, added);
  EXPECT_FALSE(writer.AddAuthority(0, "xx"));
  const size_t size = writer.Finish();
  const Packet packet = Parse(out_, size);
  EXPECT_TRUE(ldns_pkt_tc(packet.get()));
  EXPECT_EQ(0, ldns_pkt_ancount(packet.get()));
  EXPECT_TRUE(ldns_pkt_edns(packet.get()));
  EXPECT_EQ(1232, ldns_pkt_edns_udp_size(packet.get()));
  EXPECT_TRUE(ldns_pkt_edns_do(packet.get()));
  EXPECT_EQ(size_t{12 + 18 + 11}, size);
}

TEST_F(ResponseWriterTest, CutsAWholeReplyToItsQuestion) {
  for (const bool edns : {false, true}) {
    QueryBuilder builder(7);
    builder.Question("zone.example", RrType::kA);
    if (edns) builder.Opt(1232, 0, "", true);
    Read(builder);
    ResponseWriter writer(query_, Rcode::kNoError, true, out_, 512);
    for (uint32_t i = 0; i < 9; ++i) ASSERT_TRUE(writer.AddA(1, i));
    size_t size = writer.Finish();
    ASSERT_TRUE(CutToQuestion(out_, &size));
    EXPECT_EQ(size_t{12 + 18} + (edns ? 11 : 0), size);
    const Packet packet = Parse(out_, size);
    EXPECT_EQ(7, ldns_pkt_id(packet.get()));
    EXPECT_TRUE(ldns_pkt_tc(packet.get()));
    EXPECT_TRUE(ldns_pkt_aa(packet.get()));
    EXPECT_EQ(1, ldns_pkt_qdcount(packet.get()));
    EXPECT_EQ(0, ldns_pkt_ancount(packet.get()));
    EXPECT_EQ(edns, ldns_pkt_edns(packet.get()));
    EXPECT_EQ(edns, ldns_pkt_edns_do(packet.get()));
    // There is nothing more to take away.
    EXPECT_FALSE(CutToQuestion(out_, &size));
  }
}

TEST_F(ResponseWriterTest, CutsAnOptRecordThatHasOptions) {
  Read(QueryBuilder().Question("zone.example", RrType::kA).Opt(1232));
  ResponseWriter writer(query_, Rcode::kRefused, false, out_, 512);
  writer.SetExtendedError(ExtendedError::kNotAuthoritative);
  size_t size = writer.Finish();
  ASSERT_TRUE(CutToQuestion(out_, &size));
  EXPECT_EQ(size_t{12 + 18}, size);
  const Packet packet = Parse(out_, size);
  EXPECT_EQ(LDNS_RCODE_REFUSED, ldns_pkt_get_rcode(packet.get()));
  EXPECT_FALSE(ldns_pkt_edns(packet.get()));
}

TEST_F(ResponseWriterTest, FillsTheLimitToTheLastByte) {
  Read(QueryBuilder().Question("zone.example", RrType::kTxt));
  ResponseWriter writer(query_, Rcode::kNoError, true, out_, 512);
  size_t room = 0;
  uint8_t* rdata = writer.RdataRoom(&room);
  ASSERT_NE(nullptr, rdata);
  ASSERT_EQ(size_t{512 - 12 - 18 - 12}, room);
  // Three strings that fill it: two of 200 bytes and the rest.
  memset(rdata, 'a', room);
  rdata[0] = 200;
  rdata[201] = 200;
  rdata[402] = static_cast<uint8_t>(room - 403);
  writer.CommitAnswer(RrType::kTxt, 5, room);
  EXPECT_FALSE(writer.truncated());
  EXPECT_EQ(512u, writer.Finish());
  Parse(out_, 512);
}

TEST_F(ResponseWriterTest, DropsDuplicatesWhateverTheirTtl) {
  Read(QueryBuilder().Question("zone.example", RrType::kA));
  ResponseWriter writer(query_, Rcode::kNoError, true, out_, 512);
  for (const uint32_t code : {2u, 4u, 2u, 4u, 5u}) {
    writer.AddA(100 + code * 7, 0x7f000000 + code);
    writer.DropNewestIfDuplicate();
  }
  writer.SetAnswerTtl(9);
  const Packet packet = Parse(out_, writer.Finish());
  ASSERT_EQ(3, ldns_pkt_ancount(packet.get()));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(9u,
              ldns_rr_ttl(ldns_rr_list_rr(ldns_pkt_answer(packet.get()), i)));
  }
}

TEST_F(ResponseWriterTest, SaysBadVersInOptAndHeader) {
  Read(QueryBuilder().Question("zone.example", RrType::kA).Opt(1232, 1));
  ResponseWriter writer(query_, Rcode::kBadVers, false, out_, 512);
  const Packet packet = Parse(out_, writer.Finish());
  EXPECT_EQ(0, ldns_pkt_get_rcode(packet.get()));
  EXPECT_EQ(1, ldns_pkt_edns_extended_rcode(packet.get()));
  EXPECT_EQ(0, ldns_pkt_edns_version(packet.get()));
}

TEST_F(ResponseWriterTest, WritesExtendedErrorsOnlyIntoOpt) {
  Read(QueryBuilder().Question("zone.example", RrType::kA).Opt());
  ResponseWriter with(query_, Rcode::kRefused, false, out_, 512);
  with.SetExtendedError(ExtendedError::kNotAuthoritative);
  const Packet packet = Parse(out_, with.Finish());
  const ldns_rdf* data = ldns_pkt_edns_data(packet.get());
  ASSERT_NE(nullptr, data);
  EXPECT_EQ(std::string("\0\x0f\0\2\0\x14", 6),
            std::string(reinterpret_cast<char*>(ldns_rdf_data(data)),
                        ldns_rdf_size(data)));
  Read(QueryBuilder().Question("zone.example", RrType::kA));
  ResponseWriter without(query_, Rcode::kRefused, false, out_, 512);
  without.SetExtendedError(ExtendedError::kNotAuthoritative);
  EXPECT_EQ(message_.size(), without.Finish());
}

TEST_F(ResponseWriterTest, WritesABareHeaderWhenThereIsNoQuestion) {
  const std::string bytes = QueryBuilder(7, 0).message();
  ASSERT_EQ(ParseResult::kFormErr,
            ParseQuery(reinterpret_cast<const uint8_t*>(bytes.data()),
                       bytes.size(), &query_));
  ResponseWriter writer(query_, Rcode::kFormErr, false, out_, 512);
  EXPECT_EQ(12u, writer.Finish());
  EXPECT_EQ(std::string("\0\7\x80\1\0\0\0\0\0\0\0\0", 12),
            std::string(reinterpret_cast<char*>(out_), 12));
}

}  // namespace
}  // namespace rbld
