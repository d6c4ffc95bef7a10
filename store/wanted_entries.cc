#include "store/wanted_entries.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "store/ipv4_sort.h"
#include "store/target.h"

namespace rbld {
namespace {

using Ipv4Entry = Import::Ipv4Entry;
using Other = WantedEntries::Other;

constexpr size_t kIpv4MiddleBytes = 7;

// Target key and type of a plain entry.
std::array<char, kIpv4MiddleBytes> MiddleOf(const Ipv4Entry& entry) {
  const uint32_t address = entry.address();
  return {static_cast<char>(TargetKind::kIpv4),
          static_cast<char>(address >> 24),
          static_cast<char>(address >> 16),
          static_cast<char>(address >> 8),
          static_cast<char>(address),
          static_cast<char>(entry.length_bits()),
          static_cast<char>(RecordType::kListing)};
}

std::string MiddleOf(const Other& other) {
  std::string middle = other.target_key;
  middle.push_back(static_cast<char>(other.type));
  return middle;
}

template <typename Entry>
bool IsBefore(const Entry& entry, absl::string_view middle) {
  const auto own = MiddleOf(entry);
  return absl::string_view(own.data(), own.size()) < middle;
}

bool BeforeInKeys(const Other& a, const Other& b) {
  return a.target_key != b.target_key ? a.target_key < b.target_key
                                      : a.type < b.type;
}

bool IsKind(const Other& other, TargetKind kind) {
  return static_cast<TargetKind>(other.target_key[0]) == kind;
}

// As Ipv4Entry::target().
uint64_t Ipv4TargetOf(absl::string_view target_key) {
  uint32_t address = 0;
  for (int i = 1; i <= 4; ++i) {
    address = address << 8 | static_cast<uint8_t>(target_key[i]);
  }
  return Ipv4Entry(address, static_cast<uint8_t>(target_key[5]), 0).target();
}

std::string U32(uint32_t number) {
  std::string bytes;
  AppendU32(&bytes, number);
  return bytes;
}

absl::Status TooManyValueSets() {
  return absl::ResourceExhaustedError(
      "the feed has more than 67 million different value sets");
}

}  // namespace

absl::StatusOr<WantedEntries> WantedEntries::Make(
    Database* database, Import import, const ImportOptions& options) {
  WantedEntries wanted(std::move(import));
  wanted.value_sets_ = wanted.import_.value_sets();
  if (wanted.value_sets_.size() > Ipv4Entry::kMaxValues) {
    return TooManyValueSets();
  }
  absl::StatusOr<BlobId> author =
      database->dictionary().InternAuthor(options.actor);
  if (!author.ok()) return author.status();
  wanted.author_ = *author;
  wanted.SortIpv4();
  wanted.SortOthers();
  wanted.DropIpv4WithDetails();
  absl::Status status = wanted.InternValues(database);
  if (!status.ok()) return status;
  return wanted;
}

absl::Status WantedEntries::InternValues(Database* database) {
  if (value_sets_.size() > Ipv4Entry::kMaxValues) return TooManyValueSets();
  absl::StatusOr<std::vector<BlobId>> blobs =
      database->dictionary().InternAllValues(value_sets_);
  if (!blobs.ok()) return blobs.status();
  blobs_ = *std::move(blobs);
  std::vector<ValueSet>().swap(value_sets_);
  for (Other& other : others_) {
    other.values =
        other.type == RecordType::kListing ? blobs_[other.values] : 0;
  }
  return absl::OkStatus();
}

void WantedEntries::SortIpv4() {
  ipv4_ = std::move(import_.ipv4());
  import_.ipv4().clear();
  if (!import_.ipv4_is_sorted()) SortIpv4Entries(&ipv4_);
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> merged;
  size_t out = 0;
  for (const Ipv4Entry& entry : ipv4_) {
    if (out == 0 || ipv4_[out - 1].target() != entry.target()) {
      ipv4_[out++] = entry;
      continue;
    }
    ++duplicates_;
    Ipv4Entry& kept = ipv4_[out - 1];
    if (!import_.merge_duplicates()) {
      kept = entry;
    } else if (kept.values() != entry.values()) {
      const auto [united, is_new] =
          merged.emplace(std::make_pair(kept.values(), entry.values()),
                         static_cast<uint32_t>(value_sets_.size()));
      if (is_new) {
        ValueSet both = value_sets_[kept.values()];
        const ValueSet& more = value_sets_[entry.values()];
        both.insert(both.end(), more.begin(), more.end());
        Normalize(&both);
        value_sets_.push_back(std::move(both));
      }
      kept = Ipv4Entry(entry.address(), entry.length_bits(), united->second);
    }
  }
  ipv4_.resize(out);
}

void WantedEntries::SortOthers() {
  for (Import::OtherEntry& entry : import_.others()) {
    Other other;
    entry.target.AppendKey(&other.target_key);
    has_names_ |= entry.target.is_name();
    other.type =
        entry.exemption ? RecordType::kExemption : RecordType::kListing;
    other.values = entry.values;  // a number until InternValues makes it an id
    other.details = std::move(entry.details);
    others_.push_back(std::move(other));
  }
  std::vector<Import::OtherEntry>().swap(import_.others());
  std::stable_sort(others_.begin(), others_.end(), BeforeInKeys);
  size_t out = 0;
  for (size_t i = 0; i < others_.size(); ++i) {
    if (out == 0 || BeforeInKeys(others_[out - 1], others_[i])) {
      if (out != i) others_[out] = std::move(others_[i]);
      ++out;
      continue;
    }
    ++duplicates_;
    if (!import_.merge_duplicates() ||
        others_[i].type != RecordType::kListing) {
      others_[out - 1] = std::move(others_[i]);
      continue;
    }
    ValueSet both = value_sets_[others_[out - 1].values];
    const ValueSet& more = value_sets_[others_[i].values];
    both.insert(both.end(), more.begin(), more.end());
    Normalize(&both);
    others_[out - 1].values = static_cast<BlobId>(value_sets_.size());
    value_sets_.push_back(std::move(both));
  }
  others_.resize(out);
}

// A plain IPv4 entry gives way to one of the same target with details.
void WantedEntries::DropIpv4WithDetails() {
  std::vector<uint64_t> taken;
  for (const Other& other : others_) {
    if (other.type == RecordType::kListing &&
        IsKind(other, TargetKind::kIpv4)) {
      taken.push_back(Ipv4TargetOf(other.target_key));
    }
  }
  if (taken.empty()) return;
  const auto is_taken = [&](const Ipv4Entry& entry) {
    return std::binary_search(taken.begin(), taken.end(), entry.target());
  };
  const size_t before = ipv4_.size();
  ipv4_.erase(std::remove_if(ipv4_.begin(), ipv4_.end(), is_taken),
              ipv4_.end());
  duplicates_ += before - ipv4_.size();
}

std::string WantedEntries::Boundary(int part, int parts) const {
  const auto at = [&](size_t count) {
    return count / static_cast<size_t>(parts) * static_cast<size_t>(part);
  };
  // The larger kind decides; the other one is split where that happens to be.
  if (ipv4_.size() < others_.size()) {
    return MiddleOf(others_[at(others_.size())]);
  }
  if (ipv4_.empty()) return "";
  const auto middle = MiddleOf(ipv4_[at(ipv4_.size())]);
  return std::string(middle.data(), middle.size());
}

WantedCursor::WantedCursor(const WantedEntries& wanted,
                           const DatasetRecord& dataset, absl::string_view from,
                           absl::string_view to)
    : wanted_(wanted),
      list_prefix_(U32(dataset.list)),
      dataset_suffix_(U32(dataset.id)) {
  const auto place = [](const auto& entries, absl::string_view middle) {
    using Entry = typename std::decay_t<decltype(entries)>::value_type;
    return static_cast<size_t>(
        std::partition_point(
            entries.begin(), entries.end(),
            [&](const Entry& entry) { return IsBefore(entry, middle); }) -
        entries.begin());
  };
  ipv4_at_ = place(wanted.ipv4(), from);
  other_at_ = place(wanted.others(), from);
  ipv4_end_ = to.empty() ? wanted.ipv4().size() : place(wanted.ipv4(), to);
  other_end_ = to.empty() ? wanted.others().size() : place(wanted.others(), to);
  Load();
}

void WantedCursor::Load() {
  const bool have_ipv4 = ipv4_at_ < ipv4_end_;
  const bool have_other = other_at_ < other_end_;
  valid_ = have_ipv4 || have_other;
  if (!have_other) {
    if (have_ipv4) LoadIpv4(wanted_.ipv4()[ipv4_at_]);
    return;
  }
  const Other& other = wanted_.others()[other_at_];
  if (have_ipv4 && IsBefore(wanted_.ipv4()[ipv4_at_], MiddleOf(other))) {
    LoadIpv4(wanted_.ipv4()[ipv4_at_]);
  } else {
    LoadOther(other);
  }
}

void WantedCursor::LoadIpv4(const Ipv4Entry& entry) {
  const auto middle = MiddleOf(entry);
  if (key_.size() != 8 + middle.size()) {
    key_ = list_prefix_;
    key_.resize(4 + middle.size());
    key_ += dataset_suffix_;
  }
  std::copy(middle.begin(), middle.end(), key_.begin() + 4);
  values_ = wanted_.BlobOf(entry.values());
  details_ = nullptr;
}

void WantedCursor::LoadOther(const Other& other) {
  key_ = list_prefix_;
  key_ += other.target_key;
  key_.push_back(static_cast<char>(other.type));
  key_ += dataset_suffix_;
  values_ = other.values;
  details_ = &other.details;
}

}  // namespace rbld
