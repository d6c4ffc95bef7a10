// Config: rbld.toml as a checked value. docs/OPERATIONS.md lists every key.
#ifndef RBLD_ZONES_CONFIG_H_
#define RBLD_ZONES_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "store/guard.h"
#include "store/publisher.h"
#include "store/relay/cases.h"
#include "store/value.h"
#include "store/zone_answers.h"
#include "zones/rbldnsd/file_dataset.h"

namespace rbld {

// One static record, owner and rdata in wire form (lower-case owner, no
// compression), made by ldns from the text in the file.
struct StaticRecord {
  std::string owner_wire;  // absolute, with the root's byte
  uint16_t type = 0;       // A, AAAA, TXT, MX, NS …; class is IN
  uint32_t ttl_seconds = 0;
  std::string rdata;
};

enum class ZoneState { kServing, kRetired };

// How the values of several listings become A records.
enum class Combining {
  kRecords,  // one record for each different code
  kBitMask,  // one record, whose bits are those of all codes
};

// What a zone, or one of its subzones, publishes.
struct ZoneSources {
  std::vector<std::string> lists;     // names of ListConfigs, in order
  std::vector<std::string> datasets;  // names of DatasetConfigs, in order:
                                      // those of its lists and its own
  // The list of each dataset of listings; of several, the first that is here.
  std::map<std::string, std::string> dataset_lists;
  std::map<std::string, ListValues> list_values;     // by list
  std::map<std::string, ListValues> dataset_values;  // by dataset
};

// A part of a zone: the zone's SOA, serial, kind and access are its own too.
struct SubzoneConfig : ZoneSources {
  std::string name;    // "sbl": relative to the zone
  std::string labels;  // wire form, lower case, without the root's byte
};

// Who may ask a zone; the longest prefix that contains the client holds.
struct AccessConfig {
  std::vector<IpPrefix> clients;
  AccessAction action = AccessAction::kPass;
  Value value;  // of kListed
};

struct ZoneConfig : ZoneSources {
  std::string name;       // "relays.example.org": lower case, no final dot
  std::string wire_name;  // lower-case wire form with the root's byte
  bool has_ipv4 = true;   // its kind
  bool has_ipv6 = true;
  bool has_names = false;
  bool kind_from_files = false;  // as its datasets say; the three above do not
                                 // count then
  // Is an IPv4 address also found under its mapped (::ffff:0:0/96) and its
  // 6to4 (2002::/16) address?
  bool ipv4_in_ipv6 = false;
  ZoneState state = ZoneState::kServing;
  std::vector<SubzoneConfig> subzones;
  Combining combining = Combining::kRecords;
  std::vector<AccessConfig> access;
  // Is a client with a key that passes asked no further?
  bool key_overrides_access = false;
  // Codes that tell a client what is wrong instead of listing anything. Without
  // `refused` and `over_quota` the answer is REFUSED, without the others
  // NXDOMAIN.
  std::optional<Value> refused;     // to clients that may not ask
  std::optional<Value> over_quota;  // to keys that asked too often
  std::optional<Value> wrong_kind;  // a name where addresses are listed, or the
                                    // other way round
  std::optional<Value> mistyped;    // an address below what is no zone of ours
  // $SOA and $NS of its datasets come before what stands here.
  bool metadata_from_files = false;
  bool ns_in_answers = false;  // the NS records in the authority section of
                               // positive answers
  uint32_t ttl_seconds = 300;  // of listings without one of their own
  uint32_t negative_ttl_seconds = 60;  // SOA minimum and the SOA's TTL in
                                       // negative answers (RFC 2308 §5)
  uint32_t soa_ttl_seconds = 3600;
  uint32_t refresh_seconds = 3600;
  uint32_t retry_seconds = 600;
  uint32_t expire_seconds = 604800;
  std::string soa_mname_wire;
  std::string soa_rname_wire;
  uint32_t ns_ttl_seconds = 86400;
  std::vector<std::string> ns_wire;   // NS targets, in order
  std::vector<StaticRecord> records;  // besides SOA and NS; below the apex too
  uint32_t test_code = 0x7f000002;    // RFC 5782 §5 test entries
  std::string test_reason;
  bool unix_time_serial = false;
  uint32_t serial_base = 1;
};

struct ListConfig {
  std::string name;  // [a-z0-9][a-z0-9_-]{0,62}
  ListPolicy policy;
  ValueSet default_values;
};

struct ListenAddress {
  std::string text;     // as written: "127.0.0.1:5300", "[::]:53"
  std::string address;  // numeric
  uint16_t port = 53;
};

// InvalidArgument says what it should look like.
absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text,
                                                 uint16_t default_port = 53);

// A watched file, or several that are read as one.
struct DatasetConfig {
  FileDatasetSpec spec;
  // Of listings: the lists that they are part of. Of the other types: the zones
  // that they are for; "*" is every zone (access lists only).
  std::vector<std::string> lists;
  std::vector<std::string> zones;
};

struct DumpConfig {
  std::string zone;
  std::string directory;
  // Of "ip4trie", "ip6trie", "dnset", "rfc1035", "jsonl".
  std::vector<std::string> formats;
  int64_t every_seconds = 0;  // 0: only on demand
};

// Tests of reported open relays.
struct RelayConfig {
  RelaySettings settings;
  std::string domain;   // where test messages come back; lower case
  std::string url;      // what the tested are told to read
  std::string contact;  // and whom they may write to
};

struct Config {
  std::string path;  // of the file, for messages
  // What is taken, but perhaps not as it is meant: "FILE:LINE:COLUMN: …".
  std::vector<std::string> warnings;
  // [store]
  std::string store_directory;
  uint64_t journal_max_changes = 20'000'000;
  int64_t journal_max_age_seconds = 30 * 86400;
  // [server]
  std::vector<ListenAddress> listen;
  int workers = 1;                 // 1 to 256
  bool cpu_affinity = false;       // a CPU for each worker
  int tcp_max_connections = 1024;  // of all workers together
  int tcp_idle_timeout_seconds = 10;
  int tcp_total_timeout_seconds = 120;
  std::string user;       // drop root to it; empty: stay
  std::string query_log;  // a line for each query; "-": standard output;
                          // empty: none
  std::string version;    // what version.bind says; empty: REFUSED
  // [control]; an empty path means no such socket
  std::string operator_socket;
  std::string importer_socket;
  std::string relayd_socket;
  std::string public_socket;
  int socket_mode = 0660;
  std::vector<ListConfig> lists;
  std::vector<ZoneConfig> zones;
  std::vector<DatasetConfig> datasets;
  std::vector<DumpConfig> dumps;
  std::optional<RelayConfig> relay;  // none: no relay tests
  // [files]
  int64_t files_check_seconds = 60;  // 0: only when told to reload
  std::string files_scratch_directory;
  bool files_may_fail_at_start = false;
};

// Reads and checks the whole file. An unknown key, a value of the wrong type or
// out of range, a missing key, a zone that names an unknown list, two zones or
// lists of one name: InvalidArgument "FILE:LINE:COLUMN: KEY: what; what to do".
// The first error is reported. Relative paths are relative to the file.
absl::StatusOr<Config> LoadConfig(const std::string& path);
// The same from text; `path` is for messages and relative paths.
absl::StatusOr<Config> ParseConfig(absl::string_view text,
                                   const std::string& path);

// The lists of a zone and of its subzones, each once.
std::vector<std::string> PublishedLists(const ZoneConfig& zone);

// Does a zone answer from listings of that kind in that list? One whose kind
// its files set may.
bool IsPublished(const Config& config, const std::string& list,
                 TargetKind kind);

// The watched datasets that are part of a list; of every list, if it is empty.
std::vector<std::string> WatchedDatasets(const Config& config,
                                         const std::string& list);

// FailedPrecondition, with the reason and the cure, if a dump cannot hold all
// that the zone answers.
absl::Status CheckDumpable(const ZoneConfig& zone);

// What the publisher wants of it.
std::vector<ListSpec> ListSpecs(const Config& config);
std::vector<ZoneSpec> ZoneSpecs(const Config& config);
// What its relay cases want of it: without [relay] that there are no tests.
RelaySettings RelaySettingsOf(const Config& config);

}  // namespace rbld

#endif  // RBLD_ZONES_CONFIG_H_
