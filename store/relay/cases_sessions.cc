// RelayCasesImpl: sessions are leased, and come to their end.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "store/encoding.h"
#include "store/relay/cases_impl.h"
#include "store/relay/cases_staging.h"

namespace rbld {
namespace {

// The cases that one lease call looks at.
constexpr int kMaxLooksPerSession = 20;
constexpr int kMaxLeases = 1000;
// Earlier tests' evidence goes, save that of the last proof.
constexpr int kKeptTests = 20;
// A token stays readable a little longer than it is valid, so that it can be
// told from a forged one.
constexpr int64_t kExpiredTokenSeconds = 7 * 86400;

}  // namespace

absl::StatusOr<bool> RelayCasesImpl::EnterNetwork(StagedBatch* batch,
                                                  const RelaySettings& settings,
                                                  RelayCase* relay,
                                                  bool commit) const {
  const std::string key = NetworkKey(NetworkOf(relay->target));
  absl::StatusOr<RelayNetwork> network = LoadNetwork(batch, key);
  if (!network.ok()) return network.status();
  const int64_t now = batch->now_seconds();
  std::vector<int64_t>& recent = network->recent;
  recent.erase(recent.begin(),
               std::find_if(recent.begin(), recent.end(),
                            [now](int64_t time) { return time > now - 3600; }));
  if (network->busy_until > now) {
    relay->session_at = std::min(network->busy_until, now + 30);
    return false;
  }
  if (static_cast<int>(recent.size()) >=
      settings.max_sessions_per_network_hour) {
    relay->session_at = recent.front() + 3600;
    return false;
  }
  if (!commit) return true;
  recent.push_back(now);
  network->busy_until = now + settings.policy.lease_seconds;
  batch->Put(FamilyId::kProbes, key, NetworkValue(*network));
  batch->Put(FamilyId::kProbes,
             DueKey(DueKind::kNetworkExpiry, now + 3600, key), "");
  return true;
}

void RelayCasesImpl::LeaveNetwork(StagedBatch* batch, const RelayTarget& target,
                                  int64_t until) const {
  const std::string key = NetworkKey(NetworkOf(target));
  absl::StatusOr<RelayNetwork> network = LoadNetwork(batch, key);
  // A lease that has run out may be noticed only after a neighbour's began.
  if (!network.ok() || network->busy_until != until) return;
  network->busy_until = 0;
  batch->Put(FamilyId::kProbes, key, NetworkValue(*network));
}

absl::StatusOr<bool> RelayCasesImpl::LeaseOne(StagedBatch* batch,
                                              const RelaySettings& settings,
                                              absl::string_view subject,
                                              LeasedSession* session) {
  const int64_t now = batch->now_seconds();
  RelayTarget target;
  if (!ConsumeRelayTarget(&subject, &target)) return CorruptRecord("session");
  absl::StatusOr<Draft> draft = Load(batch, target);
  if (!draft.ok()) return draft.status();
  RelayCase& relay = draft->after;
  NoteIfForgotten(batch, &*draft);
  if (!CheckTestable(settings, target.address).ok()) {
    OptOut(settings.policy, &relay);
  }
  if (relay.session_at == 0) {
    absl::Status status = Save(batch, &*draft, {}, "");
    if (!status.ok()) return status;
    return false;
  }
  absl::StatusOr<uint64_t> last_test = GetU64(batch, kLastTestKey);
  if (!last_test.ok()) return last_test.status();
  SessionPlan plan;
  absl::StatusOr<bool> free = EnterNetwork(batch, settings, &relay, false);
  if (!free.ok()) return free.status();
  const bool granted =
      *free && rbld::Lease(settings.policy, now, *last_test + 1, &relay, &plan);
  if (granted) {
    free = EnterNetwork(batch, settings, &relay, true);
    if (!free.ok()) return free.status();
  }
  absl::Status status = Save(batch, &*draft, {}, "");
  if (!status.ok()) return status;
  if (!granted) return false;

  const RelayTest& test = *relay.test;
  RelayTestRecord record;
  record.target = target;
  record.started = test.started;
  const std::string test_key = TestKey(test.id);
  if (plan.new_test) {
    PutU64(batch, kLastTestKey, test.id);
    EraseEvidence(batch, target, kKeptTests, relay.proven_test);
  } else {
    absl::StatusOr<std::string> bytes = batch->Get(FamilyId::kProbes, test_key);
    if (!bytes.ok()) return bytes.status();
    // It has been dropped if no tester has come for so long that the tokens of
    // the test's earlier sessions are not even known as expired any more.
    if (!bytes->empty() && !ParseTest(*bytes, &record)) {
      return CorruptRecord("relay test");
    }
  }
  const int64_t token_expires = now + settings.policy.token_seconds;
  std::string test_subject;
  AppendU64(&test_subject, test.id);
  MoveDue(batch, DueKind::kTestExpiry, record.expires,
          token_expires + kExpiredTokenSeconds, test_subject);
  record.expires = token_expires + kExpiredTokenSeconds;
  batch->Put(FamilyId::kProbes, test_key, TestValue(record));

  session->target = target;
  session->test = test.id;
  session->session = test.sessions;
  session->until = relay.lease->until;
  session->max_messages = plan.max_messages;
  for (const FormId form : plan.forms) {
    Token token = {test.id, TokenKind::kRecipient, form, token_expires};
    LeasedSession::Probe& probe = session->probes.emplace_back();
    probe.form = form;
    probe.token = SignToken(token_key_, target, token);
    token.kind = TokenKind::kSender;
    probe.sender_token = SignToken(token_key_, target, token);
  }
  ++leased_;
  return true;
}

absl::StatusOr<std::vector<LeasedSession>> RelayCasesImpl::Lease(int limit) {
  const std::shared_ptr<const RelaySettings> settings = this->settings();
  if (settings->list.empty()) return RelaysNotConfigured();
  if (limit < 1 || limit > kMaxLeases) {
    return absl::InvalidArgumentError(
        absl::StrCat("a lease is of 1 to ", kMaxLeases, " sessions"));
  }
  std::vector<LeasedSession> sessions;
  absl::Status status = runner_([&](StagedBatch* batch) -> absl::Status {
    absl::StatusOr<uint64_t> running = GetU64(batch, kRunningKey);
    if (!running.ok()) return running.status();
    const int64_t room =
        settings->max_sessions - static_cast<int64_t>(*running);
    const size_t wanted = static_cast<size_t>(
        std::max<int64_t>(0, std::min<int64_t>(limit, room)));
    if (wanted == 0) return absl::OkStatus();
    // Collected first: what is staged moves below the iterator.
    std::vector<std::string> subjects;
    {
      std::unique_ptr<rocksdb::Iterator> it =
          batch->NewIterator(FamilyId::kProbes);
      for (it->Seek(DueBound(DueKind::kSession, sessions_from_));
           it->Valid() && subjects.size() < wanted * kMaxLooksPerSession;
           it->Next()) {
        DueKind kind;
        int64_t time = 0;
        absl::string_view subject;
        if (!ParseDueKey(View(it->key()), &kind, &time, &subject) ||
            kind != DueKind::kSession || time > batch->now_seconds()) {
          break;
        }
        subjects.emplace_back(subject);
      }
    }
    for (const std::string& subject : subjects) {
      LeasedSession session;
      absl::StatusOr<bool> granted =
          LeaseOne(batch, *settings, subject, &session);
      if (!granted.ok()) return granted.status();
      if (*granted) sessions.push_back(std::move(session));
      if (sessions.size() == wanted) break;
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return sessions;
}

absl::StatusOr<bool> RelayCasesImpl::FinishOne(StagedBatch* batch,
                                               const FinishedSession& session) {
  absl::StatusOr<Draft> draft = Load(batch, session.target);
  if (!draft.ok()) return draft.status();
  if (draft->is_new) return false;
  NoteIfForgotten(batch, &*draft);
  CaseEffects effects;
  if (!FinishSession(settings()->policy, batch->now_seconds(), session.report,
                     &draft->after, &effects)) {
    return false;
  }
  absl::Status status = Save(batch, &*draft, std::move(effects), "");
  if (!status.ok()) return status;
  Evidence evidence;
  evidence.time = batch->now_seconds();
  evidence.kind = EvidenceKind::kSession;
  evidence.peer = session.tester;
  evidence.what = SessionEndName(session.report.end);
  evidence.text = session.transcript;
  batch->Put(FamilyId::kEvidence,
             EvidenceKey(session.target, session.report.test,
                         static_cast<uint64_t>(session.report.session)),
             EvidenceValue(evidence));
  ++finished_;
  return true;
}

absl::StatusOr<std::vector<bool>> RelayCasesImpl::Finish(
    std::vector<FinishedSession> sessions) {
  std::vector<bool> applied;
  absl::Status status = runner_([&](StagedBatch* batch) -> absl::Status {
    for (const FinishedSession& session : sessions) {
      absl::StatusOr<bool> done = FinishOne(batch, session);
      if (!done.ok()) return done.status();
      applied.push_back(*done);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return applied;
}

}  // namespace rbld
