#include "store/ipv6_keys.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace rbld {
namespace {

// Keys of few different high halves, or of many, sorted, the first one 0.
std::vector<Ipv6Number> RandomKeys(size_t count, uint64_t highs,
                                   std::mt19937_64* random) {
  std::vector<Ipv6Number> keys = {0};
  while (keys.size() < count) {
    const uint64_t high = highs == 0 ? (*random)() : (*random)() % highs;
    keys.push_back(
        JoinHalves(high, (*random)() % 4 == 0 ? (*random)() % 8 : (*random)()));
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

TEST(Ipv6Keys, FindsTheLastThatIsNotBehind) {
  std::mt19937_64 random(1);
  for (const size_t count :
       {1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257, 300, 512, 4000}) {
    for (const uint64_t highs : {0, 1, 2, 5, 40, 300}) {
      const std::vector<Ipv6Number> plain = RandomKeys(count, highs, &random);
      Ipv6Keys keys;
      for (const Ipv6Number key : plain) keys.Add(key);
      ASSERT_EQ(keys.size(), plain.size());
      std::vector<Ipv6Number> asked = {0, ~Ipv6Number{0}};
      for (const Ipv6Number key : plain) {
        asked.insert(asked.end(), {key, key + 1});
        if (key > 0) asked.push_back(key - 1);
        asked.push_back(JoinHalves(HighHalf(key), 0));
        asked.push_back(JoinHalves(HighHalf(key), ~uint64_t{0}));
      }
      for (const Ipv6Number one : asked) {
        const auto behind =
            std::upper_bound(plain.begin(), plain.end(), one) - plain.begin();
        ASSERT_EQ(keys.FindLast(one), static_cast<size_t>(behind) - 1)
            << count << " keys, " << highs << " high halves";
      }
    }
  }
}

TEST(Ipv6Keys, IsMadeOfPartsOfOthers) {
  std::mt19937_64 random(2);
  const std::vector<Ipv6Number> plain = RandomKeys(100, 0, &random);
  Ipv6Keys whole;
  for (const Ipv6Number key : plain) whole.Add(key);
  for (const size_t cut : {0, 1, 16, 50, 99}) {
    Ipv6Keys keys;
    keys.Append(whole, 0, cut);
    keys.Append(whole, cut, whole.size());
    keys.ReplaceFirst(1);
    ASSERT_EQ(keys.size(), plain.size());
    EXPECT_TRUE(keys[0] == 1);
    EXPECT_EQ(keys.FindLast(1), 0u);
    for (size_t i = 1; i < plain.size(); ++i) {
      ASSERT_TRUE(keys[i] == plain[i]);
      ASSERT_EQ(keys.FindLast(plain[i]), i);
    }
    EXPECT_GE(keys.MemoryBytes(), keys.size() * sizeof(Ipv6Number));
  }
}

}  // namespace
}  // namespace rbld
