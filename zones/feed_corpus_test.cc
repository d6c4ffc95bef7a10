// Replays the fuzzer's corpus: what was found once stays found.
#include <dirent.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/file_util.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace rbld {
namespace {

TEST(FeedCorpus, EveryCaseIsReadWithoutHarm) {
  const std::string folder = "zones/corpus";
  DIR* const dir = opendir(folder.c_str());
  ASSERT_NE(dir, nullptr);
  int cases = 0;
  while (const dirent* entry = readdir(dir)) {
    const std::string name = entry->d_name;
    if (name[0] == '.') continue;
    SCOPED_TRACE(name);
    const auto bytes = ReadFile(folder + "/" + name, 1 << 20);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    // Whole, and cut short at every place.
    for (size_t size = 0; size <= bytes->size(); ++size) {
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes->data()),
                             size);
    }
    ++cases;
  }
  closedir(dir);
  EXPECT_GE(cases, 15);
}

}  // namespace
}  // namespace rbld
