// Bulk imports: what they leave in the index, in the journal and in the store.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "store/database.h"
#include "store/publisher.h"

namespace rbld {
namespace {

constexpr int64_t kStart = 1'700'000'000;

Target T(const std::string& text) {
  absl::StatusOr<Target> target = Target::Parse(text);
  EXPECT_TRUE(target.ok()) << text << ": " << target.status();
  return target.ok() ? *target : Target();
}

// A line of a feed: "!" before it for an exemption; the code's last octet.
struct Line {
  std::string text;
  uint32_t code = 3;
};

class PublisherImportTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    Open();
  }
  void TearDown() override {
    publisher_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Open() {
    publisher_.reset();
    PublisherOptions options;
    options.directory = directory_;
    options.clock = &clock_;
    options.journal_max_changes = journal_max_changes_;
    ListSpec spec;
    spec.name = "relays";
    spec.default_values = {{0x7f000002, "listed $", 0}};
    absl::StatusOr<std::unique_ptr<Publisher>> publisher =
        Publisher::Open(options, {spec}, {});
    ASSERT_TRUE(publisher.ok()) << publisher.status();
    publisher_ = *std::move(publisher);
  }

  ImportSummary RunImport(const std::vector<Line>& lines) {
    return RunImport(lines, ImportOptions(), nullptr);
  }
  ImportSummary RunImport(const std::vector<Line>& lines, ImportOptions options,
                          const std::function<void(double)>& progress) {
    Import import{ListPolicy()};
    for (const Line& line : lines) {
      if (line.text[0] == '!') {
        EXPECT_TRUE(import.AddExemption(T(line.text.substr(1))).ok());
        continue;
      }
      const Import::ValuesNumber values =
          import.InternValues({{0x7f000000 + line.code, "feed", 0}}).value();
      EXPECT_TRUE(import.AddListing(T(line.text), values).ok()) << line.text;
    }
    options.list = "relays";
    if (options.source.empty()) options.source = "feed";
    options.actor = "importer";
    options.force = true;
    absl::StatusOr<ImportSummary> summary =
        publisher_->RunImport(std::move(import), options, progress);
    EXPECT_TRUE(summary.ok()) << summary.status();
    return summary.ok() ? *summary : ImportSummary();
  }

  ChangeOutcome Apply(Change::Verb verb, const std::string& text,
                      const std::string& source) {
    Change change;
    change.list = "relays";
    change.source = source;
    change.target = T(text);
    change.verb = verb;
    ChangeRequest request;
    request.changes = {change};
    request.actor = "tester";
    absl::StatusOr<ChangeResult> result = publisher_->Apply(request);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->outcomes[0] : ChangeOutcome::kNotFound;
  }

  // All that the index answers, a run a line.
  std::vector<std::string> Answers() {
    const std::shared_ptr<const StoreView> view = publisher_->view();
    const ListIndex& index = *view->lists.at("relays");
    const auto codes = [&](ValueSetId id) {
      std::string text;
      for (const ValueView value : view->values->Get(id)) {
        absl::StrAppend(&text, " ", value.code & 0xff);
      }
      return text;
    };
    std::vector<std::string> answers;
    index.ipv4->ForEachRun(0, ~uint32_t{0}, [&](const Ipv4Run& run) {
      answers.push_back(absl::StrCat(absl::Hex(run.first), "-",
                                     absl::Hex(run.last), codes(run.values)));
      return true;
    });
    AddressBytes all_ones;
    all_ones.fill(0xff);
    index.ipv6->ForEachRun({}, all_ones, [&](const Ipv6Run& run) {
      answers.push_back(absl::StrCat(
          IpPrefix::Make(Family::kIpv6, run.first, 128).ToString(), "-",
          IpPrefix::Make(Family::kIpv6, run.last, 128).ToString(),
          codes(run.values)));
      return true;
    });
    return answers;
  }

  // What is answered must be what a start reads from the store.
  void ExpectIndexIsWhatTheStoreSays() {
    const std::vector<std::string> answers = Answers();
    Open();
    const std::vector<std::string> anew = Answers();
    ASSERT_EQ(answers.size(), anew.size());
    EXPECT_EQ(answers, anew);
  }

  FakeClock clock_{kStart};
  uint64_t journal_max_changes_ = 20'000'000;
  std::string directory_;
  std::unique_ptr<Publisher> publisher_;
};

// Prefixes that nest and overlap in many ways, with exemptions among them.
std::vector<Line> NestedLines(uint32_t seed, int count) {
  std::mt19937 random(seed);
  std::vector<Line> lines;
  for (int i = 0; i < count; ++i) {
    Line line;
    line.code = 2 + random() % 4;
    if (random() % 8 == 0) {
      const int length = 32 + static_cast<int>(random() % 5) * 24;
      AddressBytes bytes = {0x2a, 0x00};
      for (size_t b = 2; b < bytes.size(); ++b) bytes[b] = random() % 3;
      line.text = IpPrefix::Make(Family::kIpv6, bytes, length).ToString();
    } else {
      const uint32_t address = (16 + random() % 3) << 24 |
                               (random() % 4) << 16 | (random() % 16) << 8 |
                               random() % 256;
      const int length =
          random() % 3 == 0 ? 8 + static_cast<int>(random() % 25) : 32;
      const uint32_t mask = ~uint32_t{0} << (32 - length);
      line.text = IpPrefix::FromIpv4(address & mask, length).ToString();
    }
    if (random() % 6 == 0) line.text = "!" + line.text;
    lines.push_back(line);
  }
  return lines;
}

std::vector<Line> Addresses(int first, int count, uint32_t code = 3) {
  std::vector<Line> lines;
  for (int i = first; i < first + count; ++i) {
    lines.push_back(
        {absl::StrCat("8.", i / 50000, ".", i / 250 % 200, ".", i % 250),
         code});
  }
  return lines;
}

TEST_F(PublisherImportTest, IndexIsWhatTheStoreSays) {
  for (const Precedence precedence :
       {Precedence::kLongest, Precedence::kOctet}) {
    for (uint32_t seed = 1; seed <= 3; ++seed) {
      publisher_.reset();
      std::filesystem::remove_all(directory_);
      Open();
      ImportOptions options;
      options.precedence = precedence;
      // An empty list; much that changes in it; and one with other sources.
      RunImport(NestedLines(seed, 24000), options, nullptr);
      EXPECT_GT(Answers().size(), 1000u);
      ExpectIndexIsWhatTheStoreSays();
      RunImport(NestedLines(seed + 100, 24000), options, nullptr);
      ExpectIndexIsWhatTheStoreSays();
      Apply(Change::Verb::kAdd, "17.0.0.0/9", "manual");
      Apply(Change::Verb::kExempt, "16.1.0.0/16", "");
      RunImport(NestedLines(seed + 200, 24000), options, nullptr);
      ExpectIndexIsWhatTheStoreSays();
    }
  }
}

TEST_F(PublisherImportTest, NamesAmongTheEntriesAreAnswered) {
  std::vector<Line> lines = Addresses(0, 30000);
  for (int i = 0; i < 5000; ++i) {
    lines.push_back({absl::StrCat("host", i, ".example.net")});
  }
  RunImport(lines);
  const std::shared_ptr<const StoreView> view = publisher_->view();
  const ListIndex& index = *view->lists.at("relays");
  for (const int i : {0, 4999}) {
    const Target name = T(absl::StrCat("host", i, ".example.net"));
    EXPECT_NE(index.names->Lookup(name.reversed_wire()).values, kNotListed);
  }
  ExpectIndexIsWhatTheStoreSays();
  EXPECT_EQ(publisher_->Lists()->at(0).names, 5000u);
}

// `progress` is called while the import is compared with the store, and again
// when it is stored but not shown yet.
TEST_F(PublisherImportTest, ChangesDuringTheComparisonAreNotLost) {
  Apply(Change::Verb::kAdd, "8.0.0.0/16", "manual");
  Apply(Change::Verb::kRemove, "8.0.0.0/16", "manual");
  int calls = 0, before_commit = 0;
  const auto change_something = [&](double part) {
    if (part < 0.7) ++before_commit;
    const std::string c = std::to_string(calls++);
    Apply(Change::Verb::kAdd, absl::StrCat("9.9.", c, ".9"), "manual");
    Apply(Change::Verb::kAdd, absl::StrCat("8.0.", c, ".0/25"), "other");
    Apply(Change::Verb::kExempt, absl::StrCat("8.0.", c, ".128/25"), "");
  };
  RunImport(Addresses(0, 100000), ImportOptions(), change_something);
  ASSERT_GE(before_commit, 2);
  ASSERT_GT(calls, before_commit);
  const std::vector<std::string> answers = Answers();
  EXPECT_GT(answers.size(), 100u);
  for (int i = 0; i < calls; ++i) {
    const std::string mine = absl::StrCat(absl::Hex(0x09090009 + i * 256));
    EXPECT_TRUE(std::find(answers.begin(), answers.end(),
                          absl::StrCat(mine, "-", mine, " 2")) != answers.end())
        << mine;
  }
  ExpectIndexIsWhatTheStoreSays();
  // The next import is not all of the list.
  RunImport(Addresses(5000, 100000), ImportOptions(), change_something);
  ExpectIndexIsWhatTheStoreSays();
}

// What the index does not show yet is there all the same.
TEST_F(PublisherImportTest, AChangeFindsWhatIsStoredButNotShown) {
  int removed = 0;
  RunImport(Addresses(0, 100000), ImportOptions(), [&](double part) {
    if (part < 0.7 || removed > 0) return;
    EXPECT_EQ(Apply(Change::Verb::kRemove, "8.0.0.5", ""),
              ChangeOutcome::kRemoved);
    EXPECT_EQ(publisher_->view()->lists.at("relays")->ipv4->Lookup(0x08000006),
              kNotListed)
        << "it is shown already";
    ++removed;
  });
  EXPECT_EQ(removed, 1);
  EXPECT_EQ(publisher_->Lists()->at(0).listings, 99999u);
  ExpectIndexIsWhatTheStoreSays();
}

TEST_F(PublisherImportTest, AChangeOfItsOwnSourceMakesItStartAgain) {
  bool done = false;
  RunImport(Addresses(0, 100000), ImportOptions(), [&](double) {
    if (!done) Apply(Change::Verb::kAdd, "9.9.9.9", "feed");
    done = true;
  });
  // The import is what its source says.
  EXPECT_EQ(publisher_->Lists()->at(0).listings, 100000u);
  ExpectIndexIsWhatTheStoreSays();
}

struct JournaledChange {
  ChangeKind kind;
  std::string target;
  std::string before;
  std::string after;
};

// The bulk journal's changes, in the order of their keys; the store is closed.
std::vector<JournaledChange> BulkJournal(const std::string& directory,
                                         uint64_t bulk_id) {
  DatabaseOptions options;
  options.directory = directory;
  const auto database = Database::Open(options).value();
  std::unique_ptr<rocksdb::Iterator> it(database->db()->NewIterator(
      rocksdb::ReadOptions(), database->family(FamilyId::kBulk)));
  std::vector<JournaledChange> changes;
  std::string prefix;
  AppendU64(&prefix, bulk_id);
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix);
       it->Next()) {
    absl::string_view bytes = View(it->value());
    JournalChange change;
    bool is_first = true;
    while (ConsumeJournalChange(&bytes, &change)) {
      if (is_first) {
        EXPECT_EQ(View(it->key()).substr(8), change.key);
        is_first = false;
      }
      absl::string_view key = change.key;
      changes.push_back({change.kind, Target::ConsumeKey(&key)->ToString(),
                         std::string(change.before),
                         std::string(change.after)});
    }
    EXPECT_TRUE(bytes.empty());
  }
  return changes;
}

uint64_t LastBulkId(const std::string& directory, uint64_t* change_count,
                    bool* gap) {
  DatabaseOptions options;
  options.directory = directory;
  const auto database = Database::Open(options).value();
  std::unique_ptr<rocksdb::Iterator> it(database->db()->NewIterator(
      rocksdb::ReadOptions(), database->family(FamilyId::kJournal)));
  it->SeekToLast();
  JournalEntry entry;
  EXPECT_TRUE(it->Valid() && ParseJournal(View(it->value()), &entry));
  *change_count = entry.change_count;
  *gap = entry.gap;
  return entry.bulk_id;
}

TEST_F(PublisherImportTest, JournalHasExactlyTheChanges) {
  RunImport(Addresses(0, 50000));
  clock_.Advance(60);
  // Of 50,000: some go, some come, some answer something else; at both ends
  // of the keys, so that no half has all of them.
  std::vector<Line> lines = Addresses(1500, 50000);
  std::map<std::string, ChangeKind> expected;
  for (int i = 0; i < 700; ++i) {
    lines[static_cast<size_t>(i) * 60].code = 4;
    expected[lines[static_cast<size_t>(i) * 60].text] = ChangeKind::kChange;
  }
  for (const Line& line : Addresses(0, 1500)) {
    expected[line.text] = ChangeKind::kRemove;
  }
  for (const Line& line : Addresses(50000, 1500)) {
    expected[line.text] = ChangeKind::kAdd;
  }
  // Neither half is a bulk of changes by itself.
  const ImportSummary summary = RunImport(lines);
  EXPECT_EQ(summary.added, 1500u);
  EXPECT_EQ(summary.removed, 1500u);
  EXPECT_EQ(summary.changed, 700u);
  EXPECT_EQ(summary.unchanged, 50000u - 1500u - 700u);
  ExpectIndexIsWhatTheStoreSays();
  const HistoryEntry history =
      publisher_->History("relays", T(lines[0].text), 1)->at(0);
  EXPECT_EQ(history.kind, ChangeKind::kChange);
  EXPECT_EQ(history.before->values[0].code, 0x7f000003u);
  EXPECT_EQ(history.after->values[0].code, 0x7f000004u);
  publisher_.reset();
  uint64_t change_count = 0;
  bool gap = true;
  const uint64_t bulk_id = LastBulkId(directory_, &change_count, &gap);
  EXPECT_FALSE(gap);
  EXPECT_EQ(change_count, expected.size());
  std::map<std::string, ChangeKind> found;
  for (const JournaledChange& change : BulkJournal(directory_, bulk_id)) {
    EXPECT_TRUE(found.emplace(change.target, change.kind).second)
        << change.target << " stands twice";
    EXPECT_EQ(change.before.empty(), change.kind == ChangeKind::kAdd);
    EXPECT_EQ(change.after.empty(), change.kind == ChangeKind::kRemove);
  }
  EXPECT_EQ(found, expected);
}

TEST_F(PublisherImportTest, AnUnchangedFeedLeavesNoTrace) {
  RunImport(Addresses(0, 50000));
  clock_.Advance(60);
  const uint64_t sequence = publisher_->Stats().sequence;
  const ImportSummary summary = RunImport(Addresses(0, 50000));
  EXPECT_EQ(summary.unchanged, 50000u);
  EXPECT_EQ(summary.added + summary.removed + summary.changed, 0u);
  EXPECT_EQ(publisher_->Stats().sequence, sequence);
}

TEST_F(PublisherImportTest, BeyondTheCapTheJournalHasAGap) {
  journal_max_changes_ = 10000;
  Open();
  RunImport(Addresses(0, 50000));
  EXPECT_TRUE(publisher_->History("relays", T("8.0.0.1"), 10)->empty());
  ExpectIndexIsWhatTheStoreSays();
  publisher_.reset();
  uint64_t change_count = 1;
  bool gap = false;
  EXPECT_EQ(LastBulkId(directory_, &change_count, &gap), 0u);
  EXPECT_EQ(change_count, 0u);
  EXPECT_TRUE(gap);
}

TEST_F(PublisherImportTest, AllExpireInTheirSecond) {
  ImportOptions options;
  options.expires = kStart + 100;
  RunImport(Addresses(0, 24000), options, nullptr);
  // The half that comes again lasts longer.
  clock_.Advance(50);
  options.expires = kStart + 200;
  RunImport(Addresses(15000, 15000), options, nullptr);
  EXPECT_EQ(publisher_->Lists()->at(0).listings, 15000u);
  // Another answer, the same time.
  RunImport(Addresses(15000, 15000, 4), options, nullptr);
  clock_.Advance(149);
  Open();
  EXPECT_EQ(publisher_->Lists()->at(0).listings, 15000u);
  clock_.Advance(1);
  Open();
  EXPECT_EQ(publisher_->Lists()->at(0).listings, 0u);
  EXPECT_TRUE(Answers().empty());
}

TEST_F(PublisherImportTest, AnEmptyFeedEmptiesItsSource) {
  RunImport(Addresses(0, 30000));
  Apply(Change::Verb::kAdd, "9.9.9.9", "manual");
  const ImportSummary summary = RunImport({});
  EXPECT_EQ(summary.removed, 30000u);
  EXPECT_EQ(Answers(), std::vector<std::string>{"9090909-9090909 2"});
  ExpectIndexIsWhatTheStoreSays();
}

TEST_F(PublisherImportTest, DryRunOfAnImportOnlyCounts) {
  RunImport(Addresses(0, 30000));
  const uint64_t sequence = publisher_->Stats().sequence;
  ImportOptions options;
  options.dry_run = true;
  const ImportSummary summary =
      RunImport(Addresses(10000, 40000), options, nullptr);
  EXPECT_EQ(summary.added, 20000u);
  EXPECT_EQ(summary.removed, 10000u);
  EXPECT_EQ(summary.unchanged, 20000u);
  EXPECT_EQ(publisher_->Stats().sequence, sequence);
  EXPECT_EQ(publisher_->Lists()->at(0).listings, 30000u);
}

}  // namespace
}  // namespace rbld
