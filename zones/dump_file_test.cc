#include "zones/dump_file.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <csignal>
#include <set>
#include <string>

#include "base/file_util.h"

namespace rbld {
namespace {

std::string Folder(const std::string& name) {
  const std::string path = std::string(getenv("TEST_TMPDIR")) + "/" + name;
  EXPECT_TRUE(MakeDirectories(path).ok());
  return path;
}

std::set<std::string> FilesIn(const std::string& folder) {
  std::set<std::string> names;
  DIR* const dir = opendir(folder.c_str());
  while (const dirent* entry = readdir(dir)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.insert(name);
  }
  closedir(dir);
  return names;
}

TEST(DumpFiles, PutsAllFilesInPlaceAtTheEnd) {
  const std::string folder = Folder("commit");
  DumpFiles files(folder);
  DumpFile* const a = files.New("a", DumpFormat::kIp4Trie).value();
  DumpFile* const b = files.New("b", DumpFormat::kRfc1035).value();
  a->Append("ab", 1);
  a->Append("c", 2);
  EXPECT_EQ(FilesIn(folder).count("a"), 0u);
  ASSERT_TRUE(files.Commit().ok());
  EXPECT_EQ(FilesIn(folder), (std::set<std::string>{"a", "b"}));
  EXPECT_EQ(ReadFile(folder + "/a", 100).value(), "abc");
  EXPECT_EQ(a->records(), 3u);
  EXPECT_EQ(a->bytes(), 3u);
  EXPECT_EQ(a->sha256_hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(b->bytes(), 0u);
}

TEST(DumpFiles, LeavesNothingBehindWhenGivenUp) {
  const std::string folder = Folder("given_up");
  ASSERT_TRUE(WriteFileAtomically(folder + "/a", "old").ok());
  {
    DumpFiles files(folder);
    files.New("a", DumpFormat::kIp4Trie).value()->Append("new", 1);
  }
  EXPECT_EQ(FilesIn(folder), (std::set<std::string>{"a"}));
  EXPECT_EQ(ReadFile(folder + "/a", 100).value(), "old");
}

TEST(DumpFiles, KeepsTheOldFileWhenTheNewOneCannotBeWritten) {
  const std::string folder = Folder("full");
  ASSERT_TRUE(WriteFileAtomically(folder + "/a", "old").ok());
  // A limit of the file's size stands for a disk that is full.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 1000;
  absl::Status status;
  {
    DumpFiles files(folder);
    DumpFile* const file = files.New("a", DumpFormat::kIp4Trie).value();
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 1000; ++i) file->Append(std::string(1000, 'x'), 1);
    status = files.Commit();
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  }
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find(": write: File too large"), std::string::npos)
      << status;
  EXPECT_EQ(FilesIn(folder), (std::set<std::string>{"a"}));
  EXPECT_EQ(ReadFile(folder + "/a", 100).value(), "old");
}

TEST(DumpFiles, NamesAFolderThatIsMissing) {
  DumpFiles files("/nonexistent");
  const auto file = files.New("a", DumpFormat::kIp4Trie);
  ASSERT_FALSE(file.ok());
  EXPECT_NE(file.status().message().find("/nonexistent/.a.tmp-"),
            std::string::npos);
}

}  // namespace
}  // namespace rbld
