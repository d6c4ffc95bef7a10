#include "server/stats_report.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/file_util.h"

namespace rbld {
namespace {

class StatsReportTest : public testing::Test {
 protected:
  StatsReportTest() : stats_(1) { unlink(path_.c_str()); }

  void Count(AnswerKind kind, const std::string& zone) {
    Outcome outcome;
    outcome.kind = kind;
    outcome.counter_slot = zone.empty() ? -1 : stats_.ZoneSlot(zone);
    outcome.request_bytes = 30;
    outcome.reply_bytes = 50;
    stats_.worker(0)->Count(outcome);
  }
  std::string File() const { return ReadFile(path_, 1 << 16).value(); }

  const std::string path_ = absl::StrCat(getenv("TEST_TMPDIR"), "/stats");
  Stats stats_;
};

TEST_F(StatsReportTest, WritesCountersSinceTheStart) {
  StatsReport report(path_, false);
  ASSERT_TRUE(report.Mark(100).ok());
  Count(AnswerKind::kListed, "a.test");
  Count(AnswerKind::kNxDomain, "a.test");
  Count(AnswerKind::kNoData, "b.test");
  Count(AnswerKind::kRefused, "");
  ASSERT_TRUE(report.Write(160, stats_.Sum()).ok());
  Count(AnswerKind::kListed, "a.test");
  ASSERT_TRUE(report.Write(220, stats_.Sum()).ok());
  EXPECT_EQ(File(),
            "100\n"
            "160 a.test:2:1:1:60:100 b.test:1:1:0:30:50 *:4:2:1:120:200\n"
            "220 a.test:3:2:1:90:150 b.test:1:1:0:30:50 *:5:3:1:150:250\n");
}

TEST_F(StatsReportTest, WritesDifferencesAndCountsFromAReset) {
  StatsReport report(path_, true);
  Count(AnswerKind::kListed, "a.test");
  ASSERT_TRUE(report.Write(60, stats_.Sum()).ok());
  Count(AnswerKind::kListed, "a.test");
  ASSERT_TRUE(report.Write(120, stats_.Sum()).ok());
  EXPECT_EQ(File(),
            "60 a.test:1:1:0:30:50 *:1:1:0:30:50\n"
            "120 a.test:1:1:0:30:50 *:1:1:0:30:50\n");
  report.Reset(120, stats_.Sum());
  Count(AnswerKind::kRefused, "a.test");
  EXPECT_EQ(report.LogLines(150, stats_.Sum()),
            (std::vector<std::string>{
                "stats for 30sec zone a.test: tot=1 ok=0 nxd=0 err=1 in=30 "
                "out=50",
                "stats for 30sec: tot=1 ok=0 nxd=0 err=1 in=30 out=50"}));
}

TEST_F(StatsReportTest, NamesAFileThatCannotBeWritten) {
  StatsReport report("/does/not/exist", false);
  EXPECT_NE(report.Mark(1).message().find("/does/not/exist"),
            absl::string_view::npos);
}

}  // namespace
}  // namespace rbld
