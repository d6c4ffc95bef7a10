// libFuzzer target: any bytes as a feed of any format. The first byte chooses
// the format; compressed input is unpacked. Built with clang
// (`--repo_env=CC=clang --copt=-fsanitize=fuzzer-no-link,address
// --linkopt=-fsanitize=address`) it takes a folder for what it finds and
// zones/corpus as arguments; feed_corpus_test replays the corpus.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "zones/byte_source.h"
#include "zones/feed_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr int kFormatCount = 9;
  constexpr uint64_t kUnpackLimitBytes = 1 << 20;
  rbld::FeedOptions options;
  options.format = static_cast<rbld::FeedFormat>(data[0] % kFormatCount);
  options.default_values = {{0x7f000002, "fuzzed $", 0}};
  options.now_seconds = data[0] >= 128 ? 1'700'000'000 : 0;
  rbld::Import import{rbld::ListPolicy()};
  const auto source =
      rbld::Decompress(rbld::StringSource(std::string(
                           reinterpret_cast<const char*>(data + 1), size - 1)),
                       kUnpackLimitBytes);
  const auto counts = rbld::ReadFeed(source.get(), options, &import);
  if (!counts.ok()) return 0;
  // Whatever came in keeps the list's rules.
  for (const auto& entry : import.ipv4()) {
    if (rbld::WhyNotListable(
            import.policy(),
            rbld::IpPrefix::FromIpv4(entry.address, entry.length_bits)) !=
        nullptr) {
      abort();
    }
  }
  for (const auto& set : import.value_sets()) {
    if (!rbld::CheckValues(import.policy(), set).ok()) abort();
  }
  return 0;
}
