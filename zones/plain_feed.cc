// Plain feeds: an address, prefix, range or name a line; what follows it is
// ignored.
#include <string.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "zones/feed_formats.h"
#include "zones/written_target.h"

namespace rbld {
namespace {

bool IsDelimiter(char c) {
  return c == ' ' || c == '\t' || c == ',' || c == ';' || c == '#';
}

// The end of the dotted quad at the front of [p, end), or null. Does what
// ParseDottedQuad does, without knowing beforehand where the quad ends.
inline const char* ScanDottedQuad(const char* p, const char* end,
                                  uint32_t* host_order) {
  uint32_t address = 0;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0 && (p == end || *p++ != '.')) return nullptr;
    if (p == end) return nullptr;
    uint32_t value = static_cast<uint8_t>(*p) - uint32_t{'0'};
    if (value > 9) return nullptr;
    const bool zero = value == 0;
    ++p;
    for (int digit = 0; digit < 2 && p != end; ++digit, ++p) {
      const uint32_t next = static_cast<uint8_t>(*p) - uint32_t{'0'};
      if (next > 9) break;
      if (zero) return nullptr;
      value = value * 10 + next;
    }
    if (value > 255) return nullptr;
    address = address << 8 | value;
  }
  *host_order = address;
  return p;
}

constexpr char kAdBlocker[] =
    "a line of an ad blocker's list; take the publisher's list of hosts, one "
    "name a line";

// What follows an entry, up to a comment's sign.
absl::string_view BeforeComment(absl::string_view text) {
  return text.substr(0, text.find('#'));
}

// The next word of a remark, without what may stand around it: quotes,
// brackets, signs. Empty at the end.
absl::string_view TakeRemark(absl::string_view* rest) {
  constexpr absl::string_view kAround = "\"'()[]<>{}-=:";
  while (!rest->empty()) {
    const size_t begin = rest->find_first_not_of(" \t,;");
    if (begin == absl::string_view::npos) break;
    rest->remove_prefix(begin);
    const size_t end = std::min(rest->find_first_of(" \t,;"), rest->size());
    absl::string_view word = rest->substr(0, end);
    rest->remove_prefix(end);
    while (!word.empty() && absl::StrContains(kAround, word.front())) {
      // An IPv6 address may begin so.
      if (absl::StartsWith(word, "::")) break;
      word.remove_prefix(1);
    }
    while (!word.empty() && absl::StrContains(kAround, word.back()) &&
           !absl::EndsWith(word, "::")) {
      word.remove_suffix(1);
    }
    if (!word.empty()) return word;
  }
  *rest = absl::string_view();
  return absl::string_view();
}

// An address, or what begins as one: "8.1.1.256", "8.1.1.9:80",
// "8.1.1.0-8.1.1.255", "8.020.1.1".
bool BeginsAsAddress(absl::string_view word) {
  size_t i = 0;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0 && (i == word.size() || word[i++] != '.')) break;
    const size_t start = i;
    while (i < word.size() && absl::ascii_isdigit(word[i])) ++i;
    if (i == start) break;
    if (octet == 3) return true;
  }
  return ParseIpPrefix(word).ok();
}

// The first address among the remarks; empty: there is none.
absl::string_view AddressIn(absl::string_view rest) {
  rest = BeforeComment(rest);
  while (true) {
    const absl::string_view word = TakeRemark(&rest);
    if (word.empty() || BeginsAsAddress(word)) return word;
  }
}

// Of a zone file's line, where a name's record says its type (RFC 1035 §5.1).
bool IsZoneRecord(absl::string_view rest, bool is_name) {
  rest = BeforeComment(rest);
  bool after_class = false;
  for (int i = 0; i < 4; ++i) {
    const absl::string_view word = TakeRemark(&rest);
    if (word.empty()) return false;
    for (const char* type : {"CNAME", "DNAME", "SOA"}) {
      if (absl::EqualsIgnoreCase(word, type)) return true;
    }
    for (const char* type : {"A", "AAAA", "TXT", "NS", "MX", "PTR", "SRV"}) {
      // Behind a name alone these are no words of remarks.
      if ((after_class && absl::EqualsIgnoreCase(word, type)) ||
          (is_name && word == type && !rest.empty())) {
        return true;
      }
    }
    if (is_name && word.size() > 4 && absl::StartsWith(word, "TYPE") &&
        absl::ascii_isdigit(word[4])) {
      return true;
    }
    after_class = absl::EqualsIgnoreCase(word, "IN");
  }
  return false;
}

// Where hosts files send the names that they block, and what else they begin
// with.
bool IsHostsAddress(const IpPrefix& prefix) {
  if (!prefix.IsSingleAddress()) return false;
  if (prefix.family == Family::kIpv4) {
    const uint32_t first_octet = prefix.ipv4() >> 24;
    return prefix.ipv4() == 0 || first_octet == 127 ||
           prefix.ipv4() == 0xffffffff;
  }
  static constexpr AddressBytes kZero = {};
  AddressBytes top = prefix.bytes;
  top[15] = 0;
  // ::, ::1; what is mapped of 0.0.0.0 and 127.0.0.1; fe00::, fe80::, ff02::.
  if (top == kZero || prefix.bytes[0] == 0xfe || prefix.bytes[0] == 0xff) {
    return true;
  }
  const IpPrefix mapped = IpPrefix::Make(
      Family::kIpv6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96);
  return mapped.Contains(prefix) &&
         (prefix.bytes[12] == 0 || prefix.bytes[12] == 127);
}

// A host behind an address: with a dot, or one that every hosts file has.
bool IsHostsLine(const IpPrefix& prefix, absl::string_view rest) {
  if (!IsHostsAddress(prefix)) return false;
  rest = BeforeComment(rest);
  const absl::string_view word = TakeRemark(&rest);
  if (word.empty() || BeginsAsAddress(word)) return false;
  if (word == "local" || word == "localhost" || word == "broadcasthost" ||
      absl::StartsWith(word, "ip6-")) {
    return true;
  }
  return absl::StrContains(word, '.') &&
         std::any_of(word.begin(), word.end(), [](unsigned char c) {
           return absl::ascii_isalpha(c) || c >= 0x80;
         });
}

// What the line is if it is of another format, and what to do; null: it may be
// plain. `entry` is its first column, `rest` what follows; `prefix` is what the
// entry is if it is an address, else null.
const char* OtherFormat(absl::string_view line, absl::string_view entry,
                        absl::string_view rest, const IpPrefix* prefix) {
  if (line[0] == '<') {
    return "HTML or XML, not a feed; was an error page saved in its place?";
  }
  if (line[0] == '{' || absl::StartsWith(line, "[{")) {
    return "JSON; import JSON Lines with --format jsonl";
  }
  if (line[0] == '"') {
    return "a line of CSV with quotes; take the quotes away";
  }
  for (const char* sign : {"||", "@@", "[Adblock", "! "}) {
    if (absl::StartsWith(line, sign)) return kAdBlocker;
  }
  // Behind an address, or before a blank, these begin a remark.
  for (const char* sign :
       {"##", "#@#", "#?#", "#$#", "#%#", "#@?#", "#@$#", "#@%#"}) {
    const size_t at = line.find(sign);
    if (prefix != nullptr || at == absl::string_view::npos) continue;
    const absl::string_view behind = line.substr(at + strlen(sign));
    if (!behind.empty() && !IsBlank(behind[0]) && behind[0] != '#') {
      return kAdBlocker;
    }
  }
  for (const char* sign : {"address=/", "server=/", "local=/"}) {
    if (absl::StartsWith(line, sign)) {
      return "a line of dnsmasq's configuration; give the names alone";
    }
  }
  if (entry == "local-zone:" || entry == "local-data:") {
    return "a line of unbound's configuration; give the names alone";
  }
  if (line[0] == '$') {
    return "a control line of a zone file (RPZ?) or of an rbldnsd file; import "
           "rbldnsd's with --format ip4set, dnset, …";
  }
  if (IsZoneRecord(rest, prefix == nullptr)) {
    return "a record of a zone file (RPZ?), which may spare what it names; "
           "give the names alone";
  }
  if (prefix != nullptr && IsHostsLine(*prefix, rest)) {
    return "a line of a hosts file, which blocks the name behind the address; "
           "give the names alone, one a line";
  }
  return nullptr;
}

class PlainReader : public FeedFormatReader {
 public:
  PlainReader(Import::ValuesNumber values, Import* import, FeedCounts* counts)
      : values_(values), import_(import), counts_(counts) {}

  absl::Status ReadLine(uint64_t number, absl::string_view text) override {
    const char* const end = text.data() + text.size();
    uint32_t address = 0;
    const char* const after = ScanDottedQuad(text.data(), end, &address);
    if (after != nullptr && after == end) {
      // The common line of the common feed.
      const char* const why = import_->AddIpv4(address, 32, values_);
      if (why == nullptr) {
        ++counts_->entries;
      } else {
        import_->Reject(number, text, why);
      }
      return absl::OkStatus();
    }
    const absl::string_view line = SkipBlanks(text);
    if (line.empty() || IsComment(line)) return absl::OkStatus();
    std::string warning;
    const absl::Status status = ReadEntry(line, &warning);
    if (status.ok()) {
      ++counts_->entries;
      if (!warning.empty()) import_->Warn(number, text, warning);
    } else {
      import_->Reject(number, text, status.message());
    }
    return absl::OkStatus();
  }

 private:
  static absl::string_view TakeColumn(absl::string_view* rest) {
    const size_t size = static_cast<size_t>(
        std::find_if(rest->begin(), rest->end(), IsDelimiter) - rest->begin());
    const absl::string_view column = rest->substr(0, size);
    *rest = SkipBlanks(rest->substr(size));
    return column;
  }

  // `*warning` stays empty if there is nothing to say of a line that is taken.
  absl::Status ReadEntry(absl::string_view line, std::string* warning) {
    if (HasControlBytes(line)) {
      return absl::InvalidArgumentError(
          "the line has a control character or a NUL byte");
    }
    absl::string_view rest = line;
    const absl::string_view entry = TakeColumn(&rest);
    if (entry.empty()) {
      return absl::InvalidArgumentError("the first column is empty");
    }
    if (entry[0] == '!' && entry.size() > 1) {
      return absl::InvalidArgumentError(
          "exclusions are not part of the plain format; use an rbldnsd format "
          "such as ip4set or dnset");
    }
    // "a - b", as some tools write ranges.
    if (absl::StartsWith(rest, "- ") || absl::StartsWith(rest, "-\t")) {
      absl::string_view end_text = SkipBlanks(rest.substr(1));
      const absl::string_view last = TakeColumn(&end_text);
      if (ParseIpPrefix(last).ok()) {
        const absl::Status status = CheckRemarks(entry, end_text);
        if (!status.ok()) return status;
        return AddRange(absl::StrCat(entry, "-", last));
      }
    }
    absl::StatusOr<WrittenTarget> written = ParseWrittenTarget(entry);
    if (written.ok() && !written->target.is_name()) {
      const IpPrefix& prefix = written->target.prefix();
      const char* const other = OtherFormat(line, entry, rest, &prefix);
      if (other != nullptr) return absl::InvalidArgumentError(other);
      return AddAddress(entry, prefix, rest);
    }
    if (!written.ok() && absl::StrContains(entry, '-') &&
        !absl::StrContains(entry, '/') &&
        (absl::ascii_isdigit(entry[0]) || absl::StrContains(entry, ':'))) {
      const absl::Status status = CheckRemarks(entry, rest);
      if (!status.ok()) return status;
      return AddRange(entry);
    }
    const char* const other = OtherFormat(line, entry, rest, nullptr);
    if (other != nullptr) return absl::InvalidArgumentError(other);
    if (const absl::Status s = CheckRemarks(entry, rest); !s.ok()) return s;
    if (!written.ok()) return written.status();
    const absl::Status status =
        CheckListable(written->target, import_->policy().names);
    if (!status.ok()) return status;
    if (!written->ascii.empty()) {
      *warning = absl::StrCat("listed as ", written->ascii);
    }
    return import_->AddListing(written->target, values_);
  }

  // An address or prefix and what follows it. A second column that is an
  // address says where a range ends, or is a netmask; anything else is a count,
  // a date, a country or a remark.
  // A line lists one thing: an address among the remarks may be another entry,
  // or the end of a range in a form that is not known here.
  static absl::Status CheckRemarks(absl::string_view entry,
                                   absl::string_view rest) {
    const absl::string_view address = AddressIn(rest);
    if (address.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "behind ", entry, " stands ", address,
        ", of which it is not clear what it means; write FIRST-LAST if a range "
        "is meant, each entry in a line of its own, and remarks behind a #"));
  }

  absl::Status AddAddress(absl::string_view entry, const IpPrefix& prefix,
                          absl::string_view rest) {
    if (!rest.empty() && (rest[0] == ',' || rest[0] == ';')) {
      rest = SkipBlanks(rest.substr(1));
    }
    const absl::string_view columns = rest;
    const absl::string_view second = TakeColumn(&rest);
    if (second.size() > 1 && second[0] == '/') {
      if (const absl::Status s = CheckRemarks(entry, rest); !s.ok()) return s;
      return AddParsed(absl::StrCat(entry, second));
    }
    const absl::StatusOr<IpPrefix> last = ParseIpPrefix(second);
    if (!last.ok()) {
      const absl::Status status = CheckRemarks(entry, columns);
      if (!status.ok()) return status;
      return import_->AddListing(Target::OfPrefix(prefix), values_);
    }
    if (const absl::Status s = CheckRemarks(entry, rest); !s.ok()) return s;
    if (!prefix.IsSingleAddress() || !last->IsSingleAddress() ||
        prefix.family != last->family) {
      return absl::InvalidArgumentError(
          absl::StrCat("two addresses or prefixes in one line, ", entry,
                       " and ", second, "; write each in a line of its own"));
    }
    int mask_bits = 0;
    if (prefix.family == Family::kIpv4 &&
        ParseNetmask(last->ipv4(), &mask_bits)) {
      return AddParsed(absl::StrCat(entry, "/", mask_bits));
    }
    if (prefix.family == Family::kIpv4 && last->ipv4() != 0 &&
        ParseNetmask(~last->ipv4(), &mask_bits)) {
      return absl::InvalidArgumentError(
          absl::StrCat(second, " reads as a wildcard mask; write ", entry, "/",
                       mask_bits, " if that is meant"));
    }
    if (!IsRange(prefix, *last)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "two addresses in one line, ", entry, " and ", second,
          ", that are no range (from .0 to .255, or inside one /24); write "
          "FIRST-LAST if a range is meant, or each in a line of its own"));
    }
    return AddRange(absl::StrCat(entry, "-", second));
  }

  absl::Status AddParsed(absl::string_view text) {
    const absl::StatusOr<Target> target = Target::Parse(text);
    if (!target.ok()) return target.status();
    return import_->AddListing(*target, values_);
  }

  // A log of pairs is no list of ranges.
  static bool IsRange(const IpPrefix& first, const IpPrefix& last) {
    if (first.family != Family::kIpv4) {
      return IpPrefix::Make(Family::kIpv6, first.bytes, 64).bytes ==
             IpPrefix::Make(Family::kIpv6, last.bytes, 64).bytes;
    }
    const uint32_t a = first.ipv4(), b = last.ipv4();
    return a >> 8 == b >> 8 || ((a & 255) == 0 && (b & 255) == 255);
  }

  // All of a range or nothing.
  absl::Status AddRange(absl::string_view text) {
    const absl::StatusOr<std::vector<IpPrefix>> prefixes = ParseIpRange(text);
    if (!prefixes.ok()) return prefixes.status();
    for (const IpPrefix& prefix : *prefixes) {
      const absl::Status status =
          CheckTarget(import_->policy(), Target::OfPrefix(prefix));
      if (!status.ok()) return status;
    }
    for (const IpPrefix& prefix : *prefixes) {
      const absl::Status status =
          import_->AddListing(Target::OfPrefix(prefix), values_);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  const Import::ValuesNumber values_;
  Import* const import_;
  FeedCounts* const counts_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FeedFormatReader>> NewPlainReader(
    const FeedOptions& options, Import* import, FeedCounts* counts) {
  const absl::StatusOr<Import::ValuesNumber> values =
      import->InternValues(options.default_values);
  if (!values.ok()) return values.status();
  return std::unique_ptr<FeedFormatReader>(
      std::make_unique<PlainReader>(*values, import, counts));
}

}  // namespace rbld
