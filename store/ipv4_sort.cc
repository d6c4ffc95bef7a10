#include "store/ipv4_sort.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "store/parallel.h"

namespace rbld {
namespace {

using Entry = Import::Ipv4Entry;

constexpr int kThreads = 2;
// Fewer are sorted by comparing them.
constexpr size_t kMinRadixEntries = 4096;

// First by the first octet, so that what is sorted next fits into a cache and
// each thread has some of it; then, inside an octet, from the least digit up.
constexpr int kOctetShift = 56;
constexpr size_t kOctets = 256;
struct Digit {
  int shift;
  int bits;
};
constexpr Digit kDigits[] = {{Entry::kValuesBits, 6}, {32, 12}, {44, 12}};
constexpr size_t kMaxBuckets = size_t{1} << 12;

// Sorts count entries of one octet, with as many of `scratch`.
void SortOctet(Entry* entries, Entry* scratch, size_t count) {
  Entry* from = entries;
  Entry* to = scratch;
  std::array<uint32_t, kMaxBuckets> places;
  for (const Digit& digit : kDigits) {
    const size_t buckets = size_t{1} << digit.bits;
    const auto bucket_of = [&](const Entry& entry) {
      return entry.bits() >> digit.shift & (buckets - 1);
    };
    std::fill_n(places.begin(), buckets, 0);
    for (size_t i = 0; i < count; ++i) ++places[bucket_of(from[i])];
    // Prefix lengths, above all, are often all the same.
    if (places[bucket_of(from[0])] == count) continue;
    uint32_t place = 0;
    for (size_t b = 0; b < buckets; ++b) {
      const uint32_t here = places[b];
      places[b] = place;
      place += here;
    }
    for (size_t i = 0; i < count; ++i) {
      to[places[bucket_of(from[i])]++] = from[i];
    }
    std::swap(from, to);
  }
  if (from != entries) std::copy_n(from, count, entries);
}

}  // namespace

void SortIpv4Entries(std::vector<Entry>* entries) {
  if (entries->size() < kMinRadixEntries || entries->size() > UINT32_MAX) {
    std::stable_sort(
        entries->begin(), entries->end(),
        [](const Entry& a, const Entry& b) { return a.target() < b.target(); });
    return;
  }
  std::array<size_t, kOctets + 1> starts = {};
  for (const Entry& entry : *entries)
    ++starts[(entry.bits() >> kOctetShift) + 1];
  for (size_t i = 0; i < kOctets; ++i) starts[i + 1] += starts[i];
  std::vector<Entry> sorted(entries->size());
  std::array<size_t, kOctets + 1> places = starts;
  for (const Entry& entry : *entries) {
    sorted[places[entry.bits() >> kOctetShift]++] = entry;
  }
  std::atomic<size_t> next_octet{0};
  RunParallel(kThreads, [&](int) {
    // Relaxed: the octets' entries are apart, and joining orders the rest.
    for (size_t octet; (octet = next_octet.fetch_add(
                            1, std::memory_order_relaxed)) < kOctets;) {
      const size_t count = starts[octet + 1] - starts[octet];
      if (count == 0) continue;
      SortOctet(sorted.data() + starts[octet], entries->data() + starts[octet],
                count);
    }
  });
  entries->swap(sorted);
}

}  // namespace rbld
