#include "store/index_update.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/exemption_index.h"

namespace rbld {
namespace {

bool Touch(uint32_t last, uint32_t first) { return last + 1 == first; }
bool Touch(const AddressBytes& last, const AddressBytes& first) {
  AddressBytes next = last;
  for (int i = 15; i >= 0; --i) {
    if (++next[i] != 0) break;
  }
  return next == first;
}

// Appends a run; one that continues the last one grows it, so that two ways to
// write the same answers compare equal.
template <typename Run>
void AppendRun(std::vector<Run>* runs, const Run& run) {
  if (!runs->empty() && runs->back().values == run.values &&
      Touch(runs->back().last, run.first)) {
    runs->back().last = run.last;
  } else {
    runs->push_back(run);
  }
}

template <typename Run, typename Index, typename Address>
std::vector<Run> RunsOf(const Index& index, const Address& first,
                        const Address& last) {
  std::vector<Run> runs;
  index.ForEachRun(first, last, [&](const Run& run) {
    AppendRun(&runs, run);
    return true;
  });
  return runs;
}

absl::StatusOr<IndexUpdate> UpdateIpv4(
    const std::shared_ptr<const ListIndex>& old, const IpPrefix& region,
    Resolver* resolver) {
  std::vector<Ipv4Run> runs;
  absl::Status status = resolver->Ipv4Addresses(
      region, [&](uint32_t first, uint32_t last, ValueSetId values) {
        AppendRun(&runs, Ipv4Run{first, last, values});
        return true;
      });
  if (!status.ok()) return status;
  const uint32_t first = region.ipv4();
  const uint32_t last = Ipv4Of(region.LastAddress());
  if (RunsOf<Ipv4Run>(*old->ipv4, first, last) == runs) return IndexUpdate{old};
  auto index = std::make_shared<ListIndex>(*old);
  index->ipv4 = old->ipv4->WithReplaced(first, last, runs);
  return IndexUpdate{std::move(index), true};
}

absl::StatusOr<IndexUpdate> UpdateIpv6(
    const std::shared_ptr<const ListIndex>& old, const IpPrefix& region,
    Resolver* resolver) {
  std::vector<Ipv6Run> runs;
  absl::Status status =
      resolver->Addresses(region, [&](const ResolvedRun& run) {
        AppendRun(&runs, Ipv6Run{run.first, run.last, run.values});
        return true;
      });
  if (!status.ok()) return status;
  const AddressBytes last = region.LastAddress();
  if (RunsOf<Ipv6Run>(*old->ipv6, region.bytes, last) == runs) {
    return IndexUpdate{old};
  }
  auto index = std::make_shared<ListIndex>(*old);
  index->ipv6 = old->ipv6->WithReplaced(region.bytes, last, runs);
  return IndexUpdate{std::move(index), true};
}

bool SameAnswers(const NameIndex& a, const NameIndex& b,
                 const std::string& wire) {
  const NameIndex::Result of_a = a.Lookup(wire);
  const NameIndex::Result of_b = b.Lookup(wire);
  return of_a.values == of_b.values && of_a.any_below == of_b.any_below;
}

absl::StatusOr<IndexUpdate> UpdateNames(
    const std::shared_ptr<const ListIndex>& old, const Target& target,
    Resolver* resolver) {
  const std::string& wire = target.reversed_wire();
  // The nodes that may change: the target's own, those below it if it means
  // them, and all between and above, as empty non-terminals.
  std::map<std::string, NameNode> nodes;
  const auto add_with_names_above = [&](const std::string& name) {
    nodes[name].name.reversed_wire = name;
    for (const absl::string_view above : NamesAbove(name)) {
      nodes[std::string(above)].name.reversed_wire = std::string(above);
    }
  };
  add_with_names_above(wire);
  std::vector<ResolvedName> resolved;
  const auto keep = [&](const ResolvedName& node) {
    resolved.push_back(node);
    return true;
  };
  absl::Status status =
      resolver->Names(wire, target.scope() == NameScope::kExact, keep);
  // Nodes above keep what they decide.
  for (const absl::string_view above : NamesAbove(wire)) {
    if (status.ok()) status = resolver->Names(above, true, keep);
  }
  if (!status.ok()) return status;
  for (const ResolvedName& node : resolved) {
    add_with_names_above(node.reversed_wire);
  }
  for (const ResolvedName& node : resolved) {
    nodes[node.reversed_wire].name = node;
  }
  std::vector<NameNode> changed;
  for (auto& [name, node] : nodes) {
    absl::StatusOr<bool> listed = resolver->AnyNameListedBelow(name);
    if (!listed.ok()) return listed.status();
    absl::StatusOr<bool> present = resolver->AnyNameRecordAtOrBelow(name);
    if (!present.ok()) return present.status();
    node.any_below = *listed;
    node.present = *present;
    changed.push_back(node);
  }
  auto index = std::make_shared<ListIndex>(*old);
  index->names = old->names->WithReplaced(changed);
  IndexUpdate update{index};
  for (const auto& [name, node] : nodes) {
    update.nodes.push_back(name);
    // A label that no listing has stands for all names below the node.
    const std::string below = name + std::string("\1\1", 2);
    update.answers_changed |= !SameAnswers(*old->names, *index->names, name) ||
                              !SameAnswers(*old->names, *index->names, below);
  }
  return update;
}

absl::StatusOr<IndexUpdate> UpdateAnswers(
    const std::shared_ptr<const ListIndex>& old, const Target& target,
    Resolver* resolver) {
  switch (target.kind()) {
    case TargetKind::kIpv4:
      return UpdateIpv4(old, target.prefix(), resolver);
    case TargetKind::kIpv6:
      return UpdateIpv6(old, target.prefix(), resolver);
    case TargetKind::kName:
      break;
  }
  return UpdateNames(old, target, resolver);
}

}  // namespace

ListIndex EmptyListIndex(uint64_t name_seed) {
  return ListIndex{Ipv4Index::Empty(), Ipv6Index::Empty(),
                   NameIndex::Empty(name_seed), nullptr};
}

absl::StatusOr<std::shared_ptr<const ListIndex>> BuildListIndex(
    Resolver* resolver, uint64_t name_seed) {
  auto index = std::make_shared<ListIndex>(EmptyListIndex(name_seed));
  std::set<std::string> exemptions;
  resolver->CollectListExemptions(&exemptions);
  Ipv4IndexBuilder ipv4;
  absl::Status status = resolver->Ipv4Addresses(
      IpPrefix::FromIpv4(0, 0),
      [&](uint32_t first, uint32_t last, ValueSetId values) {
        ipv4.Add(first, last, values);
        return true;
      });
  if (!status.ok()) return status;
  index->ipv4 = ipv4.Build();
  Ipv6IndexBuilder ipv6;
  status = resolver->Addresses(IpPrefix::Make(Family::kIpv6, {}, 0),
                               [&](const ResolvedRun& run) {
                                 ipv6.Add(run.first, run.last, run.values);
                                 return true;
                               });
  if (!status.ok()) return status;
  index->ipv6 = ipv6.Build();
  NameIndexBuilder names(name_seed);
  status = resolver->Names("", false, [&](const ResolvedName& node) {
    names.Add(node);
    return true;
  });
  if (!status.ok()) return status;
  index->names = names.Build();
  index->exemptions = ExemptionIndex::Build(std::move(exemptions), name_seed);
  return std::shared_ptr<const ListIndex>(std::move(index));
}

std::string UpdateUpperBound(ListId list, const Target& target) {
  std::string bound;
  if (target.kind() == TargetKind::kName) return bound;
  AppendU32(&bound, list);
  bound +=
      Target::OfPrefix(
          IpPrefix::Make(target.prefix().family, target.prefix().LastAddress(),
                         IpPrefix::WidthBits(target.prefix().family)))
          .Key();
  // The prefix length stands last, and none is so long.
  bound.back() = '\xff';
  return bound;
}

absl::StatusOr<IndexUpdate> UpdateListIndex(
    const std::shared_ptr<const ListIndex>& old, const Target& target,
    Resolver* resolver) {
  absl::StatusOr<IndexUpdate> update = UpdateAnswers(old, target, resolver);
  if (!update.ok()) return update.status();
  const absl::StatusOr<bool> exempt = resolver->HasListExemption(target);
  if (!exempt.ok()) return exempt.status();
  std::shared_ptr<const ExemptionIndex> exemptions = ExemptionIndex::With(
      old->exemptions, target, *exempt, old->names->seed());
  if (exemptions == old->exemptions) return update;
  auto index = std::make_shared<ListIndex>(*update->index);
  index->exemptions = std::move(exemptions);
  update->index = std::move(index);
  update->exemptions_changed = true;
  return update;
}

}  // namespace rbld
