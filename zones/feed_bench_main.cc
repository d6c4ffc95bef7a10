// Prints how fast a plain feed of random addresses is read.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "zones/byte_source.h"
#include "zones/feed_reader.h"

int main() {
  constexpr int kLines = 10'000'000;
  std::mt19937 random(1);
  std::string text;
  text.reserve(kLines * 16);
  for (int i = 0; i < kLines; ++i) {
    const uint32_t a = random();
    absl::StrAppend(&text, a >> 24, ".", a >> 16 & 255, ".", a >> 8 & 255, ".",
                    a & 255, "\n");
  }
  const auto source = rbld::Decompress(rbld::StringSource(std::move(text)));
  rbld::FeedOptions options;
  options.default_values = {{0x7f000002, "bench", 0}};
  rbld::Import import{rbld::ListPolicy()};
  const auto start = std::chrono::steady_clock::now();
  const auto counts = rbld::ReadFeed(source.get(), options, &import);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  if (!counts.ok()) {
    std::printf("%s\n", counts.status().ToString().c_str());
    return 1;
  }
  std::printf(
      "%d lines, %llu accepted, %llu rejected, %.2f s, %.0f ns a line\n",
      kLines, static_cast<unsigned long long>(counts->entries),
      static_cast<unsigned long long>(import.rejected_count()), seconds,
      seconds * 1e9 / kLines);
  return 0;
}
