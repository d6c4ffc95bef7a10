#include "store/dictionary.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "store/database.h"

namespace rbld {
namespace {

std::unique_ptr<Database> Open(const std::string& directory) {
  DatabaseOptions options;
  options.directory = directory;
  auto database = Database::Open(options);
  EXPECT_TRUE(database.ok()) << database.status();
  return *std::move(database);
}

// A store of the test's own, opened anew at will.
class DictionaryTest : public testing::Test {
 protected:
  DictionaryTest()
      : directory_(
            testing::TempDir() + "/" +
            testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(directory_);
    Reopen();
  }
  void Reopen() {
    database_.reset();
    database_ = Open(directory_);
  }
  Dictionary& dictionary() { return database_->dictionary(); }
  std::vector<BlobId> InternAll(const std::vector<ValueSet>& sets) {
    auto ids = dictionary().InternAllValues(sets);
    EXPECT_TRUE(ids.ok()) << ids.status();
    return *std::move(ids);
  }
  void ExpectMeaning(BlobId id, const ValueSet& values) {
    const ValueSetId runtime = dictionary().RuntimeValues(id);
    ASSERT_NE(runtime, kNotListed);
    EXPECT_EQ(dictionary().values()->Get(runtime), values);
  }

  const std::string directory_;
  std::unique_ptr<Database> database_;
};

ValueSet Reason(int number) {
  return {{0x7f000002, absl::StrCat("reason ", number), 0}};
}

std::vector<ValueSet> Reasons(int begin, int end) {
  std::vector<ValueSet> sets;
  for (int i = begin; i < end; ++i) sets.push_back(Reason(i));
  return sets;
}

TEST_F(DictionaryTest, KeepsValuesAndAuthors) {
  const BlobId values =
      dictionary().InternValues({{0x7f000002, "why", 60}}).value();
  const BlobId author = dictionary().InternAuthor("someone").value();
  EXPECT_NE(values, author);
  EXPECT_EQ(dictionary().InternValues({{0x7f000002, "why", 60}}).value(),
            values);
  Reopen();
  EXPECT_EQ(dictionary().Author(author), "someone");
  ExpectMeaning(values, {{0x7f000002, "why", 60}});
  EXPECT_EQ(dictionary().RuntimeValues(author), kNotListed);
  EXPECT_EQ(dictionary().RuntimeValues(9999), kNotListed);
}

TEST_F(DictionaryTest, ReadsValuesWhenTheyAreAskedFor) {
  const std::vector<BlobId> ids = InternAll(Reasons(0, 1000));
  Reopen();
  EXPECT_EQ(dictionary().values()->size(), 0u);
  const ValueSetId one = dictionary().RuntimeValues(ids[9]);
  EXPECT_EQ(dictionary().values()->size(), 1u);
  ASSERT_TRUE(dictionary().LoadValues().ok());
  EXPECT_EQ(dictionary().values()->size(), 1000u);
  EXPECT_EQ(dictionary().RuntimeValues(ids[9]), one);
}

// As many as go into the store in a batch, and as files.
class ManySetsTest : public DictionaryTest,
                     public testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(BatchAndFiles, ManySetsTest,
                         testing::Values(500, 30'000));

TEST_P(ManySetsTest, AreInternedAtOnceAndKnownAgain) {
  const int count = GetParam();
  const BlobId known = dictionary().InternValues(Reason(77)).value();
  std::vector<ValueSet> sets = Reasons(0, count);
  sets.push_back(Reason(5));  // twice
  const std::vector<BlobId> ids = InternAll(sets);
  ASSERT_EQ(ids.size(), sets.size());
  EXPECT_EQ(ids[77], known);
  EXPECT_EQ(ids.back(), ids[5]);
  EXPECT_EQ(dictionary().size(), static_cast<uint64_t>(count));
  EXPECT_EQ(InternAll(sets), ids);
  Reopen();
  EXPECT_EQ(InternAll(sets), ids);
  EXPECT_EQ(dictionary().InternValues(sets[3]).value(), ids[3]);
  EXPECT_EQ(dictionary().size(), static_cast<uint64_t>(count));
  for (const int i : {0, 5, 77, count / 2, count - 1}) {
    ExpectMeaning(ids[static_cast<size_t>(i)], Reason(i));
  }
}

TEST_P(ManySetsTest, MixWithWhatIsThere) {
  const int count = GetParam();
  const std::vector<BlobId> before = InternAll(Reasons(0, count));
  const std::vector<BlobId> all = InternAll(Reasons(count / 2, 2 * count));
  EXPECT_EQ(dictionary().size(), static_cast<uint64_t>(2 * count));
  const size_t half = static_cast<size_t>(count / 2);
  for (size_t i = 0; i < half; ++i) ASSERT_EQ(all[i], before[half + i]) << i;
  Reopen();
  EXPECT_EQ(InternAll(Reasons(count / 2, 2 * count)), all);
  EXPECT_EQ(InternAll(Reasons(0, count)), before);
}

// Under the hash of one set stand the ids of others.
TEST_P(ManySetsTest, AreToldApartWhereHashesCollide) {
  const int count = GetParam();
  const BlobId other = dictionary().InternValues(Reason(-1)).value();
  const BlobId third = dictionary().InternValues(Reason(-2)).value();
  const auto read = [&] {
    std::unique_ptr<rocksdb::Iterator> it(database_->db()->NewIterator(
        rocksdb::ReadOptions(), database_->family(FamilyId::kBlobIds)));
    std::map<std::string, std::string> found;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      found[it->key().ToString()] = it->value().ToString();
    }
    return found;
  };
  const std::map<std::string, std::string> entries = read();
  const BlobId first = dictionary().InternValues(Reason(1)).value();
  std::string hash;
  for (const auto& [key, ids] : read()) {
    if (entries.count(key) == 0) hash = key;
  }
  ASSERT_FALSE(hash.empty());
  // As if set 1 had not come yet, but others with its hash.
  std::string ids;
  AppendU32(&ids, other);
  const std::string one_id = ids;
  AppendU32(&ids, third);
  for (const std::string& wrong : {one_id, ids}) {
    ASSERT_TRUE(database_->db()
                    ->Put(database_->write_options(),
                          database_->family(FamilyId::kBlobIds), hash, wrong)
                    .ok());
    const std::vector<BlobId> found = InternAll(Reasons(0, count));
    EXPECT_NE(found[1], other);
    EXPECT_NE(found[1], third);
    EXPECT_NE(found[1], first);
    ExpectMeaning(found[1], Reason(1));
    EXPECT_EQ(InternAll(Reasons(0, count)), found);
    EXPECT_EQ(read()[hash].substr(0, wrong.size()), wrong);
    Reopen();
    EXPECT_EQ(dictionary().InternValues(Reason(1)).value(), found[1]);
  }
}

TEST_F(DictionaryTest, IsAMapOfAnyCalls) {
  std::mt19937 random(5);
  std::map<std::string, BlobId> expected;
  for (int round = 0; round < 60; ++round) {
    std::vector<ValueSet> sets;
    const size_t count = 1 + random() % (round % 10 == 9 ? 25'000 : 40);
    for (size_t i = 0; i < count; ++i) {
      sets.push_back(Reason(static_cast<int>(random() % 100'000)));
    }
    const std::vector<BlobId> ids = InternAll(sets);
    ASSERT_EQ(ids.size(), count);
    for (size_t i = 0; i < count; ++i) {
      const auto [at, is_new] = expected.emplace(ValueSetBlob(sets[i]), ids[i]);
      ASSERT_EQ(at->second, ids[i]);
    }
    ASSERT_EQ(dictionary().size(), expected.size());
    if (round % 7 == 0) Reopen();
  }
}

// A store of before the family of ids by content.
TEST_F(DictionaryTest, FindsTheBlobsOfAnOlderStore) {
  const BlobId values = dictionary().InternValues(Reason(1)).value();
  rocksdb::WriteBatch batch;
  batch.DeleteRange(database_->family(FamilyId::kBlobIds), "",
                    std::string(17, '\xff'));
  ASSERT_TRUE(database_->db()->Write(database_->write_options(), &batch).ok());
  Reopen();
  EXPECT_EQ(dictionary().InternValues(Reason(1)).value(), values);
  EXPECT_NE(dictionary().InternValues(Reason(2)).value(), values);
}

TEST_F(DictionaryTest, LeavesNoFilesBehind) {
  InternAll(Reasons(0, 30'000));
  EXPECT_FALSE(std::filesystem::exists(database_->ImportFolder("dictionary")));
}

}  // namespace
}  // namespace rbld
