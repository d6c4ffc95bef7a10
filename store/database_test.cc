#include "store/database.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

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

TEST(Database, KeepsItsEpoch) {
  const std::string directory = FreshDirectory("epoch");
  std::string epoch;
  {
    auto database = Open(directory);
    ASSERT_TRUE(database.ok()) << database.status();
    epoch = (*database)->epoch();
    EXPECT_EQ(epoch.size(), 32u);
  }
  auto database = Open(directory);
  ASSERT_TRUE(database.ok()) << database.status();
  EXPECT_EQ((*database)->epoch(), epoch);
}

TEST(Database, RemovesWhatAnImportLeftThatACrashCutOff) {
  const std::string directory = FreshDirectory("left");
  std::string folder;
  {
    auto database = Open(directory);
    ASSERT_TRUE(database.ok()) << database.status();
    folder = (*database)->ImportFolder("7");
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/listings-0.sst") << "half";
  }
  ASSERT_TRUE(Open(directory).ok());
  EXPECT_FALSE(std::filesystem::exists(folder));
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
