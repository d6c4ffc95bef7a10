#include "store/resolver.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "store/dataset_resolution.h"
#include "store/prefix_sweep.h"

namespace rbld {
namespace {

// An address as a number, from its bytes in the order of the network.
template <typename Address>
Address NumberOf(const char* bytes) {
  Address number = 0;
  for (size_t i = 0; i < sizeof(Address); ++i) {
    number = static_cast<Address>(number << 8) | static_cast<uint8_t>(bytes[i]);
  }
  return number;
}

template <typename Address>
Address NumberOf(const AddressBytes& bytes) {
  return NumberOf<Address>(reinterpret_cast<const char*>(bytes.data()));
}

std::string SeekKey(ListId list, absl::string_view target_key) {
  std::string key;
  AppendU32(&key, list);
  key.append(target_key.data(), target_key.size());
  return key;
}

std::string AddressKey(const IpPrefix& prefix) {
  return Target::OfPrefix(prefix).Key();
}

}  // namespace

int CountLabels(absl::string_view reversed_wire) {
  int labels = 0;
  for (size_t i = 0; i < reversed_wire.size();
       i += 1 + static_cast<uint8_t>(reversed_wire[i])) {
    ++labels;
  }
  return labels;
}

std::vector<absl::string_view> NamesAbove(absl::string_view reversed_wire) {
  std::vector<absl::string_view> names;
  for (size_t i = 0; i < reversed_wire.size();) {
    i += 1 + static_cast<uint8_t>(reversed_wire[i]);
    if (i < reversed_wire.size()) names.push_back(reversed_wire.substr(0, i));
  }
  return names;
}

Resolver::Resolver(const Database& database, const ListShape& shape,
                   std::unique_ptr<rocksdb::Iterator> iterator)
    : shape_(shape),
      runtime_values_(database.dictionary()),
      values_(database.dictionary().values()),
      unions_(values_.get()),
      iterator_(std::move(iterator)) {}

void Resolver::DecideDataset(const Covers& covers, DatasetId dataset,
                             bool octet_levels,
                             std::vector<ValueSetId>* winners) const {
  int best_level = -1, exempt_level = -1, list_exempt_rank = -1;
  for (const Cover& cover : covers) {
    const int level = octet_levels ? OctetLevel(cover.rank) : cover.rank;
    if (cover.type == RecordType::kListing) {
      if (cover.dataset == dataset) best_level = std::max(best_level, level);
    } else if (cover.dataset == dataset) {
      exempt_level = std::max(exempt_level, level);
    } else if (cover.dataset == kWholeList) {
      list_exempt_rank = std::max(list_exempt_rank, cover.rank);
    }
  }
  if (exempt_level >= best_level) return;
  for (const Cover& cover : covers) {
    const int level = octet_levels ? OctetLevel(cover.rank) : cover.rank;
    // An exemption of the whole list knows no levels: it wins over listings
    // that are not longer than it.
    if (cover.type == RecordType::kListing && cover.dataset == dataset &&
        level == best_level && cover.rank > list_exempt_rank) {
      winners->push_back(cover.values);
    }
  }
}

ValueSetId Resolver::Decide(const Covers& covers, bool octet_levels) {
  if (covers.size() == 1) {
    return covers[0].type == RecordType::kListing ? covers[0].values
                                                  : kNotListed;
  }
  std::vector<ValueSetId> winners;
  std::vector<DatasetId> done;
  for (const Cover& cover : covers) {
    if (cover.type != RecordType::kListing ||
        std::find(done.begin(), done.end(), cover.dataset) != done.end()) {
      continue;
    }
    done.push_back(cover.dataset);
    const auto precedence = shape_.precedence.find(cover.dataset);
    const bool octet = octet_levels && precedence != shape_.precedence.end() &&
                       precedence->second == Precedence::kOctet;
    DecideDataset(covers, cover.dataset, octet, &winners);
  }
  return unions_.Of(std::move(winners));
}

bool Resolver::ReadCover(int rank, Covers* covers) {
  ParsedKey key;
  if (!ParseRecordKey(View(iterator_->key()), &key)) return false;
  Cover cover;
  cover.rank = rank;
  cover.type = key.type;
  cover.dataset = key.dataset;
  const absl::string_view bytes = View(iterator_->value());
  if (key.type == RecordType::kListing && bytes == last_record_) {
    cover.values = last_values_;
    covers->push_back(cover);
    return true;
  }
  Record record;
  if (!ParseRecord(bytes, &record)) return false;
  if (key.type == RecordType::kExemption && key.dataset == kWholeList &&
      list_exemptions_ != nullptr) {
    list_exemptions_->insert(std::string(key.target_key));
  }
  if (key.type == RecordType::kListing) {
    cover.values = runtime_values_.Get(record.values);
    if (cover.values == kNotListed) return false;
    last_record_.assign(bytes.data(), bytes.size());
    last_values_ = cover.values;
  }
  covers->push_back(cover);
  return true;
}

absl::Status Resolver::AddressAncestors(const IpPrefix& region,
                                        Covers* covers) {
  const std::vector<int>& lengths = region.family == Family::kIpv4
                                        ? shape_.ipv4_lengths
                                        : shape_.ipv6_lengths;
  for (const int length_bits : lengths) {
    if (length_bits >= region.length_bits) break;
    const std::string start = SeekKey(
        shape_.list,
        AddressKey(IpPrefix::Make(region.family, region.bytes, length_bits)));
    for (iterator_->Seek(start);
         iterator_->Valid() && iterator_->key().starts_with(start);
         iterator_->Next()) {
      if (!ReadCover(length_bits, covers)) return CorruptRecord("listing");
    }
  }
  return FromRocks(iterator_->status(), "reading listings");
}

template <typename Address, typename Sink>
absl::Status Resolver::Sweep(const IpPrefix& region, const Sink& sink) {
  constexpr int kWidthBits = static_cast<int>(8 * sizeof(Address));
  // List, kind, address, prefix length; behind it type and dataset.
  constexpr size_t kPrefixBytes = 4 + 1;
  constexpr size_t kGroupBytes = kPrefixBytes + sizeof(Address) + 1;
  constexpr size_t kKeyBytes = kGroupBytes + 1 + 4;
  Covers covers;
  absl::Status status = AddressAncestors(region, &covers);
  if (!status.ok()) return status;
  const auto region_last = NumberOf<Address>(region.LastAddress());
  PrefixSweep<Address> sweep(NumberOf<Address>(region.bytes), region_last,
                             Decide(covers, true));
  // How many of `covers` there are outside of each open prefix.
  std::vector<size_t> covers_outside;
  const std::string start = SeekKey(shape_.list, AddressKey(region));
  const absl::string_view kind = absl::string_view(start).substr(0, 5);
  char group[kGroupBytes];
  const auto group_goes_on = [&] {
    return iterator_->Valid() && iterator_->key().size() == kKeyBytes &&
           std::memcmp(iterator_->key().data(), group, kGroupBytes) == 0;
  };
  iterator_->Seek(start);
  while (iterator_->Valid() && !sweep.stopped()) {
    const absl::string_view key = View(iterator_->key());
    if (key.substr(0, kPrefixBytes) != kind) break;
    if (key.size() != kKeyBytes) return CorruptRecord("key");
    const auto first = NumberOf<Address>(key.data() + kPrefixBytes);
    const int host_bits =
        kWidthBits - static_cast<uint8_t>(key[kGroupBytes - 1]);
    if (host_bits < 0) return CorruptRecord("key");
    if (first > region_last) break;
    const size_t open = sweep.AdvanceTo(first, sink);
    if (open < covers_outside.size()) {
      covers.resize(covers_outside[open]);
      covers_outside.resize(open);
    }
    covers_outside.push_back(covers.size());
    // All records of this one prefix.
    std::copy_n(key.data(), kGroupBytes, group);
    do {
      if (!ReadCover(kWidthBits - host_bits, &covers)) {
        return CorruptRecord("listing");
      }
      iterator_->Next();
    } while (group_goes_on());
    const Address last =
        host_bits == kWidthBits
            ? ~Address{0}
            : static_cast<Address>(first | ((Address{1} << host_bits) - 1));
    sweep.Open(last, Decide(covers, true));
  }
  sweep.Finish(sink);
  return FromRocks(iterator_->status(), "reading listings");
}

absl::Status Resolver::Ipv4Addresses(const IpPrefix& region,
                                     const Ipv4Sink& sink) {
  return Sweep<uint32_t>(region, sink);
}

absl::Status Resolver::Addresses(const IpPrefix& region, const RunSink& sink) {
  if (region.family == Family::kIpv4) {
    return Sweep<uint32_t>(
        region, [&](uint32_t first, uint32_t last, ValueSetId values) {
          return sink({Family::kIpv4, IpPrefix::FromIpv4(first).bytes,
                       IpPrefix::FromIpv4(last).bytes, values});
        });
  }
  return Sweep<WideAddress>(
      region, [&](WideAddress first, WideAddress last, ValueSetId values) {
        return sink({Family::kIpv6, BytesOf(first), BytesOf(last), values});
      });
}

absl::Status Resolver::NameAncestors(absl::string_view region_wire,
                                     Covers* covers) {
  for (const absl::string_view name : NamesAbove(region_wire)) {
    std::string start = SeekKey(shape_.list, "\x01");
    start.append(name.data(), name.size());
    start.push_back('\0');
    const int labels = CountLabels(name);
    for (iterator_->Seek(start);
         iterator_->Valid() && iterator_->key().starts_with(start);
         iterator_->Next()) {
      const auto scope =
          static_cast<NameScope>(iterator_->key().data()[start.size()]);
      if (scope == NameScope::kExact) continue;
      if (!ReadCover(2 * labels, covers)) return CorruptRecord("listing");
      covers->back().scope = scope;
    }
  }
  return FromRocks(iterator_->status(), "reading listings");
}

ValueSetId Resolver::NodeExact(const Covers& above, const Covers& own) {
  Covers covers = above;
  for (Cover cover : own) {
    if (cover.scope == NameScope::kSubdomains) continue;
    if (cover.scope == NameScope::kExact) ++cover.rank;
    covers.push_back(cover);
  }
  return Decide(covers, false);
}

ValueSetId Resolver::NodeBelow(const Covers& above, const Covers& own) {
  Covers covers = above;
  for (Cover cover : own) {
    if (cover.scope == NameScope::kExact) continue;
    if (cover.scope == NameScope::kSubdomains) ++cover.rank;
    covers.push_back(cover);
  }
  return Decide(covers, false);
}

absl::Status Resolver::Names(absl::string_view region_wire, bool node_only,
                             const NameSink& sink) {
  struct Level {
    std::string wire;
    size_t covers;
  };
  Covers covers;  // of the names above, scopes with subdomains only
  absl::Status status = NameAncestors(region_wire, &covers);
  if (!status.ok()) return status;
  const size_t covers_above_region = covers.size();
  std::vector<Level> stack;
  std::string start = SeekKey(shape_.list, "\x01");
  const size_t wire_at = start.size();
  start.append(region_wire.data(), region_wire.size());
  if (node_only) start.push_back('\0');
  iterator_->Seek(start);
  while (iterator_->Valid() && iterator_->key().starts_with(start)) {
    ParsedKey parsed;
    if (!ParseRecordKey(View(iterator_->key()), &parsed) ||
        parsed.target_key.size() < 3) {
      return CorruptRecord("listing");
    }
    ResolvedName node;
    node.reversed_wire =
        std::string(parsed.target_key.substr(1, parsed.target_key.size() - 3));
    while (!stack.empty() &&
           node.reversed_wire.compare(0, stack.back().wire.size(),
                                      stack.back().wire) != 0) {
      stack.pop_back();
    }
    covers.resize(stack.empty() ? covers_above_region : stack.back().covers);
    const int labels = CountLabels(node.reversed_wire);
    std::string group(iterator_->key().data(), wire_at);
    group += node.reversed_wire;
    group.push_back('\0');
    Covers own;
    while (iterator_->Valid() && iterator_->key().starts_with(group)) {
      if (!ReadCover(2 * labels, &own)) return CorruptRecord("listing");
      own.back().scope =
          static_cast<NameScope>(iterator_->key().data()[group.size()]);
      iterator_->Next();
    }
    for (const Cover& cover : own) {
      node.has_exact |= cover.scope != NameScope::kSubdomains;
      node.has_below |= cover.scope != NameScope::kExact;
    }
    if (node.has_exact) node.exact = NodeExact(covers, own);
    if (node.has_below) node.below = NodeBelow(covers, own);
    for (const Cover& cover : own) {
      if (cover.scope != NameScope::kExact) covers.push_back(cover);
    }
    stack.push_back({node.reversed_wire, covers.size()});
    if (!sink(node)) break;
  }
  return FromRocks(iterator_->status(), "reading listings");
}

absl::StatusOr<bool> Resolver::AnyNameListedBelow(absl::string_view node_wire) {
  bool any = false;
  absl::Status status = Names(node_wire, false, [&](const ResolvedName& node) {
    any = node.reversed_wire.size() > node_wire.size() &&
          (node.exact != kNotListed || node.below != kNotListed);
    return !any;
  });
  if (!status.ok()) return status;
  return any;
}

absl::StatusOr<bool> Resolver::HasListExemption(const Target& target) {
  if (!shape_.exemptions) return false;
  const std::string key =
      RecordKey(shape_.list, target.Key(), RecordType::kExemption, kWholeList);
  iterator_->Seek(key);
  const bool has = iterator_->Valid() && View(iterator_->key()) == key;
  const absl::Status status =
      FromRocks(iterator_->status(), "reading exemptions");
  if (!status.ok()) return status;
  return has;
}

absl::StatusOr<bool> Resolver::AnyNameRecordAtOrBelow(
    absl::string_view node_wire) {
  std::string start = SeekKey(shape_.list, "\x01");
  start.append(node_wire.data(), node_wire.size());
  iterator_->Seek(start);
  const bool any = iterator_->Valid() && iterator_->key().starts_with(start);
  absl::Status status = FromRocks(iterator_->status(), "reading listings");
  if (!status.ok()) return status;
  return any;
}

}  // namespace rbld
