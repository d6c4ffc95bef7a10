// What the parts of RelayCasesImpl share: small things that are staged, keys
// and numbers. Private to it.
//
// All of it on the publisher's thread.
#ifndef RBLD_STORE_RELAY_CASES_STAGING_H_
#define RBLD_STORE_RELAY_CASES_STAGING_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/relay/case_records.h"
#include "store/relay/token.h"
#include "store/staged_batch.h"

namespace rbld {

// How many sessions are under way.
inline constexpr absl::string_view kRunningKey = "m/running";

// The pieces of a test's evidence; sessions are numbered from 1.
inline constexpr uint64_t kMessageEvidence = 1000;
inline constexpr uint64_t kBounceEvidence = 2000;
inline constexpr uint64_t kVerdictEvidence = 3000;

absl::Status RelaysNotConfigured();
// A status of which IsRelayLimit is true.
absl::Status RelayLimitError(absl::string_view message);

// A number under a key of the family kProbes; 0 if there is none.
void PutU64(StagedBatch* batch, absl::string_view key, uint64_t value);
absl::StatusOr<uint64_t> GetU64(StagedBatch* batch, absl::string_view key);

// From one time to another in the index of what is due; 0 is not in it.
void MoveDue(StagedBatch* batch, DueKind kind, int64_t from, int64_t to,
             absl::string_view subject);

// An empty one if nothing is known of it.
absl::StatusOr<RelayNetwork> LoadNetwork(StagedBatch* batch,
                                         const std::string& key);

// Drops the target's evidence but that of its last `keep` tests and, unless
// `keep` is 0, of `keep_test`.
void EraseEvidence(StagedBatch* batch, const RelayTarget& target, int keep,
                   uint64_t keep_test);

}  // namespace rbld

#endif  // RBLD_STORE_RELAY_CASES_STAGING_H_
