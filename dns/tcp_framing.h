// TCP framing (RFC 1035 §4.2.2): each message behind its length in two bytes.
//
// Pure functions, any thread.
#ifndef RBLD_DNS_TCP_FRAMING_H_
#define RBLD_DNS_TCP_FRAMING_H_

#include <cstddef>
#include <cstdint>

#include "dns/constants.h"

namespace rbld {

inline constexpr size_t kFrameHeadBytes = 2;
inline constexpr size_t kMaxFrameBytes = kFrameHeadBytes + kMaxMessageBytes;

enum class FrameResult {
  kWhole,       // a message is there
  kIncomplete,  // more bytes must come
  kEmpty,       // a length of 0: nothing that one could answer
};

struct Frame {
  const uint8_t* message = nullptr;
  size_t message_bytes = 0;
  size_t frame_bytes = 0;  // with its length
};

// Looks at the front of `bytes`; fills `*frame` when the result is kWhole.
inline FrameResult ReadFrame(const uint8_t* bytes, size_t size, Frame* frame) {
  if (size < kFrameHeadBytes) return FrameResult::kIncomplete;
  const size_t length = ReadU16(bytes);
  if (length == 0) return FrameResult::kEmpty;
  if (size - kFrameHeadBytes < length) return FrameResult::kIncomplete;
  *frame = {bytes + kFrameHeadBytes, length, kFrameHeadBytes + length};
  return FrameResult::kWhole;
}

}  // namespace rbld

#endif  // RBLD_DNS_TCP_FRAMING_H_
