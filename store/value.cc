#include "store/value.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace rbld {

void Normalize(ValueSet* values) {
  std::sort(values->begin(), values->end());
  values->erase(std::unique(values->begin(), values->end()), values->end());
}

std::string CodeText(uint32_t code) {
  return absl::StrCat(code >> 24, ".", (code >> 16) & 255, ".",
                      (code >> 8) & 255, ".", code & 255);
}

absl::StatusOr<uint32_t> ParseCode(absl::string_view text) {
  const absl::Status error = absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(text.substr(0, 40)),
                   "\" is no code: write an IPv4 address such as 127.0.0.2"));
  uint32_t code = 0;
  size_t at = 0;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0) {
      if (at >= text.size() || text[at] != '.') return error;
      ++at;
    }
    const size_t start = at;
    uint32_t number = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' &&
           at - start < 3) {
      number = number * 10 + static_cast<uint32_t>(text[at] - '0');
      ++at;
    }
    const bool leading_zero = at - start > 1 && text[start] == '0';
    if (at == start || number > 255 || leading_zero) return error;
    code = code << 8 | number;
  }
  if (at != text.size()) return error;
  return code;
}

absl::Status CheckReason(absl::string_view reason) {
  if (reason.size() > kMaxReasonBytes) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the reason has %d bytes; at most %d are allowed: shorten it, or put "
        "a link to the long text",
        reason.size(), kMaxReasonBytes));
  }
  for (size_t i = 0; i < reason.size(); ++i) {
    const auto byte = static_cast<unsigned char>(reason[i]);
    if (byte < 0x20 || byte == 0x7f) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "the reason has the control character 0x%02x at byte %d: remove it",
          byte, i + 1));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCode(uint32_t code, bool any_code) {
  if (code == 0) {
    return absl::InvalidArgumentError(
        "the code 0.0.0.0 says nothing: use one such as 127.0.0.2");
  }
  if (any_code) return absl::OkStatus();
  // RFC 5782 §2.3: answers are in 127/8, so that a client that takes one for
  // a real address only ever reaches itself.
  if (code >> 24 != 127) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the code ", CodeText(code),
        " is outside 127.0.0.0/8: use one such as 127.0.0.2, or let the list "
        "have any code in the configuration"));
  }
  if (code == 0x7f000000) {
    return absl::InvalidArgumentError(
        "the code 127.0.0.0 is a network, not an answer: use one such as "
        "127.0.0.2");
  }
  // Clients read these as "the lookup itself failed", not as "listed".
  if (code >> 8 == 0x7fffff) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the code ", CodeText(code),
        " is in 127.255.255.0/24, which mail servers read as an error of the "
        "list: use one such as 127.0.0.2"));
  }
  return absl::OkStatus();
}

}  // namespace rbld
