#include "tests/bench/histogram.h"

#include <cmath>
#include <cstdio>

namespace rbld {

double Histogram::MeanNs() const {
  if (count_ == 0) return 0;
  return static_cast<double>(sum_) / static_cast<double>(count_);
}

uint64_t Histogram::PercentileNs(double part) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(part * static_cast<double>(count_));
  const uint64_t rank =
      std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, count_);
  uint64_t below = 0;
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    below += buckets_[bucket];
    if (below < rank) continue;
    // The last bucket has no end.
    return bucket + 1 == buckets_.size() ? max_
                                         : std::min(max_, LastOf(bucket));
  }
  return max_;
}

uint64_t Histogram::LastOf(size_t bucket) {
  if (bucket < 2 * kParts) return bucket;
  const size_t shift = (bucket >> kPartBits) - 1;
  return ((bucket - (shift << kPartBits) + 1) << shift) - 1;
}

std::string HistogramJson(const Histogram& histogram) {
  const auto us = [](double ns) { return ns / 1000; };
  const auto part = [&](double part) {
    return us(static_cast<double>(histogram.PercentileNs(part)));
  };
  // Six numbers; the longest time, 2^64 ns, has 17 digits and four more.
  char text[256];
  const int size = std::snprintf(
      text, sizeof(text),
      R"({"mean":%.3f,"p50":%.3f,"p90":%.3f,"p99":%.3f,"p99_9":%.3f,)"
      R"("max":%.3f})",
      us(histogram.MeanNs()), part(0.5), part(0.9), part(0.99), part(0.999),
      us(static_cast<double>(histogram.max_ns())));
  return std::string(text, static_cast<size_t>(size));
}

}  // namespace rbld
