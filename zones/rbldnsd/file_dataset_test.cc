#include "zones/rbldnsd/file_dataset.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file_util.h"
#include "base/ip_prefix.h"
#include "dns/name.h"

namespace rbld {
namespace {

class FileDatasetTest : public testing::Test {
 protected:
  FileDatasetTest() {
    spec_.name = "test";
    options_.now_seconds = 1714564800;  // 2024-05-01T12:00:00Z
  }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(getenv("TEST_TMPDIR"), "/", name);
    EXPECT_TRUE(WriteFileAtomically(path, text).ok());
    return path;
  }

  absl::StatusOr<std::shared_ptr<const FileDataset>> Load(
      DatasetType type, const std::string& text,
      const std::string& second = "") {
    spec_.type = type;
    spec_.files = {Write("first", text)};
    if (!second.empty()) spec_.files.push_back(Write("second", second));
    return LoadFileDataset(spec_, options_);
  }

  // "CODE REASON TTL" of the values of an IPv4 address, joined.
  static std::string At(const FileDataset& data, uint32_t address) {
    const ValueSetId id = data.index.ipv4->Lookup(address);
    if (id == kNotListed) return "-";
    std::string text;
    for (const ValueView value : data.values->Get(id)) {
      absl::StrAppend(&text, text.empty() ? "" : " ", CodeText(value.code), " ",
                      value.reason, " ", value.ttl_seconds);
    }
    return text;
  }

  FileDatasetSpec spec_;
  FileDatasetLoadOptions options_;
};

TEST_F(FileDatasetTest, ReadsFilesAsOneButForDefaults) {
  const auto data = Load(DatasetType::kIp4Set, "$TTL 60\n:3:def $1\n1.0.0.1\n",
                         "1.0.0.2\n$1 late\n1.0.0.1 :4:\n");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(At(**data, 0x01000001), "127.0.0.3 def late 60 127.0.0.4  60");
  EXPECT_EQ(At(**data, 0x01000002), "127.0.0.2  60");
  EXPECT_EQ((*data)->entries, 3u);
}

TEST_F(FileDatasetTest, HoldsTtlsInTheirLimits) {
  spec_.ttl = {2100, 30, 120};
  EXPECT_EQ(At(**Load(DatasetType::kIp4Set, "1.0.0.1\n"), 0x01000001),
            "127.0.0.2  2100");
  EXPECT_EQ(At(**Load(DatasetType::kIp4Set, "$TTL 5\n1.0.0.1\n"), 0x01000001),
            "127.0.0.2  30");
  EXPECT_EQ(At(**Load(DatasetType::kIp4Set, "$TTL 1h\n1.0.0.1\n"), 0x01000001),
            "127.0.0.2  120");
}

TEST_F(FileDatasetTest, NamesTheLinesThatItLeavesOut) {
  const auto data = Load(DatasetType::kIp4Trie,
                         "1.0.0.1\nrubbish\n1.0.0.2/24\n1.0.0.1 again\n");
  ASSERT_TRUE(data.ok());
  EXPECT_EQ((*data)->left_out_count, 3u);
  ASSERT_EQ((*data)->left_out.size(), 3u);
  EXPECT_EQ((*data)->left_out[0].ToString().find(spec_.files[0] + ":2: "), 0u);
  EXPECT_EQ((*data)->left_out[2].why,
            "duplicated entry for 1.0.0.1; the first one holds");
  EXPECT_EQ((*data)->entries, 1u);
}

TEST_F(FileDatasetTest, FindsTheLinesAboutATarget) {
  // "FILE:LINE TEXT" of each, files as "a" and "b"; "!" before excluded ones.
  const auto about = [this](DatasetType type, const std::string& text,
                            const std::string& second,
                            absl::string_view target) {
    const auto data = Load(type, text, second);
    EXPECT_TRUE(data.ok()) << data.status();
    const auto found = FindInFiles(spec_, options_, *Target::Parse(target));
    EXPECT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->text_digest, (*data)->text_digest);
    std::string said;
    for (const FoundLine& line : found->lines) {
      absl::StrAppend(&said, line.excluded ? "!" : "",
                      line.file == spec_.files[0] ? "a" : "b", line.line, " ",
                      line.text, "|");
    }
    return said;
  };
  const char kFirst[] = "# 192.0.2.1\n192.0.2.0/24 :2:net\n192.0.2.9\n";
  const char kSecond[] = "192.0.2.1-7\nrubbish\n!192.0.2.1\n2001:db8::1\n";
  EXPECT_EQ(about(DatasetType::kIp4Set, kFirst, kSecond, "192.0.2.1"),
            "a2 192.0.2.0/24 :2:net|b1 192.0.2.1-7|!b3 !192.0.2.1|");
  EXPECT_EQ(about(DatasetType::kIp4Set, kFirst, kSecond, "192.0.2.0/25"),
            "a2 192.0.2.0/24 :2:net|");
  EXPECT_EQ(about(DatasetType::kIp4Set, kFirst, kSecond, "192.0.0.0/16"), "");
  EXPECT_EQ(
      about(DatasetType::kIp6Trie, "2001:db8::/32 :2:six\n", "", "2001:db8::1"),
      "a1 2001:db8::/32 :2:six|");
  const char kNames[] =
      "a.example\n.b.example\n*.c.example\n!x.b.example\nab.example\n";
  const auto names = [&](absl::string_view target) {
    return about(DatasetType::kDnset, kNames, "", target);
  };
  EXPECT_EQ(names("a.example"), "a1 a.example|");
  EXPECT_EQ(names("y.a.example"), "");
  EXPECT_EQ(names("b.example"), "a2 .b.example|");
  EXPECT_EQ(names("x.b.example"), "a2 .b.example|!a4 !x.b.example|");
  EXPECT_EQ(names("*.b.example"), "a2 .b.example|");
  EXPECT_EQ(names(".b.example"), "a2 .b.example|");
  EXPECT_EQ(names("c.example"), "");
  EXPECT_EQ(names("y.c.example"), "a3 *.c.example|");
  EXPECT_EQ(names(".c.example"), "");
  EXPECT_EQ(about(DatasetType::kCombined,
                  "$DATASET ip4set:one @\n192.0.2.1\n"
                  "$DATASET dnset:two @\na.example\n",
                  "", "a.example"),
            "a4 a.example|");
  // Many, long ones, and files that are others than before.
  std::string many;
  for (int i = 0; i < 50; ++i) {
    absl::StrAppend(&many, "192.0.2.1 :2:", std::string(500, 'x'), "\n");
  }
  const auto data = Load(DatasetType::kIp4Set, many);
  ASSERT_TRUE(data.ok());
  auto found = FindInFiles(spec_, options_, *Target::Parse("192.0.2.1"));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->count, 50u);
  EXPECT_EQ(found->lines.size(), kMaxFoundLines);
  EXPECT_EQ(found->lines[0].text.size(), kMaxFoundTextBytes);
  Write("first", "192.0.2.2\n");
  found = FindInFiles(spec_, options_, *Target::Parse("192.0.2.1"));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->count, 0u);
  EXPECT_NE(found->text_digest, (*data)->text_digest);
}

TEST_F(FileDatasetTest, ALastLineWithoutANewlineIsAnEntryOrAnError) {
  auto data = Load(DatasetType::kIp4Set, "1.0.0.1\n1.0.0.2");
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(At(**data, 0x01000002), "127.0.0.2  0");
  // What such a line takes away, or says of the whole.
  data = Load(DatasetType::kIp4Set, "1.0.0.0/24\n!1.0.0.2");
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(At(**data, 0x01000002), "-");
  data = Load(DatasetType::kIp4Set, "1.0.0.1\n$NS 1h ns.example");
  ASSERT_TRUE(data.ok());
  EXPECT_TRUE((*data)->specials.ns.has_value());
  data = Load(DatasetType::kAcl, "1.0.0.1 :refuse");
  ASSERT_TRUE(data.ok());
  ASSERT_EQ((*data)->rules.size(), 1u);
  EXPECT_EQ((*data)->rules[0].action, AccessAction::kRefuse);
  options_.cut_off_is_error = true;
  EXPECT_EQ(Load(DatasetType::kIp4Set, "1.0.0.1\n1.0.0.2").status().message(),
            absl::StrCat(spec_.files[0],
                         ":2: no newline ends the last line, so that the "
                         "file may not be complete yet"));
}

TEST_F(FileDatasetTest, AnActionOfAnAccessListBeginsWithEitherSign) {
  for (const char* line : {"1.0.0.1 :refuse\n", "1.0.0.1 =refuse\n"}) {
    const auto data = Load(DatasetType::kAcl, line);
    ASSERT_TRUE(data.ok()) << data.status();
    ASSERT_EQ((*data)->rules.size(), 1u);
    EXPECT_EQ((*data)->rules[0].action, AccessAction::kRefuse) << line;
  }
}

TEST_F(FileDatasetTest, ANameEndsAtABlankAndNowhereElse) {
  options_.keep_names = true;
  const auto data = Load(DatasetType::kDnset,
                         "q.example;s\nshop.example##.ad\nh.example#c text\n"
                         "p.example:127.0.0.3:x\nplain.example ;none\n");
  ASSERT_TRUE(data.ok()) << data.status();
  std::vector<std::string> names;
  for (const ResolvedName& name : (*data)->names) {
    names.push_back(NameToText(ReversedLabels(name.reversed_wire)));
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names,
            (std::vector<std::string>{"h.example#c.", "p.example:127.0.0.3:x.",
                                      "plain.example.", "q.example;s.",
                                      "shop.example##.ad."}));
  EXPECT_EQ((*data)->warned_count, 4u);
  EXPECT_EQ((*data)->warned[0].line, 1u);
}

TEST_F(FileDatasetTest, NamesAreReadAsRbldnsdReadsThem) {
  options_.keep_names = true;
  const auto data =
      Load(DatasetType::kDnset,
           absl::StrCat("..a.ex\n.b..c.ex..\nd\\\n*.e\\25.ex\nf\\7\n"
                        "g\\.h\\0661.EX.\n@\n\xff.ex\n(x)\n",
                        std::string(63, 'i'), ".ex\n",
                        // None of these is a name.
                        ".\n..\n\\\nj\\256\n", std::string(64, 'i'), ".ex\n"));
  ASSERT_TRUE(data.ok()) << data.status();
  std::vector<std::string> names;
  for (const ResolvedName& name : (*data)->names) {
    names.push_back(NameToText(ReversedLabels(name.reversed_wire)));
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{
                       "(x).", "@.", "\\255.ex.", "a.ex.", "b.c.ex.", "d.",
                       "e\\025.ex.", "f\\007.", "g\\.hb1.ex.",
                       absl::StrCat(std::string(63, 'i'), ".ex.")}));
  EXPECT_EQ((*data)->left_out_count, 5u);
}

TEST_F(FileDatasetTest, BlanksAndCarriageReturnsEndALine) {
  auto data = Load(DatasetType::kIp4Set,
                   "1.0.0.1\r\n1.0.0.2 \r \n1.0.0.3 :3:x\r\t\r\n"
                   "1.0.0.4 a\rb\n");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(At(**data, 0x01000001), "127.0.0.2  0");
  EXPECT_EQ(At(**data, 0x01000002), "127.0.0.2  0");
  EXPECT_EQ(At(**data, 0x01000003), "127.0.0.3 x 0");
  EXPECT_EQ(At(**data, 0x01000004), "-");
  data = Load(DatasetType::kCombined, "$DATASET ip4set sub \r\r\n1.0.0.1\r\n");
  ASSERT_TRUE(data.ok()) << data.status();
  ASSERT_EQ((*data)->subzones.size(), 1u);
  EXPECT_EQ((*data)->subzones[0].labels, "\3sub");
}

TEST_F(FileDatasetTest, NumbersMayHaveZerosInFront) {
  const auto data = Load(DatasetType::kIp4Set,
                         "0001.00.000.01 :0003:x\n1.0.0.4/0031\n"
                         "1.0.0.8 :0001.0002:\n0/0\n0.0.0.0/0\n");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(At(**data, 0x01000001), "127.0.0.3 x 0");
  EXPECT_EQ(At(**data, 0x01000005), "127.0.0.2  0");
  EXPECT_EQ(At(**data, 0x01000008), "1.0.0.2  0");
  // Not all addresses at once, but in a trie.
  EXPECT_EQ(At(**data, 0x02000001), "-");
  EXPECT_EQ((*data)->left_out_count, 2u);
  EXPECT_EQ(At(**Load(DatasetType::kIp4Trie, "0/0\n"), 0x02000001),
            "127.0.0.2  0");
}

TEST_F(FileDatasetTest, ReadsIpv6AddressesInEverySpelling) {
  const auto at = [](const FileDataset& data, const char* address) {
    const ValueSetId id =
        data.index.ipv6->Lookup(ParseIpPrefix(address).value().bytes);
    if (id == kNotListed) return std::string("-");
    const ValueView value = data.values->Get(id)[0];
    return absl::StrCat(CodeText(value.code), " ", value.reason);
  };
  const std::string text =
      "2001:db8::/32:3:x\n2001:00db9::1\n2001:DBA::/0032;x\n"
      "2001:dbb:0:0:0:0:0:1:4:y\n2001:dbc::2::5\n2001:dbd::1/48\n"
      "2001:dbe::12345\n2001:dbf:1:2:3:4:5:6::\n2001:dc0:\n2001\n";
  auto data = Load(DatasetType::kIp6Trie, text);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(at(**data, "2001:db8:1::"), "127.0.0.3 x");
  EXPECT_EQ(at(**data, "2001:db9::1"), "127.0.0.2 ");
  EXPECT_EQ(at(**data, "2001:dba:1::"), "127.0.0.2 ");
  EXPECT_EQ(at(**data, "2001:dbb::1"), "127.0.0.4 y");
  EXPECT_EQ(at(**data, "2001:dbc::2"), "127.0.0.5 ");
  EXPECT_EQ(at(**data, "2001:dbd::2"), "-");
  EXPECT_EQ((*data)->left_out_count, 5u);
  spec_.host_bits = true;
  data = Load(DatasetType::kIp6Trie, text);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(at(**data, "2001:dbd::2"), "127.0.0.2 ");
}

TEST_F(FileDatasetTest, ReadsRecordsAsRbldnsdReadsThem) {
  const auto data = Load(DatasetType::kGeneric,
                         "a A 1.2.3.4;x\nb A 1.2.3.4#x\nc A 1.2.3.4 x\n"
                         "d A 5\ne A 0\nf TXT \"\"\ng 2W mx 010 Mx..Ex.\n"
                         // None of these is a record.
                         "h TXT\ni A 1.2.3.\nj A 256\nk 1h30m A 1.2.3.4\n"
                         "l MX 10\nm MX 10 mx more\nn MX +5 mx\n. A 1.2.3.4\n");
  ASSERT_TRUE(data.ok()) << data.status();
  std::vector<std::string> rdata;
  for (const GenericRecord& record : (*data)->records) {
    rdata.push_back(record.rdata);
  }
  const std::string address = "\1\2\3\4";
  EXPECT_EQ(rdata, (std::vector<std::string>{
                       address, address, address, std::string("\0\0\0\5", 4),
                       std::string(4, '\0'), std::string(1, '\0'),
                       std::string("\0\12\2Mx\2Ex\0", 9)}));
  EXPECT_EQ((*data)->records.back().ttl_seconds, 2u * 604800);
  EXPECT_EQ((*data)->left_out_count, 8u);
}

TEST_F(FileDatasetTest, SpecialLinesAreReadAsRbldnsdReadsThem) {
  const auto data = Load(DatasetType::kIp4Set,
                         "$1\n$1 one\n$SOA 1h Ns.Ex hm.ex 7 1h 1h 1w 5m # no\n"
                         "$NS 1d -a.ex\n$NAMESERVER 1d -..x Ns.Ex # comment\n"
                         "$TTL 1h30m\n$TTL 60 ; no\n$MAXRANGE4 1 # no\n"
                         "1.0.0.0/24 $1\n");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(At(**data, 0x01000001), "127.0.0.2 one 0");
  EXPECT_FALSE((*data)->specials.soa.has_value());
  ASSERT_TRUE((*data)->specials.ns.has_value());
  EXPECT_EQ((*data)->specials.ns->ns_wire,
            std::vector<std::string>{std::string("\2Ns\2Ex\0", 7)});
  EXPECT_EQ((*data)->left_out_count, 5u);
}

TEST_F(FileDatasetTest, ATextThatIsTooLongIsCut) {
  const auto data =
      Load(DatasetType::kIp4Set,
           absl::StrCat(
               "1.0.0.1 :2:", std::string(kMaxReasonBytes + 1, 'x'), "\n",
               "1.0.0.2 :2:", std::string(kMaxReasonBytes - 1, 'x'), "$$$$\n"));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ((*data)->entries, 2u);
  EXPECT_EQ((*data)->warned_count, 2u);
  EXPECT_EQ(
      At(**data, 0x01000001),
      absl::StrCat("127.0.0.2 ", std::string(kMaxReasonBytes, 'x'), " 0"));
  // Half of a "$$" would stand for the address.
  EXPECT_EQ(
      At(**data, 0x01000002),
      absl::StrCat("127.0.0.2 ", std::string(kMaxReasonBytes - 1, 'x'), " 0"));
}

TEST_F(FileDatasetTest, ATimestampForbidsOrEndsTheData) {
  EXPECT_NE(Load(DatasetType::kIp4Set, "1.0.0.1\n$TIMESTAMP 2024:05:02\n")
                .status()
                .message()
                .find(":2: $TIMESTAMP 2024-05-02T00:00:00Z lies in the future"),
            absl::string_view::npos);
  const auto data =
      Load(DatasetType::kIp4Set, "$TIMESTAMP 2024:05:01 +1d\n1.0.0.1\n");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ((*data)->specials.expires, 1714608000);
}

TEST_F(FileDatasetTest, FailsForWhatCannotBeRead) {
  spec_.files = {"/does/not/exist"};
  EXPECT_NE(LoadFileDataset(spec_, options_)
                .status()
                .message()
                .find("/does/not/exist"),
            absl::string_view::npos);
  // A gzip file that ends early.
  const std::string path = absl::StrCat(getenv("TEST_TMPDIR"), "/cut.gz");
  gzFile file = gzopen(path.c_str(), "wb");
  gzputs(file, std::string(1000, '\n').c_str());
  gzclose(file);
  const std::string whole = ReadFile(path, 1 << 20).value();
  spec_.files = {Write("cut.gz", whole.substr(0, whole.size() - 4))};
  EXPECT_FALSE(LoadFileDataset(spec_, options_).ok());
  spec_.decompress = false;
  EXPECT_TRUE(LoadFileDataset(spec_, options_).ok());
}

TEST_F(FileDatasetTest, SplitsACombinedFileIntoSectionsAndSubzones) {
  const auto data = Load(DatasetType::kCombined,
                         "$SOA 1h ns.test hm.test 7 1h 1h 1w 5m\n"
                         "$1 common\n"
                         "stray\n"
                         "$DATASET ip4set:one sub @\n"
                         ":2:$1 $2\n"
                         "$2 own\n"
                         "1.0.0.1\n"
                         "$DATASET generic sub\n"
                         "www A 192.0.2.1\n",
                         "@ TXT \"goes on\"\n"
                         "$DATASET dnset deep.Sub\n"
                         ".x.test\n");
  ASSERT_TRUE(data.ok()) << data.status();
  ASSERT_EQ((*data)->sections.size(), 3u);
  EXPECT_EQ((*data)->sections[0]->name, "test:ip4set:one");
  EXPECT_EQ(At(*(*data)->sections[0], 0x01000001), "127.0.0.2 common own 0");
  EXPECT_EQ((*data)->sections[1]->records.size(), 2u);
  ASSERT_EQ((*data)->subzones.size(), 3u);
  EXPECT_EQ((*data)->subzones[0].labels, "\3sub");
  EXPECT_EQ((*data)->subzones[0].sections, (std::vector<size_t>{0, 1}));
  EXPECT_EQ((*data)->subzones[1].labels, "");
  EXPECT_EQ((*data)->subzones[2].labels, "\4deep\3sub");
  EXPECT_EQ((*data)->specials.soa->serial, 7u);
  EXPECT_EQ((*data)->left_out_count, 1u);
  EXPECT_EQ((*data)->entries, 4u);
}

TEST_F(FileDatasetTest, RefusesACombinedFileThatIsMalformed) {
  for (const char* line :
       {"$DATASET bogus @", "$DATASET combined @", "$DATASET ip4set",
        "$DATASET acl @", "$DATASET ip4set a..."}) {
    const auto data =
        Load(DatasetType::kCombined, absl::StrCat("# a\n", line, "\n"));
    if (absl::string_view(line) == "$DATASET ip4set a...") {
      // Dots in a row count as one.
      EXPECT_TRUE(data.ok()) << data.status();
      continue;
    }
    ASSERT_FALSE(data.ok()) << line;
    EXPECT_NE(data.status().message().find(":2: "), absl::string_view::npos)
        << data.status();
  }
}

TEST_F(FileDatasetTest, BoundsTheSectionsOfACombinedFile) {
  std::string text;
  for (size_t i = 0; i < kMaxSections; ++i) {
    absl::StrAppend(&text, "$DATASET ip4set @\n");
  }
  EXPECT_TRUE(Load(DatasetType::kCombined, text).ok());
  EXPECT_NE(Load(DatasetType::kCombined, text + "$DATASET ip4set @\n")
                .status()
                .message()
                .find(":65: over 64 sections"),
            absl::string_view::npos);
}

TEST_F(FileDatasetTest, ReadsAccessLists) {
  const auto data = Load(DatasetType::kAcl,
                         ":refuse\n"
                         "10.0.0.0/8\n"
                         "10.1.0.0/16 :PASS # why\n"
                         "10.2.0.1 :4:all $\n"
                         "::1 :empty\n"
                         "2001:db8::/32\n"
                         "!10.3.0.0/16\n"
                         "10.4.0.0/16 :nonsense\n"
                         "$SOA 1 a b 1 1 1 1 1\n");
  ASSERT_TRUE(data.ok()) << data.status();
  const auto action = [&](uint32_t address) {
    const ValueSetId place = (*data)->index.ipv4->Lookup(address);
    return place == kNotListed
               ? -1
               : static_cast<int>((*data)->rules[place - 1].action);
  };
  EXPECT_EQ(action(0x0a000001), static_cast<int>(AccessAction::kRefuse));
  EXPECT_EQ(action(0x0a010001), static_cast<int>(AccessAction::kPass));
  EXPECT_EQ(action(0x0a020001), static_cast<int>(AccessAction::kListed));
  EXPECT_EQ(action(0x0b000001), -1);
  AddressBytes loopback = {};
  loopback[15] = 1;
  EXPECT_EQ((*data)->rules[(*data)->index.ipv6->Lookup(loopback) - 1].action,
            AccessAction::kEmpty);
  EXPECT_EQ((*data)->left_out_count, 3u);
}

TEST_F(FileDatasetTest, ReadsAccessListsAsRbldnsdReadsThem) {
  const auto data = Load(DatasetType::kAcl,
                         ":4:def $\n:5\n10.0.0.1\n10.0.0.2 :6\n"
                         "10.0.0.3 text\n10.0.0.4 :p;x\n10.0.0.5:Re\n"
                         "10.0.0.6 =pass:x\n10.0.0.7 =text\n"
                         "$MAXRANGE4 256\n10.1.0.0/16 :pass\n=empty\n",
                         "10.0.0.8\n");
  ASSERT_TRUE(data.ok()) << data.status();
  const auto rule = [&](uint32_t address) -> std::string {
    const ValueSetId place = (*data)->index.ipv4->Lookup(address);
    if (place == kNotListed) return "-";
    const FileDataset::Rule& found = (*data)->rules[place - 1];
    if (found.action != AccessAction::kListed) {
      return absl::StrCat(static_cast<int>(found.action));
    }
    const ValueView value = (*data)->values->Get(found.values)[0];
    return absl::StrCat(CodeText(value.code), " ", value.reason);
  };
  const auto action = [](AccessAction wanted) {
    return absl::StrCat(static_cast<int>(wanted));
  };
  EXPECT_EQ(rule(0x0a000001), "127.0.0.5 def $");
  EXPECT_EQ(rule(0x0a000002), "127.0.0.6 def $");
  EXPECT_EQ(rule(0x0a000003), "127.0.0.5 text");
  EXPECT_EQ(rule(0x0a000004), action(AccessAction::kPass));
  EXPECT_EQ(rule(0x0a000005), action(AccessAction::kRefuse));
  EXPECT_EQ(rule(0x0a000006), action(AccessAction::kPass));
  EXPECT_EQ(rule(0x0a000007), "-");
  EXPECT_EQ(rule(0x0a010001), "-");
  // A default holds up to the end of its file.
  EXPECT_EQ(rule(0x0a000008), action(AccessAction::kIgnore));
}

TEST_F(FileDatasetTest, ASectionKeepsItsDefaultInTheNextFile) {
  const auto data = Load(DatasetType::kCombined,
                         "$DATASET ip4set @\n:3:def\n1.0.0.1\n", "1.0.0.2\n");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(At(*(*data)->sections[0], 0x01000002), "127.0.0.3 def 0");
}

TEST_F(FileDatasetTest, ReadsKeys) {
  const auto data = Load(DatasetType::kAclKey,
                         "first\n"
                         ":refuse\n"
                         "second\n"
                         "Third :pass @ name=acme;quota=10/1h\n"
                         "fourth =accept # why\n"
                         "fifth :5:all $\n"
                         "third :empty\n"
                         "a.b :pass\n"
                         "sixth @ colour=red\n"
                         "!seventh\n");
  ASSERT_TRUE(data.ok()) << data.status();
  ASSERT_EQ((*data)->keys.size(), 5u);
  EXPECT_EQ((*data)->keyless_rule.action, AccessAction::kRefuse);
  const std::vector<FileDataset::Key>& keys = (*data)->keys;
  // Without a default line a key lets pass.
  EXPECT_EQ(keys[0].rule.action, AccessAction::kPass);
  EXPECT_EQ(keys[1].rule.action, AccessAction::kRefuse);
  EXPECT_EQ(keys[2].label, "third");
  EXPECT_EQ(keys[2].rule.action, AccessAction::kPass);
  EXPECT_EQ(keys[2].terms, (KeyTerms{"acme", 0, 10, 3600}));
  EXPECT_EQ(keys[3].rule.action, AccessAction::kPass);
  EXPECT_EQ(keys[4].rule.action, AccessAction::kListed);
  EXPECT_EQ((*data)->values->Get(keys[4].rule.values)[0].reason, "all $");
  EXPECT_EQ((*data)->left_out_count, 4u);
  // Nobody gets in by a file that says nothing.
  EXPECT_EQ((*Load(DatasetType::kAclKey, "# none\n"))->keyless_rule.action,
            AccessAction::kRefuse);
}

TEST_F(FileDatasetTest, EntriesMayWaitOrNeedAKey) {
  const std::string text =
      "1.0.0.1 :3:waits @ ts=1714564800;delay=1h\n"
      "1.0.0.2 :3:waits @ ts=1714564000;delay=1m\n"
      "1.0.0.3 @ key=require\n"
      "!1.0.0.4 @ key=require\n";
  spec_.entry_parameters = true;
  const auto data = Load(DatasetType::kIp4Trie, text);
  ASSERT_TRUE(data.ok()) << data.status();
  const auto condition = [&](uint32_t address) {
    return (*data)
        ->values->Get((*data)->index.ipv4->Lookup(address))[0]
        .condition;
  };
  EXPECT_TRUE((*data)->conditional);
  EXPECT_EQ(condition(0x01000001).not_before, 1714568400);
  EXPECT_TRUE(condition(0x01000002).always());
  EXPECT_TRUE(condition(0x01000003).needs_key);
  EXPECT_EQ((*data)->left_out_count, 1u);
  // rbldnsd itself takes it for text.
  spec_.entry_parameters = false;
  const auto plain = Load(DatasetType::kIp4Trie, text);
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_FALSE((*plain)->conditional);
  EXPECT_EQ(At(**plain, 0x01000003), "127.0.0.2 @ key=require 0");
}

TEST_F(FileDatasetTest, KeepsAValueThatALateTemplateMadeTooLong) {
  const auto data =
      Load(DatasetType::kIp4Set,
           absl::StrCat("1.0.0.1 short\n$= ", std::string(5000, 'x'), "\n"));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ((*data)
                ->values->Get((*data)->index.ipv4->Lookup(0x01000001))[0]
                .reason.size(),
            size_t{kMaxReasonBytes});
}

}  // namespace
}  // namespace rbld
