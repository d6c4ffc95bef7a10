#include "relay/open_files.h"

#include <sys/resource.h>

#include "gtest/gtest.h"

namespace rbld {
namespace {

TEST(OpenFiles, AreSharedOut) {
  const auto expect = [](uint64_t limit, int wanted_sessions,
                         int wanted_connections, int sessions,
                         int connections) {
    const FileShares shares =
        ShareFiles(limit, wanted_sessions, wanted_connections);
    EXPECT_EQ(shares.sessions, sessions) << limit;
    EXPECT_EQ(shares.connections, connections) << limit;
  };
  expect(65536, 1000, 20'000, 1000, 20'000);
  expect(20'000, 1000, 20'000, 1000, 18'936);
  expect(1024, 1000, 20'000, 480, 480);
  expect(1024, 100, 20'000, 100, 860);
  expect(65536, 100'000, 20'000, 45'472, 20'000);
  expect(1024, 1000, 0, 960, 0);
  expect(1024, 0, 20'000, 0, 960);
  expect(10, 1000, 20'000, 0, 0);
  expect(RLIM_INFINITY, 1000, 20'000, 1000, 20'000);
}

TEST(OpenFiles, TheLimitIsRaised) {
  rlimit files = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = 256;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  EXPECT_EQ(RaiseOpenFileLimit(), files.rlim_max);
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  EXPECT_EQ(files.rlim_cur, files.rlim_max);
}

}  // namespace
}  // namespace rbld
