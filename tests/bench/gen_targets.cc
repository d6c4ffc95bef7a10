#include "tests/bench/gen_targets.h"

namespace rbld {
namespace {

constexpr int kLetterBits = 5;
constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyz234567";
constexpr int kHalfBits = 20;
// These letters alone tell the names apart; some more give them lengths.
constexpr int kTellingLetters = 2 * kHalfBits / kLetterBits;
constexpr uint32_t kMoreLetters = 6;
constexpr const char* kTops[] = {"com", "com",  "com", "net",  "org", "info",
                                 "xyz", "shop", "de",  "top",  "ru",  "cn",
                                 "br",  "pl",   "in",  "click"};

}  // namespace

NameTarget NameAt(uint32_t place, uint32_t seed) {
  uint64_t x = Permute<kHalfBits>(place, seed);
  uint32_t mixed = Mix(place ^ Mix(seed));
  NameTarget target;
  for (int i = 0; i < kTellingLetters; ++i, x >>= kLetterBits) {
    target.name += kLetters[x % 32];
  }
  const uint32_t more = mixed % kMoreLetters;
  for (uint32_t i = 0; i < more; ++i) {
    mixed = Mix(mixed + 1);
    target.name += kLetters[mixed % 32];
  }
  mixed = Mix(mixed + 1);
  target.name += '.';
  target.name += kTops[mixed % 16];
  target.with_subdomains = mixed >> 16 & 1;
  target.ask_subdomain = mixed >> 17 & 1;
  return target;
}

}  // namespace rbld
