// Keys in queried names: "<reversed address>.<key>.<zone>", of files of the
// type aclkey; what each may do, and how often it was used.
#ifndef RBLD_SERVER_QUERY_KEYS_H_
#define RBLD_SERVER_QUERY_KEYS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "store/value.h"
#include "zones/rbldnsd/file_dataset.h"

namespace rbld {

// How a key was used since the process started. Outlives reloads of its file.
// Any thread, lock-free.
class KeyUsage {
 public:
  // Counts a query; false if it is one too many for this period. A `quota` of 0
  // is none.
  bool Charge(int64_t now_seconds, uint32_t quota, uint32_t quota_seconds);

  uint64_t queries() const { return queries_.load(std::memory_order_relaxed); }
  uint64_t over_quota() const {
    return over_quota_.load(std::memory_order_relaxed);
  }
  int64_t last_used() const {
    return last_used_.load(std::memory_order_relaxed);
  }
  // Of the period of `now_seconds`; 0 without a quota.
  uint32_t in_period(int64_t now_seconds, uint32_t quota_seconds) const;

 private:
  // Numbers of their own: a reader needs each whole, but no order among them.
  std::atomic<uint64_t> queries_{0};
  std::atomic<uint64_t> over_quota_{0};
  std::atomic<int64_t> last_used_{0};  // seconds since 1970 UTC; 0: never
  // The period's number in the upper half, its queries in the lower one.
  std::atomic<uint64_t> period_{0};
};

struct ServedKey {
  FileDataset::Rule rule;
  const ValueTable* values = nullptr;  // of rule.values
  KeyTerms terms;
  std::shared_ptr<KeyUsage> usage;  // never null
};

// The keys of one dataset.
struct ServedKeys {
  // By label, in lower case without its length byte.
  absl::flat_hash_map<std::string, ServedKey> keys;
  FileDataset::Rule keyless_rule;
  const ValueTable* values = nullptr;

  const ServedKey* Find(absl::string_view label) const {
    const auto found = keys.find(label);
    return found == keys.end() ? nullptr : &found->second;
  }
};

// `data` must outlive what is made; `before`, which may be null, is what was
// served of the same dataset until now: its keys' usage goes on.
std::shared_ptr<const ServedKeys> MakeServedKeys(const FileDataset& data,
                                                 const ServedKeys* before);

}  // namespace rbld

#endif  // RBLD_SERVER_QUERY_KEYS_H_
