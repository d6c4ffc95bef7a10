#include "store/zone_answers.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/numeric/int128.h"
#include "store/exemption_index.h"

namespace rbld {
namespace {

// Of a comparison of addresses, before it is given up.
constexpr uint64_t kMostSteps = 1 << 24;

constexpr absl::string_view kListedTestName("\4test", 5);
constexpr absl::string_view kUnlistedTestName("\7invalid", 8);

// One index of a side with what its ids mean.
struct Source {
  const ListIndex* index = nullptr;
  const ValueTable* values = nullptr;
  const ListValues* instead = nullptr;
  const ExemptionIndex* exemptions = nullptr;  // null: nothing hides it
};

std::vector<Source> SourcesOf(const PartAnswers& side) {
  std::vector<Source> sources;
  for (const PublishedList& list : side.part->lists) {
    const auto index = side.indexes->find(list.list);
    if (index == side.indexes->end()) continue;
    sources.push_back(
        {index->second.get(), side.values, &list.instead, nullptr});
  }
  for (const PublishedFile& file : side.part->files) {
    Source source{file.index.get(), file.values.get(), &file.instead, nullptr};
    const auto hiding = side.indexes->find(file.hidden_by);
    if (hiding != side.indexes->end()) {
      source.exemptions = hiding->second->exemptions.get();
    }
    sources.push_back(source);
  }
  return sources;
}

// What a client sees of a name, in a form that compares equal for equal
// answers: the records' data and the TTL of each set (RFC 2181 §5.2).
struct Rendered {
  bool listed = false;
  std::set<uint32_t> codes;
  uint32_t code_ttl_seconds = kMaxTtlSeconds;
  std::set<std::string> reasons;
  uint32_t reason_ttl_seconds = kMaxTtlSeconds;
  // Values that are not for everybody at once, each as it is.
  std::set<Value> conditional;
  bool any_below = false;

  friend bool operator==(const Rendered&, const Rendered&) = default;
};

void AddValue(const AnswerRules& rules, Value value, Rendered* out) {
  if (value.ttl_seconds == 0) value.ttl_seconds = rules.ttl_seconds;
  if (!value.condition.always()) {
    out->conditional.insert(std::move(value));
    return;
  }
  out->listed = true;
  if (rules.bit_mask && !out->codes.empty()) {
    value.code |= *out->codes.begin();
    out->codes.clear();
  }
  out->codes.insert(value.code);
  out->code_ttl_seconds = std::min(out->code_ttl_seconds, value.ttl_seconds);
  if (value.reason.empty()) return;
  out->reason_ttl_seconds =
      std::min(out->reason_ttl_seconds, value.ttl_seconds);
  out->reasons.insert(std::move(value.reason));
}

void AddSet(const AnswerRules& rules, const Source& source, ValueSetId id,
            Rendered* out) {
  for (const ValueView view : source.values->Get(id)) {
    Value value{view.code, std::string(view.reason), view.ttl_seconds,
                view.condition};
    if (source.instead->code != 0) value.code = source.instead->code;
    if (source.instead->reason.has_value()) {
      value.reason = *source.instead->reason;
    }
    AddValue(rules, std::move(value), out);
  }
}

void AddTestEntry(const AnswerRules& rules, Rendered* out) {
  if (out->listed) return;
  AddValue(rules, Value{rules.test_code, rules.test_reason}, out);
}

// ---- addresses ----

// What an index says from an address on: one id up to `last`.
template <typename Address>
struct Stretch {
  ValueSetId values = kNotListed;
  Address last;
};

uint32_t Next(uint32_t address) { return address + 1; }
AddressBytes Next(AddressBytes address) {
  for (size_t i = address.size(); i-- > 0;) {
    if (++address[i] != 0) break;
  }
  return address;
}
uint32_t Previous(uint32_t address) { return address - 1; }
AddressBytes Previous(AddressBytes address) {
  for (size_t i = address.size(); i-- > 0;) {
    if (address[i]-- != 0) break;
  }
  return address;
}

template <typename Run, typename Index, typename Address>
Stretch<Address> StretchAt(const Index& index, const Address& at,
                           const Address& last) {
  Stretch<Address> stretch{kNotListed, last};
  index.ForEachRun(at, last, [&](const Run& run) {
    if (run.first == at) {
      stretch = {run.values, run.last};
    } else {
      stretch.last = Previous(run.first);
    }
    return false;
  });
  return stretch;
}

struct OfIpv4 {
  using Address = uint32_t;
  using Run = Ipv4Run;
  static constexpr Family kFamily = Family::kIpv4;
  static constexpr int kLabelBits = 8;
  static uint32_t From(const AddressBytes& bytes) { return Ipv4Of(bytes); }
  static AddressBytes BytesOfAddress(uint32_t address) {
    return IpPrefix::FromIpv4(address).bytes;
  }
  static const Ipv4Index& In(const ListIndex& index) { return *index.ipv4; }
  static const Ipv4Index& In(const ExemptionIndex& index) {
    return index.ipv4();
  }
  static bool IsTest(uint32_t address, int last_octet) {
    return address == 0x7f000000 + static_cast<uint32_t>(last_octet);
  }
};

struct OfIpv6 {
  using Address = AddressBytes;
  using Run = Ipv6Run;
  static constexpr Family kFamily = Family::kIpv6;
  static constexpr int kLabelBits = 4;
  static const AddressBytes& From(const AddressBytes& bytes) { return bytes; }
  static const AddressBytes& BytesOfAddress(const AddressBytes& address) {
    return address;
  }
  static const Ipv6Index& In(const ListIndex& index) { return *index.ipv6; }
  static const Ipv6Index& In(const ExemptionIndex& index) {
    return index.ipv6();
  }
  static bool IsTest(const AddressBytes& address, int last_octet) {
    AddressBytes test = {};
    test[10] = test[11] = 0xff;
    test[12] = 0x7f;
    test[15] = static_cast<uint8_t>(last_octet);
    return address == test;
  }
};

// The ids that the sources have at `at`, kNotListed where an exemption hides
// one; shortens `*last` to how far they hold.
template <typename Of>
std::vector<ValueSetId> IdsAt(const std::vector<Source>& sources,
                              const typename Of::Address& at,
                              typename Of::Address* last) {
  std::vector<ValueSetId> ids;
  for (const Source& source : sources) {
    const auto stretch =
        StretchAt<typename Of::Run>(Of::In(*source.index), at, *last);
    *last = stretch.last;
    ids.push_back(stretch.values);
    if (source.exemptions == nullptr) continue;
    const auto hidden =
        StretchAt<typename Of::Run>(Of::In(*source.exemptions), at, *last);
    *last = hidden.last;
    if (hidden.values != kNotListed) ids.back() = kNotListed;
  }
  return ids;
}

// Does any source have an entry at `at`, hidden or not?
template <typename Of>
bool AnyEntry(const std::vector<Source>& sources,
              const typename Of::Address& at) {
  return std::any_of(sources.begin(), sources.end(), [&](const Source& source) {
    return Of::In(*source.index).Lookup(at) != kNotListed;
  });
}

// Do names above the address exist on one side only? What an exemption hides of
// a file is not listed, but the names above it exist.
template <typename Of>
bool NamesAboveDiffer(const std::vector<Source>& before,
                      const std::vector<Source>& after,
                      const typename Of::Address& at) {
  const auto any = [](const std::vector<Source>& sources,
                      const IpPrefix& block) {
    return std::any_of(
        sources.begin(), sources.end(), [&](const Source& source) {
          return Of::In(*source.index)
              .AnyWithin(Of::From(block.bytes), Of::From(block.LastAddress()));
        });
  };
  const int width_bits = IpPrefix::WidthBits(Of::kFamily);
  for (int bits = Of::kLabelBits; bits < width_bits; bits += Of::kLabelBits) {
    const IpPrefix block =
        IpPrefix::Make(Of::kFamily, Of::BytesOfAddress(at), bits);
    if (any(before, block) != any(after, block)) return true;
  }
  return false;
}

template <typename Of>
Rendered RenderAddress(const AnswerRules& rules,
                       const std::vector<Source>& sources,
                       const std::vector<ValueSetId>& ids,
                       const typename Of::Address& at) {
  Rendered rendered;
  if (Of::IsTest(at, 1)) return rendered;
  for (size_t i = 0; i < sources.size(); ++i) {
    if (ids[i] != kNotListed) AddSet(rules, sources[i], ids[i], &rendered);
  }
  if (Of::IsTest(at, 2)) AddTestEntry(rules, &rendered);
  return rendered;
}

template <typename Of>
bool RangeDiffers(const AnswerRules& rules, const std::vector<Source>& before,
                  const std::vector<Source>& after, typename Of::Address at,
                  const typename Of::Address& last) {
  for (uint64_t step = 0; step < kMostSteps; ++step) {
    typename Of::Address end = last;
    const std::vector<ValueSetId> old_ids = IdsAt<Of>(before, at, &end);
    const std::vector<ValueSetId> new_ids = IdsAt<Of>(after, at, &end);
    if (!(RenderAddress<Of>(rules, before, old_ids, at) ==
          RenderAddress<Of>(rules, after, new_ids, at))) {
      return true;
    }
    if (AnyEntry<Of>(before, at) != AnyEntry<Of>(after, at) &&
        NamesAboveDiffer<Of>(before, after, at)) {
      return true;
    }
    if (end == last) return false;
    at = Next(end);
  }
  return true;
}

// ---- names ----

Rendered RenderName(const AnswerRules& rules,
                    const std::vector<Source>& sources,
                    absl::string_view reversed_wire) {
  Rendered rendered;
  for (const Source& source : sources) {
    const NameIndex::Result found = source.index->names->Lookup(reversed_wire);
    rendered.any_below |= found.any_below;
    if (found.values == kNotListed || reversed_wire == kUnlistedTestName ||
        (source.exemptions != nullptr &&
         source.exemptions->HasName(reversed_wire))) {
      continue;
    }
    AddSet(rules, source, found.values, &rendered);
  }
  if (reversed_wire == kListedTestName) AddTestEntry(rules, &rendered);
  return rendered;
}

// The same of one value set.
Rendered RenderSet(const AnswerRules& rules, const Source& source,
                   ValueSetId id) {
  Rendered rendered;
  if (id != kNotListed) AddSet(rules, source, id, &rendered);
  return rendered;
}

bool SameExemptions(const ExemptionIndex* a, const ExemptionIndex* b) {
  static const std::set<std::string> kNone;
  return (a == nullptr ? kNone : a->target_keys()) ==
         (b == nullptr ? kNone : b->target_keys());
}

}  // namespace

bool AddressesDiffer(const AnswerRules& rules, const PartAnswers& before,
                     const PartAnswers& after, Family family,
                     const AddressBytes& first, const AddressBytes& last) {
  const std::vector<Source> old_sources = SourcesOf(before);
  const std::vector<Source> new_sources = SourcesOf(after);
  if (family == Family::kIpv4) {
    return RangeDiffers<OfIpv4>(rules, old_sources, new_sources, Ipv4Of(first),
                                Ipv4Of(last));
  }
  return RangeDiffers<OfIpv6>(rules, old_sources, new_sources, first, last);
}

bool NameDiffers(const AnswerRules& rules, const PartAnswers& before,
                 const PartAnswers& after, absl::string_view reversed_wire) {
  const std::vector<Source> old_sources = SourcesOf(before);
  const std::vector<Source> new_sources = SourcesOf(after);
  // A label that no listing has stands for all names below that nobody
  // mentions.
  const std::string below = std::string(reversed_wire) + std::string("\1\1", 2);
  for (const absl::string_view name :
       {reversed_wire, absl::string_view(below)}) {
    if (!(RenderName(rules, old_sources, name) ==
          RenderName(rules, new_sources, name))) {
      return true;
    }
  }
  return false;
}

bool AnyNameDiffers(const AnswerRules& rules, const PartAnswers& before,
                    const PartAnswers& after) {
  const std::vector<Source> old_sources = SourcesOf(before);
  const std::vector<Source> new_sources = SourcesOf(after);
  if (old_sources.size() != new_sources.size()) return true;
  for (size_t i = 0; i < old_sources.size(); ++i) {
    const Source& a = old_sources[i];
    const Source& b = new_sources[i];
    const NameIndex& old_names = *a.index->names;
    const NameIndex& new_names = *b.index->names;
    if (old_names.empty() && new_names.empty()) continue;
    if (!SameExemptions(a.exemptions, b.exemptions)) return true;
    const bool same = old_names.SameNodes(
        new_names, [&](ValueSetId old_id, ValueSetId new_id) {
          if (a.values == b.values && old_id == new_id) return true;
          return RenderSet(rules, a, old_id) == RenderSet(rules, b, new_id);
        });
    if (!same) return true;
  }
  return false;
}

}  // namespace rbld
