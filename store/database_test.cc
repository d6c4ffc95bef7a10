#include "store/database.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace rbld {
namespace {

std::string FreshDirectory(const char* name) {
  const std::string directory = testing::TempDir() + "/" + name;
  std::filesystem::remove_all(directory);
  return directory;
}

absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& directory) {
  DatabaseOptions options;
  options.directory = directory;
  return Database::Open(options);
}

TEST(Database, KeepsItsEpochAndDictionary) {
  const std::string directory = FreshDirectory("epoch");
  std::string epoch;
  BlobId values = 0, author = 0;
  {
    auto database = Open(directory);
    ASSERT_TRUE(database.ok()) << database.status();
    epoch = (*database)->epoch();
    EXPECT_EQ(epoch.size(), 32u);
    values = (*database)->InternValues({{0x7f000002, "why", 60}}).value();
    author = (*database)->InternAuthor("someone").value();
    EXPECT_NE(values, author);
    EXPECT_EQ((*database)->InternValues({{0x7f000002, "why", 60}}).value(),
              values);
  }
  auto database = Open(directory);
  ASSERT_TRUE(database.ok()) << database.status();
  EXPECT_EQ((*database)->epoch(), epoch);
  EXPECT_EQ((*database)->Author(author), "someone");
  const ValueSetId id = (*database)->RuntimeValues(values);
  ASSERT_NE(id, kNotListed);
  EXPECT_EQ((*database)->values()->Get(id)[0].reason, "why");
  EXPECT_EQ((*database)->RuntimeValues(author), kNotListed);
  EXPECT_EQ((*database)->RuntimeValues(9999), kNotListed);
}

TEST(Database, InternsManySetsAtOnceAndKnowsThemAgain) {
  const std::string directory = FreshDirectory("many");
  std::vector<ValueSet> sets;
  for (int i = 0; i < 25'000; ++i) {
    sets.push_back({{0x7f000002, "reason " + std::to_string(i % 24'000), 0}});
  }
  std::vector<BlobId> ids;
  {
    auto database = Open(directory);
    ASSERT_TRUE(database.ok()) << database.status();
    const BlobId known = (*database)->InternValues(sets[77]).value();
    ids = (*database)->InternAllValues(sets).value();
    ASSERT_EQ(ids.size(), sets.size());
    EXPECT_EQ(ids[77], known);
    EXPECT_EQ(ids[24'005], ids[5]);
    EXPECT_EQ((*database)->dictionary_size(), 24'000u);
  }
  auto database = Open(directory);
  ASSERT_TRUE(database.ok()) << database.status();
  EXPECT_EQ((*database)->values()->size(), 0u)
      << "they are read when asked for";
  EXPECT_EQ((*database)->InternAllValues(sets).value(), ids);
  EXPECT_EQ((*database)->InternValues(sets[3]).value(), ids[3]);
  EXPECT_EQ((*database)->dictionary_size(), 24'000u);
  const ValueSetId one = (*database)->RuntimeValues(ids[9]);
  EXPECT_EQ((*database)->values()->Get(one), sets[9]);
  ASSERT_TRUE((*database)->LoadValues().ok());
  EXPECT_EQ((*database)->values()->size(), 24'000u);
  EXPECT_EQ((*database)->RuntimeValues(ids[9]), one);
}

// A store of before the family of ids by content.
TEST(Database, FindsTheBlobsOfAnOlderStore) {
  const std::string directory = FreshDirectory("older");
  BlobId values = 0;
  {
    auto database = Open(directory);
    ASSERT_TRUE(database.ok());
    values = (*database)->InternValues({{0x7f000002, "why", 60}}).value();
    rocksdb::WriteBatch batch;
    batch.DeleteRange((*database)->family(FamilyId::kBlobIds), "",
                      std::string(17, '\xff'));
    ASSERT_TRUE(
        (*database)->db()->Write((*database)->write_options(), &batch).ok());
  }
  auto database = Open(directory);
  ASSERT_TRUE(database.ok()) << database.status();
  EXPECT_EQ((*database)->InternValues({{0x7f000002, "why", 60}}).value(),
            values);
  EXPECT_NE((*database)->InternValues({{0x7f000002, "other", 60}}).value(),
            values);
}

TEST(Database, RefusesANewerSchemaAndChangesNothing) {
  const std::string directory = FreshDirectory("schema");
  std::string schema;
  AppendU64(&schema, kSchemaVersion + 1);
  {
    auto database = Open(directory);
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE((*database)
                    ->db()
                    ->Put((*database)->write_options(),
                          (*database)->family(FamilyId::kMeta), "schema",
                          schema)
                    .ok());
  }
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = Open(directory).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(status.message().find(directory), std::string::npos);
    EXPECT_NE(status.message().find("newer rbld"), std::string::npos) << status;
  }
}

TEST(Database, SaysThatAFolderHasNoStore) {
  DatabaseOptions options;
  options.directory = FreshDirectory("none");
  options.create_if_missing = false;
  const absl::Status status = Database::Open(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_FALSE(std::filesystem::exists(options.directory + "/CURRENT"));
}

TEST(Records, RoundTrip) {
  Record record;
  record.values = 300;
  record.author = 7;
  record.created = 1'700'000'000;
  record.updated = 1'700'000'001;
  record.expires = 1'800'000'000;
  record.note = "a note";
  std::string bytes;
  AppendRecord(&bytes, record);
  Record parsed;
  ASSERT_TRUE(ParseRecord(bytes, &parsed));
  EXPECT_EQ(parsed.values, record.values);
  EXPECT_EQ(parsed.author, record.author);
  EXPECT_EQ(parsed.created, record.created);
  EXPECT_EQ(parsed.updated, record.updated);
  EXPECT_EQ(parsed.expires, record.expires);
  EXPECT_EQ(parsed.note, record.note);
}

TEST(Records, DamageIsSeenNotRead) {
  DatasetRecord dataset;
  dataset.id = 3;
  dataset.list = 1;
  dataset.source = "feed";
  dataset.lengths.ipv4[32] = 70'000;
  dataset.lengths.ipv6[64] = 5;
  const std::string whole = DatasetValue(dataset);
  DatasetRecord parsed;
  ASSERT_TRUE(ParseDataset(whole, &parsed));
  EXPECT_EQ(parsed.lengths.ipv4[32], 70'000u);
  for (size_t size = 0; size < whole.size(); ++size) {
    DatasetRecord cut;
    EXPECT_FALSE(ParseDataset(whole.substr(0, size), &cut)) << size;
  }
  std::string change;
  AppendJournalChange(&change, {ChangeKind::kAdd, "key", "", "after"});
  for (size_t size = 0; size < change.size(); ++size) {
    absl::string_view in(change.data(), size);
    JournalChange out;
    EXPECT_FALSE(ConsumeJournalChange(&in, &out)) << size;
  }
}

}  // namespace
}  // namespace rbld
