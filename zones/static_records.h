// Static records of a zone, from the text of its configuration to wire form.
//
// Pure functions; ldns reads the text.
#ifndef RBLD_ZONES_STATIC_RECORDS_H_
#define RBLD_ZONES_STATIC_RECORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "zones/config.h"

namespace rbld {

// "www 3600 A 192.0.2.1": owner (relative to the zone, "@", or absolute with a
// final dot), TTL (may be left out), class IN (likewise), type and data. Only
// types that a list's zone can answer; never SOA or NS, which have keys of
// their own, nor owners outside the zone, wildcards, or names that addresses
// of the zone's kind are asked by.
absl::StatusOr<StaticRecord> ParseStaticRecord(const ZoneConfig& zone,
                                               uint32_t default_ttl_seconds,
                                               absl::string_view text);

// Adds `record`, unless that would make the zone's data contradict itself: a
// CNAME at the apex or beside other data (RFC 1034 §3.6.2), the same record
// twice, TTLs that differ in one RRset (RFC 2181 §5.2).
absl::Status AddStaticRecord(StaticRecord record, ZoneConfig* zone);

// A mailbox as SOA holds it: "hostmaster.example.org" or
// "host.master@example.org" to lower-case wire form (RFC 1035 §8).
absl::StatusOr<std::string> MailboxToWire(absl::string_view text);

}  // namespace rbld

#endif  // RBLD_ZONES_STATIC_RECORDS_H_
