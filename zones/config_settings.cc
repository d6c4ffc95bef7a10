#include "zones/config_settings.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr int64_t kMaxSeconds = 0x7fffffff;
constexpr int64_t kMinSocketMode = 0600;
constexpr int64_t kMaxSocketMode = 0777;

// Reads into `field` of the Config inside a FileDraft.
template <auto kField>
absl::Status Path(const TomlNode& node, FileDraft* out) {
  return node.ReadPath(&(out->config.*kField));
}

template <auto kField, int64_t kMin, int64_t kMax>
absl::Status Integer(const TomlNode& node, FileDraft* out) {
  return node.ReadInteger(kMin, kMax, &(out->config.*kField));
}

template <auto kField, int64_t kMin, int64_t kMax>
absl::Status Seconds(const TomlNode& node, FileDraft* out) {
  return node.ReadSeconds(&(out->config.*kField), kMin, kMax);
}

template <auto kField, int64_t kMin, int64_t kMax>
absl::Status ZoneSeconds(const TomlNode& node, ZoneDraft* out) {
  return node.ReadSeconds(&(out->zone.*kField), kMin, kMax);
}

template <auto kField>
absl::Status Socket(const TomlNode& node, FileDraft* out) {
  out->control.sockets.emplace_back(node.key(), node);
  return node.ReadPath(&(out->config.*kField));
}

absl::Status ReadCode(const TomlNode& node, uint32_t* code) {
  std::string text;
  if (absl::Status s = node.ReadString(&text); !s.ok()) return s;
  const absl::StatusOr<uint32_t> parsed = ParseCode(text);
  if (!parsed.ok()) return node.Error(parsed.status().message());
  *code = *parsed;
  return absl::OkStatus();
}

absl::Status SocketMode(const TomlNode& node, FileDraft* out) {
  std::string text;
  if (!node.ReadString(&text).ok()) {
    return node.ReadInteger(kMinSocketMode, kMaxSocketMode,
                            &out->config.socket_mode);
  }
  int mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7' || mode > kMaxSocketMode) {
      mode = -1;
      break;
    }
    mode = mode * 8 + (c - '0');
  }
  if (mode < kMinSocketMode || mode > kMaxSocketMode) {
    return node.Error("must be an octal file mode such as \"0660\"");
  }
  out->config.socket_mode = mode;
  return absl::OkStatus();
}

template <auto kField>
absl::Status SingleValue(const TomlNode& node, ListDraft* out) {
  if (!out->single_value.present()) out->single_value = node;
  if constexpr (std::is_same_v<decltype(kField), uint32_t Value::*>) {
    return node.ReadSeconds(&(out->value.*kField), 0, kMaxSeconds);
  } else {
    return node.ReadString(&(out->value.*kField));
  }
}

absl::Status Values(const TomlNode& node, ListDraft* out) {
  std::vector<TomlNode> elements;
  if (absl::Status s = node.ReadArray(&elements); !s.ok()) return s;
  if (elements.empty()) return node.Error("has no value; leave it out");
  for (const TomlNode& element : elements) {
    Value value;
    absl::Status s = ReadTable(element, ValueSettings(), &value);
    if (!s.ok()) return s;
    out->values.emplace_back(std::move(value), element);
  }
  return absl::OkStatus();
}

absl::Status ListUses(const TomlNode& node, std::vector<ListUse>* out) {
  ListUse single;
  if (node.ReadString(&single.name).ok()) {
    single.node = node;
    *out = {single};
    return absl::OkStatus();
  }
  std::vector<TomlNode> elements;
  if (absl::Status s = node.ReadArray(&elements); !s.ok()) return s;
  for (const TomlNode& element : elements) {
    ListUse use;
    use.node = element;
    if (!element.ReadString(&use.name).ok()) {
      const absl::Status s = ReadTable(element, ListUseSettings(), &use);
      if (!s.ok()) return s;
    }
    out->push_back(std::move(use));
  }
  return absl::OkStatus();
}

// A code that is given must be one.
absl::Status AnyCode(const TomlNode& node, uint32_t* code) {
  absl::Status s = ReadCode(node, code);
  if (!s.ok()) return s;
  s = CheckCode(*code, /*any_code=*/true);
  return s.ok() ? s : node.Error(s.message());
}

template <auto kField>
absl::Status Refusal(const TomlNode& node, ZoneDraft* out) {
  Value value;
  if (absl::Status s = ReadTable(node, RefusalSettings(), &value); !s.ok()) {
    return s;
  }
  if (absl::Status s = CheckReason(value.reason); !s.ok()) {
    return node.Error(s.message());
  }
  out->zone.*kField = std::move(value);
  return absl::OkStatus();
}

absl::Status ReadNameRule(const TomlNode& node, ListDraft* out) {
  std::string text;
  if (absl::Status s = node.ReadString(&text); !s.ok()) return s;
  if (text != "host" && text != "any") {
    return node.Error(absl::StrCat(
        "\"", text, "\" is no rule of names; use \"host\" or \"any\""));
  }
  out->list.policy.names = text == "any" ? NameRule::kAny : NameRule::kHost;
  return absl::OkStatus();
}

absl::Status Combine(const TomlNode& node, ZoneDraft* out) {
  std::string text;
  if (absl::Status s = node.ReadString(&text); !s.ok()) return s;
  if (text != "records" && text != "bitmask") {
    return node.Error(absl::StrCat(
        "\"", text, "\" is no way; use \"records\" or \"bitmask\""));
  }
  out->zone.combining =
      text == "bitmask" ? Combining::kBitMask : Combining::kRecords;
  return absl::OkStatus();
}

absl::Status Action(const TomlNode& node, AccessDraft* out) {
  static constexpr std::pair<absl::string_view, AccessAction> kActions[] = {
      {"pass", AccessAction::kPass},     {"refuse", AccessAction::kRefuse},
      {"ignore", AccessAction::kIgnore}, {"empty", AccessAction::kEmpty},
      {"listed", AccessAction::kListed},
  };
  std::string text;
  if (absl::Status s = node.ReadString(&text); !s.ok()) return s;
  for (const auto& [name, action] : kActions) {
    if (text != name) continue;
    out->access.action = action;
    return absl::OkStatus();
  }
  return node.Error(
      absl::StrCat("\"", text,
                   "\" is no action; use \"pass\", \"refuse\", \"ignore\", "
                   "\"empty\" or \"listed\""));
}

absl::Status State(const TomlNode& node, ZoneDraft* out) {
  std::string text;
  if (absl::Status s = node.ReadString(&text); !s.ok()) return s;
  if (text != "serving" && text != "retired") {
    return node.Error(absl::StrCat(
        "\"", text, "\" is no state; use \"serving\" or \"retired\""));
  }
  out->zone.state =
      text == "retired" ? ZoneState::kRetired : ZoneState::kServing;
  return absl::OkStatus();
}

absl::Status Serial(const TomlNode& node, ZoneDraft* out) {
  std::string text;
  if (absl::Status s = node.ReadString(&text); !s.ok()) return s;
  if (text != "counter" && text != "unixtime") {
    return node.Error(
        absl::StrCat("\"", text,
                     "\" is no kind of serial; use \"counter\" or "
                     "\"unixtime\""));
  }
  out->zone.unix_time_serial = text == "unixtime";
  return absl::OkStatus();
}

absl::Status Metadata(const TomlNode& node, ZoneDraft* out) {
  std::string text;
  if (absl::Status s = node.ReadString(&text); !s.ok()) return s;
  if (text != "config" && text != "files") {
    return node.Error(absl::StrCat(
        "\"", text, "\" is no source; use \"config\" or \"files\""));
  }
  out->zone.metadata_from_files = text == "files";
  return absl::OkStatus();
}

template <auto kField>
absl::Status DatasetTtl(const TomlNode& node, DatasetDraft* out) {
  return node.ReadSeconds(&(out->dataset.spec.ttl.*kField), 0, kMaxSeconds);
}

template <auto kField>
absl::Status DatasetBool(const TomlNode& node, DatasetDraft* out) {
  return node.ReadBool(&(out->dataset.spec.*kField));
}

}  // namespace

const std::vector<Setting<FileDraft>>& FilesSettings() {
  static const auto* const settings = new std::vector<Setting<FileDraft>>{
      {{"check", "duration", "\"1m\"", false,
        "how often files are looked at for changes; 0: only at a reload"},
       Seconds<&Config::files_check_seconds, 0, 366 * 86400>},
      {{"scratch_directory", "path", "", false,
        "where big files are sorted; by default the store's folder, or /tmp"},
       Path<&Config::files_scratch_directory>},
      {{"may_fail_at_start", "boolean", "false", false,
        "start though a dataset cannot be loaded; its zones answer SERVFAIL "
        "until it can"},
       [](const TomlNode& node, FileDraft* out) {
         return node.ReadBool(&out->config.files_may_fail_at_start);
       }},
  };
  return *settings;
}

const std::vector<Setting<DatasetDraft>>& DatasetSettings() {
  static const auto* const settings = new std::vector<Setting<DatasetDraft>>{
      {{"name", "string", "", true, "for messages; each its own"},
       [](const TomlNode& node, DatasetDraft* out) {
         out->name_node = node;
         return node.ReadString(&out->dataset.spec.name);
       }},
      {{"type", "string", "", true,
        "rbldnsd's: ip4set, ip4tset, ip4trie, ip6tset, ip6trie, dnset, dnhash, "
        "generic, combined, acl or aclkey"},
       [](const TomlNode& node, DatasetDraft* out) {
         out->type_node = node;
         return node.ReadString(&out->type);
       }},
      {{"files", "array of paths", "", true,
        "read one after another as if they were one; plain, gzip or zstd"},
       [](const TomlNode& node, DatasetDraft* out) {
         return node.ReadStrings(&out->files);
       }},
      {{"lists", "array of strings", "[]", false,
        "of listings: the lists that they are part of"},
       [](const TomlNode& node, DatasetDraft* out) {
         return node.ReadStrings(&out->lists);
       }},
      {{"zones", "array of strings", "[]", false,
        "of the types generic, combined, acl and aclkey: the zones that they "
        "are for; \"*\" for every zone (acl and aclkey only)"},
       [](const TomlNode& node, DatasetDraft* out) {
         return node.ReadStrings(&out->zones);
       }},
      {{"ttl", "duration", "0", false,
        "the TTL of what the files give none; 0: the zone's"},
       DatasetTtl<&TtlLimits::default_seconds>},
      {{"min_ttl", "duration", "0", false,
        "the least TTL that the files may give; 0: any"},
       DatasetTtl<&TtlLimits::min_seconds>},
      {{"max_ttl", "duration", "0", false,
        "the greatest TTL that the files may give; 0: any"},
       DatasetTtl<&TtlLimits::max_seconds>},
      {{"host_bits", "boolean", "false", false,
        "take 1.2.3.4/24 as 1.2.3.0/24 (rbldnsd's -e)"},
       DatasetBool<&FileDatasetSpec::host_bits>},
      {{"entry_parameters", "boolean", "", false,
        "of the types dnhash (where it is true by default), ip4trie and "
        "ip6trie: `@ ts=;delay=;key=` behind an entry says from when and for "
        "whom it is listed; rbldnsd itself takes it for text"},
       [](const TomlNode& node, DatasetDraft* out) {
         out->entry_parameters = node;
         return node.ReadBool(&out->dataset.spec.entry_parameters);
       }},
      {{"decompress", "boolean", "true", false,
        "read gzip and zstd files (rbldnsd's -C says no)"},
       DatasetBool<&FileDatasetSpec::decompress>},
  };
  return *settings;
}

const std::vector<Setting<FileDraft>>& FileSettings() {
  static const auto* const settings = new std::vector<Setting<FileDraft>>{
      {{"store", "table", "", false,
        "where the data is kept; without it only watched files are served"},
       [](const TomlNode& node, FileDraft* out) {
         return ReadTable(node, StoreSettings(), out);
       }},
      {{"server", "table", "", true, "the DNS side"},
       [](const TomlNode& node, FileDraft* out) {
         return ReadTable(node, ServerSettings(), out);
       }},
      {{"control", "table", "", false, "the control API's sockets"},
       [](const TomlNode& node, FileDraft* out) {
         return ReadTable(node, ControlSettings(), out);
       }},
      {{"list", "array of tables", "", false, "a list of listings"},
       [](const TomlNode& node, FileDraft* out) {
         return node.ReadArray(&out->lists);
       }},
      {{"zone", "array of tables", "", false,
        "a DNS zone that publishes lists"},
       [](const TomlNode& node, FileDraft* out) {
         return node.ReadArray(&out->zones);
       }},
      {{"files", "table", "", false, "how data files are watched"},
       [](const TomlNode& node, FileDraft* out) {
         return ReadTable(node, FilesSettings(), out);
       }},
      {{"dataset", "array of tables", "", false,
        "data files of rbldnsd's formats that are watched and served as they "
        "are"},
       [](const TomlNode& node, FileDraft* out) {
         return node.ReadArray(&out->datasets);
       }},
      {{"dump", "array of tables", "", false, "files for mirrors"},
       [](const TomlNode& node, FileDraft* out) {
         return node.ReadArray(&out->dumps);
       }},
      {{"relay", "table", "", false,
        "tests of reported open relays; without it none are made"},
       [](const TomlNode& node, FileDraft* out) {
         out->relay = node;
         return absl::OkStatus();
       }},
  };
  return *settings;
}

const std::vector<Setting<FileDraft>>& StoreSettings() {
  static const auto* const settings = new std::vector<Setting<FileDraft>>{
      {{"directory", "path", "", true,
        "the store's folder; made at the first start"},
       Path<&Config::store_directory>},
      {{"journal_max_changes", "integer", "20_000_000", false,
        "how many changes the journal keeps for history and mirrors"},
       Integer<&Config::journal_max_changes, 1, int64_t{1} << 40>},
      {{"journal_max_age", "duration", "\"30d\"", false,
        "how long the journal keeps a change"},
       Seconds<&Config::journal_max_age_seconds, 60, 100ll * 366 * 86400>},
  };
  return *settings;
}

const std::vector<Setting<FileDraft>>& ServerSettings() {
  static const auto* const settings = new std::vector<Setting<FileDraft>>{
      {{"listen", "array of strings", "", true,
        "addresses with ports, such as \"192.0.2.1:53\" and "
        "\"[2001:db8::1]:53\"; port 53 may be left out; UDP and TCP"},
       [](const TomlNode& node, FileDraft* out) {
         const absl::Status s = node.ReadStrings(&out->server.listen);
         if (s.ok() && out->server.listen.empty()) {
           return node.Error("names no address");
         }
         return s;
       }},
      {{"workers", "integer 1 to 256", "1", false,
        "threads that answer; one for each core that may be used"},
       Integer<&Config::workers, 1, 256>},
      {{"cpu_affinity", "boolean", "false", false,
        "each worker keeps to a CPU of its own and answers the UDP queries "
        "that this CPU received; for network cards that spread what comes "
        "over as many CPUs"},
       [](const TomlNode& node, FileDraft* out) {
         return node.ReadBool(&out->config.cpu_affinity);
       }},
      {{"tcp_max_connections", "integer", "1024", false,
        "TCP connections of all workers together"},
       Integer<&Config::tcp_max_connections, 1, 1'000'000>},
      {{"tcp_idle_timeout", "duration", "\"10s\"", false,
        "a connection without a query for so long is closed"},
       Seconds<&Config::tcp_idle_timeout_seconds, 1, 3600>},
      {{"tcp_total_timeout", "duration", "\"2m\"", false,
        "a connection is closed after so long in any case"},
       Seconds<&Config::tcp_total_timeout_seconds, 1, 86400>},
      {{"query_log", "path", "\"\"", false,
        "gets a line for each query, for debugging; \"-\" is standard output; "
        "opened as `user`, and again at a reload; empty: none"},
       [](const TomlNode& node, FileDraft* out) {
         std::string text;
         const absl::Status s = node.ReadString(&text);
         if (!s.ok() || text.empty() || text == "-") {
           out->config.query_log = text;
           return s;
         }
         return node.ReadPath(&out->config.query_log);
       }},
      {{"version", "string", "\"\"", false,
        "the TXT record of version.bind and version.server in the class CHAOS, "
        "of 255 bytes at most; empty: REFUSED"},
       [](const TomlNode& node, FileDraft* out) {
         return node.ReadString(&out->config.version);
       }},
      {{"user", "string", "\"\"", false,
        "a process started as root becomes this user once its sockets are "
        "open; empty: it stays what it is"},
       [](const TomlNode& node, FileDraft* out) {
         return node.ReadString(&out->config.user);
       }},
  };
  return *settings;
}

const std::vector<Setting<FileDraft>>& ControlSettings() {
  static const auto* const settings = new std::vector<Setting<FileDraft>>{
      {{"operator_socket", "path", "\"\"", false,
        "Unix socket for operators, who may do everything; empty: none"},
       Socket<&Config::operator_socket>},
      {{"importer_socket", "path", "\"\"", false,
        "Unix socket for programs that import feeds; empty: none"},
       Socket<&Config::importer_socket>},
      {{"relayd_socket", "path", "\"\"", false,
        "Unix socket for the relay verifier; empty: none"},
       Socket<&Config::relayd_socket>},
      {{"public_socket", "path", "\"\"", false,
        "Unix socket for whoever may only look up; empty: none"},
       Socket<&Config::public_socket>},
      {{"socket_mode", "octal file mode", "\"0660\"", false,
        "who may open the sockets"},
       SocketMode},
  };
  return *settings;
}

const std::vector<Setting<ListDraft>>& ListSettings() {
  static const auto* const settings = new std::vector<Setting<ListDraft>>{
      {{"name", "string", "", true, "a-z, 0-9, - and _; 63 characters at most"},
       [](const TomlNode& node, ListDraft* out) {
         out->name_node = node;
         return node.ReadString(&out->list.name);
       }},
      {{"code", "address", "\"127.0.0.2\"", false,
        "the A record of a listing that gives none"},
       [](const TomlNode& node, ListDraft* out) {
         if (!out->single_value.present()) out->single_value = node;
         return ReadCode(node, &out->value.code);
       }},
      {{"reason", "string", "\"\"", false,
        "the TXT record of a listing that gives none; `$` becomes what was "
        "asked, `$$` a dollar sign; empty: no TXT record"},
       SingleValue<&Value::reason>},
      {{"ttl", "duration", "0", false,
        "the TTL of a listing that gives none; 0: the zone's"},
       SingleValue<&Value::ttl_seconds>},
      {{"values", "array of tables", "[]", false,
        "instead of code, reason and ttl: several values, each a table of "
        "those"},
       Values},
      {{"min_ipv4_prefix", "integer 0 to 32", "8", false,
        "the shortest IPv4 prefix that may be listed"},
       [](const TomlNode& node, ListDraft* out) {
         return node.ReadInteger(0, 32, &out->list.policy.min_ipv4_length_bits);
       }},
      {{"min_ipv6_prefix", "integer 0 to 128", "16", false,
        "the shortest IPv6 prefix that may be listed"},
       [](const TomlNode& node, ListDraft* out) {
         return node.ReadInteger(0, 128,
                                 &out->list.policy.min_ipv6_length_bits);
       }},
      {{"allow_special_purpose", "boolean", "false", false,
        "may private, documentation and other special-purpose space be "
        "listed?"},
       [](const TomlNode& node, ListDraft* out) {
         return node.ReadBool(&out->list.policy.allow_special_purpose);
       }},
      {{"allow_any_code", "boolean", "false", false,
        "may codes lie outside 127.0.0.0/8?"},
       [](const TomlNode& node, ListDraft* out) {
         return node.ReadBool(&out->list.policy.allow_any_code);
       }},
      {{"names", "string", "\"host\"", false,
        "which names may be added: \"host\": host and domain names, a single "
        "label only as `.label`; \"any\": single labels, such as hashes, too"},
       ReadNameRule},
      {{"never", "array of strings", "[]", false,
        "addresses, prefixes and names (`.name` with its subdomains) that are "
        "never listed, nor is anything that contains them"},
       [](const TomlNode& node, ListDraft* out) {
         return node.ReadStrings(&out->never);
       }},
  };
  return *settings;
}

const std::vector<Setting<Value>>& ValueSettings() {
  static const auto* const settings = new std::vector<Setting<Value>>{
      {{"code", "address", "\"127.0.0.2\"", false, "the A record"},
       [](const TomlNode& node, Value* out) {
         return ReadCode(node, &out->code);
       }},
      {{"reason", "string", "\"\"", false, "the TXT record"},
       [](const TomlNode& node, Value* out) {
         return node.ReadString(&out->reason);
       }},
      {{"ttl", "duration", "0", false, "0: the zone's"},
       [](const TomlNode& node, Value* out) {
         return node.ReadSeconds(&out->ttl_seconds, 0, kMaxSeconds);
       }},
  };
  return *settings;
}

const std::vector<Setting<ZoneDraft>>& ZoneSettings() {
  static const auto* const settings = new std::vector<Setting<ZoneDraft>>{
      {{"name", "string", "", true, "the zone's name in the DNS"},
       [](const TomlNode& node, ZoneDraft* out) {
         out->name_node = node;
         return node.ReadString(&out->zone.name);
       }},
      {{"kind", "string or array of strings", "\"mixed\"", false,
        "what is asked for: \"ipv4\", \"ipv6\", \"names\", \"mixed\" "
        "(IPv4 and IPv6), or \"files\": what its datasets are of"},
       [](const TomlNode& node, ZoneDraft* out) {
         const absl::Status s = node.ReadStrings(&out->kinds);
         if (s.ok() && out->kinds.empty()) return node.Error("names no kind");
         return s;
       }},
      {{"lists", "array of strings and tables", "[]", false,
        "the lists that it publishes, united; a zone that serves has one, or a "
        "dataset, at least; a table gives a list a code or reason of its own "
        "here"},
       [](const TomlNode& node, ZoneDraft* out) {
         return ListUses(node, &out->lists);
       }},
      {{"combine", "string", "\"records\"", false,
        "what listings of several codes answer: \"records\": each code; "
        "\"bitmask\": one address that has the bits of all of them"},
       Combine},
      {{"subzone", "array of tables", "", false,
        "parts of the zone, under its SOA and serial, with lists of their own"},
       [](const TomlNode& node, ZoneDraft* out) {
         return node.ReadArray(&out->subzones);
       }},
      {{"access", "array of tables", "", false,
        "who may ask; the longest prefix that has the client holds, and who "
        "is in none may"},
       [](const TomlNode& node, ZoneDraft* out) {
         return node.ReadArray(&out->access);
       }},
      {{"key_overrides_access", "boolean", "false", false,
        "a client that asks with a key that passes (a dataset of type aclkey) "
        "is not asked for its address"},
       [](const TomlNode& node, ZoneDraft* out) {
         return node.ReadBool(&out->zone.key_overrides_access);
       }},
      {{"refused", "table", "", false,
        "the code that clients get which may not ask; without it, REFUSED"},
       Refusal<&ZoneConfig::refused>},
      {{"over_quota", "table", "", false,
        "the code that a key gets which asked too often; without it, REFUSED"},
       Refusal<&ZoneConfig::over_quota>},
      {{"wrong_kind", "table", "", false,
        "the code of an address that is asked of a list of names, or of a name "
        "asked of a list of addresses; without it, NXDOMAIN"},
       [](const TomlNode& node, ZoneDraft* out) {
         out->wrong_kind_node = node;
         return Refusal<&ZoneConfig::wrong_kind>(node, out);
       }},
      {{"mistyped", "table", "", false,
        "the code of an address that is asked below a name which is no zone; "
        "without it, NXDOMAIN"},
       Refusal<&ZoneConfig::mistyped>},
      {{"state", "string", "\"serving\"", false,
        "\"serving\", or \"retired\": it lists nothing at all, not even the "
        "test entries (RFC 6471)"},
       State},
      {{"ttl", "duration", "\"5m\"", false,
        "the TTL of listings that have none of their own, and of records "
        "without one"},
       ZoneSeconds<&ZoneConfig::ttl_seconds, 0, kMaxSeconds>},
      {{"negative_ttl", "duration", "\"1m\"", false,
        "how long resolvers may keep that something is not listed (RFC 2308)"},
       ZoneSeconds<&ZoneConfig::negative_ttl_seconds, 0, 86400>},
      {{"soa", "table", "{}", false, "the SOA record"},
       [](const TomlNode& node, ZoneDraft* out) {
         return ReadTable(node, SoaSettings(), out);
       }},
      {{"ns", "array of strings", "", false,
        "the zone's name servers; one at least, unless metadata = \"files\""},
       [](const TomlNode& node, ZoneDraft* out) {
         return node.ReadStrings(&out->ns);
       }},
      {{"ns_ttl", "duration", "\"1d\"", false, "the TTL of the NS records"},
       ZoneSeconds<&ZoneConfig::ns_ttl_seconds, 0, kMaxSeconds>},
      {{"metadata", "string", "\"config\"", false,
        "where SOA and NS come from: \"config\", or \"files\": the first $SOA "
        "and $NS of its datasets, and what stands here where they have none"},
       Metadata},
      {{"ns_in_answers", "boolean", "false", false,
        "the NS records in the authority section of every positive answer"},
       [](const TomlNode& node, ZoneDraft* out) {
         return node.ReadBool(&out->zone.ns_in_answers);
       }},
      {{"ipv4_in_ipv6", "boolean", "false", false,
        "find an IPv4 address also under its mapped (::ffff:0:0/96) and its "
        "6to4 (2002::/16) address"},
       [](const TomlNode& node, ZoneDraft* out) {
         return node.ReadBool(&out->zone.ipv4_in_ipv6);
       }},
      {{"records", "array of strings", "[]", false,
        "static records: OWNER TTL TYPE DATA, the owner relative to the zone, "
        "`@` for the zone itself"},
       [](const TomlNode& node, ZoneDraft* out) {
         return node.ReadStrings(&out->records);
       }},
      {{"test_code", "address", "\"127.0.0.2\"", false,
        "the A record of the test entries (RFC 5782)"},
       [](const TomlNode& node, ZoneDraft* out) {
         absl::Status s = ReadCode(node, &out->zone.test_code);
         if (!s.ok()) return s;
         s = CheckCode(out->zone.test_code, false);
         return s.ok() ? s : node.Error(s.message());
       }},
      {{"test_reason", "string", "", false,
        "the TXT record of the test entries; by default one that says so; "
        "empty: none"},
       [](const TomlNode& node, ZoneDraft* out) {
         out->test_reason_node = node;
         return node.ReadString(&out->zone.test_reason);
       }},
      {{"serial", "string", "\"counter\"", false,
        "\"counter\": one more at each change; \"unixtime\": the time of the "
        "change"},
       Serial},
      {{"serial_base", "integer", "1", false,
        "serials are at least this; for a zone that moves here from elsewhere"},
       [](const TomlNode& node, ZoneDraft* out) {
         return node.ReadInteger(1, 0xffffffff, &out->zone.serial_base);
       }},
  };
  return *settings;
}

const std::vector<Setting<ListUse>>& ListUseSettings() {
  static const auto* const settings = new std::vector<Setting<ListUse>>{
      {{"name", "string", "", true, "the list"},
       [](const TomlNode& node, ListUse* out) {
         return node.ReadString(&out->name);
       }},
      {{"code", "address", "", false, "instead of its listings' codes"},
       [](const TomlNode& node, ListUse* out) {
         return AnyCode(node, &out->values.code);
       }},
      {{"reason", "string", "", false, "instead of its listings' reasons"},
       [](const TomlNode& node, ListUse* out) {
         out->values.reason.emplace();
         return node.ReadString(&*out->values.reason);
       }},
  };
  return *settings;
}

const std::vector<Setting<Value>>& RefusalSettings() {
  static const auto* const settings = new std::vector<Setting<Value>>{
      {{"code", "address", "", true,
        "the A record, of Spamhaus's convention such as \"127.255.255.254\""},
       [](const TomlNode& node, Value* out) {
         return AnyCode(node, &out->code);
       }},
      {{"reason", "string", "\"\"", false,
        "the TXT record; `$` becomes the client's address, or what was asked"},
       [](const TomlNode& node, Value* out) {
         return node.ReadString(&out->reason);
       }},
  };
  return *settings;
}

const std::vector<Setting<SubzoneDraft>>& SubzoneSettings() {
  static const auto* const settings = new std::vector<Setting<SubzoneDraft>>{
      {{"name", "string", "", true, "relative to the zone, such as \"sbl\""},
       [](const TomlNode& node, SubzoneDraft* out) {
         out->name_node = node;
         return node.ReadString(&out->subzone.name);
       }},
      {{"lists", "array of strings and tables", "", true,
        "the lists that it publishes, as in the zone"},
       [](const TomlNode& node, SubzoneDraft* out) {
         return ListUses(node, &out->lists);
       }},
  };
  return *settings;
}

const std::vector<Setting<AccessDraft>>& AccessSettings() {
  static const auto* const settings = new std::vector<Setting<AccessDraft>>{
      {{"clients", "array of strings", "", true,
        "addresses and prefixes, such as \"192.0.2.0/24\" and \"::/0\""},
       [](const TomlNode& node, AccessDraft* out) {
         return node.ReadStrings(&out->clients);
       }},
      {{"action", "string", "", true,
        "\"pass\"; \"refuse\": REFUSED, or the zone's `refused`; \"ignore\": "
        "no answer; \"empty\": nothing is listed; \"listed\": everything is"},
       Action},
      {{"code", "address", "\"127.0.0.2\"", false,
        "of \"listed\": the A record"},
       [](const TomlNode& node, AccessDraft* out) {
         out->value_node = node;
         return AnyCode(node, &out->access.value.code);
       }},
      {{"reason", "string", "\"\"", false,
        "of \"listed\": the TXT record; `$` becomes the client's address"},
       [](const TomlNode& node, AccessDraft* out) {
         out->value_node = node;
         return node.ReadString(&out->access.value.reason);
       }},
  };
  return *settings;
}

const std::vector<Setting<ZoneDraft>>& SoaSettings() {
  static const auto* const settings = new std::vector<Setting<ZoneDraft>>{
      {{"mname", "string", "", false,
        "the primary name server; by default the first of `ns`"},
       [](const TomlNode& node, ZoneDraft* out) {
         out->mname_node = node;
         return node.ReadString(&out->mname);
       }},
      {{"rname", "string", "", false,
        "the mailbox of who runs the zone; by default hostmaster@ZONE"},
       [](const TomlNode& node, ZoneDraft* out) {
         out->rname_node = node;
         return node.ReadString(&out->rname);
       }},
      {{"ttl", "duration", "\"1h\"", false, "the SOA record's own TTL"},
       ZoneSeconds<&ZoneConfig::soa_ttl_seconds, 0, kMaxSeconds>},
      {{"refresh", "duration", "\"1h\"", false,
        "how often secondaries ask for news"},
       ZoneSeconds<&ZoneConfig::refresh_seconds, 1, kMaxSeconds>},
      {{"retry", "duration", "\"10m\"", false,
        "how soon they ask again when that failed"},
       ZoneSeconds<&ZoneConfig::retry_seconds, 1, kMaxSeconds>},
      {{"expire", "duration", "\"1w\"", false,
        "when they stop answering without news"},
       ZoneSeconds<&ZoneConfig::expire_seconds, 1, kMaxSeconds>},
  };
  return *settings;
}

const std::vector<Setting<DumpDraft>>& DumpSettings() {
  static const auto* const settings = new std::vector<Setting<DumpDraft>>{
      {{"zone", "string", "", true, "the zone to dump"},
       [](const TomlNode& node, DumpDraft* out) {
         out->zone_node = node;
         return node.ReadString(&out->dump.zone);
       }},
      {{"directory", "path", "", true, "the folder of its files"},
       [](const TomlNode& node, DumpDraft* out) {
         out->directory_node = node;
         return node.ReadPath(&out->dump.directory);
       }},
      {{"formats", "array of strings", "", true,
        "of \"ip4trie\", \"ip6trie\", \"dnset\", \"rfc1035\" and \"jsonl\""},
       [](const TomlNode& node, DumpDraft* out) {
         out->formats_node = node;
         return node.ReadStrings(&out->formats);
       }},
      {{"every", "duration", "0", false,
        "how often it is written; 0: only on demand"},
       [](const TomlNode& node, DumpDraft* out) {
         return node.ReadSeconds(&out->dump.every_seconds, 0, 366 * 86400);
       }},
  };
  return *settings;
}

}  // namespace rbld
