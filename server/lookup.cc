#include "server/lookup.h"

#include <string.h>

#include <algorithm>

namespace rbld {
namespace {

// RFC 5782 §5: 127.0.0.2 is always listed, 127.0.0.1 never.
constexpr uint32_t kListedTestIpv4 = 0x7f000002;
constexpr uint32_t kUnlistedTestIpv4 = 0x7f000001;
// ::FFFF:7F00:2 and ::FFFF:7F00:1.
constexpr AddressBytes kListedTestIpv6 = {0, 0, 0,    0,    0,    0, 0, 0,
                                          0, 0, 0xff, 0xff, 0x7f, 0, 0, 2};
constexpr AddressBytes kUnlistedTestIpv6 = {0, 0, 0,    0,    0,    0, 0, 0,
                                            0, 0, 0xff, 0xff, 0x7f, 0, 0, 1};
// In a zone of names: TEST and INVALID. As wire labels.
constexpr absl::string_view kListedTestName("\4test", 5);
constexpr absl::string_view kUnlistedTestName("\7invalid", 8);

constexpr int kIpv4Octets = 4;
constexpr int kIpv6Nibbles = 32;

// Where IPv6 addresses hold IPv4 ones: ::ffff:a.b.c.d (RFC 4291 §2.5.5.2) and
// 2002:AB:CD::/48 (RFC 3056 §2).
constexpr AddressBytes kMappedPrefix = {0, 0, 0, 0, 0,    0,
                                        0, 0, 0, 0, 0xff, 0xff};
constexpr int kMappedPrefixBytes = 12;
constexpr AddressBytes kSixToFourPrefix = {0x20, 0x02};
constexpr int kSixToFourPrefixBytes = 2;

uint32_t ReadIpv4(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 |
         uint32_t{bytes[2]} << 8 | bytes[3];
}

// The IPv4 addresses that first..last hold behind a prefix; false if they are
// not under it.
bool EmbeddedRange(const AddressBytes& first, const AddressBytes& last,
                   const AddressBytes& prefix, int prefix_bytes,
                   uint32_t* ipv4_first, uint32_t* ipv4_last) {
  const int from_first =
      memcmp(first.data(), prefix.data(), static_cast<size_t>(prefix_bytes));
  const int from_last =
      memcmp(last.data(), prefix.data(), static_cast<size_t>(prefix_bytes));
  if (from_first > 0 || from_last < 0) return false;
  *ipv4_first = from_first < 0 ? 0 : ReadIpv4(first.data() + prefix_bytes);
  *ipv4_last =
      from_last > 0 ? 0xffffffff : ReadIpv4(last.data() + prefix_bytes);
  return true;
}

void AddHit(const Hit& hit, Finding* finding) {
  for (int i = 0; i < finding->hit_count; ++i) {
    if (finding->hits[i].values == hit.values &&
        finding->hits[i].instead == hit.instead) {
      return;
    }
  }
  if (finding->hit_count == kMaxHits) return;
  finding->hits[finding->hit_count++] = hit;
}

// Adds what `source` lists, if the client may see any of it.
template <typename Source>
void AddListed(const Source& source, ValueSetId id, SubjectKind subject,
               uint32_t ipv4, int entry_labels, Finding* finding) {
  const ServedValues& values = source.values->Get(id);
  if (source.conditional) [[unlikely]] {
    const Visibility& to = finding->visibility;
    bool any = false;
    for (const ValueView value : values) {
      any = any || value.condition.Holds(to.now_seconds, to.has_key);
    }
    if (!any) return;
    finding->conditional = true;
  }
  AddHit({&values, source.instead, subject, ipv4,
          static_cast<uint8_t>(entry_labels)},
         finding);
}

void FindIpv4(const ServedSources& sources, uint32_t address,
              Finding* finding) {
  for (const IndexSource<Ipv4Index>& source : sources.ipv4) {
    const ValueSetId id = source.index->Lookup(address);
    if (id == kNotListed) continue;
    if (source.exemptions != nullptr && source.exemptions->Has(address)) {
      continue;
    }
    AddListed(source, id, SubjectKind::kIpv4, address, 0, finding);
  }
}

bool AnyIpv4Within(const ServedSources& sources, uint32_t first,
                   uint32_t last) {
  if (kListedTestIpv4 >= first && kListedTestIpv4 <= last) return true;
  for (const IndexSource<Ipv4Index>& source : sources.ipv4) {
    if (source.index->AnyWithin(first, last)) return true;
  }
  return false;
}

// An address that RFC 5782 §5 says something of.
TestEntry LookUpIpv4Address(const ServedSources& sources, uint32_t address,
                            Finding* finding) {
  if (address == kUnlistedTestIpv4) return TestEntry::kNeverListed;
  FindIpv4(sources, address, finding);
  if (address != kListedTestIpv4) return TestEntry::kNone;
  finding->test_subject = SubjectKind::kIpv4;
  finding->test_ipv4 = address;
  return TestEntry::kAlwaysListed;
}

TestEntry LookUpIpv4(const ServedSources& sources,
                     const ReversedAddress& address, Finding* finding) {
  if (address.ipv4_octets == kIpv4Octets) {
    return LookUpIpv4Address(sources, address.ipv4_first, finding);
  }
  if (address.ipv4_octets > 0 && !finding->any_below) {
    finding->any_below =
        AnyIpv4Within(sources, address.ipv4_first, address.ipv4_last);
  }
  return TestEntry::kNone;
}

TestEntry LookUpIpv6(const ServedSources& sources, const Probe& probe,
                     Finding* finding) {
  const ReversedAddress& address = probe.address;
  if (address.ipv6_nibbles == kIpv6Nibbles) {
    if (address.ipv6_first == kUnlistedTestIpv6) return TestEntry::kNeverListed;
    for (const IndexSource<Ipv6Index>& source : sources.ipv6) {
      const Ipv6Index& index = *source.index;
      const char* const leaf =
          &source == sources.ipv6.data()
              ? probe.ipv6_leaf
              : Ipv6Index::FindLeaf(index.FindBlock(address.ipv6_first),
                                    address.ipv6_first);
      const ValueSetId id = index.Lookup(leaf, address.ipv6_first);
      if (id == kNotListed) continue;
      if (source.exemptions != nullptr &&
          source.exemptions->Has(address.ipv6_first)) {
        continue;
      }
      AddListed(source, id, SubjectKind::kIpv6, 0, 0, finding);
    }
    if (address.ipv6_first != kListedTestIpv6) return TestEntry::kNone;
    finding->test_subject = SubjectKind::kIpv6;
    return TestEntry::kAlwaysListed;
  }
  if (address.ipv6_nibbles == 0 || finding->any_below) return TestEntry::kNone;
  finding->any_below = kListedTestIpv6 >= address.ipv6_first &&
                       kListedTestIpv6 <= address.ipv6_last;
  for (const IndexSource<Ipv6Index>& source : sources.ipv6) {
    if (finding->any_below) break;
    finding->any_below =
        source.index->AnyWithin(address.ipv6_first, address.ipv6_last);
  }
  return TestEntry::kNone;
}

// IPv4 addresses under their IPv6 names. Sets `*mapped` for an address that is
// IPv4 and nothing else.
TestEntry LookUpEmbedded(const ServedSources& sources,
                         const ReversedAddress& address, bool* mapped,
                         Finding* finding) {
  if (address.ipv6_nibbles == 0) return TestEntry::kNone;
  uint32_t first = 0, last = 0;
  if (EmbeddedRange(address.ipv6_first, address.ipv6_last, kMappedPrefix,
                    kMappedPrefixBytes, &first, &last)) {
    if (address.ipv6_nibbles == kIpv6Nibbles) {
      *mapped = true;
      return LookUpIpv4Address(sources, first, finding);
    }
    finding->any_below =
        finding->any_below || AnyIpv4Within(sources, first, last);
  }
  if (EmbeddedRange(address.ipv6_first, address.ipv6_last, kSixToFourPrefix,
                    kSixToFourPrefixBytes, &first, &last)) {
    if (address.ipv6_nibbles == kIpv6Nibbles) {
      if (first != kUnlistedTestIpv4) FindIpv4(sources, first, finding);
    } else {
      finding->any_below =
          finding->any_below || AnyIpv4Within(sources, first, last);
    }
  }
  return TestEntry::kNone;
}

bool IsExemptName(const ExemptionIndex& exemptions, const Query& query,
                  int labels) {
  char reversed[kNameBufferBytes];
  const int bytes =
      WriteReversedLabels(query.name, query.label_offsets, labels, reversed);
  return exemptions.HasName(
      absl::string_view(reversed, static_cast<size_t>(bytes)));
}

NameLabels LabelsOf(const Query& query, int labels) {
  return {query.name, query.label_offsets, labels};
}

TestEntry LookUpName(const ServedSources& sources, const Query& query,
                     int labels, const NamePath& path, Finding* finding) {
  const absl::string_view text(reinterpret_cast<const char*>(query.name),
                               query.label_offsets[labels]);
  TestEntry entry = TestEntry::kNone;
  if (text == kUnlistedTestName) entry = TestEntry::kNeverListed;
  if (text == kListedTestName) entry = TestEntry::kAlwaysListed;
  for (const NameSource& source : sources.names) {
    const NameIndex::Result result =
        source.index->Lookup(LabelsOf(query, labels), path);
    finding->any_below = finding->any_below || result.any_below;
    // INVALID itself is never listed, but names below it may be, and then it
    // is an empty non-terminal.
    if (entry == TestEntry::kNeverListed || result.values == kNotListed) {
      continue;
    }
    if (source.exemptions != nullptr &&
        IsExemptName(*source.exemptions, query, labels)) {
      continue;
    }
    AddListed(
        source, result.values,
        source.subject_is_entry ? SubjectKind::kEntry : SubjectKind::kName, 0,
        result.matched_labels, finding);
  }
  return entry;
}

void FindNodes(const ServedZone& zone, const Place& place, const Query& query,
               Finding* finding) {
  const char* const name = reinterpret_cast<const char*>(query.name);
  const absl::string_view labels(name, query.label_offsets[place.labels]);
  for (const NodeMap* nodes : place.sources->nodes) {
    const auto found = nodes->find(labels);
    if (found != nodes->end() && finding->node_count < kMaxNodes) {
      finding->nodes[finding->node_count++] = &found->second;
    }
  }
  if (place.labels == 0) finding->any_below = true;
  if (!place.in_subzone && !zone.subzone_parents.empty()) {
    const absl::string_view below(name,
                                  query.label_offsets[place.labels_in_zone]);
    finding->any_below =
        finding->any_below || zone.subzone_parents.contains(below);
  }
}

// Can the labels be asked for here: an address, or any name in a zone of names?
bool CanBeListed(const ServedSources& sources, const ReversedAddress& address) {
  if (sources.has_names) return true;
  if (sources.has_ipv4 && address.ipv4_octets == kIpv4Octets) return true;
  return (sources.has_ipv6 || sources.ipv4_in_ipv6) &&
         address.ipv6_nibbles == kIpv6Nibbles;
}

// Do the labels begin with a whole address, whatever follows?
bool BeginsWithAddress(const Query& query, int labels) {
  ReversedAddress address;
  if (labels >= kIpv4Octets) {
    ReadReversedAddress(query.name, query.label_offsets, kIpv4Octets, &address);
    if (address.ipv4_octets == kIpv4Octets) return true;
  }
  if (labels < kIpv6Nibbles) return false;
  ReadReversedAddress(query.name, query.label_offsets, kIpv6Nibbles, &address);
  return address.ipv6_nibbles == kIpv6Nibbles;
}

// A client to which all is listed, or which is refused with a code.
void ListAll(const ServedSources& sources, const Place& place,
             const Query& query, const ReversedAddress& address,
             Finding* finding) {
  const Visibility& to = finding->visibility;
  if (CanBeListed(sources, address) ||
      (to.is_refusal && BeginsWithAddress(query, place.labels))) {
    AddHit({to.all_listed, nullptr, SubjectKind::kClient, 0, 0}, finding);
  } else if (to.is_refusal) {
    // Something that would be told is below.
    finding->any_below = true;
  }
}

// A name of which the zone has nothing, that tells of a mistake. The names
// above one exist (RFC 8020).
void FindMistake(const Zone& zone, const Place& place, const Query& query,
                 const ReversedAddress& address, Finding* finding) {
  const ServedSources& sources = *place.sources;
  const auto tell = [finding](const OwnedValues& values) {
    AddHit({&values.get(), nullptr, SubjectKind::kName, 0, 0}, finding);
  };
  const bool whole_address = address.ipv4_octets == kIpv4Octets ||
                             address.ipv6_nibbles == kIpv6Nibbles;
  const bool may_be_address =
      address.ipv4_octets > 0 || address.ipv6_nibbles > 0;
  const bool has_addresses = sources.has_ipv4 || sources.has_ipv6;
  if (!zone.wrong_kind.empty() && has_addresses != sources.has_names) {
    if (sources.has_names && whole_address) {
      if (address.ipv4_octets != kIpv4Octets ||
          address.ipv4_first != kUnlistedTestIpv4) {
        return tell(zone.wrong_kind);
      }
    } else if (sources.has_names && may_be_address) {
      finding->any_below = true;
    } else if (has_addresses && !may_be_address &&
               absl::string_view(reinterpret_cast<const char*>(query.name),
                                 query.label_offsets[place.labels]) !=
                   kUnlistedTestName) {
      return tell(zone.wrong_kind);
    }
  }
  if (zone.mistyped.empty()) return;
  const bool publishes =
      !zone.config.lists.empty() || !zone.config.datasets.empty();
  if (BeginsWithAddress(query, place.labels)) {
    if (!whole_address || !publishes) tell(zone.mistyped);
  } else {
    finding->any_below = true;
  }
}

// The key of the name's last label below the zone.
const ServedKey* FindKey(const ServedZone& zone, const Query& query,
                         int labels_below) {
  if (labels_below == 0) return nullptr;
  const uint8_t* const label =
      query.name + query.label_offsets[labels_below - 1];
  const absl::string_view text(reinterpret_cast<const char*>(label) + 1,
                               label[0]);
  for (const ServedKeys* keys : zone.keys) {
    const ServedKey* const key = keys->Find(text);
    if (key != nullptr) return key;
  }
  return nullptr;
}

}  // namespace

bool Finding::HasStatic(uint16_t type) const {
  for (int i = 0; i < node_count; ++i) {
    if (nodes[i]->Find(type) != nullptr) return true;
  }
  return false;
}

Place FindPlace(const ServedZone& zone, const Query& query, int labels_below) {
  Place place;
  place.sources = &zone.sources;
  place.labels = labels_below;
  place.labels_in_zone = labels_below;
  if (!zone.has_places) [[likely]] {
    return place;
  }
  place.key = FindKey(zone, query, labels_below);
  if (place.key != nullptr) {
    place.labels = place.labels_in_zone = --labels_below;
  }
  const char* const name = reinterpret_cast<const char*>(query.name);
  const int end = query.label_offsets[labels_below];
  for (int labels = std::min(labels_below, zone.max_subzone_labels); labels > 0;
       --labels) {
    const int begin = query.label_offsets[labels_below - labels];
    const auto found = zone.subzones.find(
        absl::string_view(name + begin, static_cast<size_t>(end - begin)));
    if (found == zone.subzones.end()) continue;
    place.sources = &found->second;
    place.labels = labels_below - labels;
    place.in_subzone = true;
    break;
  }
  return place;
}

void PrefetchPlaces(const Place& place, const Query& query, Probe* probe) {
  const ServedSources& sources = *place.sources;
  const ReversedAddress& address = probe->address;
  if (address.ipv4_octets == kIpv4Octets) {
    for (const IndexSource<Ipv4Index>& source : sources.ipv4) {
      source.index->PrefetchHead(address.ipv4_first);
    }
  }
  if (address.ipv6_nibbles == kIpv6Nibbles && !sources.ipv6.empty()) {
    probe->ipv6_block = sources.ipv6[0].index->FindBlock(address.ipv6_first);
  }
  if (!sources.names.empty()) {
    probe->name =
        NamePath(sources.names[0].index->seed(), LabelsOf(query, place.labels));
    for (const NameSource& source : sources.names) {
      source.index->PrefetchHeads(probe->name);
    }
  }
}

void PrefetchHeads(const Place& place, Probe* probe) {
  if (probe->address.ipv6_nibbles == kIpv6Nibbles &&
      !place.sources->ipv6.empty()) {
    probe->ipv6_leaf =
        Ipv6Index::FindLeaf(probe->ipv6_block, probe->address.ipv6_first);
  }
}

void PrefetchEntries(const Place& place, const Probe& probe) {
  const ServedSources& sources = *place.sources;
  const ReversedAddress& address = probe.address;
  if (address.ipv4_octets == kIpv4Octets) {
    for (const IndexSource<Ipv4Index>& source : sources.ipv4) {
      source.index->Prefetch(address.ipv4_first);
    }
  }
  if (address.ipv6_nibbles == kIpv6Nibbles && !sources.ipv6.empty()) {
    Ipv6Index::Prefetch(probe.ipv6_leaf, address.ipv6_first);
  }
  for (const NameSource& source : sources.names) {
    source.index->Prefetch(probe.name);
  }
}

void LookUp(const ServedZone& zone, const Place& place, const Query& query,
            const Probe& probe, Finding* finding) {
  const ReversedAddress& address = probe.address;
  finding->hit_count = 0;
  finding->node_count = 0;
  finding->test_values = false;
  finding->test_subject = SubjectKind::kName;
  finding->any_below = false;
  finding->conditional = false;
  FindNodes(zone, place, query, finding);
  const ServedSources& sources = *place.sources;
  if (place.labels == 0 || !finding->visibility.listings) return;
  if (finding->visibility.all_listed != nullptr) {
    return ListAll(sources, place, query, address, finding);
  }
  TestEntry entry = TestEntry::kNone;
  bool mapped = false;
  if (sources.has_ipv4) {
    entry = LookUpIpv4(sources, address, finding);
    if (sources.ipv4_in_ipv6 && entry == TestEntry::kNone) {
      entry = LookUpEmbedded(sources, address, &mapped, finding);
    }
  }
  if (sources.has_ipv6 && entry == TestEntry::kNone && !mapped) {
    entry = LookUpIpv6(sources, probe, finding);
  }
  if (entry == TestEntry::kNeverListed) {
    // Monitors want NXDOMAIN here, whatever a feed or a static record says.
    finding->hit_count = 0;
    finding->node_count = 0;
    finding->any_below = false;
    return;
  }
  if (sources.has_names) {
    const TestEntry by_name =
        LookUpName(sources, query, place.labels, probe.name, finding);
    if (by_name == TestEntry::kAlwaysListed) entry = by_name;
  }
  finding->test_values =
      entry == TestEntry::kAlwaysListed && finding->hit_count == 0;
  if (zone.zone->tells_mistakes && !finding->exists()) [[unlikely]] {
    FindMistake(*zone.zone, place, query, address, finding);
  }
}

}  // namespace rbld
