#include "relay/evidence_text.h"

#include "absl/strings/str_cat.h"
#include "relay/reply_reader.h"

namespace rbld {

std::string EvidenceText(absl::string_view message) {
  std::string text;
  while (!message.empty()) {
    const size_t end = message.find("\r\n");
    absl::StrAppend(&text, PrintableText(message.substr(0, end)), "\n");
    if (end == absl::string_view::npos) break;
    message.remove_prefix(end + 2);
  }
  return text;
}

}  // namespace rbld
