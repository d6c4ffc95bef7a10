#include "store/dataset_diff.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>

namespace rbld {
namespace {

// What is left of 64 bits beside an address and a prefix length.
constexpr int kNumberBits = 26;
constexpr uint64_t kMaxNumber = (uint64_t{1} << kNumberBits) - 1;
constexpr uint64_t kNumberMask = kMaxNumber;

// Sorts by the bits from kNumberBits up, stable: of two entries with one
// target the later line stays behind.
void RadixSort(std::vector<uint64_t>* entries) {
  constexpr int kDigitBits = 13;
  constexpr size_t kBuckets = size_t{1} << kDigitBits;
  std::vector<uint64_t> other(entries->size());
  for (int shift = kNumberBits; shift < 64; shift += kDigitBits) {
    std::vector<size_t> starts(kBuckets + 1, 0);
    for (const uint64_t entry : *entries) {
      ++starts[((entry >> shift) & (kBuckets - 1)) + 1];
    }
    for (size_t i = 0; i < kBuckets; ++i) starts[i + 1] += starts[i];
    for (const uint64_t entry : *entries) {
      other[starts[(entry >> shift) & (kBuckets - 1)]++] = entry;
    }
    entries->swap(other);
  }
}

bool SaysNothing(const EntryDetails& details) {
  return details.created == 0 && details.updated == 0 &&
         details.author.empty() && details.note.empty();
}

}  // namespace

// Walks the plain IPv4 entries and the others as one sorted stream.
class DatasetDiff::Wanted {
 public:
  explicit Wanted(const DatasetDiff& diff) : diff_(diff) { Load(); }
  bool valid() const { return valid_; }
  // Target key and type byte.
  absl::string_view middle() const { return middle_; }
  RecordType type() const { return static_cast<RecordType>(middle_.back()); }
  BlobId values() const { return values_; }
  const EntryDetails& details() const { return *details_; }
  void Next() {
    if (from_ipv4_) {
      ++ipv4_at_;
    } else {
      ++other_at_;
    }
    Load();
  }

 private:
  void Load() {
    static const EntryDetails kNoDetails;
    const bool have_ipv4 = ipv4_at_ < diff_.ipv4_.size();
    const bool have_other = other_at_ < diff_.others_.size();
    valid_ = have_ipv4 || have_other;
    if (!valid_) return;
    if (have_ipv4) {
      const uint64_t entry = diff_.ipv4_[ipv4_at_];
      ipv4_middle_.resize(7);
      ipv4_middle_[0] = static_cast<char>(TargetKind::kIpv4);
      for (int i = 0; i < 4; ++i) {
        ipv4_middle_[1 + i] = static_cast<char>(entry >> (56 - 8 * i));
      }
      ipv4_middle_[5] = static_cast<char>((entry >> kNumberBits) & 0x3f);
      ipv4_middle_[6] = static_cast<char>(RecordType::kListing);
    }
    if (have_other) {
      const Other& other = diff_.others_[other_at_];
      other_middle_ = other.target_key;
      other_middle_.push_back(static_cast<char>(other.type));
    }
    from_ipv4_ = have_ipv4 && (!have_other || ipv4_middle_ < other_middle_);
    if (from_ipv4_) {
      middle_ = ipv4_middle_;
      values_ = diff_.value_ids_[diff_.ipv4_[ipv4_at_] & kNumberMask];
      details_ = &kNoDetails;
    } else {
      middle_ = other_middle_;
      values_ = diff_.others_[other_at_].values;
      details_ = &diff_.others_[other_at_].details;
    }
  }

  const DatasetDiff& diff_;
  size_t ipv4_at_ = 0;
  size_t other_at_ = 0;
  bool valid_ = false;
  bool from_ipv4_ = false;
  std::string ipv4_middle_, other_middle_;
  absl::string_view middle_;
  BlobId values_ = 0;
  const EntryDetails* details_ = nullptr;
};

absl::StatusOr<DatasetDiff> DatasetDiff::Prepare(Database* database,
                                                 Import import,
                                                 const ImportOptions& options,
                                                 int64_t now_seconds) {
  DatasetDiff diff(std::move(import));
  diff.database_ = database;
  diff.default_expires_ = options.expires;
  diff.now_seconds_ = now_seconds;
  diff.value_sets_ = diff.import_.value_sets();
  if (diff.value_sets_.size() > kMaxNumber) {
    return absl::ResourceExhaustedError(
        "the feed has more than 67 million different value sets");
  }
  absl::StatusOr<BlobId> author = database->InternAuthor(options.actor);
  if (!author.ok()) return author.status();
  diff.author_ = *author;
  diff.SortIpv4();
  absl::Status status = diff.SortOthers();
  if (!status.ok()) return status;
  for (const ValueSet& values : diff.value_sets_) {
    absl::StatusOr<BlobId> id = database->InternValues(values);
    if (!id.ok()) return id.status();
    diff.value_ids_.push_back(*id);
  }
  for (size_t i = 0; i < diff.others_.size(); ++i) {
    Other& other = diff.others_[i];
    if (other.type == RecordType::kListing) {
      other.values = diff.value_ids_[other.values];
    } else {
      other.values = 0;
    }
  }
  return diff;
}

void DatasetDiff::SortIpv4() {
  std::vector<Import::Ipv4Entry>& entries = import_.ipv4();
  // An address that also has an entry with details is that entry's.
  ipv4_.reserve(entries.size());
  for (const Import::Ipv4Entry& entry : entries) {
    ipv4_.push_back(uint64_t{entry.address} << 32 |
                    uint64_t{entry.length_bits} << kNumberBits | entry.values);
  }
  std::vector<Import::Ipv4Entry>().swap(entries);
  RadixSort(&ipv4_);
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> merged;
  size_t out = 0;
  for (size_t i = 0; i < ipv4_.size(); ++i) {
    if (out > 0 &&
        (ipv4_[out - 1] >> kNumberBits) == (ipv4_[i] >> kNumberBits)) {
      ++duplicates_;
      if (import_.merge_duplicates()) {
        const uint64_t a = ipv4_[out - 1] & kNumberMask;
        const uint64_t b = ipv4_[i] & kNumberMask;
        if (a != b) {
          const auto found =
              merged.emplace(std::make_pair(a, b), value_sets_.size());
          if (found.second) {
            ValueSet both = value_sets_[a];
            both.insert(both.end(), value_sets_[b].begin(),
                        value_sets_[b].end());
            Normalize(&both);
            value_sets_.push_back(std::move(both));
          }
          ipv4_[out - 1] =
              (ipv4_[out - 1] & ~kNumberMask) | found.first->second;
        }
      } else {
        ipv4_[out - 1] = ipv4_[i];
      }
      continue;
    }
    ipv4_[out++] = ipv4_[i];
  }
  ipv4_.resize(out);
}

absl::Status DatasetDiff::SortOthers() {
  for (Import::OtherEntry& entry : import_.others()) {
    Other other;
    entry.target.AppendKey(&other.target_key);
    other.type =
        entry.exemption ? RecordType::kExemption : RecordType::kListing;
    other.values = entry.values;  // a number until Prepare makes it an id
    other.details = std::move(entry.details);
    others_.push_back(std::move(other));
  }
  std::vector<Import::OtherEntry>().swap(import_.others());
  std::stable_sort(others_.begin(), others_.end(),
                   [](const Other& a, const Other& b) {
                     if (a.target_key != b.target_key) {
                       return a.target_key < b.target_key;
                     }
                     return a.type < b.type;
                   });
  size_t out = 0;
  for (size_t i = 0; i < others_.size(); ++i) {
    if (out > 0 && others_[out - 1].target_key == others_[i].target_key &&
        others_[out - 1].type == others_[i].type) {
      ++duplicates_;
      if (import_.merge_duplicates() &&
          others_[i].type == RecordType::kListing) {
        ValueSet both = value_sets_[others_[out - 1].values];
        const ValueSet& more = value_sets_[others_[i].values];
        both.insert(both.end(), more.begin(), more.end());
        Normalize(&both);
        others_[out - 1].values = static_cast<BlobId>(value_sets_.size());
        value_sets_.push_back(std::move(both));
      } else {
        others_[out - 1] = std::move(others_[i]);
      }
      continue;
    }
    if (out != i) others_[out] = std::move(others_[i]);
    ++out;
  }
  others_.resize(out);
  // A plain IPv4 entry gives way to one of the same target with details.
  if (others_.empty() || ipv4_.empty()) return absl::OkStatus();
  std::vector<uint64_t> taken;
  for (const Other& other : others_) {
    if (other.type != RecordType::kListing || other.target_key.size() != 6 ||
        static_cast<TargetKind>(other.target_key[0]) != TargetKind::kIpv4) {
      continue;
    }
    uint64_t target = 0;
    for (int i = 1; i <= 4; ++i) {
      target = target << 8 | static_cast<uint8_t>(other.target_key[i]);
    }
    taken.push_back(target << (32 - kNumberBits) |
                    static_cast<uint8_t>(other.target_key[5]));
  }
  const auto is_taken = [&](uint64_t entry) {
    return std::binary_search(taken.begin(), taken.end(), entry >> kNumberBits);
  };
  const size_t before = ipv4_.size();
  ipv4_.erase(std::remove_if(ipv4_.begin(), ipv4_.end(), is_taken),
              ipv4_.end());
  duplicates_ += before - ipv4_.size();
  return absl::OkStatus();
}

absl::StatusOr<DiffCounts> DatasetDiff::Run(const rocksdb::Snapshot* snapshot,
                                            const DatasetRecord& dataset,
                                            const DiffSink& sink) const {
  DiffCounts counts;
  counts.lengths = dataset.lengths;
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;
  read.fill_cache = false;
  read.readahead_size = 2 << 20;
  std::unique_ptr<rocksdb::Iterator> there(database_->db()->NewIterator(
      read, database_->family(FamilyId::kListings)));
  std::string list_prefix, dataset_suffix, after, key;
  AppendU32(&list_prefix, dataset.list);
  AppendU32(&dataset_suffix, dataset.id);
  // Skips other datasets' records.
  const auto settle = [&] {
    while (there->Valid() && there->key().starts_with(list_prefix) &&
           !there->key().ends_with(dataset_suffix)) {
      there->Next();
    }
  };
  there->Seek(list_prefix);
  settle();
  const auto count_one = [&](absl::string_view middle, int delta) {
    (static_cast<RecordType>(middle.back()) == RecordType::kListing
         ? counts.listings
         : counts.exemptions) += delta;
    counts.lengths.Add(middle.substr(0, middle.size() - 1), delta);
  };
  for (Wanted wanted(*this);;) {
    const bool have = there->Valid() && there->key().starts_with(list_prefix);
    if (!have && !wanted.valid()) break;
    absl::string_view middle;
    int order = -1;  // wanted before what is there
    if (have) {
      middle = View(there->key()).substr(4);
      middle.remove_suffix(4);
      order = wanted.valid() ? wanted.middle().compare(middle) : 1;
    }
    absl::Status status;
    if (order > 0) {  // no longer wanted
      ++counts.removed;
      count_one(middle, -1);
      status = sink(ChangeKind::kRemove, View(there->key()),
                    View(there->value()), "");
      there->Next();
      settle();
    } else {
      const EntryDetails& details = wanted.details();
      const bool exists = order == 0;
      Record old;
      if (exists && !ParseRecord(View(there->value()), &old)) {
        return CorruptRecord("listing");
      }
      Record record;
      record.values = wanted.values();
      record.expires = details.expires != 0    ? details.expires
                       : default_expires_ != 0 ? default_expires_
                                               : old.expires;
      record.note = SaysNothing(details) && exists
                        ? old.note
                        : absl::string_view(details.note);
      record.created = details.created != 0 ? details.created
                       : exists             ? old.created
                                            : now_seconds_;
      record.author = author_;
      if (!details.author.empty()) {
        absl::StatusOr<BlobId> author = database_->InternAuthor(details.author);
        if (!author.ok()) return author.status();
        record.author = *author;
      }
      const bool same =
          exists && record.values == old.values &&
          record.expires == old.expires && record.note == old.note &&
          (details.created == 0 || details.created == old.created) &&
          (details.author.empty() || record.author == old.author);
      if (same) {
        ++counts.unchanged;
      } else {
        record.updated = details.updated != 0 ? details.updated : now_seconds_;
        after.clear();
        AppendRecord(&after, record);
        key = list_prefix;
        key.append(wanted.middle().data(), wanted.middle().size());
        key += dataset_suffix;
        if (!exists) count_one(wanted.middle(), 1);
        ++(exists ? counts.changed : counts.added);
        status =
            sink(exists ? ChangeKind::kChange : ChangeKind::kAdd, key,
                 exists ? View(there->value()) : absl::string_view(), after);
      }
      wanted.Next();
      if (exists) {
        there->Next();
        settle();
      }
    }
    if (!status.ok()) return status;
  }
  absl::Status status = FromRocks(there->status(), "reading listings");
  if (!status.ok()) return status;
  return counts;
}

}  // namespace rbld
