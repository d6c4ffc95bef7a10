#include "store/index_file.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "store/exemption_index.h"

namespace rbld {
namespace {

constexpr uint64_t kSeed = 77;

Target T(const std::string& text) { return Target::Parse(text).value(); }

AddressBytes Ipv6(uint64_t high, uint64_t low) {
  AddressBytes bytes;
  for (int i = 0; i < 8; ++i) {
    bytes[static_cast<size_t>(7 - i)] = static_cast<uint8_t>(high >> (8 * i));
    bytes[static_cast<size_t>(15 - i)] = static_cast<uint8_t>(low >> (8 * i));
  }
  return bytes;
}

class IndexFileTest : public testing::Test {
 protected:
  IndexFileTest()
      : directory_(
            testing::TempDir() + "/index_file_test_" +
            testing::UnitTest::GetInstance()->current_test_info()->name()),
        path_(directory_ + "/1.idx") {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    for (uint32_t i = 0; i < 5; ++i) {
      sets_.push_back(values_.Intern({{0x7f000002 + i, "reason", 0}}));
    }
  }
  ~IndexFileTest() override { std::filesystem::remove_all(directory_); }

  ValueSetId Set() { return sets_[random_() % sets_.size()]; }

  // Some of everything; dense IPv4 blocks, so that changes are patches.
  ListIndex Build() {
    ListIndex index;
    std::set<uint32_t> addresses;
    while (addresses.size() < 5000) {
      addresses.insert((random_() % 3 == 0 ? 0x08080000u : 0x09090000u) |
                       random_() % 65536);
    }
    addresses.insert(random_() % 0xd0000000);
    Ipv4IndexBuilder ipv4;
    for (const uint32_t address : addresses) ipv4.Add(address, address, Set());
    ipv4.Add(0xe0000000, 0xe1234567, Set());
    index.ipv4 = ipv4.Build();
    Ipv6IndexBuilder ipv6;
    for (uint64_t i = 0; i < 3000; ++i) {
      ipv6.Add(Ipv6(0x2a00 << 16 | i, 0),
               Ipv6(0x2a00 << 16 | i, i % 2 ? ~0ull : 7), Set());
    }
    index.ipv6 = ipv6.Build();
    NameIndexBuilder names(kSeed);
    for (int i = 1000; i < 3000; ++i) {
      ResolvedName name;
      name.reversed_wire =
          T("n" + std::to_string(i) + ".example").reversed_wire();
      name.has_exact = true;
      name.exact = Set();
      names.Add(name);
    }
    index.names = names.Build();
    index.exemptions = ExemptionIndex::Build(
        {T("8.8.0.0/16").Key(), T("a.example").Key()}, kSeed);
    return index;
  }

  // Changes a little of everything.
  void Change(ListIndex* index) {
    for (int i = 0; i < 40; ++i) {
      const uint32_t at = 0x08080000u + random_() % 0x30000;
      const uint32_t to = random_() % 4 == 0 ? at | 0xff : at;
      std::vector<Ipv4Run> runs;
      if (random_() % 3 != 0) runs.push_back({at, to, Set()});
      index->ipv4 = index->ipv4->WithReplaced(at, to, runs);
      const AddressBytes ipv6 = Ipv6(0x2a00 << 16 | random_() % 4000, 5);
      std::vector<Ipv6Run> ipv6_runs;
      if (random_() % 3 != 0) ipv6_runs.push_back({ipv6, ipv6, Set()});
      index->ipv6 = index->ipv6->WithReplaced(ipv6, ipv6, ipv6_runs);
      NameNode node;
      node.name.reversed_wire =
          T("n" + std::to_string(1000 + random_() % 3000) + ".example")
              .reversed_wire();
      node.present = random_() % 3 != 0;
      node.name.has_exact = node.present;
      if (node.present) node.name.exact = Set();
      index->names = index->names->WithReplaced({node});
    }
  }

  absl::Status Write(const ListIndex& index, uint64_t sequence = 42) {
    return WriteIndexFile(rocksdb::Env::Default(), path_, id_, sequence, index,
                          values_);
  }
  absl::StatusOr<std::shared_ptr<const ListIndex>> Read(ValueTable* values) {
    absl::StatusOr<IndexFile> file = IndexFile::Open(path_, id_);
    if (!file.ok()) return file.status();
    return file->Read(values);
  }

  void ExpectSame(const ListIndex& a, const ListIndex& b,
                  const ValueTable& values_of_b) {
    const auto same = [&](ValueSetId of_a, ValueSetId of_b) {
      return of_a == kNotListed || of_b == kNotListed
                 ? of_a == of_b
                 : values_.Get(of_a) == values_of_b.Get(of_b).ToSet();
    };
    for (uint32_t at = 0x08070000; at < 0x080c0000; ++at) {
      ASSERT_TRUE(same(a.ipv4->Lookup(at), b.ipv4->Lookup(at))) << at;
      if (at % 256 != 0) continue;
      ASSERT_EQ(a.ipv4->AnyWithin(at, at | 0xff),
                b.ipv4->AnyWithin(at, at | 0xff));
    }
    std::vector<Ipv4Run> runs_a, runs_b;
    a.ipv4->ForEachRun(0, UINT32_MAX, [&](const Ipv4Run& run) {
      runs_a.push_back(run);
      return true;
    });
    b.ipv4->ForEachRun(0, UINT32_MAX, [&](const Ipv4Run& run) {
      runs_b.push_back(run);
      return true;
    });
    ASSERT_EQ(runs_a.size(), runs_b.size());
    for (size_t i = 0; i < runs_a.size(); ++i) {
      ASSERT_EQ(runs_a[i].first, runs_b[i].first);
      ASSERT_EQ(runs_a[i].last, runs_b[i].last);
      ASSERT_TRUE(same(runs_a[i].values, runs_b[i].values));
    }
    for (uint64_t i = 0; i < 4100; ++i) {
      for (const uint64_t low : {0ull, 5ull, 9ull}) {
        const AddressBytes at = Ipv6(0x2a00 << 16 | i, low);
        ASSERT_TRUE(same(a.ipv6->Lookup(at), b.ipv6->Lookup(at))) << i;
      }
      const std::string name =
          T("n" + std::to_string(900 + i) + ".example").reversed_wire();
      const NameIndex::Result of_a = a.names->Lookup(name);
      const NameIndex::Result of_b = b.names->Lookup(name);
      ASSERT_TRUE(same(of_a.values, of_b.values)) << i;
      ASSERT_EQ(of_a.any_below, of_b.any_below);
    }
    ASSERT_EQ(a.names->node_count(), b.names->node_count());
    ASSERT_EQ(a.exemptions == nullptr, b.exemptions == nullptr);
    if (a.exemptions != nullptr) {
      EXPECT_EQ(a.exemptions->target_keys(), b.exemptions->target_keys());
    }
  }

  const std::string directory_;
  const std::string path_;
  std::mt19937 random_{5};
  ValueTable values_;
  std::vector<ValueSetId> sets_;
  const IndexFileId id_ = {"0123456789abcdef0123456789abcdef", 1, kSeed};
};

TEST_F(IndexFileTest, GivesBackWhatWasWrittenToAnotherProcess) {
  ListIndex index = Build();
  for (int round = 0; round < 5; ++round) {
    SCOPED_TRACE(round);
    ASSERT_TRUE(Write(index).ok());
    // There the same sets have other ids.
    ValueTable other;
    other.Intern({{0x7f0000ff, "another", 0}});
    const auto read = Read(&other);
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_NO_FATAL_FAILURE(ExpectSame(index, **read, other));
    Change(&index);
  }
}

TEST_F(IndexFileTest, AnEmptyListHasASmallFile) {
  ListIndex index{Ipv4Index::Empty(), Ipv6Index::Empty(),
                  NameIndex::Empty(kSeed), nullptr};
  ASSERT_TRUE(Write(index).ok());
  EXPECT_LT(std::filesystem::file_size(path_), 30000u);
  const auto read = Read(&values_);
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSame(index, **read, values_);
}

TEST_F(IndexFileTest, WhatIsReadCanBeChangedAndWrittenAgain) {
  ListIndex index = Build();
  for (int round = 0; round < 8; ++round) {
    SCOPED_TRACE(round);
    ASSERT_TRUE(Write(index).ok());
    ListIndex read = **Read(&values_);
    const std::mt19937 before = random_;
    Change(&index);
    random_ = before;
    Change(&read);
    ASSERT_NO_FATAL_FAILURE(ExpectSame(index, read, values_));
    if (round % 2 == 0) index = read;
  }
}

TEST_F(IndexFileTest, TheNewestIndexMovesOntoAFileOfAnEarlierOne) {
  ListIndex newest = Build();
  for (int round = 0; round < 8; ++round) {
    SCOPED_TRACE(round);
    Change(&newest);
    const ListIndex written = newest;
    ASSERT_TRUE(Write(written).ok());
    Change(&newest);
    IndexFile file = IndexFile::Open(path_, id_).value();
    const auto mapped = file.Map(&values_);
    ASSERT_TRUE(mapped.ok());
    ListIndex rebased = newest;
    rebased.ipv4 =
        Ipv4Index::Rebased(*newest.ipv4, *written.ipv4, *(*mapped)->ipv4);
    rebased.ipv6 =
        Ipv6Index::Rebased(*newest.ipv6, *written.ipv6, *(*mapped)->ipv6);
    rebased.names =
        NameIndex::Rebased(*newest.names, *written.names, *(*mapped)->names);
    ASSERT_NE(rebased.ipv4, nullptr);
    ASSERT_NE(rebased.ipv6, nullptr);
    ASSERT_NE(rebased.names, nullptr);
    EXPECT_LE(rebased.ipv4->changed_blocks(), newest.ipv4->changed_blocks());
    ASSERT_NO_FATAL_FAILURE(ExpectSame(newest, rebased, values_));
    EXPECT_TRUE(file.MoveToMemory());
    ASSERT_NO_FATAL_FAILURE(ExpectSame(newest, rebased, values_));
    newest = rebased;
  }
}

TEST_F(IndexFileTest, AnIpv4BaseIsExchangedInParts) {
  // The same twice: one moves, the other one tells what is right.
  std::mt19937 before = random_;
  ListIndex expected = Build();
  random_ = before;
  ListIndex moving = Build();
  const auto change_both = [&] {
    before = random_;
    Change(&expected);
    random_ = before;
    Change(&moving);
  };
  for (int round = 0; round < 4; ++round) {
    SCOPED_TRACE(round);
    change_both();
    ASSERT_TRUE(Write(moving).ok());
    const std::shared_ptr<const Ipv4Index> written =
        moving.ipv4->WithoutBaseUse();
    std::weak_ptr<const void> use = moving.ipv4->base_use();
    change_both();
    EXPECT_FALSE(use.expired());
    IndexFile file = IndexFile::Open(path_, id_).value();
    std::shared_ptr<const ListIndex> mapped = *file.Map(&values_);
    uint32_t slots = 0;
    for (uint64_t bytes = 4096; slots < 65536; bytes += 4096) {
      EXPECT_TRUE(file.MoveIpv4ToMemory(bytes));
      EXPECT_GE(mapped->ipv4->SlotsWithin(bytes), slots);
      slots = mapped->ipv4->SlotsWithin(bytes);
      moving.ipv4 = Ipv4Index::PartlyRebased(*moving.ipv4, *written,
                                             *mapped->ipv4, slots);
      ASSERT_NE(moving.ipv4, nullptr);
      EXPECT_TRUE(use.expired());
      written->ReleaseBaseBelow(slots);
      use = moving.ipv4->base_use();
      ASSERT_NO_FATAL_FAILURE(ExpectSame(expected, moving, values_));
      // One between two bases is not what another exchange begins with.
      ASSERT_EQ(
          Ipv4Index::PartlyRebased(*moving.ipv4, *moving.ipv4->WithoutBaseUse(),
                                   *mapped->ipv4, slots),
          nullptr);
      change_both();
      ASSERT_NO_FATAL_FAILURE(ExpectSame(expected, moving, values_));
    }
    moving.ipv4 = Ipv4Index::Rebased(*moving.ipv4, *written, *mapped->ipv4);
    ASSERT_NE(moving.ipv4, nullptr);
    EXPECT_TRUE(use.expired());
    EXPECT_TRUE(file.MoveToMemory());
    ASSERT_NO_FATAL_FAILURE(ExpectSame(expected, moving, values_));
  }
}

TEST_F(IndexFileTest, AnIndexThatWasBuiltAnewDoesNotMove) {
  const ListIndex written = Build();
  const ListIndex other = Build();
  ASSERT_TRUE(Write(written).ok());
  const auto read = Read(&values_);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(Ipv4Index::Rebased(*other.ipv4, *written.ipv4, *(*read)->ipv4),
            nullptr);
  EXPECT_EQ(Ipv4Index::PartlyRebased(*other.ipv4, *written.ipv4, *(*read)->ipv4,
                                     0x0900),
            nullptr);
  EXPECT_EQ(Ipv6Index::Rebased(*other.ipv6, *written.ipv6, *(*read)->ipv6),
            nullptr);
  EXPECT_EQ(NameIndex::Rebased(*other.names, *written.names, *(*read)->names),
            nullptr);
}

TEST_F(IndexFileTest, MayBeReadWhileItMovesToMemory) {
  Ipv4IndexBuilder builder;
  for (uint32_t i = 0; i < 4'000'000; ++i) {
    builder.Add(i * 1000 + 7, i * 1000 + 7, sets_[i % 5]);
  }
  ListIndex index{builder.Build(), Ipv6Index::Empty(), NameIndex::Empty(kSeed),
                  nullptr};
  ASSERT_TRUE(Write(index).ok());
  IndexFile file = IndexFile::Open(path_, id_).value();
  const std::shared_ptr<const ListIndex> mapped = *file.Map(&values_);
  std::atomic<bool> moved{false};
  std::atomic<uint64_t> wrong{0}, seen{0};
  std::vector<std::thread> readers;
  for (uint32_t seed = 0; seed < 2; ++seed) {
    readers.emplace_back([&, seed] {
      std::minstd_rand random(seed + 1);
      while (!moved) {
        const uint32_t i = static_cast<uint32_t>(random()) % 4'000'000;
        wrong += mapped->ipv4->Lookup(i * 1000 + 7) != sets_[i % 5];
        wrong += mapped->ipv4->Lookup(i * 1000 + 8) != kNotListed;
        ++seen;
      }
    });
  }
  while (seen == 0) std::this_thread::yield();
  EXPECT_TRUE(file.MoveToMemory());
  moved = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(seen, 0u);
}

TEST_F(IndexFileTest, AFileOfSomethingElseIsRefused) {
  ASSERT_TRUE(Write(Build()).ok());
  for (int i = 0; i < 3; ++i) {
    IndexFileId id = id_;
    if (i == 0) id.epoch[5] = 'x';
    if (i == 1) ++id.list;
    if (i == 2) ++id.name_seed;
    const absl::Status status = IndexFile::Open(path_, id).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(status.message().find("of another store"), std::string::npos);
  }
  EXPECT_EQ(IndexFile::Open(path_, id_)->sequence(), 42u);
  EXPECT_EQ(IndexFile::Open(path_ + "x", id_).status().code(),
            absl::StatusCode::kNotFound);
}

// Every byte that says something is under a hash; those between the parts say
// nothing.
TEST_F(IndexFileTest, EveryDamageIsFoundOrHarmless) {
  const ListIndex index = Build();
  ASSERT_TRUE(Write(index).ok());
  std::string bytes;
  {
    std::ifstream in(path_, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto put = [&](const std::string& content) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
  };
  int found = 0;
  for (int i = 0; i < 150; ++i) {
    // Half of them in the last 2 KiB.
    const size_t at = i % 2 == 0 ? random_() % bytes.size()
                                 : bytes.size() - 1 - random_() % 2048;
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random_() % 8));
    put(damaged);
    const auto read = Read(&values_);
    if (!read.ok()) {
      ++found;
      continue;
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSame(index, **read, values_)) << at;
  }
  EXPECT_GT(found, 50);
  for (int i = 0; i < 50; ++i) {
    put(bytes.substr(0, i < 25 ? bytes.size() - 1 - static_cast<size_t>(i)
                               : random_() % bytes.size()));
    EXPECT_FALSE(Read(&values_).ok()) << i;
  }
}

}  // namespace
}  // namespace rbld
