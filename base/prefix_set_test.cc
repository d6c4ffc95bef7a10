#include "base/prefix_set.h"

#include <random>
#include <set>

#include "gtest/gtest.h"

namespace rbld {
namespace {

TEST(PrefixSetTest, LengthAndFamilyCount) {
  PrefixSet set;
  EXPECT_TRUE(set.Insert(IpPrefix::FromIpv4(0x0a000000, 32)));
  EXPECT_TRUE(set.Insert(IpPrefix::FromIpv4(0x0a000000, 31)));
  EXPECT_TRUE(set.Insert(IpPrefix::FromIpv4(0x0a000000, 8)));
  EXPECT_FALSE(set.Insert(IpPrefix::FromIpv4(0x0a000000, 32)));
  EXPECT_FALSE(set.Insert(IpPrefix::FromIpv4(0x0a000000, 8)));
  EXPECT_TRUE(set.Insert(IpPrefix::Make(Family::kIpv6, {10}, 32)));
  EXPECT_TRUE(set.Insert(IpPrefix::Make(Family::kIpv6, {10}, 128)));
  EXPECT_FALSE(set.Insert(IpPrefix::Make(Family::kIpv6, {10}, 32)));
  EXPECT_TRUE(set.Insert(IpPrefix::FromIpv4(0, 0)));
  EXPECT_FALSE(set.Insert(IpPrefix::FromIpv4(0, 0)));
  EXPECT_TRUE(set.Insert(IpPrefix::Make(Family::kIpv6, {}, 0)));
}

TEST(PrefixSetTest, TellsWhatASetTells) {
  std::mt19937 random(1);
  PrefixSet set;
  std::set<IpPrefix> expected;
  int again = 0;
  for (int i = 0; i < 20000; ++i) {
    AddressBytes bytes = {};
    for (size_t at = 0; at < 3; ++at) bytes[at] = random() % 4;
    IpPrefix prefix;
    if (random() % 2 == 0) {
      bytes[3] = random() % 4;
      const int length_bits = random() % 2 == 0 ? 32 : 20 + random() % 12;
      prefix = IpPrefix::Make(Family::kIpv4, bytes, length_bits);
    } else {
      bytes[15] = random() % 4;
      const int length_bits = random() % 2 == 0 ? 128 : 20 + random() % 12;
      prefix = IpPrefix::Make(Family::kIpv6, bytes, length_bits);
    }
    const bool is_new = expected.insert(prefix).second;
    again += is_new ? 0 : 1;
    ASSERT_EQ(set.Insert(prefix), is_new) << prefix.ToString();
  }
  EXPECT_GT(again, 1000);
  EXPECT_GT(expected.size(), 1000u);
}

}  // namespace
}  // namespace rbld
