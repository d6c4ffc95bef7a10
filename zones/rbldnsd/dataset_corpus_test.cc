// Replays the fuzzer's corpus: what was found once stays found.
#include <dirent.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/file_util.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace rbld {
namespace {

constexpr size_t kStep = 7;

TEST(DatasetCorpus, EveryCaseIsReadWithoutHarm) {
  const std::string folder = "zones/rbldnsd/corpus";
  DIR* const dir = opendir(folder.c_str());
  ASSERT_NE(dir, nullptr);
  int cases = 0;
  while (const dirent* entry = readdir(dir)) {
    const std::string name = entry->d_name;
    if (name[0] == '.') continue;
    SCOPED_TRACE(name);
    const auto bytes = ReadFile(folder + "/" + name, 1 << 20);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    // Whole, and cut short at many places.
    for (size_t size = bytes->size() % kStep; size <= bytes->size();
         size += kStep) {
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes->data()),
                             size);
    }
    ++cases;
  }
  closedir(dir);
  EXPECT_GE(cases, 20);
}

}  // namespace
}  // namespace rbld
