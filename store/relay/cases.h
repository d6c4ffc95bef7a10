// RelayCases: the cases of relay tests in the store: reports and requests come
// in, sessions are leased to the testers, what comes of them goes into the
// cases, and, in the same durable batch, into the list of relays.
//
// Thread-safe: any thread may call any method. Calls that change something
// block until the change is durable and, where it concerns a listing, visible.
#ifndef RBLD_STORE_RELAY_CASES_H_
#define RBLD_STORE_RELAY_CASES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "store/relay/case.h"
#include "store/relay/case_records.h"
#include "store/relay/lifecycle.h"
#include "store/relay/token.h"

namespace rbld {

// The source of what relay tests list.
inline constexpr char kRelayTestSource[] = "relay-test";

// What the configuration says of relay tests.
struct RelaySettings {
  std::string list;         // of the proven relays; empty: no relay tests
  std::string output_list;  // of the last hops of multihop relays; empty: none
  RelayPolicy policy;
  std::vector<IpPrefix> never;         // our own addresses
  std::vector<IpPrefix> lab_networks;  // special-purpose, tested all the same
  uint16_t port = 25;
  int max_sessions = 5000;  // under way at once
  int max_sessions_per_network_hour = 10;
  int max_reports_per_day = 1000;  // of one reporter
};

struct RelayReport {
  IpPrefix address;      // a single one
  std::string reporter;  // whose limit it counts against
};
struct ReportResult {
  ReportOutcome outcome = ReportOutcome::kTest;
  RelayCase relay;  // after it
};

// A session that somebody is told to make now.
struct LeasedSession {
  struct Probe {
    FormId form = 0;
    std::string token;
    std::string sender_token;
  };
  RelayTarget target;
  uint64_t test = 0;
  int session = 0;
  int64_t until = 0;  // when it is given up as lost
  int max_messages = 0;
  std::vector<Probe> probes;
};

struct FinishedSession {
  RelayTarget target;
  SessionReport report;
  std::string transcript;
  std::string tester;  // "192.0.2.1": where it connected from
};

enum class TokenState : uint8_t {
  kValid,
  kNoToken,  // not even the form of one
  kForged,   // nobody here made it
  kExpired,
  kReplayed,  // it came already
};
struct TokenCheck {
  TokenState state = TokenState::kNoToken;
  Token token;         // unless kNoToken
  RelayTarget target;  // unless kNoToken or kForged
};

struct Arrival {
  std::string token;
  IpPrefix peer;  // who delivered it
  std::string message;
};
struct ArrivalResult {
  TokenCheck check;                  // nothing is changed unless it is kValid
  Verdict verdict = Verdict::kNone;  // a proof, if it is one
};

// The states of a case, for people.
enum class CaseState : uint8_t {
  kIdle,     // nothing is planned
  kPlanned,  // a session is, at its time
  kRunning,  // a session is under way
  kWaiting,  // all was asked; mail may still come
};
const char* CaseStateName(CaseState state);
CaseState StateOf(const RelayCase& relay);

struct CaseQuery {
  std::optional<CaseState> state;
  std::optional<Verdict> verdict;  // the last one
  std::optional<bool> listed;
  std::optional<IpPrefix> within;
  std::string cursor;  // from the page before
  int limit = 100;     // 1 to 10,000
};
struct CasePage {
  std::vector<RelayCase> cases;  // by address
  std::string next_cursor;       // empty: the end
};

struct RelayCounts {
  uint64_t running = 0;  // sessions under way
  uint64_t leased = 0;   // since start, likewise the others
  uint64_t finished = 0;
  uint64_t lost = 0;
  uint64_t proofs = 0;
  uint64_t refused_tokens = 0;
};

// Is it the limit of a reporter or an owner? A full disk is ResourceExhausted,
// too.
bool IsRelayLimit(const absl::Status& status);

class RelayCases {
 public:
  virtual ~RelayCases() = default;

  virtual absl::Status Configure(RelaySettings settings) = 0;
  // Never null; they stay as they are.
  virtual std::shared_ptr<const RelaySettings> settings() const = 0;

  // FailedPrecondition: never tested, with the rule; opted out; relay tests
  // are not configured. ResourceExhausted: the reporter's limit.
  virtual absl::StatusOr<ReportResult> Report(const RelayReport& report) = 0;
  // As RequestRecheck; NotFound if there is no case.
  virtual absl::StatusOr<RelayCase> Recheck(const IpPrefix& address) = 0;

  // Ends all tests of what lies in the prefix. AlreadyExists if it is there.
  virtual absl::Status AddOptOut(RelayOptOut opt_out) = 0;
  virtual absl::Status RemoveOptOut(const IpPrefix& prefix) = 0;  // NotFound
  virtual std::vector<RelayOptOut> OptOuts() const = 0;

  // Up to `limit` sessions, whose beginning is durable and counted.
  virtual absl::StatusOr<std::vector<LeasedSession>> Lease(int limit) = 0;
  // One answer for each: false, its end is known already.
  virtual absl::StatusOr<std::vector<bool>> Finish(
      std::vector<FinishedSession> sessions) = 0;

  virtual TokenCheck CheckToken(absl::string_view token) const = 0;
  virtual absl::StatusOr<ArrivalResult> Arrive(const Arrival& arrival) = 0;
  // Has a token of the test come back?
  virtual bool IsProven(uint64_t test) const = 0;

  virtual absl::StatusOr<std::optional<RelayCase>> Find(
      const IpPrefix& address) const = 0;
  virtual absl::StatusOr<CasePage> List(const CaseQuery& query) const = 0;
  // By test and time.
  virtual absl::StatusOr<std::vector<Evidence>> EvidenceOf(
      const IpPrefix& address) const = 0;
  virtual RelayCounts Counts() const = 0;
};

}  // namespace rbld

#endif  // RBLD_STORE_RELAY_CASES_H_
