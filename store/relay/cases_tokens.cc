// RelayCasesImpl: tokens come back.
#include <utility>

#include "store/relay/cases_impl.h"
#include "store/relay/cases_staging.h"

namespace rbld {

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
      rbld::Arrive(settings()->policy, batch->now_seconds(), token->test,
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

}  // namespace rbld
