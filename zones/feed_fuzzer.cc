// Fuzzes any bytes as a feed of any format. The first byte chooses the format;
// compressed input is unpacked.
#include <cstdint>
#include <string>

#include "base/fuzz/fuzz_target.h"
#include "zones/byte_source.h"
#include "zones/feed_reader.h"

namespace rbld {

std::string FuzzOne(absl::string_view input) {
  if (input.empty()) return "";
  const auto first = static_cast<uint8_t>(input[0]);
  constexpr int kFormatCount = 9;
  constexpr uint64_t kUnpackLimitBytes = 1 << 20;
  FeedOptions options;
  options.format = static_cast<FeedFormat>(first % kFormatCount);
  options.default_values = {{0x7f000002, "fuzzed $", 0}};
  for (const absl::string_view name :
       {absl::string_view(FeedFormatName(options.format)), input.substr(1)}) {
    const auto named = ParseFeedFormat(name);
    FuzzCheck(!named.ok() || name == FeedFormatName(*named));
  }
  uint64_t told_bytes = 0;
  options.source = "feed";
  options.progress = [&told_bytes](uint64_t bytes) {
    FuzzCheck(bytes >= told_bytes);
    told_bytes = bytes;
  };
  options.now_seconds = first >= 128 ? 1'700'000'000 : 0;
  Import import{ListPolicy()};
  const auto source =
      Decompress(StringSource(std::string(input.substr(1))), kUnpackLimitBytes);
  const auto counts = ReadFeed(source.get(), options, &import);
  if (!counts.ok()) return "";
  // Whatever came in keeps the list's rules.
  for (const auto& entry : import.ipv4()) {
    FuzzCheck(WhyNotListable(
                  import.policy(),
                  IpPrefix::FromIpv4(entry.address(), entry.length_bits())) ==
              nullptr);
  }
  for (const auto& set : import.value_sets()) {
    FuzzCheck(CheckValues(import.policy(), set).ok());
  }
  return "";
}

}  // namespace rbld
