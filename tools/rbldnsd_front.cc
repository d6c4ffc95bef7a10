#include "tools/rbldnsd_front.h"

#include <getopt.h>
#include <netdb.h>
#include <sys/socket.h>
#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "zones/duration.h"

namespace rbld {
namespace {

// What version.bind says without -v: the rbldnsd that it stands for, and that
// it is none.
constexpr char kFrontVersion[] = "rbldnsd 1.0 (rbld)";
constexpr uint32_t kDefaultTtlSeconds = 2100;  // rbldnsd's 35m
// For getopt: a colon first tells a missing value from an unknown option.
constexpr char kFlags[] = ":u:r:b:w:t:c:p:l:s:F:x:X:46vneqfaACdh";
// What -F takes.
constexpr absl::string_view kFacilities[] = {
    "auth",   "authpriv", "cron",   "daemon", "ftp",    "kern",   "lpr",
    "mail",   "news",     "syslog", "user",   "uucp",   "local0", "local1",
    "local2", "local3",   "local4", "local5", "local6", "local7"};

absl::Status Usage(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, "; rbldnsd -h shows the options"));
}

absl::StatusOr<uint32_t> ParseSeconds(absl::string_view flag,
                                      absl::string_view text) {
  const absl::StatusOr<int64_t> seconds = ParseDurationSeconds(text);
  if (!seconds.ok() || *seconds > 0x7fffffff) {
    return Usage(absl::StrCat("-", flag, ": \"", text, "\" is no time"));
  }
  return static_cast<uint32_t>(*seconds);
}

// "default:min:max"; each may be left out.
absl::Status ParseTtl(absl::string_view text, TtlLimits* ttl) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  if (parts.size() > 3) return Usage("-t takes DEFAULT:MIN:MAX");
  uint32_t* const fields[] = {&ttl->default_seconds, &ttl->min_seconds,
                              &ttl->max_seconds};
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty()) continue;
    const absl::StatusOr<uint32_t> seconds = ParseSeconds("t", parts[i]);
    if (!seconds.ok()) return seconds.status();
    *fields[i] = *seconds;
  }
  if (text.empty() || ttl->default_seconds == 0) {
    return Usage("-t: the default TTL is not above 0");
  }
  if (ttl->default_seconds < ttl->min_seconds ||
      (ttl->max_seconds != 0 && ttl->default_seconds > ttl->max_seconds)) {
    return Usage(
        absl::StrCat("-t ", text, ": the default is not between the limits"));
  }
  return absl::OkStatus();
}

absl::Status TakeValue(char flag, const std::string& value,
                       FrontOptions* options) {
  switch (flag) {
    case 'u':
      // Empty means the default further on.
      if (value.empty()) return Usage("-u names no user");
      options->user = value;
      break;
    case 'r':
      options->root = value;
      break;
    case 'b':
      options->binds.push_back(value);
      break;
    case 'w':
      options->work = value;
      break;
    case 't':
      return ParseTtl(value, &options->ttl);
    case 'c': {
      const absl::StatusOr<uint32_t> seconds = ParseSeconds("c", value);
      if (!seconds.ok()) return seconds.status();
      options->check_seconds = *seconds;
      break;
    }
    case 'p':
      options->pid_file = value;
      break;
    case 'l':
      // With and without '+' a batch of queries is written at once.
      options->log_file =
          std::string(absl::StripPrefix(absl::string_view(value), "+"));
      break;
    case 's':
      options->stats_deltas = absl::StartsWith(value, "+");
      options->stats_file =
          std::string(absl::StripPrefix(absl::string_view(value), "+"));
      break;
    case 'F':
      if (!absl::c_linear_search(kFacilities, value)) {
        return Usage(absl::StrCat("-F ", value, ": no such facility"));
      }
      options->ignored.push_back(
          "-F: messages go to standard error, and from there to where the "
          "service manager sends them");
      break;
    default:
      return Usage(absl::StrCat("-", std::string(1, flag),
                                ": extensions are not supported"));
  }
  return absl::OkStatus();
}

void TakeFlag(char flag, FrontOptions* options) {
  switch (flag) {
    case '4':
      options->family = AF_INET;
      break;
    case '6':
      options->family = AF_INET6;
      break;
    case 'v':
      ++options->hide_version;
      break;
    case 'n':
      options->foreground = true;
      break;
    case 'e':
      options->host_bits = true;
      break;
    case 'q':
      options->quick = true;
      break;
    case 'a':
      options->ns_in_answers = false;
      break;
    case 'A':
      options->ns_in_answers = true;
      break;
    case 'C':
      options->decompress = false;
      break;
    case 'd':
      options->dump = true;
      break;
    case 'h':
      options->help = true;
      break;
    default:
      // -f: data is loaded beside the queries in any case.
      break;
  }
}

absl::StatusOr<FrontZoneSpec> ParseZoneSpec(const std::string& text) {
  const std::vector<std::string> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 2));
  if (parts.size() != 3 || parts[2].empty()) {
    return Usage(
        absl::StrCat("\"", text, "\" is no zone; write ZONE:TYPE:FILE,FILE…"));
  }
  FrontZoneSpec spec;
  spec.zone = absl::AsciiStrToLower(parts[0]);
  if (spec.zone.size() > 1 && spec.zone.back() == '.') spec.zone.pop_back();
  const absl::StatusOr<DatasetType> type = ParseDatasetType(parts[1]);
  if (!type.ok()) {
    return Usage(absl::StrCat(text, ": ", type.status().message()));
  }
  spec.type = *type;
  if (spec.zone == ".") {
    return Usage(absl::StrCat(text, ": the root is no zone"));
  }
  if (spec.zone.empty() && !IsAccessList(spec.type)) {
    return Usage(
        absl::StrCat(text, ": only an acl or aclkey may be for every zone"));
  }
  spec.files = absl::StrSplit(parts[2], ',', absl::SkipEmpty());
  if (spec.files.empty()) return Usage(absl::StrCat(text, " names no file"));
  return spec;
}

toml::array Strings(const std::vector<std::string>& texts) {
  toml::array array;
  for (const std::string& text : texts) array.push_back(text);
  return array;
}

}  // namespace

const char kFrontHelp[] =
    R"(rbldnsd: rbl dns daemon version 1.0 (rbld with rbldnsd's command line)
Usage: rbldnsd options zone:type:file,file...
Options:
 -u user[:group] - become this user (rbldns, when started as root); names or
  numbers
 -r rootdir - chroot to this directory
 -w workdir - working directory with the data files
 -b address[/port] - answer on this address, UDP and TCP (required,
  unless the service manager passes sockets)
 -4 - IPv4 addresses only
 -6 - IPv6 addresses only
 -t ttl[:min[:max]] - default TTL (35m), and the limits of those in the data
 -v - hide the version from version.bind CH TXT (-v -v: refuse it)
 -e - take ranges such as 127.0.0.1/8 whose address is not the first
 -c check - how often files are looked at for changes (1m; 0: on SIGHUP only)
 -p pidfile - write the process's id to this file
 -n - do not become a daemon (never done under NOTIFY_SOCKET)
 -f - accepted: queries never wait for a reload here
 -q - quick start: load data after the start, and start even if that fails
 -l [+]logfile - write a line for each query there (-: standard output)
 -s [+]statsfile - write counters there every `check' (+: differences)
 -a - no NS records in answers that did not ask for them
 -A - NS records in every positive answer (the default, as in rbldnsd)
 -F facility - accepted: messages go to standard error
 -C - read files as they are, gzip or not
 -d - write the zones to standard output as zone files, and end
Dataset types: ip4set, ip4tset, ip4trie, ip6tset, ip6trie, dnset, dnhash,
generic, combined, acl, aclkey.
)";

absl::StatusOr<FrontOptions> ParseFrontArguments(
    const std::vector<std::string>& arguments, bool has_sockets) {
  FrontOptions options;
  options.ttl.default_seconds = kDefaultTtlSeconds;
  std::vector<std::string> words = {"rbldnsd"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int argc = static_cast<int>(words.size());
  optind = 0;  // GNU's getopt starts anew
  opterr = 0;
  for (int flag; (flag = getopt(argc, argv.data(), kFlags)) != -1;) {
    const std::string option(1, static_cast<char>(optopt));
    if (flag == '?') return Usage(absl::StrCat("unknown option -", option));
    if (flag == ':') return Usage(absl::StrCat("-", option, " needs a value"));
    if (optarg == nullptr) {
      TakeFlag(static_cast<char>(flag), &options);
      if (options.help) return options;
      continue;
    }
    const absl::Status status =
        TakeValue(static_cast<char>(flag), optarg, &options);
    if (!status.ok()) return status;
  }
  for (int i = optind; i < argc; ++i) {
    absl::StatusOr<FrontZoneSpec> spec =
        ParseZoneSpec(argv[static_cast<size_t>(i)]);
    if (!spec.ok()) return spec.status();
    options.zones.push_back(*std::move(spec));
  }
  if (options.binds.empty() && !has_sockets && !options.dump) {
    return Usage("no address to answer on (-b)");
  }
  const bool has_zone =
      std::any_of(options.zones.begin(), options.zones.end(),
                  [](const FrontZoneSpec& spec) { return !spec.zone.empty(); });
  if (!has_zone) return Usage("no zone is named");
  return options;
}

absl::StatusOr<std::vector<std::string>> ResolveBind(absl::string_view bind,
                                                     int family) {
  const size_t slash = bind.find('/');
  const std::string host(bind.substr(0, slash));
  const std::string port(slash == absl::string_view::npos
                             ? "53"
                             : std::string(bind.substr(slash + 1)));
  addrinfo hints = {};
  hints.ai_family = family == 0 ? AF_UNSPEC : family;
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(host.empty() || host == "*" ? nullptr : host.c_str(),
                  port.c_str(), &hints, &found);
  if (error != 0) {
    return Usage(absl::StrCat("-b ", bind, ": ", gai_strerror(error)));
  }
  std::vector<std::string> listen;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    char address[NI_MAXHOST];
    char service[NI_MAXSERV];
    if (getnameinfo(one->ai_addr, one->ai_addrlen, address, sizeof(address),
                    service, sizeof(service),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
      continue;
    }
    std::string text = one->ai_family == AF_INET6
                           ? absl::StrCat("[", address, "]:", service)
                           : absl::StrCat(address, ":", service);
    if (std::find(listen.begin(), listen.end(), text) == listen.end()) {
      listen.push_back(std::move(text));
    }
  }
  freeaddrinfo(found);
  if (listen.empty()) return Usage(absl::StrCat("-b ", bind, ": no address"));
  return listen;
}

std::string FrontConfig(const FrontOptions& options,
                        const std::vector<std::string>& listen) {
  // Each zone has a list of its own, to which its datasets belong.
  std::vector<std::string> zones;
  const auto list_of = [&zones](const std::string& zone) {
    const auto found = std::find(zones.begin(), zones.end(), zone);
    const size_t number = static_cast<size_t>(found - zones.begin()) + 1;
    if (found == zones.end()) zones.push_back(zone);
    return absl::StrCat("zone-", number);
  };
  // A dataset that several zones name is loaded once.
  std::vector<std::string> order;
  std::map<std::string, toml::table> datasets;
  for (const FrontZoneSpec& spec : options.zones) {
    const std::string name = absl::StrCat(DatasetTypeName(spec.type), ":",
                                          absl::StrJoin(spec.files, ","));
    toml::table& dataset = datasets[name];
    if (dataset.empty()) {
      order.push_back(name);
      dataset.insert("name", name);
      dataset.insert("type", DatasetTypeName(spec.type));
      // From the working directory, which rbld makes its own.
      dataset.insert("files", Strings(spec.files));
      dataset.insert("ttl", int64_t{options.ttl.default_seconds});
      dataset.insert("min_ttl", int64_t{options.ttl.min_seconds});
      dataset.insert("max_ttl", int64_t{options.ttl.max_seconds});
      dataset.insert("host_bits", options.host_bits);
      dataset.insert("decompress", options.decompress);
      dataset.insert(HoldsListings(spec.type) ? "lists" : "zones",
                     toml::array());
    }
    if (!spec.zone.empty()) list_of(spec.zone);
    const std::string user = HoldsListings(spec.type) ? list_of(spec.zone)
                             : spec.zone.empty()      ? "*"
                                                      : spec.zone;
    toml::array& users =
        *dataset[HoldsListings(spec.type) ? "lists" : "zones"].as_array();
    bool known = false;
    for (const toml::node& node : users) known |= node.value_or("") == user;
    if (!known) users.push_back(user);
  }
  toml::table config;
  toml::table server;
  server.insert("listen", Strings(listen));
  if (!options.user.empty()) server.insert("user", options.user);
  if (!options.log_file.empty()) server.insert("query_log", options.log_file);
  if (options.hide_version == 0) server.insert("version", kFrontVersion);
  if (options.hide_version == 1) server.insert("version", "rbldnsd");
  config.insert("server", server);
  toml::table files;
  files.insert("check", options.check_seconds);
  files.insert("may_fail_at_start", options.quick);
  config.insert("files", files);
  toml::array lists, zone_tables, dataset_tables;
  for (const std::string& zone : zones) {
    toml::table list;
    list.insert("name", list_of(zone));
    lists.push_back(list);
    toml::table table;
    table.insert("name", zone);
    table.insert("kind", "files");
    table.insert("lists", Strings({list_of(zone)}));
    table.insert("metadata", "files");
    table.insert("ipv4_in_ipv6", true);
    table.insert("ns_in_answers", options.ns_in_answers);
    table.insert("ttl", int64_t{options.ttl.default_seconds});
    zone_tables.push_back(table);
  }
  for (const std::string& name : order)
    dataset_tables.push_back(datasets[name]);
  config.insert("list", lists);
  config.insert("zone", zone_tables);
  config.insert("dataset", dataset_tables);
  std::ostringstream text;
  text << config << "\n";
  return text.str();
}

}  // namespace rbld
