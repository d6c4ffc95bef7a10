#include "base/file_util.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace rbld {
namespace {

TEST(FileUtil, WritesAndReadsBack) {
  const std::string dir = testing::TempDir() + "/file_util/a/b";
  ASSERT_TRUE(MakeDirectories(dir).ok());
  ASSERT_TRUE(MakeDirectories(dir).ok());
  ASSERT_TRUE(WriteFileAtomically(dir + "/x", "one").ok());
  ASSERT_TRUE(WriteFileAtomically(dir + "/x", "two").ok());
  EXPECT_EQ(ReadFile(dir + "/x", 100).value(), "two");
  int files = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(dir)) {
    ++files;
  }
  EXPECT_EQ(files, 1) << "a temporary file was left";
}

TEST(FileUtil, NamesThePathInErrors) {
  const absl::Status status = ReadFile("/nonexistent/x", 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/nonexistent/x"), std::string::npos);
}

TEST(FileUtil, RefusesFilesOverTheLimit) {
  const std::string path = testing::TempDir() + "/big";
  ASSERT_TRUE(WriteFileAtomically(path, std::string(100, 'x')).ok());
  EXPECT_EQ(ReadFile(path, 99).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(ReadFile(path, 100).ok());
}

TEST(FileUtil, RefusesAFileWhereAFolderIsWanted) {
  const std::string path = testing::TempDir() + "/plain";
  ASSERT_TRUE(WriteFileAtomically(path, "x").ok());
  EXPECT_FALSE(MakeDirectories(path).ok());
}

TEST(FileUtil, AddsUpAFoldersFiles) {
  const std::string path = testing::TempDir() + "/folder";
  EXPECT_EQ(DirectoryBytes(path), 0u);
  ASSERT_TRUE(MakeDirectories(path + "/a/b").ok());
  EXPECT_EQ(DirectoryBytes(path), 0u);
  ASSERT_TRUE(WriteFileAtomically(path + "/one", std::string(100, 'x')).ok());
  ASSERT_TRUE(WriteFileAtomically(path + "/a/b/two", "12345").ok());
  EXPECT_EQ(DirectoryBytes(path), 105u);
}

}  // namespace
}  // namespace rbld
