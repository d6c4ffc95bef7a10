// The keys and values of the column families "probes" and "evidence";
// docs/STORE_FORMAT.md is their written form. Pure functions, any thread.
#ifndef RBLD_STORE_RELAY_CASE_RECORDS_H_
#define RBLD_STORE_RELAY_CASE_RECORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "store/relay/case.h"

namespace rbld {

// ---- column family "probes": the first byte of a key is its kind ----

// Family, address, port: 7 or 19 bytes.
std::string RelayTargetKey(const RelayTarget& target);
bool ConsumeRelayTarget(absl::string_view* in, RelayTarget* target);

std::string CaseKey(const RelayTarget& target);
std::string CaseValue(const RelayCase& relay);
// The target stands in the key.
bool ParseCase(absl::string_view key, absl::string_view bytes,
               RelayCase* relay);

std::string TestKey(uint64_t test);
std::string TestValue(const RelayTestRecord& record);
bool ParseTest(absl::string_view bytes, RelayTestRecord* record);

// The /24 or /64 whose hosts share a limit.
IpPrefix NetworkOf(const RelayTarget& target);
struct RelayNetwork {
  std::vector<int64_t> recent;  // sessions of the last hour, ascending
  int64_t busy_until = 0;       // of the one that is under way; 0: none

  friend bool operator==(const RelayNetwork&, const RelayNetwork&) = default;
};
std::string NetworkKey(const IpPrefix& network);
std::string NetworkValue(const RelayNetwork& network);
bool ParseNetwork(absl::string_view bytes, RelayNetwork* network);

// Who asked not to be tested.
struct RelayOptOut {
  IpPrefix prefix;
  int64_t created = 0;
  std::string author;
  std::string note;

  friend bool operator==(const RelayOptOut&, const RelayOptOut&) = default;
};
std::string OptOutKey(const IpPrefix& prefix);
std::string OptOutValue(const RelayOptOut& opt_out);
bool ParseOptOut(absl::string_view key, absl::string_view bytes,
                 RelayOptOut* opt_out);

// How much one reporter has reported.
struct RelayReporter {
  int64_t day_start = 0;
  uint32_t reports = 0;  // in the day from then on

  friend bool operator==(const RelayReporter&, const RelayReporter&) = default;
};
std::string ReporterKey(absl::string_view reporter);
std::string ReporterValue(const RelayReporter& reporter);
bool ParseReporter(absl::string_view bytes, RelayReporter* reporter);

// What is due, by time: something to happen by itself, or a session.
enum class DueKind : char {
  kCaseTimer = 'd',      // + target
  kSession = 'q',        // + target
  kTestExpiry = 'x',     // + test
  kNetworkExpiry = 'y',  // + the network's key
};
std::string DueKey(DueKind kind, int64_t time, absl::string_view subject);
// The first key of the kind that is due at `time` or later.
std::string DueBound(DueKind kind, int64_t time);
bool ParseDueKey(absl::string_view key, DueKind* kind, int64_t* time,
                 absl::string_view* subject);

inline constexpr char kCasePrefix = 'c';
inline constexpr char kOptOutPrefix = 'o';
// The tokens' key, and the last test's id.
inline constexpr absl::string_view kTokenKeyKey = "m/token-key";
inline constexpr absl::string_view kLastTestKey = "m/last-test";

// ---- column family "evidence" ----

enum class EvidenceKind : uint8_t {
  kSession = 1,  // `text` is the transcript
  kMessage = 2,  // `text` is the message that came back, as received
  kBounce = 3,   // likewise, of a bounce
  kVerdict = 4,  // `text` says what followed from it
};
inline constexpr int kEvidenceKindCount = 5;
const char* EvidenceKindName(EvidenceKind kind);  // "session", …

// One thing that happened in a test.
struct Evidence {
  RelayTarget target;
  uint64_t test = 0;
  int64_t time = 0;
  EvidenceKind kind = EvidenceKind::kSession;
  // kMessage, kBounce: the address that delivered it. kSession: the tester's.
  std::string peer;
  // "percent-host" of a message; how a session ended; the verdict.
  std::string what;
  std::string text;

  friend bool operator==(const Evidence&, const Evidence&) = default;
};
// Sorts by target, test, and `number`, which tells a test's pieces apart.
std::string EvidenceKey(const RelayTarget& target, uint64_t test,
                        uint64_t number);
std::string EvidenceValue(const Evidence& evidence);
bool ParseEvidence(absl::string_view key, absl::string_view bytes,
                   Evidence* evidence);

}  // namespace rbld

#endif  // RBLD_STORE_RELAY_CASE_RECORDS_H_
