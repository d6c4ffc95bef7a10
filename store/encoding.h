// The primitives that the store's keys and values are made of
// (docs/STORE_FORMAT.md). Pure functions, any thread.
#ifndef RBLD_STORE_ENCODING_H_
#define RBLD_STORE_ENCODING_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rbld {

// Big-endian: they sort as numbers.
void AppendU32(std::string* out, uint32_t value);
void AppendU64(std::string* out, uint64_t value);
void AppendLongVarint(std::string* out, uint64_t value);
inline void AppendVarint(std::string* out, uint64_t value) {
  if (value < 0x80) {
    out->push_back(static_cast<char>(value));
  } else {
    AppendLongVarint(out, value);
  }
}
void AppendString(std::string* out, absl::string_view text);  // with length
// Each removes what it read from the front; false when the bytes end.
bool ConsumeU32(absl::string_view* in, uint32_t* value);
bool ConsumeU64(absl::string_view* in, uint64_t* value);
bool ConsumeLongVarint(absl::string_view* in, uint64_t* value);
inline bool ConsumeVarint(absl::string_view* in, uint64_t* value) {
  // Most are of one byte: numbers of values, lengths of strings.
  if (in->empty() || static_cast<uint8_t>(in->front()) >= 0x80) {
    return ConsumeLongVarint(in, value);
  }
  *value = static_cast<uint8_t>(in->front());
  in->remove_prefix(1);
  return true;
}
bool ConsumeString(absl::string_view* in, absl::string_view* text);
bool ConsumeInt64(absl::string_view* in, int64_t* value);  // of a varint
bool ConsumeText(absl::string_view* in, std::string* text);

// Of a record that cannot be read.
absl::Status CorruptRecord(absl::string_view what);

}  // namespace rbld

#endif  // RBLD_STORE_ENCODING_H_
