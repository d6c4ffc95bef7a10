// DatasetResolution: the sorted address entries of one dataset become ascending
// disjoint runs, by the dataset's rule of precedence: what the index of a
// watched file is built from, and that of an import which is all of its list.
//
// Used by one thread.
#ifndef RBLD_STORE_DATASET_RESOLUTION_H_
#define RBLD_STORE_DATASET_RESOLUTION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/ip_prefix.h"
#include "store/listing.h"
#include "store/prefix_sweep.h"
#include "store/value.h"
#include "store/value_unions.h"

namespace rbld {

// What equal entries mean together.
enum class EqualEntries : uint8_t {
  kFirst,   // the first one's values hold
  kUnited,  // all values hold; if one of them is excluded, nothing does
};

// An IPv6 address as a number.
using WideAddress = unsigned __int128;

inline WideAddress WideOf(const AddressBytes& bytes) {
  WideAddress wide = 0;
  for (const uint8_t byte : bytes) wide = wide << 8 | byte;
  return wide;
}

inline AddressBytes BytesOf(WideAddress wide) {
  AddressBytes bytes;
  for (size_t i = bytes.size(); i-- > 0; wide >>= 8) {
    bytes[i] = static_cast<uint8_t>(wide);
  }
  return bytes;
}

// rbldnsd's ip4set has four levels; other sizes are of the next longer one.
inline int OctetLevel(int length_bits) { return (length_bits + 7) / 8 * 8; }

// `Address` is uint32_t or WideAddress. A sink is called as
// sink(first, last, values) and returns false to stop.
template <typename Address>
class DatasetResolution {
 public:
  // `unions` must outlive it.
  DatasetResolution(Precedence precedence, EqualEntries equal_entries,
                    ValueUnions* unions)
      : precedence_(precedence),
        equal_entries_(equal_entries),
        unions_(*unions),
        sweep_(0, ~Address{0}, kNotListed) {}

  // Entries come in the order of (first, length_bits); `values` of an excluded
  // one do not count.
  template <typename Sink>
  void Add(Address first, int length_bits, bool excluded, ValueSetId values,
           const Sink& sink) {
    if (!pending_.empty() &&
        (first != first_ || length_bits != pending_.back().length_bits)) {
      Open(sink);
    }
    first_ = first;
    if (equal_entries_ == EqualEntries::kFirst && !pending_.empty()) return;
    pending_.push_back({length_bits, excluded, excluded ? kNotListed : values});
  }

  template <typename Sink>
  void Finish(const Sink& sink) {
    if (!pending_.empty()) Open(sink);
    sweep_.Finish(sink);
  }

 private:
  struct Cover {
    int length_bits;
    bool excluded;
    ValueSetId values;
  };

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
      return precedence_ == Precedence::kOctet ? OctetLevel(cover.length_bits)
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

  const Precedence precedence_;
  const EqualEntries equal_entries_;
  ValueUnions& unions_;
  PrefixSweep<Address> sweep_;
  std::vector<Cover> covers_;
  // How many covers there are outside of each open prefix.
  std::vector<size_t> covers_outside_;
  Address first_ = 0;
  std::vector<Cover> pending_;
  std::vector<ValueSetId> winners_;
};

}  // namespace rbld

#endif  // RBLD_STORE_DATASET_RESOLUTION_H_
