// What a fuzzer consists of: one function. libfuzzer.cc calls it with what
// libFuzzer thinks of, corpus_test.cc with the inputs that are kept; fuzz.bzl
// makes both programs.
#ifndef RBLD_BASE_FUZZ_FUZZ_TARGET_H_
#define RBLD_BASE_FUZZ_FUZZ_TARGET_H_

#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"

namespace rbld {

// Defined by each fuzzer. Runs one input, and aborts if something does not hold
// that must. Says in one word what came of the input, or nothing; the name of a
// kept input is "WORD_…".
std::string FuzzOne(absl::string_view input);

inline void FuzzCheck(bool holds) {
  if (!holds) abort();
}

}  // namespace rbld

#endif  // RBLD_BASE_FUZZ_FUZZ_TARGET_H_
