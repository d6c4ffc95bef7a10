// PrefixSweep: prefixes in the order of their first address, each before those
// inside it, become ascending disjoint runs: of every address, what the
// innermost prefix around it was opened with.
//
// Used by one thread. `Address` is uint32_t or unsigned __int128.
#ifndef RBLD_STORE_PREFIX_SWEEP_H_
#define RBLD_STORE_PREFIX_SWEEP_H_

#include <cstddef>
#include <vector>

#include "store/value.h"

namespace rbld {

template <typename Address>
class PrefixSweep {
 public:
  // Sweeps first..last, where `outside` holds between the prefixes.
  PrefixSweep(Address first, Address last, ValueSetId outside)
      : position_(first), last_(last) {
    open_.push_back({last, outside});
  }

  // Goes up to `first`, the beginning of the next prefix: closes those that end
  // before it and calls sink(first, last, values) for the runs on the way. The
  // sink returns false to stop. Returns how many prefixes are still open.
  template <typename Sink>
  size_t AdvanceTo(Address first, const Sink& sink) {
    while (open_.size() > 1 && open_.back().last < first) {
      Emit(open_.back().last, sink);
      open_.pop_back();
    }
    if (first > position_) Emit(first - 1, sink);
    return open_.size() - 1;
  }

  // Opens a prefix that begins where AdvanceTo went and ends at `last`.
  void Open(Address last, ValueSetId values) {
    open_.push_back({last, values});
  }

  // Closes everything.
  template <typename Sink>
  void Finish(const Sink& sink) {
    for (; !open_.empty(); open_.pop_back()) Emit(open_.back().last, sink);
  }

  bool stopped() const { return stopped_; }

 private:
  struct Level {
    Address last;
    ValueSetId values;
  };

  template <typename Sink>
  void Emit(Address last, const Sink& sink) {
    if (at_end_ || stopped_ || last < position_) return;
    const ValueSetId values = open_.back().values;
    if (values != kNotListed) stopped_ = !sink(position_, last, values);
    // The position would wrap behind the last address.
    at_end_ = last == last_;
    position_ = last + 1;
  }

  Address position_;
  const Address last_;
  std::vector<Level> open_;
  bool at_end_ = false;
  bool stopped_ = false;
};

}  // namespace rbld

#endif  // RBLD_STORE_PREFIX_SWEEP_H_
