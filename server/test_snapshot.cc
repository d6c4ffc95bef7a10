#include "server/test_snapshot.h"

#include <stdlib.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dns/constants.h"
#include "dns/name.h"
#include "store/target.h"

namespace rbld {
namespace {

constexpr uint64_t kSeed = 0x5eed;

template <typename T>
T OrDie(absl::StatusOr<T> result) {
  if (!result.ok()) {
    fprintf(stderr, "%s\n", result.status().ToString().c_str());
    abort();
  }
  return *std::move(result);
}

}  // namespace

ZoneConfig TestZone(absl::string_view name) {
  ZoneConfig zone;
  zone.name = std::string(name);
  zone.wire_name = OrDie(NameFromText(name));
  zone.lists = {"list"};
  zone.soa_mname_wire = OrDie(NameFromText(absl::StrCat("ns.", name)));
  zone.soa_rname_wire = OrDie(NameFromText(absl::StrCat("hostmaster.", name)));
  zone.ns_wire = {OrDie(NameFromText(absl::StrCat("ns.", name))),
                  OrDie(NameFromText("ns.elsewhere.example"))};
  zone.test_reason = "$ is a test entry";
  return zone;
}

StaticRecord TestRecord(absl::string_view owner, absl::string_view record,
                        uint32_t ttl_seconds) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(record, absl::MaxSplits(' ', 1));
  StaticRecord result;
  result.owner_wire = OrDie(NameFromText(owner));
  result.ttl_seconds = ttl_seconds;
  const std::string& data = parts.second;
  if (parts.first == "A" || parts.first == "AAAA") {
    const IpPrefix address = OrDie(ParseIpPrefix(data));
    const size_t bytes = parts.first == "A" ? 4 : 16;
    result.type = parts.first == "A" ? 1 : 28;
    result.rdata.assign(reinterpret_cast<const char*>(address.bytes.data()),
                        bytes);
  } else if (parts.first == "TXT") {
    result.type = 16;
    result.rdata = static_cast<char>(data.size()) + data;
  } else if (parts.first == "CNAME") {
    result.type = 5;
    result.rdata = OrDie(NameFromText(data));
  } else {
    abort();
  }
  return result;
}

TestSnapshot::TestSnapshot()
    : values_(std::make_shared<ValueTable>()), stats_(1) {}

TestSnapshot& TestSnapshot::AddZone(ZoneConfig zone) {
  serials_[zone.name] = 7;
  for (const std::string& list : zone.lists) lists_[list];
  zones_.push_back(std::move(zone));
  return *this;
}

TestSnapshot& TestSnapshot::SetSerial(absl::string_view zone, uint32_t serial) {
  serials_[std::string(zone)] = serial;
  return *this;
}

TestSnapshot& TestSnapshot::SetVersion(const std::string& version) {
  version_ = version;
  return *this;
}

TestSnapshot& TestSnapshot::Add(absl::string_view list, absl::string_view text,
                                ValueSet values) {
  Normalize(&values);
  const ValueSetId id = values_->Intern(values);
  const Target target = OrDie(Target::Parse(text));
  List& entries = lists_[std::string(list)];
  if (!target.is_name()) {
    entries.prefixes[target.prefix()] = id;
    return *this;
  }
  ResolvedName& name = entries.names[target.reversed_wire()];
  name.reversed_wire = target.reversed_wire();
  if (target.scope() != NameScope::kSubdomains) {
    name.has_exact = true;
    name.exact = id;
  }
  if (target.scope() != NameScope::kExact) {
    name.has_below = true;
    name.below = id;
  }
  return *this;
}

TestSnapshot& TestSnapshot::Exempt(absl::string_view list,
                                   absl::string_view target) {
  lists_[std::string(list)].exempt_keys.insert(
      OrDie(Target::Parse(target)).Key());
  return *this;
}

TestSnapshot& TestSnapshot::AddDataset(const std::string& name,
                                       DatasetType type,
                                       const std::string& text) {
  FileDatasetSpec spec;
  spec.name = name;
  spec.type = type;
  spec.files = {name};
  spec.entry_parameters = MayHaveParameters(type);
  FileDatasetLoadOptions options;
  options.name_seed = kSeed;
  options.open_file =
      [&text](
          const std::string&) -> absl::StatusOr<std::unique_ptr<ByteSource>> {
    return StringSource(text);
  };
  constexpr uint32_t kTtlSeconds = 300;
  files_.datasets[name] =
      MakeServedDataset(OrDie(LoadFileDataset(spec, options)), kTtlSeconds);
  return *this;
}

std::shared_ptr<const Snapshot> TestSnapshot::Build() {
  auto view = std::make_shared<StoreView>();
  view->sequence = 1;
  view->values = values_;
  view->zone_serials = serials_;
  for (const auto& [name, entries] : lists_) {
    Ipv4IndexBuilder ipv4;
    Ipv6IndexBuilder ipv6;
    NameIndexBuilder names(kSeed);
    for (const auto& [prefix, id] : entries.prefixes) {
      if (prefix.family == Family::kIpv6) {
        ipv6.Add(prefix.bytes, prefix.LastAddress(), id);
        continue;
      }
      IpPrefix last = prefix;
      last.bytes = prefix.LastAddress();
      ipv4.Add(prefix.ipv4(), last.ipv4(), id);
    }
    for (const auto& [wire, node] : entries.names) names.Add(node);
    auto list = std::make_shared<ListIndex>();
    list->ipv4 = ipv4.Build();
    list->ipv6 = ipv6.Build();
    list->names = names.Build();
    list->exemptions = ExemptionIndex::Build(entries.exempt_keys, kSeed);
    view->lists[name] = std::move(list);
  }
  return Snapshot::Build(
      OrDie(ZoneTable::Build(
          zones_,
          [this](const std::string& zone) { return stats_.ZoneSlot(zone); },
          version_)),
      view, std::make_shared<FileView>(files_));
}

}  // namespace rbld
