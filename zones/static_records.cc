#include "zones/static_records.h"

#include <ldns/ldns.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "dns/name.h"

namespace rbld {
namespace {

constexpr size_t kMaxRecordTextBytes = 16384;
constexpr size_t kMaxRdataBytes = 4096;  // so that one fits every answer by TCP

struct FreeRr {
  void operator()(ldns_rr* rr) const { ldns_rr_free(rr); }
};
struct FreeRdf {
  void operator()(ldns_rdf* rdf) const { ldns_rdf_deep_free(rdf); }
};

// What a zone of a list has reason to answer. NS below the apex would be a
// delegation and DNSSEC's records need signatures; neither is served.
constexpr ldns_rr_type kServedTypes[] = {
    LDNS_RR_TYPE_A,    LDNS_RR_TYPE_AAAA,  LDNS_RR_TYPE_TXT,
    LDNS_RR_TYPE_MX,   LDNS_RR_TYPE_CNAME, LDNS_RR_TYPE_SRV,
    LDNS_RR_TYPE_CAA,  LDNS_RR_TYPE_PTR,   LDNS_RR_TYPE_HINFO,
    LDNS_RR_TYPE_RP,   LDNS_RR_TYPE_LOC,   LDNS_RR_TYPE_SSHFP,
    LDNS_RR_TYPE_TLSA, LDNS_RR_TYPE_NAPTR, LDNS_RR_TYPE_SPF,
    LDNS_RR_TYPE_URI,
};

absl::Status BadRecord(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(text.substr(0, 100)), "\": ", why));
}

std::string TypeText(uint16_t type) {
  char* const text = ldns_rr_type2str(static_cast<ldns_rr_type>(type));
  const std::string result =
      text == nullptr ? absl::StrCat("TYPE", type) : std::string(text);
  free(text);
  return result;
}

// Would the owner's label right below the zone be read as the first octet or
// nibble of an address?
bool IsAddressLabel(const ZoneConfig& zone, absl::string_view label) {
  if (zone.has_ipv6 && label.size() == 1 && absl::ascii_isxdigit(label[0])) {
    return true;
  }
  if (!zone.has_ipv4 || label.empty() || label.size() > 3) return false;
  int octet = 0;
  for (const char c : label) {
    if (!absl::ascii_isdigit(c)) return false;
    octet = octet * 10 + (c - '0');
  }
  return octet <= 255;
}

absl::Status CheckOwner(const ZoneConfig& zone, absl::string_view text,
                        const std::string& owner) {
  if (!NameEndsIn(owner, zone.wire_name)) {
    return BadRecord(
        text,
        absl::StrCat("the owner ", NameToText(owner), " is not in ", zone.name,
                     "; end an owner with a dot only if it is the whole "
                     "name"));
  }
  const size_t below_bytes = owner.size() - zone.wire_name.size();
  absl::string_view last_label;
  for (size_t i = 0; i < below_bytes;) {
    const size_t label_bytes = static_cast<uint8_t>(owner[i]);
    last_label = absl::string_view(owner).substr(i + 1, label_bytes);
    if (last_label == "*") {
      return BadRecord(text, "wildcards are not served; write each name out");
    }
    i += 1 + label_bytes;
  }
  if (IsAddressLabel(zone, last_label)) {
    return BadRecord(text,
                     absl::StrCat("the owner ends in \"", last_label,
                                  "\", by which addresses are asked for in "
                                  "this zone; choose another name"));
  }
  if (zone.has_names && (last_label == "test" || last_label == "invalid")) {
    return BadRecord(text,
                     "the names TEST and INVALID are test entries of a zone "
                     "of names (RFC 5782 §5); choose another name");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StaticRecord> ParseStaticRecord(const ZoneConfig& zone,
                                               uint32_t default_ttl_seconds,
                                               absl::string_view text) {
  if (text.size() > kMaxRecordTextBytes) {
    return BadRecord(text, "longer than 16384 bytes");
  }
  if (std::any_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t';
      })) {
    return BadRecord(text, "has a control character");
  }
  if (text.empty() ||
      absl::ascii_isspace(static_cast<unsigned char>(text[0]))) {
    return BadRecord(text,
                     "must begin with an owner: a name, or \"@\" for the zone "
                     "itself");
  }
  if (text[0] == '$' || text[0] == ';') {
    return BadRecord(text,
                     "is no record; directives and comments have no "
                     "place here");
  }
  const std::unique_ptr<ldns_rdf, FreeRdf> origin(
      ldns_dname_new_frm_str(absl::StrCat(zone.name, ".").c_str()));
  if (origin == nullptr) return BadRecord(text, "the zone's name is bad");
  ldns_rr* parsed = nullptr;
  ldns_rdf* previous = nullptr;
  const ldns_status status =
      ldns_rr_new_frm_str(&parsed, std::string(text).c_str(),
                          default_ttl_seconds, origin.get(), &previous);
  const std::unique_ptr<ldns_rr, FreeRr> rr(parsed);
  const std::unique_ptr<ldns_rdf, FreeRdf> owner_of_previous(previous);
  if (status != LDNS_STATUS_OK || rr == nullptr) {
    return BadRecord(
        text, absl::StrCat("is no record (", ldns_get_errorstr_by_id(status),
                           "); write OWNER TTL TYPE DATA, as in \"www "
                           "3600 A 192.0.2.1\""));
  }
  if (ldns_rr_get_class(rr.get()) != LDNS_RR_CLASS_IN) {
    return BadRecord(text, "only class IN is served");
  }
  StaticRecord record;
  record.type = static_cast<uint16_t>(ldns_rr_get_type(rr.get()));
  if (record.type == LDNS_RR_TYPE_SOA || record.type == LDNS_RR_TYPE_NS) {
    return BadRecord(text, absl::StrCat(TypeText(record.type),
                                        " records come from the zone's keys "
                                        "`soa` and `ns`, not from `records`"));
  }
  if (std::find(std::begin(kServedTypes), std::end(kServedTypes),
                record.type) == std::end(kServedTypes)) {
    return BadRecord(
        text, absl::StrCat(TypeText(record.type), " records are not served"));
  }
  record.ttl_seconds = ldns_rr_ttl(rr.get());
  if (record.ttl_seconds > kMaxTtlSeconds) {
    return BadRecord(text, "the TTL is over 2147483647 (RFC 2181 §8)");
  }
  const ldns_rdf* const owner = ldns_rr_owner(rr.get());
  record.owner_wire = absl::AsciiStrToLower(
      absl::string_view(reinterpret_cast<const char*>(ldns_rdf_data(owner)),
                        ldns_rdf_size(owner)));
  for (size_t i = 0; i < ldns_rr_rd_count(rr.get()); ++i) {
    const ldns_rdf* const rdf = ldns_rr_rdf(rr.get(), i);
    record.rdata.append(reinterpret_cast<const char*>(ldns_rdf_data(rdf)),
                        ldns_rdf_size(rdf));
  }
  if (record.rdata.empty() || record.rdata.size() > kMaxRdataBytes) {
    return BadRecord(text, "the data must have 1 to 4096 bytes");
  }
  const absl::Status owner_status = CheckOwner(zone, text, record.owner_wire);
  if (!owner_status.ok()) return owner_status;
  return record;
}

absl::Status AddStaticRecord(StaticRecord record, ZoneConfig* zone) {
  const std::string name = NameToText(record.owner_wire);
  if (record.type == LDNS_RR_TYPE_CNAME &&
      record.owner_wire == zone->wire_name) {
    // RFC 1034 §3.6.2: the apex has SOA and NS.
    return absl::InvalidArgumentError(
        absl::StrCat(name,
                     ": a CNAME cannot stand at the zone's own name, "
                     "beside its SOA; write A and AAAA records"));
  }
  for (const StaticRecord& other : zone->records) {
    if (other.owner_wire != record.owner_wire) continue;
    if (other.type != record.type && (other.type == LDNS_RR_TYPE_CNAME ||
                                      record.type == LDNS_RR_TYPE_CNAME)) {
      return absl::InvalidArgumentError(
          absl::StrCat(name,
                       ": a CNAME allows no other record of its name "
                       "(RFC 1034 §3.6.2)"));
    }
    if (other.type != record.type) continue;
    if (other.rdata == record.rdata) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": the same ", TypeText(record.type),
                       " record stands here twice"));
    }
    if (record.type == LDNS_RR_TYPE_CNAME) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": a name has one CNAME at most"));
    }
    if (other.ttl_seconds != record.ttl_seconds) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, ": its ", TypeText(record.type), " records have the TTLs ",
          other.ttl_seconds, " and ", record.ttl_seconds,
          "; records of one name and type have one TTL (RFC 2181 §5.2)"));
    }
  }
  zone->records.push_back(std::move(record));
  return absl::OkStatus();
}

absl::StatusOr<std::string> MailboxToWire(absl::string_view text) {
  const size_t at = text.find('@');
  std::string spelled(text);
  if (at != absl::string_view::npos) {
    // RFC 1035 §8: the local part is one label, dots in it are quoted.
    spelled =
        absl::StrCat(absl::StrReplaceAll(text.substr(0, at), {{".", "\\."}}),
                     ".", text.substr(at + 1));
  }
  absl::StatusOr<std::string> wire = NameFromText(spelled);
  if (!wire.ok()) return wire.status();
  if (LabelCount(*wire) < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", absl::CHexEscape(text.substr(0, 100)),
                     "\" is no mailbox; write hostmaster@example.org"));
  }
  return absl::AsciiStrToLower(*wire);
}

}  // namespace rbld
