#include "zones/rbldnsd/generic_record.h"

#include <arpa/inet.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "dns/constants.h"
#include "dns/name.h"
#include "zones/line_text.h"
#include "zones/rbldnsd/specials.h"
#include "zones/rbldnsd/values.h"

namespace rbld {
namespace {

constexpr size_t kMaxStringBytes = 255;  // RFC 1035 §3.3

absl::Status BadRecord() {
  return absl::InvalidArgumentError(
      "a record is NAME [TTL] [IN] A, AAAA, TXT or MX, and its data");
}

std::string TxtRdata(absl::string_view text) {
  if (text.size() > 1 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  std::string rdata;
  do {
    const absl::string_view part = text.substr(0, kMaxStringBytes);
    rdata.push_back(static_cast<char>(part.size()));
    rdata.append(part.data(), part.size());
    text.remove_prefix(part.size());
  } while (!text.empty());
  return rdata;
}

// What stands behind the address does not count.
absl::StatusOr<std::string> AddressRdata(absl::string_view text) {
  uint32_t address = 0;
  if (TakeInetAddress(&text, &address) == 0) return BadRecord();
  std::string rdata(4, '\0');
  WriteU32(reinterpret_cast<uint8_t*>(rdata.data()), address);
  return rdata;
}

absl::StatusOr<std::string> Address6Rdata(absl::string_view text) {
  std::string rdata(16, '\0');
  if (inet_pton(AF_INET6, std::string(text).c_str(), rdata.data()) != 1) {
    return BadRecord();
  }
  return rdata;
}

absl::StatusOr<std::string> MailRdata(absl::string_view text) {
  uint32_t preference = 0;
  const absl::string_view number = TakeWord(&text);
  if (number.empty() ||
      !absl::ascii_isdigit(static_cast<unsigned char>(number[0])) ||
      !absl::SimpleAtoi(number, &preference) || preference > 65535) {
    return BadRecord();
  }
  const absl::StatusOr<std::string> host = ParseName(TakeWord(&text));
  if (!host.ok() || !text.empty()) return BadRecord();
  std::string rdata = {static_cast<char>(preference >> 8),
                       static_cast<char>(preference)};
  return rdata + *host;
}

}  // namespace

absl::StatusOr<GenericRecord> ParseGenericRecord(absl::string_view line) {
  GenericRecord record;
  absl::string_view text = absl::StripTrailingAsciiWhitespace(line);
  const absl::string_view name = TakeWord(&text);
  if (name != "@") {
    const absl::StatusOr<std::string> owner = ParseHostName(name);
    if (!owner.ok()) return owner.status();
    if (owner->size() == 1) return BadRecord();
    record.owner = owner->substr(0, owner->size() - 1);
  }
  absl::string_view word = TakeWord(&text);
  if (!word.empty() &&
      absl::ascii_isdigit(static_cast<unsigned char>(word[0]))) {
    if (!ParseSeconds(word, &record.ttl_seconds)) return BadRecord();
    word = TakeWord(&text);
  }
  if (absl::EqualsIgnoreCase(word, "IN")) word = TakeWord(&text);
  if (text.empty()) return BadRecord();
  absl::StatusOr<std::string> rdata = BadRecord();
  RrType type = RrType::kA;
  if (absl::EqualsIgnoreCase(word, "A")) {
    rdata = AddressRdata(text);
  } else if (absl::EqualsIgnoreCase(word, "AAAA")) {
    type = RrType::kAaaa;
    rdata = Address6Rdata(text);
  } else if (absl::EqualsIgnoreCase(word, "MX")) {
    type = RrType::kMx;
    rdata = MailRdata(text);
  } else if (absl::EqualsIgnoreCase(word, "TXT")) {
    type = RrType::kTxt;
    rdata = TxtRdata(text);
  }
  if (!rdata.ok()) return rdata.status();
  record.type = static_cast<uint16_t>(type);
  record.rdata = *std::move(rdata);
  return record;
}

}  // namespace rbld
