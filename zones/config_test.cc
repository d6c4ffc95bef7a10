#include "zones/config.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/file_util.h"
#include "zones/config_reference.h"

namespace rbld {
namespace {

constexpr char kFull[] = R"([store]
directory = "data/store"
journal_max_changes = 1000
journal_max_age = "7d"

[server]
listen = ["127.0.0.1:5300", "[::1]:5300", "192.0.2.1"]
workers = 4
tcp_max_connections = 10
tcp_idle_timeout = 5
tcp_total_timeout = "1m"
user = "rbld"

[control]
operator_socket = "/run/rbld/operator"
importer_socket = "importer"
socket_mode = "0600"

[[list]]
name = "relays"
code = "127.0.0.2"
reason = "open relay, see https://example.org/$"
ttl = "10m"
never = ["198.51.100.1", ".example.com"]
min_ipv4_prefix = 16

[[list]]
name = "names"
values = [{code = "127.0.1.2", reason = "a"}, {code = "127.0.1.4", ttl = 5}]
allow_special_purpose = true

[[zone]]
name = "Relays.Example.ORG."
lists = ["relays"]
ttl = 300
negative_ttl = 30
soa = {mname = "ns1.example.org", rname = "host.master@example.org", refresh = 1, retry = 2, expire = 3, ttl = 4}
ns = ["NS1.example.org", "ns.relays.example.org."]
ns_ttl = "2d"
records = [
  "@ 3600 A 192.0.2.80",
  "www A 192.0.2.81",
  "ns 60 IN AAAA 2001:db8::53",
  "ns 60 A 203.0.113.53",
  "alias.relays.example.org. CNAME www",
  "@ TXT \"a b\" \"c\"",
]
test_code = "127.0.0.9"
test_reason = "testing $"
serial = "unixtime"
serial_base = 4000000000

[[zone]]
name = "names.example.org"
kind = "names"
lists = ["names"]
ns = "ns1.example.org"

[[zone]]
name = "old.example.org"
kind = ["ipv4"]
state = "retired"
ns = ["ns1.example.org"]

[[dump]]
zone = "relays.example.org"
directory = "/srv/dump"
formats = ["ip4trie", "rfc1035", "jsonl"]
every = "5m"
)";

std::string Wire(absl::string_view text) {
  std::string wire;
  for (absl::string_view rest = text; !rest.empty();) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    wire.push_back(static_cast<char>(dot));
    wire.append(rest.data(), dot);
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  return wire + std::string(1, '\0');
}

// A good file in which one piece of text is replaced.
std::string Changed(absl::string_view from, absl::string_view to) {
  const std::string text = absl::StrReplaceAll(kFull, {{from, to}});
  EXPECT_NE(text, kFull) << from;
  return text;
}

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<Config> config = ParseConfig(text, "/etc/rbld.toml");
  if (config.ok()) return "ok";
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(config.status().message());
}

std::string ErrorWith(absl::string_view from, absl::string_view to) {
  return ErrorOf(Changed(from, to));
}

Config Full() { return ParseConfig(kFull, "/etc/rbld/rbld.toml").value(); }

TEST(Config, ReadsTheStoreServerAndControlTables) {
  const Config config = Full();
  EXPECT_EQ(config.store_directory, "/etc/rbld/data/store");
  EXPECT_EQ(config.journal_max_changes, 1000u);
  EXPECT_EQ(config.journal_max_age_seconds, 7 * 86400);
  ASSERT_EQ(config.listen.size(), 3u);
  EXPECT_EQ(config.listen[0].address, "127.0.0.1");
  EXPECT_EQ(config.listen[0].port, 5300);
  EXPECT_EQ(config.listen[1].address, "::1");
  EXPECT_EQ(config.listen[2].port, 53);
  EXPECT_EQ(config.workers, 4);
  EXPECT_EQ(config.tcp_max_connections, 10);
  EXPECT_EQ(config.tcp_idle_timeout_seconds, 5);
  EXPECT_EQ(config.tcp_total_timeout_seconds, 60);
  EXPECT_EQ(config.user, "rbld");
  EXPECT_EQ(config.operator_socket, "/run/rbld/operator");
  EXPECT_EQ(config.importer_socket, "/etc/rbld/importer");
  EXPECT_EQ(config.relayd_socket, "");
  EXPECT_EQ(config.socket_mode, 0600);
}

TEST(Config, ReadsLists) {
  const Config config = Full();
  ASSERT_EQ(config.lists.size(), 2u);
  const ListConfig& relays = config.lists[0];
  ASSERT_EQ(relays.default_values.size(), 1u);
  EXPECT_EQ(relays.default_values[0],
            (Value{0x7f000002, "open relay, see https://example.org/$", 600}));
  EXPECT_EQ(relays.policy.min_ipv4_length_bits, 16);
  EXPECT_EQ(relays.policy.min_ipv6_length_bits, 16);
  ASSERT_EQ(relays.policy.never.size(), 2u);
  EXPECT_EQ(relays.policy.never[1].ToString(), ".example.com");
  EXPECT_EQ(config.lists[1].default_values,
            (ValueSet{{0x7f000102, "a", 0}, {0x7f000104, "", 5}}));
  EXPECT_TRUE(config.lists[1].policy.allow_special_purpose);
}

TEST(Config, ReadsZones) {
  const Config config = Full();
  ASSERT_EQ(config.zones.size(), 3u);
  const ZoneConfig& zone = config.zones[0];
  EXPECT_EQ(zone.name, "relays.example.org");
  EXPECT_EQ(zone.wire_name, Wire("relays.example.org"));
  EXPECT_TRUE(zone.has_ipv4 && zone.has_ipv6 && !zone.has_names);
  EXPECT_EQ(zone.ttl_seconds, 300u);
  EXPECT_EQ(zone.negative_ttl_seconds, 30u);
  EXPECT_EQ(zone.soa_mname_wire, Wire("ns1.example.org"));
  EXPECT_EQ(zone.soa_rname_wire,
            std::string("\x0bhost.master\7example\3org\0", 25));
  EXPECT_EQ(zone.refresh_seconds, 1u);
  EXPECT_EQ(zone.retry_seconds, 2u);
  EXPECT_EQ(zone.expire_seconds, 3u);
  EXPECT_EQ(zone.soa_ttl_seconds, 4u);
  ASSERT_EQ(zone.ns_wire.size(), 2u);
  EXPECT_EQ(zone.ns_wire[0], Wire("ns1.example.org"));
  EXPECT_EQ(zone.ns_wire[1], Wire("ns.relays.example.org"));
  EXPECT_EQ(zone.ns_ttl_seconds, 2u * 86400);
  EXPECT_EQ(zone.test_code, 0x7f000009u);
  EXPECT_EQ(zone.test_reason, "testing $");
  EXPECT_TRUE(zone.unix_time_serial);
  EXPECT_EQ(zone.serial_base, 4000000000u);
  EXPECT_TRUE(config.zones[1].has_names && !config.zones[1].has_ipv4 &&
              !config.zones[1].has_ipv6);
  EXPECT_EQ(config.zones[1].soa_mname_wire, Wire("ns1.example.org"));
  EXPECT_EQ(config.zones[1].soa_rname_wire,
            Wire("hostmaster.names.example.org"));
  EXPECT_NE(config.zones[1].test_reason, "");
  EXPECT_EQ(config.zones[2].state, ZoneState::kRetired);
  EXPECT_TRUE(config.zones[2].has_ipv4 && !config.zones[2].has_ipv6);
}

TEST(Config, ReadsStaticRecordsIntoWireForm) {
  const ZoneConfig zone = Full().zones[0];
  ASSERT_EQ(zone.records.size(), 6u);
  EXPECT_EQ(zone.records[0].owner_wire, zone.wire_name);
  EXPECT_EQ(zone.records[0].ttl_seconds, 3600u);
  EXPECT_EQ(zone.records[0].rdata, std::string("\xc0\x00\x02\x50", 4));
  EXPECT_EQ(zone.records[1].ttl_seconds, 300u);  // the zone's
  EXPECT_EQ(zone.records[1].owner_wire, Wire("www.relays.example.org"));
  EXPECT_EQ(zone.records[2].type, 28);
  EXPECT_EQ(zone.records[4].type, 5);
  EXPECT_EQ(zone.records[4].owner_wire, Wire("alias.relays.example.org"));
  EXPECT_EQ(zone.records[4].rdata, Wire("www.relays.example.org"));
  EXPECT_EQ(zone.records[5].rdata, "\3a b\1c");
}

TEST(Config, ReadsDumps) {
  const Config config = Full();
  ASSERT_EQ(config.dumps.size(), 1u);
  EXPECT_EQ(config.dumps[0].zone, "relays.example.org");
  EXPECT_EQ(config.dumps[0].directory, "/srv/dump");
  EXPECT_EQ(config.dumps[0].formats.size(), 3u);
  EXPECT_EQ(config.dumps[0].every_seconds, 300);
}

TEST(Config, NamesFileLineColumnAndKeyOfAnUnknownKey) {
  EXPECT_EQ(ErrorWith("workers = 4", "worker = 4"),
            "/etc/rbld.toml:8:1: server.worker: unknown key; did you mean "
            "`workers`?");
  EXPECT_EQ(ErrorWith("negative_ttl = 30", "negativ_ttl = 30"),
            "/etc/rbld.toml:36:1: zone.negativ_ttl: unknown key; did you mean "
            "`negative_ttl`?");
  EXPECT_EQ(
      ErrorWith("rname = ", "colour = "),
      "/etc/rbld.toml:37:35: zone.soa.colour: unknown key; known here are "
      "mname, rname, ttl, refresh, retry, expire");
  EXPECT_EQ(ErrorWith("[[dump]]", "[[dumps]]"),
            "/etc/rbld.toml:65:3: dumps: unknown key; did you mean `dump`?");
  EXPECT_EQ(ErrorWith("ttl = 5}", "tll = 5}"),
            "/etc/rbld.toml:29:68: list.values.tll: unknown key; did you mean "
            "`ttl`?");
}

TEST(Config, NamesTheSyntaxErrorsPlace) {
  const std::string error = ErrorOf("[store]\ndirectory = \n");
  EXPECT_EQ(error.substr(0, 18), "/etc/rbld.toml:2:1") << error;
}

TEST(Config, RejectsValuesOfAWrongTypeOrOutOfRange) {
  EXPECT_EQ(ErrorWith("workers = 4", "workers = \"4\""),
            "/etc/rbld.toml:8:11: server.workers: must be an integer from 1 to "
            "256, not a string");
  EXPECT_EQ(ErrorWith("workers = 4", "workers = 257"),
            "/etc/rbld.toml:8:11: server.workers: is 257; must be from 1 to "
            "256");
  EXPECT_EQ(
      ErrorWith("journal_max_age = \"7d\"", "journal_max_age = \"7y\""),
      "/etc/rbld.toml:4:19: store.journal_max_age: \"7y\" is no duration; "
      "write seconds, or 35m, 1h30m, 30d (at most 100 years)");
  EXPECT_EQ(ErrorWith("\"0600\"", "\"0900\""),
            "/etc/rbld.toml:17:15: control.socket_mode: must be an octal file "
            "mode such as \"0660\"");
  EXPECT_EQ(
      ErrorWith("allow_special_purpose = true", "allow_special_purpose = 1"),
      "/etc/rbld.toml:30:25: list.allow_special_purpose: must be true or "
      "false, not an integer");
  EXPECT_EQ(ErrorWith("[[dump]]", "[dump]"),
            "/etc/rbld.toml:65:1: dump: must be an array, not a table");
  EXPECT_NE(ErrorWith("ttl = 300", "ttl = nan"), "ok");
}

TEST(Config, NamesAMissingKey) {
  EXPECT_EQ(ErrorOf("[store]\ndirectory = \"x\"\n[server]\nworkers = 1\n"),
            "/etc/rbld.toml:3:1: server.listen: is missing; it must be given "
            "(addresses with ports, such as \"192.0.2.1:53\" and "
            "\"[2001:db8::1]:53\"; port 53 may be left out; UDP and TCP)");
  EXPECT_NE(ErrorOf("").find("server: is missing"), std::string::npos);
}

TEST(Config, RejectsBadListenAddresses) {
  EXPECT_EQ(
      ErrorWith("\"127.0.0.1:5300\"", "\"::1\""),
      "/etc/rbld.toml:7:11: server.listen: \"::1\": an IPv6 address stands "
      "in brackets; write \"192.0.2.1:53\" or \"[2001:db8::1]:53\"");
  for (const char* bad :
       {"localhost:53", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "[::1",
        "[::1]53", "", "127.0.0.1:-1", "[127.0.0.1]:53"}) {
    EXPECT_NE(ErrorWith("\"127.0.0.1:5300\"", absl::StrCat("\"", bad, "\"")),
              "ok")
        << bad;
  }
  EXPECT_NE(ErrorWith("\"192.0.2.1\"", "\"127.0.0.1:5300\"")
                .find("stands here twice"),
            std::string::npos);
}

TEST(Config, RejectsTwoZonesOfOneNameInAnyCase) {
  EXPECT_EQ(ErrorWith("\"names.example.org\"", "\"RELAYS.example.org\""),
            "/etc/rbld.toml:54:8: zone.name: there is a zone "
            "\"relays.example.org\" already, at line 33; give this one another "
            "name");
}

TEST(Config, RejectsTwoListsOfOneNameAndBadNames) {
  EXPECT_NE(ErrorWith("name = \"names\"", "name = \"relays\"")
                .find("there is a list \"relays\" already, at line 20"),
            std::string::npos);
  for (const char* bad : {"", "Upper", "-x", "a b", "a.b"}) {
    EXPECT_NE(
        ErrorWith("name = \"names\"", absl::StrCat("name = \"", bad, "\""))
            .find("is no list name"),
        std::string::npos);
  }
}

TEST(Config, RejectsAZoneOrDumpOfSomethingUnknown) {
  EXPECT_EQ(ErrorWith("lists = [\"names\"]", "lists = [\"mames\"]"),
            "/etc/rbld.toml:56:10: zone.lists: there is no list \"mames\"; add "
            "a [[list]] of that name, or correct this one");
  EXPECT_NE(ErrorWith("zone = \"relays.example.org\"", "zone = \"x.example\"")
                .find("there is no zone \"x.example\""),
            std::string::npos);
  EXPECT_NE(
      ErrorWith("\"jsonl\"]", "\"csv\"]").find("\"csv\" is no format of dumps"),
      std::string::npos);
}

TEST(Config, RejectsAServingZoneWithoutAList) {
  EXPECT_NE(ErrorWith("state = \"retired\"", "state = \"serving\"")
                .find("publishes no list"),
            std::string::npos);
  EXPECT_NE(ErrorWith("state = \"retired\"", "state = \"closed\"")
                .find("is no state"),
            std::string::npos);
  EXPECT_NE(ErrorWith("kind = \"names\"", "kind = \"ipv5\"").find("is no kind"),
            std::string::npos);
}

TEST(Config, AListSaysWhichNamesItTakes) {
  EXPECT_EQ(Full().lists[0].policy.names, NameRule::kHost);
  EXPECT_EQ(ErrorWith("code = \"127.0.0.2\"",
                      "code = \"127.0.0.2\"\nnames = \"any\""),
            "ok");
  EXPECT_NE(
      ErrorWith("code = \"127.0.0.2\"", "code = \"127.0.0.2\"\nnames = \"all\"")
          .find("\"all\" is no rule of names; use \"host\" or \"any\""),
      std::string::npos);
}

TEST(Config, NeverListsAreOfHostsAndAddresses) {
  const auto error_with = [](const char* never) {
    return ErrorWith("\"198.51.100.1\"", absl::StrCat("\"", never, "\""));
  };
  for (const char* never : {"localhost", "bücher.example", "8.8.8.0/24"}) {
    EXPECT_EQ(error_with(never), "ok") << never;
  }
  EXPECT_NE(error_with("8.8.8.8;8.8.4.4"), "ok");
  // Earlier versions took these.
  for (const char* never : {"8.8.8.8:53", "b.example/x"}) {
    EXPECT_EQ(error_with(never), "ok") << never;
    const absl::StatusOr<Config> config = ParseConfig(
        absl::StrCat("[server]\nlisten = [\"127.0.0.1:53\"]\n",
                     "[[list]]\nname = \"l\"\nnever = [\"", never, "\"]\n"),
        "rbld.toml");
    ASSERT_TRUE(config.ok()) << config.status();
    ASSERT_EQ(config->warnings.size(), 1u);
    EXPECT_EQ(config->warnings[0].find("rbld.toml:5:"), 0u)
        << config->warnings[0];
    EXPECT_NE(config->warnings[0].find("it guards nothing"), std::string::npos);
  }
}

TEST(Config, RejectsCodesOutside127UnlessTheListAllowsThem) {
  EXPECT_NE(ErrorWith("code = \"127.0.0.2\"", "code = \"10.0.0.1\"")
                .find("/etc/rbld.toml:21:8: list.code: the code 10.0.0.1 is "
                      "outside 127.0.0.0/8"),
            std::string::npos);
  EXPECT_EQ(ErrorWith("code = \"127.0.0.2\"",
                      "code = \"10.0.0.1\"\nallow_any_code = true"),
            "ok");
  EXPECT_NE(ErrorWith("\"open relay, see https://example.org/$\"",
                      absl::StrCat("\"", std::string(4097, 'x'), "\"")),
            "ok");
  EXPECT_NE(ErrorWith("test_code = \"127.0.0.9\"", "test_code = \"10.0.0.1\""),
            "ok");
  EXPECT_NE(ErrorWith("values = [", "code = \"127.0.0.2\"\nvalues = [")
                .find("stands beside `values`"),
            std::string::npos);
}

TEST(Config, RejectsSocketsThatTwoRolesShare) {
  EXPECT_NE(ErrorWith("\"importer\"", "\"/run/rbld/operator\"")
                .find("control.importer_socket: is the same path as "
                      "control.operator_socket"),
            std::string::npos);
}

std::string WithRecord(absl::string_view record) {
  return ErrorWith("\"www A 192.0.2.81\"",
                   absl::StrCat("\"www A 192.0.2.81\", '", record, "'"));
}

TEST(Config, RejectsBadStaticRecords) {
  const auto has = [](absl::string_view record, absl::string_view what) {
    const std::string error = WithRecord(record);
    EXPECT_NE(error.find(std::string(what)), std::string::npos)
        << record << ": " << error;
  };
  has("www A", "is no record");
  has("x A 192.0.2.256", "is no record");
  has("x CH A 192.0.2.1", "only class IN");
  has("@ SOA a. b. 1 2 3 4 5", "come from the zone's keys");
  has("sub NS ns1.example.org.", "come from the zone's keys");
  has("x DS 1 8 2 00", "are not served");
  has("www.example.org. A 192.0.2.1", "is not in relays.example.org");
  has("*.x A 192.0.2.1", "wildcards are not served");
  has("1 A 192.0.2.1", "by which addresses are asked for");
  has("x.255 A 192.0.2.1", "by which addresses are asked for");
  has("a A 192.0.2.1", "by which addresses are asked for");
  has("www A 192.0.2.81", "stands here twice");
  has("www 301 A 192.0.2.82", "have one TTL");
  has("@ CNAME x", "cannot stand at the zone's own name");
  has("www CNAME x", "allows no other record");
  has("alias A 192.0.2.1", "allows no other record");
  has(" A 192.0.2.1", "must begin with an owner");
  has("$ORIGIN x", "is no record");
  EXPECT_EQ(WithRecord("256 A 192.0.2.1"), "ok");
  EXPECT_EQ(WithRecord("www TXT hello"), "ok");
}

TEST(Config, RejectsTestNamesInAZoneOfNames) {
  EXPECT_NE(ErrorWith("ns = \"ns1.example.org\"",
                      "ns = \"ns1.example.org\"\n"
                      "records = [\"test A 192.0.2.1\"]")
                .find("TEST and INVALID are test entries"),
            std::string::npos);
}

TEST(Config, RejectsBadNames) {
  EXPECT_NE(ErrorWith("\"names.example.org\"", "\"\"").find("is no zone name"),
            std::string::npos);
  EXPECT_NE(ErrorWith("\"names.example.org\"", "\"a..b\""), "ok");
  const std::string label(62, 'x');
  EXPECT_NE(
      ErrorWith("\"names.example.org\"",
                absl::StrCat("\"", label, ".", label, ".", label, ".org\"")),
      "ok")
      << "fits a name, but not with an address before it";
  EXPECT_NE(ErrorWith("ns = \"ns1.example.org\"", "ns = \"ns1\"")
                .find("must be a whole name"),
            std::string::npos);
  EXPECT_NE(ErrorWith("ns = \"ns1.example.org\"", "ns = []")
                .find("names no name server"),
            std::string::npos);
  EXPECT_NE(ErrorWith("\"host.master@example.org\"", "\"nobody\"")
                .find("is no mailbox"),
            std::string::npos);
}

TEST(LoadConfig, NamesTheFileThatIsMissing) {
  EXPECT_EQ(LoadConfig("/nonexistent/rbld.toml").status().message(),
            "/nonexistent/rbld.toml: open: No such file or directory");
}

TEST(LoadConfig, ReadsAFile) {
  const std::string path =
      absl::StrCat(getenv("TEST_TMPDIR"), "/config_test.toml");
  ASSERT_TRUE(WriteFileAtomically(path, kFull).ok());
  const Config config = LoadConfig(path).value();
  EXPECT_EQ(config.path, path);
  EXPECT_EQ(config.store_directory,
            absl::StrCat(getenv("TEST_TMPDIR"), "/data/store"));
}

TEST(ConfigReference, IsTheDocumentInDocs) {
  const absl::StatusOr<std::string> document =
      ReadFile("docs/CONFIGURATION.md", 1 << 20);
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_TRUE(*document == ConfigReference())
      << "write the page anew: bazel run //zones:config_reference > "
         "docs/CONFIGURATION.md";
}

TEST(ConfigReference, TellsTheRealDefaults) {
  const absl::StatusOr<Config> spelled =
      ParseConfig(ConfigOfDefaults(), "/etc/rbld.toml");
  ASSERT_TRUE(spelled.ok()) << spelled.status() << ConfigOfDefaults();
  const absl::StatusOr<Config> bare = ParseConfig(
      "[store]\ndirectory = \"store\"\n[server]\nlisten = [\"127.0.0.1:53\"]\n"
      "[[list]]\nname = \"relays\"\n[[zone]]\nname = \"relays.example.org\"\n"
      "lists = [\"relays\"]\nns = [\"ns1.example.org\"]\n[[dump]]\nzone = "
      "\"relays.example.org\"\ndirectory = \"dump\"\nformats = [\"jsonl\"]\n",
      "/etc/rbld.toml");
  ASSERT_TRUE(bare.ok()) << bare.status();
  EXPECT_EQ(spelled->journal_max_changes, bare->journal_max_changes);
  EXPECT_EQ(spelled->journal_max_age_seconds, bare->journal_max_age_seconds);
  EXPECT_EQ(spelled->workers, bare->workers);
  EXPECT_EQ(spelled->tcp_max_connections, bare->tcp_max_connections);
  EXPECT_EQ(spelled->tcp_idle_timeout_seconds, bare->tcp_idle_timeout_seconds);
  EXPECT_EQ(spelled->tcp_total_timeout_seconds,
            bare->tcp_total_timeout_seconds);
  EXPECT_EQ(spelled->socket_mode, bare->socket_mode);
  EXPECT_EQ(spelled->lists[0].default_values, bare->lists[0].default_values);
  EXPECT_EQ(spelled->lists[0].policy.min_ipv4_length_bits,
            bare->lists[0].policy.min_ipv4_length_bits);
  EXPECT_EQ(spelled->lists[0].policy.min_ipv6_length_bits,
            bare->lists[0].policy.min_ipv6_length_bits);
  EXPECT_EQ(spelled->dumps[0].every_seconds, bare->dumps[0].every_seconds);
  EXPECT_EQ(spelled->zones[0].serial_base, bare->zones[0].serial_base);
  // All that changes a zone's answers is in its fingerprint.
  EXPECT_EQ(ZoneSpecs(*spelled)[0].fingerprint,
            ZoneSpecs(*bare)[0].fingerprint);
}

TEST(ZoneSpecs, FingerprintMovesWithEveryPartOfTheAnswers) {
  const std::string before = ZoneSpecs(Full())[0].fingerprint;
  EXPECT_EQ(ZoneSpecs(Full())[0].fingerprint, before);
  const std::pair<const char*, const char*> changes[] = {
      {"ttl = 300", "ttl = 301"},
      {"negative_ttl = 30", "negative_ttl = 31"},
      {"retry = 2", "retry = 3"},
      {"host.master@", "hostmaster@"},
      {"NS1.example.org", "ns3.example.org"},
      {"ns_ttl = \"2d\"", "ns_ttl = \"3d\""},
      {"192.0.2.80", "192.0.2.81"},
      {"ns 60 A 203.0.113.53", "ns 60 A 203.0.113.54"},
      {"127.0.0.9", "127.0.0.8"},
      {"testing $", "testing"},
  };
  for (const auto& [from, to] : changes) {
    const auto config = ParseConfig(Changed(from, to), "/etc/rbld.toml");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_NE(ZoneSpecs(*config)[0].fingerprint, before) << from;
  }
  // How the serial counts is no answer.
  const auto config = ParseConfig(
      Changed("serial = \"unixtime\"", "serial = \"counter\""), "x");
  EXPECT_EQ(ZoneSpecs(*config)[0].fingerprint, before);
}

TEST(ListSpecs, NeverListTheZonesOwnNameServers) {
  const std::vector<ListSpec> specs = ListSpecs(Full());
  ASSERT_EQ(specs.size(), 2u);
  std::string never;
  for (const Target& target : specs[0].policy.never) {
    absl::StrAppend(&never, target.ToString(), " ");
  }
  EXPECT_EQ(never, "198.51.100.1 .example.com 2001:db8::53 203.0.113.53 ");
  EXPECT_TRUE(specs[1].policy.never.empty());
}

constexpr char kWatched[] = R"([server]
listen = ["127.0.0.1"]
[[list]]
name = "a"
[[zone]]
name = "z.test"
kind = "files"
lists = ["a"]
metadata = "files"
ttl = 77
[[dataset]]
name = "feed"
type = "ip4set"
files = ["feed", "/abs/feed"]
lists = ["a"]
[[dataset]]
name = "extra"
type = "generic"
files = ["extra"]
zones = ["z.test"]
[[dataset]]
name = "who"
type = "acl"
files = ["acl"]
zones = ["*"]
)";

std::string WatchedErrorWith(absl::string_view from, absl::string_view to) {
  EXPECT_TRUE(absl::StrContains(kWatched, from)) << from;
  return ErrorOf(absl::StrReplaceAll(kWatched, {{from, to}}));
}

TEST(WatchedFiles, BelongToZonesAndNeedNoStore) {
  const auto config = ParseConfig(kWatched, "/etc/rbld/rbld.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->store_directory, "");
  EXPECT_EQ(config->files_check_seconds, 60);
  EXPECT_EQ(config->files_scratch_directory, "/tmp");
  ASSERT_EQ(config->datasets.size(), 3u);
  EXPECT_EQ(config->datasets[0].spec.files,
            (std::vector<std::string>{"/etc/rbld/feed", "/abs/feed"}));
  // What gives no TTL has the zone's.
  EXPECT_EQ(config->datasets[0].spec.ttl.default_seconds, 77u);
  const ZoneConfig& zone = config->zones[0];
  EXPECT_EQ(zone.datasets, (std::vector<std::string>{"feed", "extra", "who"}));
  EXPECT_TRUE(zone.kind_from_files);
  EXPECT_TRUE(zone.metadata_from_files);
  EXPECT_TRUE(zone.ns_wire.empty());
}

TEST(WatchedFiles, OnlySomeTypesHaveEntryParameters) {
  const auto parameters = [](absl::string_view type, absl::string_view more) {
    const auto config = ParseConfig(
        absl::StrReplaceAll(
            kWatched, {{"\"ip4set\"", absl::StrCat("\"", type, "\"\n", more)}}),
        "rbld.toml");
    EXPECT_TRUE(config.ok()) << config.status();
    return config.ok() && config->datasets[0].spec.entry_parameters;
  };
  EXPECT_TRUE(parameters("dnhash", ""));
  EXPECT_FALSE(parameters("dnhash", "entry_parameters = false"));
  EXPECT_FALSE(parameters("ip4trie", ""));
  EXPECT_TRUE(parameters("ip4trie", "entry_parameters = true"));
  EXPECT_NE(
      WatchedErrorWith("\"ip4set\"", "\"ip4set\"\nentry_parameters = true")
          .find("only the types dnhash, ip4trie and ip6trie"),
      std::string::npos);
}

constexpr char kPolicies[] = R"([server]
listen = ["127.0.0.1"]
[store]
directory = "s"
[[list]]
name = "a"
[[list]]
name = "b"
[[zone]]
name = "z.test"
kind = "ipv4"
ns = ["ns.test.org"]
lists = ["a", {name = "b", code = "127.0.0.4", reason = "of b"}]
combine = "bitmask"
refused = {code = "127.255.255.254", reason = "$ may not ask"}
over_quota = {code = "127.255.255.255"}
wrong_kind = {code = "127.0.1.255"}
mistyped = {code = "127.255.255.252"}
key_overrides_access = true
[[zone.subzone]]
name = "sub"
lists = [{name = "a", code = "127.0.0.9"}]
[[zone.access]]
clients = ["10.0.0.0/8", "2001:db8::/32"]
action = "refuse"
[[zone.access]]
clients = ["10.1.0.0/16"]
action = "listed"
code = "127.0.0.66"
reason = "all"
)";

std::string PolicyErrorWith(absl::string_view from, absl::string_view to) {
  EXPECT_TRUE(absl::StrContains(kPolicies, from)) << from;
  return ErrorOf(absl::StrReplaceAll(kPolicies, {{from, to}}));
}

TEST(ZonePolicies, AreRead) {
  const auto config = ParseConfig(kPolicies, "rbld.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  const ZoneConfig& zone = config->zones[0];
  EXPECT_EQ(zone.lists, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(zone.list_values.size(), 1u);
  EXPECT_EQ(zone.list_values.at("b").code, 0x7f000004u);
  EXPECT_EQ(zone.list_values.at("b").reason, "of b");
  EXPECT_EQ(zone.combining, Combining::kBitMask);
  EXPECT_EQ(zone.refused->reason, "$ may not ask");
  EXPECT_EQ(zone.over_quota->code, 0x7fffffffu);
  EXPECT_EQ(zone.wrong_kind->code, 0x7f0001ffu);
  EXPECT_EQ(zone.mistyped->code, 0x7ffffffcu);
  EXPECT_TRUE(zone.key_overrides_access);
  ASSERT_EQ(zone.subzones.size(), 1u);
  EXPECT_EQ(zone.subzones[0].labels, "\3sub");
  EXPECT_EQ(zone.subzones[0].list_values.at("a").code, 0x7f000009u);
  EXPECT_FALSE(zone.subzones[0].list_values.at("a").reason.has_value());
  ASSERT_EQ(zone.access.size(), 2u);
  EXPECT_EQ(zone.access[0].clients.size(), 2u);
  EXPECT_EQ(zone.access[1].action, AccessAction::kListed);
  EXPECT_EQ(zone.access[1].value.reason, "all");
  // What a zone answers moves its serial when the configuration changes it.
  const std::string fingerprint = ZoneSpecs(*config)[0].fingerprint;
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{
           {"\"bitmask\"", "\"records\""},
           {"127.0.0.4", "127.0.0.5"},
           {"of b", "of B"},
           {"127.0.0.9", "127.0.0.10"},
           {"127.0.1.255", "127.0.1.254"},
           {"\"sub\"", "\"subs\""}}) {
    const auto other =
        ParseConfig(absl::StrReplaceAll(kPolicies, {{from, to}}), "rbld.toml");
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_NE(ZoneSpecs(*other)[0].fingerprint, fingerprint) << from;
  }
}

TEST(ZonePolicies, MistakesAreNamed) {
  const auto has = [](const std::string& error, absl::string_view part) {
    EXPECT_TRUE(absl::StrContains(error, part)) << error;
  };
  has(PolicyErrorWith("{name = \"b\"", "{name = \"c\""),
      "there is no list \"c\"");
  has(PolicyErrorWith("{name = \"b\"", "{name = \"a\""), "stands here twice");
  has(PolicyErrorWith("127.0.0.4", "0.0.0.0"), "0.0.0.0 says nothing");
  has(PolicyErrorWith("bitmask", "bits"), "use \"records\" or \"bitmask\"");
  has(PolicyErrorWith("{code = \"127.255.255.255\"}", "{reason = \"x\"}"),
      "zone.over_quota");
  has(PolicyErrorWith("\"ipv4\"", "[\"ipv4\", \"names\"]"),
      "this one has both");
  has(PolicyErrorWith("\"sub\"", "\"sub.\""), "is no name of a subzone");
  has(PolicyErrorWith("[{name = \"a\", code = \"127.0.0.9\"}]", "[]"),
      "publishes no list");
  has(PolicyErrorWith("\"10.1.0.0/16\"", "\"10.0.0.0/8\""),
      "has a rule in this zone already");
  has(PolicyErrorWith("\"10.1.0.0/16\"", "\"10.1.0.0/40\""), "10.1.0.0/40");
  has(PolicyErrorWith("\"listed\"", "\"pass\""), "beside another action");
  has(PolicyErrorWith("\"refuse\"", "\"deny\""), "is no action");
  const std::string dump =
      "[[dump]]\nzone = \"z.test\"\ndirectory = \"d\"\nformats = "
      "[\"rfc1035\"]\n";
  has(ErrorOf(kPolicies + dump), "has subzones, which a dump does not hold");
}

TEST(WatchedFiles, MistakesAreNamed) {
  EXPECT_NE(WatchedErrorWith("\"ip4set\"", "\"ip4sets\"")
                .find(":13:8: dataset.type: \"ip4sets\" is no type of dataset; "
                      "use one of ip4set, "),
            std::string::npos);
  EXPECT_NE(WatchedErrorWith("\"extra\"\ntype", "\"feed\"\ntype")
                .find("there is a dataset \"feed\" already"),
            std::string::npos);
  EXPECT_NE(WatchedErrorWith("zones = [\"z.test\"]", "lists = [\"a\"]")
                .find("a dataset of type generic is for `zones`, not for "
                      "`lists`"),
            std::string::npos);
  EXPECT_NE(WatchedErrorWith("zones = [\"z.test\"]", "zones = [\"*\"]")
                .find("there is no zone \"*\""),
            std::string::npos);
  EXPECT_NE(WatchedErrorWith("zones = [\"z.test\"]", "")
                .find("must name its `zones`"),
            std::string::npos);
  EXPECT_NE(WatchedErrorWith("lists = [\"a\"]\n[[", "lists = [\"b\"]\n[[")
                .find("there is no list \"b\""),
            std::string::npos);
  EXPECT_NE(WatchedErrorWith("[\"feed\", \"/abs/feed\"]", "[]")
                .find("`files` is empty"),
            std::string::npos);
  EXPECT_NE(WatchedErrorWith("metadata = \"files\"", "ns = [\"ns.test.org\"]")
                .find("set serial = \"unixtime\", or metadata = \"files\""),
            std::string::npos);
  EXPECT_NE(WatchedErrorWith("metadata = \"files\"", "metadata = \"file\"")
                .find("use \"config\" or \"files\""),
            std::string::npos);
  EXPECT_NE(
      ErrorOf(absl::StrCat(kWatched, "[control]\noperator_socket = \"s\"\n"))
          .find("needs a store to act on"),
      std::string::npos);
}

}  // namespace
}  // namespace rbld
