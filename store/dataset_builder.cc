#include "store/dataset_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/string_view.h"
#include "store/prefix_sweep.h"
#include "store/resolved.h"
#include "store/value_unions.h"

namespace rbld {
namespace {

using Wide = unsigned __int128;

Wide ToWide(const AddressBytes& bytes) {
  Wide wide = 0;
  for (const uint8_t byte : bytes) wide = wide << 8 | byte;
  return wide;
}

AddressBytes ToBytes(Wide wide) {
  AddressBytes bytes;
  for (size_t i = bytes.size(); i-- > 0; wide >>= 8) {
    bytes[i] = static_cast<uint8_t>(wide);
  }
  return bytes;
}

// rbldnsd's ip4set has four levels; other sizes are of the next longer one.
int OctetLevel(int length_bits) { return (length_bits + 7) / 8 * 8; }

}  // namespace

// Turns sorted entries into runs. Address is uint32_t or Wide.
template <typename Address>
class DatasetBuilder::Resolution {
 public:
  Resolution(const Options& options, const std::vector<ValueSetId>& ids,
             ValueUnions* unions)
      : options_(options),
        ids_(ids),
        unions_(*unions),
        sweep_(0, ~Address{0}, kNotListed) {}

  template <typename Sink>
  void Add(Address first, int length_bits, bool excluded, ValuesNumber values,
           const Sink& sink) {
    if (!pending_.empty() &&
        (first != first_ || length_bits != pending_.back().length_bits)) {
      Open(sink);
    }
    first_ = first;
    if (options_.equal_entries == EqualEntries::kFirst && !pending_.empty()) {
      return;
    }
    pending_.push_back(
        {length_bits, excluded, excluded ? kNotListed : ids_[values]});
  }

  template <typename Sink>
  void Finish(const Sink& sink) {
    if (!pending_.empty()) Open(sink);
    sweep_.Finish(sink);
  }

 private:
  // Opens the prefix whose entries are pending.
  template <typename Sink>
  void Open(const Sink& sink) {
    const size_t open = sweep_.AdvanceTo(first_, sink);
    if (open < covers_outside_.size()) {
      covers_.resize(covers_outside_[open]);
      covers_outside_.resize(open);
    }
    covers_outside_.push_back(covers_.size());
    covers_.insert(covers_.end(), pending_.begin(), pending_.end());
    constexpr int kWidthBits = static_cast<int>(8 * sizeof(Address));
    const int host_bits = kWidthBits - pending_.back().length_bits;
    const Address last = host_bits == kWidthBits
                             ? ~Address{0}
                             : first_ | ((Address{1} << host_bits) - 1);
    sweep_.Open(last, Decide());
    pending_.clear();
  }

  // What the innermost open prefix answers.
  ValueSetId Decide() {
    if (covers_.size() == 1) return covers_[0].values;
    // The covers that count stand at the end: those of the innermost prefix,
    // or of the level it is of, as levels only grow inward.
    const auto level_of = [this](const Cover& cover) {
      return options_.precedence == Precedence::kOctet
                 ? OctetLevel(cover.length_bits)
                 : cover.length_bits;
    };
    const int level = level_of(covers_.back());
    winners_.clear();
    for (size_t i = covers_.size(); i-- > 0;) {
      if (level_of(covers_[i]) != level) break;
      if (covers_[i].excluded) return kNotListed;
      winners_.push_back(covers_[i].values);
    }
    return unions_.Of(winners_);
  }

  const Options& options_;
  const std::vector<ValueSetId>& ids_;
  ValueUnions& unions_;
  PrefixSweep<Address> sweep_;
  std::vector<Cover> covers_;
  // How many covers there are outside of each open prefix.
  std::vector<size_t> covers_outside_;
  Address first_ = 0;
  std::vector<Cover> pending_;
  std::vector<ValueSetId> winners_;
};

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
    const std::vector<ValueSetId>& ids, ValueTable* table) {
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
    begin = end;
  }
  return builder.Build();
}

absl::StatusOr<ListIndex> DatasetBuilder::Build(
    const std::vector<ValueSetId>& ids, ValueTable* table) {
  ListIndex index;
  ValueUnions unions(table);
  {
    // A big index is mapped from a file: it is built while the one that it
    // replaces still serves, and the two need not both be in memory.
    const bool big = ipv4_.count() >= SpillSorter<Ipv4Entry>::kRunRecords &&
                     !options_.scratch_directory.empty();
    Ipv4IndexBuilder builder(
        big ? UnlinkedFile::Create(options_.scratch_directory)
            : UnlinkedFile());
    const auto emit = [&builder](uint32_t first, uint32_t last,
                                 ValueSetId values) {
      builder.Add(first, last, values);
      return true;
    };
    Resolution<uint32_t> resolution(options_, ids, &unions);
    const absl::Status status = ipv4_.ForEach([&](const Ipv4Entry& entry) {
      resolution.Add(entry.first, entry.length_bits, entry.excluded,
                     entry.values, emit);
      return true;
    });
    if (!status.ok()) return status;
    resolution.Finish(emit);
    index.ipv4 = builder.Build();
    if (!builder.status().ok()) return builder.status();
  }
  {
    Ipv6IndexBuilder builder;
    const auto emit = [&builder](Wide first, Wide last, ValueSetId values) {
      builder.Add(ToBytes(first), ToBytes(last), values);
      return true;
    };
    Resolution<Wide> resolution(options_, ids, &unions);
    const absl::Status status = ipv6_.ForEach([&](const Ipv6Entry& entry) {
      resolution.Add(ToWide(entry.first), entry.length_bits, entry.excluded,
                     entry.values, emit);
      return true;
    });
    if (!status.ok()) return status;
    resolution.Finish(emit);
    index.ipv6 = builder.Build();
  }
  index.names = BuildNames(ids, table);
  return index;
}

}  // namespace rbld
