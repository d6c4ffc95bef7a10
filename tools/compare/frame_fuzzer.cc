// Fuzzes the reading of captured frames; the first byte chooses the link.
#include <string>
#include <vector>

#include "base/fuzz/fuzz_target.h"
#include "dns/name.h"
#include "tools/compare/frame.h"

namespace rbld {

std::string FuzzOne(absl::string_view input) {
  constexpr uint16_t kPort = 53;
  // A message takes 17 bytes at least, and a frame may hold several.
  constexpr size_t kLeastMessageBytes = 17;
  if (input.empty()) return "";
  const auto* const bytes = reinterpret_cast<const uint8_t*>(input.data());
  std::vector<Question> questions;
  ReadFrameQuestions(static_cast<LinkType>(bytes[0] % kLinkTypes), bytes + 1,
                     input.size() - 1, kPort, &questions);
  for (const Question& question : questions) {
    FuzzCheck(
        WireNameBytes(reinterpret_cast<const uint8_t*>(question.name.data()),
                      question.name.size()) ==
        static_cast<int>(question.name.size()));
  }
  FuzzCheck(questions.size() <= input.size() / kLeastMessageBytes);
  return "";
}

}  // namespace rbld
