// Generated data files of every type, served by Debian's rbldnsd and by rbld,
// asked the same, answer for answer. What differs must be a row of the table
// in differences.cc.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/file_util.h"
#include "dns/query_builder.h"
#include "server/answer.h"
#include "server/snapshot.h"
#include "tests/peers/peer.h"
#include "tests/rbldnsd/differences.h"
#include "tests/rbldnsd/zone_generator.h"

// Last: ldns makes macros of common words.
#include "dns/ldns_packet.h"

namespace rbld {
namespace {

constexpr int kZonesPerServer = 25;
// A row may be blind to so many of a hundred wrong answers.
constexpr double kMaxBlindPercent = 15;
constexpr int kShownDifferences = 12;
constexpr uint32_t kDefaultTtl = 2100;
constexpr int64_t kNow = 0;  // $TIMESTAMP is not generated

int FromEnvironment(const char* name, int fallback) {
  const char* const text = getenv(name);
  return text == nullptr ? fallback : atoi(text);
}

DnsReply ReadReply(absl::string_view bytes) {
  DnsReply reply;
  if (bytes.empty()) {
    reply.none = true;
    return reply;
  }
  const LdnsPacket packet(reinterpret_cast<const uint8_t*>(bytes.data()),
                          bytes.size());
  if (!packet.ok()) return reply;
  reply.rcode = packet.rcode();
  reply.authoritative = packet.aa();
  const auto take = [](const std::vector<std::string>& lines,
                       std::multiset<std::string>* records) {
    for (const std::string& line : lines) {
      const std::vector<std::string> fields =
          absl::StrSplit(line, absl::MaxSplits('\t', 4));
      // A compressed name has the case of the one that it points to.
      const bool has_names =
          fields[3] == "SOA" || fields[3] == "NS" || fields[3] == "MX";
      records->insert(absl::StrCat(
          fields[1], " ", fields[3], " ",
          has_names ? absl::AsciiStrToLower(fields[4]) : fields[4]));
    }
  };
  take(packet.answers(), &reply.answers);
  take(packet.authorities(), &reply.authorities);
  return reply;
}

// One zone of a server.
struct TestedZone {
  std::string name;
  Asked about;  // without a name and a type
  std::vector<std::string> names;
};

// Replies that would be wrong if `right` is right: a test that cannot tell them
// apart shows nothing.
std::vector<DnsReply> WrongReplies(const DnsReply& right) {
  std::vector<DnsReply> wrong;
  if (right.none) return wrong;
  DnsReply unlisted = right;
  unlisted.rcode = right.answers.empty() ? 0 : 3;
  unlisted.answers.clear();
  if (right.answers.empty()) unlisted.answers.insert("2100 A 127.0.0.77");
  wrong.push_back(unlisted);
  if (!right.answers.empty()) {
    DnsReply other = right;
    std::string record = *other.answers.begin();
    other.answers.erase(other.answers.begin());
    record.back() = record.back() == '9' ? '8' : '9';
    other.answers.insert(record);
    wrong.push_back(other);
  }
  DnsReply refused = right;
  refused.rcode = right.rcode == 5 ? 0 : 5;
  wrong.push_back(refused);
  return wrong;
}

// Over all types.
struct Totals {
  std::map<std::string, int> rows;
  std::map<std::string, int> line_rows;
  int types = 0;
  int asked = 0;
  int listed = 0;
};

Totals& AllTotals() {
  static auto* const totals = new Totals();
  return *totals;
}

// Zones that rbldnsd and rbld serve from the same files.
class ServedZones {
 protected:
  // Writes the zones' files into a folder, for rbldnsd with the lines of the
  // table rewritten.
  void Serve(const std::string& folder,
             const std::vector<GeneratedZone>& generated_zones,
             std::vector<LineDifference>* line_table) {
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/", folder);
    ASSERT_TRUE(MakeDirectories(folder_).ok());
    chmod(folder_.c_str(), 0755);
    zones_.clear();
    specs_.clear();
    configs_.clear();
    auto view = std::make_shared<FileView>();
    for (size_t i = 0; i < generated_zones.size(); ++i) {
      const GeneratedZone& generated = generated_zones[i];
      TestedZone zone;
      zone.name = absl::StrCat("z", i, ".test");
      zone.names = generated.names;
      ZoneConfig config = ConfigOf(zone.name);
      for (size_t d = 0; d < generated.datasets.size(); ++d) {
        const GeneratedDataset& dataset = generated.datasets[d];
        FileDatasetSpec spec;
        spec.name = absl::StrCat("d", i, "-", d);
        spec.type = dataset.type;
        std::vector<std::string> names;
        FilesForRbldnsd for_rbldnsd(dataset.type, line_table);
        for (size_t f = 0; f < dataset.files.size(); ++f) {
          names.push_back(absl::StrCat(spec.name, "-", f));
          spec.files.push_back(absl::StrCat(folder_, "/", names.back()));
          WriteDataFile(spec.files.back(), dataset.files[f], nullptr);
          const std::string theirs = for_rbldnsd.Next(dataset.files[f]);
          if (theirs == dataset.files[f]) continue;
          names.back() += "-rbldnsd";
          WriteDataFile(absl::StrCat(folder_, "/", names.back()), theirs,
                        spec.files.back().c_str());
        }
        specs_.push_back(absl::StrCat(zone.name, ":",
                                      DatasetTypeName(dataset.type), ":",
                                      absl::StrJoin(names, ",")));
        FileDatasetLoadOptions options;
        options.now_seconds = kNow;
        auto loaded = LoadFileDataset(spec, options);
        ASSERT_TRUE(loaded.ok()) << loaded.status();
        zone.about.types.push_back(dataset.type);
        zone.about.has_soa |= (*loaded)->specials.soa.has_value();
        view->datasets[spec.name] =
            MakeServedDataset(*std::move(loaded), kDefaultTtl);
        config.datasets.push_back(spec.name);
      }
      configs_.push_back(std::move(config));
      zones_.push_back(std::move(zone));
    }
    auto table =
        ZoneTable::Build(configs_, [](const std::string&) { return 0; });
    ASSERT_TRUE(table.ok()) << table.status();
    auto store = std::make_shared<StoreView>();
    store->values = std::make_shared<ValueTable>();
    snapshot_ = Snapshot::Build(*table, store, view);
  }

  // With the mtime of `like`, if not null: it may be a serial.
  static void WriteDataFile(const std::string& path, const std::string& text,
                            const char* like) {
    ASSERT_TRUE(WriteFileAtomically(path, text).ok());
    chmod(path.c_str(), 0644);
    struct stat found;
    if (like == nullptr || stat(like, &found) != 0) return;
    const timespec times[] = {found.st_mtim, found.st_mtim};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }

  ZoneConfig ConfigOf(const std::string& name) const {
    ZoneConfig config;
    config.name = name;
    config.wire_name = NameFromText(name).value();
    config.kind_from_files = true;
    config.ipv4_in_ipv6 = true;
    config.metadata_from_files = true;
    config.ns_in_answers = ns_in_answers_;
    config.ttl_seconds = kDefaultTtl;
    config.soa_mname_wire = config.wire_name;
    config.soa_rname_wire = config.wire_name;
    config.test_reason = "test";
    return config;
  }

  std::string Ours(const std::string& query) const {
    sockaddr_in client = {};
    client.sin_family = AF_INET;
    client.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Request request;
    request.message = reinterpret_cast<const uint8_t*>(query.data());
    request.message_bytes = query.size();
    request.client = reinterpret_cast<const sockaddr*>(&client);
    request.transport = Transport::kTcp;
    std::string out(kTcpReplyBytes, '\0');
    Outcome outcome;
    out.resize(Answer(*snapshot_, request,
                      reinterpret_cast<uint8_t*>(out.data()), &outcome));
    return out;
  }

  RrType PickType(Random* random) const {
    switch ((*random)() % 16) {
      case 0:
        return RrType::kAny;
      case 1:
        return static_cast<RrType>((*random)() % 300);
      case 2:
        return RrType::kMx;
      case 3:
        return RrType::kSoa;
      case 4:
        return RrType::kNs;
      case 5:
      case 6:
      case 7:
      case 8:
        return RrType::kTxt;
      default:
        return RrType::kA;
    }
  }

  std::string folder_;
  bool ns_in_answers_ = false;
  std::vector<TestedZone> zones_;
  std::vector<std::string> specs_;
  std::vector<ZoneConfig> configs_;
  std::shared_ptr<const Snapshot> snapshot_;
};

class DifferentialTest : public testing::TestWithParam<DatasetType>,
                         protected ServedZones {
 public:
  static constexpr int kTypes = 9;

  static void TearDownTestSuite() {
    const Totals& totals = AllTotals();
    // A part of the types shows nothing of the table.
    if (totals.types < kTypes) return;
    printf("all types: %d queries, %.1f %% listed\n", totals.asked,
           100.0 * totals.listed / totals.asked);
    EXPECT_GE(totals.listed, totals.asked * 4 / 10);
    for (const auto& [name, count] : totals.rows) {
      printf("  %-40s %d\n", name.c_str(), count);
      EXPECT_GT(count, 0) << name << ": the row explains nothing; remove it";
    }
    for (const auto& [name, count] : totals.line_rows) {
      printf("  %-40s %d lines\n", name.c_str(), count);
      EXPECT_GT(count, 0) << name << ": no line is of this row";
    }
  }

 protected:
  void Generate(int server, Random* random) {
    std::vector<GeneratedZone> zones;
    for (int i = 0; i < kZonesPerServer; ++i) {
      zones.push_back(GenerateZone(GetParam(), random));
    }
    Serve(absl::StrCat(DatasetTypeName(GetParam()), server), zones,
          &line_table_);
  }

  std::vector<LineDifference> line_table_ = DeliberateLineDifferences();
};

TEST_P(DifferentialTest, EveryAnswerIsRbldnsdsOrARowOfTheTable) {
  const int servers = FromEnvironment("RBLD_SERVERS", 8);
  const int queries_of_zone = FromEnvironment("RBLD_QUERIES", 560);
  Random random(static_cast<uint64_t>(FromEnvironment("RBLD_SEED", 1)) * 1000 +
                static_cast<uint64_t>(GetParam()));
  std::vector<Difference> table = DeliberateDifferences();
  int asked = 0, listed = 0, equal = 0, unexplained = 0;
  // How many wrong answers each row would let pass.
  std::vector<int> wrong_explained(table.size());
  int wrong_pairs = 0;
  std::string shown;
  std::set<std::string> shown_names;  // one for each zone
  for (int server = 0; server < servers; ++server) {
    ns_in_answers_ = server % 2 == 1;
    Generate(server, &random);
    ASSERT_FALSE(HasFatalFailure());
    auto peer = Peer::StartRbldnsd(
        folder_, specs_, {"-c", "0", ns_in_answers_ ? "-A" : "-a"},
        server % 3 == 2 ? OptionsPlace::kBehindZones : OptionsPlace::kFirst);
    ASSERT_TRUE(peer.ok()) << peer.status();
    for (const TestedZone& zone : zones_) {
      std::vector<Asked> all;
      std::vector<std::string> queries;
      for (int i = 0; i < queries_of_zone; ++i) {
        Asked about = zone.about;
        about.name = zone.names[random() % zone.names.size()];
        const RrType type = PickType(&random);
        about.type = static_cast<uint16_t>(type);
        const std::string name =
            absl::StrCat(about.name, about.name.empty() ? "" : ".", zone.name);
        if (random() % 200 == 0) {
          about.name = "foreign";
          queries.push_back(
              QueryBuilder().Question("foreign.example", type).message());
        } else {
          queries.push_back(QueryBuilder().Question(name, type).message());
        }
        about.name = absl::AsciiStrToLower(about.name);
        all.push_back(std::move(about));
      }
      const auto replies = (*peer)->AskAll(queries);
      ASSERT_TRUE(replies.ok()) << replies.status();
      for (size_t i = 0; i < queries.size(); ++i) {
        const DnsReply ours = ReadReply(Ours(queries[i]));
        const DnsReply theirs = ReadReply((*replies)[i]);
        ++asked;
        listed += !ours.answers.empty();
        if (ours == theirs) {
          ++equal;
          for (const DnsReply& wrong : WrongReplies(ours)) {
            ++wrong_pairs;
            for (size_t row = 0; row < table.size(); ++row) {
              wrong_explained[row] += table[row].holds(all[i], wrong, theirs);
            }
          }
          continue;
        }
        bool explained = false;
        for (Difference& difference : table) {
          if (!difference.holds(all[i], ours, theirs)) continue;
          ++difference.count;
          explained = true;
          break;
        }
        if (explained) continue;
        ++unexplained;
        if (shown_names.size() < kShownDifferences &&
            shown_names.insert(absl::StrCat(server, zone.name)).second) {
          absl::StrAppend(&shown, folder_, " ", all[i].name, " in ", zone.name,
                          " type ", all[i].type, ":\n  rbld    ",
                          ours.ToString(), "\n  rbldnsd ", theirs.ToString(),
                          "\n");
        }
      }
    }
  }
  printf("%s: %d files' zones, %d queries, %.1f %% listed, %d equal\n",
         DatasetTypeName(GetParam()), servers * kZonesPerServer, asked,
         100.0 * listed / asked, equal);
  Totals& totals = AllTotals();
  ++totals.types;
  totals.asked += asked;
  totals.listed += listed;
  for (const LineDifference& row : line_table_) {
    totals.line_rows[row.name] += row.count;
  }
  for (size_t row = 0; row < table.size(); ++row) {
    printf("  %-40s %d\n", table[row].name, table[row].count);
    totals.rows[table[row].name] += table[row].count;
    EXPECT_LT(wrong_explained[row] * 100.0 / wrong_pairs, kMaxBlindPercent)
        << table[row].name << ": the row explains almost everything";
  }
  EXPECT_EQ(unexplained, 0) << shown;
}

TEST(DifferencesTest, EveryRowIsDocumented) {
  const absl::StatusOr<std::string> page =
      ReadFile("docs/MIGRATING.md", 1 << 20);
  ASSERT_TRUE(page.ok()) << page.status();
  for (const Difference& difference : DeliberateDifferences()) {
    EXPECT_TRUE(
        absl::StrContains(*page, absl::StrCat("| ", difference.name, " | ")))
        << difference.name;
  }
  for (const LineDifference& difference : DeliberateLineDifferences()) {
    EXPECT_TRUE(
        absl::StrContains(*page, absl::StrCat("| ", difference.name, " | ")))
        << difference.name;
  }
}

class LineRowsTest : public testing::Test, protected ServedZones {};

// Without its row each of these lines would be a difference.
TEST_F(LineRowsTest, AreNeeded) {
  struct Example {
    const char* row;
    DatasetType type;
    std::string text;
    const char* name;
  };
  const Example kExamples[] = {
      {"lines over 64 KiB", DatasetType::kIp4Set,
       absl::StrCat("1.2.3.4 ", std::string(70'000, 'x'), "\n"), "4.3.2.1"},
      {"byte order mark", DatasetType::kIp4Set,
       "\xef\xbb\xbf"
       "1.2.3.4\n",
       "4.3.2.1"},
      {"carriage returns", DatasetType::kIp4Set, "1.2.3.4\r\n", "4.3.2.1"},
      {"control characters", DatasetType::kIp4Set, "1.2.3.4 a\1\n", "4.3.2.1"},
      {"comments behind $NS", DatasetType::kIp4Set,
       "$NS 1h ns.example # the first\n", ""},
  };
  std::vector<LineDifference> table = DeliberateLineDifferences();
  // One has a test of its own.
  ASSERT_EQ(table.size(), std::size(kExamples) + 1);
  std::vector<GeneratedZone> zones;
  for (const Example& example : kExamples) {
    zones.push_back({{{example.type, {example.text}}}, {}});
  }
  std::vector<LineDifference> no_rows;
  Serve("lines", zones, &no_rows);
  ASSERT_FALSE(HasFatalFailure());
  auto peer = Peer::StartRbldnsd(folder_, specs_, {"-c", "0", "-a"});
  ASSERT_TRUE(peer.ok()) << peer.status();
  for (size_t i = 0; i < zones.size(); ++i) {
    const Example& example = kExamples[i];
    const std::string query =
        QueryBuilder()
            .Question(absl::StrCat(example.name, *example.name ? "." : "", "z",
                                   i, ".test"),
                      *example.name ? RrType::kA : RrType::kNs)
            .message();
    const auto reply = (*peer)->AskAll({query});
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_FALSE(ReadReply(Ours(query)) == ReadReply((*reply)[0]))
        << example.row << ": " << ReadReply((*reply)[0]).ToString();
    std::vector<LineDifference> rows = DeliberateLineDifferences();
    FilesForRbldnsd(example.type, &rows).Next(example.text);
    for (const LineDifference& row : rows) {
      EXPECT_EQ(row.count, row.name == absl::string_view(example.row))
          << example.row;
    }
  }
}

// rbldnsd does not even start.
TEST_F(LineRowsTest, ALineEndsTheLoading) {
  const GeneratedZone kZones[] = {
      {{{DatasetType::kGeneric, {"a A 1.2.3.4\nb MX 10\n"}}}, {}},
      {{{DatasetType::kGeneric, {"a A 1.2.3.4\nb 1h30m A 1.2.3.4\n"}}}, {}},
      {{{DatasetType::kCombined, {"stray\n$DATASET ip4set @\n"}}}, {}}};
  for (const GeneratedZone& zone : kZones) {
    for (std::vector<LineDifference> rows :
         {std::vector<LineDifference>(), DeliberateLineDifferences()}) {
      Serve("ends", {zone}, &rows);
      ASSERT_FALSE(HasFatalFailure());
      auto peer = Peer::StartRbldnsd(folder_, specs_, {"-c", "0"});
      EXPECT_EQ(peer.ok(), !rows.empty()) << peer.status();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Types, DifferentialTest,
    testing::Values(DatasetType::kIp4Set, DatasetType::kIp4Tset,
                    DatasetType::kIp4Trie, DatasetType::kIp6Tset,
                    DatasetType::kIp6Trie, DatasetType::kDnset,
                    DatasetType::kGeneric, DatasetType::kCombined,
                    DatasetType::kAcl),
    [](const testing::TestParamInfo<DatasetType>& info) {
      return std::string(DatasetTypeName(info.param));
    });

}  // namespace
}  // namespace rbld
