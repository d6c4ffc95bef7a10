// What is kept of a message that came back.
#ifndef RBLD_RELAY_EVIDENCE_TEXT_H_
#define RBLD_RELAY_EVIDENCE_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace rbld {

// The message as text: its lines, which end with CRLF, as they are, ended by
// LF; all else in them as PrintableText. Pure, any thread.
std::string EvidenceText(absl::string_view message);

}  // namespace rbld

#endif  // RBLD_RELAY_EVIDENCE_TEXT_H_
