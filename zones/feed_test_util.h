// Reads a feed's text in tests and spells what came of it.
#ifndef RBLD_ZONES_FEED_TEST_UTIL_H_
#define RBLD_ZONES_FEED_TEST_UTIL_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "zones/feed_reader.h"

namespace rbld {

struct ReadResult {
  absl::Status status;
  FeedCounts counts;
  // "192.0.2.1 127.0.0.2 reason", exemptions with '!' in front; addresses
  // without details first.
  std::vector<std::string> entries;
  // "LINE: why".
  std::vector<std::string> rejected;
  std::vector<std::string> warned;
  std::vector<EntryDetails> details;  // of those with details
  bool merge_duplicates = false;
};

inline std::string SpellValues(const ValueSet& values) {
  std::string text;
  for (const Value& value : values) {
    absl::StrAppend(&text, " ", CodeText(value.code));
    if (!value.reason.empty()) absl::StrAppend(&text, " ", value.reason);
    if (value.ttl_seconds != 0) absl::StrAppend(&text, " ", value.ttl_seconds);
  }
  return text;
}

inline ReadResult ReadText(std::string text, FeedOptions options,
                           ListPolicy policy = {}) {
  ReadResult result;
  if (options.default_values.empty()) {
    options.default_values = {{0x7f000002, "", 0}};
  }
  Import import(std::move(policy));
  const auto source = Decompress(StringSource(std::move(text)));
  const auto counts = ReadFeed(source.get(), options, &import);
  result.status = counts.status();
  if (counts.ok()) result.counts = *counts;
  for (const auto& entry : import.ipv4()) {
    result.entries.push_back(absl::StrCat(
        IpPrefix::FromIpv4(entry.address(), entry.length_bits()).ToString(),
        SpellValues(import.value_sets()[entry.values()])));
  }
  for (const auto& entry : import.others()) {
    result.entries.push_back(
        entry.exemption
            ? absl::StrCat("!", entry.target.ToString())
            : absl::StrCat(entry.target.ToString(),
                           SpellValues(import.value_sets()[entry.values])));
    result.details.push_back(entry.details);
  }
  for (const FeedLineNote& line : import.rejected()) {
    result.rejected.push_back(absl::StrCat(line.line, ": ", line.why));
  }
  for (const FeedLineNote& line : import.warned().kept()) {
    result.warned.push_back(absl::StrCat(line.line, ": ", line.why));
  }
  result.merge_duplicates = import.merge_duplicates();
  return result;
}

inline ReadResult ReadText(std::string text, FeedFormat format) {
  FeedOptions options;
  options.format = format;
  return ReadText(std::move(text), options);
}

using Strings = std::vector<std::string>;

}  // namespace rbld

#endif  // RBLD_ZONES_FEED_TEST_UTIL_H_
