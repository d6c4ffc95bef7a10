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
  uint8_t* const text = rdata + 1;
  const size_t text_room = room_bytes - 1;
  size_t text_bytes = 0;
  const auto append = [&](absl::string_view bytes) {
    if (text_room - text_bytes < bytes.size()) return false;
    memcpy(text + text_bytes, bytes.data(), bytes.size());
    text_bytes += bytes.size();
    return true;
  };
  while (true) {
    const size_t dollar = reason.find('$');
    if (!append(reason.substr(0, dollar))) return -1;
    if (dollar == absl::string_view::npos) break;
    const bool literal =
        dollar + 1 < reason.size() && reason[dollar + 1] == '$';
    if (!append(literal ? absl::string_view("$") : subject)) return -1;
    reason.remove_prefix(dollar + (literal ? 2 : 1));
  }
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
