// gen: makes feeds and query files for the benchmarks, the same bytes for the
// same seed.
//
//   gen feed COUNT SEED FIRST       COUNT random IPv4 addresses, one a line
//   gen sorted COUNT SEED FIRST     the same addresses, sorted as numbers
//   gen queries COUNT SEED LISTED ZONE [KIND]
//                                   COUNT distinct dnsperf queries, 30 % of
//                                   them for the first LISTED of the seed, 10 %
//                                   of type TXT
//   gen listings KIND COUNT SEED ORDER VALUES
//                                   a file of rbldnsd's (ip4set, ip6trie or
//                                   dnset), of the first COUNT of the seed
//
// KIND is ipv4 (single addresses), ipv6 (/64s and single addresses) or names.
// ORDER is random or, of ipv4, sorted. VALUES is 1 to 3, how many pairs of code
// and reason there are, one of them for each target at random; each pair's
// targets stand together, behind a line that sets it. Or it is each: every
// target has a reason of its own.
//
// Memory: 4 bytes a target to sort them, else next to nothing.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/bench/gen_targets.h"

namespace rbld {
namespace {

constexpr size_t kOutputBufferBytes = 1 << 20;
constexpr uint32_t kListedPercent = 30;
constexpr uint32_t kTxtPercent = 10;
constexpr uint32_t kMaxValues = 3;
constexpr const char* kValues[kMaxValues] = {
    ":127.0.0.2:Open relay, see https://relays.bench.test/?$",
    ":127.0.0.3:Open proxy, see https://relays.bench.test/?$",
    ":127.0.0.4:Spam source, see https://relays.bench.test/?$",
};
constexpr uint32_t kEach = 0;

enum class Kind { kIpv4, kIpv6, kNames };

// Standard output, in big pieces; printf would take most of the time.
class Output {
 public:
  Output() { buffer_.reserve(kOutputBufferBytes + 1024); }
  // What is left goes with Flush, which tells whether all was written.
  bool Flush() {
    failed_ |= std::fwrite(buffer_.data(), 1, buffer_.size(), stdout) !=
               buffer_.size();
    buffer_.clear();
    return std::fflush(stdout) == 0 && !failed_;
  }

  void Char(char c) { buffer_ += c; }
  void Text(const char* text) { buffer_ += text; }
  void Text(const std::string& text) { buffer_ += text; }
  void EndLine() {
    buffer_ += '\n';
    if (buffer_.size() >= kOutputBufferBytes) Flush();
  }
  void Octet(uint32_t octet) {
    if (octet >= 100) Char(static_cast<char>('0' + octet / 100));
    if (octet >= 10) Char(static_cast<char>('0' + octet / 10 % 10));
    Char(static_cast<char>('0' + octet % 10));
  }
  // The first octet is the highest.
  void Ipv4(uint32_t a) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      Octet(a >> shift & 255);
      if (shift > 0) Char('.');
    }
  }
  void ReversedIpv4(uint32_t a) { Ipv4(__builtin_bswap32(a)); }
  void Hex(uint64_t value, int digits) {
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
      Char("0123456789abcdef"[value >> shift & 15]);
    }
  }
  void Groups(uint64_t half) {
    for (int shift = 48; shift >= 0; shift -= 16) {
      Hex(half >> shift & 0xffff, 4);
      if (shift > 0) Char(':');
    }
  }
  void ReversedNibbles(uint64_t half) {
    for (int shift = 0; shift < 64; shift += 4) {
      Hex(half >> shift & 15, 1);
      Char('.');
    }
  }

 private:
  std::string buffer_;
  bool failed_ = false;
};

// Which of the pairs a target has; `key` tells it from others.
uint32_t ValueOf(uint32_t key, uint32_t seed, uint32_t values) {
  return Mix(key ^ Mix(seed + 0x76616c)) % values;
}

// What ends the line of a target; all differ.
void EndOfItsOwn(uint32_t key, Output* out) {
  out->Text(" :127.0.0.2:Open relay, report ");
  out->Hex(Mix(key), 8);
  out->Text(" of relays.bench.test");
}

std::vector<uint32_t> SortedAddresses(Ipv4Stream* stream, uint32_t count) {
  std::vector<uint32_t> addresses(count);
  for (uint32_t& address : addresses) address = stream->Next();
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

void WriteFeed(uint32_t count, uint32_t seed, uint32_t first, bool sort,
               Output* out) {
  Ipv4Stream stream(seed);
  for (uint32_t i = 0; i < first; ++i) stream.Next();
  const auto write = [out](uint32_t address) {
    out->Ipv4(address);
    out->EndLine();
  };
  if (sort) {
    for (const uint32_t one : SortedAddresses(&stream, count)) write(one);
  } else {
    for (uint32_t i = 0; i < count; ++i) write(stream.Next());
  }
}

struct Listings {
  Kind kind;
  uint32_t count;
  uint32_t seed;
  uint32_t values;  // or kEach

  bool Has(uint32_t key, uint32_t value) const {
    return values == kEach || ValueOf(key, seed, values) == value;
  }
};

void Ipv4Line(const Listings& all, uint32_t address, Output* out) {
  out->Ipv4(address);
  if (all.values == kEach) EndOfItsOwn(address, out);
  out->EndLine();
}

// Those with the `value`, in the seed's order.
void WriteRandom(const Listings& all, uint32_t value, Output* out) {
  Ipv4Stream stream(all.seed);
  for (uint32_t i = 0; i < all.count; ++i) {
    if (all.kind == Kind::kIpv4) {
      const uint32_t address = stream.Next();
      if (all.Has(address, value)) Ipv4Line(all, address, out);
      continue;
    }
    if (!all.Has(i, value)) continue;
    if (all.kind == Kind::kIpv6) {
      const Ipv6Target target = Ipv6At(i, all.seed);
      out->Groups(target.high);
      out->Char(':');
      out->Groups(target.is_network ? 0 : target.low);
      out->Text(target.is_network ? "/64" : "/128");
    } else {
      const NameTarget target = NameAt(i, all.seed);
      if (target.with_subdomains) out->Char('.');
      out->Text(target.name);
    }
    if (all.values == kEach) EndOfItsOwn(i, out);
    out->EndLine();
  }
}

void WriteListings(const Listings& all, bool sort, Output* out) {
  Ipv4Stream stream(all.seed);
  const std::vector<uint32_t> sorted =
      SortedAddresses(&stream, sort ? all.count : 0);
  for (uint32_t value = 0; value < std::max(1U, all.values); ++value) {
    if (all.values != kEach) {
      out->Text(kValues[value]);
      out->EndLine();
    }
    if (!sort) WriteRandom(all, value, out);
    for (const uint32_t address : sorted) {
      if (all.Has(address, value)) Ipv4Line(all, address, out);
    }
  }
}

// What is asked, of kinds other than ipv4; `place` is that in the permutation.
void Question(Kind kind, uint32_t place, uint32_t seed, Output* out) {
  if (kind == Kind::kIpv6) {
    const Ipv6Target target = Ipv6At(place, seed);
    out->ReversedNibbles(target.low);
    out->ReversedNibbles(target.high);
    return;
  }
  const NameTarget target = NameAt(place, seed);
  if (target.with_subdomains && target.ask_subdomain) out->Text("www.");
  out->Text(target.name);
  out->Char('.');
}

bool WriteQueries(Kind kind, uint32_t count, uint32_t seed,
                  uint32_t listed_total, const char* zone, Output* out) {
  if (uint64_t{count} * kListedPercent / 100 > listed_total) {
    std::fprintf(stderr,
                 "gen: %u queries need %u listed addresses, but only %u are "
                 "listed\n",
                 count, count / 100 * kListedPercent, listed_total);
    return false;
  }
  Ipv4Stream listed(seed);
  Ipv4Stream others(seed);
  uint32_t next_listed = 0;
  uint32_t next_other = listed_total;
  if (kind == Kind::kIpv4) {
    for (uint32_t i = 0; i < listed_total; ++i) others.Next();
  }
  for (uint32_t i = 0; i < count; ++i) {
    // Spread over each hundred, and not in step with one another.
    const bool ask_listed = uint64_t{i} * 37 % 100 < kListedPercent;
    if (kind == Kind::kIpv4) {
      out->ReversedIpv4(ask_listed ? listed.Next() : others.Next());
      out->Char('.');
    } else {
      Question(kind, ask_listed ? next_listed++ : next_other++, seed, out);
    }
    out->Text(zone);
    out->Text(uint64_t{i} * 61 % 100 < kTxtPercent ? " TXT" : " A");
    out->EndLine();
  }
  return true;
}

uint32_t Number(const char* text) {
  return static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}

bool ParseKind(const std::string& text, Kind* kind) {
  *kind = text == "ipv6"    ? Kind::kIpv6
          : text == "names" ? Kind::kNames
                            : Kind::kIpv4;
  return *kind != Kind::kIpv4 || text == "ipv4";
}

// False for what it cannot do.
bool Run(int argc, char** argv, Output* out) {
  const std::string verb = argc > 1 ? argv[1] : "";
  Kind kind = Kind::kIpv4;
  if ((verb == "feed" || verb == "sorted") && argc == 5) {
    WriteFeed(Number(argv[2]), Number(argv[3]), Number(argv[4]),
              verb == "sorted", out);
    return true;
  }
  if (verb == "queries" && (argc == 6 || argc == 7) &&
      (argc == 6 || ParseKind(argv[6], &kind))) {
    return WriteQueries(kind, Number(argv[2]), Number(argv[3]), Number(argv[4]),
                        argv[5], out);
  }
  if (verb == "listings" && argc == 7 && ParseKind(argv[2], &kind)) {
    const bool sort = !strcmp(argv[5], "sorted");
    const bool each = !strcmp(argv[6], "each");
    const uint32_t values = each ? kEach : Number(argv[6]);
    if ((sort ? kind == Kind::kIpv4 : !strcmp(argv[5], "random")) &&
        (each || (values >= 1 && values <= kMaxValues))) {
      WriteListings({kind, Number(argv[3]), Number(argv[4]), values}, sort,
                    out);
      return true;
    }
  }
  std::fprintf(stderr,
               "usage: gen feed COUNT SEED FIRST\n"
               "       gen sorted COUNT SEED FIRST\n"
               "       gen queries COUNT SEED LISTED ZONE [KIND]\n"
               "       gen listings KIND COUNT SEED ORDER VALUES\n");
  return false;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) {
  rbld::Output out;
  if (!rbld::Run(argc, argv, &out)) return 2;
  if (!out.Flush()) {
    std::perror("gen: cannot write");
    return 1;
  }
  return 0;
}
