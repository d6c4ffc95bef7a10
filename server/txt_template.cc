#include "server/txt_template.h"

#include <string.h>

namespace rbld {
namespace {

constexpr size_t kMaxStringBytes = 255;

// Makes room for a length byte before each 255 bytes of the text that stands
// at rdata + 1, from the last string to the first, each moved once.
void SplitIntoStrings(uint8_t* rdata, size_t text_bytes, size_t strings) {
  for (size_t i = strings; i-- > 0;) {
    const size_t start = i * kMaxStringBytes;
    const size_t length =
        i + 1 == strings ? text_bytes - start : kMaxStringBytes;
    uint8_t* const place = rdata + start + i;
    memmove(place + 1, rdata + 1 + start, length);
    *place = static_cast<uint8_t>(length);
  }
}

}  // namespace

int RenderTxt(absl::string_view reason, absl::string_view subject,
              uint8_t* rdata, size_t room_bytes) {
  if (room_bytes < 1) return -1;
  // The text is written behind the place of the first string's length.
  uint8_t* at = rdata + 1;
  uint8_t* const end = rdata + room_bytes;
  const char* from = reason.data();
  const char* const reason_end = from + reason.size();
  while (from != reason_end) {
    const size_t left = static_cast<size_t>(reason_end - from);
    const void* const dollar = memchr(from, '$', left);
    const size_t plain_bytes =
        dollar == nullptr
            ? left
            : static_cast<size_t>(static_cast<const char*>(dollar) - from);
    if (static_cast<size_t>(end - at) < plain_bytes) return -1;
    memcpy(at, from, plain_bytes);
    at += plain_bytes;
    if (dollar == nullptr) break;
    from += plain_bytes + 1;
    if (from != reason_end && *from == '$') {
      if (at == end) return -1;
      *at++ = '$';
      ++from;
      continue;
    }
    if (static_cast<size_t>(end - at) < subject.size()) return -1;
    memcpy(at, subject.data(), subject.size());
    at += subject.size();
  }
  const size_t text_bytes = static_cast<size_t>(at - rdata) - 1;
  if (text_bytes <= kMaxStringBytes) {
    rdata[0] = static_cast<uint8_t>(text_bytes);
    return static_cast<int>(text_bytes + 1);
  }
  const size_t strings = (text_bytes + kMaxStringBytes - 1) / kMaxStringBytes;
  if (room_bytes < text_bytes + strings) return -1;
  SplitIntoStrings(rdata, text_bytes, strings);
  return static_cast<int>(text_bytes + strings);
}

}  // namespace rbld
