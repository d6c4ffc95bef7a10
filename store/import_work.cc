#include "store/import_work.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "store/import_index.h"
#include "store/parallel.h"

namespace rbld {
namespace {

constexpr int kParts = 2;
// With fewer entries a second thread is not worth its start.
constexpr uint64_t kMinEntriesForParts = 20'000;
constexpr uint64_t kProgressStep = 16'384;

}  // namespace

ImportWork::ImportWork(Database* database, const WantedEntries* wanted,
                       Options options)
    : database_(database),
      wanted_(*wanted),
      options_(std::move(options)),
      files_(database, options_.bulk_id, options_.journal_max_changes, kParts),
      parts_(kParts) {}

ImportWork::~ImportWork() {
  if (index_thread_.joinable()) index_thread_.join();
}

std::vector<MiddleRange> ImportWork::Ranges() const {
  if (wanted_.size() < kMinEntriesForParts) return {MiddleRange()};
  std::vector<MiddleRange> ranges(kParts);
  for (int i = 1; i < kParts; ++i) {
    const auto at = static_cast<size_t>(i);
    ranges[at].from = ranges[at - 1].to = wanted_.Boundary(i, kParts);
  }
  return ranges;
}

absl::StatusOr<DiffCounts> ImportWork::Compare(
    const rocksdb::Snapshot* snapshot,
    const std::function<void(double)>& progress) {
  const DatasetDiff diff(database_, &wanted_, options_.dataset, snapshot,
                         options_.diff);
  const std::vector<MiddleRange> ranges = Ranges();
  const double changes_each =
      static_cast<double>(
          std::max<uint64_t>(1, wanted_.size() + options_.dataset.listings)) /
      static_cast<double>(ranges.size());
  RunParallel(static_cast<int>(ranges.size()), [&](int number) {
    uint64_t seen = 0;
    const DiffSink sink = [&](const RecordDiff& change) {
      // The first part runs on the thread that was asked to tell.
      if (number == 0 && progress && ++seen % kProgressStep == 0) {
        progress(std::min(1.0, static_cast<double>(seen) / changes_each));
      }
      return Take(number, change);
    };
    Part& part = parts_[static_cast<size_t>(number)];
    part.counts = diff.Run(ranges[static_cast<size_t>(number)], sink);
    if (!part.counts.ok() || !part.bulk) return;
    const absl::Status status = files_.part(number).Finish();
    if (!status.ok()) part.counts = status;
  });
  DiffCounts counts;
  for (const Part& part : parts_) {
    if (!part.counts.ok()) return part.counts.status();
    counts.Add(*part.counts);
  }
  if (options_.dry_run) return counts;
  bulk_ = counts.changes() > kMaxSmallChanges;
  absl::Status status = Gather();
  if (!status.ok()) return status;
  return counts;
}

absl::Status ImportWork::Take(int number, const RecordDiff& change) {
  if (options_.dry_run) return absl::OkStatus();  // only counts are wanted
  Part& part = parts_[static_cast<size_t>(number)];
  if (part.bulk) return files_.part(number).Add(change);
  part.small.push_back({change.kind, std::string(change.key),
                        std::string(change.before), std::string(change.after)});
  if (part.small.size() <= kMaxSmallChanges) return absl::OkStatus();
  // While the files are written there is time for the index.
  StartIndex();
  return Spill(number);
}

absl::Status ImportWork::Spill(int number) {
  Part& part = parts_[static_cast<size_t>(number)];
  part.bulk = true;
  for (const StagedBatch::RecordChange& change : part.small) {
    RecordDiff diff;
    diff.kind = change.kind;
    diff.key = change.key;
    diff.before = change.before;
    diff.after = change.after;
    Record record;
    if (ParseRecord(change.before, &record))
      diff.expires_before = record.expires;
    if (ParseRecord(change.after, &record)) diff.expires_after = record.expires;
    absl::Status status = files_.part(number).Add(diff);
    if (!status.ok()) return status;
  }
  std::vector<StagedBatch::RecordChange>().swap(part.small);
  return absl::OkStatus();
}

// Parts that have few changes each may have many together.
absl::Status ImportWork::Gather() {
  if (!bulk_) {
    for (Part& part : parts_) {
      std::move(part.small.begin(), part.small.end(),
                std::back_inserter(small_));
    }
    return absl::OkStatus();
  }
  StartIndex();
  for (int number = 0; number < kParts; ++number) {
    if (parts_[static_cast<size_t>(number)].bulk) continue;
    absl::Status status = Spill(number);
    if (status.ok()) status = files_.part(number).Finish();
    if (!status.ok()) return status;
  }
  return files_.WriteExpiries();
}

void ImportWork::StartIndex() {
  if (!options_.is_all_of_list || wanted_.has_names()) return;
  std::call_once(index_started_, [this] {
    index_thread_ = std::thread([this] {
      index_ = BuildImportIndex(
          *database_, wanted_, options_.dataset.precedence, options_.name_seed);
    });
  });
}

std::shared_ptr<const ListIndex> ImportWork::TakeIndex() {
  if (index_thread_.joinable()) index_thread_.join();
  return std::move(index_);
}

}  // namespace rbld
