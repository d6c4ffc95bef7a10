#include "store/ipv6_keys.h"

#include <algorithm>

namespace rbld {

uint64_t Ipv6Keys::MemoryBytes() const {
  return (highs_.capacity() + lows_.capacity() + marks_.capacity()) *
         sizeof(uint64_t);
}

void Ipv6Keys::Add(Ipv6Number key) {
  if (size() % kBlock == 0) marks_.push_back(HighHalf(key));
  highs_.push_back(HighHalf(key));
  lows_.push_back(LowHalf(key));
}

void Ipv6Keys::Append(const Ipv6Keys& others, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) Add(others[i]);
}

void Ipv6Keys::ReplaceFirst(Ipv6Number key) {
  marks_[0] = highs_[0] = HighHalf(key);
  lows_[0] = LowHalf(key);
}

size_t Ipv6Keys::FindLastOfEqual(size_t at, uint64_t low) const {
  if (lows_[at] <= low) return at;
  const auto last = highs_.begin() + static_cast<ptrdiff_t>(at);
  const auto first =
      std::lower_bound(highs_.begin(), last, *last) - highs_.begin();
  const auto behind = std::upper_bound(
      lows_.begin() + first, lows_.begin() + static_cast<ptrdiff_t>(at), low);
  // If all of these are behind it, the key before them is not.
  return static_cast<size_t>(behind - lows_.begin()) - 1;
}

}  // namespace rbld
