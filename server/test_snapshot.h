// TestSnapshot: snapshots for tests, from zones and listings built by hand.
#ifndef RBLD_SERVER_TEST_SNAPSHOT_H_
#define RBLD_SERVER_TEST_SNAPSHOT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/snapshot.h"
#include "server/stats.h"

namespace rbld {

// A zone with the SOA "ns.NAME hostmaster.NAME", two NS records, TTL 300,
// negative TTL 60, kind IPv4 and IPv6, and one list named "list".
ZoneConfig TestZone(absl::string_view name);

// An A, AAAA, TXT, CNAME or MX record from text, as "A 192.0.2.1".
StaticRecord TestRecord(absl::string_view owner, absl::string_view record,
                        uint32_t ttl_seconds = 600);

// Used by one thread.
class TestSnapshot {
 public:
  TestSnapshot();

  TestSnapshot& AddZone(ZoneConfig zone);
  // `target` is an address, a prefix (no overlaps within one list) or a name:
  // "x", ".x" or "*.x".
  TestSnapshot& Add(absl::string_view list, absl::string_view target,
                    ValueSet values);
  // A dataset of watched files: `text` is the file's. Zones name it in
  // ZoneConfig::datasets.
  TestSnapshot& AddDataset(const std::string& name, DatasetType type,
                           const std::string& text);
  // A whole-list exemption, of what datasets of the list say.
  TestSnapshot& Exempt(absl::string_view list, absl::string_view target);
  TestSnapshot& SetSerial(absl::string_view zone, uint32_t serial);
  TestSnapshot& SetVersion(const std::string& version);
  std::shared_ptr<const Snapshot> Build();
  // For counters: the slot of a zone.
  Stats* stats() { return &stats_; }

 private:
  struct List {
    std::map<IpPrefix, ValueSetId> prefixes;
    std::map<std::string, ResolvedName> names;
    std::set<std::string> exempt_keys;
  };
  std::vector<ZoneConfig> zones_;
  std::map<std::string, List, std::less<>> lists_;
  std::map<std::string, uint32_t, std::less<>> serials_;
  std::shared_ptr<ValueTable> values_;
  FileView files_;
  std::string version_;
  Stats stats_;
};

}  // namespace rbld

#endif  // RBLD_SERVER_TEST_SNAPSHOT_H_
