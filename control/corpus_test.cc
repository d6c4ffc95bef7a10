// Replays the fuzzers' corpora, and every input of them cut and changed at
// each byte.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rbld {

int FuzzJson(const uint8_t* data, size_t size);
std::string FuzzHttp(const uint8_t* data, size_t size);

namespace {

std::map<std::string, std::string> ReadCorpus(const std::string& name) {
  std::map<std::string, std::string> inputs;
  for (const auto& entry : std::filesystem::directory_iterator(
           absl::StrCat(getenv("TEST_SRCDIR"), "/", getenv("TEST_WORKSPACE"),
                        "/control/corpus/", name))) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    inputs[entry.path().filename().string()] = bytes.str();
  }
  return inputs;
}

// Of its exact size, so that ASan sees one byte too far.
template <typename Function>
auto RunExact(const std::string& input, Function function) {
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[input.size()]);
  std::copy(input.begin(), input.end(), bytes.get());
  return function(bytes.get(), input.size());
}

template <typename Function>
void RunMutants(const std::string& input, size_t step, Function function) {
  for (size_t i = 0; i < input.size(); i += step) {
    RunExact(input.substr(0, i), function);
    for (const char byte : {'\0', '\xff', '"', '\n', '{', '9'}) {
      std::string changed = input;
      changed[i] = byte;
      RunExact(changed, function);
    }
  }
}

TEST(JsonCorpus, EndsAsTheNameOfTheInputSays) {
  const auto corpus = ReadCorpus("json");
  ASSERT_GE(corpus.size(), 12u);
  for (const auto& [name, input] : corpus) {
    const int reached = RunExact(input, FuzzJson);
    const int wanted = absl::StartsWith(name, "good")    ? 2
                       : absl::StartsWith(name, "codec") ? 1
                                                         : 0;
    EXPECT_EQ(reached, wanted) << name;
  }
}

TEST(JsonCorpus, HoldsWhatTheFuzzerChecksForEveryMutant) {
  for (const auto& [name, input] : ReadCorpus("json")) {
    RunMutants(input, 1, FuzzJson);
  }
}

TEST(HttpCorpus, GetsTheStatusThatTheNameOfTheInputSays) {
  const auto corpus = ReadCorpus("http");
  ASSERT_GE(corpus.size(), 12u);
  for (const auto& [name, input] : corpus) {
    const std::string reply = RunExact(input, FuzzHttp);
    const std::string wanted =
        absl::StartsWith(name, "none")
            ? ""
            : absl::StrCat("HTTP/1.1 ", name.substr(0, 3), " ");
    EXPECT_EQ(
        reply.substr(0, wanted.empty() ? std::string::npos : wanted.size()),
        wanted)
        << name;
  }
}

TEST(HttpCorpus, HoldsWhatTheFuzzerChecksForEveryMutant) {
  for (const auto& [name, input] : ReadCorpus("http")) {
    RunMutants(input, 3, FuzzHttp);
  }
}

}  // namespace
}  // namespace rbld
