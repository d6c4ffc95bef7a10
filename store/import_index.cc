#include "store/import_index.h"

#include <algorithm>
#include <vector>

#include "store/dataset_resolution.h"
#include "store/index_update.h"

namespace rbld {
namespace {

using Other = WantedEntries::Other;

TargetKind KindOf(const Other& other) {
  return static_cast<TargetKind>(other.target_key[0]);
}

// Of an address's key: what stands between kind and prefix length.
WideAddress AddressOf(const Other& other) {
  WideAddress address = 0;
  for (size_t i = 1; i + 1 < other.target_key.size(); ++i) {
    address = address << 8 | static_cast<uint8_t>(other.target_key[i]);
  }
  return address;
}

int LengthOf(const Other& other) {
  return static_cast<uint8_t>(other.target_key.back());
}

class IndexMaker {
 public:
  IndexMaker(const Database& database, const WantedEntries& wanted,
             Precedence precedence)
      : wanted_(wanted),
        precedence_(precedence),
        runtime_values_(database.dictionary()),
        unions_(database.dictionary().values().get()) {}

  std::shared_ptr<const Ipv4Index> MakeIpv4() {
    Ipv4IndexBuilder builder;
    const auto emit = [&builder](uint32_t first, uint32_t last,
                                 ValueSetId values) {
      builder.Add(first, last, values);
      return true;
    };
    DatasetResolution<uint32_t> resolution(precedence_, EqualEntries::kUnited,
                                           &unions_);
    auto other = FirstOf(TargetKind::kIpv4);
    const auto end = FirstOf(TargetKind::kIpv6);
    // An entry with an exemption of the same target in between is fine: equal
    // entries may come in any order.
    const auto add_others_before = [&](uint64_t target) {
      for (; other != end; ++other) {
        const auto address = static_cast<uint32_t>(AddressOf(*other));
        if (Import::Ipv4Entry(address, LengthOf(*other), 0).target() > target) {
          return;
        }
        resolution.Add(address, LengthOf(*other), IsExemption(*other),
                       ValuesOf(*other), emit);
      }
    };
    for (const Import::Ipv4Entry& entry : wanted_.ipv4()) {
      if (other != end) add_others_before(entry.target());
      resolution.Add(entry.address(), entry.length_bits(), false,
                     runtime_values_.Get(wanted_.BlobOf(entry.values())), emit);
    }
    add_others_before(~uint64_t{0});
    resolution.Finish(emit);
    return builder.Build();
  }

  std::shared_ptr<const Ipv6Index> MakeIpv6() {
    Ipv6IndexBuilder builder;
    const auto emit = [&builder](WideAddress first, WideAddress last,
                                 ValueSetId values) {
      builder.Add(BytesOf(first), BytesOf(last), values);
      return true;
    };
    DatasetResolution<WideAddress> resolution(precedence_,
                                              EqualEntries::kUnited, &unions_);
    for (auto other = FirstOf(TargetKind::kIpv6);
         other != wanted_.others().end(); ++other) {
      resolution.Add(AddressOf(*other), LengthOf(*other), IsExemption(*other),
                     ValuesOf(*other), emit);
    }
    resolution.Finish(emit);
    return builder.Build();
  }

 private:
  // The first entry of `kind` or of a later one. Kinds are apart in the order
  // of keys.
  std::vector<Other>::const_iterator FirstOf(TargetKind kind) const {
    return std::partition_point(
        wanted_.others().begin(), wanted_.others().end(),
        [kind](const Other& other) { return KindOf(other) < kind; });
  }

  static bool IsExemption(const Other& other) {
    return other.type == RecordType::kExemption;
  }
  ValueSetId ValuesOf(const Other& other) {
    return IsExemption(other) ? kNotListed : runtime_values_.Get(other.values);
  }

  const WantedEntries& wanted_;
  const Precedence precedence_;
  RuntimeValuesCache runtime_values_;
  ValueUnions unions_;
};

}  // namespace

std::shared_ptr<const ListIndex> BuildImportIndex(const Database& database,
                                                  const WantedEntries& wanted,
                                                  Precedence precedence,
                                                  uint64_t name_seed) {
  if (wanted.has_names() || !database.dictionary().LoadValues().ok())
    return nullptr;
  auto index = std::make_shared<ListIndex>(EmptyListIndex(name_seed));
  IndexMaker maker(database, wanted, precedence);
  index->ipv4 = maker.MakeIpv4();
  index->ipv6 = maker.MakeIpv6();
  return index;
}

}  // namespace rbld
