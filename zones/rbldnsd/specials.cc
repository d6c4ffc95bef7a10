#include "zones/rbldnsd/specials.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "dns/name.h"
#include "zones/line_text.h"

namespace rbld {
namespace {

constexpr uint64_t kMaxSeconds = 0x7fffffff;  // RFC 2181 §8

absl::Status BadSoa() {
  return absl::InvalidArgumentError(
      "$SOA takes TTL SERVER MAILBOX SERIAL REFRESH RETRY EXPIRE MINIMUM, the "
      "names without a final dot, the times as in 30m or 1d");
}

// Decimal digits alone, up to the end of the word.
bool TakeNumber(absl::string_view* text, uint32_t* number) {
  const absl::string_view word = TakeWord(text);
  return !word.empty() &&
         absl::ascii_isdigit(static_cast<unsigned char>(word[0])) &&
         absl::SimpleAtoi(word, number);
}

bool TakeSeconds(absl::string_view* text, uint32_t* seconds) {
  return ParseSeconds(TakeWord(text), seconds);
}

bool TakeName(absl::string_view* text, std::string* wire) {
  absl::StatusOr<std::string> parsed = ParseName(TakeWord(text));
  if (!parsed.ok()) return false;
  *wire = *std::move(parsed);
  return true;
}

bool IsDigit(absl::string_view text, size_t i) {
  return i < text.size() &&
         absl::ascii_isdigit(static_cast<unsigned char>(text[i]));
}

}  // namespace

absl::StatusOr<std::string> ParseName(absl::string_view text) {
  if (text.empty()) {
    return absl::InvalidArgumentError("there is no name here");
  }
  std::string wire, label;
  const auto finish_label = [&wire, &label] {
    if (label.empty()) return;
    wire.push_back(static_cast<char>(label.size()));
    wire += label;
    label.clear();
  };
  for (size_t i = 0; i < text.size(); ++i) {
    char byte = text[i];
    if (byte == '.') {
      finish_label();
      continue;
    }
    if (byte == '\\') {
      // What escapes nothing is nothing.
      if (++i == text.size()) break;
      byte = text[i];
      if (IsDigit(text, i)) {
        int number = byte - '0';
        for (int more = 0; more < 2 && IsDigit(text, i + 1); ++more) {
          number = number * 10 + (text[++i] - '0');
        }
        if (number > 255) {
          return absl::InvalidArgumentError(
              "in the name, a number behind a backslash is over 255");
        }
        byte = static_cast<char>(number);
      }
    }
    label.push_back(byte);
    if (label.size() > size_t{kMaxLabelBytes}) {
      return absl::InvalidArgumentError("a label of the name is over 63 bytes");
    }
  }
  finish_label();
  wire.push_back('\0');
  if (wire.size() > size_t{kMaxWireNameBytes}) {
    return absl::InvalidArgumentError("the name is over 255 bytes");
  }
  return wire;
}

absl::StatusOr<std::string> ParseHostName(absl::string_view text) {
  absl::StatusOr<std::string> wire = ParseName(text);
  if (wire.ok()) absl::AsciiStrToLower(&*wire);
  return wire;
}

bool ParseSeconds(absl::string_view text, uint32_t* seconds) {
  if (!IsDigit(text, 0)) return false;
  uint64_t unit_seconds = 1;
  switch (absl::ascii_tolower(static_cast<unsigned char>(text.back()))) {
    case 'w':
      unit_seconds = 604'800;
      break;
    case 'd':
      unit_seconds = 86'400;
      break;
    case 'h':
      unit_seconds = 3'600;
      break;
    case 'm':
      unit_seconds = 60;
      break;
    case 's':
      break;
    default:
      unit_seconds = 0;
  }
  if (unit_seconds == 0) {
    unit_seconds = 1;
  } else {
    text.remove_suffix(1);
  }
  uint32_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number > kMaxSeconds / unit_seconds) {
    return false;
  }
  *seconds = static_cast<uint32_t>(number * unit_seconds);
  return true;
}

absl::StatusOr<SoaSpecial> ParseSoaSpecial(absl::string_view text) {
  SoaSpecial soa;
  text = SkipBlanks(text);
  if (!TakeSeconds(&text, &soa.ttl_seconds) ||
      !TakeName(&text, &soa.mname_wire) || !TakeName(&text, &soa.rname_wire) ||
      !TakeNumber(&text, &soa.serial) ||
      !TakeSeconds(&text, &soa.refresh_seconds) ||
      !TakeSeconds(&text, &soa.retry_seconds) ||
      !TakeSeconds(&text, &soa.expire_seconds) ||
      !TakeSeconds(&text, &soa.minimum_seconds) || !text.empty()) {
    return BadSoa();
  }
  return soa;
}

absl::StatusOr<NsSpecial> ParseNsSpecial(absl::string_view text) {
  NsSpecial ns;
  text = SkipBlanks(text);
  if (!TakeSeconds(&text, &ns.ttl_seconds)) {
    return absl::InvalidArgumentError(
        "$NS takes TTL and then the names of the servers");
  }
  if (text.empty()) return absl::InvalidArgumentError("$NS names no server");
  while (!text.empty() && !IsComment(text)) {
    const absl::string_view word = TakeWord(&text);
    if (word[0] == '-') continue;
    absl::StatusOr<std::string> wire = ParseName(word);
    if (!wire.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("$NS: ", wire.status().message()));
    }
    if (ns.ns_wire.size() < kMaxNameServers) {
      ns.ns_wire.push_back(*std::move(wire));
    }
  }
  return ns;
}

absl::StatusOr<uint32_t> ParseTtlSpecial(absl::string_view text) {
  text = SkipBlanks(text);
  uint32_t seconds = 0;
  if (!TakeSeconds(&text, &seconds) || !text.empty()) {
    return absl::InvalidArgumentError(
        "$TTL takes a time such as 2100, 35m or 1d, at most 2147483647 "
        "seconds");
  }
  return seconds;
}

absl::StatusOr<uint64_t> ParseMaxRangeSpecial(absl::string_view text) {
  text = SkipBlanks(text);
  const bool bits = absl::ConsumePrefix(&text, "/");
  uint32_t value = 0;
  if (!TakeNumber(&text, &value) || value == 0 || (bits && value > 32) ||
      !text.empty()) {
    return absl::InvalidArgumentError(
        "$MAXRANGE4 takes a number of addresses, or /LENGTH");
  }
  return bits ? uint64_t{1} << (32 - value) : uint64_t{value};
}

}  // namespace rbld
