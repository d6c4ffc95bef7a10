// Relay cases and their evidence as JSON, for people and their programs.
// docs/CONTROL_API.md describes the shapes.
//
// Pure functions; any thread.
#ifndef RBLD_CONTROL_RELAY_CASE_JSON_H_
#define RBLD_CONTROL_RELAY_CASE_JSON_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "control/json.h"
#include "control/json_codec.h"
#include "store/relay/cases.h"

namespace rbld {

// The public does not see who reported what how often.
Json ToJson(const RelayPolicy& policy, const RelayCase& relay, Detail detail);
// The public sees no more than control/relay_redaction.h lets pass.
Json ToJson(const Evidence& evidence, Detail detail);
Json ToJson(const RelayCounts& counts);

// The parameters of GET /v1/relay/cases.
absl::StatusOr<CaseQuery> CaseQueryFrom(
    const std::map<std::string, std::string>& query);

}  // namespace rbld

#endif  // RBLD_CONTROL_RELAY_CASE_JSON_H_
