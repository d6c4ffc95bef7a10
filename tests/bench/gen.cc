// gen: makes feeds and query files for the benchmarks, the same bytes for the
// same seed.
//
//   gen feed COUNT SEED FIRST       COUNT random IPv4 addresses, one a line
//   gen sorted COUNT SEED FIRST     the same addresses, sorted as numbers
//   gen queries COUNT SEED LISTED ZONE
//                                   COUNT distinct dnsperf queries, 30 % of
//                                   them for addresses of `gen feed LISTED SEED
//                                   0`, 10 % of type TXT
//
// Addresses come from a permutation of all 2^32, so they are random, distinct
// and need no table: the feed is the first COUNT of the permutation (from
// FIRST on), and whatever stands behind it is not listed.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr size_t kOutputBufferBytes = 1 << 20;
constexpr int kListedPercent = 30;
constexpr int kTxtPercent = 10;

// A finaliser with good avalanche; the constants are odd, so it is one-to-one.
uint32_t Mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352dU;
  x ^= x >> 15;
  x *= 0x846ca68bU;
  x ^= x >> 16;
  return x;
}

// One-to-one on 32 bits for every seed: four Feistel rounds.
uint32_t Permute(uint32_t x, uint32_t seed) {
  uint32_t left = x >> 16;
  uint32_t right = x & 0xffff;
  for (uint32_t round = 0; round < 4; ++round) {
    const uint32_t next =
        left ^ (Mix(right + seed * 0x9e3779b9U + round * 0x85ebca6bU) & 0xffff);
    left = right;
    right = next;
  }
  return (left << 16) | right;
}

// Leaves out every /8 in which special-purpose space lies (RFC 6890), so that
// no guard rejects a line.
bool IsOrdinary(uint32_t address) {
  switch (address >> 24) {
    case 0:
    case 10:
    case 100:
    case 127:
    case 169:
    case 172:
    case 192:
    case 198:
    case 203:
      return false;
    default:
      return address >> 24 < 224;
  }
}

// The ordinary addresses of the permutation, in its order.
class AddressStream {
 public:
  explicit AddressStream(uint32_t seed) : seed_(seed) {}

  uint32_t Next() {
    while (true) {
      const uint32_t address = Permute(position_++, seed_);
      if (IsOrdinary(address)) return address;
    }
  }

 private:
  const uint32_t seed_;
  uint32_t position_ = 0;
};

void WriteAddress(uint32_t a) {
  std::printf("%u.%u.%u.%u\n", a >> 24, (a >> 16) & 255, (a >> 8) & 255,
              a & 255);
}

int WriteFeed(uint32_t count, uint32_t seed, uint32_t first, bool sorted) {
  AddressStream stream(seed);
  for (uint32_t i = 0; i < first; ++i) stream.Next();
  std::vector<uint32_t> addresses;
  for (uint32_t i = 0; i < count; ++i) {
    if (sorted) {
      addresses.push_back(stream.Next());
    } else {
      WriteAddress(stream.Next());
    }
  }
  std::sort(addresses.begin(), addresses.end());
  for (const uint32_t address : addresses) WriteAddress(address);
  return 0;
}

int WriteQueries(uint32_t count, uint32_t seed, uint32_t listed_total,
                 const char* zone) {
  if (uint64_t{count} * kListedPercent / 100 > listed_total) {
    std::fprintf(stderr,
                 "gen: %u queries need %u listed addresses, but only %u are "
                 "listed\n",
                 count, count / 100 * kListedPercent, listed_total);
    return 2;
  }
  AddressStream listed(seed);
  AddressStream others(seed);
  for (uint32_t i = 0; i < listed_total; ++i) others.Next();
  for (uint32_t i = 0; i < count; ++i) {
    // Spread over each hundred, and not in step with one another.
    const uint32_t place = i * 37 % 100;
    const uint32_t a = place < kListedPercent ? listed.Next() : others.Next();
    const char* type = i * 61 % 100 < kTxtPercent ? "TXT" : "A";
    std::printf("%u.%u.%u.%u.%s %s\n", a & 255, (a >> 8) & 255, (a >> 16) & 255,
                a >> 24, zone, type);
  }
  return 0;
}

uint32_t Number(const char* text) {
  return static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}

}  // namespace

int main(int argc, char** argv) {
  static char buffer[kOutputBufferBytes];
  std::setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
  const std::string verb = argc > 1 ? argv[1] : "";
  int result = 2;
  if ((verb == "feed" || verb == "sorted") && argc == 5) {
    result = WriteFeed(Number(argv[2]), Number(argv[3]), Number(argv[4]),
                       verb == "sorted");
  } else if (verb == "queries" && argc == 6) {
    result = WriteQueries(Number(argv[2]), Number(argv[3]), Number(argv[4]),
                          argv[5]);
  } else {
    std::fprintf(stderr,
                 "usage: gen feed COUNT SEED FIRST\n"
                 "       gen sorted COUNT SEED FIRST\n"
                 "       gen queries COUNT SEED LISTED ZONE\n");
  }
  if (std::fflush(stdout) != 0) {
    std::perror("gen: cannot write");
    return 1;
  }
  return result;
}
