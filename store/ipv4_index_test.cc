#include "store/ipv4_index.h"

#include <atomic>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace rbld {
namespace {

using Runs = std::vector<Ipv4Run>;

// What an index should do, done simply: first -> (last, values), canonical.
class Model {
 public:
  void Replace(uint32_t first, uint32_t last, const Runs& runs) {
    Cut(first);
    if (last != UINT32_MAX) Cut(last + 1);
    runs_.erase(runs_.lower_bound(first), runs_.upper_bound(last));
    for (const Ipv4Run& run : runs) {
      runs_[run.first] = {run.last, run.values};
    }
  }

  ValueSetId Lookup(uint32_t address) const {
    auto it = runs_.upper_bound(address);
    if (it == runs_.begin()) return kNotListed;
    --it;
    return it->second.first >= address ? it->second.second : kNotListed;
  }

  bool AnyWithin(uint32_t first, uint32_t last) const {
    if (Lookup(first) != kNotListed) return true;
    auto it = runs_.lower_bound(first);
    return it != runs_.end() && it->first <= last;
  }

  Runs Within(uint32_t first, uint32_t last) const {
    Runs result;
    for (const auto& [run_first, rest] : runs_) {
      if (run_first > last || rest.first < first) continue;
      const Ipv4Run run = {std::max(run_first, first),
                           std::min(rest.first, last), rest.second};
      if (!result.empty() && result.back().values == run.values &&
          uint64_t{result.back().last} + 1 == run.first) {
        result.back().last = run.last;
      } else {
        result.push_back(run);
      }
    }
    return result;
  }

  std::shared_ptr<const Ipv4Index> Build() const {
    Ipv4IndexBuilder builder;
    for (const auto& [first, rest] : runs_) {
      builder.Add(first, rest.first, rest.second);
    }
    return builder.Build();
  }

  std::vector<uint32_t> Edges() const {
    std::vector<uint32_t> edges = {0, 1, UINT32_MAX, UINT32_MAX - 1};
    for (const auto& [first, rest] : runs_) {
      for (uint32_t edge : {first, rest.first}) {
        for (uint32_t around : {edge - 1, edge, edge + 1}) {
          edges.push_back(around);
        }
      }
    }
    return edges;
  }

 private:
  void Cut(uint32_t at) {
    auto it = runs_.upper_bound(at);
    if (it == runs_.begin()) return;
    --it;
    if (it->first < at && it->second.first >= at) {
      const uint32_t last = std::exchange(it->second.first, at - 1);
      runs_[at] = {last, it->second.second};
    }
  }

  std::map<uint32_t, std::pair<uint32_t, ValueSetId>> runs_;
};

Runs Within(const Ipv4Index& index, uint32_t first, uint32_t last) {
  Runs runs;
  index.ForEachRun(first, last, [&runs](const Ipv4Run& run) {
    runs.push_back(run);
    return true;
  });
  return runs;
}

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}

  uint32_t Below(uint32_t limit) { return engine_() % limit; }

  // An address in one of a few blocks, often at their edges, or anywhere.
  uint32_t Address() {
    static constexpr uint32_t kBlocks[] = {0,      1,      0x7f00,
                                           0xc000, 0xfffe, 0xffff};
    const uint32_t block =
        Below(8) == 0 ? Below(65536) : kBlocks[Below(std::size(kBlocks))];
    switch (Below(6)) {
      case 0:
        return block << 16;
      case 1:
        return block << 16 | 0xffff;
      case 2:
        return block << 16 | Below(40);
      default:
        return block << 16 | Below(65536);
    }
  }

  // A range of any size.
  std::pair<uint32_t, uint32_t> Range() {
    if (Below(60) == 0) return {0, UINT32_MAX};
    const uint32_t first = Address();
    if (Below(3) == 0) return {first, first};
    if (Below(3) == 0) {
      const uint32_t bits = 1 + Below(31);
      const uint32_t host = (uint32_t{1} << bits) - 1;
      return {first & ~host, first | host};
    }
    if (Below(3) == 0) {
      const uint32_t length = Below(6);
      return {first, first > UINT32_MAX - length ? UINT32_MAX : first + length};
    }
    const uint32_t second = Address();
    return {std::min(first, second), std::max(first, second)};
  }

  // Some runs inside first..last.
  Runs RunsIn(uint32_t first, uint32_t last, uint32_t values) {
    Runs runs;
    const uint32_t count = Below(4) == 0 ? Below(40) : Below(3);
    uint64_t at = first;
    for (uint32_t i = 0; i < count && at <= last; ++i) {
      const uint64_t room = last - at + 1;
      uint64_t from = at;
      if (Below(3) != 0) from += (engine_() % room) >> Below(20);
      const uint64_t rest = last - from;
      uint64_t to = from;
      if (Below(3) == 0) to += (engine_() % (rest + 1)) >> Below(16);
      runs.push_back({static_cast<uint32_t>(from), static_cast<uint32_t>(to),
                      1 + Below(values)});
      at = to + 1;
    }
    return runs;
  }

 private:
  std::mt19937 engine_;
};

void ExpectSame(const Ipv4Index& index, const Model& model, Random* random) {
  for (uint32_t address : model.Edges()) {
    ASSERT_EQ(index.Lookup(address), model.Lookup(address)) << address;
    index.Prefetch(address);
  }
  for (int i = 0; i < 300; ++i) {
    const uint32_t address = random->Address();
    ASSERT_EQ(index.Lookup(address), model.Lookup(address)) << address;
    const auto [first, last] = random->Range();
    ASSERT_EQ(index.AnyWithin(first, last), model.AnyWithin(first, last))
        << first << " - " << last;
  }
  ASSERT_EQ(Within(index, 0, UINT32_MAX), model.Within(0, UINT32_MAX));
  for (int i = 0; i < 5; ++i) {
    const auto [first, last] = random->Range();
    ASSERT_EQ(Within(index, first, last), model.Within(first, last));
  }
}

TEST(Ipv4Index, EmptyListsNothing) {
  const auto index = Ipv4Index::Empty();
  EXPECT_EQ(index->Lookup(0), kNotListed);
  EXPECT_EQ(index->Lookup(UINT32_MAX), kNotListed);
  EXPECT_FALSE(index->AnyWithin(0, UINT32_MAX));
  EXPECT_TRUE(Within(*index, 0, UINT32_MAX).empty());
  EXPECT_EQ(index->changed_blocks(), 0u);
  EXPECT_LT(index->MemoryBytes(), 20000u);
  EXPECT_EQ(Ipv4IndexBuilder().Build()->Lookup(5), kNotListed);
}

TEST(Ipv4Index, OneRunMayBeTheWholeSpace) {
  Ipv4IndexBuilder builder;
  builder.Add(0, UINT32_MAX, 7);
  const auto index = builder.Build();
  EXPECT_EQ(index->Lookup(0), 7u);
  EXPECT_EQ(index->Lookup(UINT32_MAX), 7u);
  EXPECT_EQ(Within(*index, 0, UINT32_MAX), (Runs{{0, UINT32_MAX, 7}}));
  EXPECT_EQ(Within(*index, 5, 0x20003), (Runs{{5, 0x20003, 7}}));
}

TEST(Ipv4Index, NeighboursOfAListedAddressAreNotListed) {
  Ipv4IndexBuilder builder;
  builder.Add(0x7f000002, 0x7f000002, 3);
  const auto index = builder.Build();
  EXPECT_EQ(index->Lookup(0x7f000002), 3u);
  EXPECT_EQ(index->Lookup(0x7f000001), kNotListed);
  EXPECT_EQ(index->Lookup(0x7f000003), kNotListed);
  EXPECT_TRUE(index->AnyWithin(0x7f000000, 0x7fffffff));
  EXPECT_FALSE(index->AnyWithin(0x7f000003, UINT32_MAX));
  EXPECT_FALSE(index->AnyWithin(0, 0x7f000001));
}

TEST(Ipv4Index, RunsTouchingWithSameValuesComeAsOne) {
  Ipv4IndexBuilder builder;
  builder.Add(0x0001fffe, 0x0001ffff, 1);
  builder.Add(0x00020000, 0x00020000, 1);
  builder.Add(0x00020001, 0x00020001, 2);
  const auto index = builder.Build();
  EXPECT_EQ(Within(*index, 0, UINT32_MAX),
            (Runs{{0x0001fffe, 0x00020000, 1}, {0x00020001, 0x00020001, 2}}));
}

TEST(Ipv4Index, SinkStopsTheRuns) {
  Ipv4IndexBuilder builder;
  for (uint32_t i = 0; i < 1000; ++i) builder.Add(i * 5000, i * 5000, 1);
  int seen = 0;
  builder.Build()->ForEachRun(0, UINT32_MAX,
                              [&seen](const Ipv4Run&) { return ++seen < 3; });
  EXPECT_EQ(seen, 3);
}

TEST(Ipv4Index, BuiltFromRandomRunsEqualsModel) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Model model;
    const uint32_t values = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 3 : 1000;
    for (int i = 0; i < 40; ++i) {
      const auto [first, last] = random.Range();
      model.Replace(first, last, random.RunsIn(first, last, values));
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSame(*model.Build(), model, &random));
  }
}

TEST(Ipv4Index, ReplacedEqualsModelAndOldVersionsStay) {
  for (uint32_t seed = 100; seed < 130; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Model model;
    if (seed % 2 == 0) {
      for (int i = 0; i < 30; ++i) {
        const auto [first, last] = random.Range();
        model.Replace(first, last, random.RunsIn(first, last, 3));
      }
    }
    std::shared_ptr<const Ipv4Index> index = model.Build();
    std::vector<std::pair<std::shared_ptr<const Ipv4Index>, Model>> versions;
    for (int i = 0; i < 40; ++i) {
      versions.emplace_back(index, model);
      const auto [first, last] = random.Range();
      const Runs runs = random.RunsIn(first, last, seed % 3 == 0 ? 2 : 100000);
      model.Replace(first, last, runs);
      index = index->WithReplaced(first, last, runs);
      ASSERT_NO_FATAL_FAILURE(ExpectSame(*index, model, &random));
    }
    for (const auto& [old_index, old_model] : versions) {
      ASSERT_EQ(Within(*old_index, 0, UINT32_MAX),
                old_model.Within(0, UINT32_MAX));
    }
  }
}

// Big blocks are patched: few of them, so that patches grow until the block is
// copied after all.
TEST(Ipv4Index, PatchedBlocksEqualTheModel) {
  for (uint32_t seed = 200; seed < 212; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Model model;
    for (int i = 0; i < 3000; ++i) {
      const uint32_t address =
          (random.Below(2) == 0 ? 0x7f000000u : 0xc0000000u) |
          random.Below(seed % 2 == 0 ? 65536 : 8192);
      model.Replace(address, address, {{address, address, 1 + i % 3u}});
    }
    std::shared_ptr<const Ipv4Index> index = model.Build();
    for (int i = 0; i < 150; ++i) {
      uint32_t first = (random.Below(2) == 0 ? 0x7f000000u : 0xc0000000u) |
                       random.Below(65536);
      uint32_t last = first;
      if (random.Below(4) == 0) {
        last |= (1u << random.Below(12)) - 1;
        first &= ~((1u << random.Below(4)) - 1);
      }
      if (random.Below(60) == 0) {
        first &= 0xffff0000;
        last |= 0xffff;
      }
      const Runs runs = random.RunsIn(first, last, 5);
      model.Replace(first, last, runs);
      index = index->WithReplaced(first, last, runs);
      if (i % 10 == 0) {
        ASSERT_NO_FATAL_FAILURE(ExpectSame(*index, model, &random));
      }
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSame(*index, model, &random));
  }
}

TEST(Ipv4Index, AChangeOfABigBlockDoesNotCopyIt) {
  Ipv4IndexBuilder builder;
  for (uint32_t i = 0; i < 20000; ++i) builder.Add(i * 3, i * 3, 1 + i % 2);
  std::shared_ptr<const Ipv4Index> index = builder.Build();
  for (uint32_t i = 0; i < 10; ++i) {
    const uint32_t at = i * 300 + 1;
    index = index->WithReplaced(at, at, std::vector<Ipv4Run>{{at, at, 3}});
  }
  // A page of 256 places and the patch.
  EXPECT_LT(index->ChangedBytes(), 256 * 16 + 500u);
  EXPECT_EQ(index->Lookup(301), 3u);
  EXPECT_EQ(index->Lookup(302), kNotListed);
  EXPECT_EQ(index->Lookup(303), 2u);
}

TEST(Ipv4Index, DenseBlocksOfEveryShapeAnswerRight) {
  for (const bool as_override : {false, true}) {
    for (int shape = 0; shape < 4; ++shape) {
      SCOPED_TRACE(shape);
      Runs runs;
      const uint32_t base = 0x0a0b0000;
      for (uint32_t low = 0; low < 65536; ++low) {
        // Every address with changing values, every second, clustered at the
        // end (the guess is far off), ranges of 5 with gaps of 1.
        if (shape == 0) runs.push_back({base + low, base + low, 1 + low % 2});
        if (shape == 1 && low % 2 == 0) {
          runs.push_back({base + low, base + low, 9});
        }
        if (shape == 2 && (low > 65000 || low % 9000 == 5) && low % 2 == 0) {
          runs.push_back({base + low, base + low, 1 + low % 77});
        }
        if (shape == 3 && low % 6 == 0 && low + 4 < 65536) {
          runs.push_back({base + low, base + low + 4, 1 + low % 5});
        }
      }
      std::shared_ptr<const Ipv4Index> index = Ipv4Index::Empty();
      Model model;
      model.Replace(base, base + 65535, runs);
      index = as_override ? index->WithReplaced(base, base + 65535, runs)
                          : model.Build();
      for (uint32_t low = 0; low < 65536; ++low) {
        ASSERT_EQ(index->Lookup(base + low), model.Lookup(base + low)) << low;
      }
      ASSERT_EQ(Within(*index, 0, UINT32_MAX), model.Within(0, UINT32_MAX));
    }
  }
}

TEST(Ipv4Index, ValueIdsMayHaveAllBits) {
  const Runs runs = {{10, 10, UINT32_MAX},
                     {12, 12, UINT32_MAX - 1},
                     {20, 90, 0x7fffffff},
                     {100, 100, 0x40000000}};
  Ipv4IndexBuilder builder;
  for (const Ipv4Run& run : runs) {
    builder.Add(run.first, run.last, run.values);
  }
  EXPECT_EQ(Within(*builder.Build(), 0, UINT32_MAX), runs);
  EXPECT_EQ(Within(*Ipv4Index::Empty()->WithReplaced(0, 200, runs), 0, 1000),
            runs);
}

TEST(Ipv4Index, ChangesTouchOnlyTheirBlocks) {
  Ipv4IndexBuilder builder;
  for (uint32_t i = 0; i < 1000; ++i) builder.Add(i << 16, i << 16, 1);
  const auto index = builder.Build();
  EXPECT_EQ(index->changed_blocks(), 0u);
  const auto one = index->WithReplaced(5, 5, std::vector<Ipv4Run>{{5, 5, 2}});
  EXPECT_EQ(one->changed_blocks(), 1u);
  EXPECT_EQ(one->WithReplaced(9, 9, {})->changed_blocks(), 1u);
  EXPECT_EQ(one->WithReplaced(0xffff, 0x10000, {})->changed_blocks(), 2u);
  EXPECT_LT(one->MemoryBytes() - index->MemoryBytes(), 6000u);
  EXPECT_EQ(index->WithReplaced(0, UINT32_MAX, {})->changed_blocks(), 65536u);
}

TEST(Ipv4Index, RepeatedChangeDoesNotGrow) {
  auto index = Ipv4Index::Empty();
  const std::vector<Ipv4Run> run = {{77, 77, 2}};
  index = index->WithReplaced(77, 77, run);
  const uint64_t bytes = index->MemoryBytes();
  for (int i = 0; i < 1000; ++i) {
    index = index->WithReplaced(77, 77, {});
    EXPECT_FALSE(index->AnyWithin(0, UINT32_MAX));
    index = index->WithReplaced(77, 77, run);
  }
  EXPECT_EQ(index->MemoryBytes(), bytes);
}

double BytesPerEntry(uint32_t count, uint32_t values) {
  std::mt19937 random(1);
  std::vector<uint32_t> addresses(count);
  for (uint32_t& address : addresses) address = random();
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()),
                  addresses.end());
  Ipv4IndexBuilder builder;
  for (uint32_t address : addresses) {
    builder.Add(address, address, 1 + random() % values);
  }
  return static_cast<double>(builder.Build()->MemoryBytes()) /
         static_cast<double>(addresses.size());
}

TEST(Ipv4Index, TakesFewBytesAnAddress) {
  EXPECT_LT(BytesPerEntry(1000000, 3), 3.2);
  EXPECT_LT(BytesPerEntry(4000000, 3), 2.6);
  EXPECT_LT(BytesPerEntry(1000000, 1), 3.0);
  EXPECT_LT(BytesPerEntry(1000000, 1000000), 9.2);
}

TEST(Ipv4Index, ReadersMayReadWhileNewVersionsAreMade) {
  Ipv4IndexBuilder builder;
  for (uint32_t i = 0; i < 2000; ++i) builder.Add(i * 77777, i * 77777, 1);
  // Each version is handed over once, as a publisher does.
  constexpr int kVersions = 300;
  std::vector<std::shared_ptr<const Ipv4Index>> versions(kVersions);
  std::atomic<int> published{0};
  versions[0] = builder.Build();
  std::atomic<uint32_t> wrong{0};
  auto read = [&](uint32_t seed) {
    std::minstd_rand random(seed);
    for (int seen = 0; seen < kVersions - 1;) {
      seen = published.load(std::memory_order_acquire);
      const Ipv4Index& index = *versions[static_cast<size_t>(seen)];
      // Version n lists all addresses n' <= n of 10.0.n'.0.
      const auto listed = static_cast<uint32_t>(seen);
      if (listed > 0) {
        const uint32_t n = 1 + static_cast<uint32_t>(random()) % listed;
        if (index.Lookup(0x0a000000 | n << 8) != n) ++wrong;
      }
      if (index.Lookup(0x0a000000 | (listed + 1) << 8) != kNotListed) ++wrong;
      if (!index.AnyWithin(0, 0xffff)) ++wrong;
    }
  };
  std::thread reader1(read, 1);
  std::thread reader2(read, 2);
  for (uint32_t n = 1; n < kVersions; ++n) {
    const uint32_t address = 0x0a000000 | n << 8;
    versions[n] = versions[n - 1]->WithReplaced(
        address, address, std::vector<Ipv4Run>{{address, address, n}});
    published.store(static_cast<int>(n), std::memory_order_release);
  }
  reader1.join();
  reader2.join();
  EXPECT_EQ(wrong, 0u);
}

TEST(Ipv4IndexDeathTest, RefusesRunsOutOfOrder) {
  Ipv4IndexBuilder builder;
  builder.Add(5, 9, 1);
  EXPECT_DEATH(builder.Add(9, 10, 1), "ascending and disjoint");
  EXPECT_DEATH(builder.Add(12, 11, 1), "not a run");
  EXPECT_DEATH(builder.Add(12, 12, kNotListed), "not a run");
  EXPECT_DEATH(
      Ipv4Index::Empty()->WithReplaced(5, 9, std::vector<Ipv4Run>{{5, 10, 1}}),
      "inside the range");
}

}  // namespace
}  // namespace rbld
