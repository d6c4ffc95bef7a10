#include "tests/rbldnsd/differences.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace rbld {
namespace {

constexpr int kNoError = 0;
constexpr int kNxDomain = 3;
constexpr int kNotImp = 4;
constexpr int kRefused = 5;
constexpr uint16_t kTypeSoa = 6;
constexpr uint16_t kTypeTxt = 16;
constexpr uint16_t kTypeAny = 255;

using Records = std::multiset<std::string>;
using Labels = std::vector<std::string>;

Labels LabelsOf(const std::string& name) {
  return absl::StrSplit(name, '.', absl::SkipEmpty());
}

bool NoData(const DnsReply& reply) {
  return reply.rcode == kNoError && reply.answers.empty();
}

// Equal but for the authority section.
bool SameAnswers(const DnsReply& a, const DnsReply& b) {
  return a.none == b.none && a.rcode == b.rcode &&
         a.authoritative == b.authoritative && a.answers == b.answers;
}

Records OfType(const Records& records, absl::string_view type) {
  Records some;
  for (const std::string& record : records) {
    const std::vector<absl::string_view> fields =
        absl::StrSplit(record, absl::MaxSplits(' ', 2));
    if (fields[1] == type) some.insert(record);
  }
  return some;
}

uint32_t TtlOf(const std::string& record) {
  uint32_t ttl_seconds = 0;
  return absl::SimpleAtoi(record.substr(0, record.find(' ')), &ttl_seconds)
             ? ttl_seconds
             : 0;
}

// The records without their TTLs.
std::set<std::string> WithoutTtls(const Records& records) {
  std::set<std::string> bare;
  for (const std::string& record : records) {
    bare.insert(record.substr(record.find(' ') + 1));
  }
  return bare;
}

bool IsOctet(const std::string& label) {
  uint32_t octet = 0;
  return !label.empty() && label.size() <= 3 &&
         absl::SimpleAtoi(label, &octet) && octet <= 255;
}

bool IsNibble(const std::string& label) {
  return label.size() == 1 &&
         absl::ascii_isxdigit(static_cast<unsigned char>(label[0]));
}

// The test entries of RFC 5782 §5, of the zone or of a combined file's subzone,
// and the addresses also in their IPv6 forms.
bool IsTestEntry(const std::string& name) {
  static const char* const kSubzones[] = {"", ".s1", ".s2", ".deep.s1",
                                          ".s3.x"};
  for (const char* entry : {"1.0.0.127", "2.0.0.127", "test", "invalid"}) {
    for (const char* subzone : kSubzones) {
      if (name == absl::StrCat(entry, subzone)) return true;
    }
  }
  return absl::StrContains(name, "0.0.0.0.0.f.7.f.f.f.f.0.0.0.0") ||
         absl::StrContains(name, "1.0.0.0.0.0.f.7.2.0.0.2") ||
         absl::StrContains(name, "2.0.0.0.0.0.f.7.2.0.0.2");
}

// Only a part of an address, so that addresses can be below it.
bool IsPartOfAddress(const Labels& labels) {
  const size_t octets =
      static_cast<size_t>(std::count_if(labels.begin(), labels.end(), IsOctet));
  const size_t nibbles = static_cast<size_t>(
      std::count_if(labels.begin(), labels.end(), IsNibble));
  // In a subzone, other labels follow.
  return (octets > 0 && octets <= 4) || (nibbles > 0 && nibbles < 32);
}

}  // namespace

std::string DnsReply::ToString() const {
  if (none) return "no reply";
  return absl::StrCat("rcode ", rcode, authoritative ? " aa" : "", " {",
                      absl::StrJoin(answers, " | "), "} auth {",
                      absl::StrJoin(authorities, " | "), "}");
}

bool Asked::Has(DatasetType wanted) const {
  return std::find(types.begin(), types.end(), wanted) != types.end();
}

std::vector<Difference> DeliberateDifferences() {
  std::vector<Difference> table;
  const auto add = [&table](const char* name, auto holds) {
    table.push_back({name, holds, 0});
  };

  // 127.0.0.2 and TEST are listed, 127.0.0.1 and INVALID are not, whatever a
  // file says.
  add("test entries", [](const Asked& asked, const DnsReply&, const DnsReply&) {
    return IsTestEntry(asked.name);
  });

  // A name with listings below it exists.
  add("empty non-terminals",
      [](const Asked& asked, const DnsReply& ours, const DnsReply& theirs) {
        const Labels labels = LabelsOf(asked.name);
        const bool may_have_below = IsPartOfAddress(labels) ||
                                    asked.Has(DatasetType::kDnset) ||
                                    asked.Has(DatasetType::kGeneric) ||
                                    asked.Has(DatasetType::kCombined);
        return NoData(ours) && theirs.rcode == kNxDomain && may_have_below &&
               (asked.type <= 249 || asked.type == kTypeAny);
      });

  // ANY gets one RRset (RFC 8482 §4.1).
  add("any", [](const Asked& asked, const DnsReply& ours,
                const DnsReply& theirs) {
    if (asked.type != kTypeAny || ours.rcode != kNoError) return false;
    if (theirs.rcode == kRefused) return asked.name.empty();
    const std::set<std::string> theirs_bare = WithoutTtls(theirs.answers);
    std::set<std::string> types;
    for (const std::string& record : WithoutTtls(ours.answers)) {
      if (theirs_bare.count(record) == 0 && !absl::StartsWith(record, "SOA ")) {
        return false;
      }
      types.insert(record.substr(0, record.find(' ')));
    }
    return types.size() == 1;
  });

  // Types that are no data: FORMERR, REFUSED or NOTIMP as the RFCs say; others
  // above 249 are types like any other.
  add("query types that are no data",
      [](const Asked& asked, const DnsReply& ours, const DnsReply& theirs) {
        if (asked.type == kTypeAny) return false;
        if (asked.type > 249) return theirs.rcode == kNotImp;
        return asked.type == 0 || asked.type == 41 || asked.type >= 128
                   ? ours.answers.empty() && theirs.answers.empty()
                   : false;
      });

  // A zone without $SOA gets one, so that negative answers can be kept.
  add("a zone without $SOA",
      [](const Asked& asked, const DnsReply& ours, const DnsReply& theirs) {
        if (asked.has_soa) return false;
        if (asked.name.empty() && asked.type == kTypeSoa) {
          return theirs.rcode == kRefused && ours.answers.size() == 1;
        }
        return ours.answers.empty() && SameAnswers(ours, theirs) &&
               theirs.authorities.empty() &&
               OfType(ours.authorities, "SOA").size() == 1;
      });

  // A "no" is kept for the lesser of the SOA's TTL and its MINIMUM (RFC 2308
  // §3), not for MINIMUM.
  add("TTL of the SOA in a negative answer",
      [](const Asked&, const DnsReply& ours, const DnsReply& theirs) {
        return ours.answers.empty() && SameAnswers(ours, theirs) &&
               ours.authorities.size() == 1 && theirs.authorities.size() == 1 &&
               WithoutTtls(ours.authorities) ==
                   WithoutTtls(theirs.authorities) &&
               TtlOf(*ours.authorities.begin()) <
                   TtlOf(*theirs.authorities.begin());
      });

  // Texts over 255 bytes are cut into strings, not cut off.
  add("long texts",
      [](const Asked& asked, const DnsReply& ours, const DnsReply& theirs) {
        if (asked.type != kTypeTxt || ours.rcode != theirs.rcode) return false;
        bool longer = false;
        for (const std::string& record : ours.answers) {
          longer |= absl::StrContains(record, "\" \"") || record.size() > 255;
        }
        return longer && theirs.answers.size() <= ours.answers.size();
      });

  // NS at the apex of a zone without $NS.
  add("NS of a zone without $NS",
      [](const Asked& asked, const DnsReply& ours, const DnsReply& theirs) {
        return asked.name.empty() && asked.type == 2 && NoData(ours) &&
               theirs.rcode == kRefused;
      });

  // What is too long for 512 bytes is left out by rbldnsd, without AA and
  // without TC; we set TC, and TCP has all of it.
  add("over 512 bytes", [](const Asked&, const DnsReply& ours,
                           const DnsReply& theirs) {
    size_t bytes = 0;
    for (const std::string& record : ours.answers) bytes += record.size();
    for (const std::string& record : theirs.answers) bytes += record.size();
    return ours.authoritative && !theirs.authoritative &&
           theirs.rcode == kNoError && !theirs.answers.empty() && bytes > 400;
  });

  // With -A, rbldnsd repeats the NS records of an NS answer as authorities.
  add("NS both asked for and added",
      [](const Asked& asked, const DnsReply& ours, const DnsReply& theirs) {
        return asked.name.empty() && asked.type == 2 &&
               SameAnswers(ours, theirs) && ours.authorities.empty() &&
               theirs.authorities == ours.answers;
      });

  // Octets with a leading zero are no octets.
  add("leading zeros",
      [](const Asked& asked, const DnsReply& ours, const DnsReply&) {
        bool zero = false;
        for (const std::string& label : LabelsOf(asked.name)) {
          zero |= IsOctet(label) && label.size() > 1 && label[0] == '0';
        }
        return zero && ours.answers.empty();
      });

  // An access list that hides the data, or lists everything, leaves the
  // records of generic data as they are (the manual says so too).
  add("generic data under an access list",
      [](const Asked& asked, const DnsReply& ours, const DnsReply& theirs) {
        if (!asked.Has(DatasetType::kAcl) ||
            !asked.Has(DatasetType::kGeneric)) {
          return false;
        }
        // What the access list lists is the same, and all else is generic.
        const std::set<std::string> listed =
            WithoutTtls(asked.type == kTypeAny ? OfType(theirs.answers, "A")
                                               : theirs.answers);
        size_t common = 0;
        bool all_generic = true;
        for (const std::string& record : WithoutTtls(ours.answers)) {
          const bool same = listed.count(record) > 0;
          common += same;
          all_generic &= same || !absl::StartsWith(record, "A 127.");
        }
        return ours.rcode == kNoError && theirs.rcode == kNoError &&
               common == listed.size() && all_generic &&
               ours.answers.size() > common;
      });
  return table;
}

}  // namespace rbld
