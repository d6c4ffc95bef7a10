#include "server/query_keys.h"

namespace rbld {
namespace {

constexpr int kPeriodShift = 32;

// The lower half of the numbers of all periods is enough to tell neighbours
// apart.
uint64_t PeriodOf(int64_t now_seconds, uint32_t quota_seconds) {
  return static_cast<uint64_t>(now_seconds / quota_seconds) << kPeriodShift;
}

}  // namespace

bool KeyUsage::Charge(int64_t now_seconds, uint32_t quota,
                      uint32_t quota_seconds) {
  queries_.fetch_add(1, std::memory_order_relaxed);
  last_used_.store(now_seconds, std::memory_order_relaxed);
  if (quota == 0) return true;
  const uint64_t period = PeriodOf(now_seconds, quota_seconds);
  uint64_t seen = period_.load(std::memory_order_relaxed);
  uint64_t next = 0;
  do {
    const bool same = seen >> kPeriodShift == period >> kPeriodShift;
    next = same ? seen + 1 : period + 1;
    if (same && static_cast<uint32_t>(seen) >= quota) {
      over_quota_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
  } while (
      !period_.compare_exchange_weak(seen, next, std::memory_order_relaxed));
  return true;
}

uint32_t KeyUsage::in_period(int64_t now_seconds,
                             uint32_t quota_seconds) const {
  if (quota_seconds == 0) return 0;
  const uint64_t seen = period_.load(std::memory_order_relaxed);
  const uint64_t period = PeriodOf(now_seconds, quota_seconds);
  return seen >> kPeriodShift == period >> kPeriodShift
             ? static_cast<uint32_t>(seen)
             : 0;
}

std::shared_ptr<const ServedKeys> MakeServedKeys(const FileDataset& data,
                                                 const ServedKeys* before) {
  auto served = std::make_shared<ServedKeys>();
  served->keyless_rule = data.keyless_rule;
  served->values = data.values.get();
  for (const FileDataset::Key& key : data.keys) {
    const ServedKey* const known =
        before == nullptr ? nullptr : before->Find(key.label);
    served->keys[key.label] = {
        key.rule, data.values.get(), key.terms,
        known == nullptr ? std::make_shared<KeyUsage>() : known->usage};
  }
  return served;
}

}  // namespace rbld
