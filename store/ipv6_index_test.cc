#include "store/ipv6_index.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace rbld {
namespace {

using Number = Ipv6Number;
using Runs = std::vector<Ipv6Run>;

constexpr Number kLast = ~Number{0};

AddressBytes Bytes(Number number) {
  AddressBytes bytes;
  for (int i = 15; i >= 0; --i) {
    bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(number);
    number >>= 8;
  }
  return bytes;
}

Number NumberOf(const AddressBytes& bytes) {
  Number number = 0;
  for (uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

std::string Text(Number number) {
  return IpPrefix::Make(Family::kIpv6, Bytes(number), 128).ToString();
}

Ipv6Run MakeRun(Number first, Number last, ValueSetId values) {
  return {Bytes(first), Bytes(last), values};
}

// What an index should do, done simply: first -> (last, values).
class Model {
 public:
  void Replace(Number first, Number last, const Runs& runs) {
    Cut(first);
    if (last != kLast) Cut(last + 1);
    runs_.erase(runs_.lower_bound(first), runs_.upper_bound(last));
    for (const Ipv6Run& run : runs) {
      runs_[NumberOf(run.first)] = {NumberOf(run.last), run.values};
    }
  }

  ValueSetId Lookup(Number address) const {
    auto it = runs_.upper_bound(address);
    if (it == runs_.begin()) return kNotListed;
    --it;
    return it->second.first >= address ? it->second.second : kNotListed;
  }

  bool AnyWithin(Number first, Number last) const {
    if (Lookup(first) != kNotListed) return true;
    auto it = runs_.lower_bound(first);
    return it != runs_.end() && it->first <= last;
  }

  Runs Within(Number first, Number last) const {
    Runs result;
    for (const auto& [run_first, rest] : runs_) {
      if (run_first > last || rest.first < first) continue;
      const Number from = std::max(run_first, first);
      const AddressBytes to = Bytes(std::min(rest.first, last));
      if (!result.empty() && result.back().values == rest.second &&
          NumberOf(result.back().last) + 1 == from) {
        result.back().last = to;
      } else {
        result.push_back({Bytes(from), to, rest.second});
      }
    }
    return result;
  }

  std::shared_ptr<const Ipv6Index> Build() const {
    Ipv6IndexBuilder builder;
    for (const auto& [first, rest] : runs_) {
      builder.Add(Bytes(first), Bytes(rest.first), rest.second);
    }
    return builder.Build();
  }

  // The edges of at most some 200 runs, and their neighbours.
  std::vector<Number> Edges() const {
    std::vector<Number> edges = {0, 1, kLast, kLast - 1};
    const size_t step = runs_.size() / 200 + 1;
    size_t i = 0;
    for (const auto& [first, rest] : runs_) {
      if (i++ % step != 0) continue;
      for (Number edge : {first, rest.first}) {
        for (Number around : {edge - 1, edge, edge + 1}) {
          edges.push_back(around);
        }
      }
    }
    return edges;
  }

 private:
  void Cut(Number at) {
    auto it = runs_.upper_bound(at);
    if (it == runs_.begin()) return;
    --it;
    if (it->first < at && it->second.first >= at) {
      const Number last = std::exchange(it->second.first, at - 1);
      runs_[at] = {last, it->second.second};
    }
  }

  std::map<Number, std::pair<Number, ValueSetId>> runs_;
};

Runs Within(const Ipv6Index& index, Number first, Number last) {
  Runs runs;
  index.ForEachRun(Bytes(first), Bytes(last), [&runs](const Ipv6Run& run) {
    runs.push_back(run);
    return true;
  });
  return runs;
}

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint32_t Below(uint32_t limit) {
    return static_cast<uint32_t>(engine_() % limit);
  }

  Number Any() { return Number{engine_()} << 64 | engine_(); }

  // An address in one of a few networks, often at an edge, or anywhere.
  Number Address() {
    static constexpr uint64_t kHighs[] = {0,
                                          1,
                                          0x20010db800000000,
                                          0x20010db800000001,
                                          0x20010db8ffffffff,
                                          0x7fffffffffffffff,
                                          0xfffffffffffffffe,
                                          0xffffffffffffffff};
    uint64_t high = kHighs[Below(std::size(kHighs))];
    if (Below(4) == 0) high = 0x20010db800000000 | engine_() >> 40;
    if (Below(12) == 0) high = engine_();
    uint64_t low = engine_();
    switch (Below(5)) {
      case 0:
        low = 0;
        break;
      case 1:
        low = ~uint64_t{0};
        break;
      case 2:
        low = Below(20);
        break;
      default:
        break;
    }
    return JoinHalves(high, low);
  }

  // A range of any size.
  std::pair<Number, Number> Range() {
    if (Below(100) == 0) return {0, kLast};
    const Number first = Address();
    if (Below(3) == 0) return {first, first};
    if (Below(2) == 0) {
      const uint32_t bits = Below(3) == 0 ? 64 : 1 + Below(127);
      const Number host = (Number{1} << bits) - 1;
      return {first & ~host, first | host};
    }
    if (Below(2) == 0) {
      const Number length = Below(6);
      return {first, first > kLast - length ? kLast : first + length};
    }
    const Number second = Address();
    return {std::min(first, second), std::max(first, second)};
  }

  Runs RunsIn(Number first, Number last, uint32_t values) {
    Runs runs;
    const uint32_t count = Below(4) == 0 ? Below(400) : Below(3);
    Number at = first;
    for (uint32_t i = 0; i < count; ++i) {
      const Number room = last - at;
      Number from = at;
      if (Below(3) != 0) from += (room == 0 ? 0 : Any() % room) >> Below(100);
      // To the end of the /64, or a piece, or one address.
      Number to = from;
      if (Below(3) == 0) to = std::min(last, from | ~uint64_t{0});
      if (Below(4) == 0) {
        const Number rest = last - from;
        to = from + ((rest == 0 ? 0 : Any() % rest) >> Below(100));
      }
      runs.push_back(MakeRun(from, to, 1 + Below(values)));
      if (to == last) break;
      at = to + 1;
    }
    return runs;
  }

 private:
  std::mt19937_64 engine_;
};

void ExpectSame(const Ipv6Index& index, const Model& model, Random* random) {
  for (Number address : model.Edges()) {
    ASSERT_EQ(index.Lookup(Bytes(address)), model.Lookup(address))
        << Text(address);
    const char* const leaf =
        Ipv6Index::FindLeaf(index.FindBlock(Bytes(address)), Bytes(address));
    Ipv6Index::Prefetch(leaf, Bytes(address));
    ASSERT_EQ(index.Lookup(leaf, Bytes(address)), model.Lookup(address))
        << Text(address);
  }
  for (int i = 0; i < 200; ++i) {
    const Number address = random->Address();
    ASSERT_EQ(index.Lookup(Bytes(address)), model.Lookup(address))
        << Text(address);
    const auto [first, last] = random->Range();
    ASSERT_EQ(index.AnyWithin(Bytes(first), Bytes(last)),
              model.AnyWithin(first, last))
        << Text(first) << " - " << Text(last);
  }
  ASSERT_EQ(Within(index, 0, kLast), model.Within(0, kLast));
  for (int i = 0; i < 3; ++i) {
    const auto [first, last] = random->Range();
    ASSERT_EQ(Within(index, first, last), model.Within(first, last));
  }
}

TEST(Ipv6Index, EmptyListsNothing) {
  const auto index = Ipv6Index::Empty();
  EXPECT_EQ(index->Lookup(Bytes(0)), kNotListed);
  EXPECT_EQ(index->Lookup(Bytes(kLast)), kNotListed);
  EXPECT_FALSE(index->AnyWithin(Bytes(0), Bytes(kLast)));
  EXPECT_TRUE(Within(*index, 0, kLast).empty());
  EXPECT_EQ(index->changed_blocks(), 0u);
  EXPECT_LT(index->MemoryBytes(), 1000u);
  EXPECT_EQ(Ipv6IndexBuilder().Build()->Lookup(Bytes(5)), kNotListed);
  const auto still_empty = index->WithReplaced(Bytes(0), Bytes(kLast), {});
  EXPECT_FALSE(still_empty->AnyWithin(Bytes(0), Bytes(kLast)));
}

TEST(Ipv6Index, OneRunMayBeTheWholeSpace) {
  for (const bool as_change : {false, true}) {
    Ipv6IndexBuilder builder;
    builder.Add(Bytes(0), Bytes(kLast), 7);
    const auto index =
        as_change ? Ipv6Index::Empty()->WithReplaced(Bytes(0), Bytes(kLast),
                                                     Runs{MakeRun(0, kLast, 7)})
                  : builder.Build();
    EXPECT_EQ(index->Lookup(Bytes(0)), 7u);
    EXPECT_EQ(index->Lookup(Bytes(kLast)), 7u);
    EXPECT_EQ(Within(*index, 0, kLast), (Runs{MakeRun(0, kLast, 7)}));
    EXPECT_EQ(Within(*index, 5, 6), (Runs{MakeRun(5, 6, 7)}));
  }
}

TEST(Ipv6Index, RunsThatDoNotFillNetworksComeBackAsTheyWere) {
  const Number network = Number{0x20010db800000000} << 64;
  const Number step = Number{1} << 64;
  const Runs runs = {
      MakeRun(network + 5, network + step * 3 + 7, 1),
      MakeRun(network + step * 4 - 1, network + step * 4, 2),
      MakeRun(network + step * 5 - 1, network + step * 7 - 1, 3),
      MakeRun(network + step * 8, network + step * 9 - 1, 4),
      MakeRun(network + step * 10, network + step * 11, 5),
  };
  Ipv6IndexBuilder builder;
  for (const Ipv6Run& run : runs) {
    builder.Add(run.first, run.last, run.values);
  }
  EXPECT_EQ(Within(*builder.Build(), 0, kLast), runs);
}

TEST(Ipv6Index, RunsTouchingWithSameValuesComeAsOne) {
  Ipv6IndexBuilder builder;
  builder.Add(Bytes(1), Bytes(5), 1);
  builder.Add(Bytes(6), Bytes(6), 1);
  builder.Add(Bytes(7), Bytes(9), 2);
  EXPECT_EQ(Within(*builder.Build(), 0, kLast),
            (Runs{MakeRun(1, 6, 1), MakeRun(7, 9, 2)}));
}

TEST(Ipv6Index, SinkStopsTheRuns) {
  Ipv6IndexBuilder builder;
  for (uint32_t i = 0; i < 1000; ++i) {
    builder.Add(Bytes(i * 5000), Bytes(i * 5000), 1);
  }
  int seen = 0;
  builder.Build()->ForEachRun(Bytes(0), Bytes(kLast),
                              [&seen](const Ipv6Run&) { return ++seen < 300; });
  EXPECT_EQ(seen, 300);
}

TEST(Ipv6Index, BuiltFromRandomRunsEqualsModel) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
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

TEST(Ipv6Index, ReplacedEqualsModelAndOldVersionsStay) {
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
    std::shared_ptr<const Ipv6Index> index = model.Build();
    std::vector<std::pair<std::shared_ptr<const Ipv6Index>, Model>> versions;
    for (int i = 0; i < 40; ++i) {
      versions.emplace_back(index, model);
      const auto [first, last] = random.Range();
      const Runs runs = random.RunsIn(first, last, seed % 3 == 0 ? 2 : 100000);
      model.Replace(first, last, runs);
      index = index->WithReplaced(Bytes(first), Bytes(last), runs);
      ASSERT_NO_FATAL_FAILURE(ExpectSame(*index, model, &random));
    }
    for (const auto& [old_index, old_model] : versions) {
      ASSERT_EQ(Within(*old_index, 0, kLast), old_model.Within(0, kLast));
    }
  }
}

// Enough runs for several pages of leaves.
TEST(Ipv6Index, ManyRunsInPagesEqualModel) {
  Random random(7);
  std::vector<Number> addresses;
  for (int i = 0; i < 200000; ++i) {
    const uint64_t high =
        0x2000000000000000 | static_cast<uint64_t>(random.Any()) >> 3;
    addresses.push_back(JoinHalves(high, i % 2 == 0 ? 0 : random.Below(9)));
  }
  std::sort(addresses.begin(), addresses.end());
  Model model;
  Ipv6IndexBuilder builder;
  for (size_t i = 0; i < addresses.size(); ++i) {
    const Number address = addresses[i];
    const Number last =
        LowHalf(address) == 0 ? address | ~uint64_t{0} : address;
    if (i + 1 < addresses.size() && last >= addresses[i + 1]) continue;
    const Runs run = {MakeRun(address, last, 1 + random.Below(3))};
    builder.Add(run[0].first, run[0].last, run[0].values);
    model.Replace(address, last, run);
  }
  auto index = builder.Build();
  for (int round = 0; round < 60; ++round) {
    const Number first =
        addresses[random.Below(static_cast<uint32_t>(addresses.size()))];
    // Now one address, now many leaves, now many pages.
    const Number last =
        std::max(first, first | (kLast >> (round % 3 == 0   ? 128 - 1
                                           : round % 3 == 1 ? 12
                                                            : 4)));
    const Runs runs = random.RunsIn(first, last, 3);
    index = index->WithReplaced(Bytes(first), Bytes(last), runs);
    model.Replace(first, last, runs);
    if (round % 20 == 0) {
      ASSERT_EQ(Within(*index, 0, kLast), model.Within(0, kLast));
    }
    for (int i = 0; i < 2000; ++i) {
      const Number address =
          addresses[random.Below(static_cast<uint32_t>(addresses.size()))] +
          random.Below(2);
      ASSERT_EQ(index->Lookup(Bytes(address)), model.Lookup(address));
    }
  }
  ASSERT_EQ(Within(*index, 0, kLast), model.Within(0, kLast));
}

TEST(Ipv6Index, GrowsFromNothingByManySingleChangesAndShrinksAgain) {
  std::shared_ptr<const Ipv6Index> index = Ipv6Index::Empty();
  Random random(3);
  std::vector<Number> addresses;
  for (int i = 0; i < 20000; ++i) addresses.push_back(random.Any());
  for (Number address : addresses) {
    index = index->WithReplaced(Bytes(address), Bytes(address),
                                Runs{MakeRun(address, address, 5)});
  }
  for (Number address : addresses) {
    ASSERT_EQ(index->Lookup(Bytes(address)), 5u);
    ASSERT_EQ(index->Lookup(Bytes(address + 1)), kNotListed);
  }
  EXPECT_GT(index->changed_blocks(), 20000u / kIpv6MostLeafPieces);
  EXPECT_LT(index->changed_blocks(), 20000u / 100);
  EXPECT_LT(index->MemoryBytes(), 20000u * 20);
  for (Number address : addresses) {
    index = index->WithReplaced(Bytes(address), Bytes(address), {});
  }
  EXPECT_FALSE(index->AnyWithin(Bytes(0), Bytes(kLast)));
  EXPECT_LT(index->changed_blocks(), 10u);
  EXPECT_LT(index->MemoryBytes(), 40000u);
}

TEST(Ipv6Index, StretchOfARemovedLeafTakesNewRuns) {
  Ipv6IndexBuilder builder;
  for (uint32_t i = 1; i <= 2000; ++i) {
    builder.Add(Bytes(i * 100), Bytes(i * 100), 1);
  }
  // Away with the first leaf, and a run where it was.
  const Number end = kIpv6LeafPieces * 100 + 50;
  auto index = builder.Build()->WithReplaced(Bytes(0), Bytes(end), {});
  EXPECT_FALSE(index->AnyWithin(Bytes(0), Bytes(end)));
  index = index->WithReplaced(Bytes(3), Bytes(4), Runs{MakeRun(3, 4, 9)});
  EXPECT_TRUE(index->AnyWithin(Bytes(0), Bytes(5)));
  EXPECT_EQ(Within(*index, 0, 1000), (Runs{MakeRun(3, 4, 9)}));
  EXPECT_EQ(index->Lookup(Bytes(4)), 9u);
  EXPECT_EQ(index->Lookup(Bytes(5)), kNotListed);
}

TEST(Ipv6Index, ValueIdsMayHaveAllBits) {
  const Runs runs = {
      MakeRun(10, 10, UINT32_MAX), MakeRun(12, 12, UINT32_MAX - 1),
      MakeRun(20, 90, 0x7fffffff), MakeRun(100, 100, 0x40000000)};
  Ipv6IndexBuilder builder;
  for (const Ipv6Run& run : runs) {
    builder.Add(run.first, run.last, run.values);
  }
  EXPECT_EQ(Within(*builder.Build(), 0, kLast), runs);
  EXPECT_EQ(
      Within(*Ipv6Index::Empty()->WithReplaced(Bytes(0), Bytes(200), runs), 0,
             1000),
      runs);
}

TEST(Ipv6Index, ChangesTouchOnlyTheirLeaves) {
  Ipv6IndexBuilder builder;
  for (uint32_t i = 0; i < 100000; ++i) {
    const Number address = Number{i} << 70;
    builder.Add(Bytes(address), Bytes(address), 1);
  }
  const auto index = builder.Build();
  EXPECT_EQ(index->changed_blocks(), 0u);
  const auto one =
      index->WithReplaced(Bytes(5), Bytes(5), Runs{MakeRun(5, 5, 2)});
  EXPECT_EQ(one->changed_blocks(), 1u);
  EXPECT_EQ(one->WithReplaced(Bytes(9), Bytes(9), {})->changed_blocks(), 1u);
  EXPECT_LT(one->MemoryBytes() - index->MemoryBytes(), 16000u);
}

TEST(Ipv6Index, TakesFewBytesAnEntry) {
  std::mt19937_64 random(1);
  std::vector<Number> addresses(2000000);
  for (size_t i = 0; i < addresses.size(); ++i) {
    const uint64_t high = 0x2000000000000000 | random() >> 3;
    addresses[i] = JoinHalves(high, i % 2 == 0 ? 0 : random() | 1);
  }
  std::sort(addresses.begin(), addresses.end());
  Ipv6IndexBuilder builder;
  for (Number address : addresses) {
    const Number last =
        LowHalf(address) == 0 ? address | ~uint64_t{0} : address;
    builder.Add(Bytes(address), Bytes(last), 1 + random() % 3);
  }
  const double bytes = static_cast<double>(builder.Build()->MemoryBytes()) /
                       static_cast<double>(addresses.size());
  EXPECT_LT(bytes, 11.5);
  EXPECT_GT(bytes, 8);
}

TEST(Ipv6Index, ReadersMayReadWhileNewVersionsAreMade) {
  Ipv6IndexBuilder builder;
  for (uint32_t i = 0; i < 2000; ++i) {
    builder.Add(Bytes(Number{i} << 40), Bytes(Number{i} << 40), 1);
  }
  constexpr int kVersions = 300;
  std::vector<std::shared_ptr<const Ipv6Index>> versions(kVersions);
  std::atomic<int> published{0};
  versions[0] = builder.Build();
  std::atomic<uint32_t> wrong{0};
  const Number base = Number{0x20010db8} << 96;
  auto read = [&](uint32_t seed) {
    std::minstd_rand random(seed);
    for (int seen = 0; seen < kVersions - 1;) {
      seen = published.load(std::memory_order_acquire);
      const Ipv6Index& index = *versions[static_cast<size_t>(seen)];
      const auto listed = static_cast<uint32_t>(seen);
      if (listed > 0) {
        const uint32_t n = 1 + static_cast<uint32_t>(random()) % listed;
        if (index.Lookup(Bytes(base + n)) != n) ++wrong;
      }
      if (index.Lookup(Bytes(base + listed + 1)) != kNotListed) ++wrong;
      if (!index.AnyWithin(Bytes(0), Bytes(0xffff))) ++wrong;
    }
  };
  std::thread reader1(read, 1);
  std::thread reader2(read, 2);
  for (uint32_t n = 1; n < kVersions; ++n) {
    versions[n] = versions[n - 1]->WithReplaced(
        Bytes(base + n), Bytes(base + n), Runs{MakeRun(base + n, base + n, n)});
    published.store(static_cast<int>(n), std::memory_order_release);
  }
  reader1.join();
  reader2.join();
  EXPECT_EQ(wrong, 0u);
}

TEST(Ipv6IndexDeathTest, RefusesRunsOutOfOrder) {
  Ipv6IndexBuilder builder;
  builder.Add(Bytes(5), Bytes(9), 1);
  EXPECT_DEATH(builder.Add(Bytes(9), Bytes(10), 1), "ascending and disjoint");
  EXPECT_DEATH(builder.Add(Bytes(12), Bytes(11), 1), "not a run");
  EXPECT_DEATH(builder.Add(Bytes(12), Bytes(12), kNotListed), "not a run");
  EXPECT_DEATH(Ipv6Index::Empty()->WithReplaced(Bytes(5), Bytes(9),
                                                Runs{MakeRun(5, 10, 1)}),
               "inside the range");
  EXPECT_DEATH(
      Ipv6Index::Empty()->WithReplaced(
          Bytes(5), Bytes(kLast), Runs{MakeRun(5, kLast, 1), MakeRun(6, 7, 1)}),
      "inside the range");
}

}  // namespace
}  // namespace rbld
