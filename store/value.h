// Value and ValueSet: what a listing answers.
#ifndef RBLD_STORE_VALUE_H_
#define RBLD_STORE_VALUE_H_

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

inline constexpr int kMaxReasonBytes = 4096;
inline constexpr int kMaxValuesPerListing = 64;
inline constexpr uint32_t kMaxTtlSeconds = 0x7fffffff;  // RFC 2181 §8

// When a value is to be seen, and by whom. Only watched files have such values;
// the store's are seen by all, at once.
struct ValueCondition {
  int64_t not_before = 0;  // seconds since 1970 UTC
  // A key in the queried name (server/query_keys.h): is it needed, and does
  // `not_before` not count for who has one?
  bool needs_key = false;
  bool key_skips_wait = false;

  bool always() const { return not_before == 0 && !needs_key; }
  bool Holds(int64_t now_seconds, bool has_key) const {
    if (needs_key && !has_key) return false;
    return (key_skips_wait && has_key) || now_seconds >= not_before;
  }

  friend auto operator<=>(const ValueCondition&,
                          const ValueCondition&) = default;
};

struct Value {
  uint32_t code = 0x7f000002;  // the A record, host order
  std::string reason;          // TXT template; empty: no TXT record
  uint32_t ttl_seconds = 0;    // 0: the zone's
  ValueCondition condition = {};

  friend auto operator<=>(const Value&, const Value&) = default;
};

// Sorted and without duplicates; see Normalize.
using ValueSet = std::vector<Value>;

void Normalize(ValueSet* values);

// Names a value set inside one process; 0 means "not listed". Ids of one set
// never change while the process runs.
using ValueSetId = uint32_t;
inline constexpr ValueSetId kNotListed = 0;

// "127.0.0.2"
std::string CodeText(uint32_t code);
absl::StatusOr<uint32_t> ParseCode(absl::string_view text);

// A reason has at most kMaxReasonBytes and no control characters; bytes above
// 0x7f pass. A code is in 127/8 but not 127.0.0.0 or 127.255.255.255's network
// unless `any_code`; never 0. InvalidArgument says what and what to do.
absl::Status CheckReason(absl::string_view reason);
absl::Status CheckCode(uint32_t code, bool any_code);

}  // namespace rbld

#endif  // RBLD_STORE_VALUE_H_
