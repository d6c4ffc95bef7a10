#include "zones/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file_util.h"
#include "dns/name.h"
#include "zones/config_relay.h"
#include "zones/config_settings.h"
#include "zones/config_zone.h"
#include "zones/dump_format.h"
#include "zones/written_target.h"

namespace rbld {
namespace {

constexpr size_t kMaxConfigBytes = 16 << 20;

bool IsListName(absl::string_view name) {
  if (name.empty() || name.size() > 63) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool inner = c == '_' || c == '-';
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) &&
        !(inner && i > 0)) {
      return false;
    }
  }
  return true;
}

absl::Status FinishServer(const ServerDraft& draft, Config* config) {
  for (const auto& [text, node] : draft.listen) {
    absl::StatusOr<ListenAddress> listen = ParseListenAddress(text);
    if (!listen.ok()) return node.Error(listen.status().message());
    for (const ListenAddress& other : config->listen) {
      if (other.address == listen->address && other.port == listen->port &&
          listen->port != 0) {
        return node.Error(absl::StrCat("\"", text, "\" stands here twice"));
      }
    }
    config->listen.push_back(*std::move(listen));
  }
  return absl::OkStatus();
}

absl::Status FinishControl(const ControlDraft& draft) {
  std::map<std::string, std::string> seen;
  for (const auto& [key, node] : draft.sockets) {
    std::string path;
    if (const absl::Status s = node.ReadPath(&path); !s.ok()) return s;
    if (path.empty()) continue;
    const auto [at, fresh] = seen.emplace(path, key);
    if (!fresh) {
      return node.Error(absl::StrCat(
          "is the same path as ", at->second,
          "; each role has a socket of its own, as the role comes from it"));
    }
  }
  return absl::OkStatus();
}

absl::Status FinishValues(const ListDraft& draft, ListConfig* list) {
  const TomlNode* where = &draft.node;
  if (!draft.values.empty()) {
    if (draft.single_value.present()) {
      return draft.single_value.Error(
          "stands beside `values`; give either `values`, or `code`, `reason` "
          "and `ttl` for one value");
    }
    list->default_values.clear();
    for (const auto& [value, node] : draft.values) {
      list->default_values.push_back(value);
      const absl::Status status = CheckValues(list->policy, {value});
      if (!status.ok()) return node.Error(status.message());
    }
  } else {
    list->default_values = {draft.value};
    if (draft.single_value.present()) where = &draft.single_value;
  }
  Normalize(&list->default_values);
  const absl::Status status = CheckValues(list->policy, list->default_values);
  if (!status.ok()) return where->Error(status.message());
  return absl::OkStatus();
}

absl::Status FinishList(const TomlNode& node, Config* config,
                        std::map<std::string, uint32_t>* lines) {
  ListDraft draft;
  draft.node = node;
  if (const absl::Status s = ReadTable(node, ListSettings(), &draft); !s.ok()) {
    return s;
  }
  ListConfig& list = draft.list;
  if (!IsListName(list.name)) {
    return draft.name_node.Error(absl::StrCat(
        "\"", list.name,
        "\" is no list name; use a-z, 0-9, - and _, at most 63 characters, "
        "the first a letter or digit"));
  }
  const auto [first, fresh] = lines->emplace(list.name, draft.name_node.line());
  if (!fresh) {
    return draft.name_node.Error(
        absl::StrCat("there is a list \"", list.name, "\" already, at line ",
                     first->second, "; give this one another name"));
  }
  for (const auto& [text, never_node] : draft.never) {
    absl::StatusOr<WrittenTarget> written = ParseWrittenTarget(text);
    if (!written.ok()) return never_node.Error(written.status().message());
    // A guard that can match nothing is a false comfort. Some of them earlier
    // versions took.
    if (const absl::Status s = CheckListable(written->target, NameRule::kAny);
        !s.ok()) {
      if (text.find_first_of("\";@\\") != std::string::npos) {
        return never_node.Error(s.message());
      }
      config->warnings.push_back(absl::StrCat(
          never_node.Error(s.message()).message(), "; it guards nothing"));
    }
    list.policy.never.push_back(std::move(written->target));
  }
  if (const absl::Status s = FinishValues(draft, &list); !s.ok()) return s;
  config->lists.push_back(std::move(list));
  return absl::OkStatus();
}

// The lists or zones that a dataset names.
absl::Status FinishDatasetUsers(const Config& config, DatasetDraft* draft) {
  DatasetConfig& dataset = draft->dataset;
  const bool holds_listings = HoldsListings(dataset.spec.type);
  const PlacedTexts& wrong = holds_listings ? draft->zones : draft->lists;
  if (!wrong.empty()) {
    return wrong.front().second.Error(
        absl::StrCat("a dataset of type ", draft->type, " is for ",
                     holds_listings ? "`lists`, not for `zones`"
                                    : "`zones`, not for `lists`"));
  }
  for (const auto& [name, node] : draft->lists) {
    const absl::Status s = CheckListIsKnown(config, name, node);
    if (!s.ok()) return s;
    dataset.lists.push_back(name);
  }
  for (const auto& [name, node] : draft->zones) {
    bool known = name == "*" && IsAccessList(dataset.spec.type);
    for (const ZoneConfig& zone : config.zones) known |= zone.name == name;
    if (!known) {
      return node.Error(
          absl::StrCat("there is no zone \"", name,
                       "\"; add a [[zone]] of that name, or correct this "
                       "one"));
    }
    dataset.zones.push_back(name);
  }
  if (dataset.lists.empty() && dataset.zones.empty()) {
    return draft->node.Error(
        absl::StrCat("a dataset of type ", draft->type, " must name its `",
                     holds_listings ? "lists" : "zones", "`"));
  }
  return absl::OkStatus();
}

// Adds a dataset of listings to a zone that publishes one of its lists.
bool UseDataset(const DatasetConfig& dataset, ZoneSources* sources) {
  bool used = false;
  for (const std::string& list : sources->lists) {
    if (std::find(dataset.lists.begin(), dataset.lists.end(), list) ==
        dataset.lists.end()) {
      continue;
    }
    if (!used) sources->datasets.push_back(dataset.spec.name);
    sources->dataset_lists.emplace(dataset.spec.name, list);
    used = true;
    const auto values = sources->list_values.find(list);
    if (values != sources->list_values.end()) {
      sources->dataset_values.emplace(dataset.spec.name, values->second);
    }
  }
  return used;
}

absl::Status FinishDataset(const TomlNode& node, Config* config) {
  DatasetDraft draft;
  draft.node = node;
  if (const absl::Status s = ReadTable(node, DatasetSettings(), &draft);
      !s.ok()) {
    return s;
  }
  DatasetConfig& dataset = draft.dataset;
  const absl::StatusOr<DatasetType> type = ParseDatasetType(draft.type);
  if (!type.ok()) return draft.type_node.Error(type.status().message());
  dataset.spec.type = *type;
  for (const DatasetConfig& other : config->datasets) {
    if (other.spec.name == dataset.spec.name) {
      return draft.name_node.Error(
          absl::StrCat("there is a dataset \"", dataset.spec.name,
                       "\" already; give this one another name"));
    }
  }
  for (const auto& [text, file_node] : draft.files) {
    std::string path;
    if (const absl::Status s = file_node.ReadPath(&path); !s.ok()) return s;
    dataset.spec.files.push_back(std::move(path));
  }
  if (dataset.spec.files.empty()) return draft.node.Error("`files` is empty");
  if (const absl::Status s = FinishDatasetUsers(*config, &draft); !s.ok()) {
    return s;
  }
  if (!draft.entry_parameters.present()) {
    dataset.spec.entry_parameters = dataset.spec.type == DatasetType::kDnhash;
  } else if (dataset.spec.entry_parameters &&
             !MayHaveParameters(dataset.spec.type)) {
    return draft.entry_parameters.Error(
        "only the types dnhash, ip4trie and ip6trie have parameters");
  }
  for (ZoneConfig& zone : config->zones) {
    bool used = UseDataset(dataset, &zone);
    for (SubzoneConfig& subzone : zone.subzones) {
      used |= UseDataset(dataset, &subzone);
    }
    for (const std::string& name : dataset.zones) {
      if (name != zone.name && name != "*") continue;
      zone.datasets.push_back(dataset.spec.name);
      used = true;
    }
    if (!used) continue;
    // Records of generic data are rendered once, for all zones.
    if (dataset.spec.ttl.default_seconds == 0) {
      dataset.spec.ttl.default_seconds = zone.ttl_seconds;
    }
  }
  config->datasets.push_back(std::move(dataset));
  return absl::OkStatus();
}

// What hangs on there being a store.
absl::Status FinishFiles(const FileDraft& draft, Config* config) {
  if (config->files_scratch_directory.empty()) {
    config->files_scratch_directory =
        config->store_directory.empty() ? "/tmp" : config->store_directory;
  }
  if (!config->store_directory.empty()) return absl::OkStatus();
  for (const auto& [key, node] : draft.control.sockets) {
    std::string path;
    if (node.ReadPath(&path).ok() && !path.empty()) {
      return node.Error(
          "needs a store to act on; add [store] with its directory, or leave "
          "the sockets out");
    }
  }
  if (!draft.dumps.empty()) {
    return draft.dumps.front().Error("needs a store; add [store]");
  }
  return absl::OkStatus();
}

absl::Status FinishDump(const TomlNode& node, Config* config) {
  DumpDraft draft;
  if (const absl::Status s = ReadTable(node, DumpSettings(), &draft); !s.ok()) {
    return s;
  }
  DumpConfig& dump = draft.dump;
  dump.zone = absl::AsciiStrToLower(dump.zone);
  if (!dump.zone.empty() && dump.zone.back() == '.') dump.zone.pop_back();
  const auto zone = std::find_if(
      config->zones.begin(), config->zones.end(),
      [&dump](const ZoneConfig& known) { return known.name == dump.zone; });
  if (zone == config->zones.end()) {
    return draft.zone_node.Error(
        absl::StrCat("there is no zone \"", dump.zone,
                     "\"; add a [[zone]] of that name, or correct this one"));
  }
  if (const absl::Status s = CheckDumpable(*zone); !s.ok()) {
    return draft.zone_node.Error(s.message());
  }
  for (const auto& [name, format_node] : draft.formats) {
    const absl::StatusOr<DumpFormat> format = ParseDumpFormat(name);
    if (!format.ok()) return format_node.Error(format.status().message());
    dump.formats.push_back(name);
  }
  if (dump.formats.empty()) {
    return draft.formats_node.Error("names no format");
  }
  for (const DumpConfig& other : config->dumps) {
    if (other.directory == dump.directory) {
      return draft.directory_node.Error(absl::StrCat(
          "\"", dump.directory, "\" is the folder of the dump of ", other.zone,
          " already; a folder has one MANIFEST, so choose another"));
    }
  }
  config->dumps.push_back(std::move(dump));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text,
                                                 uint16_t default_port) {
  const auto bad = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\": ", why, "; write \"192.0.2.1:", default_port,
        "\" or \"[2001:db8::1]:", default_port, "\""));
  };
  ListenAddress listen;
  listen.text = text;
  absl::string_view rest = text;
  std::string port_text = absl::StrCat(default_port);
  int family = AF_INET;
  if (!rest.empty() && rest[0] == '[') {
    family = AF_INET6;
    const size_t close = rest.find(']');
    if (close == absl::string_view::npos) return bad("the ] is missing");
    listen.address = std::string(rest.substr(1, close - 1));
    rest.remove_prefix(close + 1);
    if (!rest.empty() && rest[0] != ':') return bad("no port after the ]");
    if (!rest.empty()) port_text = std::string(rest.substr(1));
  } else {
    const size_t colon = rest.find(':');
    if (colon != rest.rfind(':')) {
      return bad("an IPv6 address stands in brackets");
    }
    listen.address = std::string(rest.substr(0, colon));
    if (colon != absl::string_view::npos) {
      port_text = std::string(rest.substr(colon + 1));
    }
  }
  unsigned char scratch[16];
  if (inet_pton(family, listen.address.c_str(), scratch) != 1) {
    return bad("not a numeric address");
  }
  // Port 0 lets the kernel choose, which tests use.
  uint32_t port = 0;
  if (port_text.empty() || !absl::ascii_isdigit(port_text[0]) ||
      !absl::SimpleAtoi(port_text, &port) || port > 65535) {
    return bad("the port must be from 0 to 65535");
  }
  listen.port = static_cast<uint16_t>(port);
  return listen;
}

absl::StatusOr<Config> ParseConfig(absl::string_view text,
                                   const std::string& path) {
  const toml::parse_result parsed =
      toml::parse(std::string_view(text.data(), text.size()));
  if (!parsed) {
    const toml::source_position at = parsed.error().source().begin;
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", at.line, ":", at.column, ": ",
                     absl::string_view(parsed.error().description().data(),
                                       parsed.error().description().size())));
  }
  FileDraft draft;
  draft.config.path = path;
  const TomlNode root(&parsed.table(), &path, "");
  absl::Status status = ReadTable(root, FileSettings(), &draft);
  if (!status.ok()) return status;
  Config& config = draft.config;
  status = FinishServer(draft.server, &config);
  if (!status.ok()) return status;
  status = FinishControl(draft.control);
  if (!status.ok()) return status;
  std::map<std::string, uint32_t> list_lines;
  for (const TomlNode& node : draft.lists) {
    status = FinishList(node, &config, &list_lines);
    if (!status.ok()) return status;
  }
  if (draft.relay.present()) {
    status = FinishRelay(draft.relay, &config);
    if (!status.ok()) return status;
  }
  std::map<std::string, uint32_t> zone_lines;
  for (const TomlNode& node : draft.zones) {
    status = FinishZone(node, &config, &zone_lines);
    if (!status.ok()) return status;
  }
  for (const TomlNode& node : draft.datasets) {
    status = FinishDataset(node, &config);
    if (!status.ok()) return status;
  }
  for (size_t i = 0; i < config.zones.size(); ++i) {
    status = CheckZoneSources(draft.zones[i], config.zones[i]);
    if (!status.ok()) return status;
  }
  status = FinishFiles(draft, &config);
  if (!status.ok()) return status;
  for (const TomlNode& node : draft.dumps) {
    status = FinishDump(node, &config);
    if (!status.ok()) return status;
  }
  return std::move(config);
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxConfigBytes);
  if (!text.ok()) return text.status();
  return ParseConfig(*text, path);
}

}  // namespace rbld
