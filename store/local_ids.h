// LocalIds: numbers the value sets of one index base from 1 on, in the order
// in which they come, so that the ids kept with its entries are small. 0 stands
// for kNotListed.
#ifndef RBLD_STORE_LOCAL_IDS_H_
#define RBLD_STORE_LOCAL_IDS_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "store/value.h"

namespace rbld {

class LocalIds {
 public:
  uint32_t Of(ValueSetId values) {
    if (values == last_values_) return last_local_;
    const auto next = static_cast<uint32_t>(table_.size());
    const auto [it, is_new] = locals_.try_emplace(values, next);
    if (is_new) table_.push_back(values);
    last_values_ = values;
    last_local_ = it->second;
    return last_local_;
  }

  // The value set ids by local id.
  const std::vector<ValueSetId>& table() const { return table_; }

 private:
  std::vector<ValueSetId> table_ = {kNotListed};
  absl::flat_hash_map<ValueSetId, uint32_t> locals_;
  // Neighbours often have the same values.
  ValueSetId last_values_ = kNotListed;
  uint32_t last_local_ = 0;
};

}  // namespace rbld

#endif  // RBLD_STORE_LOCAL_IDS_H_
