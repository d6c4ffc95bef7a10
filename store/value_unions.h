// ValueUnions: the value sets that unions of value sets are, remembered.
//
// Used by one thread.
#ifndef RBLD_STORE_VALUE_UNIONS_H_
#define RBLD_STORE_VALUE_UNIONS_H_

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "store/value.h"
#include "store/value_table.h"

namespace rbld {

class ValueUnions {
 public:
  // `table` must outlive it.
  explicit ValueUnions(ValueTable* table) : table_(*table) {}

  // The set of all values of `sets`; kNotListed if there are none. `sets` may
  // hold an id several times.
  ValueSetId Of(std::vector<ValueSetId> sets) {
    std::sort(sets.begin(), sets.end());
    sets.erase(std::unique(sets.begin(), sets.end()), sets.end());
    if (sets.empty()) return kNotListed;
    if (sets.size() == 1) return sets[0];
    const auto found = known_.find(sets);
    if (found != known_.end()) return found->second;
    ValueSet united;
    for (const ValueSetId id : sets) {
      const ValueSet values = table_.Get(id).ToSet();
      united.insert(united.end(), values.begin(), values.end());
    }
    Normalize(&united);
    const ValueSetId id = table_.Intern(united);
    known_.emplace(std::move(sets), id);
    return id;
  }

 private:
  ValueTable& table_;
  std::map<std::vector<ValueSetId>, ValueSetId> known_;
};

}  // namespace rbld

#endif  // RBLD_STORE_VALUE_UNIONS_H_
