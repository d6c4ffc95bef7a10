#include "store/exemption_index.h"

#include <utility>

#include "store/dataset_builder.h"
#include "store/value_table.h"

namespace rbld {

std::shared_ptr<const ExemptionIndex> ExemptionIndex::Build(
    std::set<std::string> target_keys, uint64_t name_seed) {
  if (target_keys.empty()) return nullptr;
  DatasetBuilder::Options options;
  options.name_seed = name_seed;
  DatasetBuilder builder(std::move(options));
  for (const std::string& key : target_keys) {
    absl::string_view bytes = key;
    const absl::StatusOr<Target> target = Target::ConsumeKey(&bytes);
    if (!target.ok()) continue;
    // Sorted in memory, it cannot fail.
    switch (target->kind()) {
      case TargetKind::kIpv4:
        builder
            .AddIpv4(target->prefix().ipv4(), target->prefix().length_bits,
                     false, 0)
            .IgnoreError();
        break;
      case TargetKind::kIpv6:
        builder.AddIpv6(target->prefix(), false, 0).IgnoreError();
        break;
      case TargetKind::kName:
        builder.AddName(*target, false, 0);
        break;
    }
  }
  ValueTable values;
  const ListIndex index = *builder.Build({values.Intern({Value{}})}, &values);
  auto exemptions = std::make_shared<ExemptionIndex>();
  exemptions->target_keys_ = std::move(target_keys);
  exemptions->ipv4_ = index.ipv4;
  exemptions->ipv6_ = index.ipv6;
  exemptions->names_ = index.names;
  return exemptions;
}

std::shared_ptr<const ExemptionIndex> ExemptionIndex::With(
    const std::shared_ptr<const ExemptionIndex>& old, const Target& target,
    bool exempt, uint64_t name_seed) {
  const std::string key = target.Key();
  const bool known = old != nullptr && old->target_keys_.count(key) != 0;
  if (known == exempt) return old;
  std::set<std::string> keys;
  if (old != nullptr) keys = old->target_keys_;
  if (exempt) {
    keys.insert(key);
  } else {
    keys.erase(key);
  }
  return Build(std::move(keys), name_seed);
}

uint64_t ExemptionIndex::MemoryBytes() const {
  uint64_t bytes =
      ipv4_->MemoryBytes() + ipv6_->MemoryBytes() + names_->MemoryBytes();
  // A node of the tree has three pointers, a colour and the string.
  for (const std::string& key : target_keys_) {
    bytes += 32 + sizeof(key) + (key.capacity() > 15 ? key.capacity() : 0);
  }
  return bytes;
}

}  // namespace rbld
