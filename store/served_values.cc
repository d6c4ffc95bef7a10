#include "store/served_values.h"

#include <cstring>

namespace rbld {
namespace {

// Far beyond what a line of any feed can have.
constexpr uint32_t kMostReasonBytes = (uint32_t{1} << 30) - 1;

}  // namespace

size_t ServedValues::BytesFor(const ValueSet& values) {
  size_t bytes = sizeof(ServedValues) + values.size() * sizeof(Entry);
  for (const Value& value : values) bytes += value.reason.size();
  return (bytes + 7) / 8 * 8;
}

void ServedValues::Write(const ValueSet& values, char* out) {
  const size_t bytes = BytesFor(values);
  // What is between the reasons and the end is zero, so that equal sets are
  // equal bytes.
  std::memset(out, 0, bytes);
  const uint32_t head[2] = {static_cast<uint32_t>(bytes),
                            static_cast<uint32_t>(values.size())};
  std::memcpy(out, head, sizeof(head));
  size_t entry_at = sizeof(ServedValues);
  size_t reason_at = entry_at + values.size() * sizeof(Entry);
  for (const Value& value : values) {
    const Entry entry = {
        value.code,
        value.ttl_seconds,
        static_cast<uint32_t>(reason_at),
        static_cast<uint32_t>(value.reason.size()) & kMostReasonBytes,
        value.condition.needs_key ? 1u : 0u,
        value.condition.key_skips_wait ? 1u : 0u,
        value.condition.not_before};
    std::memcpy(out + entry_at, &entry, sizeof(entry));
    std::memcpy(out + reason_at, value.reason.data(), value.reason.size());
    entry_at += sizeof(entry);
    reason_at += value.reason.size();
  }
}

const ServedValues* ServedValues::Read(const char* bytes, size_t available) {
  if (available < sizeof(ServedValues)) return nullptr;
  const auto* const set = reinterpret_cast<const ServedValues*>(bytes);
  if (set->bytes_ > available || set->bytes_ % 8 != 0 || set->count_ == 0 ||
      set->bytes_ < sizeof(ServedValues) ||
      set->count_ > (set->bytes_ - sizeof(ServedValues)) / sizeof(Entry)) {
    return nullptr;
  }
  for (uint32_t i = 0; i < set->count_; ++i) {
    const Entry& entry = set->entries()[i];
    if (entry.reason_offset > set->bytes_ ||
        entry.reason_bytes > set->bytes_ - entry.reason_offset) {
      return nullptr;
    }
  }
  return set;
}

ValueSet ServedValues::ToSet() const {
  ValueSet values;
  values.reserve(count_);
  for (const ValueView& value : *this) {
    values.push_back({value.code, std::string(value.reason), value.ttl_seconds,
                      value.condition});
  }
  return values;
}

OwnedValues::OwnedValues(const ValueSet& values)
    : memory_(new uint64_t[ServedValues::BytesFor(values) / 8]) {
  ServedValues::Write(values, reinterpret_cast<char*>(memory_.get()));
}

}  // namespace rbld
