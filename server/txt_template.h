// RenderTxt: a reason as the rdata of a TXT record.
//
// A pure function: no allocation, any thread.
#ifndef RBLD_SERVER_TXT_TEMPLATE_H_
#define RBLD_SERVER_TXT_TEMPLATE_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace rbld {

// Writes `reason` with each "$" replaced by `subject` and each "$$" by one "$",
// then cut into strings of 255 bytes (RFC 1035 §3.3.14). Returns the bytes
// written, at least 1, or -1 when they are more than `room_bytes`.
int RenderTxt(absl::string_view reason, absl::string_view subject,
              uint8_t* rdata, size_t room_bytes);

}  // namespace rbld

#endif  // RBLD_SERVER_TXT_TEMPLATE_H_
