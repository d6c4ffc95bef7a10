#include "store/dataset_builder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace rbld {
namespace {

struct Entry {
  uint32_t first;
  int length_bits;
  bool excluded;
  uint32_t values;
};

uint32_t Last(const Entry& entry) {
  return entry.length_bits == 0
             ? ~uint32_t{0}
             : entry.first | static_cast<uint32_t>(
                                 (uint64_t{1} << (32 - entry.length_bits)) - 1);
}

int Level(int length_bits, Precedence precedence) {
  return precedence == Precedence::kOctet ? (length_bits + 7) / 8 * 8
                                          : length_bits;
}

// The codes that the rules give `address`, worked out by looking at every
// entry.
std::vector<uint32_t> Expected(const std::vector<Entry>& entries,
                               const DatasetBuilder::Options& options,
                               uint32_t address) {
  int level = -1;
  for (const Entry& entry : entries) {
    if (address < entry.first || address > Last(entry)) continue;
    level = std::max(level, Level(entry.length_bits, options.precedence));
  }
  std::vector<uint32_t> codes;
  for (const Entry& entry : entries) {
    if (address < entry.first || address > Last(entry)) continue;
    if (Level(entry.length_bits, options.precedence) != level) continue;
    if (entry.excluded) return {};
    codes.push_back(entry.values);
    if (options.equal_entries == EqualEntries::kFirst) break;
  }
  std::sort(codes.begin(), codes.end());
  codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
  return codes;
}

class Sets {
 public:
  Sets() {
    for (uint32_t i = 0; i < 4; ++i) {
      ids_.push_back(table_.Intern({Value{i, "", 0}}));
    }
  }
  const std::vector<ValueSetId>& ids() const { return ids_; }
  ValueTable* table() { return &table_; }
  std::vector<uint32_t> Codes(ValueSetId id) const {
    std::vector<uint32_t> codes;
    if (id == kNotListed) return codes;
    for (const ValueView value : table_.Get(id)) codes.push_back(value.code);
    return codes;
  }

 private:
  ValueTable table_;
  std::vector<ValueSetId> ids_;
};

void CompareWithBruteForce(DatasetBuilder::Options options, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Entry> entries;
  std::vector<uint32_t> probes = {0, ~uint32_t{0}};
  for (int i = 0; i < 60; ++i) {
    Entry entry;
    // Few places, so that entries nest and repeat; now and then anything.
    entry.length_bits = random() % 8 == 0 ? random() % 33 : 20 + random() % 13;
    const uint32_t address =
        random() % 8 == 0 ? random() : 0x0a000000 + random() % 4096;
    entry.first =
        entry.length_bits == 0
            ? 0
            : address & ~static_cast<uint32_t>(
                            (uint64_t{1} << (32 - entry.length_bits)) - 1);
    entry.excluded = random() % 4 == 0;
    entry.values = random() % 4;
    entries.push_back(entry);
    for (const uint32_t edge : {entry.first, Last(entry)}) {
      probes.insert(probes.end(), {edge - 1, edge, edge + 1});
    }
  }
  Sets sets;
  DatasetBuilder builder(options);
  for (const Entry& entry : entries) {
    ASSERT_TRUE(builder
                    .AddIpv4(entry.first, entry.length_bits, entry.excluded,
                             entry.values)
                    .ok());
    // The same as an IPv6 prefix with 96 bits before it.
    AddressBytes bytes = {};
    bytes[0] = 0x20;
    for (int i = 0; i < 4; ++i) {
      bytes[12 + i] = static_cast<uint8_t>(entry.first >> (24 - 8 * i));
    }
    if (options.precedence == Precedence::kLongest) {
      ASSERT_TRUE(builder
                      .AddIpv6(IpPrefix::Make(Family::kIpv6, bytes,
                                              96 + entry.length_bits),
                               entry.excluded, entry.values)
                      .ok());
    }
  }
  const auto index = builder.Build(sets.ids(), sets.table());
  ASSERT_TRUE(index.ok()) << index.status();
  for (const uint32_t probe : probes) {
    const std::vector<uint32_t> expected = Expected(entries, options, probe);
    EXPECT_EQ(sets.Codes(index->ipv4->Lookup(probe)), expected) << probe;
    if (options.precedence != Precedence::kLongest) continue;
    AddressBytes bytes = {};
    bytes[0] = 0x20;
    for (int i = 0; i < 4; ++i) {
      bytes[12 + i] = static_cast<uint8_t>(probe >> (24 - 8 * i));
    }
    EXPECT_EQ(sets.Codes(index->ipv6->Lookup(bytes)), expected) << probe;
  }
}

TEST(DatasetBuilder, ResolvesAsEveryEntryLookedAtWould) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    DatasetBuilder::Options options;
    CompareWithBruteForce(options, seed);
    options.precedence = Precedence::kOctet;
    options.equal_entries = EqualEntries::kUnited;
    CompareWithBruteForce(options, seed + 1000);
  }
}

TEST(DatasetBuilder, SortsMoreThanItHolds) {
  // Three runs and a bit, in an order that mixes them, through a file and, as
  // the folder is not there, through memory.
  for (const std::string& folder :
       {std::string(getenv("TEST_TMPDIR")), std::string("/does/not/exist")}) {
    const uint32_t count = SpillSorter<uint32_t>::kRunRecords * 3 + 12345;
    DatasetBuilder::Options options;
    options.scratch_directory = folder;
    DatasetBuilder builder(options);
    Sets sets;
    for (uint32_t i = 0; i < count; ++i) {
      // An odd factor visits every address of the ring once.
      const uint32_t address = i * 2654435761u;
      ASSERT_TRUE(builder.AddIpv4(address, 32, false, i % 4).ok());
    }
    EXPECT_EQ(builder.entries(), count);
    const auto index = builder.Build(sets.ids(), sets.table());
    ASSERT_TRUE(index.ok()) << index.status();
    uint64_t listed = 0;
    index->ipv4->ForEachRun(0, ~uint32_t{0}, [&](const Ipv4Run& run) {
      listed += uint64_t{run.last} - run.first + 1;
      return true;
    });
    EXPECT_EQ(listed, count);
    for (uint32_t i = 0; i < count; i += 997) {
      EXPECT_EQ(sets.Codes(index->ipv4->Lookup(i * 2654435761u)),
                std::vector<uint32_t>{i % 4});
    }
  }
}

TEST(DatasetBuilder, KeepsTheFirstOfEqualEntriesAcrossRuns) {
  DatasetBuilder::Options options;
  options.scratch_directory = getenv("TEST_TMPDIR");
  DatasetBuilder builder(options);
  Sets sets;
  ASSERT_TRUE(builder.AddIpv4(5, 32, false, 2).ok());
  for (uint32_t i = 0; i < SpillSorter<uint32_t>::kRunRecords; ++i) {
    ASSERT_TRUE(builder.AddIpv4(1000 + i, 32, false, 0).ok());
  }
  ASSERT_TRUE(builder.AddIpv4(5, 32, true, 3).ok());
  const auto index = builder.Build(sets.ids(), sets.table());
  ASSERT_TRUE(index.ok());
  EXPECT_EQ(sets.Codes(index->ipv4->Lookup(5)), std::vector<uint32_t>{2});
}

class NameRules : public testing::Test {
 protected:
  void Add(const std::string& text, bool excluded, uint32_t values) {
    builder_.AddName(Target::Parse(text).value(), excluded, values);
  }
  void Build() { index_ = builder_.Build(sets_.ids(), sets_.table()).value(); }
  std::vector<uint32_t> Codes(const std::string& name) const {
    return sets_.Codes(
        index_.names->Lookup(Target::Parse(name)->reversed_wire()).values);
  }

  static DatasetBuilder::Options Options() {
    DatasetBuilder::Options options;
    options.equal_entries = EqualEntries::kUnited;
    return options;
  }
  Sets sets_;
  DatasetBuilder builder_{Options()};
  ListIndex index_;
};

using Codes_ = std::vector<uint32_t>;

TEST_F(NameRules, ExactNamesAndNamesBelowAreApart) {
  Add("exact.test", false, 1);
  Add("*.star.test", false, 2);
  Add(".both.test", false, 3);
  Add("deep.both.test", false, 1);
  Add("!x", false, 0);
  Build();
  EXPECT_EQ(Codes("exact.test"), Codes_{1});
  EXPECT_EQ(Codes("a.exact.test"), Codes_{});
  EXPECT_EQ(Codes("star.test"), Codes_{});
  EXPECT_EQ(Codes("a.b.star.test"), Codes_{2});
  EXPECT_EQ(Codes("both.test"), Codes_{3});
  EXPECT_EQ(Codes("deep.both.test"), Codes_{1});
  EXPECT_EQ(Codes("a.deep.both.test"), Codes_{3});
}

TEST_F(NameRules, ExclusionsHideOnlyWhatTheyName) {
  Add(".spam.test", false, 1);
  Add("ok.spam.test", true, 0);
  Add(".fine.spam.test", true, 0);
  Add("same.test", false, 2);
  Add("same.test", true, 0);
  Add("same.test", false, 3);
  Build();
  EXPECT_EQ(Codes("ok.spam.test"), Codes_{});
  EXPECT_EQ(Codes("a.ok.spam.test"), Codes_{1});
  EXPECT_EQ(Codes("fine.spam.test"), Codes_{});
  EXPECT_EQ(Codes("a.fine.spam.test"), Codes_{});
  EXPECT_EQ(Codes("same.test"), Codes_{});
}

TEST_F(NameRules, EqualEntriesAreUnited) {
  Add("a.test", false, 1);
  Add(".a.test", false, 2);
  Add("*.a.test", false, 3);
  Build();
  EXPECT_EQ(Codes("a.test"), (Codes_{1, 2}));
  EXPECT_EQ(Codes("x.a.test"), (Codes_{2, 3}));
}

}  // namespace
}  // namespace rbld
