// Plain feeds: an address, prefix, range or name a line; what follows it is
// ignored.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "zones/feed_formats.h"

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
    const absl::Status status = ReadEntry(line);
    if (status.ok()) {
      ++counts_->entries;
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

  absl::Status ReadEntry(absl::string_view line) {
    if (HasControlBytes(line)) {
      return absl::InvalidArgumentError(
          "the line has a control character or a NUL byte");
    }
    absl::string_view rest = line;
    const absl::string_view entry = TakeColumn(&rest);
    if (entry.empty()) {
      return absl::InvalidArgumentError("the first column is empty");
    }
    if (entry[0] == '!') {
      return absl::InvalidArgumentError(
          "exclusions are not part of the plain format; use an rbldnsd format "
          "such as ip4set or dnset");
    }
    // "a - b", as some tools write ranges.
    if (absl::StartsWith(rest, "- ") || absl::StartsWith(rest, "-\t")) {
      absl::string_view end_text = SkipBlanks(rest.substr(1));
      const absl::string_view last = TakeColumn(&end_text);
      if (ParseIpPrefix(last).ok()) {
        return AddRange(absl::StrCat(entry, "-", last));
      }
    }
    const absl::StatusOr<Target> target = Target::Parse(entry);
    if (target.ok()) return AddTarget(*target);
    if (absl::StrContains(entry, '-') && !absl::StrContains(entry, '/') &&
        (absl::ascii_isdigit(entry[0]) || absl::StrContains(entry, ':'))) {
      return AddRange(entry);
    }
    return target.status();
  }

  absl::Status AddTarget(const Target& target) {
    if (target.is_name() && target.scope() == NameScope::kExact &&
        LabelCountIsOne(target)) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", target.ToString(),
                       "\" is neither an address nor a name with a dot; to "
                       "list a whole top-level domain write .",
                       target.ToString()));
    }
    return import_->AddListing(target, values_);
  }

  static bool LabelCountIsOne(const Target& target) {
    const std::string& wire = target.reversed_wire();
    return static_cast<size_t>(wire[0]) + 1 == wire.size();
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
