// SpillSorter: sorts any number of small records in a bounded part of memory:
// sorted runs go into an unlinked file and are merged when they are read.
//
// Used by one thread. The sort is stable: of equal records, the one that was
// added first comes first.
#ifndef RBLD_STORE_SPILL_SORTER_H_
#define RBLD_STORE_SPILL_SORTER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <queue>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/unlinked_file.h"

namespace rbld {

// `Record` is trivially copyable and has operator<.
template <typename Record>
class SpillSorter {
 public:
  static_assert(std::is_trivially_copyable_v<Record>);

  // How many records are held before a run is written.
  static constexpr size_t kRunRecords = size_t{1} << 18;
  // How many of each run are read at once.
  static constexpr size_t kReadRecords = size_t{1} << 12;

  // `directory` gets the file; empty, or one that cannot be written, keeps the
  // runs in memory.
  explicit SpillSorter(std::string directory)
      : directory_(std::move(directory)) {}

  absl::Status Add(const Record& record) {
    if (records_.size() == kRunRecords) {
      const absl::Status status = WriteRun();
      if (!status.ok()) return status;
    }
    ++count_;
    records_.push_back(record);
    return absl::OkStatus();
  }

  uint64_t count() const { return count_; }

  // Calls sink(const Record&) for each record in order; once. `sink` returns
  // false to stop. Errors are those of the file.
  template <typename Sink>
  absl::Status ForEach(const Sink& sink) {
    SortRecords();
    if (runs_.empty()) {
      for (const Record& record : records_) {
        if (!sink(record)) break;
      }
      return absl::OkStatus();
    }
    const absl::Status status = WriteRun();
    if (!status.ok()) return status;
    std::vector<Record>().swap(records_);
    return Merge(sink);
  }

 private:
  struct Run {
    uint64_t next = 0;  // the record of the file that is read next
    uint64_t end = 0;
    std::vector<Record> buffer;  // the whole run, if there is no file
    size_t at = 0;
  };

  void SortRecords() {
    // Files are often sorted already.
    if (!std::is_sorted(records_.begin(), records_.end())) {
      std::stable_sort(records_.begin(), records_.end());
    }
  }

  absl::Status WriteRun() {
    if (records_.empty()) return absl::OkStatus();
    SortRecords();
    if (!opened_) {
      opened_ = true;
      if (!directory_.empty()) file_ = UnlinkedFile::Create(directory_);
    }
    Run run;
    if (file_.ok()) {
      run.next = written_;
      run.end = written_ + records_.size();
      const absl::Status status =
          file_.Append(records_.data(), records_.size() * sizeof(Record));
      if (!status.ok()) return status;
      written_ = run.end;
      records_.clear();
    } else {
      run.buffer = std::move(records_);
      records_ = {};
    }
    records_.reserve(kRunRecords);
    runs_.push_back(std::move(run));
    return absl::OkStatus();
  }

  // Makes `run` stand on a record; false at its end.
  bool Fill(Run* run, absl::Status* status) {
    if (run->at < run->buffer.size()) return true;
    if (run->next == run->end) return false;
    const size_t count = static_cast<size_t>(
        std::min<uint64_t>(kReadRecords, run->end - run->next));
    run->buffer.resize(count);
    run->at = 0;
    *status = file_.ReadAt(run->next * sizeof(Record), run->buffer.data(),
                           count * sizeof(Record));
    run->next += count;
    return status->ok();
  }

  template <typename Sink>
  absl::Status Merge(const Sink& sink) {
    absl::Status status;
    // The run whose record is the least, and of equal ones the oldest.
    const auto later = [this](size_t a, size_t b) {
      const Record& record_a = runs_[a].buffer[runs_[a].at];
      const Record& record_b = runs_[b].buffer[runs_[b].at];
      if (record_b < record_a) return true;
      return !(record_a < record_b) && a > b;
    };
    std::priority_queue<size_t, std::vector<size_t>, decltype(later)> heap(
        later);
    for (size_t i = 0; i < runs_.size(); ++i) {
      if (Fill(&runs_[i], &status)) heap.push(i);
      if (!status.ok()) return status;
    }
    while (!heap.empty()) {
      const size_t least = heap.top();
      heap.pop();
      // As long as its records come before those of all others, no run need be
      // compared anew.
      while (true) {
        if (!sink(runs_[least].buffer[runs_[least].at++])) return status;
        if (!Fill(&runs_[least], &status)) {
          if (!status.ok()) return status;
          break;
        }
        if (!heap.empty() && later(least, heap.top())) {
          heap.push(least);
          break;
        }
      }
    }
    return status;
  }

  const std::string directory_;
  std::vector<Record> records_;
  std::vector<Run> runs_;
  UnlinkedFile file_;
  bool opened_ = false;
  uint64_t written_ = 0;
  uint64_t count_ = 0;
};

}  // namespace rbld

#endif  // RBLD_STORE_SPILL_SORTER_H_
