#include "server/answer.h"

#include <algorithm>

#include "dns/response_writer.h"
#include "server/lookup.h"
#include "server/txt_template.h"

namespace rbld {
namespace {

constexpr uint16_t Number(RrType type) { return static_cast<uint16_t>(type); }

// What will be written, decided before the first byte is.
struct Decision {
  AnswerKind kind = AnswerKind::kRefused;
  Rcode rcode = Rcode::kRefused;
  ExtendedError extended_error = ExtendedError::kNone;
  // kStatic, and kListed where both have the type.
  const StaticRrset* rrset = nullptr;
  bool soa = false;                 // kStatic: the zone's SOA
  RrType listed_type = RrType::kA;  // kListed: A or TXT
};

bool IsRefusedTransfer(uint16_t type) {
  return type == Number(RrType::kAxfr) || type == Number(RrType::kIxfr);
}

// Types that one cannot ask for as data; kNoError when it can be.
Rcode CheckQueryType(uint16_t type) {
  switch (static_cast<RrType>(type)) {
    case RrType::kAny:
    case RrType::kAxfr:
    case RrType::kIxfr:
      return Rcode::kNoError;
    // RFC 2930 and RFC 1035 §3.2.3: operations that we do not have.
    case RrType::kTkey:
    case RrType::kMaila:
    case RrType::kMailb:
      return Rcode::kNotImp;
    // RFC 6891 §6.1.1: OPT is never data.
    case RrType::kOpt:
      return Rcode::kFormErr;
    default:
      // RFC 6895 §3.1: 0 is no type that can be asked for, and 128 to 255 are
      // meta-types, TSIG (RFC 8945) and NXNAME (RFC 9824 §3.1) among them.
      return type == 0 || (type >= 128 && type <= 255) ? Rcode::kFormErr
                                                       : Rcode::kNoError;
  }
}

Decision Fail(AnswerKind kind, Rcode rcode,
              ExtendedError error = ExtendedError::kNone) {
  Decision decision;
  decision.kind = kind;
  decision.rcode = rcode;
  decision.extended_error = error;
  return decision;
}

Decision Negative(bool exists) {
  return exists ? Fail(AnswerKind::kNoData, Rcode::kNoError)
                : Fail(AnswerKind::kNxDomain, Rcode::kNxDomain);
}

Decision StaticAnswer(const StaticRrset* rrset) {
  Decision decision = Fail(AnswerKind::kStatic, Rcode::kNoError);
  decision.rrset = rrset;
  return decision;
}

Decision DecideApex(const ServedZone& zone, uint16_t type) {
  // RFC 8482 §4.1: ANY is answered with one RRset of ours.
  if (type == Number(RrType::kSoa) || type == Number(RrType::kAny)) {
    Decision decision = StaticAnswer(nullptr);
    decision.soa = true;
    return decision;
  }
  const StaticRrset* const rrset = zone.zone->apex.Find(type);
  return rrset != nullptr ? StaticAnswer(rrset) : Negative(true);
}

bool AnyReason(const Snapshot& snapshot, const ServedZone& zone,
               const Finding& finding) {
  if (finding.test_values) return !zone.zone->config.test_reason.empty();
  for (int i = 0; i < finding.value_set_count; ++i) {
    for (const Value& value : snapshot.values().Get(finding.value_sets[i])) {
      if (!value.reason.empty()) return true;
    }
  }
  return false;
}

Decision DecideBelow(const Snapshot& snapshot, const ServedZone& zone,
                     const Finding& finding, uint16_t type) {
  const StaticNode* const node = finding.node;
  if (node != nullptr && !node->rrsets.empty()) {
    // RFC 1034 §3.6.2: an alias stands alone at its name.
    const StaticRrset* const alias = node->Find(Number(RrType::kCname));
    if (alias != nullptr) return StaticAnswer(alias);
  }
  const bool any = type == Number(RrType::kAny);
  if (finding.listed()) {
    Decision decision = Fail(AnswerKind::kListed, Rcode::kNoError);
    // RFC 8482 §4.1: one RRset for ANY, and A is the one that tells.
    const RrType listed_type = any ? RrType::kA : static_cast<RrType>(type);
    decision.listed_type = listed_type;
    if (node != nullptr) decision.rrset = node->Find(Number(listed_type));
    if (listed_type == RrType::kA) return decision;
    if (listed_type == RrType::kTxt && AnyReason(snapshot, zone, finding)) {
      return decision;
    }
  }
  if (node != nullptr && !node->rrsets.empty()) {
    const StaticRrset* const rrset =
        any ? &node->rrsets.front() : node->Find(type);
    if (rrset != nullptr) return StaticAnswer(rrset);
  }
  return Negative(finding.exists());
}

// What can be decided without the zone's content; true when it was.
bool DecideEarly(const PreparedQuery& prepared, Decision* decision) {
  const Query& query = prepared.query;
  // RFC 6891 §6.1.3: BADVERS before anything else that we could say.
  if (query.has_edns && query.edns_version > 0 &&
      prepared.parse != ParseResult::kFormErr) {
    *decision = Fail(AnswerKind::kBadVers, Rcode::kBadVers);
    return true;
  }
  if (prepared.parse == ParseResult::kFormErr) {
    *decision = Fail(AnswerKind::kFormErr, Rcode::kFormErr);
    return true;
  }
  const Rcode rcode = prepared.parse == ParseResult::kNotImp
                          ? Rcode::kNotImp
                          : CheckQueryType(query.type);
  if (rcode == Rcode::kNotImp) {
    *decision = Fail(AnswerKind::kNotImp, rcode, ExtendedError::kNotSupported);
    return true;
  }
  if (rcode == Rcode::kFormErr) {
    *decision = Fail(AnswerKind::kFormErr, rcode);
    return true;
  }
  if (prepared.zone == nullptr) {
    *decision = Fail(AnswerKind::kRefused, Rcode::kRefused,
                     ExtendedError::kNotAuthoritative);
    return true;
  }
  // No transfers over TCP yet. Over UDP, AXFR is not defined (RFC 5936 §4.2)
  // and gets the same answer.
  if (IsRefusedTransfer(query.type)) {
    *decision =
        Fail(AnswerKind::kRefused, Rcode::kRefused, ExtendedError::kProhibited);
    return true;
  }
  return false;
}

// RFC 2181 §5.2: the records of a set have one TTL. The smallest is the safe
// one.
class SetTtl {
 public:
  void Take(uint32_t ttl_seconds) {
    mixed_ = mixed_ || (any_ && ttl_seconds != smallest_seconds_);
    if (!any_ || ttl_seconds < smallest_seconds_) {
      smallest_seconds_ = ttl_seconds;
    }
    any_ = true;
  }
  void Apply(ResponseWriter* writer) const {
    if (mixed_) writer->SetAnswerTtl(smallest_seconds_);
  }

 private:
  uint32_t smallest_seconds_ = 0;
  bool any_ = false;
  bool mixed_ = false;
};

// The listing's A records, one for each code.
void WriteCodes(const Snapshot& snapshot, const ServedZone& zone,
                const Finding& finding, SetTtl* set_ttl,
                ResponseWriter* writer) {
  const ZoneConfig& config = zone.zone->config;
  if (finding.test_values) {
    set_ttl->Take(config.ttl_seconds);
    writer->AddA(config.ttl_seconds, config.test_code);
    writer->DropNewestIfDuplicate();
    return;
  }
  for (int i = 0; i < finding.value_set_count; ++i) {
    for (const Value& value : snapshot.values().Get(finding.value_sets[i])) {
      const uint32_t ttl_seconds =
          value.ttl_seconds != 0 ? value.ttl_seconds : config.ttl_seconds;
      set_ttl->Take(ttl_seconds);
      if (!writer->AddA(ttl_seconds, value.code)) return;
      writer->DropNewestIfDuplicate();
    }
  }
}

// What "$" means in a reason.
class Subject {
 public:
  Subject(const PreparedQuery& prepared, bool of_address) {
    const Query& query = prepared.query;
    const ReversedAddress& address = prepared.address;
    if (!of_address) {
      bytes_ = WriteLabelsText(
          query.name, query.label_offsets[prepared.labels_below], text_);
    } else if (address.ipv4_octets == 4) {
      bytes_ = WriteIpv4Text(address.ipv4_first, text_);
    } else {
      bytes_ = WriteIpv6Text(address.ipv6_first, text_);
    }
  }
  absl::string_view text() const {
    return absl::string_view(text_, static_cast<size_t>(bytes_));
  }

 private:
  char text_[kMaxNameTextBytes];
  int bytes_;
};

bool WriteReason(absl::string_view reason, absl::string_view subject,
                 uint32_t ttl_seconds, ResponseWriter* writer) {
  size_t room_bytes = 0;
  uint8_t* const rdata = writer->RdataRoom(&room_bytes);
  if (rdata == nullptr) return false;
  const int bytes = RenderTxt(reason, subject, rdata, room_bytes);
  if (bytes < 0) {
    writer->Truncate();
    return false;
  }
  writer->CommitAnswer(RrType::kTxt, ttl_seconds, static_cast<size_t>(bytes));
  writer->DropNewestIfDuplicate();
  return true;
}

// The listing's TXT records, one for each different text.
void WriteReasons(const Snapshot& snapshot, const ServedZone& zone,
                  const PreparedQuery& prepared, const Finding& finding,
                  SetTtl* set_ttl, ResponseWriter* writer) {
  const ZoneConfig& config = zone.zone->config;
  const Subject subject(prepared, finding.of_address);
  if (finding.test_values) {
    set_ttl->Take(config.ttl_seconds);
    WriteReason(config.test_reason, subject.text(), config.ttl_seconds, writer);
    return;
  }
  for (int i = 0; i < finding.value_set_count; ++i) {
    for (const Value& value : snapshot.values().Get(finding.value_sets[i])) {
      if (value.reason.empty()) continue;
      const uint32_t ttl_seconds =
          value.ttl_seconds != 0 ? value.ttl_seconds : config.ttl_seconds;
      set_ttl->Take(ttl_seconds);
      if (!WriteReason(value.reason, subject.text(), ttl_seconds, writer)) {
        return;
      }
    }
  }
}

void WriteListed(const Snapshot& snapshot, const ServedZone& zone,
                 const PreparedQuery& prepared, const Finding& finding,
                 const Decision& decision, ResponseWriter* writer) {
  SetTtl set_ttl;
  if (decision.rrset != nullptr) {
    set_ttl.Take(decision.rrset->ttl_seconds);
    writer->AddAnswers(decision.rrset->block, decision.rrset->records);
  }
  if (decision.listed_type == RrType::kA) {
    WriteCodes(snapshot, zone, finding, &set_ttl, writer);
  } else {
    WriteReasons(snapshot, zone, prepared, finding, &set_ttl, writer);
  }
  set_ttl.Apply(writer);
}

size_t ReplyLimit(const Request& request, const Query& query) {
  if (request.transport == Transport::kTcp) return kTcpReplyBytes;
  // RFC 6891 §6.2.3: a size below 512 means 512. Without EDNS it is 0 here.
  return std::min<size_t>(
      std::max<size_t>(query.udp_payload_bytes, kMinUdpPayloadBytes),
      kMaxUdpPayloadBytes);
}

bool IsAuthoritative(const Decision& decision, const Query& query) {
  switch (decision.kind) {
    case AnswerKind::kListed:
    case AnswerKind::kStatic:
    case AnswerKind::kNoData:
    case AnswerKind::kNxDomain:
      // RFC 1035 §6.2: nobody is an authority for every class.
      return query.qclass != kClassAny;
    default:
      return false;
  }
}

}  // namespace

void PrepareAnswer(const Snapshot& snapshot, const Request& request,
                   PreparedQuery* prepared) {
  prepared->parse =
      ParseQuery(request.message, request.message_bytes, &prepared->query);
  prepared->zone = nullptr;
  if (prepared->parse != ParseResult::kOk) return;
  const Query& query = prepared->query;
  // A question of class ANY is one of class IN, the only one that we have.
  if (query.qclass != kClassIn && query.qclass != kClassAny) return;
  const ServedZone* zone = snapshot.Find(query);
  if (zone == nullptr) return;
  // RFC 4035 §3.1.4.1: DS belongs to the upper side of a zone cut.
  if (query.type == Number(RrType::kDs) && zone->parent != nullptr &&
      zone->zone->label_count == query.label_count) {
    zone = zone->parent;
  }
  prepared->zone = zone;
  prepared->labels_below = query.label_count - zone->zone->label_count;
  if (prepared->labels_below > 0) {
    ReadAndPrefetch(*zone, query, prepared->labels_below, &prepared->address);
  }
}

void PrefetchAnswer(const PreparedQuery& prepared) {
  if (prepared.zone == nullptr || prepared.labels_below == 0) return;
  PrefetchEntries(*prepared.zone, prepared.address);
}

size_t FinishAnswer(const Snapshot& snapshot, const Request& request,
                    const PreparedQuery& prepared, uint8_t* out,
                    Outcome* outcome) {
  *outcome = Outcome();
  if (prepared.parse == ParseResult::kDrop) return 0;
  const Query& query = prepared.query;
  const ServedZone* const zone = prepared.zone;
  if (zone != nullptr) outcome->counter_slot = zone->zone->counter_slot;

  Decision decision;
  Finding finding;
  if (!DecideEarly(prepared, &decision)) {
    if (prepared.labels_below == 0) {
      decision = DecideApex(*zone, query.type);
    } else {
      LookUp(*zone, query, prepared.labels_below, prepared.address, &finding);
      decision = DecideBelow(snapshot, *zone, finding, query.type);
    }
  }
  outcome->kind = decision.kind;

  ResponseWriter writer(query, decision.rcode, IsAuthoritative(decision, query),
                        out, ReplyLimit(request, query));
  switch (decision.kind) {
    case AnswerKind::kListed:
      WriteListed(snapshot, *zone, prepared, finding, decision, &writer);
      break;
    case AnswerKind::kStatic:
      if (decision.soa) {
        writer.AddAnswers(zone->soa_block, 1);
      } else {
        writer.AddAnswers(decision.rrset->block, decision.rrset->records);
      }
      break;
    case AnswerKind::kNoData:
    case AnswerKind::kNxDomain:
      // RFC 2308 §3: the SOA says for how long the "no" holds.
      writer.AddAuthority(query.label_offsets[prepared.labels_below],
                          zone->negative_soa_tail);
      break;
    default:
      writer.SetExtendedError(decision.extended_error);
      break;
  }
  outcome->truncated = writer.truncated();
  return writer.Finish();
}

size_t Answer(const Snapshot& snapshot, const Request& request, uint8_t* out,
              Outcome* outcome) {
  PreparedQuery prepared;
  PrepareAnswer(snapshot, request, &prepared);
  return FinishAnswer(snapshot, request, prepared, out, outcome);
}

}  // namespace rbld
