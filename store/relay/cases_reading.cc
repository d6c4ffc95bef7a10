// RelayCasesImpl: what there is to see.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "store/relay/cases_impl.h"

namespace rbld {

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
  std::string from = absl::StrCat(prefix, query.cursor);
  if (query.within.has_value()) {
    // Its first address, at any port; the others come after it.
    IpPrefix first = *query.within;
    first.length_bits = static_cast<uint8_t>(IpPrefix::WidthBits(first.family));
    from = std::max(from, CaseKey({first, 0}));
  }
  for (it->Seek(from); it->Valid() && View(it->key()).substr(0, 1) == prefix;
       it->Next()) {
    RelayCase relay;
    if (!ParseCase(View(it->key()), View(it->value()), &relay)) {
      return CorruptRecord("relay case");
    }
    if (query.within.has_value() &&
        !query.within->Contains(relay.target.address)) {
      break;
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
