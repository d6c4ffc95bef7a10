#include "store/relay/cases.h"

#include <openssl/rand.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "store/encoding.h"
#include "store/guard.h"
#include "store/relay/cases_impl.h"

namespace rbld {
namespace {

// Of one call of StageDue, and of the cases that one lease call looks at.
constexpr int kMaxDuePerCommit = 1000;
constexpr int kMaxLooksPerSession = 20;
constexpr int kMaxLeases = 1000;
constexpr int64_t kNothing = std::numeric_limits<int64_t>::max() / 2;
// Earlier tests' evidence goes, save that of the last proof.
constexpr int kKeptTests = 20;
constexpr absl::string_view kRunningKey = "m/running";
constexpr size_t kMaxReporterBytes = 255;
// A token stays readable a little longer than it is valid, so that it can be
// told from a forged one.
constexpr int64_t kExpiredTokenSeconds = 7 * 86400;

// The pieces of a test's evidence; sessions are numbered from 1.
constexpr uint64_t kMessageEvidence = 1000;
constexpr uint64_t kBounceEvidence = 2000;
constexpr uint64_t kVerdictEvidence = 3000;

constexpr char kLimitPayload[] = "rbld/relay-limit";

absl::Status LimitError(absl::string_view message) {
  absl::Status status = absl::ResourceExhaustedError(message);
  status.SetPayload(kLimitPayload, absl::Cord());
  return status;
}

absl::Status NotConfigured() {
  return absl::FailedPreconditionError(
      "relay tests are not configured; add [relay] with `list` and `domain` to "
      "the configuration");
}

void PutU64(StagedBatch* batch, absl::string_view key, uint64_t value) {
  std::string bytes;
  AppendU64(&bytes, value);
  batch->Put(FamilyId::kProbes, key, bytes);
}

absl::StatusOr<uint64_t> GetU64(StagedBatch* batch, absl::string_view key) {
  absl::StatusOr<std::string> bytes = batch->Get(FamilyId::kProbes, key);
  if (!bytes.ok()) return bytes.status();
  absl::string_view view = *bytes;
  uint64_t value = 0;
  if (!view.empty() && !ConsumeU64(&view, &value)) {
    return CorruptRecord("relay counter");
  }
  return value;
}

void MoveDue(StagedBatch* batch, DueKind kind, int64_t from, int64_t to,
             absl::string_view subject) {
  if (from == to) return;
  if (from != 0) batch->Erase(FamilyId::kProbes, DueKey(kind, from, subject));
  if (to != 0) batch->Put(FamilyId::kProbes, DueKey(kind, to, subject), "");
}

absl::StatusOr<RelayNetwork> LoadNetwork(StagedBatch* batch,
                                         const std::string& key) {
  RelayNetwork network;
  absl::StatusOr<std::string> bytes = batch->Get(FamilyId::kProbes, key);
  if (!bytes.ok()) return bytes.status();
  if (!bytes->empty() && !ParseNetwork(*bytes, &network)) {
    return CorruptRecord("network of relay tests");
  }
  return network;
}

void EraseEvidence(StagedBatch* batch, const RelayTarget& target, int keep,
                   uint64_t keep_test) {
  const std::string prefix = RelayTargetKey(target);
  std::unique_ptr<rocksdb::Iterator> it =
      batch->NewIterator(FamilyId::kEvidence);
  std::vector<std::pair<uint64_t, std::string>> pieces;
  std::vector<uint64_t> tests;
  for (it->Seek(prefix);
       it->Valid() && View(it->key()).substr(0, prefix.size()) == prefix;
       it->Next()) {
    absl::string_view rest = View(it->key()).substr(prefix.size());
    uint64_t test = 0;
    if (!ConsumeU64(&rest, &test)) continue;
    pieces.emplace_back(test, std::string(View(it->key())));
    if (tests.empty() || tests.back() != test) tests.push_back(test);
  }
  const size_t kept = static_cast<size_t>(keep);
  if (tests.size() <= kept) return;
  const uint64_t oldest =
      kept == 0 ? kMaxTestId + 1 : tests[tests.size() - kept];
  for (const auto& [test, key] : pieces) {
    if (test < oldest && (test != keep_test || kept == 0)) {
      batch->Erase(FamilyId::kEvidence, key);
    }
  }
}

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

bool IsRelayLimit(const absl::Status& status) {
  return status.GetPayload(kLimitPayload).has_value();
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
  settings_ = std::move(settings);
  is_configured_ = !settings_.list.empty();
  return absl::OkStatus();
}

RelaySettings RelayCasesImpl::settings() const {
  MutexLock lock(&mutex_);
  return settings_;
}

RelayTarget RelayCasesImpl::TargetOf(const IpPrefix& address) const {
  MutexLock lock(&mutex_);
  return {address, settings_.port};
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
  const RelaySettings settings = this->settings();
  if (!batch->HasListing(settings.list, kRelayTestSource,
                         Target::OfPrefix(draft->after.target.address))) {
    ForgetListing(&draft->after);
  }
}

absl::Status RelayCasesImpl::StageListing(StagedBatch* batch,
                                          const RelayCase& relay,
                                          const CaseEffects& effects,
                                          const std::string& output) const {
  if (effects.listing == CaseEffects::Listing::kKeep) return absl::OkStatus();
  const RelaySettings settings = this->settings();
  ChangeRequest request;
  request.actor = kRelayTestSource;
  request.why = effects.why;
  request.request = "relay test";
  Change change;
  change.list = settings.list;
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
  if (!output.empty() && !settings.output_list.empty()) {
    change.list = settings.output_list;
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
  const RelayPolicy policy = settings().policy;
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
  MoveDue(batch, DueKind::kCaseTimer, TimerAt(settings().policy, relay), 0,
          subject);
  batch->Erase(FamilyId::kProbes, CaseKey(relay.target));
  EraseEvidence(batch, relay.target, 0, 0);
}

// ---- reports and requests ----

absl::Status RelayCasesImpl::CountReport(StagedBatch* batch,
                                         const RelaySettings& settings,
                                         const std::string& reporter) const {
  const std::string key = ReporterKey(reporter);
  absl::StatusOr<std::string> bytes = batch->Get(FamilyId::kProbes, key);
  if (!bytes.ok()) return bytes.status();
  RelayReporter record;
  if (!bytes->empty() && !ParseReporter(*bytes, &record)) {
    return CorruptRecord("reporter");
  }
  const int64_t now = batch->now_seconds();
  if (now - record.day_start >= 86400) record = {now, 0};
  if (record.reports >= static_cast<uint32_t>(settings.max_reports_per_day)) {
    return LimitError(
        absl::StrCat(reporter, " has made ", record.reports,
                     " reports since yesterday, which is the limit; go on in ",
                     (record.day_start + 86400 - now + 3599) / 3600, " h"));
  }
  ++record.reports;
  batch->Put(FamilyId::kProbes, key, ReporterValue(record));
  return absl::OkStatus();
}

absl::StatusOr<ReportResult> RelayCasesImpl::Report(const RelayReport& report) {
  const RelaySettings settings = this->settings();
  if (settings.list.empty()) return NotConfigured();
  if (report.reporter.empty() || report.reporter.size() > kMaxReporterBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a reporter's name has 1 to ", kMaxReporterBytes, " bytes"));
  }
  absl::Status status = CheckTestable(settings, report.address);
  if (!status.ok()) return status;
  ReportResult result;
  status = runner_([&](StagedBatch* batch) -> absl::Status {
    absl::StatusOr<Draft> draft = Load(batch, {report.address, settings.port});
    if (!draft.ok()) return draft.status();
    absl::Status counted = CountReport(batch, settings, report.reporter);
    if (!counted.ok()) return counted;
    NoteIfForgotten(batch, &*draft);
    result.outcome =
        rbld::Report(settings.policy, batch->now_seconds(), &draft->after);
    result.relay = draft->after;
    return Save(batch, &*draft, {}, "");
  });
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<RelayCase> RelayCasesImpl::Recheck(const IpPrefix& address) {
  const RelaySettings settings = this->settings();
  if (settings.list.empty()) return NotConfigured();
  absl::Status status = CheckTestable(settings, address);
  if (!status.ok()) return status;
  RelayCase relay;
  status = runner_([&](StagedBatch* batch) -> absl::Status {
    absl::StatusOr<Draft> draft = Load(batch, {address, settings.port});
    if (!draft.ok()) return draft.status();
    NoteIfForgotten(batch, &*draft);
    absl::Status asked =
        RequestRecheck(settings.policy, batch->now_seconds(), &draft->after);
    if (!asked.ok()) {
      const std::string message =
          absl::StrCat(address.ToString(), ": ", asked.message());
      return absl::IsResourceExhausted(asked)
                 ? LimitError(message)
                 : absl::Status(asked.code(), message);
    }
    relay = draft->after;
    return Save(batch, &*draft, {}, "");
  });
  if (!status.ok()) return status;
  return relay;
}

absl::Status RelayCasesImpl::AddOptOut(RelayOptOut opt_out) {
  {
    MutexLock lock(&mutex_);
    for (const RelayOptOut& known : opt_outs_) {
      if (known.prefix == opt_out.prefix) {
        return absl::AlreadyExistsError(
            absl::StrCat(opt_out.prefix.ToString(), " is opted out already"));
      }
    }
  }
  absl::Status status = runner_([&](StagedBatch* batch) -> absl::Status {
    opt_out.created = batch->now_seconds();
    batch->Put(FamilyId::kProbes, OptOutKey(opt_out.prefix),
               OptOutValue(opt_out));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  // Planned tests end when their time comes: the lease looks here.
  MutexLock lock(&mutex_);
  opt_outs_.push_back(std::move(opt_out));
  return absl::OkStatus();
}

absl::Status RelayCasesImpl::RemoveOptOut(const IpPrefix& prefix) {
  {
    MutexLock lock(&mutex_);
    const bool known = std::any_of(
        opt_outs_.begin(), opt_outs_.end(),
        [&](const RelayOptOut& one) { return one.prefix == prefix; });
    if (!known) {
      return absl::NotFoundError(
          absl::StrCat(prefix.ToString(), " is not opted out"));
    }
  }
  absl::Status status = runner_([&](StagedBatch* batch) -> absl::Status {
    batch->Erase(FamilyId::kProbes, OptOutKey(prefix));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  MutexLock lock(&mutex_);
  opt_outs_.erase(std::remove_if(opt_outs_.begin(), opt_outs_.end(),
                                 [&](const RelayOptOut& one) {
                                   return one.prefix == prefix;
                                 }),
                  opt_outs_.end());
  return absl::OkStatus();
}

std::vector<RelayOptOut> RelayCasesImpl::OptOuts() const {
  MutexLock lock(&mutex_);
  return opt_outs_;
}

// ---- sessions ----

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
  const RelaySettings settings = this->settings();
  if (settings.list.empty()) return NotConfigured();
  if (limit < 1 || limit > kMaxLeases) {
    return absl::InvalidArgumentError(
        absl::StrCat("a lease is of 1 to ", kMaxLeases, " sessions"));
  }
  std::vector<LeasedSession> sessions;
  absl::Status status = runner_([&](StagedBatch* batch) -> absl::Status {
    absl::StatusOr<uint64_t> running = GetU64(batch, kRunningKey);
    if (!running.ok()) return running.status();
    const int64_t room = settings.max_sessions - static_cast<int64_t>(*running);
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
          LeaseOne(batch, settings, subject, &session);
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
  if (!FinishSession(settings().policy, batch->now_seconds(), session.report,
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

// ---- tokens ----

TokenCheck RelayCasesImpl::Check(absl::string_view text,
                                 const std::string& test_bytes,
                                 RelayTestRecord* record) const {
  TokenCheck check;
  const std::optional<Token> token = ReadToken(text);
  if (!token.has_value()) return check;
  check.state = TokenState::kForged;
  if (test_bytes.empty() || !ParseTest(test_bytes, record) ||
      !VerifyToken(token_key_, record->target, text)) {
    return check;
  }
  check.token = *token;
  check.target = record->target;
  const FormSet seen =
      token->kind == TokenKind::kRecipient ? record->returned : record->bounced;
  if (token->expires <= clock_->NowSeconds()) {
    check.state = TokenState::kExpired;
  } else if ((seen & BitOf(token->form)) != 0) {
    check.state = TokenState::kReplayed;
  } else {
    check.state = TokenState::kValid;
  }
  return check;
}

TokenCheck RelayCasesImpl::CheckToken(absl::string_view text) const {
  std::string bytes;
  if (const std::optional<Token> token = ReadToken(text)) {
    // A failure to read is a token that is not known.
    database_->db()
        ->Get(rocksdb::ReadOptions(), database_->family(FamilyId::kProbes),
              TestKey(token->test), &bytes)
        .PermitUncheckedError();
  }
  RelayTestRecord record;
  const TokenCheck check = Check(text, bytes, &record);
  if (check.state != TokenState::kValid) ++refused_tokens_;
  return check;
}

absl::StatusOr<ArrivalResult> RelayCasesImpl::Arrive(const Arrival& arrival) {
  ArrivalResult result;
  const std::optional<Token> token = ReadToken(arrival.token);
  if (!token.has_value()) return result;
  absl::Status status = runner_([&](StagedBatch* batch) -> absl::Status {
    const std::string test_key = TestKey(token->test);
    absl::StatusOr<std::string> bytes = batch->Get(FamilyId::kProbes, test_key);
    if (!bytes.ok()) return bytes.status();
    RelayTestRecord record;
    result.check = Check(arrival.token, *bytes, &record);
    if (result.check.state != TokenState::kValid) return absl::OkStatus();
    absl::StatusOr<Draft> draft = Load(batch, record.target);
    if (!draft.ok()) return draft.status();
    NoteIfForgotten(batch, &*draft);
    const bool is_bounce = token->kind == TokenKind::kSender;
    (is_bounce ? record.bounced : record.returned) |= BitOf(token->form);
    CaseEffects effects;
    const bool multihop = !(arrival.peer == record.target.address);
    if (is_bounce) {
      Bounce(token->test, token->form, &draft->after);
    } else {
      rbld::Arrive(settings().policy, batch->now_seconds(), token->test,
                   token->form, multihop, &draft->after, &effects);
    }
    result.verdict = effects.verdict;
    absl::Status saved =
        Save(batch, &*draft, std::move(effects),
             multihop && !is_bounce ? arrival.peer.ToString() : "");
    if (!saved.ok()) return saved;
    batch->Put(FamilyId::kProbes, test_key, TestValue(record));
    Evidence evidence;
    evidence.time = batch->now_seconds();
    evidence.kind = is_bounce ? EvidenceKind::kBounce : EvidenceKind::kMessage;
    evidence.peer = arrival.peer.ToString();
    evidence.what = Forms()[token->form].name;
    evidence.text = arrival.message;
    batch->Put(FamilyId::kEvidence,
               EvidenceKey(record.target, token->test,
                           (is_bounce ? kBounceEvidence : kMessageEvidence) +
                               token->form),
               EvidenceValue(evidence));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (result.check.state != TokenState::kValid) ++refused_tokens_;
  return result;
}

bool RelayCasesImpl::IsProven(uint64_t test) const {
  std::string bytes;
  RelayTestRecord record;
  return database_->db()
             ->Get(rocksdb::ReadOptions(), database_->family(FamilyId::kProbes),
                   TestKey(test), &bytes)
             .ok() &&
         ParseTest(bytes, &record) && record.returned != 0;
}

// ---- what is due ----

absl::Status RelayCasesImpl::TickCase(StagedBatch* batch,
                                      absl::string_view subject) {
  RelayTarget target;
  if (!ConsumeRelayTarget(&subject, &target)) return CorruptRecord("timer");
  absl::StatusOr<Draft> draft = Load(batch, target);
  if (!draft.ok()) return draft.status();
  if (draft->is_new) return absl::OkStatus();
  const RelayPolicy policy = settings().policy;
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

// ---- reading ----

absl::StatusOr<std::optional<RelayCase>> RelayCasesImpl::Find(
    const IpPrefix& address) const {
  const std::string key = CaseKey(TargetOf(address));
  std::string bytes;
  const rocksdb::Status status =
      database_->db()->Get(rocksdb::ReadOptions(),
                           database_->family(FamilyId::kProbes), key, &bytes);
  if (status.IsNotFound()) return std::optional<RelayCase>();
  if (!status.ok()) return FromRocks(status, "reading a relay case");
  std::optional<RelayCase> relay(std::in_place);
  if (!ParseCase(key, bytes, &*relay)) return CorruptRecord("relay case");
  return relay;
}

absl::StatusOr<CasePage> RelayCasesImpl::List(const CaseQuery& query) const {
  CasePage page;
  std::unique_ptr<rocksdb::Iterator> it(database_->db()->NewIterator(
      rocksdb::ReadOptions(), database_->family(FamilyId::kProbes)));
  const std::string prefix(1, kCasePrefix);
  for (it->Seek(absl::StrCat(prefix, query.cursor));
       it->Valid() && View(it->key()).substr(0, 1) == prefix; it->Next()) {
    RelayCase relay;
    if (!ParseCase(View(it->key()), View(it->value()), &relay)) {
      return CorruptRecord("relay case");
    }
    if ((query.state.has_value() && StateOf(relay) != *query.state) ||
        (query.verdict.has_value() && relay.last_verdict != *query.verdict) ||
        (query.listed.has_value() && relay.listed != *query.listed)) {
      continue;
    }
    if (static_cast<int>(page.cases.size()) == query.limit) {
      page.next_cursor = std::string(View(it->key()).substr(1));
      break;
    }
    page.cases.push_back(std::move(relay));
  }
  if (!it->status().ok()) return FromRocks(it->status(), "reading relay cases");
  return page;
}

absl::StatusOr<std::vector<Evidence>> RelayCasesImpl::EvidenceOf(
    const IpPrefix& address) const {
  const std::string prefix = RelayTargetKey(TargetOf(address));
  std::vector<Evidence> pieces;
  std::unique_ptr<rocksdb::Iterator> it(database_->db()->NewIterator(
      rocksdb::ReadOptions(), database_->family(FamilyId::kEvidence)));
  for (it->Seek(prefix);
       it->Valid() && View(it->key()).substr(0, prefix.size()) == prefix;
       it->Next()) {
    if (!ParseEvidence(View(it->key()), View(it->value()),
                       &pieces.emplace_back())) {
      return CorruptRecord("evidence");
    }
  }
  if (!it->status().ok()) return FromRocks(it->status(), "reading evidence");
  std::stable_sort(
      pieces.begin(), pieces.end(), [](const Evidence& a, const Evidence& b) {
        return std::pair(a.test, a.time) < std::pair(b.test, b.time);
      });
  return pieces;
}

RelayCounts RelayCasesImpl::Counts() const {
  RelayCounts counts;
  counts.running = running_;
  counts.leased = leased_;
  counts.finished = finished_;
  counts.lost = lost_;
  counts.proofs = proofs_;
  counts.refused_tokens = refused_tokens_;
  return counts;
}

}  // namespace rbld
