#include "server/answer.h"

#include <algorithm>

#include "dns/response_writer.h"
#include "server/access.h"
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
  // kStatic and kListed: the type that is answered.
  uint16_t type = 0;
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

Decision Positive(AnswerKind kind, uint16_t type) {
  Decision decision = Fail(kind, Rcode::kNoError);
  decision.type = type;
  return decision;
}

// The static records at a name; kNxDomain where there are none of the type.
Decision DecideStatic(const Finding& finding, uint16_t type) {
  if (type == Number(RrType::kAny)) {
    for (int i = 0; i < finding.node_count; ++i) {
      const std::vector<StaticRrset>& rrsets = finding.nodes[i]->rrsets;
      if (!rrsets.empty()) {
        return Positive(AnswerKind::kStatic, rrsets.front().type);
      }
    }
  } else if (finding.HasStatic(type)) {
    return Positive(AnswerKind::kStatic, type);
  }
  return Negative(finding.exists());
}

Decision DecideApex(const ServedZone& zone, const Finding& finding,
                    uint16_t type) {
  // RFC 8482 §4.1: ANY is answered with one RRset of ours.
  if (type == Number(RrType::kSoa) || type == Number(RrType::kAny)) {
    return Positive(AnswerKind::kStatic, Number(RrType::kSoa));
  }
  if (type == Number(RrType::kNs) && zone.ns.records > 0) {
    return Positive(AnswerKind::kStatic, type);
  }
  return DecideStatic(finding, type);
}

// Calls `use` with each value that the client may see: the hit, the code, the
// reason and the TTL. Ends when that returns false.
template <typename Use>
void ForEachValue(const ServedZone& zone, const Finding& finding,
                  const Use& use) {
  const Visibility& to = finding.visibility;
  for (int i = 0; i < finding.hit_count; ++i) {
    const Hit& hit = finding.hits[i];
    for (const ValueView value : *hit.values) {
      if (finding.conditional &&
          !value.condition.Holds(to.now_seconds, to.has_key)) {
        continue;
      }
      uint32_t code = value.code;
      absl::string_view reason = value.reason;
      if (hit.instead != nullptr) [[unlikely]] {
        if (hit.instead->code != 0) code = hit.instead->code;
        if (hit.instead->reason.has_value()) reason = *hit.instead->reason;
      }
      const uint32_t ttl_seconds = value.ttl_seconds != 0
                                       ? value.ttl_seconds
                                       : zone.zone->config.ttl_seconds;
      if (!use(hit, code, reason, ttl_seconds)) return;
    }
  }
}

bool AnyReason(const ServedZone& zone, const Finding& finding) {
  if (finding.test_values) return !zone.zone->config.test_reason.empty();
  bool any = false;
  ForEachValue(zone, finding,
               [&any](const Hit&, uint32_t, absl::string_view reason,
                      uint32_t) { return !(any = !reason.empty()); });
  return any;
}

Decision DecideBelow(const ServedZone& zone, const Finding& finding,
                     uint16_t type) {
  // RFC 1034 §3.6.2: an alias stands alone at its name.
  if (finding.node_count > 0 && finding.HasStatic(Number(RrType::kCname))) {
    return Positive(AnswerKind::kStatic, Number(RrType::kCname));
  }
  if (finding.listed()) {
    // RFC 8482 §4.1: one RRset for ANY, and A is the one that tells.
    if (type == Number(RrType::kA) || type == Number(RrType::kAny)) {
      return Positive(AnswerKind::kListed, Number(RrType::kA));
    }
    if (type == Number(RrType::kTxt) && AnyReason(zone, finding)) {
      return Positive(AnswerKind::kListed, type);
    }
  }
  return DecideStatic(finding, type);
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
  if (prepared.zone == nullptr && query.qclass == kClassChaos &&
      !prepared.chaos.empty()) {
    *decision = Fail(AnswerKind::kChaos, Rcode::kNoError);
    return true;
  }
  if (prepared.zone == nullptr) {
    *decision = Fail(AnswerKind::kRefused, Rcode::kRefused,
                     ExtendedError::kNotAuthoritative);
    return true;
  }
  if (prepared.zone->failed) {
    *decision =
        Fail(AnswerKind::kServFail, Rcode::kServFail, ExtendedError::kNotReady);
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

AccessDecision DecisionOf(const FileDataset::Rule& rule,
                          const ValueTable& values) {
  AccessDecision decision;
  decision.action = rule.action;
  if (rule.action == AccessAction::kListed) {
    decision.values = &values.Get(rule.values);
  }
  return decision;
}

// What holds for whoever has no key. The apex and the static records are for
// all: without them nobody would find the zone's servers.
AccessDecision DecideKeyless(const ServedZone& zone,
                             const PreparedQuery& prepared) {
  AccessDecision decision;
  const Place& place = prepared.place;
  const absl::string_view labels(
      reinterpret_cast<const char*>(prepared.query.name),
      prepared.query.label_offsets[place.labels_in_zone]);
  if (zone.zone->nodes.contains(labels)) return decision;
  for (const ServedKeys* keys : zone.keys) {
    if (keys->keyless_rule.action < decision.action) {
      decision = DecisionOf(keys->keyless_rule, *keys->values);
    }
  }
  return decision;
}

// What the zone says of who may ask, by key and by address; true when that is
// the whole answer.
bool DecideByClient(const ServedZone& zone, const Request& request,
                    const PreparedQuery& prepared, Decision* decision,
                    Visibility* visibility) {
  visibility->now_seconds = request.now_seconds;
  if (zone.access_lists.empty() && zone.keys.empty()) [[likely]] {
    return false;
  }
  AccessDecision access;
  bool over_quota = false;
  if (!zone.keys.empty()) {
    const ServedKey* const key = prepared.place.key;
    const bool expired = key != nullptr && key->terms.expires != 0 &&
                         request.now_seconds >= key->terms.expires;
    if (key == nullptr || expired) {
      access = DecideKeyless(zone, prepared);
    } else {
      access = DecisionOf(key->rule, *key->values);
      over_quota = !key->usage->Charge(request.now_seconds, key->terms.quota,
                                       key->terms.quota_seconds);
      visibility->has_key = access.action == AccessAction::kPass;
    }
  }
  if (!visibility->has_key || !zone.zone->config.key_overrides_access) {
    const AccessDecision by_address =
        DecideAccess(zone.access_lists, request.client);
    if (by_address.action < access.action) access = by_address;
  }
  if (over_quota && access.action > AccessAction::kRefuse) {
    access.action = AccessAction::kRefuse;
  } else {
    over_quota = false;
  }
  switch (access.action) {
    case AccessAction::kIgnore:
      *decision = Fail(AnswerKind::kDropped, Rcode::kRefused);
      return true;
    case AccessAction::kRefuse: {
      const ServedValues& told =
          (over_quota ? zone.zone->over_quota : zone.zone->refused).get();
      if (told.empty()) {
        *decision = Fail(AnswerKind::kRefused, Rcode::kRefused,
                         ExtendedError::kProhibited);
        return true;
      }
      visibility->all_listed = &told;
      visibility->is_refusal = true;
      return false;
    }
    case AccessAction::kEmpty:
      visibility->listings = false;
      return false;
    case AccessAction::kListed:
      visibility->all_listed = access.values;
      return false;
    case AccessAction::kPass:
      return false;
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
void WriteCodes(const ServedZone& zone, const Finding& finding, SetTtl* set_ttl,
                ResponseWriter* writer) {
  const ZoneConfig& config = zone.zone->config;
  if (finding.test_values) {
    set_ttl->Take(config.ttl_seconds);
    writer->AddA(config.ttl_seconds, config.test_code);
    writer->DropNewestIfDuplicate();
    return;
  }
  if (config.combining == Combining::kBitMask) [[unlikely]] {
    uint32_t bits = 0;
    uint32_t ttl_seconds = kMaxTtlSeconds;
    ForEachValue(zone, finding,
                 [&](const Hit&, uint32_t code, absl::string_view,
                     uint32_t value_ttl_seconds) {
                   bits |= code;
                   ttl_seconds = std::min(ttl_seconds, value_ttl_seconds);
                   return true;
                 });
    set_ttl->Take(ttl_seconds);
    writer->AddA(ttl_seconds, bits);
    writer->DropNewestIfDuplicate();
    return;
  }
  ForEachValue(
      zone, finding,
      [&](const Hit&, uint32_t code, absl::string_view, uint32_t ttl_seconds) {
        set_ttl->Take(ttl_seconds);
        if (!writer->AddA(ttl_seconds, code)) return false;
        writer->DropNewestIfDuplicate();
        return true;
      });
}

// What "$" means in a reason.
class Subject {
 public:
  Subject(SubjectKind kind, uint32_t ipv4, int entry_labels,
          const Request& request, const PreparedQuery& prepared) {
    const Query& query = prepared.query;
    const int labels = prepared.place.labels;
    switch (kind) {
      case SubjectKind::kIpv4:
        bytes_ = WriteIpv4Text(ipv4, text_);
        break;
      case SubjectKind::kIpv6:
        bytes_ = WriteIpv6Text(prepared.probe.address.ipv6_first, text_);
        break;
      case SubjectKind::kClient:
        bytes_ = WriteClientText(request.client, text_);
        break;
      default: {
        const int first =
            kind == SubjectKind::kEntry ? labels - entry_labels : 0;
        const int begin = query.label_offsets[first];
        bytes_ = WriteLabelsText(query.name + begin,
                                 query.label_offsets[labels] - begin, text_,
                                 /*zone_file_signs=*/true);
        break;
      }
    }
  }
  absl::string_view text() const {
    return absl::string_view(text_, static_cast<size_t>(bytes_));
  }

 private:
  int bytes_ = 0;
  char text_[kMaxNameTextBytes];
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
void WriteReasons(const ServedZone& zone, const Request& request,
                  const PreparedQuery& prepared, const Finding& finding,
                  SetTtl* set_ttl, ResponseWriter* writer) {
  const ZoneConfig& config = zone.zone->config;
  if (finding.test_values) {
    const Subject subject(finding.test_subject, finding.test_ipv4, 0, request,
                          prepared);
    set_ttl->Take(config.ttl_seconds);
    WriteReason(config.test_reason, subject.text(), config.ttl_seconds, writer);
    return;
  }
  ForEachValue(zone, finding,
               [&](const Hit& hit, uint32_t, absl::string_view reason,
                   uint32_t ttl_seconds) {
                 if (reason.empty()) return true;
                 const Subject subject(hit.subject, hit.ipv4, hit.entry_labels,
                                       request, prepared);
                 set_ttl->Take(ttl_seconds);
                 return WriteReason(reason, subject.text(), ttl_seconds,
                                    writer);
               });
}

void WriteRrset(const StaticRrset& rrset, SetTtl* set_ttl,
                ResponseWriter* writer) {
  set_ttl->Take(rrset.ttl_seconds);
  if (writer->answers() == 0) {
    writer->AddAnswers(rrset.block, rrset.records);
    return;
  }
  // What other data has too is there already.
  for (absl::string_view block = rrset.block; !block.empty();) {
    const size_t bytes =
        kRecordHeadBytes +
        ReadU16(reinterpret_cast<const uint8_t*>(block.data()) +
                kRecordHeadBytes - 2);
    if (!writer->AddAnswers(block.substr(0, bytes), 1)) return;
    writer->DropNewestIfDuplicate();
    block.remove_prefix(bytes);
  }
}

void WriteStatic(const Finding& finding, uint16_t type, SetTtl* set_ttl,
                 ResponseWriter* writer) {
  for (int i = 0; i < finding.node_count; ++i) {
    const StaticRrset* const rrset = finding.nodes[i]->Find(type);
    if (rrset != nullptr) WriteRrset(*rrset, set_ttl, writer);
  }
}

void WritePositive(const ServedZone& zone, const Request& request,
                   const PreparedQuery& prepared, const Finding& finding,
                   const Decision& decision, ResponseWriter* writer) {
  SetTtl set_ttl;
  const bool at_apex = prepared.labels_below == 0;
  if (at_apex && decision.type == Number(RrType::kSoa)) {
    writer->AddAnswers(zone.soa_block, 1);
  } else if (at_apex && decision.type == Number(RrType::kNs)) {
    WriteRrset(zone.ns, &set_ttl, writer);
    return;
  } else if (finding.node_count > 0) {
    WriteStatic(finding, decision.type, &set_ttl, writer);
  }
  if (decision.kind == AnswerKind::kListed) {
    if (decision.type == Number(RrType::kA)) {
      WriteCodes(zone, finding, &set_ttl, writer);
    } else {
      WriteReasons(zone, request, prepared, finding, &set_ttl, writer);
    }
  }
  set_ttl.Apply(writer);
  if (zone.zone->config.ns_in_answers) {
    writer->AddAuthoritiesIfRoom(
        prepared.query.label_offsets[prepared.labels_below], zone.ns_tails);
  }
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
    case AnswerKind::kChaos:
    case AnswerKind::kNoData:
    case AnswerKind::kNxDomain:
      // RFC 1035 §6.2: nobody is an authority for every class.
      return query.qclass != kClassAny;
    default:
      return false;
  }
}

// Fills `*prepared` for a name in `zone`.
void PrepareIn(const ServedZone* zone, PreparedQuery* prepared) {
  const Query& query = prepared->query;
  // RFC 4035 §3.1.4.1: DS belongs to the upper side of a zone cut.
  if (query.type == Number(RrType::kDs) && zone->parent != nullptr &&
      zone->zone->label_count == query.label_count) {
    zone = zone->parent;
  }
  prepared->zone = zone;
  prepared->labels_below = query.label_count - zone->zone->label_count;
  prepared->place = FindPlace(*zone, query, prepared->labels_below);
  if (prepared->place.labels > 0) {
    ReadAddress(prepared->place, query, &prepared->probe);
  }
}

size_t Finish(const Request& request, const PreparedQuery& prepared,
              uint8_t* out, Outcome* outcome) {
  *outcome = Outcome();
  outcome->request_bytes = static_cast<uint32_t>(request.message_bytes);
  if (prepared.parse == ParseResult::kDrop) return 0;
  const Query& query = prepared.query;
  const ServedZone* const zone = prepared.zone;
  if (zone != nullptr) outcome->counter_slot = zone->zone->counter_slot;

  Decision decision;
  Finding finding;
  if (!DecideEarly(prepared, &decision) &&
      !DecideByClient(*zone, request, prepared, &decision,
                      &finding.visibility)) {
    LookUp(*zone, prepared.place, query, prepared.probe, &finding);
    decision = prepared.labels_below == 0
                   ? DecideApex(*zone, finding, query.type)
                   : DecideBelow(*zone, finding, query.type);
  }
  outcome->kind = decision.kind;
  if (decision.kind == AnswerKind::kDropped) return 0;

  ResponseWriter writer(query, decision.rcode, IsAuthoritative(decision, query),
                        out, ReplyLimit(request, query));
  switch (decision.kind) {
    case AnswerKind::kListed:
    case AnswerKind::kStatic:
      WritePositive(*zone, request, prepared, finding, decision, &writer);
      break;
    case AnswerKind::kChaos:
      writer.AddAnswers(prepared.chaos, 1);
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
  const size_t bytes = writer.Finish();
  outcome->reply_bytes = static_cast<uint32_t>(bytes);
  return bytes;
}

// By the general path, in an index.
bool WillLookUp(const PreparedQuery& query) {
  return query.quick.zone == nullptr && query.zone != nullptr &&
         query.place.labels > 0;
}

void PrepareGenerally(const Snapshot& snapshot, const Request& request,
                      PreparedQuery* prepared) {
  prepared->parse =
      ParseQuery(request.message, request.message_bytes, &prepared->query);
  prepared->zone = nullptr;
  if (prepared->parse != ParseResult::kOk) return;
  const Query& query = prepared->query;
  // A question of class ANY is one of class IN, the only one that has zones.
  if (query.qclass != kClassIn && query.qclass != kClassAny) {
    prepared->chaos = query.qclass == kClassChaos ? snapshot.FindChaos(query)
                                                  : absl::string_view();
    return;
  }
  const ServedZone* const zone = snapshot.Find(query);
  if (zone != nullptr) PrepareIn(zone, prepared);
}

}  // namespace

void PrepareAnswers(const Snapshot& snapshot,
                    absl::Span<const Request> requests,
                    PreparedQuery* prepared) {
  const QuickZones& quick_zones = snapshot.quick_zones();
  const absl::Span<PreparedQuery> all(prepared, requests.size());
  bool all_quick = true;
  for (size_t i = 0; i < requests.size(); ++i) {
    const Request& request = requests[i];
    if (!RecogniseQuickQuery(quick_zones, request.message,
                             request.message_bytes, &all[i].quick)) {
      PrepareGenerally(snapshot, request, &all[i]);
      all_quick = false;
    }
  }
  if (!all_quick) {
    for (PreparedQuery& query : all) {
      if (WillLookUp(query)) {
        PrefetchPlaces(query.place, query.query, &query.probe);
      }
    }
    for (PreparedQuery& query : all) {
      if (WillLookUp(query)) PrefetchHeads(query.place, &query.probe);
    }
  }
  for (const PreparedQuery& query : all) {
    if (query.quick.zone != nullptr) {
      PrefetchQuickAnswer(query.quick);
    } else if (WillLookUp(query)) {
      PrefetchEntries(query.place, query.probe);
    }
  }
  for (PreparedQuery& query : all) {
    if (query.quick.zone != nullptr) LookUpQuick(&query.quick);
  }
  if (quick_zones.many_values()) {
    for (const PreparedQuery& query : all) {
      if (query.quick.zone != nullptr) PrefetchQuickSlots(query.quick);
    }
    for (const PreparedQuery& query : all) {
      if (query.quick.zone != nullptr) PrefetchQuickValues(query.quick);
    }
  }
}

size_t FinishGenerally(const Request& request, const PreparedQuery& prepared,
                       uint8_t* out, Outcome* outcome) {
  const QuickZone* const quick = prepared.quick.zone;
  if (quick == nullptr) return Finish(request, prepared, out, outcome);
  PreparedQuery whole;
  whole.parse =
      ParseQuery(request.message, request.message_bytes, &whole.query);
  PrepareIn(quick->served, &whole);
  PrefetchPlaces(whole.place, whole.query, &whole.probe);
  PrefetchHeads(whole.place, &whole.probe);
  return Finish(request, whole, out, outcome);
}

size_t Answer(const Snapshot& snapshot, const Request& request, uint8_t* out,
              Outcome* outcome) {
  PreparedQuery prepared;
  PrepareAnswers(snapshot, absl::MakeConstSpan(&request, 1), &prepared);
  return FinishAnswer(request, prepared, out, outcome);
}

size_t AnswerGenerally(const Snapshot& snapshot, const Request& request,
                       uint8_t* out, Outcome* outcome) {
  PreparedQuery prepared;
  PrepareGenerally(snapshot, request, &prepared);
  if (WillLookUp(prepared)) {
    PrefetchPlaces(prepared.place, prepared.query, &prepared.probe);
    PrefetchHeads(prepared.place, &prepared.probe);
  }
  return FinishGenerally(request, prepared, out, outcome);
}

}  // namespace rbld
