#include "zones/rbldnsd/dataset_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "dns/name.h"
#include "zones/line_text.h"

namespace rbld {
namespace {

// The entries of a trivial set share one value; it has this number.
constexpr ValueReader::Number kTrivialValues = 0;

struct NamedAction {
  const char* name;
  AccessAction action;
};

constexpr NamedAction kActions[] = {
    {"ignore", AccessAction::kIgnore}, {"blackhole", AccessAction::kIgnore},
    {"refuse", AccessAction::kRefuse}, {"empty", AccessAction::kEmpty},
    {"pass", AccessAction::kPass},
};

absl::Status NoAction() {
  return absl::InvalidArgumentError(
      "the action is none of :ignore, :refuse, :empty, :pass, :CODE:TEXT and "
      "TEXT");
}

absl::Status Ignored(absl::string_view keyword) {
  return absl::InvalidArgumentError(
      absl::StrCat(keyword, " means nothing in an access list"));
}

absl::Status BeforeSections() {
  return absl::InvalidArgumentError(
      "only special lines may stand before the first $DATASET");
}

constexpr absl::string_view kAnotherKindUrl = "rbld/another-kind";

// What to say of labels that are no host's or domain's by their syntax (RFC
// 1123 §2.1), with underscores; null for those that are.
const char* WhyOdd(absl::string_view labels) {
  bool is_number = true;  // the label so far
  for (size_t i = 0; i < labels.size();) {
    const size_t bytes = static_cast<uint8_t>(labels[i]);
    is_number = true;
    for (const char c : labels.substr(i + 1, bytes)) {
      if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' &&
          c != '_') {
        return "the name is not one of hosts or domains (letters, digits, "
               "hyphens, underscores); it is taken as it stands, as rbldnsd "
               "does";
      }
      is_number &= absl::ascii_isdigit(static_cast<unsigned char>(c));
    }
    i += 1 + bytes;
  }
  // RFC 3696 §2
  return is_number ? "the name ends in a number, as no host's does; it is "
                     "taken as it stands, as rbldnsd does, but addresses "
                     "belong into an ip4set or ip6trie file"
                   : nullptr;
}

// The end of an IPv6 prefix.
size_t EntryEnd(absl::string_view line) {
  return std::min(line.find_first_of(" \t#;"), line.size());
}

}  // namespace

bool IsOfAnotherKind(const absl::Status& status) {
  return status.GetPayload(kAnotherKindUrl).has_value();
}

DatasetReader::DatasetReader(DatasetType type,
                             const DatasetReaderOptions& options,
                             Templates templates, ZoneSpecials* specials,
                             EntrySink* sink)
    : type_(type),
      options_(options),
      templates_(std::move(templates)),
      specials_(specials),
      sink_(sink),
      values_(options.defaults) {
  // Makes it number kTrivialValues.
  values_.Default();
}

std::vector<ValueSet> DatasetReader::values() const {
  std::vector<ValueSet> sets;
  sets.reserve(values_.size());
  for (ValueReader::Number i = 0; i < values_.size(); ++i) {
    sets.push_back(values_.Resolve(i, templates_));
  }
  if (trivial_values_.has_value()) {
    sets[kTrivialValues] = sets[*trivial_values_];
  }
  return sets;
}

absl::Status DatasetReader::ReadLine(absl::string_view text) {
  const absl::string_view line = SkipBlanks(StripLineEnd(text));
  if (line.empty()) return absl::OkStatus();
  const bool marked =
      line.size() > 1 && line[1] == '$' && (IsComment(line) || line[0] == ':');
  if (IsComment(line) && !marked) return absl::OkStatus();
  for (const char c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t') {
      return absl::InvalidArgumentError(
          "the line has a control character or a NUL byte");
    }
  }
  if (line[0] == '$' || marked) {
    return ReadSpecial(line.substr(marked ? 2 : 1), IsComment(line));
  }
  // "::1" is an address where there can be one.
  const bool may_be_ipv6 = IsIpv6Set(type_) || type_ == DatasetType::kAcl;
  const bool is_address = may_be_ipv6 && absl::StartsWith(line, "::");
  if (line[0] == ':' && !is_address && type_ != DatasetType::kGeneric) {
    return ReadDefault(line);
  }
  if (line[0] == '=' && IsAccessList(type_)) return ReadDefault(line);
  const absl::Status status = ReadEntry(line);
  if (status.ok()) ++entries_;
  return status;
}

// `line` begins behind the '$'. In a comment an unknown word is only that.
absl::Status DatasetReader::ReadSpecial(absl::string_view line,
                                        bool in_comment) {
  absl::string_view rest = line;
  const absl::string_view word = TakeWord(&rest);
  rest = absl::StripTrailingAsciiWhitespace(rest);
  if (word.size() == 1 &&
      (absl::ascii_isdigit(static_cast<unsigned char>(word[0])) ||
       word[0] == '=')) {
    if (rest.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("$", word, " says nothing"));
    }
    templates_.Set(word[0], rest);
    return absl::OkStatus();
  }
  const bool is_acl = IsAccessList(type_);
  if (absl::EqualsIgnoreCase(word, "SOA")) {
    if (is_acl) return Ignored("$SOA");
    absl::StatusOr<SoaSpecial> soa = ParseSoaSpecial(rest);
    if (!soa.ok()) return soa.status();
    // Without a TTL of its own it has what the lines above say.
    if (soa->ttl_seconds == 0) soa->ttl_seconds = specials_->ttl_seconds;
    if (!specials_->soa.has_value()) specials_->soa = *std::move(soa);
    return absl::OkStatus();
  }
  if (absl::EqualsIgnoreCase(word, "NS") ||
      absl::EqualsIgnoreCase(word, "NAMESERVER")) {
    if (is_acl) return Ignored("$NS");
    absl::StatusOr<NsSpecial> ns = ParseNsSpecial(rest);
    if (!ns.ok()) return ns.status();
    if (ns->ttl_seconds == 0) ns->ttl_seconds = specials_->ttl_seconds;
    if (!specials_->ns.has_value() && !ns->ns_wire.empty())
      specials_->ns = *std::move(ns);
    return absl::OkStatus();
  }
  if (absl::EqualsIgnoreCase(word, "TTL")) {
    const absl::StatusOr<uint32_t> ttl = ParseTtlSpecial(rest);
    if (!ttl.ok()) return ttl.status();
    templates_.ttl_seconds = *ttl;
    if (!options_.in_combined) specials_->ttl_seconds = *ttl;
    return absl::OkStatus();
  }
  if (absl::EqualsIgnoreCase(word, "MAXRANGE4")) {
    const absl::StatusOr<uint64_t> range = ParseMaxRangeSpecial(rest);
    if (!range.ok()) return range.status();
    // It can only shrink.
    specials_->max_ipv4_range = std::min(specials_->max_ipv4_range, *range);
    return absl::OkStatus();
  }
  if (absl::EqualsIgnoreCase(word, "TIMESTAMP")) {
    const absl::StatusOr<TimestampSpecial> stamp = ParseTimestampSpecial(rest);
    if (!stamp.ok()) return stamp.status();
    if (options_.now_seconds != 0) {
      const absl::Status status = CheckTimestamp(*stamp, options_.now_seconds);
      if (!status.ok()) return absl::AbortedError(status.message());
    }
    if (stamp->expires != 0 &&
        (specials_->expires == 0 || stamp->expires < specials_->expires)) {
      specials_->expires = stamp->expires;
    }
    return absl::OkStatus();
  }
  if (absl::EqualsIgnoreCase(word, "DATASET")) {
    return absl::InvalidArgumentError("$DATASET stands in combined files only");
  }
  if (in_comment) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "unknown special line; $SOA, $NS, $TTL, $TIMESTAMP, $MAXRANGE4, $0 to "
      "$9 and $= are known");
}

absl::Status DatasetReader::ReadDefault(absl::string_view line) {
  if (IsAccessList(type_)) {
    absl::StatusOr<AccessRule> rule = RuleOf(line);
    if (!rule.ok()) return rule.status();
    default_rule_ = *rule;
    if (rule->action != AccessAction::kListed ||
        type_ == DatasetType::kAclKey) {
      return absl::OkStatus();
    }
    // Later values have from it what they do not say.
    return values_.SetDefault(line, /*inherits=*/true);
  }
  if (type_ == DatasetType::kCombined) return BeforeSections();
  // One value for all; the first line that sets it counts.
  if (IsTrivial(type_) && trivial_values_.has_value()) return absl::OkStatus();
  const absl::Status status = values_.SetDefault(line);
  if (!status.ok()) return status;
  const ValueReader::Number number = values_.Default();
  const absl::Status checked =
      sink_->CheckValues(values_.Resolve(number, templates_));
  if (!checked.ok()) return checked;
  if (IsTrivial(type_)) trivial_values_ = number;
  return absl::OkStatus();
}

absl::Status DatasetReader::ReadEntry(absl::string_view line) {
  if (type_ == DatasetType::kCombined) return BeforeSections();
  if (type_ == DatasetType::kGeneric) {
    absl::StatusOr<GenericRecord> record = ParseGenericRecord(line);
    if (!record.ok()) return record.status();
    if (record->ttl_seconds == 0) record->ttl_seconds = templates_.ttl_seconds;
    records_.push_back(*std::move(record));
    return absl::OkStatus();
  }
  bool excluded = false;
  if (line[0] == '!') {
    excluded = true;
    line = SkipBlanks(line.substr(1));
  }
  if (IsAccessList(type_)) {
    if (excluded) {
      return absl::InvalidArgumentError(
          "an access list has no exclusions; give the clients an action of "
          "their own, such as :pass");
    }
    return type_ == DatasetType::kAcl ? ReadClients(line) : ReadKey(line);
  }
  condition_ = ValueCondition();
  if (options_.entry_parameters && MayHaveParameters(type_)) {
    const absl::string_view parameters = TakeEntryParameters(&line);
    if (!parameters.empty() && excluded) {
      return absl::InvalidArgumentError(
          "an exclusion has no parameters; it holds at once and for all");
    }
    const absl::StatusOr<ValueCondition> condition =
        ParseEntryCondition(parameters, options_.now_seconds);
    if (!condition.ok()) return condition.status();
    if (!condition->always() && !options_.conditional_entries) {
      return absl::InvalidArgumentError(
          "only a watched file can have entries that wait or need a key; an "
          "import lists for all at once");
    }
    condition_ = *condition;
  }
  if (IsIpv4Set(type_)) return ReadIpv4(line, excluded);
  if (IsIpv6Set(type_)) return ReadIpv6(line, excluded);
  return ReadName(line, excluded);
}

absl::StatusOr<ValueReader::Number> DatasetReader::ValuesOf(
    absl::string_view rest) {
  if (IsTrivial(type_)) return kTrivialValues;
  const size_t known = values_.size();
  const absl::StatusOr<ValueReader::Number> number =
      values_.ForEntry(SkipBlanks(rest), condition_);
  if (!number.ok()) return number.status();
  // One that is new is looked at once.
  if (*number >= known) {
    const absl::Status status =
        sink_->CheckValues(values_.Resolve(*number, templates_));
    if (!status.ok()) return status;
  }
  return number;
}

absl::Status DatasetReader::CheckRange(const Ipv4Range& range) const {
  if (uint64_t{range.last} - range.first < specials_->max_ipv4_range) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("more than the ", specials_->max_ipv4_range,
                   " addresses that $MAXRANGE4 allows"));
}

absl::Status DatasetReader::CheckFirst(const IpPrefix& prefix) {
  if (type_ != DatasetType::kIp4Trie && type_ != DatasetType::kIp6Trie &&
      type_ != DatasetType::kAcl) {
    return absl::OkStatus();
  }
  if (seen_prefixes_.Insert(prefix)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "duplicated entry for ", prefix.ToString(), "; the first one holds"));
}

absl::Status DatasetReader::OrOfAnotherKind(absl::string_view line,
                                            const absl::Status& status) const {
  absl::string_view text = line.substr(0, line.find_first_of(" \t#;"));
  const absl::StatusOr<IpPrefix> prefix = ParseIpPrefix(text);
  if (!prefix.ok() || (prefix->family == Family::kIpv4) == IsIpv4Set(type_)) {
    return status;
  }
  absl::Status other = absl::InvalidArgumentError(
      absl::StrCat(prefix->family == Family::kIpv4 ? "an IPv4" : "an IPv6",
                   " address; a dataset of type ", DatasetTypeName(type_),
                   " has none, so that the line is skipped"));
  other.SetPayload(kAnotherKindUrl, absl::Cord("1"));
  return other;
}

absl::Status DatasetReader::ReadIpv4(absl::string_view line, bool excluded) {
  if (type_ == DatasetType::kIp4Tset) {
    const absl::string_view whole = line;
    uint32_t address = 0;
    if (excluded || !TakeIpv4Address(&line, &address)) {
      return OrOfAnotherKind(
          whole, absl::InvalidArgumentError(
                     "ip4tset takes single addresses only, no exclusions, "
                     "prefixes or ranges"));
    }
    return sink_->AddIpv4({address, address}, false, kTrivialValues);
  }
  Ipv4EntryForms forms;
  forms.ranges = type_ == DatasetType::kIp4Set;
  forms.host_bits = options_.host_bits;
  const absl::string_view whole = line;
  const absl::StatusOr<Ipv4Range> range = TakeIpv4Range(&line, forms);
  if (!range.ok()) return OrOfAnotherKind(whole, range.status());
  const absl::Status allowed = CheckRange(*range);
  if (!allowed.ok()) return allowed;
  absl::StatusOr<ValueReader::Number> values = ValueReader::Number{0};
  if (!excluded) values = ValuesOf(line);
  if (!values.ok()) return values.status();
  if (type_ == DatasetType::kIp4Trie) {
    const absl::Status status = CheckFirst(
        CoverRange(Family::kIpv4, IpPrefix::FromIpv4(range->first).bytes,
                   IpPrefix::FromIpv4(range->last).bytes)
            .front());
    if (!status.ok()) return status;
  }
  return sink_->AddIpv4(*range, excluded, *values);
}

absl::Status DatasetReader::ReadIpv6(absl::string_view line, bool excluded) {
  const bool trivial = type_ == DatasetType::kIp6Tset;
  Ipv6EntryForms forms;
  forms.lengths = !trivial;
  forms.host_bits = options_.host_bits;
  const absl::string_view whole = line;
  const absl::StatusOr<IpPrefix> prefix = TakeIpv6Prefix(&line, forms);
  if (!prefix.ok()) return OrOfAnotherKind(whole, prefix.status());
  if (trivial && prefix->length_bits != (excluded ? 128 : 64)) {
    return absl::InvalidArgumentError(
        excluded ? "ip6tset excludes single addresses only"
                 : "ip6tset takes a /64 as its four words, such as "
                   "2001:db8:0:1");
  }
  absl::StatusOr<ValueReader::Number> values = ValueReader::Number{0};
  if (!excluded) values = ValuesOf(line);
  if (!values.ok()) return values.status();
  const absl::Status status = CheckFirst(*prefix);
  if (!status.ok()) return status;
  return sink_->AddIpv6(*prefix, excluded, *values);
}

absl::Status DatasetReader::ReadName(absl::string_view line, bool excluded) {
  // A name ends at a blank and nowhere else: what feeds for other software put
  // behind one is part of it.
  const size_t end = std::min(line.find_first_of(" \t"), line.size());
  absl::string_view text = line.substr(0, end);
  NameScope scope = NameScope::kExact;
  if (absl::ConsumePrefix(&text, "*.")) {
    scope = NameScope::kSubdomains;
  } else if (absl::ConsumePrefix(&text, ".")) {
    scope = NameScope::kWithSubdomains;
  }
  const absl::StatusOr<std::string> wire = ParseHostName(text);
  if (!wire.ok()) return wire.status();
  if (wire->size() == 1) {
    return absl::InvalidArgumentError("there is no name here");
  }
  const Target name = Target::OfName(
      ReversedLabels(absl::string_view(*wire).substr(0, wire->size() - 1)),
      scope);
  absl::StatusOr<ValueReader::Number> values = ValueReader::Number{0};
  if (!excluded) values = ValuesOf(line.substr(end));
  if (!values.ok()) return values.status();
  const char* const odd =
      WhyOdd(absl::string_view(*wire).substr(0, wire->size() - 1));
  const absl::Status status = sink_->AddName(name, excluded, *values);
  if (status.ok() && odd != nullptr) sink_->Warn(odd);
  return status;
}

absl::StatusOr<AccessRule> DatasetReader::RuleOf(absl::string_view text) {
  if (!text.empty() && (text[0] == ':' || text[0] == '=')) {
    const absl::string_view word =
        text.substr(1, text.find_first_of(": \t#;", 1) - 1);
    if (!word.empty() &&
        absl::ascii_isalpha(static_cast<unsigned char>(word[0]))) {
      for (const NamedAction& known : kActions) {
        // The first letters are enough.
        if (absl::StartsWithIgnoreCase(known.name, word)) {
          return AccessRule{known.action, 0};
        }
      }
      // rspamd's fork has this one, too.
      if (type_ == DatasetType::kAclKey &&
          absl::EqualsIgnoreCase(word, "accept")) {
        return AccessRule{AccessAction::kPass, 0};
      }
    }
    if (text[0] == '=') return NoAction();
  }
  const absl::StatusOr<ValueReader::Number> values = values_.ForEntry(text);
  if (!values.ok()) {
    return NoAction();
  }
  return AccessRule{AccessAction::kListed, *values};
}

ValueReader::Number DatasetReader::RuleNumber(const AccessRule& rule) {
  const auto found = std::find(rules_.begin(), rules_.end(), rule);
  if (found == rules_.end()) {
    rules_.push_back(rule);
    return static_cast<ValueReader::Number>(rules_.size() - 1);
  }
  return static_cast<ValueReader::Number>(found - rules_.begin());
}

absl::Status DatasetReader::ReadKey(absl::string_view line) {
  const absl::string_view parameters = TakeEntryParameters(&line);
  absl::StatusOr<KeyTerms> terms = ParseKeyTerms(parameters);
  if (!terms.ok()) return terms.status();
  const size_t end = std::min(line.find_first_of(" \t:=#;"), line.size());
  KeyRule key;
  key.label = absl::AsciiStrToLower(line.substr(0, end));
  if (key.label.empty() || key.label.size() > size_t{kMaxLabelBytes} ||
      absl::StrContains(key.label, '.')) {
    return absl::InvalidArgumentError(
        absl::StrCat("a key is one label of a name: 1 to ", kMaxLabelBytes,
                     " characters without dots"));
  }
  const absl::string_view rest = SkipBlanks(line.substr(end));
  absl::StatusOr<AccessRule> rule =
      default_rule_.value_or(AccessRule{AccessAction::kPass, 0});
  if (!rest.empty() && !IsComment(rest)) rule = RuleOf(rest);
  if (!rule.ok()) return rule.status();
  if (!seen_keys_.insert(key.label).second) {
    return absl::InvalidArgumentError(
        "the key stands here twice; the first one holds");
  }
  key.access = *rule;
  key.terms = *std::move(terms);
  keys_.push_back(std::move(key));
  return absl::OkStatus();
}

absl::Status DatasetReader::ReadClients(absl::string_view line) {
  absl::string_view rest = line;
  Ipv4EntryForms forms;
  forms.host_bits = options_.host_bits;
  const absl::StatusOr<Ipv4Range> range = TakeIpv4Range(&rest, forms);
  IpPrefix prefix;
  if (range.ok()) {
    const absl::Status status = CheckRange(*range);
    if (!status.ok()) return status;
    prefix = CoverRange(Family::kIpv4, IpPrefix::FromIpv4(range->first).bytes,
                        IpPrefix::FromIpv4(range->last).bytes)
                 .front();
  } else {
    rest = line;
    Ipv6EntryForms forms6;
    forms6.host_bits = options_.host_bits;
    const absl::StatusOr<IpPrefix> ipv6 = TakeIpv6Prefix(&rest, forms6);
    if (!ipv6.ok()) {
      return absl::StrContains(line.substr(0, EntryEnd(line)), "::")
                 ? ipv6.status()
                 : range.status();
    }
    prefix = *ipv6;
  }
  rest = SkipBlanks(rest);
  absl::StatusOr<AccessRule> rule =
      default_rule_.value_or(AccessRule{AccessAction::kIgnore, 0});
  if (!rest.empty() && !IsComment(rest)) rule = RuleOf(rest);
  if (!rule.ok()) return rule.status();
  const absl::Status status = CheckFirst(prefix);
  if (!status.ok()) return status;
  if (prefix.family == Family::kIpv4) {
    return sink_->AddIpv4(
        {prefix.ipv4(),
         IpPrefix::Make(Family::kIpv4, prefix.LastAddress(), 32).ipv4()},
        false, RuleNumber(*rule));
  }
  return sink_->AddIpv6(prefix, false, RuleNumber(*rule));
}

}  // namespace rbld
