// Replays the fuzzer's corpus, and every frame of it cut and changed at each
// byte.
#include <dirent.h>
#include <gtest/gtest.h>
#include <string.h>

#include <memory>
#include <string>

#include "base/file_util.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace rbld {
namespace {

void RunOne(const std::string& frame) {
  // Of its exact size, so that ASan sees one byte too far.
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[frame.size()]);
  memcpy(bytes.get(), frame.data(), frame.size());
  LLVMFuzzerTestOneInput(bytes.get(), frame.size());
}

TEST(FrameCorpus, EveryCaseIsReadWithoutHarm) {
  const std::string folder = "tools/compare/corpus";
  DIR* const dir = opendir(folder.c_str());
  ASSERT_NE(dir, nullptr);
  int cases = 0;
  while (const dirent* entry = readdir(dir)) {
    const std::string name = entry->d_name;
    if (name[0] == '.') continue;
    SCOPED_TRACE(name);
    const auto read = ReadFile(folder + "/" + name, 1 << 20);
    ASSERT_TRUE(read.ok()) << read.status();
    RunOne(*read);
    for (size_t i = 0; i < read->size(); ++i) {
      RunOne(read->substr(0, i));
      for (const int change : {0x01, 0x40, 0x80, 0xc0, 0xff}) {
        std::string changed = *read;
        changed[i] = static_cast<char>(changed[i] ^ change);
        RunOne(changed);
      }
    }
    ++cases;
  }
  closedir(dir);
  EXPECT_GE(cases, 10);
}

}  // namespace
}  // namespace rbld
