// Replays the fuzzer's corpus, and every message of it cut and changed at each
// byte.

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace rbld {
namespace {

std::vector<std::string> ReadCorpus() {
  const std::string directory = absl::StrCat(
      getenv("TEST_SRCDIR"), "/", getenv("TEST_WORKSPACE"), "/server/corpus");
  std::vector<std::string> messages;
  DIR* const open = opendir(directory.c_str());
  if (open == nullptr) return messages;
  while (const dirent* entry = readdir(open)) {
    if (entry->d_name[0] == '.') continue;
    std::ifstream file(absl::StrCat(directory, "/", entry->d_name),
                       std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    messages.push_back(bytes.str());
  }
  closedir(open);
  return messages;
}

void RunOne(const std::string& message) {
  // Of its exact size, so that ASan sees one byte too far.
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[message.size()]);
  memcpy(bytes.get(), message.data(), message.size());
  LLVMFuzzerTestOneInput(bytes.get(), message.size());
}

TEST(AnswerCorpus, HoldsWhatTheFuzzerChecks) {
  const std::vector<std::string> corpus = ReadCorpus();
  ASSERT_GE(corpus.size(), 20u);
  for (const std::string& message : corpus) {
    RunOne(message);
    for (size_t i = 0; i < message.size(); ++i) {
      RunOne(message.substr(0, i));
      for (const int change : {0x01, 0x20, 0x40, 0x80, 0xc0, 0xff}) {
        std::string changed = message;
        changed[i] = static_cast<char>(changed[i] ^ change);
        RunOne(changed);
      }
    }
  }
}

}  // namespace
}  // namespace rbld
