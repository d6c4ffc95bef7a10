// QuickZones: the zones of a snapshot whose plain queries server/quick_answer
// may answer, found by their whole name.
//
// A zone is one of them if a query for an IPv4 address in it can only be
// answered by the values that its indexes give, or by NXDOMAIN: whatever else
// the general path (server/answer) looks at is not there. Immutable once built;
// any thread may read it, without lock or allocation.
#ifndef RBLD_SERVER_QUICK_ZONES_H_
#define RBLD_SERVER_QUICK_ZONES_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/string_view.h"
#include "dns/name.h"

namespace rbld {

template <typename Index>
struct IndexSource;
class Ipv4Index;
class ValueTable;
struct ServedZone;

// Names of zones, in wire form. Shorter ones have not enough bytes for the
// hash; before longer ones an address might not fit (RFC 1035 §2.3.4).
inline constexpr size_t kMinQuickZoneBytes = 8;
inline constexpr size_t kMaxQuickZoneBytes = kMaxWireNameBytes - 4 * 4;

// 16 bytes of a zone's name, to compare those of a query with, in any case.
struct alignas(16) QuickNameStep {
  static constexpr size_t kBytes = 16;

  // In lower case; 0xff where the name has no byte.
  uint8_t bytes[kBytes];
  // The bit of lower case (RFC 4343 §3) where there is a letter, else 0; 0xff
  // where the name has no byte. Turned on in the query's bytes it makes them
  // those above, and no others: a letter's only other form is upper case.
  uint8_t case_bits[kBytes];

  // 0 in each byte that is the same.
  Bytes16 Compare(const uint8_t* other) const {
    return (Load(other) | Load(case_bits)) ^ Load(bytes);
  }

 private:
  static Bytes16 Load(const uint8_t* from) {
    Bytes16 loaded;
    memcpy(&loaded, from, sizeof(loaded));
    return loaded;
  }
};

// One zone, with all that its answers need. Borrows from the snapshot.
struct QuickZone {
  // The last bytes of the name, and those before them from its beginning on;
  // the two may overlap.
  QuickNameStep tail;
  const QuickNameStep* steps = nullptr;
  // In wire form.
  size_t name_bytes = 0;
  // The index and the values of the one source; null: there are more, or none.
  const Ipv4Index* only_index = nullptr;
  const ValueTable* only_values = nullptr;
  const IndexSource<Ipv4Index>* sources = nullptr;
  const IndexSource<Ipv4Index>* sources_end = nullptr;
  uint32_t ttl_seconds = 0;
  int counter_slot = -1;
  absl::string_view negative_soa_tail;  // ServedZone's
  const ServedZone* served = nullptr;

  // Is it the `bytes` bytes at `name`, in any case? As QuickZones::Find.
  bool HasName(const uint8_t* name, size_t bytes) const {
    if (bytes != name_bytes) return false;
    Bytes16 differences = tail.Compare(name + bytes - QuickNameStep::kBytes);
    const QuickNameStep* step = steps;
    for (size_t at = 0; at + QuickNameStep::kBytes < bytes;
         at += QuickNameStep::kBytes) {
      differences |= (step++)->Compare(name + at);
    }
    uint64_t halves[2];
    memcpy(halves, &differences, sizeof(halves));
    return (halves[0] | halves[1]) == 0;
  }
};

class QuickZones {
 public:
  QuickZones() = default;
  // The slots point to the zones.
  QuickZones(const QuickZones&) = delete;
  QuickZones& operator=(const QuickZones&) = delete;

  // What can be quick of `zones`, which it borrows.
  void Build(const std::vector<ServedZone>& zones);

  // Are there so many value sets that reading one is likely to wait for memory?
  bool many_values() const { return many_values_; }

  // The zone whose name, in any case, is the `bytes` bytes at `name`; null if
  // there is none. The QuickNameStep::kBytes before `name` may be read.
  const QuickZone* Find(const uint8_t* name, size_t bytes) const {
    if (bytes - kMinQuickZoneBytes > kMaxQuickZoneBytes - kMinQuickZoneBytes) {
      return nullptr;
    }
    const QuickZone* const* slot =
        slots_.data() + (Hash(name, bytes) >> shift_);
    for (; *slot != nullptr; ++slot) {
      if ((*slot)->HasName(name, bytes)) [[likely]] {
        return *slot;
      }
    }
    return nullptr;
  }

 private:
  // How many slots a name may lie behind its own. Zones for which there is no
  // room in them are not quick.
  static constexpr size_t kMaxProbes = 8;

  // Alike for the same name in any case. Three words tell most zones apart.
  static uint64_t Hash(const uint8_t* name, size_t bytes) {
    // Turned by whole bytes, so that the bits of case stay where they are.
    const uint64_t mixed = Word(name) ^
                           std::rotl(Word(name + (bytes - 8) / 2), 24) ^
                           std::rotl(Word(name + bytes - 8), 40);
    // Those by which ASCII letters differ; what else becomes alike by it does
    // no harm.
    constexpr uint64_t kCaseBits = 0x2020202020202020;
    // 2^64 divided by the golden ratio: spreads all bits to the top.
    return ((mixed | kCaseBits) + bytes) * 0x9e3779b97f4a7c15;
  }
  static uint64_t Word(const uint8_t* bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
  }

  void Add(const ServedZone& served);

  bool many_values_ = false;
  std::vector<QuickZone> zones_;
  std::vector<QuickNameStep> steps_;  // of all of them
  // Hash table with open addressing: a power of two of slots, and kMaxProbes
  // more, the last of them empty.
  std::vector<const QuickZone*> slots_ = {nullptr, nullptr};
  int shift_ = 63;
};

}  // namespace rbld

#endif  // RBLD_SERVER_QUICK_ZONES_H_
