#include "store/dataset_builder.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/string_view.h"
#include "store/dataset_resolution.h"
#include "store/resolved.h"
#include "store/value_unions.h"

namespace rbld {
DatasetBuilder::DatasetBuilder(Options options)
    : options_(std::move(options)),
      ipv4_(options_.scratch_directory),
      ipv6_(options_.scratch_directory) {}

absl::Status DatasetBuilder::AddIpv6(const IpPrefix& prefix, bool excluded,
                                     ValuesNumber values) {
  return ipv6_.Add({prefix.bytes, values, prefix.length_bits, excluded});
}

void DatasetBuilder::AddName(const Target& name, bool excluded,
                             ValuesNumber values) {
  const std::string& wire = name.reversed_wire();
  names_.push_back({name_bytes_.size(), values,
                    static_cast<uint8_t>(wire.size()), name.scope(), excluded});
  name_bytes_ += wire;
}

std::shared_ptr<const NameIndex> DatasetBuilder::BuildNames(
    const std::vector<ValueSetId>& ids, ValueTable* table,
    AnswerDigest* digest) {
  if (names_.empty()) return NameIndex::Empty(options_.name_seed);
  std::stable_sort(names_.begin(), names_.end(),
                   [this](const NameEntry& a, const NameEntry& b) {
                     return WireOf(a) < WireOf(b);
                   });
  ValueUnions unions(table);
  NameIndexBuilder builder(options_.name_seed);
  // What the entries of one name say of it, or of the names below it.
  struct Part {
    bool any = false;
    bool excluded = false;
    std::vector<ValueSetId> sets;

    void Take(bool entry_excluded, ValueSetId values, EqualEntries equal) {
      if (any && equal == EqualEntries::kFirst) return;
      any = true;
      excluded |= entry_excluded;
      if (!entry_excluded) sets.push_back(values);
    }
    ValueSetId Values(ValueUnions* of) const {
      return excluded ? kNotListed : of->Of(sets);
    }
  };
  for (size_t begin = 0; begin < names_.size();) {
    ResolvedName node;
    node.reversed_wire = std::string(WireOf(names_[begin]));
    Part exact, below;
    size_t end = begin;
    for (; end < names_.size() && WireOf(names_[end]) == node.reversed_wire;
         ++end) {
      const NameEntry& entry = names_[end];
      const ValueSetId values = entry.excluded ? kNotListed : ids[entry.values];
      if (entry.scope != NameScope::kSubdomains) {
        exact.Take(entry.excluded, values, options_.equal_entries);
      }
      if (entry.scope != NameScope::kExact) {
        below.Take(entry.excluded, values, options_.equal_entries);
      }
    }
    node.has_exact = exact.any;
    node.exact = exact.Values(&unions);
    node.has_below = below.any;
    node.below = below.Values(&unions);
    builder.Add(node);
    if (options_.names != nullptr) options_.names->push_back(node);
    if (digest != nullptr) digest->AddName(node);
    begin = end;
  }
  return builder.Build();
}

absl::StatusOr<ListIndex> DatasetBuilder::Build(
    const std::vector<ValueSetId>& ids, ValueTable* table) {
  ListIndex index;
  ValueUnions unions(table);
  std::optional<AnswerDigest> digest;
  if (options_.digest) digest.emplace(table);
  {
    // A big index is mapped from a file: it is built while the one that it
    // replaces still serves, and the two need not both be in memory.
    const bool big = ipv4_.count() >= SpillSorter<Ipv4Entry>::kRunRecords &&
                     !options_.scratch_directory.empty();
    Ipv4IndexBuilder builder(
        big ? UnlinkedFile::Create(options_.scratch_directory)
            : UnlinkedFile());
    const auto emit = [&](uint32_t first, uint32_t last, ValueSetId values) {
      builder.Add(first, last, values);
      if (digest.has_value()) {
        digest->AddRun(Family::kIpv4, IpPrefix::FromIpv4(first).bytes,
                       IpPrefix::FromIpv4(last).bytes, values);
      }
      return true;
    };
    DatasetResolution<uint32_t> resolution(options_.precedence,
                                           options_.equal_entries, &unions);
    const absl::Status status = ipv4_.ForEach([&](const Ipv4Entry& entry) {
      resolution.Add(entry.first, entry.length_bits, entry.excluded,
                     entry.excluded ? kNotListed : ids[entry.values], emit);
      return true;
    });
    if (!status.ok()) return status;
    resolution.Finish(emit);
    index.ipv4 = builder.Build();
    if (!builder.status().ok()) return builder.status();
  }
  {
    Ipv6IndexBuilder builder;
    const auto emit = [&](WideAddress first, WideAddress last,
                          ValueSetId values) {
      builder.Add(BytesOf(first), BytesOf(last), values);
      if (digest.has_value()) {
        digest->AddRun(Family::kIpv6, BytesOf(first), BytesOf(last), values);
      }
      return true;
    };
    DatasetResolution<WideAddress> resolution(options_.precedence,
                                              options_.equal_entries, &unions);
    const absl::Status status = ipv6_.ForEach([&](const Ipv6Entry& entry) {
      resolution.Add(WideOf(entry.first), entry.length_bits, entry.excluded,
                     entry.excluded ? kNotListed : ids[entry.values], emit);
      return true;
    });
    if (!status.ok()) return status;
    resolution.Finish(emit);
    index.ipv6 = builder.Build();
  }
  index.names = BuildNames(ids, table, digest.has_value() ? &*digest : nullptr);
  if (digest.has_value()) digest_hex_ = digest->FinishHex();
  return index;
}

}  // namespace rbld
