#include "dns/query.h"

#include <memory>
#include <random>
#include <vector>

#include "dns/query_builder.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

using Section = QueryBuilder::Section;

// The message in a buffer of its own size, so that ASan sees one byte too far.
struct Parsed {
  explicit Parsed(absl::string_view bytes)
      : message(new uint8_t[bytes.size()]), query(new Query) {
    memcpy(message.get(), bytes.data(), bytes.size());
    result = ParseQuery(message.get(), bytes.size(), query.get());
  }
  explicit Parsed(const QueryBuilder& builder) : Parsed(builder.message()) {}
  std::unique_ptr<uint8_t[]> message;
  std::unique_ptr<Query> query;
  ParseResult result;
};

ParseResult Parse(const QueryBuilder& builder) {
  return Parsed(builder).result;
}

QueryBuilder Plain() {
  QueryBuilder builder;
  builder.Question("2.0.0.127.Relays.example", RrType::kA);
  return builder;
}

const absl::string_view kRoot("\0", 1);

TEST(QueryParser, ReadsAPlainQuery) {
  const Parsed parsed(QueryBuilder(0xbeef, kFlagRd)
                          .Question("2.0.0.127.Relays.EXAMPLE", RrType::kTxt));
  ASSERT_EQ(ParseResult::kOk, parsed.result);
  const Query& query = *parsed.query;
  EXPECT_EQ(0xbeef, query.id);
  EXPECT_TRUE(query.recursion_desired());
  EXPECT_EQ(static_cast<uint16_t>(RrType::kTxt), query.type);
  EXPECT_EQ(kClassIn, query.qclass);
  EXPECT_EQ(6, query.label_count);
  EXPECT_EQ(*NameFromText("2.0.0.127.relays.example"), query.NameFrom(0));
  EXPECT_EQ(*NameFromText("relays.example"), query.NameFrom(4));
  EXPECT_EQ(kRoot, query.NameFrom(6));
  EXPECT_FALSE(query.has_edns);
}

TEST(QueryParser, ReadsTheRootAndTheLongestName) {
  EXPECT_EQ(ParseResult::kOk, Parse(QueryBuilder().Question(".", RrType::kNs)));
  std::string name;
  for (int i = 0; i < 127; ++i) name += "\1a";
  name += '\0';
  ASSERT_EQ(255u, name.size());
  const Parsed parsed(QueryBuilder().RawQuestion(name, 1));
  ASSERT_EQ(ParseResult::kOk, parsed.result);
  EXPECT_EQ(127, parsed.query->label_count);
  EXPECT_EQ(255, parsed.query->name_bytes);
  EXPECT_EQ(kRoot, parsed.query->NameFrom(127));
}

TEST(QueryParser, KnowsWhereEachLabelIs) {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    // Runs of labels of one byte, which are read four at a time, between
    // others.
    std::string name;
    std::vector<uint8_t> offsets;
    while (name.size() < 253 && random() % 40 != 0) {
      const size_t length = random() % 8 == 0 ? 1 + random() % 3 : 1;
      if (name.size() + 1 + length > 254) break;
      offsets.push_back(static_cast<uint8_t>(name.size()));
      name += static_cast<char>(length);
      // Bytes that could be lengths.
      for (size_t i = 0; i < length; ++i) {
        name += static_cast<char>(random() % 3);
      }
    }
    offsets.push_back(static_cast<uint8_t>(name.size()));
    name += '\0';
    const Parsed parsed(QueryBuilder().RawQuestion(name, 1));
    ASSERT_EQ(ParseResult::kOk, parsed.result);
    ASSERT_EQ(parsed.query->label_count, offsets.size() - 1);
    ASSERT_EQ(parsed.query->name_bytes, name.size());
    for (size_t i = 0; i < offsets.size(); ++i) {
      ASSERT_EQ(parsed.query->label_offsets[i], offsets[i]) << i;
    }
  }
}

TEST(QueryParser, RejectsNamesOver255Bytes) {
  std::string name = "\2aa";
  for (int i = 0; i < 126; ++i) name += "\1a";
  name += '\0';
  ASSERT_EQ(256u, name.size());
  EXPECT_EQ(ParseResult::kFormErr, Parse(QueryBuilder().RawQuestion(name, 1)));
}

TEST(QueryParser, DropsShortMessagesAndResponses) {
  const std::string whole = Plain().message();
  for (size_t size = 0; size < 12; ++size) {
    EXPECT_EQ(ParseResult::kDrop, Parsed(whole.substr(0, size)).result);
  }
  EXPECT_EQ(ParseResult::kDrop,
            Parse(QueryBuilder(1, kFlagQr).Question("a", RrType::kA)));
}

TEST(QueryParser, RejectsEveryCutOfAMessage) {
  QueryBuilder builder = Plain();
  builder.Opt(4096, 0, std::string("\0\x0a\0\2xy", 6));
  const std::string whole = builder.message();
  ASSERT_EQ(ParseResult::kOk, Parsed(whole).result);
  for (size_t size = 12; size < whole.size(); ++size) {
    EXPECT_EQ(ParseResult::kFormErr, Parsed(whole.substr(0, size)).result)
        << size;
  }
}

TEST(QueryParser, RejectsPointersInTheQuestion) {
  for (const absl::string_view name :
       {absl::string_view("\xc0\x0c", 2), absl::string_view("\xc0\x0e", 2),
        absl::string_view("\1a\xc0\x0c", 4), absl::string_view("\xc0\xff", 2),
        absl::string_view("\1a\xc0\x00", 4)}) {
    EXPECT_EQ(ParseResult::kFormErr,
              Parse(QueryBuilder().RawQuestion(name, 1)));
  }
}

TEST(QueryParser, RejectsReservedLabelTypes) {
  for (const char type : {'\x40', '\x80', '\x41', '\xbf'}) {
    const std::string name = type + std::string(300, 'a') + '\0';
    EXPECT_EQ(ParseResult::kFormErr,
              Parse(QueryBuilder().RawQuestion(name, 1)));
  }
}

TEST(QueryParser, RejectsQuestionCountsOtherThanOne) {
  EXPECT_EQ(ParseResult::kFormErr, Parse(QueryBuilder()));
  EXPECT_EQ(
      ParseResult::kFormErr,
      Parse(
          QueryBuilder().Question("a", RrType::kA).Question("b", RrType::kA)));
  for (const int questions : {0, 2, 65535}) {
    EXPECT_EQ(ParseResult::kFormErr,
              Parse(Plain().SetCounts(questions, 0, 0, 0)));
  }
}

TEST(QueryParser, RejectsCountsThatLie) {
  EXPECT_EQ(ParseResult::kFormErr, Parse(Plain().SetCounts(1, 1, 0, 0)));
  EXPECT_EQ(ParseResult::kFormErr, Parse(Plain().SetCounts(1, 0, 65535, 0)));
  EXPECT_EQ(ParseResult::kFormErr,
            Parse(Plain().SetCounts(1, 65535, 65535, 65535)));
  // A record that no count tells of.
  EXPECT_EQ(ParseResult::kFormErr, Parse(Plain().Opt().SetCounts(1, 0, 0, 0)));
  EXPECT_EQ(ParseResult::kFormErr, Parse(Plain().Raw("x")));
}

TEST(QueryParser, WalksRecordsThatItDoesNotKnow) {
  EXPECT_EQ(ParseResult::kOk,
            Parse(Plain()
                      .Record(Section::kAnswer, "\xc0\x0c", 1, 1, 0, "abcd")
                      .Record(Section::kAuthority, kRoot, 6, 1, 0, "")
                      .Record(Section::kAdditional, kRoot, 65280, 1, 0, "z")
                      .Opt()));
  // A forward pointer as an owner.
  EXPECT_EQ(ParseResult::kFormErr,
            Parse(Plain().Record(Section::kAnswer, "\xc1\x0c", 1, 1, 0, "")));
}

TEST(QueryParser, ReadsOpt) {
  const Parsed parsed(Plain().Opt(4096, 1, "", true));
  ASSERT_EQ(ParseResult::kOk, parsed.result);
  EXPECT_TRUE(parsed.query->has_edns);
  EXPECT_EQ(4096, parsed.query->udp_payload_bytes);
  EXPECT_EQ(1, parsed.query->edns_version);
  EXPECT_TRUE(parsed.query->dnssec_ok);
}

TEST(QueryParser, RejectsTwoOptsButKnowsThatEdnsIsSpoken) {
  const Parsed parsed(Plain().Opt().Opt());
  EXPECT_EQ(ParseResult::kFormErr, parsed.result);
  EXPECT_TRUE(parsed.query->has_edns);
}

TEST(QueryParser, RejectsOptOutsideAdditionalAndWithAnOwner) {
  EXPECT_EQ(ParseResult::kFormErr,
            Parse(Plain().Record(Section::kAnswer, kRoot, 41, 1232, 0, "")));
  EXPECT_EQ(ParseResult::kFormErr,
            Parse(Plain().Record(Section::kAuthority, kRoot, 41, 1232, 0, "")));
  EXPECT_EQ(
      ParseResult::kFormErr,
      Parse(Plain().Record(Section::kAdditional, absl::string_view("\1a\0", 3),
                           41, 1232, 0, "")));
  EXPECT_EQ(
      ParseResult::kFormErr,
      Parse(Plain().Record(Section::kAdditional, "\xc0\x0c", 41, 1232, 0, "")));
}

TEST(QueryParser, RejectsOptionsThatOverrun) {
  EXPECT_EQ(ParseResult::kOk,
            Parse(Plain().Opt(512, 0, std::string("\0\x0a\0\0", 4))));
  for (const std::string& options :
       {std::string("\0", 1), std::string("\0\x0a\0", 3),
        std::string("\0\x0a\0\1", 4),
        std::string("\0\x0a\xff\xff"
                    "abcd",
                    8),
        std::string("\0\x0a\0\1x\0", 6)}) {
    EXPECT_EQ(ParseResult::kFormErr, Parse(Plain().Opt(512, 0, options)));
  }
}

TEST(QueryParser, WantsTsigLastAndInAdditional) {
  const Parsed last(
      Plain().Opt().Record(Section::kAdditional, kRoot, 250, 255, 0, "x"));
  EXPECT_EQ(ParseResult::kOk, last.result);
  EXPECT_TRUE(last.query->has_tsig);
  EXPECT_EQ(
      ParseResult::kFormErr,
      Parse(
          Plain().Record(Section::kAdditional, kRoot, 250, 255, 0, "x").Opt()));
  EXPECT_EQ(ParseResult::kFormErr,
            Parse(Plain().Record(Section::kAnswer, kRoot, 250, 255, 0, "x")));
}

TEST(QueryParser, SaysNotImpForEveryOtherOpcode) {
  for (int opcode = 1; opcode < 16; ++opcode) {
    const uint16_t flags = static_cast<uint16_t>(opcode << kOpcodeShift);
    const Parsed good(QueryBuilder(1, flags).Question("a", RrType::kSoa));
    EXPECT_EQ(ParseResult::kNotImp, good.result);
    EXPECT_TRUE(good.query->has_question);
    // DSO (RFC 8490 §5.4) has no question at all.
    const Parsed bare{QueryBuilder(1, flags)};
    EXPECT_EQ(ParseResult::kNotImp, bare.result);
    EXPECT_FALSE(bare.query->has_question);
  }
}

TEST(QueryParser, SurvivesMutatedMessages) {
  std::mt19937 random(11);
  const std::string seed =
      Plain().Opt(4096, 0, std::string("\0\x0a\0\2xy", 6)).message();
  int ok = 0;
  int formerr = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string bytes = seed;
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < changes; ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 1));
    const Parsed parsed(bytes);
    if (parsed.result == ParseResult::kOk) {
      ++ok;
      ASSERT_LE(parsed.query->question_end_bytes(), bytes.size());
      ASSERT_EQ(parsed.query->name_bytes,
                WireNameBytes(parsed.query->name, parsed.query->name_bytes));
    } else if (parsed.result == ParseResult::kFormErr) {
      ++formerr;
    }
  }
  // Both ways were taken often, or the test tries nothing.
  EXPECT_GT(ok, 1000);
  EXPECT_GT(formerr, 1000);
}

}  // namespace
}  // namespace rbld
