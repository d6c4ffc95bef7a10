#include "server/query_keys.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace rbld {
namespace {

constexpr int64_t kNow = 1'700'000'000;

TEST(KeyUsage, CountsUpToTheQuotaOfAPeriod) {
  KeyUsage usage;
  const int64_t start = kNow / 60 * 60;
  EXPECT_TRUE(usage.Charge(start, 2, 60));
  EXPECT_TRUE(usage.Charge(start + 59, 2, 60));
  EXPECT_FALSE(usage.Charge(start + 59, 2, 60));
  EXPECT_EQ(usage.in_period(start + 59, 60), 2u);
  EXPECT_EQ(usage.in_period(start + 60, 60), 0u);
  EXPECT_TRUE(usage.Charge(start + 60, 2, 60));
  EXPECT_EQ(usage.queries(), 4u);
  EXPECT_EQ(usage.over_quota(), 1u);
  EXPECT_EQ(usage.last_used(), start + 60);
}

TEST(KeyUsage, WithoutQuotaCountsOnly) {
  KeyUsage usage;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(usage.Charge(kNow, 0, 0));
  EXPECT_EQ(usage.queries(), 5u);
  EXPECT_EQ(usage.in_period(kNow, 0), 0u);
}

TEST(KeyUsage, ManyThreadsGetTheQuotaTogether) {
  KeyUsage usage;
  constexpr uint32_t kQuota = 5000;
  std::atomic<uint32_t> passed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        passed += usage.Charge(kNow, kQuota, 86400) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(passed, kQuota);
  EXPECT_EQ(usage.over_quota(), 8000u - kQuota);
}

TEST(MakeServedKeys, UsageOutlivesAReload) {
  FileDataset data;
  data.values = std::make_shared<ValueTable>();
  data.keys.push_back({"one", {AccessAction::kPass, kNotListed}, {}});
  const auto first = MakeServedKeys(data, nullptr);
  first->Find("one")->usage->Charge(kNow, 0, 0);
  data.keys.push_back({"two", {AccessAction::kPass, kNotListed}, {}});
  const auto second = MakeServedKeys(data, first.get());
  EXPECT_EQ(second->Find("one")->usage->queries(), 1u);
  EXPECT_EQ(second->Find("two")->usage->queries(), 0u);
  EXPECT_EQ(second->Find("three"), nullptr);
}

}  // namespace
}  // namespace rbld
