#include "server/snapshot_holder.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "server/test_snapshot.h"

namespace rbld {
namespace {

std::shared_ptr<const Snapshot> WithSerial(uint32_t serial) {
  TestSnapshot builder;
  builder.AddZone(TestZone("rbl.example")).SetSerial("rbl.example", serial);
  return builder.Build();
}

uint32_t SerialOf(const Snapshot* snapshot) {
  return snapshot->zones()[0].serial;
}

TEST(SnapshotHolder, GivesNullBeforeTheFirstAndThenTheNewest) {
  SnapshotHolder holder;
  SnapshotHolder::Reader reader(&holder);
  EXPECT_EQ(nullptr, reader.Get());
  holder.Publish(WithSerial(1));
  EXPECT_EQ(1u, SerialOf(reader.Get()));
  holder.Publish(WithSerial(2));
  holder.Publish(WithSerial(3));
  EXPECT_EQ(3u, SerialOf(reader.Get()));
}

TEST(SnapshotHolder, KeepsWhatAReaderHoldsUntilItLetsGo) {
  SnapshotHolder holder;
  SnapshotHolder::Reader reader(&holder);
  std::weak_ptr<const Snapshot> first;
  {
    std::shared_ptr<const Snapshot> snapshot = WithSerial(1);
    first = snapshot;
    holder.Publish(std::move(snapshot));
  }
  reader.Get();
  holder.Publish(WithSerial(2));
  EXPECT_EQ(1, holder.Reap());
  EXPECT_FALSE(first.expired());
  reader.Get();
  // The reader's letting go frees nothing: that would be on a query thread.
  EXPECT_FALSE(first.expired());
  EXPECT_EQ(0, holder.Reap());
  EXPECT_TRUE(first.expired());
}

TEST(SnapshotHolder, WakesReadersOfEachChangeUntilTold) {
  SnapshotHolder holder;
  int wakes = 0;
  holder.AddWaker([&wakes] { ++wakes; });
  holder.Publish(WithSerial(1));
  holder.Publish(WithSerial(2));
  EXPECT_EQ(2, wakes);
  holder.ClearWakers();
  holder.Publish(WithSerial(3));
  EXPECT_EQ(2, wakes);
}

TEST(SnapshotHolder, ReadersNeverSeeTimeGoBack) {
  constexpr uint32_t kLast = 300;
  SnapshotHolder holder;
  holder.Publish(WithSerial(1));
  std::vector<std::thread> threads;
  std::atomic<int> changes{0};
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&holder, &changes] {
      SnapshotHolder::Reader reader(&holder);
      uint32_t seen = 0;
      while (seen < kLast) {
        const uint32_t serial = SerialOf(reader.Get());
        ASSERT_GE(serial, seen);
        if (serial > seen) ++changes;
        seen = serial;
      }
    });
  }
  for (uint32_t serial = 2; serial <= kLast; ++serial) {
    holder.Publish(WithSerial(serial));
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(changes, 3);
  EXPECT_EQ(0, holder.Reap());
}

}  // namespace
}  // namespace rbld
