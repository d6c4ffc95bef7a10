#include "server/query_log.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file_util.h"
#include "dns/query_builder.h"
#include "server/test_snapshot.h"

namespace rbld {
namespace {

class QueryLogTest : public ::testing::Test {
 protected:
  QueryLogTest()
      : path_(absl::StrCat(
            getenv("TEST_TMPDIR"), "/",
            ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    builder_.AddZone(TestZone("rbl.example"))
        .Add("list", "192.0.2.1", {{0x7f000002, "why", 0}});
    snapshot_ = builder_.Build();
  }

  void Ask(absl::string_view name, RrType type, QueryLogWriter* log) {
    const std::string message = QueryBuilder().Question(name, type).message();
    sockaddr_in client = {};
    client.sin_family = AF_INET;
    client.sin_addr.s_addr = htonl(0xc6336401);
    Request request;
    request.message = reinterpret_cast<const uint8_t*>(message.data());
    request.message_bytes = message.size();
    request.client = reinterpret_cast<const sockaddr*>(&client);
    request.now_seconds = 1'700'000'000;
    std::vector<uint8_t> reply(kUdpReplyBytes);
    Outcome outcome;
    const size_t bytes = Answer(*snapshot_, request, reply.data(), &outcome);
    log->Add(request, reply.data(), bytes);
    log->Flush();
  }

  static std::string Read(const std::string& path) {
    return ReadFile(path, 1 << 20).value_or("");
  }

  const std::string path_;
  TestSnapshot builder_;
  std::shared_ptr<const Snapshot> snapshot_;
};

TEST_F(QueryLogTest, ALineForEachQuery) {
  const auto log = QueryLog::Open(path_);
  ASSERT_TRUE(log.ok()) << log.status();
  QueryLogWriter writer(log->get());
  Ask("1.2.0.192.RBL.example", RrType::kA, &writer);
  Ask("2.2.0.192.rbl.example", RrType::kTxt, &writer);
  Ask("x.elsewhere", RrType::kMx, &writer);
  const std::string text = Read(path_);
  EXPECT_EQ(text.find("1700000000 198.51.100.1 1.2.0.192.rbl.example A IN: "
                      "NOERROR/1/55\n"
                      "1700000000 198.51.100.1 2.2.0.192.rbl.example TXT IN: "
                      "NXDOMAIN/0/"),
            0u)
      << text;
  EXPECT_NE(text.find(" x.elsewhere MX IN: REFUSED/0/"), std::string::npos)
      << text;
}

TEST_F(QueryLogTest, IsReopenedAfterARename) {
  const auto log = QueryLog::Open(path_);
  ASSERT_TRUE(log.ok()) << log.status();
  QueryLogWriter writer(log->get());
  Ask("one.elsewhere", RrType::kA, &writer);
  const std::string old = path_ + ".old";
  ASSERT_EQ(rename(path_.c_str(), old.c_str()), 0);
  Ask("two.elsewhere", RrType::kA, &writer);
  ASSERT_TRUE((*log)->Reopen().ok());
  Ask("three.elsewhere", RrType::kA, &writer);
  EXPECT_NE(Read(old).find("two.elsewhere"), std::string::npos);
  EXPECT_EQ(Read(old).find("three.elsewhere"), std::string::npos);
  EXPECT_NE(Read(path_).find("three.elsewhere"), std::string::npos);
}

TEST_F(QueryLogTest, AFileThatCannotBeOpenedIsFoundLater) {
  const std::string path = path_ + "/log";
  const auto log = QueryLog::Open(path);
  ASSERT_TRUE(log.ok()) << log.status();
  QueryLogWriter writer(log->get());
  Ask("one.elsewhere", RrType::kA, &writer);
  const absl::Status missing = (*log)->Reopen();
  EXPECT_NE(missing.message().find(path), std::string::npos) << missing;
  ASSERT_EQ(mkdir(path_.c_str(), 0755), 0);
  ASSERT_TRUE((*log)->Reopen().ok());
  Ask("two.elsewhere", RrType::kA, &writer);
  EXPECT_EQ(Read(path).find("one.elsewhere"), std::string::npos);
  EXPECT_NE(Read(path).find("two.elsewhere"), std::string::npos);
}

}  // namespace
}  // namespace rbld
