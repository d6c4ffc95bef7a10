#include "store/relay/cases_staging.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "store/encoding.h"
#include "store/relay/cases.h"

namespace rbld {
namespace {

constexpr char kLimitPayload[] = "rbld/relay-limit";

}  // namespace

absl::Status RelayLimitError(absl::string_view message) {
  absl::Status status = absl::ResourceExhaustedError(message);
  status.SetPayload(kLimitPayload, absl::Cord());
  return status;
}

absl::Status RelaysNotConfigured() {
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

bool IsRelayLimit(const absl::Status& status) {
  return status.GetPayload(kLimitPayload).has_value();
}

}  // namespace rbld
