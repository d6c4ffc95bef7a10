// Opening, settings, and a case's way into the store and back.
#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "store/encoding.h"
#include "store/guard.h"
#include "store/relay/cases_impl.h"
#include "store/relay/cases_staging.h"

namespace rbld {
namespace {

std::string VerdictText(const RelayCase& relay, const CaseEffects& effects) {
  switch (effects.listing) {
    case CaseEffects::Listing::kList:
      return absl::StrCat("listed: ", effects.why);
    case CaseEffects::Listing::kRenew:
      return absl::StrCat("still listed: ", effects.why);
    case CaseEffects::Listing::kDelist:
      return absl::StrCat("taken off: ", effects.why);
    case CaseEffects::Listing::kKeep:
      break;
  }
  if (!effects.why.empty()) return effects.why;
  return relay.listed ? "stays listed" : "stays off the list";
}

}  // namespace

const char* CaseStateName(CaseState state) {
  switch (state) {
    case CaseState::kIdle:
      return "idle";
    case CaseState::kPlanned:
      return "planned";
    case CaseState::kRunning:
      return "running";
    case CaseState::kWaiting:
      break;
  }
  return "waiting";
}

CaseState StateOf(const RelayCase& relay) {
  if (relay.lease.has_value()) return CaseState::kRunning;
  if (relay.test.has_value() && relay.test->deadline != 0) {
    return CaseState::kWaiting;
  }
  return relay.session_at != 0 ? CaseState::kPlanned : CaseState::kIdle;
}

RelayCasesImpl::RelayCasesImpl(Database* database, const Clock* clock,
                               Runner runner)
    : database_(database), clock_(clock), runner_(std::move(runner)) {}

absl::StatusOr<std::unique_ptr<RelayCasesImpl>> RelayCasesImpl::Open(
    Database* database, const Clock* clock, Runner runner) {
  std::unique_ptr<RelayCasesImpl> cases(
      new RelayCasesImpl(database, clock, std::move(runner)));
  rocksdb::DB* db = database->db();
  rocksdb::ColumnFamilyHandle* probes = database->family(FamilyId::kProbes);
  rocksdb::Status status = db->Get(rocksdb::ReadOptions(), probes,
                                   ToSlice(kTokenKeyKey), &cases->token_key_);
  if (status.IsNotFound()) {
    cases->token_key_.resize(kTokenKeyBytes);
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&cases->token_key_[0]),
                   kTokenKeyBytes) != 1) {
      return absl::InternalError("the system gives no random bytes");
    }
    status = db->Put(database->write_options(), probes, ToSlice(kTokenKeyKey),
                     cases->token_key_);
  }
  if (!status.ok()) return FromRocks(status, "opening the relay tests");
  std::string running;
  status =
      db->Get(rocksdb::ReadOptions(), probes, ToSlice(kRunningKey), &running);
  if (!status.ok() && !status.IsNotFound()) {
    return FromRocks(status, "opening the relay tests");
  }
  uint64_t count = 0;
  absl::string_view view = running;
  if (ConsumeU64(&view, &count)) cases->running_ = count;
  std::unique_ptr<rocksdb::Iterator> it(
      db->NewIterator(rocksdb::ReadOptions(), probes));
  const std::string prefix(1, kOptOutPrefix);
  MutexLock lock(&cases->mutex_);
  for (it->Seek(prefix); it->Valid() && View(it->key()).substr(0, 1) == prefix;
       it->Next()) {
    RelayOptOut opt_out;
    if (!ParseOptOut(View(it->key()), View(it->value()), &opt_out)) {
      return CorruptRecord("opt-out");
    }
    cases->opt_outs_.push_back(std::move(opt_out));
  }
  status = it->status();
  if (!status.ok()) return FromRocks(status, "opening the relay tests");
  return cases;
}

absl::Status RelayCasesImpl::Configure(RelaySettings settings) {
  MutexLock lock(&mutex_);
  settings_ = std::make_shared<const RelaySettings>(std::move(settings));
  is_configured_ = !settings_->list.empty();
  return absl::OkStatus();
}

std::shared_ptr<const RelaySettings> RelayCasesImpl::settings() const {
  MutexLock lock(&mutex_);
  return settings_;
}

RelayTarget RelayCasesImpl::TargetOf(const IpPrefix& address) const {
  MutexLock lock(&mutex_);
  return {address, settings_->port};
}

const RelayOptOut* RelayCasesImpl::OptOutOf(const IpPrefix& address) const {
  for (const RelayOptOut& opt_out : opt_outs_) {
    if (opt_out.prefix.Contains(address)) return &opt_out;
  }
  return nullptr;
}

absl::Status RelayCasesImpl::CheckTestable(const RelaySettings& settings,
                                           const IpPrefix& address) const {
  const std::string text = address.ToString();
  if (!address.IsSingleAddress()) {
    return absl::InvalidArgumentError(absl::StrCat(
        text, " is a network; relay tests are made of single addresses"));
  }
  for (const IpPrefix& never : settings.never) {
    if (never.Contains(address)) {
      return absl::FailedPreconditionError(
          absl::StrCat(text, ": is one of our own addresses, ",
                       never.ToString(), ", which are never tested"));
    }
  }
  ListPolicy policy;
  policy.allowed_special = settings.lab_networks;
  if (const char* why = WhyNotListable(policy, address)) {
    return absl::FailedPreconditionError(
        absl::StrCat(text, ": is ", why, ", which is never tested"));
  }
  // RFC 5782 §5: the test entries may be listed.
  if (address == IpPrefix::FromIpv4(0x7f000002) || text == "::ffff:127.0.0.2") {
    return absl::FailedPreconditionError(
        absl::StrCat(text, ": is loopback, which is never tested"));
  }
  MutexLock lock(&mutex_);
  if (const RelayOptOut* opt_out = OptOutOf(address)) {
    return absl::FailedPreconditionError(
        absl::StrCat(text, ": its administrator asked not to be tested (",
                     opt_out->prefix.ToString(),
                     opt_out->note.empty() ? "" : ", ", opt_out->note, ")"));
  }
  return absl::OkStatus();
}

// ---- loading and saving ----

absl::StatusOr<RelayCasesImpl::Draft> RelayCasesImpl::Load(
    StagedBatch* batch, const RelayTarget& target) const {
  const std::string key = CaseKey(target);
  absl::StatusOr<std::string> bytes = batch->Get(FamilyId::kProbes, key);
  if (!bytes.ok()) return bytes.status();
  Draft draft;
  draft.is_new = bytes->empty();
  if (draft.is_new) {
    draft.before.target = target;
  } else if (!ParseCase(key, *bytes, &draft.before)) {
    return CorruptRecord("relay case");
  }
  draft.after = draft.before;
  if (draft.is_new) draft.after.created = batch->now_seconds();
  return draft;
}

void RelayCasesImpl::NoteIfForgotten(StagedBatch* batch, Draft* draft) const {
  if (!draft->after.listed) return;
  const std::shared_ptr<const RelaySettings> settings = this->settings();
  if (!batch->HasListing(settings->list, kRelayTestSource,
                         Target::OfPrefix(draft->after.target.address))) {
    ForgetListing(&draft->after);
  }
}

absl::Status RelayCasesImpl::StageListing(StagedBatch* batch,
                                          const RelayCase& relay,
                                          const CaseEffects& effects,
                                          const std::string& output) const {
  if (effects.listing == CaseEffects::Listing::kKeep) return absl::OkStatus();
  const std::shared_ptr<const RelaySettings> settings = this->settings();
  ChangeRequest request;
  request.actor = kRelayTestSource;
  request.why = effects.why;
  request.request = "relay test";
  Change change;
  change.list = settings->list;
  change.source = kRelayTestSource;
  change.target = Target::OfPrefix(relay.target.address);
  if (effects.listing == CaseEffects::Listing::kDelist) {
    change.verb = Change::Verb::kRemove;
    request.changes.push_back(std::move(change));
    return batch->Stage(request).status();
  }
  change.expires = effects.expires;
  change.note = absl::StrCat("test ", relay.proven_test, ": ",
                             Forms()[*relay.proven_form].name);
  request.changes.push_back(change);
  if (!output.empty() && !settings->output_list.empty()) {
    change.list = settings->output_list;
    change.target = Target::OfPrefix(*ParseIpPrefix(output));
    change.note =
        absl::StrCat("delivers for ", relay.target.address.ToString());
    request.changes.push_back(std::move(change));
    // What the list's own rules refuse is left out; the input is listed.
    if (batch->Stage(request).ok()) return absl::OkStatus();
    request.changes.pop_back();
  }
  return batch->Stage(request).status();
}

absl::Status RelayCasesImpl::Save(StagedBatch* batch, Draft* draft,
                                  CaseEffects effects,
                                  const std::string& output) {
  const std::shared_ptr<const RelaySettings> settings = this->settings();
  const RelayPolicy& policy = settings->policy;
  RelayCase& relay = draft->after;
  absl::Status status = StageListing(batch, relay, effects, output);
  if (status.code() == absl::StatusCode::kFailedPrecondition ||
      status.code() == absl::StatusCode::kNotFound) {
    ForgetListing(&relay);
    relay.session_at = 0;
    effects.listing = CaseEffects::Listing::kKeep;
    effects.why = absl::StrCat("not listed: ", status.message());
  } else if (!status.ok()) {
    return status;
  }
  const std::string subject = RelayTargetKey(relay.target);
  const int64_t old_timer = draft->is_new ? 0 : TimerAt(policy, draft->before);
  const int64_t new_timer = TimerAt(policy, relay);
  // After a change of the policy the old timer's key may stand elsewhere; what
  // it finds then is that nothing is due, and goes.
  MoveDue(batch, DueKind::kCaseTimer, old_timer, new_timer, subject);
  MoveDue(batch, DueKind::kSession, draft->before.session_at, relay.session_at,
          subject);
  if (new_timer != 0) timers_from_ = std::min(timers_from_, new_timer);
  if (relay.session_at != 0) {
    sessions_from_ = std::min(sessions_from_, relay.session_at);
  }
  if (draft->before.lease.has_value() != relay.lease.has_value()) {
    absl::StatusOr<uint64_t> running = GetU64(batch, kRunningKey);
    if (!running.ok()) return running.status();
    if (relay.lease.has_value()) {
      ++*running;
    } else {
      if (*running != 0) --*running;
      LeaveNetwork(batch, relay.target, draft->before.lease->until);
    }
    PutU64(batch, kRunningKey, *running);
    running_ = *running;
  }
  batch->Put(FamilyId::kProbes, CaseKey(relay.target), CaseValue(relay));
  if (effects.verdict != Verdict::kNone ||
      effects.listing != CaseEffects::Listing::kKeep) {
    Evidence evidence;
    evidence.time = batch->now_seconds();
    evidence.kind = EvidenceKind::kVerdict;
    evidence.what =
        effects.verdict == Verdict::kNone ? "" : VerdictName(effects.verdict);
    evidence.text = VerdictText(relay, effects);
    batch->Put(
        FamilyId::kEvidence,
        EvidenceKey(relay.target, relay.last_test,
                    kVerdictEvidence + static_cast<uint64_t>(effects.listing)),
        EvidenceValue(evidence));
  }
  if (IsProof(effects.verdict)) ++proofs_;
  draft->before = relay;
  draft->is_new = false;
  return absl::OkStatus();
}

void RelayCasesImpl::Erase(StagedBatch* batch, const RelayCase& relay) const {
  const std::string subject = RelayTargetKey(relay.target);
  MoveDue(batch, DueKind::kCaseTimer, TimerAt(settings()->policy, relay), 0,
          subject);
  batch->Erase(FamilyId::kProbes, CaseKey(relay.target));
  EraseEvidence(batch, relay.target, 0, 0);
}

}  // namespace rbld
