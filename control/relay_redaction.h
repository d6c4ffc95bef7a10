// What the public sees of the evidence of relay tests: how a server behaved,
// but no token, which would let anybody put a server on the list, no address of
// a tester, which would let servers treat it differently, and nothing of what a
// message says.
//
// Pure functions; any thread.
#ifndef RBLD_CONTROL_RELAY_REDACTION_H_
#define RBLD_CONTROL_RELAY_REDACTION_H_

#include <string>

#include "absl/strings/string_view.h"

namespace rbld {

// A session's transcript with every token as "TOKEN" and the tester's address
// as "TESTER". So goes what may be half a token: a run of its characters that
// is half as long.
std::string RedactTranscript(absl::string_view transcript,
                             absl::string_view tester);

// Of a message the names of its header fields, in order, and what its Date and
// Received fields say of times.
std::string RedactMessage(absl::string_view message);

}  // namespace rbld

#endif  // RBLD_CONTROL_RELAY_REDACTION_H_
