// DatasetBuilder: the entries of one dataset, in any order, become an index
// without RocksDB: what watched files are served from.
//
// Used by one thread; Build ends it. Addresses are sorted in a bounded part of
// memory (spill_sorter.h); names are held.
#ifndef RBLD_STORE_DATASET_BUILDER_H_
#define RBLD_STORE_DATASET_BUILDER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "store/answer_digest.h"
#include "store/dataset_resolution.h"
#include "store/list_index.h"
#include "store/listing.h"
#include "store/resolved.h"
#include "store/spill_sorter.h"
#include "store/target.h"
#include "store/value.h"
#include "store/value_table.h"

namespace rbld {

class DatasetBuilder {
 public:
  // What an entry answers; the caller says with Build what a number means.
  using ValuesNumber = uint32_t;

  struct Options {
    Precedence precedence = Precedence::kLongest;
    EqualEntries equal_entries = EqualEntries::kFirst;
    // For scratch files while addresses are sorted; empty: memory.
    std::string scratch_directory;
    uint64_t name_seed = 0;  // NameIndex's
    // Gets the names as well, in order; null: nobody does. An index cannot be
    // asked for its names.
    std::vector<ResolvedName>* names = nullptr;
    // Is digest_hex() wanted? Not where the ids that Build gets are of no value
    // sets.
    bool digest = false;
  };

  explicit DatasetBuilder(Options options);

  // `first` has no bits set behind `length_bits`. Errors are those of scratch
  // files.
  absl::Status AddIpv4(uint32_t first, int length_bits, bool excluded,
                       ValuesNumber values) {
    return ipv4_.Add(
        {first, values, static_cast<uint8_t>(length_bits), excluded});
  }
  absl::Status AddIpv6(const IpPrefix& prefix, bool excluded,
                       ValuesNumber values);
  // Names have the rules of rbldnsd's dnset: a name itself answers with what
  // is said of exactly it, else with what is said of the names below the
  // nearest name above it. An excluded entry counts like a listed one.
  void AddName(const Target& name, bool excluded, ValuesNumber values);

  uint64_t entries() const {
    return ipv4_.count() + ipv6_.count() + names_.size();
  }

  // ids[n] is the value set that number n means, in `table`, which also gets
  // the unions. Errors are those of scratch files.
  absl::StatusOr<ListIndex> Build(const std::vector<ValueSetId>& ids,
                                  ValueTable* table);

  // Of what the index answers (AnswerDigest); empty before Build.
  const std::string& digest_hex() const { return digest_hex_; }

 private:
  struct Ipv4Entry {
    uint32_t first;
    ValuesNumber values;
    uint8_t length_bits;
    bool excluded;
    // What contains an address sorts before what is inside it.
    friend bool operator<(const Ipv4Entry& a, const Ipv4Entry& b) {
      return a.first != b.first ? a.first < b.first
                                : a.length_bits < b.length_bits;
    }
  };
  struct Ipv6Entry {
    AddressBytes first;
    ValuesNumber values;
    uint8_t length_bits;
    bool excluded;
    friend bool operator<(const Ipv6Entry& a, const Ipv6Entry& b) {
      return a.first != b.first ? a.first < b.first
                                : a.length_bits < b.length_bits;
    }
  };
  struct NameEntry {
    uint64_t wire_offset;  // into name_bytes_
    ValuesNumber values;
    uint8_t wire_bytes;
    NameScope scope;
    bool excluded;
  };
  absl::string_view WireOf(const NameEntry& entry) const {
    return absl::string_view(name_bytes_.data() + entry.wire_offset,
                             entry.wire_bytes);
  }
  // `digest` may be null.
  std::shared_ptr<const NameIndex> BuildNames(
      const std::vector<ValueSetId>& ids, ValueTable* table,
      AnswerDigest* digest);

  const Options options_;
  SpillSorter<Ipv4Entry> ipv4_;
  SpillSorter<Ipv6Entry> ipv6_;
  std::vector<NameEntry> names_;
  std::string name_bytes_;
  std::string digest_hex_;
};

}  // namespace rbld

#endif  // RBLD_STORE_DATASET_BUILDER_H_
