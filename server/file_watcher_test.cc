#include "server/file_watcher.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file_util.h"

namespace rbld {
namespace {

class FileWatcherTest : public testing::Test {
 protected:
  FileWatcherTest()
      : folder_(absl::StrCat(
            getenv("TEST_TMPDIR"), "/",
            testing::UnitTest::GetInstance()->current_test_info()->name())) {
    EXPECT_TRUE(MakeDirectories(folder_).ok());
  }

  void Write(const std::string& text) {
    ASSERT_TRUE(WriteFileAtomically(folder_ + "/data", text).ok());
  }

  Config OneDataset() const {
    Config config;
    config.files_scratch_directory = folder_;
    config.files_check_seconds = 1;
    DatasetConfig dataset;
    dataset.spec.name = "data";
    dataset.spec.files = {folder_ + "/data"};
    config.datasets = {dataset};
    return config;
  }

  void Take(std::shared_ptr<const FileView> view) {
    MutexLock lock(&mutex_);
    view_ = std::move(view);
  }
  std::shared_ptr<const ServedDataset> Served() {
    MutexLock lock(&mutex_);
    return view_ == nullptr ? nullptr : view_->datasets.at("data");
  }
  uint64_t Entries() {
    const auto served = Served();
    return served == nullptr || served->data == nullptr ? 0
                                                        : served->data->entries;
  }

  const std::string folder_;
  FakeClock clock_{1714564800};  // 2024-05-01T12:00:00Z
  Mutex mutex_;
  std::shared_ptr<const FileView> view_ RBLD_GUARDED_BY(mutex_);
  FileWatcher watcher_{&clock_, [this](std::shared_ptr<const FileView> view) {
                         Take(std::move(view));
                       }};
};

TEST_F(FileWatcherTest, LoadsWhatTheConfigurationNames) {
  Write("1.0.0.1\n1.0.0.2\n");
  const auto view = watcher_.Configure(OneDataset());
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ((*view)->datasets.at("data")->data->entries, 2u);
  // The caller shows it.
  EXPECT_EQ(Served(), nullptr);
}

TEST_F(FileWatcherTest, AFileThatIsNotThereIsAnErrorUnlessItMayBe) {
  Config config = OneDataset();
  const auto view = watcher_.Configure(config);
  ASSERT_FALSE(view.ok());
  EXPECT_TRUE(absl::StrContains(view.status().message(), folder_ + "/data"))
      << view.status();
  config.files_may_fail_at_start = true;
  const auto empty = watcher_.Configure(config);
  ASSERT_TRUE(empty.ok());
  EXPECT_FALSE((*empty)->datasets.at("data")->usable());
  Write("1.0.0.1\n");
  EXPECT_TRUE(watcher_.CheckNow().ok());
  EXPECT_EQ(Entries(), 1u);
}

TEST_F(FileWatcherTest, ABrokenVersionLeavesTheGoodOne) {
  std::string good;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&good, "1.0.0.", i, "\n");
  Write(good);
  ASSERT_TRUE(watcher_.Configure(OneDataset()).ok());
  Write(good + "1.0.1.1\n");
  ASSERT_TRUE(watcher_.CheckNow().ok());
  EXPECT_EQ(Entries(), 101u);
  std::string half_bad = good;
  for (int i = 0; i < 20; ++i) absl::StrAppend(&half_bad, "rubbish ", i, "\n");
  for (const std::string& broken :
       {std::string("<html>\n"), half_bad,
        std::string("$TIMESTAMP 2030:01:01\n") + good}) {
    Write(broken);
    EXPECT_FALSE(watcher_.CheckNow().ok());
    EXPECT_EQ(Entries(), 101u);
  }
  unlink((folder_ + "/data").c_str());
  EXPECT_FALSE(watcher_.CheckNow().ok());
  EXPECT_EQ(Entries(), 101u);
  // A few bad lines are left out, as rbldnsd does it.
  Write(good + "rubbish\n1.0.1.2\n1.0.1.3\n");
  EXPECT_TRUE(watcher_.CheckNow().ok());
  EXPECT_EQ(Entries(), 102u);
}

TEST_F(FileWatcherTest, ALastLineWithoutANewlineIsAnEntry) {
  Write("1.0.0.1\n1.0.0.2");
  const auto view = watcher_.Configure(OneDataset());
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ((*view)->datasets.at("data")->data->entries, 2u);
  // An operator who asks for it has written it.
  Write("1.0.0.1\n1.0.0.2\n1.0.0.3");
  EXPECT_TRUE(watcher_.CheckNow().ok());
  EXPECT_EQ(Entries(), 3u);
}

TEST_F(FileWatcherTest, AFileThatMayStillBeWrittenIsTakenOnceItStandsStill) {
  Write("1.0.0.1\n");
  ASSERT_TRUE(watcher_.Configure(OneDataset()).ok());
  watcher_.Start();
  // The first look finds another file, the second one the same.
  Write("1.0.0.1\n1.0.0.2");
  while (Entries() != 2) {
    // It is waited for, and nothing is wrong.
    EXPECT_EQ(watcher_.Status().at(0).last_error, "");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const std::shared_ptr<const ServedDataset> before = Served();
  // Another mode is not another version of such a file either.
  ASSERT_EQ(chmod((folder_ + "/data").c_str(), 0600), 0);
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(watcher_.Status().at(0).last_error, "");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(Served(), before);
  watcher_.Stop();
}

TEST_F(FileWatcherTest, SaysHowItsDatasetsAreDoing) {
  Config config = OneDataset();
  config.files_may_fail_at_start = true;
  ASSERT_TRUE(watcher_.Configure(config).ok());
  DatasetStatus status = watcher_.Status().at(0);
  EXPECT_EQ(status.name, "data");
  EXPECT_EQ(status.files, std::vector<std::string>{folder_ + "/data"});
  EXPECT_FALSE(status.served());
  EXPECT_EQ(status.loaded, 0);
  EXPECT_EQ(status.failing_since, clock_.NowSeconds());
  EXPECT_TRUE(absl::StrContains(status.last_error, folder_))
      << status.last_error;

  clock_.Advance(60);
  Write("1.0.0.1\n1.0.0.2\n1.0.0.3\n1.0.0.4\nrubbish\n2001:db8::1\n");
  ASSERT_TRUE(watcher_.CheckNow().ok());
  status = watcher_.Status().at(0);
  EXPECT_TRUE(status.served());
  EXPECT_EQ(status.type, "ip4set");
  EXPECT_EQ(status.entries, 4u);
  EXPECT_EQ(status.lines, 6u);
  EXPECT_EQ(status.left_out_lines, 1u);
  EXPECT_EQ(status.warned_lines, 1u);
  const int64_t loaded = clock_.NowSeconds();
  EXPECT_EQ(status.loaded, loaded);
  EXPECT_EQ(status.newest_mtime, Served()->data->newest_mtime);
  EXPECT_EQ(status.last_error, "");
  EXPECT_EQ(status.failing_since, 0);

  // What is served stays, and the first failure's time, while it fails.
  clock_.Advance(60);
  const int64_t first_failure = clock_.NowSeconds();
  for (const char* broken : {"<html>\n", "more rubbish\n"}) {
    Write(broken);
    EXPECT_FALSE(watcher_.CheckNow().ok());
    status = watcher_.Status().at(0);
    EXPECT_TRUE(status.served());
    EXPECT_EQ(status.entries, 4u);
    EXPECT_EQ(status.loaded, loaded);
    EXPECT_NE(status.last_error, "");
    EXPECT_EQ(status.failing_since, first_failure);
    clock_.Advance(60);
  }

  Write("$TIMESTAMP 2024:05:01:12 +10m\n1.0.0.1\n");
  ASSERT_TRUE(watcher_.CheckNow().ok());
  status = watcher_.Status().at(0);
  EXPECT_EQ(status.failing_since, 0);
  EXPECT_EQ(status.expires, 1714564800 + 600);
  EXPECT_FALSE(status.expired);
  clock_.Advance(600);
  ASSERT_TRUE(watcher_.CheckNow().ok());
  EXPECT_TRUE(watcher_.Status().at(0).expired);
  EXPECT_FALSE(watcher_.Status().at(0).served());

  ASSERT_TRUE(watcher_.Configure(Config()).ok());
  EXPECT_TRUE(watcher_.Status().empty());
}

TEST_F(FileWatcherTest, ARefusedVersionIsTakenWhenItIsAskedForAgain) {
  Write("1.0.0.1\n");
  ASSERT_TRUE(watcher_.Configure(OneDataset()).ok());
  Write("1.0.0.1\n1.0.0.2\nrubbish\n");
  const absl::Status refused = watcher_.CheckNow();
  EXPECT_TRUE(absl::StrContains(refused.message(), "reload once more"))
      << refused;
  EXPECT_EQ(Entries(), 0u);
  EXPECT_TRUE(watcher_.CheckNow().ok());
  EXPECT_EQ(Entries(), 2u);
  // Another one is looked at anew.
  Write("1.0.0.1\nrubbish\nrubbish\n");
  EXPECT_FALSE(watcher_.CheckNow().ok());
  // What has nothing that can be used is never taken.
  Write("<html>\n<body>\n");
  EXPECT_FALSE(watcher_.CheckNow().ok());
  EXPECT_FALSE(watcher_.CheckNow().ok());
  EXPECT_EQ(Entries(), 2u);
}

TEST_F(FileWatcherTest, WhatALookRefusedIsNotTakenByTheFirstReload) {
  Write("1.0.0.1\n");
  ASSERT_TRUE(watcher_.Configure(OneDataset()).ok());
  watcher_.Start();
  // Taken by no look: first for its end, then for its lines.
  Write("1.0.0.1\nrubbish\nrubbish\n1.0.0.2");
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  watcher_.Stop();
  EXPECT_FALSE(watcher_.CheckNow().ok());
  EXPECT_EQ(Entries(), 0u);
  EXPECT_TRUE(watcher_.CheckNow().ok());
  EXPECT_EQ(Entries(), 2u);
}

TEST_F(FileWatcherTest, LinesOfTheOtherFamilyAreSkippedWhateverTheirShare) {
  Write("1.0.0.1\n");
  ASSERT_TRUE(watcher_.Configure(OneDataset()).ok());
  Write("1.0.0.1\n1.0.0.2\n2001:db8::1\n2001:db8::/32 text\n2001:db8::3\n");
  EXPECT_TRUE(watcher_.CheckNow().ok());
  ASSERT_EQ(Entries(), 2u);
  EXPECT_EQ(Served()->data->left_out_count, 0u);
  EXPECT_EQ(Served()->data->warned_count, 3u);
}

TEST_F(FileWatcherTest, AChangeThatKeepsSizeAndTimeIsNoticed) {
  const std::string path = folder_ + "/data";
  Write("1.0.0.1\n1.0.0.2\n");
  ASSERT_TRUE(watcher_.Configure(OneDataset()).ok());
  const auto mtime = std::filesystem::last_write_time(path);
  {
    std::fstream in_place(path, std::ios::in | std::ios::out);
    in_place << "1.0.0.1\n# none \n";
  }
  std::filesystem::last_write_time(path, mtime);
  EXPECT_TRUE(watcher_.CheckNow().ok());
  EXPECT_EQ(Entries(), 1u);
}

TEST_F(FileWatcherTest, AnotherModeIsNoOtherVersion) {
  Write("1.0.0.1\n");
  ASSERT_TRUE(watcher_.Configure(OneDataset()).ok());
  ASSERT_EQ(chmod((folder_ + "/data").c_str(), 0600), 0);
  EXPECT_TRUE(watcher_.CheckNow().ok());
  // Nothing was shown.
  EXPECT_EQ(Served(), nullptr);
}

TEST_F(FileWatcherTest, DataExpires) {
  Write("$TIMESTAMP 2024:05:01:11 +2h\n1.0.0.1\n");
  const auto view = watcher_.Configure(OneDataset());
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_TRUE((*view)->datasets.at("data")->usable());
  clock_.Advance(3600);
  EXPECT_TRUE(watcher_.CheckNow().ok());
  ASSERT_NE(Served(), nullptr);
  EXPECT_FALSE(Served()->usable());
  Write("$TIMESTAMP 2024:05:01:11 +2d\n1.0.0.1\n");
  EXPECT_TRUE(watcher_.CheckNow().ok());
  EXPECT_TRUE(Served()->usable());
}

TEST_F(FileWatcherTest, LooksByItselfWhileOthersAsk) {
  Write("1.0.0.1\n");
  ASSERT_TRUE(watcher_.Configure(OneDataset()).ok());
  watcher_.Start();
  std::thread asking([this] {
    for (int i = 0; i < 200; ++i) watcher_.CheckNow().IgnoreError();
  });
  Write("1.0.0.1\n1.0.0.2\n1.0.0.3\n");
  while (Entries() != 3) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  asking.join();
  // Nobody asks now.
  Write("1.0.0.1\n1.0.0.2\n");
  while (Entries() != 2) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  watcher_.Stop();
}

}  // namespace
}  // namespace rbld
