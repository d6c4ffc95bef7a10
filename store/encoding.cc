#include "store/encoding.h"

#include "absl/strings/str_cat.h"

namespace rbld {

void AppendU32(std::string* out, uint32_t value) {
  const char bytes[4] = {
      static_cast<char>(value >> 24), static_cast<char>(value >> 16),
      static_cast<char>(value >> 8), static_cast<char>(value)};
  out->append(bytes, sizeof(bytes));
}

void AppendU64(std::string* out, uint64_t value) {
  AppendU32(out, static_cast<uint32_t>(value >> 32));
  AppendU32(out, static_cast<uint32_t>(value));
}

void AppendLongVarint(std::string* out, uint64_t value) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

void AppendString(std::string* out, absl::string_view text) {
  AppendVarint(out, text.size());
  out->append(text.data(), text.size());
}

bool ConsumeU32(absl::string_view* in, uint32_t* value) {
  if (in->size() < 4) return false;
  uint32_t result = 0;
  for (int i = 0; i < 4; ++i) {
    result = result << 8 | static_cast<uint8_t>((*in)[i]);
  }
  in->remove_prefix(4);
  *value = result;
  return true;
}

bool ConsumeU64(absl::string_view* in, uint64_t* value) {
  uint32_t high = 0, low = 0;
  if (!ConsumeU32(in, &high) || !ConsumeU32(in, &low)) return false;
  *value = uint64_t{high} << 32 | low;
  return true;
}

bool ConsumeLongVarint(absl::string_view* in, uint64_t* value) {
  uint64_t result = 0;
  for (size_t i = 0; i < in->size() && i < 10; ++i) {
    const uint8_t byte = static_cast<uint8_t>((*in)[i]);
    result |= uint64_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) {
      in->remove_prefix(i + 1);
      *value = result;
      return true;
    }
  }
  return false;
}

bool ConsumeString(absl::string_view* in, absl::string_view* text) {
  uint64_t size = 0;
  if (!ConsumeVarint(in, &size) || size > in->size()) return false;
  *text = in->substr(0, size);
  in->remove_prefix(size);
  return true;
}

absl::Status CorruptRecord(absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("the store holds a damaged ", what,
                   "; stop the daemon and restore a backup (rblctl restore)"));
}

bool ConsumeInt64(absl::string_view* in, int64_t* value) {
  uint64_t raw = 0;
  if (!ConsumeVarint(in, &raw)) return false;
  *value = static_cast<int64_t>(raw);
  return true;
}

bool ConsumeText(absl::string_view* in, std::string* text) {
  absl::string_view view;
  if (!ConsumeString(in, &view)) return false;
  *text = std::string(view);
  return true;
}

}  // namespace rbld
