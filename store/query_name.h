// QueryName: a name as a query has it, from the lowest label up, for what
// measures or tests NameIndex.
#ifndef RBLD_STORE_QUERY_NAME_H_
#define RBLD_STORE_QUERY_NAME_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "store/name_index.h"

namespace rbld {

class QueryName {
 public:
  // As Target::reversed_wire().
  explicit QueryName(absl::string_view reversed_wire) {
    std::vector<absl::string_view> labels;
    while (!reversed_wire.empty()) {
      labels.push_back(reversed_wire.substr(
          0, size_t{1} + static_cast<uint8_t>(reversed_wire[0])));
      reversed_wire.remove_prefix(labels.back().size());
    }
    offsets_.push_back(0);
    for (size_t i = labels.size(); i-- > 0;) {
      wire_.append(labels[i].data(), labels[i].size());
      offsets_.push_back(static_cast<uint8_t>(wire_.size()));
    }
  }

  NameLabels labels() const {
    return {reinterpret_cast<const uint8_t*>(wire_.data()), offsets_.data(),
            static_cast<int>(offsets_.size()) - 1};
  }

 private:
  std::string wire_;
  std::vector<uint8_t> offsets_;
};

}  // namespace rbld

#endif  // RBLD_STORE_QUERY_NAME_H_
