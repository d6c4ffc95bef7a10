#include "store/changed_records.h"

#include <algorithm>

#include "store/rocks.h"

namespace rbld {
namespace {

using Record = ChangedRecords::Record;

class Iterator : public rocksdb::Iterator {
 public:
  explicit Iterator(const std::vector<const Record*>& records)
      : records_(records), at_(records.size()) {}

  bool Valid() const override { return at_ < records_.size(); }
  void SeekToFirst() override { at_ = 0; }
  // Before the first one is no place, as behind the last one.
  void SeekToLast() override { at_ = records_.size() - 1; }
  void Seek(const rocksdb::Slice& target) override {
    at_ = std::lower_bound(records_.begin(), records_.end(), View(target),
                           [](const Record* record, absl::string_view key) {
                             return record->key < key;
                           }) -
          records_.begin();
  }
  void SeekForPrev(const rocksdb::Slice& target) override {
    at_ = std::upper_bound(records_.begin(), records_.end(), View(target),
                           [](absl::string_view key, const Record* record) {
                             return key < record->key;
                           }) -
          records_.begin() - 1;
  }
  void Next() override { ++at_; }
  void Prev() override { --at_; }
  rocksdb::Slice key() const override { return records_[at_]->key; }
  rocksdb::Slice value() const override { return records_[at_]->value; }
  rocksdb::Status status() const override { return rocksdb::Status::OK(); }

 private:
  const std::vector<const Record*>& records_;
  size_t at_;
};

}  // namespace

void ChangedRecords::Sort() {
  std::stable_sort(
      records_.begin(), records_.end(),
      [](const Record& a, const Record& b) { return a.key < b.key; });
  // From behind, so that of equal keys the last one stays.
  const auto kept = std::unique(
      records_.rbegin(), records_.rend(),
      [](const Record& a, const Record& b) { return a.key == b.key; });
  records_.erase(records_.begin(), kept.base());
  for (const Record& record : records_) {
    if (!record.value.empty()) present_.push_back(&record);
  }
}

std::unique_ptr<rocksdb::Iterator> ChangedRecords::NewIterator() const {
  return std::make_unique<Iterator>(present_);
}

}  // namespace rbld
