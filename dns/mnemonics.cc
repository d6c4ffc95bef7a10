#include "dns/mnemonics.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace rbld {
namespace {

struct Named {
  uint16_t number;
  const char* name;
};

// IANA, "Resource Record (RR) TYPEs": those that somebody may ask a list for.
constexpr Named kTypes[] = {
    {1, "A"},      {2, "NS"},     {5, "CNAME"},  {6, "SOA"},    {12, "PTR"},
    {13, "HINFO"}, {15, "MX"},    {16, "TXT"},   {17, "RP"},    {18, "AFSDB"},
    {28, "AAAA"},  {29, "LOC"},   {33, "SRV"},   {35, "NAPTR"}, {39, "DNAME"},
    {43, "DS"},    {44, "SSHFP"}, {46, "RRSIG"}, {47, "NSEC"},  {48, "DNSKEY"},
    {50, "NSEC3"}, {52, "TLSA"},  {64, "SVCB"},  {65, "HTTPS"}, {99, "SPF"},
    {251, "IXFR"}, {252, "AXFR"}, {255, "ANY"},  {256, "URI"},  {257, "CAA"},
};

// RFC 6895 §2.3.
constexpr Named kRcodes[] = {
    {0, "NOERROR"},    {1, "FORMERR"}, {2, "SERVFAIL"}, {3, "NXDOMAIN"},
    {4, "NOTIMP"},     {5, "REFUSED"}, {6, "YXDOMAIN"}, {7, "YXRRSET"},
    {8, "NXRRSET"},    {9, "NOTAUTH"}, {10, "NOTZONE"}, {16, "BADVERS"},
    {23, "BADCOOKIE"},
};

template <size_t kCount>
std::string NameOf(const Named (&table)[kCount], uint16_t number,
                   const char* prefix) {
  for (const Named& row : table) {
    if (row.number == number) return row.name;
  }
  return absl::StrCat(prefix, number);
}

}  // namespace

absl::StatusOr<uint16_t> ParseRrType(absl::string_view text) {
  const std::string upper = absl::AsciiStrToUpper(text);
  for (const Named& row : kTypes) {
    if (upper == row.name) return row.number;
  }
  absl::string_view digits = upper;
  uint32_t number = 0;
  if (absl::ConsumePrefix(&digits, "TYPE") && !digits.empty() &&
      absl::ascii_isdigit(static_cast<unsigned char>(digits[0])) &&
      absl::SimpleAtoi(digits, &number) && number <= 65535) {
    return static_cast<uint16_t>(number);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(text.substr(0, 40)),
                   "\" is no type of record; write A, TXT, AAAA, MX, NS, SOA, "
                   "ANY or TYPE and a number"));
}

std::string RrTypeText(uint16_t type) { return NameOf(kTypes, type, "TYPE"); }

std::string RcodeText(uint16_t rcode) {
  return NameOf(kRcodes, rcode, "RCODE");
}

}  // namespace rbld
