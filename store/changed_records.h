// ChangedRecords: records as changes left them, in memory and in the order of
// the store.
//
// Used by one thread.
#ifndef RBLD_STORE_CHANGED_RECORDS_H_
#define RBLD_STORE_CHANGED_RECORDS_H_

#include <rocksdb/iterator.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace rbld {

class ChangedRecords {
 public:
  struct Record {
    std::string key;
    std::string value;  // "": it was erased
  };

  // Of a key that was added before, the later record counts.
  void Add(absl::string_view key, absl::string_view value) {
    records_.push_back({std::string(key), std::string(value)});
  }
  // Before anything is read.
  void Sort();

  // Each key once, and those that were erased among them.
  const std::vector<Record>& records() const { return records_; }
  // Over what was not erased. Ends before these records do.
  std::unique_ptr<rocksdb::Iterator> NewIterator() const;

 private:
  std::vector<Record> records_;
  // Of these, those that were not erased; thousands that were may lie between.
  std::vector<const Record*> present_;
};

}  // namespace rbld

#endif  // RBLD_STORE_CHANGED_RECORDS_H_
