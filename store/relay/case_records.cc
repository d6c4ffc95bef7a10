#include "store/relay/case_records.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "store/encoding.h"

namespace rbld {
namespace {

constexpr char kTestPrefix = 't';
constexpr char kNetworkPrefix = 'n';
constexpr char kReporterPrefix = 'r';
// Of a case; a newer one is not read.
constexpr uint64_t kCaseVersion = 1;
constexpr uint64_t kMaxRecentSessions = 1000;

int IpBytes(Family family) { return IpPrefix::WidthBits(family) / 8; }

void AppendAddress(std::string* out, const IpPrefix& prefix) {
  out->push_back(static_cast<char>(prefix.family));
  out->append(reinterpret_cast<const char*>(prefix.bytes.data()),
              IpBytes(prefix.family));
}

// Leaves length_bits as of a single address.
bool ConsumeAddress(absl::string_view* in, IpPrefix* prefix) {
  if (in->empty()) return false;
  const int family = in->front();
  if (family != 4 && family != 6) return false;
  in->remove_prefix(1);
  prefix->family = static_cast<Family>(family);
  prefix->length_bits = IpPrefix::WidthBits(prefix->family);
  prefix->bytes = {};
  const size_t bytes = IpBytes(prefix->family);
  if (in->size() < bytes) return false;
  std::copy_n(in->begin(), bytes, prefix->bytes.begin());
  in->remove_prefix(bytes);
  return true;
}

bool ConsumeInt(absl::string_view* in, int* value) {
  uint64_t raw = 0;
  if (!ConsumeVarint(in, &raw) || raw > INT32_MAX) return false;
  *value = static_cast<int>(raw);
  return true;
}

template <typename Enum>
bool ConsumeEnum(absl::string_view* in, int count, Enum* value) {
  if (in->empty()) return false;
  const uint8_t raw = static_cast<uint8_t>(in->front());
  if (raw >= count) return false;
  in->remove_prefix(1);
  *value = static_cast<Enum>(raw);
  return true;
}

template <typename Enum>
void AppendEnum(std::string* out, Enum value) {
  out->push_back(static_cast<char>(value));
}

void AppendTimes(std::string* out, const std::vector<int64_t>& times) {
  AppendVarint(out, times.size());
  for (const int64_t time : times) AppendVarint(out, time);
}

bool ConsumeTimes(absl::string_view* in, std::vector<int64_t>* times) {
  uint64_t count = 0;
  if (!ConsumeVarint(in, &count) || count > kMaxRecentSessions) return false;
  times->resize(count);
  for (int64_t& time : *times) {
    if (!ConsumeInt64(in, &time)) return false;
  }
  return true;
}

void AppendActiveTest(std::string* out, const RelayTest& test) {
  AppendVarint(out, test.id);
  AppendEnum(out, test.reason);
  AppendVarint(out, test.started);
  AppendVarint(out, test.remaining.size());
  for (const FormId form : test.remaining) AppendEnum(out, form);
  AppendVarint(out, test.outcomes.size());
  for (const FormOutcome outcome : test.outcomes) AppendEnum(out, outcome);
  AppendVarint(out, test.messages);
  AppendVarint(out, test.sessions);
  AppendVarint(out, test.retries);
  AppendVarint(out, test.last_message);
  AppendVarint(out, test.deadline);
}

bool ConsumeActiveTest(absl::string_view* in, RelayTest* test) {
  uint64_t remaining = 0, outcomes = 0;
  if (!ConsumeVarint(in, &test->id) ||
      !ConsumeEnum(in, kTestReasonCount, &test->reason) ||
      !ConsumeInt64(in, &test->started) || !ConsumeVarint(in, &remaining) ||
      remaining > kFormCount) {
    return false;
  }
  test->remaining.resize(remaining);
  for (FormId& form : test->remaining) {
    if (!ConsumeEnum(in, kFormCount, &form)) return false;
  }
  // Fewer where the table of forms has grown since.
  if (!ConsumeVarint(in, &outcomes) || outcomes > kFormCount) return false;
  for (uint64_t i = 0; i < outcomes; ++i) {
    if (!ConsumeEnum(in, kFormOutcomeCount, &test->outcomes[i])) return false;
  }
  return ConsumeInt(in, &test->messages) && ConsumeInt(in, &test->sessions) &&
         ConsumeInt(in, &test->retries) &&
         ConsumeInt64(in, &test->last_message) &&
         ConsumeInt64(in, &test->deadline);
}

// Which of the parts follow.
enum CasePart : uint64_t {
  kHasTest = 1,
  kHasLease = 2,
  kIsListed = 4,
  kHasProvenForm = 8,
};

}  // namespace

const char* EvidenceKindName(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::kSession:
      return "session";
    case EvidenceKind::kMessage:
      return "message";
    case EvidenceKind::kBounce:
      return "bounce";
    case EvidenceKind::kVerdict:
      break;
  }
  return "verdict";
}

std::string RelayTargetKey(const RelayTarget& target) {
  std::string key;
  AppendAddress(&key, target.address);
  key.push_back(static_cast<char>(target.port >> 8));
  key.push_back(static_cast<char>(target.port));
  return key;
}

bool ConsumeRelayTarget(absl::string_view* in, RelayTarget* target) {
  if (!ConsumeAddress(in, &target->address) || in->size() < 2) return false;
  target->port = static_cast<uint16_t>(static_cast<uint8_t>((*in)[0]) << 8 |
                                       static_cast<uint8_t>((*in)[1]));
  in->remove_prefix(2);
  return true;
}

std::string CaseKey(const RelayTarget& target) {
  return absl::StrCat(std::string(1, kCasePrefix), RelayTargetKey(target));
}

std::string CaseValue(const RelayCase& relay) {
  std::string out;
  AppendVarint(&out, kCaseVersion);
  uint64_t parts = 0;
  if (relay.test.has_value()) parts |= kHasTest;
  if (relay.lease.has_value()) parts |= kHasLease;
  if (relay.listed) parts |= kIsListed;
  if (relay.proven_form.has_value()) parts |= kHasProvenForm;
  AppendVarint(&out, parts);
  AppendVarint(&out, relay.created);
  AppendVarint(&out, relay.reports);
  AppendVarint(&out, relay.last_report);
  if (relay.test.has_value()) AppendActiveTest(&out, *relay.test);
  if (relay.lease.has_value()) {
    AppendVarint(&out, relay.lease->test);
    AppendVarint(&out, relay.lease->session);
    AppendVarint(&out, relay.lease->granted);
    AppendVarint(&out, relay.lease->until);
  }
  AppendVarint(&out, relay.session_at);
  AppendEnum(&out, relay.next_reason);
  AppendTimes(&out, relay.recent_sessions);
  AppendVarint(&out, relay.last_session_end);
  AppendVarint(&out, relay.listed_since);
  AppendVarint(&out, relay.last_proof);
  if (relay.proven_form.has_value()) AppendEnum(&out, *relay.proven_form);
  AppendVarint(&out, relay.proven_test);
  AppendVarint(&out, relay.times_listed);
  AppendVarint(&out, relay.retests);
  AppendVarint(&out, relay.first_clean);
  AppendVarint(&out, relay.delist_at);
  AppendVarint(&out, relay.delisted);
  AppendVarint(&out, relay.failures);
  AppendVarint(&out, relay.first_failure);
  AppendVarint(&out, relay.next_owner_request);
  AppendVarint(&out, relay.failed_owner_requests);
  AppendVarint(&out, relay.follow_up);
  AppendVarint(&out, relay.last_test);
  AppendVarint(&out, relay.last_tested);
  AppendEnum(&out, relay.last_verdict);
  return out;
}

bool ParseCase(absl::string_view key, absl::string_view bytes,
               RelayCase* relay) {
  *relay = {};
  uint64_t version = 0, parts = 0, reports = 0;
  if (key.empty() || key.front() != kCasePrefix) return false;
  key.remove_prefix(1);
  if (!ConsumeRelayTarget(&key, &relay->target) || !key.empty() ||
      !ConsumeVarint(&bytes, &version) || version != kCaseVersion ||
      !ConsumeVarint(&bytes, &parts) ||
      !ConsumeInt64(&bytes, &relay->created) ||
      !ConsumeVarint(&bytes, &reports) ||
      !ConsumeInt64(&bytes, &relay->last_report)) {
    return false;
  }
  relay->reports = static_cast<uint32_t>(reports);
  relay->listed = (parts & kIsListed) != 0;
  if ((parts & kHasTest) != 0 &&
      !ConsumeActiveTest(&bytes, &relay->test.emplace())) {
    return false;
  }
  if ((parts & kHasLease) != 0) {
    RelayLease& lease = relay->lease.emplace();
    if (!ConsumeVarint(&bytes, &lease.test) ||
        !ConsumeInt(&bytes, &lease.session) ||
        !ConsumeInt64(&bytes, &lease.granted) ||
        !ConsumeInt64(&bytes, &lease.until)) {
      return false;
    }
  }
  if (!ConsumeInt64(&bytes, &relay->session_at) ||
      !ConsumeEnum(&bytes, kTestReasonCount, &relay->next_reason) ||
      !ConsumeTimes(&bytes, &relay->recent_sessions) ||
      !ConsumeInt64(&bytes, &relay->last_session_end) ||
      !ConsumeInt64(&bytes, &relay->listed_since) ||
      !ConsumeInt64(&bytes, &relay->last_proof)) {
    return false;
  }
  if ((parts & kHasProvenForm) != 0 &&
      !ConsumeEnum(&bytes, kFormCount, &relay->proven_form.emplace())) {
    return false;
  }
  return ConsumeVarint(&bytes, &relay->proven_test) &&
         ConsumeInt(&bytes, &relay->times_listed) &&
         ConsumeInt(&bytes, &relay->retests) &&
         ConsumeInt64(&bytes, &relay->first_clean) &&
         ConsumeInt64(&bytes, &relay->delist_at) &&
         ConsumeInt64(&bytes, &relay->delisted) &&
         ConsumeInt(&bytes, &relay->failures) &&
         ConsumeInt64(&bytes, &relay->first_failure) &&
         ConsumeInt64(&bytes, &relay->next_owner_request) &&
         ConsumeInt(&bytes, &relay->failed_owner_requests) &&
         ConsumeInt(&bytes, &relay->follow_up) &&
         ConsumeVarint(&bytes, &relay->last_test) &&
         ConsumeInt64(&bytes, &relay->last_tested) &&
         ConsumeEnum(&bytes, kVerdictCount, &relay->last_verdict) &&
         bytes.empty();
}

std::string TestKey(uint64_t test) {
  std::string key(1, kTestPrefix);
  AppendU64(&key, test);
  return key;
}

std::string TestValue(const RelayTestRecord& record) {
  std::string out = RelayTargetKey(record.target);
  AppendVarint(&out, record.started);
  AppendVarint(&out, record.expires);
  AppendVarint(&out, record.returned);
  AppendVarint(&out, record.bounced);
  return out;
}

bool ParseTest(absl::string_view bytes, RelayTestRecord* record) {
  uint64_t returned = 0, bounced = 0;
  if (!ConsumeRelayTarget(&bytes, &record->target) ||
      !ConsumeInt64(&bytes, &record->started) ||
      !ConsumeInt64(&bytes, &record->expires) ||
      !ConsumeVarint(&bytes, &returned) || !ConsumeVarint(&bytes, &bounced)) {
    return false;
  }
  record->returned = static_cast<FormSet>(returned);
  record->bounced = static_cast<FormSet>(bounced);
  return bytes.empty();
}

IpPrefix NetworkOf(const RelayTarget& target) {
  const IpPrefix& address = target.address;
  return IpPrefix::Make(address.family, address.bytes,
                        address.family == Family::kIpv4 ? 24 : 64);
}

std::string NetworkKey(const IpPrefix& network) {
  std::string key(1, kNetworkPrefix);
  AppendAddress(&key, network);
  return key;
}

std::string NetworkValue(const RelayNetwork& network) {
  std::string out;
  AppendTimes(&out, network.recent);
  AppendVarint(&out, network.busy_until);
  return out;
}

bool ParseNetwork(absl::string_view bytes, RelayNetwork* network) {
  return ConsumeTimes(&bytes, &network->recent) &&
         ConsumeInt64(&bytes, &network->busy_until) && bytes.empty();
}

std::string OptOutKey(const IpPrefix& prefix) {
  std::string key(1, kOptOutPrefix);
  AppendAddress(&key, prefix);
  key.push_back(static_cast<char>(prefix.length_bits));
  return key;
}

std::string OptOutValue(const RelayOptOut& opt_out) {
  std::string out;
  AppendVarint(&out, opt_out.created);
  AppendString(&out, opt_out.author);
  AppendString(&out, opt_out.note);
  return out;
}

bool ParseOptOut(absl::string_view key, absl::string_view bytes,
                 RelayOptOut* opt_out) {
  if (key.empty() || key.front() != kOptOutPrefix) return false;
  key.remove_prefix(1);
  if (!ConsumeAddress(&key, &opt_out->prefix) || key.size() != 1) return false;
  const uint8_t length_bits = static_cast<uint8_t>(key.front());
  if (length_bits > IpPrefix::WidthBits(opt_out->prefix.family)) return false;
  opt_out->prefix.length_bits = length_bits;
  return ConsumeInt64(&bytes, &opt_out->created) &&
         ConsumeText(&bytes, &opt_out->author) &&
         ConsumeText(&bytes, &opt_out->note) && bytes.empty();
}

std::string ReporterKey(absl::string_view reporter) {
  return absl::StrCat(std::string(1, kReporterPrefix), reporter);
}

std::string ReporterValue(const RelayReporter& reporter) {
  std::string out;
  AppendVarint(&out, reporter.day_start);
  AppendVarint(&out, reporter.reports);
  return out;
}

bool ParseReporter(absl::string_view bytes, RelayReporter* reporter) {
  uint64_t reports = 0;
  if (!ConsumeInt64(&bytes, &reporter->day_start) ||
      !ConsumeVarint(&bytes, &reports)) {
    return false;
  }
  reporter->reports = static_cast<uint32_t>(reports);
  return bytes.empty();
}

std::string DueBound(DueKind kind, int64_t time) {
  std::string key(1, static_cast<char>(kind));
  AppendU64(&key, static_cast<uint64_t>(time));
  return key;
}

std::string DueKey(DueKind kind, int64_t time, absl::string_view subject) {
  return absl::StrCat(DueBound(kind, time), subject);
}

bool ParseDueKey(absl::string_view key, DueKind* kind, int64_t* time,
                 absl::string_view* subject) {
  if (key.empty()) return false;
  *kind = static_cast<DueKind>(key.front());
  if (*kind != DueKind::kCaseTimer && *kind != DueKind::kSession &&
      *kind != DueKind::kTestExpiry && *kind != DueKind::kNetworkExpiry) {
    return false;
  }
  key.remove_prefix(1);
  uint64_t raw = 0;
  if (!ConsumeU64(&key, &raw)) return false;
  *time = static_cast<int64_t>(raw);
  *subject = key;
  return true;
}

std::string EvidenceKey(const RelayTarget& target, uint64_t test,
                        uint64_t number) {
  std::string key = RelayTargetKey(target);
  AppendU64(&key, test);
  AppendU64(&key, number);
  return key;
}

std::string EvidenceValue(const Evidence& evidence) {
  std::string out;
  AppendVarint(&out, evidence.time);
  AppendEnum(&out, evidence.kind);
  AppendString(&out, evidence.peer);
  AppendString(&out, evidence.what);
  AppendString(&out, evidence.text);
  return out;
}

bool ParseEvidence(absl::string_view key, absl::string_view bytes,
                   Evidence* evidence) {
  uint64_t number = 0;
  return ConsumeRelayTarget(&key, &evidence->target) &&
         ConsumeU64(&key, &evidence->test) && ConsumeU64(&key, &number) &&
         key.empty() && ConsumeInt64(&bytes, &evidence->time) &&
         ConsumeEnum(&bytes, kEvidenceKindCount, &evidence->kind) &&
         ConsumeText(&bytes, &evidence->peer) &&
         ConsumeText(&bytes, &evidence->what) &&
         ConsumeText(&bytes, &evidence->text) && bytes.empty();
}

}  // namespace rbld
