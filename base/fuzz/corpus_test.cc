// Replays what a fuzzer's corpus keeps, and each input of it that a person
// wrote cut short and changed at many places: what was found once stays found.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file_util.h"
#include "base/fuzz/fuzz_target.h"

namespace rbld {
namespace {

constexpr size_t kMaxInputBytes = 1 << 20;

// Of a long input, how many places are changed.
constexpr size_t kMaxPlaces = 512;

// What libFuzzer found has no word in its name.
constexpr char kFound[] = "found-";

std::map<std::string, std::string> ReadCorpus() {
  std::map<std::string, std::string> inputs;
  for (const auto& entry :
       std::filesystem::directory_iterator(getenv("RBLD_CORPUS"))) {
    const absl::StatusOr<std::string> bytes =
        ReadFile(entry.path().string(), kMaxInputBytes);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    if (bytes.ok()) inputs[entry.path().filename().string()] = *bytes;
  }
  return inputs;
}

// Of its exact size, so that ASan sees one byte too far.
std::string RunExact(absl::string_view input) {
  const std::unique_ptr<char[]> bytes(new char[input.size()]);
  std::copy(input.begin(), input.end(), bytes.get());
  return FuzzOne(absl::string_view(bytes.get(), input.size()));
}

TEST(Corpus, EachInputEndsAsItsNameSays) {
  const auto corpus = ReadCorpus();
  ASSERT_GE(corpus.size(), 12u);
  for (const auto& [name, input] : corpus) {
    // The last one that is told is the one that ended the test.
    printf("%s\n", name.c_str());
    const std::string word = RunExact(input);
    if (!word.empty() && !absl::StartsWith(name, kFound)) {
      EXPECT_TRUE(absl::StartsWith(name, absl::StrCat(word, "_")))
          << name << " ends as " << word;
    }
  }
}

TEST(Corpus, WhatMustHoldHoldsForEachMutant) {
  size_t step = 0;
  ASSERT_TRUE(absl::SimpleAtoi(getenv("RBLD_CORPUS_STEP"), &step) && step > 0);
  for (const auto& [name, input] : ReadCorpus()) {
    // Those that libFuzzer found are mutants themselves.
    if (absl::StartsWith(name, kFound)) continue;
    printf("%s\n", name.c_str());
    const size_t stride = std::max(step, input.size() / kMaxPlaces);
    for (size_t i = 0; i < input.size(); i += stride) {
      RunExact(absl::string_view(input).substr(0, i));
      std::string changed = input;
      for (const char byte : {'\0', '\xff', '"', '\n', '{', '9'}) {
        changed[i] = byte;
        RunExact(changed);
      }
      for (const int bits : {0x01, 0x20, 0x40, 0x80, 0xc0}) {
        changed[i] = static_cast<char>(input[i] ^ bits);
        RunExact(changed);
      }
    }
  }
}

}  // namespace
}  // namespace rbld
