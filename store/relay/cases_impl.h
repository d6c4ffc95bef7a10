// RelayCasesImpl: RelayCases on the store. Every change is a function that runs
// on the publisher's thread and stages into its batch.
#ifndef RBLD_STORE_RELAY_CASES_IMPL_H_
#define RBLD_STORE_RELAY_CASES_IMPL_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "store/database.h"
#include "store/relay/cases.h"
#include "store/staged_batch.h"

namespace rbld {

class RelayCasesImpl : public RelayCases {
 public:
  // Stages all or nothing.
  using Stage = std::function<absl::Status(StagedBatch*)>;
  // Runs it on the publisher's thread; back when it is durable.
  using Runner = std::function<absl::Status(Stage)>;

  // `database` and `clock` outlive it.
  static absl::StatusOr<std::unique_ptr<RelayCasesImpl>> Open(
      Database* database, const Clock* clock, Runner runner);

  absl::Status Configure(RelaySettings settings) override;
  std::shared_ptr<const RelaySettings> settings() const override;
  absl::StatusOr<ReportResult> Report(const RelayReport& report) override;
  absl::StatusOr<RelayCase> Recheck(const IpPrefix& address) override;
  absl::Status AddOptOut(RelayOptOut opt_out) override;
  absl::Status RemoveOptOut(const IpPrefix& prefix) override;
  std::vector<RelayOptOut> OptOuts() const override;
  absl::StatusOr<std::vector<LeasedSession>> Lease(int limit) override;
  absl::StatusOr<std::vector<bool>> Finish(
      std::vector<FinishedSession> sessions) override;
  TokenCheck CheckToken(absl::string_view token) const override;
  absl::StatusOr<ArrivalResult> Arrive(const Arrival& arrival) override;
  bool IsProven(uint64_t test) const override;
  absl::StatusOr<std::optional<RelayCase>> Find(
      const IpPrefix& address) const override;
  absl::StatusOr<CasePage> List(const CaseQuery& query) const override;
  absl::StatusOr<std::vector<Evidence>> EvidenceOf(
      const IpPrefix& address) const override;
  RelayCounts Counts() const override;

  // ---- the publisher's thread ----
  // When StageDue has something to do; 0: never. Nothing falls due before
  // Configure has named the list: what is to be taken off would be forgotten.
  int64_t next_due() const { return is_configured_ ? next_due_ : 0; }
  // What is due by now, up to a limit.
  absl::Status StageDue(StagedBatch* batch);
  // Looks up when the next thing is due, after a commit.
  void NoteNextDue();

 private:
  RelayCasesImpl(Database* database, const Clock* clock, Runner runner);

  // A case as it was and as it is to be.
  struct Draft {
    bool is_new = false;
    RelayCase before;
    RelayCase after;
  };
  absl::StatusOr<Draft> Load(StagedBatch* batch,
                             const RelayTarget& target) const;
  // Stages the listing first: a refusal of the list leaves the case unlisted.
  absl::Status Save(StagedBatch* batch, Draft* draft, CaseEffects effects,
                    const std::string& output);
  absl::Status StageListing(StagedBatch* batch, const RelayCase& relay,
                            const CaseEffects& effects,
                            const std::string& output) const;
  void Erase(StagedBatch* batch, const RelayCase& relay) const;
  void NoteIfForgotten(StagedBatch* batch, Draft* draft) const;
  absl::Status TickCase(StagedBatch* batch, absl::string_view subject);
  absl::Status DropTest(StagedBatch* batch, absl::string_view subject) const;

  absl::Status CheckTestable(const RelaySettings& settings,
                             const IpPrefix& address) const;
  const RelayOptOut* OptOutOf(const IpPrefix& address) const
      RBLD_REQUIRES(mutex_);
  absl::Status CountReport(StagedBatch* batch, const RelaySettings& settings,
                           const std::string& reporter) const;

  // Is the case's network free now? If not, its session is moved.
  absl::StatusOr<bool> EnterNetwork(StagedBatch* batch,
                                    const RelaySettings& settings,
                                    RelayCase* relay, bool commit) const;
  // Unless another session is under way there: `until` is the lease's.
  void LeaveNetwork(StagedBatch* batch, const RelayTarget& target,
                    int64_t until) const;
  absl::StatusOr<bool> LeaseOne(StagedBatch* batch,
                                const RelaySettings& settings,
                                absl::string_view subject,
                                LeasedSession* session);
  absl::StatusOr<bool> FinishOne(StagedBatch* batch,
                                 const FinishedSession& session);
  TokenCheck Check(absl::string_view text, const std::string& test_bytes,
                   RelayTestRecord* record) const;
  RelayTarget TargetOf(const IpPrefix& address) const;

  Database* const database_;
  const Clock* const clock_;
  const Runner runner_;
  std::string token_key_;  // never changes once it is open

  mutable Mutex mutex_;
  std::shared_ptr<const RelaySettings> settings_ RBLD_GUARDED_BY(mutex_) =
      std::make_shared<const RelaySettings>();
  std::vector<RelayOptOut> opt_outs_ RBLD_GUARDED_BY(mutex_);

  // ---- the publisher's thread ----
  int64_t next_due_ = 0;
  // Nothing is due before: keeps scans off what has been erased.
  int64_t timers_from_ = 0;
  int64_t sessions_from_ = 0;

  std::atomic<bool> is_configured_{false};
  std::atomic<uint64_t> running_{0};
  std::atomic<uint64_t> leased_{0};
  std::atomic<uint64_t> finished_{0};
  std::atomic<uint64_t> lost_{0};
  std::atomic<uint64_t> proofs_{0};
  mutable std::atomic<uint64_t> refused_tokens_{0};
};

}  // namespace rbld

#endif  // RBLD_STORE_RELAY_CASES_IMPL_H_
