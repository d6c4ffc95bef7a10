#include "store/dataset_diff.h"

#include <array>
#include <memory>
#include <utility>

namespace rbld {
namespace {

constexpr size_t kReadaheadBytes = size_t{2} << 20;

bool SaysNothing(const EntryDetails& details) {
  return details.created == 0 && details.updated == 0 &&
         details.author.empty() && details.note.empty();
}

const EntryDetails& NoDetails() {
  static const auto* const none = new EntryDetails();
  return *none;
}

}  // namespace

void DiffCounts::Add(const DiffCounts& other) {
  added += other.added;
  removed += other.removed;
  changed += other.changed;
  unchanged += other.unchanged;
  listings += other.listings;
  exemptions += other.exemptions;
  lengths.AddCounts(other.lengths);
}

// One walk over what is wanted and what is there.
class DatasetDiff::Merge {
 public:
  Merge(const DatasetDiff& diff, const MiddleRange& range, const DiffSink& sink)
      : diff_(diff),
        sink_(sink),
        wanted_(diff.wanted_, diff.dataset_, range.from, range.to) {
    AppendU32(&suffix_, diff.dataset_.id);
    // A dataset without records need not be looked for.
    if (diff.dataset_.listings == 0 && diff.dataset_.exemptions == 0) return;
    AppendU32(&first_key_, diff.dataset_.list);
    end_key_ = first_key_;
    first_key_ += range.from;
    if (range.to.empty()) {
      end_key_.clear();
      AppendU32(&end_key_, diff.dataset_.list + 1);
    } else {
      end_key_ += range.to;
    }
    end_slice_ = ToSlice(end_key_);
    rocksdb::ReadOptions read;
    read.snapshot = diff.snapshot_;
    read.fill_cache = false;
    read.readahead_size = kReadaheadBytes;
    read.iterate_upper_bound = &end_slice_;
    there_.reset(diff.database_.db()->NewIterator(
        read, diff.database_.family(FamilyId::kListings)));
    there_->Seek(first_key_);
    Settle();
  }

  absl::Status Run(DiffCounts* counts) {
    while (have_ || wanted_.valid()) {
      int order = -1;  // wanted before what is there
      if (have_) {
        order = wanted_.valid() ? wanted_.middle().compare(there_middle()) : 1;
      }
      absl::Status status = order > 0 ? Remove() : Want(/*exists=*/order == 0);
      if (!status.ok()) return status;
      if (order <= 0) wanted_.Next();
      if (order >= 0) {
        there_->Next();
        Settle();
      }
    }
    *counts = std::move(counts_);
    if (there_ == nullptr) return absl::OkStatus();
    return FromRocks(there_->status(), "reading listings");
  }

 private:
  // Skips other datasets' records.
  void Settle() {
    have_ = there_->Valid();
    while (have_ && !there_->key().ends_with(suffix_)) {
      there_->Next();
      have_ = there_->Valid();
    }
  }

  absl::string_view there_middle() const {
    const absl::string_view key = View(there_->key());
    return key.substr(4, key.size() - 8);
  }

  void CountOne(absl::string_view middle, int delta) {
    (static_cast<RecordType>(middle.back()) == RecordType::kListing
         ? counts_.listings
         : counts_.exemptions) += delta;
    counts_.lengths.Add(middle.substr(0, middle.size() - 1), delta);
  }

  absl::Status Remove() {
    Record old;
    if (!ParseRecord(View(there_->value()), &old)) {
      return CorruptRecord("listing");
    }
    ++counts_.removed;
    CountOne(there_middle(), -1);
    RecordDiff change;
    change.kind = ChangeKind::kRemove;
    change.key = View(there_->key());
    change.before = View(there_->value());
    change.expires_before = old.expires;
    return sink_(change);
  }

  // The wanted entry, against the record that is there if one is.
  absl::Status Want(bool exists) {
    const bool plain = wanted_.details() == nullptr;
    const absl::string_view before =
        exists ? View(there_->value()) : absl::string_view();
    // Most plain entries of a feed have equal records, byte for byte.
    Known& known = known_[wanted_.values() % known_.size()];
    if (known.values != wanted_.values()) {
      known = Known();
      known.values = wanted_.values();
    }
    if (plain && exists && before == known.same) {
      ++counts_.unchanged;
      return absl::OkStatus();
    }
    if (plain && !exists && !known.added.empty()) {
      return Put(before, known.added, 0, known.expires);
    }
    Record old;
    if (exists && !ParseRecord(before, &old)) return CorruptRecord("listing");
    Record record;
    bool same = false;
    absl::Status status = Decide(exists, old, &record, &same);
    if (!status.ok()) return status;
    if (same) {
      ++counts_.unchanged;
      if (plain) known.same.assign(before.data(), before.size());
      return absl::OkStatus();
    }
    after_.clear();
    AppendRecord(&after_, record);
    if (plain && !exists) {
      known.added = after_;
      known.expires = record.expires;
    }
    return Put(before, after_, old.expires, record.expires);
  }

  // What the record shall be, and whether it is that already.
  absl::Status Decide(bool exists, const Record& old, Record* record,
                      bool* same) {
    const EntryDetails& details =
        wanted_.details() == nullptr ? NoDetails() : *wanted_.details();
    record->values = wanted_.values();
    record->expires = details.expires != 0 ? details.expires
                      : diff_.options_.default_expires != 0
                          ? diff_.options_.default_expires
                          : old.expires;
    record->note = SaysNothing(details) && exists
                       ? old.note
                       : absl::string_view(details.note);
    record->created = details.created != 0 ? details.created
                      : exists             ? old.created
                                           : diff_.options_.now_seconds;
    record->updated =
        details.updated != 0 ? details.updated : diff_.options_.now_seconds;
    record->author = diff_.wanted_.author();
    if (!details.author.empty()) {
      absl::StatusOr<BlobId> author =
          diff_.database_.dictionary().InternAuthor(details.author);
      if (!author.ok()) return author.status();
      record->author = *author;
    }
    *same = exists && record->values == old.values &&
            record->expires == old.expires && record->note == old.note &&
            (details.created == 0 || details.created == old.created) &&
            (details.author.empty() || record->author == old.author);
    return absl::OkStatus();
  }

  // Passes on that `after` takes the place of `before`.
  absl::Status Put(absl::string_view before, absl::string_view after,
                   int64_t expires_before, int64_t expires_after) {
    const bool exists = !before.empty();
    if (!exists) CountOne(wanted_.middle(), 1);
    ++(exists ? counts_.changed : counts_.added);
    RecordDiff change;
    change.kind = exists ? ChangeKind::kChange : ChangeKind::kAdd;
    change.key = wanted_.key();
    change.before = before;
    change.after = after;
    change.expires_before = expires_before;
    change.expires_after = expires_after;
    return sink_(change);
  }

  // What the plain entries with one value set have in common.
  struct Known {
    BlobId values = 0;  // no listing has none
    // The record of the last unchanged one.
    std::string same;
    // What a new one gets, and when that expires.
    std::string added;
    int64_t expires = 0;
  };

  const DatasetDiff& diff_;
  const DiffSink& sink_;
  WantedCursor wanted_;
  std::string suffix_;
  std::string first_key_;
  std::string end_key_;
  rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> there_;
  bool have_ = false;  // there_ stands on a record of the dataset
  std::array<Known, 16> known_;
  std::string after_;
  DiffCounts counts_;
};

absl::StatusOr<DiffCounts> DatasetDiff::Run(const MiddleRange& range,
                                            const DiffSink& sink) const {
  DiffCounts counts;
  absl::Status status = Merge(*this, range, sink).Run(&counts);
  if (!status.ok()) return status;
  return counts;
}

}  // namespace rbld
