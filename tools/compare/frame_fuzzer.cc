// libFuzzer target: any bytes as a captured frame; the first one chooses the
// link. Built with clang (`--repo_env=CC=clang
// --copt=-fsanitize=fuzzer-no-link,address --linkopt=-fsanitize=address`) it
// takes a folder for what it finds and tools/compare/corpus as arguments;
// frame_corpus_test replays the corpus.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dns/name.h"
#include "tools/compare/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::vector<rbld::Question> questions;
  rbld::ReadFrameQuestions(
      static_cast<rbld::LinkType>(data[0] % rbld::kLinkTypes), data + 1,
      size - 1, 53, &questions);
  for (const rbld::Question& question : questions) {
    const int bytes = rbld::WireNameBytes(
        reinterpret_cast<const uint8_t*>(question.name.data()),
        question.name.size());
    if (bytes != static_cast<int>(question.name.size())) abort();
  }
  // A message takes 17 bytes at least, and a frame may hold several.
  if (questions.size() > size / 17) abort();
  return 0;
}
