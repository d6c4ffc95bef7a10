// A relay case in words, and what to look at where a form of it got through.
//
// Pure functions over what GET /v1/relay/cases/{target} gives; any thread.
// Times are in the time zone of the process.
#ifndef RBLD_TOOLS_RELAY_WORDS_H_
#define RBLD_TOOLS_RELAY_WORDS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "control/json.h"

namespace rbld {

// "planned: a session after 2026-11-25 10:00:00 (re-test)": where the case
// stands now.
std::string RelayStateWords(const Json& relay);
// "closed: every form was refused"; of "none" that no test has ended.
std::string RelayVerdictWords(absl::string_view verdict);
// What is known and what happens next, a sentence each.
std::vector<std::string> RelayCaseWords(const Json& relay);

// What a form that got through says of a server, and where its software has a
// setting for it; empty for a form that is not known.
std::vector<std::string> RelayAdvice(absl::string_view form);

}  // namespace rbld

#endif  // RBLD_TOOLS_RELAY_WORDS_H_
