#include "server/lookup.h"

#include <string.h>

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

void AddValueSet(ValueSetId id, Finding* finding) {
  if (id == kNotListed) return;
  for (int i = 0; i < finding->value_set_count; ++i) {
    if (finding->value_sets[i] == id) return;
  }
  finding->value_sets[finding->value_set_count++] = id;
}

TestEntry LookUpIpv4(const ServedZone& zone, const ReversedAddress& address,
                     Finding* finding) {
  if (address.ipv4_octets == kIpv4Octets) {
    if (address.ipv4_first == kUnlistedTestIpv4) return TestEntry::kNeverListed;
    for (const Ipv4Index* index : zone.ipv4) {
      AddValueSet(index->Lookup(address.ipv4_first), finding);
    }
    if (address.ipv4_first == kListedTestIpv4) return TestEntry::kAlwaysListed;
    return TestEntry::kNone;
  }
  if (address.ipv4_octets == 0) return TestEntry::kNone;
  finding->any_below =
      finding->any_below || (kListedTestIpv4 >= address.ipv4_first &&
                             kListedTestIpv4 <= address.ipv4_last);
  for (const Ipv4Index* index : zone.ipv4) {
    if (finding->any_below) break;
    finding->any_below =
        index->AnyWithin(address.ipv4_first, address.ipv4_last);
  }
  return TestEntry::kNone;
}

TestEntry LookUpIpv6(const ServedZone& zone, const ReversedAddress& address,
                     Finding* finding) {
  if (address.ipv6_nibbles == kIpv6Nibbles) {
    if (address.ipv6_first == kUnlistedTestIpv6) return TestEntry::kNeverListed;
    for (const Ipv6Index* index : zone.ipv6) {
      AddValueSet(index->Lookup(address.ipv6_first), finding);
    }
    if (address.ipv6_first == kListedTestIpv6) return TestEntry::kAlwaysListed;
    return TestEntry::kNone;
  }
  if (address.ipv6_nibbles == 0) return TestEntry::kNone;
  finding->any_below =
      finding->any_below || (kListedTestIpv6 >= address.ipv6_first &&
                             kListedTestIpv6 <= address.ipv6_last);
  for (const Ipv6Index* index : zone.ipv6) {
    if (finding->any_below) break;
    finding->any_below =
        index->AnyWithin(address.ipv6_first, address.ipv6_last);
  }
  return TestEntry::kNone;
}

TestEntry LookUpName(const ServedZone& zone, const Query& query, int labels,
                     Finding* finding) {
  const absl::string_view text(reinterpret_cast<const char*>(query.name),
                               query.label_offsets[labels]);
  TestEntry entry = TestEntry::kNone;
  if (text == kUnlistedTestName) entry = TestEntry::kNeverListed;
  if (text == kListedTestName) entry = TestEntry::kAlwaysListed;
  if (zone.names.empty()) return entry;
  char reversed[kNameBufferBytes];
  const int bytes =
      WriteReversedLabels(query.name, query.label_offsets, labels, reversed);
  for (const NameIndex* index : zone.names) {
    const NameIndex::Result result =
        index->Lookup(absl::string_view(reversed, static_cast<size_t>(bytes)));
    finding->any_below = finding->any_below || result.any_below;
    // INVALID itself is never listed, but names below it may be, and then it
    // is an empty non-terminal.
    if (entry != TestEntry::kNeverListed) AddValueSet(result.values, finding);
  }
  return entry;
}

}  // namespace

void ReadAndPrefetch(const ServedZone& zone, const Query& query, int labels,
                     ReversedAddress* address) {
  ReadReversedAddress(query.name, query.label_offsets, labels, address);
  if (address->ipv4_octets == kIpv4Octets) {
    for (const Ipv4Index* index : zone.ipv4) {
      index->PrefetchHead(address->ipv4_first);
    }
  }
}

void PrefetchEntries(const ServedZone& zone, const ReversedAddress& address) {
  if (address.ipv4_octets == kIpv4Octets) {
    for (const Ipv4Index* index : zone.ipv4) {
      index->Prefetch(address.ipv4_first);
    }
  }
  if (address.ipv6_nibbles == kIpv6Nibbles) {
    for (const Ipv6Index* index : zone.ipv6) {
      index->Prefetch(address.ipv6_first);
    }
  }
}

void LookUp(const ServedZone& zone, const Query& query, int labels,
            const ReversedAddress& address, Finding* finding) {
  finding->value_set_count = 0;
  finding->test_values = false;
  finding->of_address = false;
  finding->any_below = false;
  finding->node = nullptr;
  const ZoneConfig& config = zone.zone->config;
  if (!zone.zone->below.empty()) {
    const auto found = zone.zone->below.find(query.NameFrom(0));
    if (found != zone.zone->below.end()) finding->node = &found->second;
  }
  // RFC 6471 §3.4: a list that has ended lists nothing, not even its test
  // entries.
  if (config.state == ZoneState::kRetired) return;

  TestEntry entry = TestEntry::kNone;
  if (config.has_ipv4) entry = LookUpIpv4(zone, address, finding);
  if (config.has_ipv6 && entry == TestEntry::kNone) {
    entry = LookUpIpv6(zone, address, finding);
  }
  if (entry == TestEntry::kNeverListed) {
    // Monitors want NXDOMAIN here, whatever a feed or a static record says.
    finding->value_set_count = 0;
    finding->any_below = false;
    finding->node = nullptr;
    return;
  }
  finding->of_address =
      finding->value_set_count > 0 || entry == TestEntry::kAlwaysListed;
  if (config.has_names) {
    const TestEntry by_name = LookUpName(zone, query, labels, finding);
    if (by_name == TestEntry::kAlwaysListed) entry = by_name;
  }
  finding->test_values =
      entry == TestEntry::kAlwaysListed && finding->value_set_count == 0;
}

}  // namespace rbld
