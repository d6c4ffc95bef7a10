#include "tests/rbldnsd/differences.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
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

// The bytes of a TXT record's strings, joined; `record` is in ldns' form.
std::string TextOf(absl::string_view record) {
  std::string text;
  bool inside = false;
  for (size_t i = record.find('"'); i < record.size(); ++i) {
    if (record[i] == '"') {
      inside = !inside;
    } else if (inside && record[i] == '\\') {
      // An escaped byte is one byte, whichever.
      i += absl::ascii_isdigit(static_cast<unsigned char>(record[i + 1])) ? 3
                                                                          : 1;
      text.push_back('\1');
    } else if (inside) {
      text.push_back(record[i]);
    }
  }
  return text;
}

// `theirs` is what rbldnsd leaves of the text of `ours`, two TXT records
// without TTLs.
bool IsCutOff(absl::string_view ours, absl::string_view theirs) {
  if (!absl::StartsWith(ours, "TXT ") || !absl::StartsWith(theirs, "TXT ")) {
    return false;
  }
  const std::string whole = TextOf(ours);
  const std::string cut = TextOf(theirs);
  return cut.size() >= 250 && cut.size() <= 255 && whole.size() > cut.size() &&
         absl::StartsWith(whole, cut);
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

bool IsEntry(const std::string& line) {
  const size_t start = line.find_first_not_of(" \t");
  if (start == std::string::npos) return false;
  const bool special =
      line[start] == '$' || (line[start] == ':' && line[start + 1] == '$');
  return !special && line[start] != '#' && line[start] != ';';
}

// A TTL that is none, or an MX record without a name or with something behind
// it.
bool IsFatalRecord(const std::string& line) {
  if (!IsEntry(line)) return false;
  const std::vector<std::string> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  size_t at = 1;
  const auto digits = [](absl::string_view word) {
    return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
      return absl::ascii_isdigit(static_cast<unsigned char>(c));
    });
  };
  if (words.size() > at &&
      absl::ascii_isdigit(static_cast<unsigned char>(words[at][0]))) {
    absl::string_view ttl = words[at++];
    if (absl::StrContains("wdhmsWDHMS", ttl.substr(ttl.size() - 1))) {
      ttl.remove_suffix(1);
    }
    if (!digits(ttl)) return true;
  }
  if (words.size() > at && absl::EqualsIgnoreCase(words[at], "IN")) ++at;
  uint32_t preference = 0;
  return words.size() > at + 1 && absl::EqualsIgnoreCase(words[at], "MX") &&
         digits(words[at + 1]) &&
         absl::SimpleAtoi(words[at + 1], &preference) && preference <= 65535 &&
         words.size() != at + 3;
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

  // Texts over 254 bytes are cut into strings, not cut off.
  add("long texts",
      [](const Asked& asked, const DnsReply& ours, const DnsReply& theirs) {
        if (asked.type != kTypeTxt && asked.type != kTypeAny) return false;
        if (ours.rcode != theirs.rcode || theirs.answers.empty()) return false;
        const std::set<std::string> all = WithoutTtls(ours.answers);
        const std::set<std::string> all_theirs = WithoutTtls(theirs.answers);
        std::set<std::string> found;
        bool any_cut = false;
        for (const std::string& record : all) {
          bool has_match = all_theirs.count(record) > 0;
          if (has_match) found.insert(record);
          for (const std::string& other : all_theirs) {
            if (!IsCutOff(record, other)) continue;
            has_match = any_cut = true;
            found.insert(other);
          }
          if (!has_match) return false;
        }
        // ANY gets one set of records.
        return any_cut && (asked.type == kTypeAny || found == all_theirs);
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
    for (const DnsReply* reply : {&ours, &theirs}) {
      for (const std::string& record : reply->answers) bytes += record.size();
    }
    const bool answers_left_out = ours.authoritative && !theirs.authoritative &&
                                  theirs.rcode == kNoError &&
                                  !theirs.answers.empty() && bytes > 400;
    for (const std::string& record : ours.authorities) bytes += record.size();
    const bool authorities_left_out =
        SameAnswers(ours, theirs) && !ours.answers.empty() &&
        !ours.authorities.empty() && theirs.authorities.empty() && bytes > 400;
    return answers_left_out || authorities_left_out;
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
          const bool same =
              listed.count(record) > 0 ||
              std::any_of(listed.begin(), listed.end(),
                          [&record](const std::string& theirs_record) {
                            return IsCutOff(record, theirs_record);
                          });
          common += same;
          all_generic &= same || !absl::StartsWith(record, "A 127.");
        }
        return ours.rcode == kNoError && theirs.rcode == kNoError &&
               common == listed.size() && all_generic &&
               ours.answers.size() > common;
      });
  return table;
}

std::vector<LineDifference> DeliberateLineDifferences() {
  std::vector<LineDifference> table;
  using Place = LineDifference::Place;
  const auto add = [&table](const char* name, auto rewrite) {
    table.push_back({name, rewrite, 0});
  };

  // rbldnsd cuts lines off, at 32 to 64 KiB.
  add("lines over 64 KiB", [](const Place&, std::string* line) {
    if (line->size() > 64 * 1024) line->clear();
  });

  add("byte order mark", [](const Place& place, std::string* line) {
    if (place.first_in_file && absl::StartsWith(*line, "\xef\xbb\xbf")) {
      line->erase(0, 3);
    }
  });

  // Files from other systems mean what they mean without.
  add("carriage returns", [](const Place&, std::string* line) {
    const size_t end = line->find_last_not_of(" \t\r");
    const size_t tail = end == std::string::npos ? 0 : end + 1;
    if (line->find('\r', tail) != std::string::npos) line->resize(tail);
  });

  // They have no place in names and texts, and are signs of damage.
  add("control characters", [](const Place&, std::string* line) {
    const size_t start = line->find_first_not_of(" \t");
    if (start == std::string::npos) return;
    const bool comment = (*line)[start] == '#' || (*line)[start] == ';';
    const bool marked = start + 1 < line->size() && (*line)[start + 1] == '$';
    if (comment && !marked) return;
    if (std::any_of(line->begin(), line->end(), [](char c) {
          return absl::ascii_iscntrl(static_cast<unsigned char>(c)) &&
                 c != '\t';
        })) {
      line->clear();
    }
  });

  // rbldnsd makes name servers of it.
  add("comments behind $NS", [](const Place&, std::string* line) {
    const std::vector<std::string> words =
        absl::StrSplit(*line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.empty()) return;
    const absl::string_view word = words[0];
    const absl::string_view keyword = word.substr(word[0] == '$' ? 0 : 1);
    if (!absl::EqualsIgnoreCase(keyword, "$NS") &&
        !absl::EqualsIgnoreCase(keyword, "$NAMESERVER")) {
      return;
    }
    for (size_t i = 1; i < words.size(); ++i) {
      if (words[i][0] != '#' && words[i][0] != ';') continue;
      *line = absl::StrJoin(words.begin(), words.begin() + i, " ");
      return;
    }
  });

  // rbldnsd does not start, or answers SERVFAIL for all of the dataset.
  add("a line that ends the loading",
      [](const Place& place, std::string* line) {
        if (place.type == DatasetType::kCombined  ? IsEntry(*line)
            : place.type == DatasetType::kGeneric ? IsFatalRecord(*line)
                                                  : false) {
          line->clear();
        }
      });
  return table;
}

std::string FilesForRbldnsd::Next(absl::string_view text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  bool first_in_file = true;
  for (std::string& line : lines) {
    for (LineDifference& row : *table_) {
      const std::string before = line;
      row.rewrite({type_, first_in_file}, &line);
      row.count += line != before;
    }
    first_in_file = false;
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t:"), absl::SkipEmpty());
    if (words.size() > 1 && absl::EqualsIgnoreCase(words[0], "$DATASET")) {
      const absl::StatusOr<DatasetType> type = ParseDatasetType(words[1]);
      if (type.ok()) type_ = *type;
    }
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace rbld
