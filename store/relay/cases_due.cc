// RelayCasesImpl: what happens by itself.
#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "store/encoding.h"
#include "store/relay/cases_impl.h"
#include "store/relay/cases_staging.h"

namespace rbld {
namespace {

constexpr int kMaxDuePerCommit = 1000;
constexpr int64_t kNothing = std::numeric_limits<int64_t>::max() / 2;

}  // namespace

absl::Status RelayCasesImpl::TickCase(StagedBatch* batch,
                                      absl::string_view subject) {
  RelayTarget target;
  if (!ConsumeRelayTarget(&subject, &target)) return CorruptRecord("timer");
  absl::StatusOr<Draft> draft = Load(batch, target);
  if (!draft.ok()) return draft.status();
  if (draft->is_new) return absl::OkStatus();
  const std::shared_ptr<const RelaySettings> settings = this->settings();
  const RelayPolicy& policy = settings->policy;
  const int64_t now = batch->now_seconds();
  while (true) {
    if (IsOver(policy, draft->after, now)) {
      Erase(batch, draft->after);
      return absl::OkStatus();
    }
    const int64_t timer = TimerAt(policy, draft->after);
    if (timer == 0 || timer > now) break;
    const bool had_lease = draft->after.lease.has_value();
    CaseEffects effects;
    Tick(policy, now, &draft->after, &effects);
    if (had_lease && !draft->after.lease.has_value()) ++lost_;
    absl::Status status = Save(batch, &*draft, std::move(effects), "");
    if (!status.ok()) return status;
  }
  return Save(batch, &*draft, {}, "");
}

absl::Status RelayCasesImpl::DropTest(StagedBatch* batch,
                                      absl::string_view subject) const {
  uint64_t test = 0;
  if (!ConsumeU64(&subject, &test)) return CorruptRecord("test");
  batch->Erase(FamilyId::kProbes, TestKey(test));
  return absl::OkStatus();
}

absl::Status RelayCasesImpl::StageDue(StagedBatch* batch) {
  const int64_t now = batch->now_seconds();
  for (const DueKind due :
       {DueKind::kCaseTimer, DueKind::kTestExpiry, DueKind::kNetworkExpiry}) {
    std::vector<std::string> keys;
    {
      std::unique_ptr<rocksdb::Iterator> it =
          batch->NewIterator(FamilyId::kProbes);
      for (it->Seek(DueBound(due, timers_from_));
           it->Valid() && keys.size() < kMaxDuePerCommit; it->Next()) {
        DueKind kind;
        int64_t time = 0;
        absl::string_view subject;
        if (!ParseDueKey(View(it->key()), &kind, &time, &subject) ||
            kind != due || time > now) {
          break;
        }
        keys.emplace_back(View(it->key()));
      }
    }
    for (const std::string& key : keys) {
      DueKind kind;
      int64_t time = 0;
      absl::string_view subject;
      ParseDueKey(key, &kind, &time, &subject);
      batch->Erase(FamilyId::kProbes, key);
      absl::Status status = absl::OkStatus();
      if (due == DueKind::kCaseTimer) {
        status = TickCase(batch, subject);
      } else if (due == DueKind::kTestExpiry) {
        status = DropTest(batch, subject);
      } else {
        const std::string network_key(subject);
        absl::StatusOr<RelayNetwork> network = LoadNetwork(batch, network_key);
        if (!network.ok()) return network.status();
        if (network->busy_until <= now &&
            (network->recent.empty() || network->recent.back() <= now - 3600)) {
          batch->Erase(FamilyId::kProbes, network_key);
        }
      }
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

void RelayCasesImpl::NoteNextDue() {
  std::unique_ptr<rocksdb::Iterator> it(database_->db()->NewIterator(
      rocksdb::ReadOptions(), database_->family(FamilyId::kProbes)));
  const auto first = [&it](DueKind due, int64_t from) {
    it->Seek(DueBound(due, from));
    DueKind kind;
    int64_t time = 0;
    absl::string_view subject;
    if (it->Valid() && ParseDueKey(View(it->key()), &kind, &time, &subject) &&
        kind == due) {
      return time;
    }
    return kNothing;
  };
  timers_from_ = std::min({first(DueKind::kCaseTimer, timers_from_),
                           first(DueKind::kTestExpiry, timers_from_),
                           first(DueKind::kNetworkExpiry, timers_from_)});
  sessions_from_ = first(DueKind::kSession, sessions_from_);
  next_due_ = timers_from_ == kNothing ? 0 : timers_from_;
}

}  // namespace rbld
