#include "store/ipv4_sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace rbld {
namespace {

using Entry = Import::Ipv4Entry;

// What std::stable_sort makes of `entries`.
void ExpectSorted(std::vector<Entry> entries) {
  std::vector<Entry> expected = entries;
  std::stable_sort(
      expected.begin(), expected.end(),
      [](const Entry& a, const Entry& b) { return a.target() < b.target(); });
  SortIpv4Entries(&entries);
  ASSERT_EQ(entries.size(), expected.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    ASSERT_EQ(entries[i].bits(), expected[i].bits()) << i;
  }
}

TEST(Ipv4Sort, IsStableWhateverTheEntriesAre) {
  std::mt19937 random(3);
  for (const size_t count :
       {size_t{0}, size_t{1}, size_t{1000}, size_t{50000}}) {
    std::vector<Entry> addresses, prefixes, narrow;
    for (uint32_t i = 0; i < count; ++i) {
      addresses.emplace_back(random(), 32, i);
      const int length = static_cast<int>(random() % 33);
      prefixes.emplace_back(length == 0 ? 0
                                        : static_cast<uint32_t>(random()) >>
                                              (32 - length) << (32 - length),
                            length, i);
      // Many equal targets, all in one octet.
      narrow.emplace_back(0x08080000 | random() % 5000, 32, i);
    }
    ExpectSorted(addresses);
    ExpectSorted(prefixes);
    ExpectSorted(narrow);
  }
}

TEST(Ipv4Sort, EntryKeepsItsParts) {
  const Entry entry(0xfffefdfc, 32, Entry::kMaxValues);
  EXPECT_EQ(entry.address(), 0xfffefdfcu);
  EXPECT_EQ(entry.length_bits(), 32);
  EXPECT_EQ(entry.values(), Entry::kMaxValues);
  EXPECT_LT(Entry(0x08000000, 8, 9).target(), Entry(0x08000000, 9, 0).target());
  EXPECT_EQ(Entry(0x08000000, 8, 9).target(), Entry(0x08000000, 8, 1).target());
}

}  // namespace
}  // namespace rbld
