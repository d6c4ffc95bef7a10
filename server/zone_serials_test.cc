// A zone's serial moves when, and only when, an answer of the zone does.
//
// A daemon with zones of every kind over shared lists and watched files is
// changed at random by every way there is; after each step all that the zones
// answer is compared with what they answered before.
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "dns/ldns_packet.h"
#include "dns/query_builder.h"
#include "gtest/gtest.h"
#include "server/answer.h"
#include "server/daemon.h"

namespace rbld {
namespace {

constexpr char kConfig[] = R"(
[store]
directory = "store"
[server]
listen = ["127.0.0.1:0"]
[control]
operator_socket = "op.sock"
[files]
check = 0
[[list]]
name = "one"
reason = "one $"
allow_special_purpose = true
[[list]]
name = "two"
code = "127.0.0.4"
reason = "two"
allow_special_purpose = true
[[dataset]]
name = "addresses"
type = "ip4set"
files = ["addresses"]
lists = ["two"]
[[dataset]]
name = "names"
type = "dnset"
files = ["names"]
lists = ["two"]
[[dataset]]
name = "records"
type = "generic"
files = ["records"]
zones = ["files.test"]
[[zone]]
name = "four.test"
kind = "ipv4"
lists = ["one"]
ns = ["ns.example.org"]
[[zone]]
name = "six.test"
kind = "ipv6"
lists = ["one"]
ns = ["ns.example.org"]
[[zone]]
name = "names.test"
kind = "names"
lists = ["one"]
ns = ["ns.example.org"]
[[zone]]
name = "all.test"
kind = ["ipv4", "ipv6", "names"]
lists = ["one"]
ns = ["ns.example.org"]
serial = "unixtime"
[[zone]]
name = "retired.test"
lists = ["one"]
state = "retired"
ns = ["ns.example.org"]
[[zone]]
name = "mask.test"
kind = ["ipv4", "names"]
lists = [{ name = "one", code = "127.0.0.6" }, "two"]
combine = "bitmask"
serial = "unixtime"
ns = ["ns.example.org"]
[[zone]]
name = "codes.test"
kind = ["ipv4", "ipv6", "names"]
lists = [{ name = "one", code = "127.0.0.9", reason = "ours" }]
ns = ["ns.example.org"]
[[zone]]
name = "files.test"
kind = ["ipv4", "names"]
lists = ["one", "two"]
serial = "unixtime"
ns = ["ns.example.org"]
[[zone]]
name = "parts.test"
kind = "ipv4"
lists = ["one"]
ns = ["ns.example.org"]
[[zone.subzone]]
name = "sub"
lists = [{ name = "one", reason = "sub" }]
)";

const std::vector<std::string>& Zones() {
  static const auto* const zones = new std::vector<std::string>{
      "four.test", "six.test",   "names.test", "all.test",  "retired.test",
      "mask.test", "codes.test", "files.test", "parts.test"};
  return *zones;
}

// Targets that meet, contain and hide one another.
const std::vector<std::string>& Targets() {
  static const auto* const targets = new std::vector<std::string>{
      "192.0.2.0",      "192.0.2.1",     "192.0.2.0/31", "192.0.2.0/30",
      "192.0.2.8/29",   "192.0.2.9",     "127.0.0.2",    "2001:db8::1",
      "2001:db8::/127", "2001:db8::/64", "a.example",    "b.a.example",
      ".a.example",     "*.a.example",   ".b.a.example", "*.example",
      "c.b.a.example",  ".test"};
  return *targets;
}

// The names to ask for below a zone, which the targets decide, and those above
// and beside them.
std::vector<std::string> Questions() {
  std::vector<std::string> questions = {"",
                                        "192",
                                        "0.192",
                                        "2.0.192",
                                        "127",
                                        "example",
                                        "a.example",
                                        "b.a.example",
                                        "c.b.a.example",
                                        "d.c.b.a.example",
                                        "x.a.example",
                                        "x.example",
                                        "other",
                                        "test",
                                        "x.test",
                                        "invalid",
                                        "static",
                                        "2.0.0.2.0.192.sub",
                                        "sub",
                                        "192.sub"};
  for (const int last : {0, 1, 2, 3, 4, 8, 9, 10, 15, 16}) {
    questions.push_back(absl::StrCat(last, ".2.0.192"));
    questions.push_back(absl::StrCat(last, ".2.0.192.sub"));
  }
  questions.push_back("1.0.0.127");
  questions.push_back("2.0.0.127");
  const std::string prefix = "8.b.d.0.1.0.0.2";
  std::string zeros;
  for (int i = 0; i < 23; ++i) zeros += "0.";
  for (const char* last : {"0", "1", "2", "f"}) {
    questions.push_back(absl::StrCat(last, ".", zeros, prefix));
  }
  questions.push_back(prefix);
  questions.push_back(absl::StrCat("0.0.0.0.0.0.0.0.", prefix));
  return questions;
}

// Zones that have watched files of names.
const std::set<std::string> kFilesOfNames = {"mask.test", "files.test"};

// May names with their subdomains have changed?
bool IsOfSubdomains(const std::string& step) {
  return step.find(" *.") != std::string::npos ||
         step.find(" .") != std::string::npos || step.find("import") == 0 ||
         step.find("file names") == 0 ||
         step.find("second") != std::string::npos ||
         step.find("while") != std::string::npos;
}

class ZoneSerialsTest : public ::testing::Test {
 protected:
  struct State {
    // By zone, what each question is answered with.
    std::map<std::string, std::vector<std::string>> answers;
    std::map<std::string, uint32_t> serials;
  };

  ZoneSerialsTest() {
    char name[] = "/tmp/rbldXXXXXX";
    directory_ = mkdtemp(name);
    std::ofstream(directory_ + "/rbld.toml") << kConfig;
    WriteFile("addresses", "");
    WriteFile("names", "");
    WriteFile("records", "");
    for (const std::string& zone : Zones()) {
      for (const std::string& question : Questions()) {
        for (const RrType type : {RrType::kA, RrType::kTxt}) {
          const std::string name =
              question.empty() ? zone : absl::StrCat(question, ".", zone);
          queries_[zone].push_back(
              QueryBuilder().Question(name, type).message());
        }
      }
    }
  }
  ~ZoneSerialsTest() override {
    daemon_.reset();
    std::filesystem::remove_all(directory_);
  }

  void WriteFile(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(directory_, "/", name);
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
  }

  void Start() {
    daemon_.reset();
    DaemonOptions options;
    options.config_path = directory_ + "/rbld.toml";
    options.clock = &clock_;
    options.sync = false;
    absl::StatusOr<std::unique_ptr<Daemon>> daemon = Daemon::Start(options);
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    daemon_ = *std::move(daemon);
  }

  // The records of the answer section in an order of their own, or the rcode.
  std::string Ask(const Snapshot& snapshot, const std::string& message) {
    Request request;
    request.message = reinterpret_cast<const uint8_t*>(message.data());
    request.message_bytes = message.size();
    request.transport = Transport::kTcp;
    request.now_seconds = clock_.NowSeconds();
    Outcome outcome;
    const size_t bytes = Answer(snapshot, request, out_.data(), &outcome);
    EXPECT_GE(bytes, 12u);
    if (out_[6] == 0 && out_[7] == 0) return std::string(1, out_[3] & 15);
    const LdnsPacket packet(out_.data(), bytes);
    std::vector<std::string> answers = packet.answers();
    std::sort(answers.begin(), answers.end());
    return absl::StrJoin(answers, "\n");
  }

  State Look() {
    State state;
    const std::shared_ptr<const Snapshot> snapshot = daemon_->snapshot();
    for (const ServedZone& zone : snapshot->zones()) {
      const std::string& name = zone.zone->config.name;
      state.serials[name] = zone.serial;
      for (const std::string& query : queries_[name]) {
        state.answers[name].push_back(Ask(*snapshot, query));
      }
    }
    return state;
  }

  // The kinds of step, as they are reported.
  std::string Step();
  std::string ChangeStep();
  std::string FileStep();
  std::string ImportStep();

  template <typename T>
  const T& Any(const std::vector<T>& of) {
    return of[random_() % of.size()];
  }
  std::string RandomSource() { return random_() % 2 == 0 ? "manual" : "feed"; }
  std::string RandomList() { return random_() % 3 == 0 ? "two" : "one"; }

  FakeClock clock_{1'700'000'000};
  std::mt19937 random_{20'261'130};
  std::string directory_;
  std::map<std::string, std::vector<std::string>> queries_;
  std::array<uint8_t, kTcpReplyBytes> out_;
  std::unique_ptr<Daemon> daemon_;
};

std::string ZoneSerialsTest::ChangeStep() {
  ChangeRequest request;
  request.actor = "test";
  std::string text;
  const int changes = random_() % 4 == 0 ? 3 : 1;
  for (int i = 0; i < changes; ++i) {
    Change change;
    switch (random_() % 6) {
      case 0:
      case 1:
        change.verb = Change::Verb::kRemove;
        break;
      case 2:
        change.verb = Change::Verb::kExempt;
        break;
      case 3:
        change.verb = Change::Verb::kUnexempt;
        break;
      default:
        break;
    }
    change.list = RandomList();
    change.source = RandomSource();
    const bool exemption = change.verb == Change::Verb::kExempt ||
                           change.verb == Change::Verb::kUnexempt;
    if (exemption && random_() % 2 == 0) change.source.clear();
    const std::string target = Any(Targets());
    if (exemption && (target == "127.0.0.2" || target == ".test")) continue;
    change.target = *Target::Parse(target);
    if (change.verb == Change::Verb::kAdd) {
      switch (random_() % 4) {
        case 0:
          change.values = {{0x7f000004, "two", 0}};
          break;
        case 1:
          change.values = {{0x7f000002, "one $", 600}};
          break;
        case 2:
          change.note = absl::StrCat("note ", random_() % 3);
          break;
        default:
          break;
      }
      if (random_() % 4 == 0) {
        change.expires = clock_.NowSeconds() + 1 + random_() % 30;
      }
    }
    absl::StrAppend(&text, static_cast<int>(change.verb), " ", change.list, " ",
                    change.source, " ", target, "; ");
    request.changes.push_back(std::move(change));
  }
  if (request.changes.empty()) return "nothing";
  const absl::Status status = daemon_->publisher()->Apply(request).status();
  EXPECT_TRUE(status.ok()) << status;
  return text;
}

std::string ZoneSerialsTest::FileStep() {
  const char* const lines_of_addresses[] = {
      "192.0.2.1",      "192.0.2.0/30 :4:two", "!192.0.2.1",
      "192.0.2.9 :2:$", "# a comment",         "192.0.2.9 :127.0.0.4:two",
      "192.0.2.8-15"};
  const char* const lines_of_names[] = {
      "a.example",   "*.a.example :4:two",   ".b.a.example",     "!b.a.example",
      "# a comment", "c.b.a.example :4:two", ".example :2:other"};
  const char* const lines_of_records[] = {"static A 192.0.2.7",
                                          "static TXT \"text\"",
                                          "other 600 A 192.0.2.8", "# comment"};
  std::vector<std::string> lines;
  const auto choose = [&](const auto& from) {
    for (const char* line : from) {
      if (random_() % 3 == 0) lines.push_back(line);
    }
  };
  std::string file;
  switch (random_() % 3) {
    case 0:
      file = "addresses";
      choose(lines_of_addresses);
      break;
    case 1:
      file = "names";
      choose(lines_of_names);
      break;
    default:
      file = "records";
      choose(lines_of_records);
      break;
  }
  // ip4set and generic do not mind the order; of a name the first line holds.
  if (file != "names") std::shuffle(lines.begin(), lines.end(), random_);
  std::string text;
  for (const std::string& line : lines) absl::StrAppend(&text, line, "\n");
  WriteFile(file, text);
  const absl::Status status = daemon_->Reload();
  EXPECT_TRUE(status.ok()) << status;
  return absl::StrCat("file ", file, ":\n", text);
}

std::string ZoneSerialsTest::ImportStep() {
  const std::string list = RandomList();
  const absl::StatusOr<ListSpec> spec = daemon_->publisher()->list_spec(list);
  Import import(spec->policy);
  const Import::ValuesNumber values = *import.InternValues(
      random_() % 2 == 0 ? ValueSet{{0x7f000004, "two", 0}}
                         : ValueSet{{0x7f000002, "one $", 0}});
  EntryDetails details;
  if (random_() % 2 == 0) {
    details.note = absl::StrCat("import ", random_() % 3);
  }
  for (const std::string& target : Targets()) {
    if (random_() % 3 == 0) {
      EXPECT_TRUE(
          import.AddListing(*Target::Parse(target), values, details).ok());
    }
  }
  ImportOptions options;
  options.list = list;
  options.source = "feed";
  options.actor = "test";
  options.force = true;
  const auto summary =
      daemon_->publisher()->RunImport(std::move(import), options, nullptr);
  EXPECT_TRUE(summary.ok()) << summary.status();
  return absl::StrCat("import into ", list);
}

std::string ZoneSerialsTest::Step() {
  const uint32_t dice = random_() % 1000;
  if (dice < 10) {
    Start();
    return "restart";
  }
  if (dice < 20) {
    // What expires meanwhile is gone at the start.
    daemon_.reset();
    clock_.Advance(1 + random_() % 20);
    Start();
    return "restart after a while";
  }
  if (dice < 30) {
    const absl::Status status = daemon_->Reload();
    EXPECT_TRUE(status.ok()) << status;
    return "reload";
  }
  if (dice < 130) return FileStep();
  if (dice < 230) return ImportStep();
  if (dice < 330) {
    clock_.Advance(1 + random_() % 3);
    // The publisher looks at the clock before it takes the next request.
    ChangeRequest request;
    request.actor = "test";
    request.dry_run = true;
    EXPECT_TRUE(daemon_->publisher()->Apply(request).ok());
    return "a second or more";
  }
  return ChangeStep();
}

TEST_F(ZoneSerialsTest, MoveWithTheAnswersAndOnlyWithThem) {
  Start();
  State before = Look();
  std::map<std::string, int> moves;
  int excepted = 0;
  for (int step = 0; step < 10'000; ++step) {
    const std::string what = Step();
    State after = Look();
    for (const std::string& zone : Zones()) {
      const bool differs = before.answers[zone] != after.answers[zone];
      const bool moved = before.serials[zone] != after.serials[zone];
      moves[zone] += moved ? 1 : 0;
      if (differs == moved) continue;
      // The documented exception: a file's index cannot be asked for the names
      // that it has below one that changed with its subdomains.
      if (moved && kFilesOfNames.count(zone) != 0 && IsOfSubdomains(what)) {
        ++excepted;
        continue;
      }
      std::string difference;
      for (size_t i = 0; i < queries_[zone].size(); ++i) {
        if (before.answers[zone][i] == after.answers[zone][i]) continue;
        difference =
            absl::StrCat(Questions()[i / 2], ": ", before.answers[zone][i],
                         " -> ", after.answers[zone][i]);
      }
      FAIL() << "step " << step << " (" << what << "): " << zone
             << (moved ? " moved without a difference" : " did not move: ")
             << difference;
    }
    before = std::move(after);
  }
  EXPECT_EQ(moves["retired.test"], 0);
  EXPECT_LT(excepted, 400);
  for (const std::string& zone : Zones()) {
    if (zone == "retired.test") continue;
    EXPECT_GT(moves[zone], 200) << zone;
  }
}

// More than a group commit takes: files that are ingested, and a new index.
class BulkSerialsTest : public ZoneSerialsTest {
 protected:
  // The zones whose serials an import of 5,000 addresses into "one" moves.
  std::string Moved(const Value& value, const std::string& note,
                    Family family = Family::kIpv4) {
    const std::map<std::string, uint32_t> before = Look().serials;
    const absl::StatusOr<ListSpec> spec =
        daemon_->publisher()->list_spec("one");
    Import import(spec->policy);
    const Import::ValuesNumber values = *import.InternValues({value});
    EntryDetails details;
    details.note = note;
    for (uint32_t i = 0; i < 5000; ++i) {
      const std::string target =
          family == Family::kIpv4 ? absl::StrCat("8.8.", i / 250, ".", i % 250)
                                  : absl::StrCat("2a00::", absl::Hex(i + 1));
      EXPECT_TRUE(
          import.AddListing(*Target::Parse(target), values, details).ok());
    }
    ImportOptions options;
    options.list = "one";
    options.source = family == Family::kIpv4 ? "feed" : "feed6";
    options.actor = "test";
    options.force = true;
    const auto summary =
        daemon_->publisher()->RunImport(std::move(import), options, nullptr);
    EXPECT_TRUE(summary.ok()) << summary.status();
    std::vector<std::string> moved;
    for (const auto& [zone, serial] : Look().serials) {
      if (serial != before.at(zone)) moved.push_back(zone);
    }
    return absl::StrJoin(moved, " ");
  }
};

TEST_F(BulkSerialsTest, ImportsMoveTheZonesThatShowThem) {
  Start();
  const Value value{0x7f000002, "bulk", 0};
  EXPECT_EQ(Moved(value, ""),
            "all.test codes.test files.test four.test mask.test parts.test");
  // Other notes of the same listings: no answer says them.
  EXPECT_EQ(Moved(value, "another"), "");
  // Other reasons: a zone that says its own instead stays.
  EXPECT_EQ(Moved({0x7f000002, "other", 0}, ""),
            "all.test files.test four.test mask.test parts.test");
  EXPECT_EQ(Moved({0x7f000003, "other", 0}, ""),
            "all.test files.test four.test parts.test");
  EXPECT_EQ(Moved(value, "", Family::kIpv6), "all.test codes.test six.test");
}

// What was taken back is not stored either.
TEST_F(BulkSerialsTest, SerialsOfAnImportThatShowsNothingStayOverARestart) {
  Start();
  const Value value{0x7f000002, "bulk", 0};
  Moved(value, "");
  EXPECT_EQ(Moved(value, "another"), "");
  const std::map<std::string, uint32_t> before = Look().serials;
  Start();
  EXPECT_EQ(Look().serials, before);
}

TEST_F(ZoneSerialsTest, AFileThatIsTouchedOrSaysTheSameMovesNothing) {
  Start();
  WriteFile("addresses", "192.0.2.1\n192.0.2.9\n");
  ASSERT_TRUE(daemon_->Reload().ok());
  const std::map<std::string, uint32_t> before = Look().serials;
  clock_.Advance(1000);
  WriteFile("addresses", "# the same\n192.0.2.9\n192.0.2.1\n");
  ASSERT_TRUE(daemon_->Reload().ok());
  EXPECT_EQ(Look().serials, before);
  Start();
  EXPECT_EQ(Look().serials, before);
}

TEST_F(ZoneSerialsTest, AFileThatIsRolledBackMovesTheSerialForward) {
  Start();
  WriteFile("addresses", "192.0.2.1\n");
  ASSERT_TRUE(daemon_->Reload().ok());
  const uint32_t before = Look().serials["files.test"];
  WriteFile("addresses", "192.0.2.9\n");
  // As rsync -t and a restored backup leave it.
  std::filesystem::last_write_time(
      directory_ + "/addresses",
      std::filesystem::file_time_type::clock::now() - std::chrono::hours(24));
  ASSERT_TRUE(daemon_->Reload().ok());
  EXPECT_GT(Look().serials["files.test"], before);
}

TEST_F(ZoneSerialsTest, AFileThatChangedWhileRbldWasStoppedMovesTheSerial) {
  Start();
  const std::map<std::string, uint32_t> before = Look().serials;
  daemon_.reset();
  WriteFile("addresses", "192.0.2.1\n");
  Start();
  std::map<std::string, uint32_t> after = Look().serials;
  EXPECT_GT(after["files.test"], before.at("files.test"));
  EXPECT_GT(after["mask.test"], before.at("mask.test"));
  after["files.test"] = before.at("files.test");
  after["mask.test"] = before.at("mask.test");
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace rbld
