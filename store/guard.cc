#include "store/guard.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

struct SpecialRange {
  const char* prefix;
  const char* what;
  // Refused even where the list allows special-purpose space.
  bool always = false;
};

// The IANA special-purpose address registries (RFC 6890 and its updates) and
// what RFC 4291 and RFC 5771 keep for multicast. Adding a range is adding a
// row.
constexpr SpecialRange kSpecialRanges[] = {
    {"127.0.0.0/8", "loopback (RFC 1122)", true},
    {"::1/128", "loopback (RFC 4291)", true},
    {"::ffff:127.0.0.0/104", "loopback, IPv4-mapped (RFC 4291)", true},
    {"0.0.0.0/8", "\"this network\" (RFC 791)"},
    {"10.0.0.0/8", "private address space (RFC 1918)"},
    {"100.64.0.0/10", "shared address space of carriers (RFC 6598)"},
    {"169.254.0.0/16", "link-local address space (RFC 3927)"},
    {"172.16.0.0/12", "private address space (RFC 1918)"},
    {"192.0.0.0/24", "IETF protocol assignments (RFC 6890)"},
    {"192.0.2.0/24", "documentation (RFC 5737)"},
    {"192.31.196.0/24", "AS112 anycast (RFC 7535)"},
    {"192.52.193.0/24", "automatic multicast tunnelling (RFC 7450)"},
    {"192.88.99.0/24", "6to4 relay anycast (RFC 7526)"},
    {"192.168.0.0/16", "private address space (RFC 1918)"},
    {"192.175.48.0/24", "AS112 direct delegation (RFC 7534)"},
    {"198.18.0.0/15", "benchmarking (RFC 2544)"},
    {"198.51.100.0/24", "documentation (RFC 5737)"},
    {"203.0.113.0/24", "documentation (RFC 5737)"},
    {"224.0.0.0/4", "multicast (RFC 5771)"},
    {"240.0.0.0/4", "reserved address space (RFC 1112)"},
    {"::/128", "the unspecified address (RFC 4291)"},
    {"::ffff:0:0/96", "IPv4-mapped address space (RFC 4291)"},
    {"64:ff9b::/96", "IPv4/IPv6 translation (RFC 6052)"},
    {"64:ff9b:1::/48", "local IPv4/IPv6 translation (RFC 8215)"},
    {"100::/64", "discard-only address space (RFC 6666)"},
    {"100:0:0:1::/64", "dummy IPv6 prefix (RFC 9780)"},
    {"2001::/23", "IETF protocol assignments (RFC 2928)"},
    {"2001:db8::/32", "documentation (RFC 3849)"},
    {"2002::/16", "6to4 (RFC 3056)"},
    {"2620:4f:8000::/48", "AS112 direct delegation (RFC 7534)"},
    {"3fff::/20", "documentation (RFC 9637)"},
    {"5f00::/16", "segment routing identifiers (RFC 9602)"},
    {"fc00::/7", "unique local address space (RFC 4193)"},
    {"fe80::/10", "link-local address space (RFC 4291)"},
    {"ff00::/8", "multicast (RFC 4291)"},
};

struct ParsedRange {
  IpPrefix prefix;
  const SpecialRange* row;
  // Of an IPv4 range, for the quick comparison that imports need.
  uint32_t first = 0;
  uint32_t last = 0;
};

uint32_t LastIpv4(const IpPrefix& prefix) {
  return static_cast<uint32_t>(prefix.ipv4() |
                               (0xffffffffull >> prefix.length_bits));
}

const std::vector<ParsedRange>& ParsedRanges() {
  // Parsed once and never freed: static objects of a class type are not
  // destroyed in a defined order.
  static const auto* const ranges = [] {
    auto* parsed = new std::vector<ParsedRange>;
    for (const SpecialRange& row : kSpecialRanges) {
      ParsedRange range;
      range.prefix = ParseIpPrefix(row.prefix).value();
      range.row = &row;
      if (range.prefix.family == Family::kIpv4) {
        range.first = range.prefix.ipv4();
        range.last = LastIpv4(range.prefix);
      }
      parsed->push_back(range);
    }
    return parsed;
  }();
  return *ranges;
}

// RFC 5782 §5: the test entries are listed in every zone; what they answer is
// the operator's choice.
bool IsTestAddress(const IpPrefix& prefix) {
  static const IpPrefix ipv4 = IpPrefix::FromIpv4(0x7f000002);
  static const IpPrefix ipv6 = ParseIpPrefix("::ffff:127.0.0.2").value();
  return prefix == ipv4 || prefix == ipv6;
}

bool Overlap(const IpPrefix& a, const IpPrefix& b) {
  return a.Contains(b) || b.Contains(a);
}

bool Overlap(const ParsedRange& range, const IpPrefix& prefix) {
  if (prefix.family != range.prefix.family) return false;
  if (prefix.family == Family::kIpv4) {
    return prefix.ipv4() <= range.last && LastIpv4(prefix) >= range.first;
  }
  return Overlap(range.prefix, prefix);
}

bool CoversItself(NameScope scope) { return scope != NameScope::kSubdomains; }
bool CoversBelow(NameScope scope) { return scope != NameScope::kExact; }

// Is some name meant by both?
bool NamesOverlap(const Target& a, const Target& b) {
  const std::string& a_wire = a.reversed_wire();
  const std::string& b_wire = b.reversed_wire();
  if (a_wire == b_wire) {
    return (CoversItself(a.scope()) && CoversItself(b.scope())) ||
           (CoversBelow(a.scope()) && CoversBelow(b.scope()));
  }
  // Label lengths stand before the labels, so a string prefix is a name above.
  if (absl::string_view(b_wire).substr(0, a_wire.size()) == a_wire) {
    return CoversBelow(a.scope());
  }
  if (absl::string_view(a_wire).substr(0, b_wire.size()) == b_wire) {
    return CoversBelow(b.scope());
  }
  return false;
}

enum class Rule { kFloor, kAlways, kSpecial, kNever };

struct Refusal {
  Rule rule;
  const char* why;
  const Target* never = nullptr;
};

std::optional<Refusal> Refuse(const ListPolicy& policy,
                              const IpPrefix& prefix) {
  if (IsTestAddress(prefix)) return std::nullopt;
  if (prefix.family == Family::kIpv4 &&
      prefix.length_bits < policy.min_ipv4_length_bits) {
    return Refusal{Rule::kFloor,
                   "shorter than the list's shortest prefix "
                   "(min_ipv4_prefix)"};
  }
  if (prefix.family == Family::kIpv6 &&
      prefix.length_bits < policy.min_ipv6_length_bits) {
    return Refusal{Rule::kFloor,
                   "shorter than the list's shortest prefix "
                   "(min_ipv6_prefix)"};
  }
  const bool allow_special =
      policy.allow_special_purpose ||
      std::any_of(policy.allowed_special.begin(), policy.allowed_special.end(),
                  [&](const IpPrefix& one) { return one.Contains(prefix); });
  for (const ParsedRange& range : ParsedRanges()) {
    if (allow_special && !range.row->always) continue;
    if (Overlap(range, prefix)) {
      return Refusal{range.row->always ? Rule::kAlways : Rule::kSpecial,
                     range.row->what};
    }
  }
  for (const Target& never : policy.never) {
    if (!never.is_name() && Overlap(never.prefix(), prefix)) {
      return Refusal{Rule::kNever, "on the list's never-list", &never};
    }
  }
  return std::nullopt;
}

absl::Status RefusedPrefix(const ListPolicy& policy, const IpPrefix& prefix,
                           const Refusal& refusal) {
  const std::string text = prefix.ToString();
  switch (refusal.rule) {
    case Rule::kFloor: {
      const bool ipv4 = prefix.family == Family::kIpv4;
      return absl::FailedPreconditionError(absl::StrCat(
          text, ": shorter than /",
          ipv4 ? policy.min_ipv4_length_bits : policy.min_ipv6_length_bits,
          ", the shortest prefix that this list takes; list longer prefixes, "
          "or lower ",
          ipv4 ? "min_ipv4_prefix" : "min_ipv6_prefix",
          " in the list's configuration"));
    }
    case Rule::kAlways:
      return absl::FailedPreconditionError(absl::StrCat(
          text, ": is, or contains, ", refusal.why,
          ", which is never listed; of loopback only the test entries "
          "127.0.0.2 and ::ffff:127.0.0.2 may have values"));
    case Rule::kSpecial:
      return absl::FailedPreconditionError(absl::StrCat(
          text, ": is, or contains, ", refusal.why,
          "; set allow_special_purpose = true for the list if that is meant"));
    case Rule::kNever:
      return absl::FailedPreconditionError(
          absl::StrCat(text, ": is, or contains, ", refusal.never->ToString(),
                       ", which is on the list's never-list; take it out of "
                       "`never` in the list's configuration first"));
  }
  return absl::InternalError("unknown rule");
}

}  // namespace

const char* WhyNotListable(const ListPolicy& policy, const IpPrefix& prefix) {
  const std::optional<Refusal> refusal = Refuse(policy, prefix);
  return refusal.has_value() ? refusal->why : nullptr;
}

absl::Status CheckTarget(const ListPolicy& policy, const Target& target) {
  if (!target.is_name()) {
    const std::optional<Refusal> refusal = Refuse(policy, target.prefix());
    if (!refusal.has_value()) return absl::OkStatus();
    return RefusedPrefix(policy, target.prefix(), *refusal);
  }
  // RFC 5782 §5: INVALID is not listed in any list of names.
  static const Target invalid = Target::Parse("invalid").value();
  if (NamesOverlap(target, invalid)) {
    return absl::FailedPreconditionError(
        absl::StrCat(target.ToString(),
                     ": the test name INVALID is never listed (RFC 5782 §5)"));
  }
  for (const Target& never : policy.never) {
    if (never.is_name() && NamesOverlap(target, never)) {
      return absl::FailedPreconditionError(absl::StrCat(
          target.ToString(), ": is, or contains, ", never.ToString(),
          ", which is on the list's never-list; take it out of `never` in the "
          "list's configuration first"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckValues(const ListPolicy& policy, const ValueSet& values) {
  if (values.empty()) {
    return absl::InvalidArgumentError(
        "a listing needs at least one value (a code such as 127.0.0.2)");
  }
  if (values.size() > static_cast<size_t>(kMaxValuesPerListing)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a listing has at most ", kMaxValuesPerListing,
                     " values, not ", values.size()));
  }
  for (const Value& value : values) {
    absl::Status status = CheckCode(value.code, policy.allow_any_code);
    if (!status.ok()) return status;
    status = CheckReason(value.reason);
    if (!status.ok()) return status;
    if (value.ttl_seconds > kMaxTtlSeconds) {
      return absl::InvalidArgumentError(
          absl::StrCat("a TTL of ", value.ttl_seconds,
                       " seconds is over the most that DNS has, ",
                       kMaxTtlSeconds, " (RFC 2181 §8)"));
    }
  }
  return absl::OkStatus();
}

}  // namespace rbld
