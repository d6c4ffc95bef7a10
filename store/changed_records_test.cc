#include "store/changed_records.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace rbld {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs From(rocksdb::Iterator* it) {
  Pairs pairs;
  for (; it->Valid(); it->Next()) {
    pairs.emplace_back(it->key().ToString(), it->value().ToString());
  }
  return pairs;
}

Pairs Back(rocksdb::Iterator* it) {
  Pairs pairs;
  for (; it->Valid(); it->Prev()) {
    pairs.emplace_back(it->key().ToString(), it->value().ToString());
  }
  return pairs;
}

TEST(ChangedRecordsTest, TheLastOfAKeyCounts) {
  ChangedRecords records;
  records.Add("b", "1");
  records.Add("c", "1");
  records.Add("a", "1");
  records.Add("b", "2");
  records.Add("c", "");
  records.Sort();
  ASSERT_EQ(records.records().size(), 3u);
  EXPECT_EQ(records.records()[2].key, "c");
  EXPECT_EQ(records.records()[2].value, "");
  const auto it = records.NewIterator();
  EXPECT_FALSE(it->Valid());
  it->SeekToFirst();
  EXPECT_EQ(From(it.get()), (Pairs{{"a", "1"}, {"b", "2"}}));
}

TEST(ChangedRecordsTest, NothingIsNoRecord) {
  ChangedRecords records;
  records.Sort();
  EXPECT_TRUE(records.records().empty());
  const auto it = records.NewIterator();
  it->SeekToFirst();
  EXPECT_FALSE(it->Valid());
  it->SeekToLast();
  EXPECT_FALSE(it->Valid());
  it->Seek("a");
  EXPECT_FALSE(it->Valid());
}

TEST(ChangedRecordsTest, ReadsAsAMapDoes) {
  std::minstd_rand random(1);
  const auto key = [&random] {
    return std::string(1 + random() % 2, 'a' + random() % 6) +
           static_cast<char>(random() % 256);
  };
  for (int round = 0; round < 200; ++round) {
    ChangedRecords records;
    std::map<std::string, std::string> expected;
    for (uint32_t i = random() % 40; i > 0; --i) {
      const std::string one = key();
      const std::string value = random() % 3 == 0 ? "" : std::to_string(i);
      records.Add(one, value);
      expected[one] = value;
    }
    records.Sort();
    EXPECT_EQ(records.records().size(), expected.size());
    std::erase_if(expected, [](const auto& one) { return one.second.empty(); });
    const auto it = records.NewIterator();
    it->SeekToFirst();
    EXPECT_EQ(From(it.get()), Pairs(expected.begin(), expected.end()));
    it->SeekToLast();
    EXPECT_EQ(Back(it.get()), Pairs(expected.rbegin(), expected.rend()));
    for (int i = 0; i < 10; ++i) {
      const std::string one = key();
      it->Seek(one);
      EXPECT_EQ(From(it.get()),
                Pairs(expected.lower_bound(one), expected.end()));
      it->SeekForPrev(one);
      EXPECT_EQ(Back(it.get()),
                Pairs(std::make_reverse_iterator(expected.upper_bound(one)),
                      expected.rend()));
    }
  }
}

}  // namespace
}  // namespace rbld
