#include "tools/compare/comparison.h"

#include <arpa/inet.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dns/constants.h"
#include "dns/mnemonics.h"
#include "dns/name.h"
#include "tools/compare/address_name.h"

namespace rbld {
namespace {

struct KindRow {
  DifferenceKind kind;
  const char* name;
  const char* meaning;
};

// In the order of DifferenceKind.
constexpr KindRow kKinds[kDifferenceKinds] = {
    {DifferenceKind::kNoAnswer, "no-answer", "one answered, the other did not"},
    {DifferenceKind::kNoAnswerBoth, "no-answer-both",
     "neither answered: nothing to compare"},
    {DifferenceKind::kMalformed, "malformed",
     "a reply that cannot be read as DNS"},
    {DifferenceKind::kRcode, "rcode", "the RCODE differs"},
    {DifferenceKind::kOnlyOld, "only-old",
     "OLD has records, NEW has none: listed by OLD alone"},
    {DifferenceKind::kOnlyNew, "only-new",
     "NEW has records, OLD has none: listed by NEW alone"},
    {DifferenceKind::kNameGone, "name-gone",
     "OLD says no data, NEW says NXDOMAIN"},
    {DifferenceKind::kTestEntry, "test-entry",
     "a test entry (RFC 5782), which rbld answers itself"},
    {DifferenceKind::kEmptyNonTerminal, "empty-non-terminal",
     "OLD says NXDOMAIN, NEW knows of names below it: wanted"},
    {DifferenceKind::kA, "a", "the A records differ"},
    {DifferenceKind::kTxt, "txt", "the TXT records differ"},
    {DifferenceKind::kOther, "other", "other records of the answer differ"},
    {DifferenceKind::kAny, "any",
     "to ANY, one gave some of the other's types (RFC 8482)"},
    {DifferenceKind::kTtl, "ttl", "a TTL in the answer differs"},
    {DifferenceKind::kNegativeTtl, "negative-ttl",
     "the TTL of the SOA of a \"no\" differs"},
    {DifferenceKind::kFlags, "flags", "AA or TC differs"},
    {DifferenceKind::kSoa, "soa",
     "the SOA differs in more than its serial, or is missing"},
    {DifferenceKind::kAuthority, "authority",
     "other records of the authority section differ"},
    {DifferenceKind::kSerial, "serial", "the SOA's serial alone differs"},
};

constexpr size_t kSoaNumbersBytes = 20;

bool IsType(const ResponseRecord& record, RrType type) {
  return record.type == static_cast<uint16_t>(type);
}

// The strings of a TXT record as one text.
std::string JoinedText(absl::string_view rdata) {
  std::string text;
  while (!rdata.empty()) {
    const size_t bytes = static_cast<uint8_t>(rdata[0]);
    absl::StrAppend(&text, rdata.substr(1, bytes));
    rdata.remove_prefix(std::min(rdata.size(), bytes + 1));
  }
  return text;
}

// A SOA without its serial.
std::string SoaBody(const ResponseRecord& soa) {
  std::string body = soa.rdata;
  body.erase(body.size() - kSoaNumbersBytes, 4);
  return absl::StrCat(soa.owner, body);
}

// What makes a record what it is: all but its TTL.
using RecordKey = std::tuple<std::string, uint16_t, uint16_t, std::string>;

// Keys and TTLs of a section's records but SOA; of equal ones the lesser TTL.
using RecordSet = std::map<RecordKey, uint32_t>;

RecordSet SetOf(const std::vector<ResponseRecord>& section) {
  RecordSet set;
  for (const ResponseRecord& record : section) {
    if (IsType(record, RrType::kSoa)) continue;
    RecordKey key(
        record.owner, record.type, record.rrclass,
        IsType(record, RrType::kTxt) ? JoinedText(record.rdata) : record.rdata);
    const auto [at, fresh] = set.emplace(std::move(key), record.ttl_seconds);
    if (!fresh) at->second = std::min(at->second, record.ttl_seconds);
  }
  return set;
}

const ResponseRecord* SoaOf(const std::vector<ResponseRecord>& section) {
  for (const ResponseRecord& record : section) {
    if (IsType(record, RrType::kSoa)) return &record;
  }
  return nullptr;
}

uint16_t TypeOf(const RecordKey& key) { return std::get<1>(key); }

// The keys that only one of them has.
std::vector<RecordKey> Unequal(const RecordSet& a, const RecordSet& b) {
  std::vector<RecordKey> keys;
  for (const auto& [key, ttl] : a) {
    if (b.count(key) == 0) keys.push_back(key);
  }
  for (const auto& [key, ttl] : b) {
    if (a.count(key) == 0) keys.push_back(key);
  }
  return keys;
}

// To ANY: one gave fewer types, and of those all that the other has. A SOA
// counts as a type.
bool IsPartOfAny(const Response& a, const Response& b) {
  const auto types = [](const Response& response) {
    std::set<uint16_t> found;
    for (const ResponseRecord& record : response.answers) {
      found.insert(record.type);
    }
    return found;
  };
  const std::set<uint16_t> types_a = types(a);
  const std::set<uint16_t> types_b = types(b);
  if (types_a.size() > types_b.size()) return IsPartOfAny(b, a);
  if (types_a.size() == types_b.size()) return false;
  RecordSet common;
  for (const auto& [key, ttl] : SetOf(b.answers)) {
    if (types_a.count(TypeOf(key)) > 0) common.emplace(key, ttl);
  }
  return Unequal(SetOf(a.answers), common).empty();
}

DifferenceSet CompareSoas(const std::vector<ResponseRecord>& old,
                          const std::vector<ResponseRecord>& fresh,
                          DifferenceKind ttl_kind) {
  const ResponseRecord* const a = SoaOf(old);
  const ResponseRecord* const b = SoaOf(fresh);
  if (a == nullptr && b == nullptr) return 0;
  if (a == nullptr || b == nullptr) return BitOf(DifferenceKind::kSoa);
  DifferenceSet found = 0;
  if (a->ttl_seconds != b->ttl_seconds) found |= BitOf(ttl_kind);
  if (SoaBody(*a) != SoaBody(*b)) {
    found |= BitOf(DifferenceKind::kSoa);
  } else if (a->rdata != b->rdata) {
    found |= BitOf(DifferenceKind::kSerial);
  }
  return found;
}

DifferenceSet CompareAnswers(const Question& question, const Response& old,
                             const Response& fresh) {
  const RecordSet a = SetOf(old.answers);
  const RecordSet b = SetOf(fresh.answers);
  DifferenceSet found = 0;
  if (question.type == static_cast<uint16_t>(RrType::kAny) &&
      IsPartOfAny(old, fresh)) {
    found |= BitOf(DifferenceKind::kAny);
  } else {
    found |= CompareSoas(old.answers, fresh.answers, DifferenceKind::kTtl);
    for (const RecordKey& key : Unequal(a, b)) {
      switch (static_cast<RrType>(TypeOf(key))) {
        case RrType::kA:
          found |= BitOf(DifferenceKind::kA);
          break;
        case RrType::kTxt:
          found |= BitOf(DifferenceKind::kTxt);
          break;
        default:
          found |= BitOf(DifferenceKind::kOther);
      }
    }
  }
  for (const auto& [key, ttl] : a) {
    const auto same = b.find(key);
    if (same != b.end() && same->second != ttl) {
      found |= BitOf(DifferenceKind::kTtl);
    }
  }
  return found;
}

// The authority section, but for what the answer has too.
RecordSet AuthoritiesOf(const Response& response) {
  RecordSet set = SetOf(response.authorities);
  for (const auto& [key, ttl] : SetOf(response.answers)) set.erase(key);
  return set;
}

bool MayHaveRecords(const Response& response) {
  return response.rcode == static_cast<uint16_t>(Rcode::kNoError) ||
         response.rcode == static_cast<uint16_t>(Rcode::kNxDomain);
}

std::string AddressText(int family, const std::string& rdata) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, rdata.data(), text, sizeof(text));
  return text;
}

std::string NameText(absl::string_view wire) {
  std::string text = NameToText(wire);
  if (text.size() > 1) text.pop_back();
  return text;
}

std::string RecordText(const ResponseRecord& record, bool with_ttl) {
  const auto* const bytes =
      reinterpret_cast<const uint8_t*>(record.rdata.data());
  const size_t size = record.rdata.size();
  std::string data;
  switch (static_cast<RrType>(record.type)) {
    case RrType::kA:
      data = AddressText(AF_INET, record.rdata);
      break;
    case RrType::kAaaa:
      data = AddressText(AF_INET6, record.rdata);
      break;
    case RrType::kTxt:
      data = absl::StrCat("\"", JoinedText(record.rdata), "\"");
      break;
    case RrType::kNs:
    case RrType::kCname:
      data = NameText(record.rdata);
      break;
    case RrType::kMx:
      data = absl::StrCat(ReadU16(bytes), " ",
                          NameText(absl::string_view(record.rdata).substr(2)));
      break;
    case RrType::kSoa: {
      const int mname_bytes = WireNameBytes(bytes, size);
      const absl::string_view names(record.rdata);
      data = absl::StrCat(
          NameText(names.substr(0, static_cast<size_t>(mname_bytes))), " ",
          NameText(names.substr(
              static_cast<size_t>(mname_bytes),
              size - kSoaNumbersBytes - static_cast<size_t>(mname_bytes))));
      for (size_t at = size - kSoaNumbersBytes; at < size; at += 4) {
        absl::StrAppend(&data, " ", ReadU32(bytes + at));
      }
      break;
    }
    default:
      // RFC 3597 §5.
      data =
          absl::StrCat("\\# ", size, " ", absl::BytesToHexString(record.rdata));
  }
  return absl::StrCat(
      RrTypeText(record.type), " ", data,
      with_ttl ? absl::StrCat(" (TTL ", record.ttl_seconds, ")") : "");
}

std::string SectionText(const std::vector<ResponseRecord>& section,
                        bool with_ttl) {
  std::vector<std::string> texts;
  for (const ResponseRecord& record : section) {
    texts.push_back(RecordText(record, with_ttl));
  }
  std::sort(texts.begin(), texts.end());
  return absl::StrJoin(texts, ", ");
}

DifferenceSet CompareAll(const Question& question, const ServerReply& old,
                         const ServerReply& fresh) {
  using State = ServerReply::State;
  if (old.state == State::kSilent || fresh.state == State::kSilent) {
    return BitOf(old.state == fresh.state ? DifferenceKind::kNoAnswerBoth
                                          : DifferenceKind::kNoAnswer);
  }
  if (old.state == State::kMalformed || fresh.state == State::kMalformed) {
    return BitOf(DifferenceKind::kMalformed);
  }
  const Response& a = old.response;
  const Response& b = fresh.response;
  if (a.rcode != b.rcode && !(MayHaveRecords(a) && MayHaveRecords(b))) {
    return BitOf(DifferenceKind::kRcode);
  }
  if (!a.answers.empty() && b.answers.empty()) {
    return BitOf(DifferenceKind::kOnlyOld);
  }
  if (a.answers.empty() && !b.answers.empty()) {
    return BitOf(DifferenceKind::kOnlyNew);
  }
  if (a.rcode != b.rcode) {
    // With records too: an alias to a name that there is, or is not.
    if (!a.answers.empty()) return BitOf(DifferenceKind::kRcode);
    return BitOf(a.rcode == static_cast<uint16_t>(Rcode::kNoError)
                     ? DifferenceKind::kNameGone
                     : DifferenceKind::kEmptyNonTerminal);
  }
  DifferenceSet found = CompareAnswers(question, a, b);
  if (a.authoritative() != b.authoritative() ||
      old.udp_truncated != fresh.udp_truncated) {
    found |= BitOf(DifferenceKind::kFlags);
  }
  found |=
      CompareSoas(a.authorities, b.authorities, DifferenceKind::kNegativeTtl);
  if (AuthoritiesOf(a) != AuthoritiesOf(b)) {
    found |= BitOf(DifferenceKind::kAuthority);
  }
  return found;
}

// What of the SOA shows a difference of that kind.
std::string SoaText(const Response& response, DifferenceKind kind) {
  const ResponseRecord* soa = SoaOf(response.answers);
  if (soa == nullptr) soa = SoaOf(response.authorities);
  if (soa == nullptr) return "no SOA";
  if (kind == DifferenceKind::kNegativeTtl) {
    return absl::StrCat("TTL ", soa->ttl_seconds);
  }
  if (kind == DifferenceKind::kSerial) {
    const size_t at = soa->rdata.size() - kSoaNumbersBytes;
    return absl::StrCat(
        "serial ",
        ReadU32(reinterpret_cast<const uint8_t*>(soa->rdata.data()) + at));
  }
  return RecordText(*soa, false);
}

}  // namespace

const char* DifferenceName(DifferenceKind kind) {
  return kKinds[static_cast<size_t>(kind)].name;
}

const char* DifferenceMeaning(DifferenceKind kind) {
  return kKinds[static_cast<size_t>(kind)].meaning;
}

absl::StatusOr<DifferenceKind> ParseDifference(absl::string_view name) {
  std::string known;
  for (const KindRow& row : kKinds) {
    if (name == row.name) return row.kind;
    absl::StrAppend(&known, known.empty() ? "" : ", ", row.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(name.substr(0, 40)),
                   "\" is no kind of difference; use some of ", known));
}

bool IsTestEntry(const Question& question,
                 const std::vector<std::string>& zones) {
  static const std::string* const kStarts = [] {
    auto* const starts = new std::string[4];
    for (uint8_t i = 0; i < 2; ++i) {
      const AddressBytes mapped = {
          0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x7f, 0, 0, uint8_t(i + 1)};
      starts[i] = Ipv4Labels(0x7f000001u + i, 4);
      starts[2 + i] = Ipv6Labels(mapped, 32);
    }
    return starts;
  }();
  for (size_t i = 0; i < 4; ++i) {
    if (absl::StartsWith(question.name, kStarts[i])) return true;
  }
  for (const std::string& zone : zones) {
    if (question.name == absl::StrCat("\4test", zone) ||
        question.name == absl::StrCat("\7invalid", zone)) {
      return true;
    }
  }
  return false;
}

DifferenceSet CompareReplies(const Question& question,
                             const std::vector<std::string>& zones,
                             const ServerReply& old, const ServerReply& fresh) {
  constexpr DifferenceSet kNoAnswers =
      BitOf(DifferenceKind::kNoAnswer) | BitOf(DifferenceKind::kNoAnswerBoth) |
      BitOf(DifferenceKind::kMalformed) | BitOf(DifferenceKind::kRcode);
  const DifferenceSet found = CompareAll(question, old, fresh);
  if (found == 0 || (found & kNoAnswers) != 0 ||
      !IsTestEntry(question, zones)) {
    return found;
  }
  return BitOf(DifferenceKind::kTestEntry);
}

std::string ReplyText(const ServerReply& reply, DifferenceKind kind) {
  if (reply.state == ServerReply::State::kSilent) {
    return reply.problem.empty() ? "no answer"
                                 : absl::StrCat("no answer: ", reply.problem);
  }
  if (reply.state == ServerReply::State::kMalformed) {
    return absl::StrCat("malformed: ", reply.problem);
  }
  const Response& response = reply.response;
  const bool with_ttl = kind == DifferenceKind::kTtl;
  std::string text;
  if (response.rcode != static_cast<uint16_t>(Rcode::kNoError)) {
    text = RcodeText(response.rcode);
    if (!response.answers.empty()) absl::StrAppend(&text, " ");
  } else if (response.answers.empty()) {
    text = "no data";
  }
  absl::StrAppend(&text, SectionText(response.answers, with_ttl));
  switch (kind) {
    case DifferenceKind::kFlags:
      absl::StrAppend(&text, ", ", response.authoritative() ? "AA" : "no AA",
                      reply.udp_truncated ? ", TC" : "");
      break;
    case DifferenceKind::kAuthority:
      absl::StrAppend(&text, ", authority: ",
                      response.authorities.empty()
                          ? "none"
                          : SectionText(response.authorities, true));
      break;
    case DifferenceKind::kNegativeTtl:
    case DifferenceKind::kSoa:
    case DifferenceKind::kSerial:
      text = SoaText(response, kind);
      break;
    default:
      break;
  }
  if (!reply.problem.empty()) absl::StrAppend(&text, " (", reply.problem, ")");
  return text;
}

std::string QuestionName(const Question& question) {
  return NameText(question.name);
}

}  // namespace rbld
