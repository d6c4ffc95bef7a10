#include "server/stats.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

uint64_t Row(const StatsTotals& totals, const std::string& name) {
  for (const StatsTotals::Row& row : totals.rows) {
    if (row.name == name) return row.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

TEST(Stats, SumTheWorkersByOutcomeAndZone) {
  Stats stats(2);
  const int a = stats.ZoneSlot("a.example");
  const int b = stats.ZoneSlot("b.example");
  stats.worker(0)->Count({AnswerKind::kListed, false, a});
  stats.worker(1)->Count({AnswerKind::kListed, true, a});
  stats.worker(1)->Count({AnswerKind::kNxDomain, false, b});
  stats.worker(1)->Count({AnswerKind::kRefused, false, -1});
  const StatsTotals totals = stats.Sum();
  EXPECT_EQ(2u, Row(totals, "listed"));
  EXPECT_EQ(1u, Row(totals, "nxdomain"));
  EXPECT_EQ(1u, Row(totals, "refused"));
  EXPECT_EQ(1u, Row(totals, "truncated"));
  ASSERT_EQ(2u, totals.zones.size());
  EXPECT_EQ("a.example", totals.zones[0].zone);
  const auto kind = [](AnswerKind k) { return static_cast<size_t>(k); };
  EXPECT_EQ(2u, totals.zones[0].outcomes[kind(AnswerKind::kListed)]);
  EXPECT_EQ(0u, totals.zones[0].outcomes[kind(AnswerKind::kNxDomain)]);
  EXPECT_EQ(1u, totals.zones[1].outcomes[kind(AnswerKind::kNxDomain)]);
}

TEST(Stats, NameEachOutcomeByItsKind) {
  EXPECT_STREQ("dropped", AnswerKindName(AnswerKind::kDropped));
  EXPECT_STREQ("static", AnswerKindName(AnswerKind::kStatic));
  EXPECT_STREQ("nxdomain", AnswerKindName(AnswerKind::kNxDomain));
}

TEST(Stats, KeepAZonesSlotAndShareTheLastOne) {
  Stats stats(1);
  const int first = stats.ZoneSlot("first");
  for (int i = 0; i < kMaxZoneSlots + 10; ++i) {
    const int slot = stats.ZoneSlot(absl::StrCat("zone", i));
    ASSERT_LT(slot, kMaxZoneSlots);
  }
  EXPECT_EQ(first, stats.ZoneSlot("first"));
  EXPECT_EQ(kSharedZoneSlot, stats.ZoneSlot("another"));
}

TEST(Stats, MayBeReadWhileAWorkerCounts) {
  Stats stats(1);
  const int slot = stats.ZoneSlot("a");
  std::thread worker([&stats, slot] {
    for (int i = 0; i < 100000; ++i) {
      stats.worker(0)->Count({AnswerKind::kListed, false, slot});
    }
  });
  uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    const uint64_t now = Row(stats.Sum(), "listed");
    EXPECT_GE(now, last);
    last = now;
  }
  worker.join();
  EXPECT_EQ(100000u, Row(stats.Sum(), "listed"));
}

}  // namespace
}  // namespace rbld
