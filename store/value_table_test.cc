#include "store/value_table.h"

#include <string.h>

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

ValueSet Numbered(int n) {
  return {{0x7f000002 + static_cast<uint32_t>(n % 7), absl::StrCat("n", n),
           static_cast<uint32_t>(n)}};
}

TEST(ValueTable, SameSetHasSameIdAndIdsStartAtOne) {
  ValueTable table;
  EXPECT_EQ(table.size(), 0u);
  const ValueSetId a = table.Intern({{0x7f000002, "a", 0}});
  const ValueSetId b = table.Intern({{0x7f000002, "b", 0}});
  const ValueSetId c = table.Intern({{0x7f000002, "a", 1}});
  const ValueSetId d =
      table.Intern({{0x7f000002, "a", 0}, {0x7f000002, "b", 0}});
  EXPECT_EQ(a, 1u);
  EXPECT_EQ(b, 2u);
  EXPECT_EQ(c, 3u);
  EXPECT_EQ(d, 4u);
  EXPECT_EQ(table.Intern({{0x7f000002, "a", 0}}), a);
  EXPECT_EQ(table.Intern({{0x7f000002, "a", 0}, {0x7f000002, "b", 0}}), d);
  EXPECT_EQ(table.size(), 4u);
  EXPECT_EQ(table.Get(b), (ValueSet{{0x7f000002, "b", 0}}));
}

TEST(ValueTable, KeepsSetsInPlaceAcrossManyPages) {
  ValueTable table;
  std::vector<const ServedValues*> places;
  for (int n = 0; n < 50000; ++n) {
    ASSERT_EQ(table.Intern(Numbered(n)), static_cast<uint32_t>(n + 1));
    places.push_back(&table.Get(static_cast<uint32_t>(n + 1)));
  }
  for (int n = 0; n < 50000; ++n) {
    ASSERT_EQ(&table.Get(static_cast<uint32_t>(n + 1)),
              places[static_cast<size_t>(n)]);
    ASSERT_EQ(*places[static_cast<size_t>(n)], Numbered(n));
    ASSERT_EQ(table.Intern(Numbered(n)), static_cast<uint32_t>(n + 1));
  }
  EXPECT_EQ(table.size(), 50000u);
}

TEST(ValueTable, TellsTheCodeOfASetWithOneValue) {
  ValueTable table;
  const ValueSetId one = table.Intern({{0x7f000002, "a", 77}});
  EXPECT_EQ(table.GetOnlyCode(one).code, 0x7f000002u);
  EXPECT_EQ(table.GetOnlyCode(one).ttl_seconds, 77u);
  const ValueSetId two =
      table.Intern({{0x7f000002, "a", 0}, {0x7f000003, "a", 0}});
  EXPECT_EQ(table.GetOnlyCode(two).code, 0u);
  const OwnedValues kept({{0x7f000004, "b", 5}});
  const ValueSetId mapped = table.InternKept(kept.get(), nullptr);
  EXPECT_EQ(table.GetOnlyCode(mapped).code, 0x7f000004u);
  for (int n = 0; n < 5000; ++n) {
    const ValueTable::OnlyCode only =
        table.GetOnlyCode(table.Intern(Numbered(n)));
    ASSERT_EQ(only.code, 0x7f000002u + static_cast<uint32_t>(n % 7));
    ASSERT_EQ(only.ttl_seconds, static_cast<uint32_t>(n));
  }
}

TEST(ValueTable, EmptyTableIsSmall) {
  ValueTable table;
  EXPECT_LT(table.MemoryBytes(), 4096u);
  EXPECT_LT(sizeof(ValueTable), 4096u);
}

TEST(ValueTable, KeepsLongReasonsOnce) {
  ValueTable table;
  const int kSets = 1000;
  for (int n = 0; n < kSets; ++n) {
    table.Intern({{0x7f000002, std::string(1000, 'x') + absl::StrCat(n), 0}});
  }
  EXPECT_GT(table.MemoryBytes(), kSets * 1000u);
  EXPECT_LT(table.MemoryBytes(), kSets * 1200u);
}

TEST(ValueTable, KeepsWhatLiesElsewhereThere) {
  const ValueSet values = {{0x7f000002, "far away", 7}, {0x7f000003, "", 0}};
  auto memory = std::make_shared<OwnedValues>(values);
  const std::weak_ptr<OwnedValues> alive = memory;
  {
    ValueTable table;
    const ValueSetId id = table.InternKept(memory->get(), memory);
    EXPECT_EQ(&table.Get(id), &memory->get());
    EXPECT_EQ(table.Intern(values), id);
    memory.reset();
    EXPECT_FALSE(alive.expired());
    EXPECT_EQ(table.Get(id), values);
  }
  EXPECT_TRUE(alive.expired());
}

TEST(ServedValues, GiveBackTheSetAndRefuseWhatIsNone) {
  ValueSet values;
  for (uint32_t i = 0; i < 5; ++i) {
    values.push_back({0x7f000002 + i,
                      std::string(i * 7, 'r'),
                      i,
                      {i % 2 ? 5 : 0, i > 2, i > 3}});
  }
  const OwnedValues owned(values);
  EXPECT_EQ(owned.get().ToSet(), values);
  EXPECT_EQ(owned.get().bytes(), ServedValues::BytesFor(values));
  const char* const bytes = reinterpret_cast<const char*>(&owned.get());
  const size_t size = owned.get().bytes();
  EXPECT_EQ(ServedValues::Read(bytes, size), &owned.get());
  for (size_t cut = 0; cut < size; ++cut) {
    EXPECT_EQ(ServedValues::Read(bytes, cut), nullptr);
  }
  // Whatever the bytes are, what is read of them is inside.
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::vector<uint64_t> copy(size / 8);
    memcpy(copy.data(), bytes, size);
    reinterpret_cast<char*>(copy.data())[random() % 128] ^=
        static_cast<char>(1 << random() % 8);
    const auto* const start = reinterpret_cast<const char*>(copy.data());
    const ServedValues* const read = ServedValues::Read(start, size);
    if (read == nullptr) continue;
    for (const ValueView value : *read) {
      EXPECT_GE(value.reason.data(), start);
      EXPECT_LE(value.reason.data() + value.reason.size(), start + size);
    }
  }
}

TEST(ValueTable, ReadersSeeWholeSetsWhileOthersAreAdded) {
  ValueTable table;
  std::atomic<uint32_t> published{0};
  std::atomic<bool> wrong{false};
  const int kSets = 20000;
  auto read = [&](uint32_t seed) {
    std::minstd_rand random(seed);
    for (;;) {
      const uint32_t top = published.load(std::memory_order_acquire);
      if (top == 0) continue;
      const uint32_t id = 1 + static_cast<uint32_t>(random()) % top;
      if (table.Get(id) != Numbered(static_cast<int>(id) - 1)) wrong = true;
      if (top == kSets) return;
    }
  };
  std::thread reader1(read, 1);
  std::thread reader2(read, 2);
  for (int n = 0; n < kSets; ++n) {
    published.store(table.Intern(Numbered(n)), std::memory_order_release);
  }
  reader1.join();
  reader2.join();
  EXPECT_FALSE(wrong);
}

TEST(ValueTable, WritersThatRaceAgreeOnIds) {
  ValueTable table;
  std::vector<std::vector<ValueSetId>> ids(3);
  std::vector<std::thread> writers;
  for (auto& mine : ids) {
    writers.emplace_back([&table, &mine] {
      for (int n = 0; n < 2000; ++n) mine.push_back(table.Intern(Numbered(n)));
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[0], ids[2]);
  EXPECT_EQ(table.size(), 2000u);
}

TEST(ValueTableDeathTest, RefusesTheEmptySet) {
  ValueTable table;
  EXPECT_DEATH(table.Intern({}), "an empty value set has no id");
}

}  // namespace
}  // namespace rbld
