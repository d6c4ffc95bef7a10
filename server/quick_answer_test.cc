// Both paths give the same answer, byte for byte, whatever is asked.

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dns/query_builder.h"
#include "server/quick_answer_test_base.h"

namespace rbld {
namespace {

constexpr int kPlainQueries = 40000;
constexpr int kMutatedQueries = 150000;
constexpr int kOddNames = 60000;

// Zones of many kinds, and random queries.
class QuickWorldTest : public QuickAnswerTest {
 protected:
  QuickWorldTest() : random_(7) { BuildWorld(); }

  uint32_t Below(uint32_t bound) {
    return static_cast<uint32_t>(random_() % bound);
  }

  std::string RandomCase(std::string name) {
    for (char& byte : name) {
      if (Below(2) == 0) byte = absl::ascii_toupper(byte);
    }
    return name;
  }

  // Zones of many kinds, and addresses with one value, with several, with none.
  void BuildWorld() {
    ZoneConfig several = TestZone("zen.several.example.net");
    several.lists = {"list", "second", "third"};
    several.ttl_seconds = 1234;
    ZoneConfig nested = TestZone("child.relays.bench.test");
    nested.lists = {"second"};
    ZoneConfig octets = TestZone("parent.test");
    ZoneConfig below = TestZone("10.parent.test");
    below.lists = {"second"};
    ZoneConfig retired = TestZone("old.bench.test");
    retired.state = ZoneState::kRetired;
    ZoneConfig long_name = TestZone(
        "a-name-of-more-than.sixteen-bytes.in-several.steps.of-them.example");
    ZoneConfig with_records = TestZone("records.test");
    with_records.records = {TestRecord("www.records.test", "A 192.0.2.80"),
                            TestRecord("records.test", "TXT hello"),
                            TestRecord("records.test", "A 192.0.2.81")};
    ZoneConfig six = TestZone("six.test");
    six.has_ipv4 = false;
    ZoneConfig mixed = TestZone("mixed.test");
    mixed.ipv4_in_ipv6 = true;
    mixed.lists = {"list", "empty"};
    ZoneConfig names = TestZone("names.test");
    names.has_names = true;
    builder_.AddZone(TestZone("relays.bench.test"))
        .AddZone(several)
        .AddZone(nested)
        .AddZone(octets)
        .AddZone(below)
        .AddZone(retired)
        .AddZone(long_name)
        .AddZone(with_records)
        .AddZone(six)
        .AddZone(mixed)
        .AddZone(names)
        .AddZone(TestZone("bl.tk"));
    ValueSet many;
    for (uint32_t i = 2; i < 60; ++i) {
      many.push_back({0x7f000000 + i, absl::StrCat("reason ", i, " of $"), i});
    }
    builder_.Add("list", "10.0.0.0/12", One(0x7f000002))
        .Add("list", "10.16.0.0/16", One(0x7f000003, "no subject", 77))
        .Add("list", "10.17.0.0/16", One(0x7f000003, ""))
        .Add("list", "10.18.0.0/16",
             {{0x7f000004, "", 9}, {0x7f000005, "$ of two", 30}})
        .Add("list", "10.19.0.0/16",
             {{0x7f000004, "a", 0}, {0x7f000004, "b", 30}})
        .Add("list", "10.20.0.0/16", many)
        .Add("list", "10.21.0.0/16", One(0x7f000006, std::string(260, 'x')))
        .Add("list", "10.22.0.0/16", One(0x7f000006, std::string(900, '$')))
        .Add("list", "10.23.0.0/16", One(0x7f000006, "$$ and $$$ and $"))
        .Add("list", "10.24.0.0/16", {{2, "", 1}, {3, "", 2}, {4, "", 2}})
        .Add("list", "10.25.7.9", One(0x7f000007, "just $"))
        .Add("list", "127.0.0.0/8", One(0x7f000008))
        .Add("second", "10.8.0.0/13", One(0x7f000009, "second $", 60))
        .Add("second", "10.16.0.0/12", One(0x7f000009, "", 2000))
        .Add("third", "10.0.0.0/8", One(0x7f000002))
        .Add("list", "1234:5::/32", One(0x7f000002))
        .Add("list", ".spam.test", One(0x7f000002));
    snapshot_ = builder_.Build();
  }

  std::string RandomAddress() {
    return absl::StrCat(Below(256), ".", Below(256), ".", Below(30), ".",
                        Below(10) < 8 ? 10 : Below(256));
  }

  std::string RandomPlain(const std::string& zone) {
    QueryBuilder builder(static_cast<uint16_t>(random_()),
                         Below(2) == 0 ? 0x0100 : 0);
    builder.Question(RandomCase(absl::StrCat(RandomAddress(), ".", zone)),
                     Below(3) == 0 ? RrType::kTxt : RrType::kA);
    static constexpr uint16_t kPayloads[] = {0, 512, 1232, 4096, 65535};
    if (Below(2) == 0) {
      builder.Opt(kPayloads[Below(5)], 0,
                  Below(3) == 0 ? absl::string_view("\0\12\0\4abcd", 8) : "",
                  Below(2) == 0);
    }
    return builder.message();
  }

  static const std::vector<std::string>& Zones() {
    static const auto* const zones = new std::vector<std::string>{
        "relays.bench.test",
        "zen.several.example.net",
        "child.relays.bench.test",
        "parent.test",
        "10.parent.test",
        "old.bench.test",
        "records.test",
        "six.test",
        "mixed.test",
        "names.test",
        "bl.tk",
        "elsewhere.test",
        "a-name-of-more-than.sixteen-bytes.in-several.steps.of-them.example"};
    return *zones;
  }

  std::mt19937 random_;
};

TEST_F(QuickWorldTest, TakesNearlyAllPlainQueries) {
  int quick = 0;
  for (int i = 0; i < kPlainQueries && !HasFailure(); ++i) {
    quick += Ask(RandomPlain("relays.bench.test"));
  }
  // It declines where an answer has several reasons, or is long.
  EXPECT_GT(quick, kPlainQueries * 9 / 10);
  EXPECT_EQ(asked_, kPlainQueries);
}

TEST_F(QuickWorldTest, AgreesInZonesOfAllKinds) {
  std::vector<int> quick(Zones().size());
  for (int i = 0; i < kPlainQueries && !HasFailure(); ++i) {
    const uint32_t zone = Below(static_cast<uint32_t>(Zones().size()));
    quick[zone] += Ask(RandomPlain(Zones()[zone]),
                       Below(8) == 0 ? Transport::kTcp : Transport::kUdp);
  }
  const int each = kPlainQueries / static_cast<int>(Zones().size());
  for (size_t i = 0; i < quick.size(); ++i) {
    const std::string& zone = Zones()[i];
    const bool never = zone == "parent.test" || zone == "names.test" ||
                       zone == "bl.tk" || zone == "elsewhere.test";
    EXPECT_TRUE(never ? quick[i] == 0 : quick[i] > each / 2)
        << zone << " " << quick[i] << " of about " << each;
  }
}

TEST_F(QuickWorldTest, AgreesOnMutatedQueries) {
  for (int i = 0; i < kMutatedQueries && !HasFailure(); ++i) {
    std::string message =
        RandomPlain(Zones()[Below(static_cast<uint32_t>(Zones().size()))]);
    const uint32_t changes = 1 + Below(3);
    for (uint32_t change = 0; change < changes; ++change) {
      const size_t at = Below(static_cast<uint32_t>(message.size()));
      switch (Below(6)) {
        case 0:
          message.resize(at);
          break;
        case 1:
          message.append(1 + Below(14), static_cast<char>(Below(2)));
          break;
        case 2:
          message.erase(at, 1);
          break;
        case 3:
          message.insert(at, 1, static_cast<char>(Below(256)));
          break;
        case 4:
          message[at] = static_cast<char>(message[at] ^ 1 << Below(8));
          break;
        default:
          message[at] = static_cast<char>(Below(256));
          break;
      }
      if (message.empty()) break;
    }
    Ask(message, Below(8) == 0 ? Transport::kTcp : Transport::kUdp);
  }
}

TEST_F(QuickWorldTest, AgreesOnOddNames) {
  static const char* const kLabels[] = {
      "0",   "1",   "9",   "10",    "99",   "100", "255", "256", "300",
      "999", "00",  "01",  "007",   "1000", "0x1", "-1",  "a",   "1a",
      "f",   "2 5", "127", "\\000", "/1",   ":",   "1:"};
  int quick = 0;
  for (int i = 0; i < kOddNames && !HasFailure(); ++i) {
    std::string name;
    const uint32_t labels = Below(6) == 0 ? Below(7) : 4;
    for (uint32_t label = 0; label < labels; ++label) {
      const bool odd = Below(6) == 0;
      absl::StrAppend(&name, kLabels[Below(odd ? 25 : 7)], ".");
    }
    quick += AskName(name + Zones()[Below(2)],
                     Below(2) == 0 ? RrType::kA : RrType::kTxt);
  }
  EXPECT_GT(quick, kOddNames / 4);
}

TEST_F(QuickWorldTest, LeavesTheRestToTheGeneralPath) {
  const std::string zone = ".relays.bench.test";
  for (const char* labels :
       {"3.2.10", "5.4.3.2.10", "x.4.3.2.10", "01.3.2.10", "256.3.2.10",
        "4.3.2.1", "1.0.0.127", "2.0.0.127", "4.3.2.100000", "4.3.2.1o"}) {
    EXPECT_EQ(AskAll({labels + zone}), 0) << labels;
  }
  EXPECT_EQ(AskAll({"4.3.2.10.elays.bench.test", "4.3.2.10.relays.bench.tes",
                    "4.3.2.10.relays.bench.test.x", "44.3.2.10",
                    "44.3.2.10.relays-bench.test"}),
            0);
  const std::string name = "4.3.2.10" + zone;
  ASSERT_TRUE(AskName(name));
  for (const int type :
       {0, 2, 6, 15, 28, 41, 43, 250, 251, 252, 255, 256, 257, 4096, 65535}) {
    EXPECT_FALSE(AskName(name, static_cast<RrType>(type))) << type;
  }
  for (const uint16_t qclass : {0, 2, 3, 4, 254, 255, 256}) {
    EXPECT_FALSE(
        Ask(QueryBuilder().Question(name, RrType::kA, qclass).message()));
  }
  const auto with = [&name](uint16_t flags) {
    return QueryBuilder(9, flags).Question(name, RrType::kA);
  };
  for (const uint16_t flags : {0x8000, 0x0800, 0x2800, 0x7800}) {
    EXPECT_FALSE(Ask(with(flags).message())) << flags;
  }
  // What is in the other flags means nothing.
  EXPECT_TRUE(Ask(with(0x07ff).message()));
  EXPECT_FALSE(Ask(with(0).Opt().Opt().message()));
  EXPECT_FALSE(Ask(with(0).Opt(1232, 1).message()));
  EXPECT_FALSE(Ask(with(0).Opt(1232, 0, "x").message()));
  EXPECT_FALSE(Ask(with(0).Raw("x").message()));
  EXPECT_FALSE(Ask(with(0).Opt().Raw("x").message()));
  EXPECT_FALSE(Ask(with(0).Question(name, RrType::kA).message()));
  for (const auto section :
       {QueryBuilder::Section::kAnswer, QueryBuilder::Section::kAuthority,
        QueryBuilder::Section::kAdditional}) {
    const auto record = [&](uint16_t type, absl::string_view owner) {
      return Ask(with(0).Record(section, owner, type, 1232, 0, "").message());
    };
    const absl::string_view root("\0", 1);
    EXPECT_FALSE(record(1, root));
    EXPECT_FALSE(record(250, root));
    EXPECT_FALSE(record(41, absl::string_view("\1a\0", 3)));
    EXPECT_FALSE(record(41, absl::string_view("\xc0\x0c", 2)));
    EXPECT_EQ(record(41, root), section == QueryBuilder::Section::kAdditional);
  }
  // A name that ends in a pointer, and one that does not end.
  EXPECT_FALSE(Ask(QueryBuilder()
                       .RawQuestion("\2"
                                    "44\1"
                                    "3\1"
                                    "2\2"
                                    "10\xc0\x0c",
                                    1)
                       .message()));
  EXPECT_FALSE(Ask(QueryBuilder()
                       .RawQuestion("\2"
                                    "44\1"
                                    "3\1"
                                    "2\2"
                                    "10\6relays",
                                    1)
                       .message()));
}

TEST_F(QuickWorldTest, OptionsOfEdnsMayFollow) {
  const std::string name = "4.3.2.10.relays.bench.test";
  const auto ask = [&](absl::string_view options) {
    return Ask(QueryBuilder()
                   .Question(name, RrType::kA)
                   .Opt(1232, 0, options, true)
                   .message());
  };
  EXPECT_TRUE(ask(""));
  EXPECT_TRUE(ask(absl::string_view("\0\12\0\0", 4)));
  EXPECT_TRUE(ask(absl::string_view("\0\12\0\10abcdefgh", 12)));
  EXPECT_TRUE(ask(absl::string_view("\0\12\0\1a\0\14\0\2\0\0", 11)));
  // Options whose end looks like an OPT record of its own.
  std::string nested("\0\14\0\13", 4);
  nested.append("\0\0\51\4\xd0\0\0\0\0\0\0", 11);
  EXPECT_FALSE(ask(nested));
  EXPECT_FALSE(ask(absl::string_view("\0\12\0\5abcd", 8)));
  EXPECT_FALSE(ask(absl::string_view("\0\12\0", 3)));
}

TEST_F(QuickAnswerTest, AddressesThatRfc5782Knows) {
  TestSnapshot builder;
  builder.AddZone(TestZone("bl.example"))
      .Add("list", "127.0.0.1", One(0x7f000002));
  snapshot_ = builder.Build();
  AskAll({"1.0.0.127.bl.example", "2.0.0.127.bl.example",
          "3.0.0.127.bl.example", "11.1.0.127.bl.example"});
}

TEST_F(QuickAnswerTest, OctetsThatAreNibblesToo) {
  builder_.AddZone(TestZone("bl.example"))
      .Add("list", "1234:5::/32", One(0x7f000002))
      .Add("list", "1.2.3.5", One(0x7f000002));
  snapshot_ = builder_.Build();
  // Something is below the name, in the other family.
  EXPECT_EQ(AskAll({"4.3.2.1.bl.example"}), 0);
  EXPECT_EQ(last_.outcome.kind, AnswerKind::kNoData);
  AskAll({"5.3.2.1.bl.example", "6.3.2.1.bl.example"});
}

TEST_F(QuickAnswerTest, RepliesThatDoNotFitIn512Bytes) {
  for (size_t bytes = 380; bytes < 480; ++bytes) {
    TestSnapshot builder;
    ZoneConfig zone = TestZone("bl.example");
    builder.AddZone(zone).Add("list", "10.0.0.0/8",
                              One(0x7f000002, std::string(bytes, 'r')));
    snapshot_ = builder.Build();
    for (const uint16_t payload : {0, 512, 520, 1232}) {
      Ask(QueryBuilder()
              .Question("44.3.2.10.bl.example", RrType::kTxt)
              .Opt(payload)
              .message());
    }
    Ask(QueryBuilder()
            .Question("44.3.2.10.bl.example", RrType::kTxt)
            .message());
  }
  // An SOA that does not.
  std::string label(63, 'n');
  ZoneConfig zone = TestZone("bl.example");
  zone.soa_mname_wire = zone.soa_rname_wire = "";
  for (int i = 0; i < 3; ++i) {
    zone.soa_mname_wire += static_cast<char>(63) + label;
    zone.soa_rname_wire += static_cast<char>(63) + label;
  }
  zone.soa_mname_wire += std::string("\x28") + std::string(40, 'm') + '\0';
  zone.soa_rname_wire += std::string("\x28") + std::string(40, 'm') + '\0';
  TestSnapshot builder;
  builder.AddZone(zone);
  snapshot_ = builder.Build();
  EXPECT_EQ(AskAll({"44.3.2.10.bl.example"}), 0);
}

}  // namespace
}  // namespace rbld
