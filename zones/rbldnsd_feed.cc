// rbldnsd's data files: ip4set, ip4tset, ip4trie, ip6tset, ip6trie and dnset.
// What its manual and its binary disagree about is done as the binary does.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "zones/duration.h"
#include "zones/feed_formats.h"
#include "zones/rbldnsd_entry.h"
#include "zones/rbldnsd_timestamp.h"
#include "zones/rbldnsd_values.h"

namespace rbld {
namespace {

bool IsTrivial(FeedFormat format) {
  return format == FeedFormat::kIp4Tset || format == FeedFormat::kIp6Tset;
}

bool IsIpv4(FeedFormat format) {
  return format == FeedFormat::kIp4Set || format == FeedFormat::kIp4Tset ||
         format == FeedFormat::kIp4Trie;
}

class RbldnsdReader : public FeedFormatReader {
 public:
  RbldnsdReader(const FeedOptions& options, Import* import, FeedCounts* counts)
      : options_(options),
        import_(import),
        counts_(counts),
        values_(options.default_values, import) {
    // Sets answer with all values of an entry that stands there several times,
    // tries with the first one's.
    import->MergeDuplicates(options.format == FeedFormat::kIp4Set ||
                            options.format == FeedFormat::kDnset);
  }

  absl::Status ReadLine(uint64_t number, absl::string_view text) override {
    const absl::string_view line = SkipBlanks(text);
    if (line.empty()) return absl::OkStatus();
    const bool marked = line.size() > 1 && line[1] == '$' &&
                        (IsComment(line) || line[0] == ':');
    if (IsComment(line) && !marked) return absl::OkStatus();
    if (HasControlBytes(line)) {
      import_->Reject(number, text,
                      "the line has a control character or a NUL byte");
      return absl::OkStatus();
    }
    absl::Status status;
    if (line[0] == '$' || marked) {
      bool fatal = false;
      status =
          ReadSpecial(line.substr(marked ? 2 : 1), IsComment(line), &fatal);
      if (fatal) return status;
    } else if (line[0] == ':') {
      status = ReadDefault(line);
    } else {
      status = ReadEntry(line);
      if (status.ok()) ++counts_->entries;
    }
    if (!status.ok()) import_->Reject(number, text, status.message());
    return absl::OkStatus();
  }

 private:
  // `line` begins behind the '$'. In a comment an unknown word is only that.
  absl::Status ReadSpecial(absl::string_view line, bool in_comment,
                           bool* fatal) {
    const size_t word_end = line.find_first_of(" \t");
    const absl::string_view word = line.substr(0, word_end);
    const absl::string_view rest = word_end == absl::string_view::npos
                                       ? absl::string_view()
                                       : absl::StripTrailingAsciiWhitespace(
                                             SkipBlanks(line.substr(word_end)));
    if (word.size() == 1 && (absl::ascii_isdigit(word[0]) || word[0] == '=')) {
      if (counts_->entries > 0) return TooLate();
      values_.SetVariable(word[0], rest);
      return absl::OkStatus();
    }
    // The configuration has a zone's SOA and NS, not its data.
    if (absl::EqualsIgnoreCase(word, "SOA") ||
        absl::EqualsIgnoreCase(word, "NS")) {
      return absl::OkStatus();
    }
    if (absl::EqualsIgnoreCase(word, "TTL")) {
      return counts_->entries > 0 ? TooLate() : ReadTtl(rest);
    }
    if (absl::EqualsIgnoreCase(word, "MAXRANGE4")) return ReadMaxRange(rest);
    if (absl::EqualsIgnoreCase(word, "TIMESTAMP")) {
      const absl::Status status =
          CheckRbldnsdTimestamp(rest, options_.now_seconds);
      *fatal = absl::IsFailedPrecondition(status);
      return status;
    }
    if (absl::EqualsIgnoreCase(word, "DATASET")) {
      return absl::InvalidArgumentError(
          "combined files are not read; split the file into one for each "
          "dataset");
    }
    if (in_comment) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "unknown special line; $SOA, $NS, $TTL, $TIMESTAMP, $MAXRANGE4, $0 to "
        "$9 and $= are known");
  }

  // A feed is read once, from its beginning to its end.
  static absl::Status TooLate() {
    return absl::InvalidArgumentError(
        "this holds for the whole file; it must stand before the first entry");
  }

  absl::Status ReadTtl(absl::string_view text) {
    const absl::string_view first = text.substr(0, text.find_first_of(" \t#;"));
    const absl::StatusOr<int64_t> seconds = ParseDurationSeconds(first);
    if (!seconds.ok()) return seconds.status();
    if (*seconds > int64_t{kMaxTtlSeconds}) {
      return absl::InvalidArgumentError("the TTL is over 2147483647 seconds");
    }
    values_.SetTtl(static_cast<uint32_t>(*seconds));
    return absl::OkStatus();
  }

  absl::Status ReadMaxRange(absl::string_view text) {
    absl::string_view number = text.substr(0, text.find_first_of(" \t#;"));
    const bool bits = absl::ConsumePrefix(&number, "/");
    uint64_t value = 0;
    if (!absl::SimpleAtoi(number, &value) || value == 0 ||
        value > (bits ? uint64_t{32} : uint64_t{1} << 32)) {
      return absl::InvalidArgumentError(
          "$MAXRANGE4 takes a number of addresses, or /LENGTH");
    }
    const uint64_t addresses = bits ? uint64_t{1} << (32 - value) : value;
    // It can only shrink.
    max_range_ = std::min(max_range_, addresses);
    return absl::OkStatus();
  }

  absl::Status ReadDefault(absl::string_view line) {
    if (IsTrivial(options_.format)) {
      // These have one value for all; the first line that sets it counts.
      if (trivial_default_set_) return absl::OkStatus();
      if (counts_->entries > 0) return TooLate();
      trivial_default_set_ = true;
    }
    return values_.SetDefault(line);
  }

  absl::Status ReadEntry(absl::string_view line) {
    bool excluded = false;
    if (line[0] == '!') {
      excluded = true;
      line = SkipBlanks(line.substr(1));
    }
    if (options_.format == FeedFormat::kIp4Tset)
      return ReadIp4Tset(line, excluded);
    if (IsIpv4(options_.format)) return ReadIpv4(line, excluded);
    if (options_.format == FeedFormat::kDnset) return ReadName(line, excluded);
    return ReadIpv6(line, excluded);
  }

  absl::StatusOr<Import::ValuesNumber> ValuesOf(absl::string_view rest) {
    if (IsTrivial(options_.format)) return values_.Default();
    return values_.ForEntry(SkipBlanks(rest));
  }

  absl::Status ReadIp4Tset(absl::string_view line, bool excluded) {
    const size_t end = line.find_first_of(" \t#;:");
    uint32_t address = 0;
    if (excluded || !ParseDottedQuad(line.substr(0, end), &address)) {
      return absl::InvalidArgumentError(
          "ip4tset takes single addresses only, no exclusions, prefixes or "
          "ranges");
    }
    const absl::StatusOr<Import::ValuesNumber> values = values_.Default();
    if (!values.ok()) return values.status();
    return AddIpv4(address, 32, *values);
  }

  absl::Status AddIpv4(uint32_t first, int length_bits,
                       Import::ValuesNumber values) {
    const char* const why = import_->AddIpv4(first, length_bits, values);
    return why == nullptr ? absl::OkStatus()
                          : absl::FailedPreconditionError(why);
  }

  absl::Status ReadIpv4(absl::string_view line, bool excluded) {
    const absl::StatusOr<Ipv4Range> range =
        TakeIpv4Range(&line, options_.format == FeedFormat::kIp4Set);
    if (!range.ok()) return range.status();
    if (uint64_t{range->last} - range->first >= max_range_) {
      return absl::InvalidArgumentError(absl::StrCat(
          "more than the ", max_range_, " addresses that $MAXRANGE4 allows"));
    }
    absl::StatusOr<Import::ValuesNumber> values = Import::ValuesNumber{0};
    if (!excluded) values = ValuesOf(line);
    if (!values.ok()) return values.status();
    if (range->first == range->last && !excluded &&
        options_.format == FeedFormat::kIp4Set) {
      return AddIpv4(range->first, 32, *values);
    }
    const std::vector<IpPrefix> prefixes =
        CoverRange(Family::kIpv4, IpPrefix::FromIpv4(range->first).bytes,
                   IpPrefix::FromIpv4(range->last).bytes);
    // All of a range or nothing.
    for (const IpPrefix& prefix : prefixes) {
      const char* const why =
          excluded ? nullptr : WhyNotListable(import_->policy(), prefix);
      if (why != nullptr) return absl::FailedPreconditionError(why);
    }
    for (const IpPrefix& prefix : prefixes) {
      const absl::Status status = AddPrefix(prefix, excluded, *values);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status AddPrefix(const IpPrefix& prefix, bool excluded,
                         Import::ValuesNumber values) {
    if (options_.format == FeedFormat::kIp4Trie ||
        options_.format == FeedFormat::kIp6Trie) {
      std::string key;
      Target::OfPrefix(prefix).AppendKey(&key);
      if (!seen_.insert(std::move(key)).second) {
        return absl::InvalidArgumentError(absl::StrCat(
            "a second entry for ", prefix.ToString(), "; the first one holds"));
      }
    }
    const Target target = Target::OfPrefix(prefix);
    return excluded ? import_->AddExemption(target)
                    : import_->AddListing(target, values);
  }

  absl::Status ReadIpv6(absl::string_view line, bool excluded) {
    const bool trivial = options_.format == FeedFormat::kIp6Tset;
    if (trivial &&
        absl::StrContains(line.substr(0, line.find_first_of(" \t#;")), '/')) {
      return absl::InvalidArgumentError(
          "ip6tset takes a /64 as its four words, without a length");
    }
    const absl::StatusOr<IpPrefix> prefix = TakeIpv6Prefix(&line);
    if (!prefix.ok()) return prefix.status();
    if (trivial && prefix->length_bits != (excluded ? 128 : 64)) {
      return absl::InvalidArgumentError(
          excluded ? "ip6tset excludes single addresses only"
                   : "ip6tset takes a /64 as its four words, such as "
                     "2001:db8:0:1");
    }
    absl::StatusOr<Import::ValuesNumber> values = Import::ValuesNumber{0};
    if (!excluded) values = ValuesOf(line);
    if (!values.ok()) return values.status();
    return AddPrefix(*prefix, excluded, *values);
  }

  absl::Status ReadName(absl::string_view line, bool excluded) {
    const size_t end = std::min(line.find_first_of(" \t#;"), line.size());
    const absl::StatusOr<Target> target = Target::Parse(line.substr(0, end));
    if (!target.ok()) return target.status();
    if (!target->is_name()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", target->ToString(),
          "\" reads as an address, not as a name; put addresses into an ip4set "
          "or ip6trie file"));
    }
    if (excluded) return import_->AddExemption(*target);
    const absl::StatusOr<Import::ValuesNumber> values =
        ValuesOf(line.substr(end));
    if (!values.ok()) return values.status();
    return import_->AddListing(*target, *values);
  }

  const FeedOptions& options_;
  Import* const import_;
  FeedCounts* const counts_;
  RbldnsdValues values_;
  bool trivial_default_set_ = false;
  uint64_t max_range_ = uint64_t{1} << 32;
  // Keys of the targets that a trie has already.
  absl::flat_hash_set<std::string> seen_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FeedFormatReader>> NewRbldnsdReader(
    const FeedOptions& options, Import* import, FeedCounts* counts) {
  const absl::StatusOr<Import::ValuesNumber> values =
      import->InternValues(options.default_values);
  if (!values.ok()) return values.status();
  return std::unique_ptr<FeedFormatReader>(
      std::make_unique<RbldnsdReader>(options, import, counts));
}

}  // namespace rbld
