// Restarts from index files: whatever happened to the store and to the files,
// the answers are those of the records.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include "store/publisher.h"

namespace rbld {
namespace {

constexpr int64_t kStart = 1'700'000'000;

Target T(const std::string& text) { return Target::Parse(text).value(); }

class PublisherFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    options_.directory = directory_;
    options_.clock = &clock_;
    options_.index_file_min_records = 1;
    options_.index_file_look_milliseconds = 5;
    options_.index_file_least_part_bytes = 4096;
    Open();
  }
  void TearDown() override {
    publisher_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Open() {
    publisher_.reset();
    ListSpec list;
    list.name = "relays";
    list.default_values = {{0x7f000002, "listed $", 0}};
    ZoneSpec zone;
    zone.name = "relays.example";
    zone.parts.emplace_back();
    zone.parts[0].lists.push_back({"relays", {}});
    absl::StatusOr<std::unique_ptr<Publisher>> publisher =
        Publisher::Open(options_, {list}, {zone});
    ASSERT_TRUE(publisher.ok()) << publisher.status();
    publisher_ = *std::move(publisher);
  }

  void Apply(std::vector<Change> changes) {
    ChangeRequest request;
    request.changes = std::move(changes);
    request.actor = "tester";
    const auto result = publisher_->Apply(request);
    EXPECT_TRUE(result.ok()) << result.status();
  }
  void Add(const std::string& text) { Apply({AddOf(text)}); }
  static Change AddOf(const std::string& text) {
    Change change;
    change.list = "relays";
    change.target = T(text);
    return change;
  }

  void Import(uint32_t first, uint32_t count, const std::string& source) {
    class Import import {
      ListPolicy()
    };
    const auto values = import.InternValues({{0x7f000003, "", 0}}).value();
    for (uint32_t i = 0; i < count; ++i) {
      ASSERT_EQ(import.AddIpv4(first + i * 3, 32, values), nullptr);
    }
    ImportOptions options;
    options.list = "relays";
    options.source = source;
    options.force = true;
    const auto summary =
        publisher_->RunImport(std::move(import), options, nullptr);
    ASSERT_TRUE(summary.ok()) << summary.status();
  }

  // Since the last Open.
  void AwaitFirstFile() {
    for (int i = 0; i < 3000; ++i) {
      if (publisher_->Stats().index_files_written > 0) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "no index file was written";
  }
  std::string File() const { return directory_ + "/index/1.idx"; }

  std::string Codes(const Target& target) {
    const std::shared_ptr<const StoreView> view = publisher_->view();
    const ListIndex& index = *view->lists.at("relays");
    const ValueSetId id =
        target.is_name() ? index.names->Lookup(target.reversed_wire()).values
        : target.kind() == TargetKind::kIpv4
            ? index.ipv4->Lookup(target.prefix().ipv4())
            : index.ipv6->Lookup(target.prefix().bytes);
    std::string codes;
    if (id == kNotListed) return codes;
    for (const ValueView value : view->values->Get(id)) {
      codes += " " + std::to_string(value.code & 0xff);
    }
    return codes;
  }

  // All answers of the places that RandomChanges touches, and then again after
  // a restart, with and without the file.
  void ExpectSameAfterRestarts(bool from_file) {
    std::vector<std::string> before = Answers();
    Open();
    EXPECT_EQ(publisher_->Stats().index_files_read, from_file ? 1u : 0u);
    EXPECT_EQ(Answers(), before) << "with the file";
    publisher_.reset();
    std::filesystem::remove_all(directory_ + "/index");
    Open();
    EXPECT_EQ(publisher_->Stats().index_files_read, 0u);
    EXPECT_EQ(Answers(), before) << "without it";
  }

  static std::string PickTarget(std::mt19937* random) {
    const auto below = [random](uint32_t limit) { return (*random)() % limit; };
    const std::string a = std::to_string(below(4)),
                      b = std::to_string(below(4));
    switch (below(6)) {
      case 0:
        return "8.8." + a + ".0/24";
      case 1:
        return "8.8.0.0/" + std::to_string(16 + below(4));
      case 2:
        return "2a00:" + a + "::" + b;
      case 3:
        return "2a00:" + a + "::/32";
      case 4:
        return std::string(below(2) ? "." : "") + "n" + a + ".m" + b +
               ".example";
      default:
        return "8.8." + a + "." + b;
    }
  }

  void RandomChanges(int count, bool exemptions, std::mt19937* random) {
    static const char* const kSources[] = {"manual", "b", "c"};
    for (int i = 0; i < count; ++i) {
      Change change = AddOf(PickTarget(random));
      change.source = kSources[(*random)() % 3];
      change.verb =
          static_cast<Change::Verb>((*random)() % (exemptions ? 4 : 2));
      if (change.verb != Change::Verb::kAdd && (*random)() % 2) {
        change.source = "";
      }
      if (change.verb == Change::Verb::kAdd) {
        change.values = {
            {0x7f000002 + static_cast<uint32_t>((*random)() % 3), "", 0}};
      }
      Apply({change});
    }
  }

  std::vector<std::string> Answers() {
    std::vector<std::string> answers;
    for (int a = 0; a < 5; ++a) {
      for (int b = 0; b < 5; ++b) {
        const std::string pair[2] = {std::to_string(a), std::to_string(b)};
        for (const std::string& text :
             {"8.8." + pair[0] + "." + pair[1], "8.8.40." + pair[1],
              "2a00:" + pair[0] + "::" + pair[1],
              "n" + pair[0] + ".m" + pair[1] + ".example",
              "x.n" + pair[0] + ".m" + pair[1] + ".example",
              "m" + pair[1] + ".example"}) {
          answers.push_back(text + Codes(T(text)));
        }
      }
    }
    const auto view = publisher_->view();
    const ListIndex& index = *view->lists.at("relays");
    answers.push_back(index.exemptions == nullptr ? "no exemptions"
                                                  : "exemptions");
    answers.push_back(std::to_string(view->zone_serials.at("relays.example")));
    answers.push_back(index.ipv4->AnyWithin(0x08080000, 0x080800ff) ? "any"
                                                                    : "none");
    return answers;
  }

  FakeClock clock_{kStart};
  PublisherOptions options_;
  std::string directory_;
  std::unique_ptr<Publisher> publisher_;
};

TEST_F(PublisherFilesTest, ReplaysWhatWasChangedSinceTheFile) {
  for (const bool exemptions : {false, true}) {
    for (uint32_t seed = 0; seed < 6; ++seed) {
      SCOPED_TRACE(seed);
      TearDown();
      Open();
      std::mt19937 random(seed);
      RandomChanges(30, exemptions, &random);
      Add("8.8.3.3");
      ASSERT_NO_FATAL_FAILURE(AwaitFirstFile());
      RandomChanges(60, exemptions, &random);
      ASSERT_NO_FATAL_FAILURE(ExpectSameAfterRestarts(true));
    }
  }
}

TEST_F(PublisherFilesTest, FollowsChangesWhileFilesAreWritten) {
  options_.index_file_max_changes = 3;
  Open();
  Import(0x08080000, 20'000, "feed");
  std::mt19937 random(3);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
  int rounds = 0;
  while (std::chrono::steady_clock::now() < end) {
    RandomChanges(20, ++rounds > 10, &random);
  }
  EXPECT_GT(publisher_->Stats().index_files_written, 3u);
  ASSERT_NO_FATAL_FAILURE(ExpectSameAfterRestarts(true));
  for (uint32_t i = 7000; i < 20'000; ++i) {
    ASSERT_NE(Codes(Target::OfPrefix(IpPrefix::FromIpv4(0x08080000 + i * 3))),
              "");
  }
}

// A dump, say, looks at one view for long, and meanwhile another base is put
// under the index, part by part.
TEST_F(PublisherFilesTest, AViewThatIsHeldKeepsItsAnswers) {
  constexpr uint32_t kFirst = 0x08080000;
  constexpr uint32_t kCount = 100'000;
  Import(kFirst, kCount, "feed");
  options_.index_file_max_changes = 20;
  Open();
  const std::shared_ptr<const StoreView> held = publisher_->view();
  const uint64_t written = publisher_->Stats().index_files_written;
  for (int i = 0; i < 40; ++i) Add("9.9.9." + std::to_string(i));
  for (int i = 0;
       i < 2000 && publisher_->Stats().index_files_written == written; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ASSERT_GT(publisher_->Stats().index_files_written, written);
  const Ipv4Index& index = *held->lists.at("relays")->ipv4;
  for (int round = 0; round < 20; ++round) {
    uint32_t missing = 0;
    for (uint32_t i = 0; i < kCount; ++i) {
      missing += index.Lookup(kFirst + i * 3) == kNotListed;
    }
    ASSERT_EQ(0u, missing) << round;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

TEST_F(PublisherFilesTest, AStopWritesManyChangesAndLeavesFew) {
  Add("8.8.8.8");
  ASSERT_NO_FATAL_FAILURE(AwaitFirstFile());
  const auto time = std::filesystem::last_write_time(File());
  Add("8.8.8.9");
  Open();
  EXPECT_EQ(std::filesystem::last_write_time(File()), time);
  std::vector<Change> changes;
  for (int i = 0; i < 6000; ++i) {
    changes.push_back(AddOf("9." + std::to_string(i / 250) + "." +
                            std::to_string(i % 250) + ".1"));
  }
  Apply(changes);
  Open();
  EXPECT_NE(std::filesystem::last_write_time(File()), time);
  EXPECT_EQ(Codes(T("9.3.9.1")), " 2");
}

TEST_F(PublisherFilesTest, AnImportIsInTheNextFile) {
  Add("8.8.3.3");
  ASSERT_NO_FATAL_FAILURE(AwaitFirstFile());
  const auto time = std::filesystem::last_write_time(File());
  Import(0x08080000, 5000, "feed");
  for (int i = 0; i < 500 && std::filesystem::last_write_time(File()) == time;
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_NE(std::filesystem::last_write_time(File()), time);
  ASSERT_NO_FATAL_FAILURE(ExpectSameAfterRestarts(true));
}

TEST_F(PublisherFilesTest, ImportsAfterTheFileAreReplayedOrReadAnew) {
  for (const uint32_t count : {50u, 3000u, 15'000u}) {
    SCOPED_TRACE(count);
    TearDown();
    options_.index_file_look_milliseconds = 5;
    Open();
    Add("8.8.3.3");
    ASSERT_NO_FATAL_FAILURE(AwaitFirstFile());
    const std::string kept = directory_ + "-kept";
    std::filesystem::copy_file(
        File(), kept, std::filesystem::copy_options::overwrite_existing);
    Import(0x08080000, count, "feed");
    publisher_.reset();
    // As if a crash had come before the next file.
    std::filesystem::rename(kept, File());
    options_.index_file_look_milliseconds = 60'000;
    Open();
    // 15,000 are more than a start replays.
    EXPECT_EQ(publisher_->Stats().index_files_read, count < 15'000 ? 1u : 0u);
    const auto answers = Answers();
    publisher_.reset();
    std::filesystem::remove_all(directory_ + "/index");
    Open();
    EXPECT_EQ(Answers(), answers);
    for (uint32_t i = 0; i < count; ++i) {
      ASSERT_NE(Codes(Target::OfPrefix(IpPrefix::FromIpv4(0x08080000 + i * 3))),
                "");
    }
  }
}

TEST_F(PublisherFilesTest, ADamagedFileIsNotUsedAndReplaced) {
  Add("8.8.3.3");
  ASSERT_NO_FATAL_FAILURE(AwaitFirstFile());
  publisher_.reset();
  std::filesystem::resize_file(File(), std::filesystem::file_size(File()) - 1);
  Open();
  EXPECT_EQ(publisher_->Stats().index_files_read, 0u);
  EXPECT_EQ(Codes(T("8.8.3.3")), " 2");
  ASSERT_NO_FATAL_FAILURE(AwaitFirstFile());
  ASSERT_NO_FATAL_FAILURE(ExpectSameAfterRestarts(true));
}

// The store was put back to an earlier state by hand: the file tells of a
// sequence that will be something else.
TEST_F(PublisherFilesTest, AFileThatIsAheadOfTheStoreIsRemoved) {
  Add("8.8.3.3");
  publisher_.reset();
  const std::string earlier = directory_ + "-earlier";
  std::filesystem::remove_all(earlier);
  std::filesystem::copy(directory_, earlier,
                        std::filesystem::copy_options::recursive);
  options_.index_file_max_changes = 1;
  Open();
  Add("8.8.1.1");
  Add("8.8.2.2");
  publisher_.reset();
  ASSERT_TRUE(std::filesystem::exists(File()));
  std::filesystem::remove_all(earlier + "/index");
  std::filesystem::rename(directory_ + "/index", earlier + "/index");
  std::filesystem::remove_all(directory_);
  std::filesystem::rename(earlier, directory_);
  options_.index_file_look_milliseconds = 60'000;
  Open();
  EXPECT_EQ(publisher_->Stats().index_files_read, 0u);
  EXPECT_FALSE(std::filesystem::exists(File()));
  EXPECT_EQ(Codes(T("8.8.1.1")), "");
  EXPECT_EQ(Codes(T("8.8.3.3")), " 2");
}

TEST_F(PublisherFilesTest, TheJournalKeepsWhatTheFileLacks) {
  options_.journal_max_age_seconds = 100;
  Open();
  Add("8.8.3.3");
  ASSERT_NO_FATAL_FAILURE(AwaitFirstFile());
  Add("8.8.1.1");
  clock_.Advance(50'000);
  Add("8.8.2.2");
  clock_.Advance(1);
  Add("8.8.2.1");
  EXPECT_EQ(publisher_->Stats().journal_first_sequence, 2u)
      << "older than its age, but not in the file";
  ASSERT_NO_FATAL_FAILURE(ExpectSameAfterRestarts(true));
}

TEST_F(PublisherFilesTest, WhatExpiredWhileStoppedIsNotServedFromAFile) {
  Change change = AddOf("8.8.1.1");
  change.expires = kStart + 10;
  Apply({change, AddOf("8.8.2.2")});
  ASSERT_NO_FATAL_FAILURE(AwaitFirstFile());
  publisher_.reset();
  clock_.Advance(100);
  Open();
  EXPECT_EQ(publisher_->Stats().index_files_read, 1u);
  EXPECT_EQ(Codes(T("8.8.1.1")), "");
  EXPECT_EQ(Codes(T("8.8.2.2")), " 2");
}

TEST_F(PublisherFilesTest, ARestoredStoreDoesNotUseTheOldOnesFile) {
  Add("8.8.3.3");
  ASSERT_NO_FATAL_FAILURE(AwaitFirstFile());
  const std::string backup = directory_ + "-backup";
  std::filesystem::remove_all(backup);
  ASSERT_TRUE(publisher_->Backup(backup).ok());
  Add("8.8.1.1");
  publisher_.reset();
  const std::string index = directory_ + "-index";
  std::filesystem::remove_all(index);
  std::filesystem::rename(directory_ + "/index", index);
  std::filesystem::remove_all(directory_);
  ASSERT_TRUE(Publisher::Restore(backup, directory_).ok());
  std::filesystem::rename(index, directory_ + "/index");
  Open();
  EXPECT_EQ(publisher_->Stats().index_files_read, 0u);
  EXPECT_EQ(Codes(T("8.8.1.1")), "");
  std::filesystem::remove_all(backup);
}

}  // namespace
}  // namespace rbld
