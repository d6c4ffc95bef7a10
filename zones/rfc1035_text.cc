#include "zones/rfc1035_text.h"

#include <ldns/ldns.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dns/name.h"
#include "dns/reversed_name.h"

namespace rbld {
namespace {

constexpr size_t kMaxStringBytes = 255;  // RFC 1035 §3.3

}  // namespace

std::string RelativeText(absl::string_view labels) {
  std::string text;
  while (!labels.empty()) {
    const size_t bytes = static_cast<uint8_t>(labels[0]);
    if (!text.empty()) text.push_back('.');
    for (const char c : labels.substr(1, bytes)) {
      if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
          c == '_') {
        text.push_back(c);
      } else {
        absl::StrAppendFormat(&text, "\\%03d", static_cast<uint8_t>(c));
      }
    }
    labels.remove_prefix(std::min(1 + bytes, labels.size()));
  }
  return text;
}

std::string AbsoluteText(absl::string_view name) {
  return absl::StrCat(RelativeText(name.substr(0, name.size() - 1)), ".");
}

std::string SubjectOfAddress(const IpPrefix& address) {
  if (address.family == Family::kIpv4) return address.ToString();
  char text[kMaxAddressTextBytes];
  const int bytes = WriteIpv6Text(address.bytes, text);
  return std::string(text, static_cast<size_t>(bytes));
}

std::string SubjectOfName(absl::string_view reversed_wire) {
  const std::string labels = ReversedLabels(reversed_wire);
  char text[kMaxNameTextBytes];
  const int bytes =
      WriteLabelsText(reinterpret_cast<const uint8_t*>(labels.data()),
                      static_cast<int>(labels.size()), text,
                      /*zone_file_signs=*/true);
  return std::string(text, static_cast<size_t>(bytes));
}

std::string NibbleOwner(const AddressBytes& address, int nibbles) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string owner;
  owner.reserve(static_cast<size_t>(nibbles) * 2);
  for (int i = nibbles; i-- > 0;) {
    const uint8_t byte = address[static_cast<size_t>(i) / 2];
    owner.push_back(kDigits[i % 2 == 0 ? byte >> 4 : byte & 15]);
    if (i > 0) owner.push_back('.');
  }
  return owner;
}

std::string TxtStrings(absl::string_view text) {
  std::string strings;
  do {
    absl::StrAppend(&strings, strings.empty() ? "\"" : " \"");
    for (const char c : text.substr(0, kMaxStringBytes)) {
      if (c == '"' || c == '\\') {
        strings.push_back('\\');
        strings.push_back(c);
      } else if (!absl::ascii_isprint(static_cast<unsigned char>(c))) {
        absl::StrAppendFormat(&strings, "\\%03d", static_cast<uint8_t>(c));
      } else {
        strings.push_back(c);
      }
    }
    strings.push_back('"');
    text.remove_prefix(std::min(kMaxStringBytes, text.size()));
  } while (!text.empty());
  return strings;
}

std::string RdataText(uint16_t type, absl::string_view rdata) {
  // As a record of the root, which ldns reads and spells.
  std::string wire(1, '\0');
  for (const uint32_t number :
       {uint32_t{type}, uint32_t{1}, uint32_t{0}, uint32_t{0},
        static_cast<uint32_t>(rdata.size())}) {
    wire.push_back(static_cast<char>(number >> 8));
    wire.push_back(static_cast<char>(number));
  }
  wire.append(rdata.data(), rdata.size());
  ldns_rr* rr = nullptr;
  size_t position = 0;
  std::string text;
  if (ldns_wire2rr(&rr, reinterpret_cast<const uint8_t*>(wire.data()),
                   wire.size(), &position,
                   LDNS_SECTION_ANSWER) == LDNS_STATUS_OK) {
    for (size_t i = 0; i < ldns_rr_rd_count(rr); ++i) {
      char* const field = ldns_rdf2str(ldns_rr_rdf(rr, i));
      // ldns escapes less in names than zone files need.
      const bool plain =
          field != nullptr &&
          (ldns_rdf_get_type(ldns_rr_rdf(rr, i)) != LDNS_RDF_TYPE_DNAME ||
           absl::string_view(field).find_first_of("\"$@") ==
               absl::string_view::npos);
      if (plain) absl::StrAppend(&text, " ", field);
      free(field);
      if (!plain) {
        text.clear();
        break;
      }
    }
    ldns_rr_free(rr);
  }
  if (text.empty()) {
    return absl::StrCat("TYPE", type, " \\# ", rdata.size(), " ",
                        absl::BytesToHexString(rdata));
  }
  char* const name = ldns_rr_type2str(static_cast<ldns_rr_type>(type));
  text = absl::StrCat(name, text);
  free(name);
  return text;
}

}  // namespace rbld
