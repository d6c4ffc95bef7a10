#include "dns/response_reader.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "dns/name.h"
#include "dns/query_builder.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

using Section = QueryBuilder::Section;

constexpr uint16_t kReply = kFlagQr | kFlagAa;
// The question's name, at offset 12, and its last label but one.
const char kQuestionName[] = "\xc0\x0c";

absl::StatusOr<Response> Read(const std::string& message) {
  return ReadResponse(reinterpret_cast<const uint8_t*>(message.data()),
                      message.size());
}

uint16_t Type(RrType type) { return static_cast<uint16_t>(type); }

// "2.0.0.127.Bl.test A 127.0.0.2" with a SOA whose names are compressed.
QueryBuilder Sample() {
  QueryBuilder builder(0x4711, kReply);
  builder.Question("2.0.0.127.Bl.test", RrType::kA)
      .Record(Section::kAnswer, kQuestionName, Type(RrType::kA), kClassIn, 300,
              std::string("\x7f\0\0\2", 4))
      // "Bl.test" begins at 12 + 2 + 2 + 2 + 4 = 22.
      .Record(Section::kAuthority, "\xc0\x16", Type(RrType::kSoa), kClassIn, 60,
              std::string("\2NS\xc0\x16\4host\xc0\x16", 12) +
                  std::string("\0\0\0\7\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 20));
  return builder;
}

TEST(ReadResponse, ExpandsAndLowersNames) {
  const absl::StatusOr<Response> response = Read(Sample().message());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(0x4711, response->id);
  EXPECT_TRUE(response->authoritative());
  EXPECT_FALSE(response->truncated());
  EXPECT_EQ(*NameFromText("2.0.0.127.bl.test"), response->question_name);
  EXPECT_EQ(1, response->question_type);
  ASSERT_EQ(1u, response->answers.size());
  EXPECT_EQ(response->question_name, response->answers[0].owner);
  EXPECT_EQ(300u, response->answers[0].ttl_seconds);
  EXPECT_EQ(std::string("\x7f\0\0\2", 4), response->answers[0].rdata);
  ASSERT_EQ(1u, response->authorities.size());
  const ResponseRecord& soa = response->authorities[0];
  EXPECT_EQ(*NameFromText("bl.test"), soa.owner);
  EXPECT_EQ(
      absl::StrCat(*NameFromText("ns.bl.test"), *NameFromText("host.bl.test")),
      soa.rdata.substr(0, soa.rdata.size() - 20));
}

TEST(ReadResponse, ReadsOptApartWithItsRcode) {
  QueryBuilder builder(1, kReply);
  builder.Question("x.test", RrType::kA)
      .Record(Section::kAdditional, std::string(1, '\0'), Type(RrType::kOpt),
              1232, 0x01000000, "");
  const absl::StatusOr<Response> response = Read(builder.message());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->has_edns);
  EXPECT_EQ(16, response->rcode);
  EXPECT_TRUE(response->additionals.empty());
}

TEST(ReadResponse, TakesABareHeader) {
  const absl::StatusOr<Response> response =
      Read(QueryBuilder(7, kFlagQr | 1).message());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_FALSE(response->has_question);
  EXPECT_EQ(1, response->rcode);
}

TEST(ReadResponse, SaysWhatIsWrong) {
  const auto why = [](const std::string& message) {
    return std::string(Read(message).status().message());
  };
  EXPECT_EQ("it is shorter than a header", why("short"));
  EXPECT_EQ("it is a query",
            why(QueryBuilder(1).Question("x", RrType::kA).message()));
  EXPECT_EQ("it has several questions", why(QueryBuilder(1, kReply)
                                                .Question("x", RrType::kA)
                                                .Question("x", RrType::kA)
                                                .message()));
  EXPECT_EQ("bytes stand behind its last record",
            why(Sample().Raw("x").message()));
  EXPECT_EQ("a record's owner is malformed or missing",
            why(Sample().SetCounts(1, 1, 1, 1).message()));
  EXPECT_EQ("an OPT record stands where none may be",
            why(Sample().Opt().Opt().message()));
}

TEST(ReadResponse, RejectsRdataThatItsTypeDoesNotAllow) {
  struct Case {
    RrType type;
    std::string rdata;
  };
  for (const Case& bad : {
           Case{RrType::kA, "abc"},
           Case{RrType::kA, "abcde"},
           Case{RrType::kAaaa, "abcd"},
           Case{RrType::kTxt, ""},
           Case{RrType::kTxt, "\4abc"},
           Case{RrType::kNs, ""},
           Case{RrType::kNs, "\3abc"},
           Case{RrType::kNs, std::string("\xc0\x0cx", 3)},
           Case{RrType::kMx, "\1"},
           Case{RrType::kSoa, std::string("\0\0\0\0\0\1", 6)},
           // Points at itself: the rdata begins at 12 + 8 + 4 + 12.
           Case{RrType::kCname, std::string("\xc0\x24", 2)},
       }) {
    QueryBuilder builder(1, kReply);
    builder.Question("x.test", RrType::kA)
        .Record(Section::kAnswer, kQuestionName, Type(bad.type), kClassIn, 1,
                bad.rdata);
    EXPECT_FALSE(Read(builder.message()).ok())
        << static_cast<int>(bad.type) << " " << bad.rdata;
  }
}

TEST(ReadResponse, EveryCutIsAnError) {
  const std::string message = Sample().Opt().message();
  ASSERT_TRUE(Read(message).ok());
  for (size_t size = 0; size < message.size(); ++size) {
    EXPECT_FALSE(Read(message.substr(0, size)).ok()) << size;
  }
}

}  // namespace
}  // namespace rbld
