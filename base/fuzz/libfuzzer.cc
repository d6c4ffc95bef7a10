// libFuzzer's way into a fuzzer.
#include <cstddef>
#include <cstdint>

#include "base/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rbld::FuzzOne(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
