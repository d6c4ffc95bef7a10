#include "zones/rbldnsd/specials.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "dns/name.h"
#include "zones/duration.h"
#include "zones/line_text.h"

namespace rbld {
namespace {

constexpr int64_t kMaxSeconds = 0x7fffffff;  // RFC 2181 §8

absl::Status BadSoa() {
  return absl::InvalidArgumentError(
      "$SOA takes TTL SERVER MAILBOX SERIAL REFRESH RETRY EXPIRE MINIMUM, the "
      "names without a final dot, the times as in 30m or 1d");
}

bool TakeSeconds(absl::string_view* text, uint32_t* seconds) {
  const absl::StatusOr<int64_t> parsed = ParseDurationSeconds(TakeWord(text));
  if (!parsed.ok() || *parsed > kMaxSeconds) return false;
  *seconds = static_cast<uint32_t>(*parsed);
  return true;
}

bool TakeName(absl::string_view* text, std::string* wire) {
  const absl::StatusOr<std::string> parsed = ParseHostName(TakeWord(text));
  if (!parsed.ok()) return false;
  *wire = *parsed;
  return true;
}

bool AtEnd(absl::string_view text) { return text.empty() || IsComment(text); }

}  // namespace

absl::StatusOr<std::string> ParseHostName(absl::string_view text) {
  // Dots in a row count as one.
  std::string single(text);
  single.erase(std::unique(single.begin(), single.end(),
                           [](char a, char b) { return a == '.' && b == '.'; }),
               single.end());
  absl::StatusOr<std::string> wire = NameFromText(single);
  if (!wire.ok()) return wire.status();
  return absl::AsciiStrToLower(*wire);
}

absl::StatusOr<SoaSpecial> ParseSoaSpecial(absl::string_view text) {
  SoaSpecial soa;
  text = SkipBlanks(text);
  if (!TakeSeconds(&text, &soa.ttl_seconds) ||
      !TakeName(&text, &soa.mname_wire) || !TakeName(&text, &soa.rname_wire) ||
      !absl::SimpleAtoi(TakeWord(&text), &soa.serial) ||
      !TakeSeconds(&text, &soa.refresh_seconds) ||
      !TakeSeconds(&text, &soa.retry_seconds) ||
      !TakeSeconds(&text, &soa.expire_seconds) ||
      !TakeSeconds(&text, &soa.minimum_seconds) || !AtEnd(text)) {
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
  bool any = false;
  while (!AtEnd(text)) {
    absl::string_view word = TakeWord(&text);
    const bool left_out = absl::ConsumePrefix(&word, "-");
    const absl::StatusOr<std::string> wire = ParseHostName(word);
    if (!wire.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("$NS: ", wire.status().message()));
    }
    any = true;
    if (!left_out && ns.ns_wire.size() < kMaxNameServers) {
      ns.ns_wire.push_back(*wire);
    }
  }
  if (!any) return absl::InvalidArgumentError("$NS names no server");
  return ns;
}

absl::StatusOr<uint32_t> ParseTtlSpecial(absl::string_view text) {
  text = SkipBlanks(text);
  uint32_t seconds = 0;
  if (!TakeSeconds(&text, &seconds) || !AtEnd(text)) {
    return absl::InvalidArgumentError(
        "$TTL takes a time such as 2100, 35m or 1d, at most 2147483647 "
        "seconds");
  }
  return seconds;
}

absl::StatusOr<uint64_t> ParseMaxRangeSpecial(absl::string_view text) {
  text = SkipBlanks(text);
  absl::string_view word = TakeWord(&text);
  const bool bits = absl::ConsumePrefix(&word, "/");
  uint64_t value = 0;
  if (!absl::SimpleAtoi(word, &value) || value == 0 ||
      value > (bits ? uint64_t{32} : uint64_t{1} << 32) || !AtEnd(text)) {
    return absl::InvalidArgumentError(
        "$MAXRANGE4 takes a number of addresses, or /LENGTH");
  }
  return bits ? uint64_t{1} << (32 - value) : value;
}

}  // namespace rbld
