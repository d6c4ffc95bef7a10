#include "zones/config_zone.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "dns/name.h"
#include "zones/config_settings.h"
#include "zones/static_records.h"

namespace rbld {
namespace {

// The lists of a zone or a subzone.
absl::Status FinishLists(const Config& config, const std::vector<ListUse>& uses,
                         ZoneSources* sources) {
  for (const ListUse& use : uses) {
    absl::Status s = CheckListIsKnown(config, use.name, use.node);
    if (!s.ok()) return s;
    for (const std::string& other : sources->lists) {
      if (other == use.name) {
        return use.node.Error(
            absl::StrCat("the list \"", use.name, "\" stands here twice"));
      }
    }
    s = CheckReason(use.values.reason.value_or(""));
    if (!s.ok()) return use.node.Error(s.message());
    sources->lists.push_back(use.name);
    if (use.values.any()) sources->list_values[use.name] = use.values;
  }
  return absl::OkStatus();
}

absl::Status FinishSubzone(const Config& config, const TomlNode& node,
                           ZoneConfig* zone) {
  SubzoneDraft draft;
  absl::Status s = ReadTable(node, SubzoneSettings(), &draft);
  if (!s.ok()) return s;
  SubzoneConfig& subzone = draft.subzone;
  const absl::StatusOr<std::string> wire =
      NameFromText(absl::StrCat(subzone.name, ".", zone->name));
  if (subzone.name.empty() || subzone.name.back() == '.' || !wire.ok()) {
    return draft.name_node.Error(
        absl::StrCat("\"", subzone.name,
                     "\" is no name of a subzone; write it relative to the "
                     "zone, such as \"sbl\""));
  }
  subzone.labels = absl::AsciiStrToLower(absl::string_view(*wire).substr(
      0, wire->size() - zone->wire_name.size()));
  for (const SubzoneConfig& other : zone->subzones) {
    if (other.labels == subzone.labels) {
      return draft.name_node.Error(absl::StrCat(
          "there is a subzone \"", subzone.name, "\" of this zone already"));
    }
  }
  if (draft.lists.empty()) return node.Error("publishes no list; name one");
  s = FinishLists(config, draft.lists, &subzone);
  if (!s.ok()) return s;
  zone->subzones.push_back(std::move(subzone));
  return absl::OkStatus();
}

absl::Status FinishAccess(const TomlNode& node, std::set<std::string>* seen,
                          ZoneConfig* zone) {
  AccessDraft draft;
  absl::Status s = ReadTable(node, AccessSettings(), &draft);
  if (!s.ok()) return s;
  AccessConfig& access = draft.access;
  if (draft.value_node.present() && access.action != AccessAction::kListed) {
    return draft.value_node.Error(
        "stands beside another action than \"listed\", which has no code and "
        "no reason; see also the zone's `refused`");
  }
  s = CheckCode(access.value.code, /*any_code=*/true);
  if (s.ok()) s = CheckReason(access.value.reason);
  if (!s.ok()) return draft.value_node.Error(s.message());
  for (const auto& [text, client_node] : draft.clients) {
    const absl::StatusOr<IpPrefix> prefix = ParseIpPrefix(text);
    if (!prefix.ok()) return client_node.Error(prefix.status().message());
    if (!seen->insert(prefix->ToString()).second) {
      return client_node.Error(absl::StrCat(
          "\"", text, "\" has a rule in this zone already; keep one"));
    }
    access.clients.push_back(*prefix);
  }
  if (access.clients.empty()) return node.Error("`clients` names none");
  zone->access.push_back(std::move(access));
  return absl::OkStatus();
}

// What hangs on the zone's kind.
absl::Status CheckWrongKind(const ZoneDraft& draft) {
  const ZoneConfig& zone = draft.zone;
  if (!zone.wrong_kind.has_value() || zone.kind_from_files ||
      zone.has_names != (zone.has_ipv4 || zone.has_ipv6)) {
    return absl::OkStatus();
  }
  return draft.wrong_kind_node.Error(
      "is for a zone of names alone or of addresses alone; this one has both");
}

// The zone's own name, its kind and its lists.
absl::Status FinishZoneBasics(const Config& config, ZoneDraft* draft) {
  ZoneConfig& zone = draft->zone;
  const absl::StatusOr<std::string> wire = NameFromText(zone.name);
  if (!wire.ok() || *wire == std::string(1, '\0')) {
    return draft->name_node.Error(absl::StrCat(
        "\"", zone.name, "\" is no zone name",
        wire.ok() ? "" : absl::StrCat(" (", wire.status().message(), ")")));
  }
  // An address below the zone must fit into a name (RFC 1035 §2.3.4).
  constexpr size_t kIpv6NibbleBytes = 64;
  if (wire->size() + kIpv6NibbleBytes > kMaxWireNameBytes) {
    return draft->name_node.Error(
        "the name is too long; with the 32 nibbles of an IPv6 address it "
        "would be over 255 bytes");
  }
  zone.wire_name = absl::AsciiStrToLower(*wire);
  std::string text = NameToText(zone.wire_name);
  text.pop_back();
  zone.name = std::move(text);
  if (!draft->kinds.empty()) {
    zone.has_ipv4 = zone.has_ipv6 = zone.has_names = false;
  }
  for (const auto& [kind, node] : draft->kinds) {
    if (kind == "ipv4" || kind == "mixed") zone.has_ipv4 = true;
    if (kind == "ipv6" || kind == "mixed") zone.has_ipv6 = true;
    if (kind == "names") zone.has_names = true;
    if (kind == "files") zone.kind_from_files = true;
    if (kind != "ipv4" && kind != "ipv6" && kind != "mixed" &&
        kind != "names" && kind != "files") {
      return node.Error(absl::StrCat(
          "\"", kind,
          "\" is no kind; use \"ipv4\", \"ipv6\", \"names\", \"mixed\" "
          "(IPv4 and IPv6) or \"files\""));
    }
  }
  return FinishLists(config, draft->lists, &zone);
}

// A name of the file that is a whole name, with or without its final dot.
absl::StatusOr<std::string> ReadHostName(const std::string& text,
                                         const TomlNode& node) {
  const absl::StatusOr<std::string> wire = NameFromText(text);
  if (!wire.ok()) return node.Error(wire.status().message());
  if (LabelCount(*wire) < 2) {
    return node.Error(absl::StrCat(
        "\"", text, "\" must be a whole name, such as ns1.example.org"));
  }
  return absl::AsciiStrToLower(*wire);
}

absl::Status FinishZoneRecords(ZoneDraft* draft) {
  ZoneConfig& zone = draft->zone;
  for (const auto& [text, node] : draft->ns) {
    absl::StatusOr<std::string> wire = ReadHostName(text, node);
    if (!wire.ok()) return wire.status();
    for (const std::string& other : zone.ns_wire) {
      if (other == *wire) {
        return node.Error(absl::StrCat("\"", text, "\" stands here twice"));
      }
    }
    zone.ns_wire.push_back(*std::move(wire));
  }
  if (zone.ns_wire.empty() && zone.metadata_from_files) {
    // Whoever serves the zone from files may say it there.
    zone.soa_mname_wire = zone.wire_name;
  } else if (zone.ns_wire.empty()) {
    return draft->node.Error(
        "`ns` names no name server; a zone has one at "
        "least (RFC 1034 §4.2.2)");
  }
  if (!zone.ns_wire.empty()) zone.soa_mname_wire = zone.ns_wire.front();
  if (draft->mname_node.present()) {
    absl::StatusOr<std::string> wire =
        ReadHostName(draft->mname, draft->mname_node);
    if (!wire.ok()) return wire.status();
    zone.soa_mname_wire = *std::move(wire);
  }
  absl::StatusOr<std::string> rname = MailboxToWire(
      draft->rname_node.present() ? draft->rname
                                  : absl::StrCat("hostmaster.", zone.name));
  if (!rname.ok()) {
    return (draft->rname_node.present() ? draft->rname_node : draft->node)
        .Error(rname.status().message());
  }
  zone.soa_rname_wire = *std::move(rname);
  for (const auto& [text, node] : draft->records) {
    absl::StatusOr<StaticRecord> record =
        ParseStaticRecord(zone, zone.ttl_seconds, text);
    if (!record.ok()) return node.Error(record.status().message());
    const absl::Status status = AddStaticRecord(*std::move(record), &zone);
    if (!status.ok()) return node.Error(status.message());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FinishZone(const TomlNode& node, Config* config,
                        std::map<std::string, uint32_t>* lines) {
  ZoneDraft draft;
  draft.node = node;
  if (const absl::Status s = ReadTable(node, ZoneSettings(), &draft); !s.ok()) {
    return s;
  }
  if (const absl::Status s = FinishZoneBasics(*config, &draft); !s.ok()) {
    return s;
  }
  ZoneConfig& zone = draft.zone;
  const auto [first, fresh] = lines->emplace(zone.name, draft.name_node.line());
  if (!fresh) {
    return draft.name_node.Error(
        absl::StrCat("there is a zone \"", zone.name, "\" already, at line ",
                     first->second, "; give this one another name"));
  }
  if (const absl::Status s = FinishZoneRecords(&draft); !s.ok()) return s;
  for (const TomlNode& subzone : draft.subzones) {
    const absl::Status s = FinishSubzone(*config, subzone, &zone);
    if (!s.ok()) return s;
  }
  std::set<std::string> clients;
  for (const TomlNode& access : draft.access) {
    if (const absl::Status s = FinishAccess(access, &clients, &zone); !s.ok()) {
      return s;
    }
  }
  if (const absl::Status s = CheckWrongKind(draft); !s.ok()) return s;
  if (const absl::Status s = CheckReason(zone.test_reason); !s.ok()) {
    return draft.test_reason_node.Error(s.message());
  }
  if (!draft.test_reason_node.present()) {
    zone.test_reason = absl::StrCat("Test entry of ", zone.name,
                                    " (RFC 5782); it is always listed");
  }
  config->zones.push_back(std::move(zone));
  return absl::OkStatus();
}

absl::Status CheckDumpable(const ZoneConfig& zone) {
  if (!zone.datasets.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the zone ", zone.name, " has data of watched files (dataset ",
        zone.datasets.front(),
        "), which a dump does not hold; mirror the files themselves, or import "
        "them"));
  }
  if (!zone.subzones.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the zone ", zone.name,
        " has subzones, which a dump does not hold; dump zones that publish "
        "the same lists"));
  }
  return absl::OkStatus();
}

absl::Status CheckListIsKnown(const Config& config, const std::string& name,
                              const TomlNode& node) {
  for (const ListConfig& list : config.lists) {
    if (list.name == name) return absl::OkStatus();
  }
  return node.Error(absl::StrCat("there is no list \"", name,
                                 "\"; add a [[list]] of that name, or correct "
                                 "this one"));
}

absl::Status CheckZoneSources(const TomlNode& node, const ZoneConfig& zone) {
  if (zone.state == ZoneState::kRetired) return absl::OkStatus();
  if (zone.lists.empty() && zone.datasets.empty() && zone.subzones.empty() &&
      !zone.mistyped.has_value()) {
    return node.Error(
        "publishes no list; name at least one in `lists`, or set state = "
        "\"retired\"");
  }
  if (!zone.datasets.empty() && !zone.metadata_from_files &&
      !zone.unix_time_serial) {
    return node.Error(absl::StrCat(
        "has data of watched files (dataset ", zone.datasets.front(),
        "), so that its serial must be a time: set serial = \"unixtime\", or "
        "metadata = \"files\""));
  }
  if (zone.kind_from_files && zone.datasets.empty()) {
    return node.Error(
        "is of the kind \"files\", but has no dataset; name what is asked "
        "for in `kind`");
  }
  return absl::OkStatus();
}

}  // namespace rbld
