#include "zones/rbldnsd/values.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "zones/line_text.h"

namespace rbld {
namespace {

constexpr size_t kBaseTemplate = 10;
constexpr uint32_t kDefaultCode = 0x7f000002;

absl::Status BadValue() {
  return absl::InvalidArgumentError(
      "the value is not of the form :CODE:TEXT, :CODE or TEXT");
}

// Text in which a dollar sign is only that.
std::string Literal(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"$", "$$"}});
}

// `base_text` replaces "$=".
std::string Expand(absl::string_view raw, const std::string& base_text,
                   const Templates& templates) {
  std::string reason;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '$') {
      reason.push_back(raw[i]);
      continue;
    }
    const char next = i + 1 < raw.size() ? raw[i + 1] : '\0';
    if (next == '$') {
      reason += "$$";
      ++i;
    } else if (next == '=') {
      reason += base_text;
      ++i;
    } else if (absl::ascii_isdigit(static_cast<unsigned char>(next))) {
      const std::optional<std::string>& variable =
          templates.variables[static_cast<size_t>(next - '0')];
      // An unknown one stays as it is.
      reason +=
          variable.has_value() ? Literal(*variable) : std::string("$$") + next;
      ++i;
    } else {
      reason.push_back('$');
    }
  }
  return reason;
}

// The reason of an entry's own text; `text` is empty if it has none.
std::string ToReason(absl::string_view text, const Templates& templates) {
  if (!text.empty() && text[0] == '=') {
    return Expand(text.substr(1), Literal(text), templates);
  }
  const std::optional<std::string>& base = templates.variables[kBaseTemplate];
  if (!base.has_value()) return Expand(text, Literal(text), templates);
  // The entry's own text goes in as it is; without one, what was asked does.
  return Expand(*base, text.empty() ? std::string("$") : Literal(text),
                templates);
}

}  // namespace

int TakeInetAddress(absl::string_view* text, uint32_t* address) {
  uint32_t octets[4] = {};
  int count = 0;
  size_t i = 0;
  while (count < 4) {
    uint32_t value = 0;
    const size_t start = i;
    while (i < text->size() &&
           absl::ascii_isdigit(static_cast<unsigned char>((*text)[i]))) {
      value = value * 10 + static_cast<uint32_t>((*text)[i++] - '0');
      if (value > 255) return 0;
    }
    if (i == start) return 0;
    octets[count++] = value;
    if (count == 4 || i == text->size() || (*text)[i] != '.') break;
    ++i;
  }
  *address = octets[count - 1];
  for (int j = 0; j + 1 < count; ++j) *address |= octets[j] << (24 - 8 * j);
  text->remove_prefix(i);
  return count;
}

bool TakeCode(absl::string_view* text, uint32_t* code) {
  absl::string_view rest = *text;
  uint32_t address = 0;
  const int octets = TakeInetAddress(&rest, &address);
  if (octets == 0 || address == 0) return false;
  *code = octets == 1 ? 0x7f000000 | address : address;
  *text = rest;
  return true;
}

bool CutReason(std::string* reason) {
  if (reason->size() <= size_t{kMaxReasonBytes}) return false;
  reason->resize(kMaxReasonBytes);
  // Half of a "$$" would stand for the address.
  size_t dollars = 0;
  while (dollars < reason->size() &&
         (*reason)[reason->size() - 1 - dollars] == '$') {
    ++dollars;
  }
  if (dollars % 2 != 0) reason->pop_back();
  return true;
}

uint32_t TtlLimits::Apply(uint32_t ttl_seconds) const {
  if (ttl_seconds == 0) return default_seconds;
  if (min_seconds != 0) ttl_seconds = std::max(ttl_seconds, min_seconds);
  if (max_seconds != 0) ttl_seconds = std::min(ttl_seconds, max_seconds);
  return ttl_seconds;
}

void Templates::Set(char name, absl::string_view text) {
  std::optional<std::string>& variable =
      variables[name == '=' ? kBaseTemplate : static_cast<size_t>(name - '0')];
  if (!variable.has_value()) variable = std::string(text);
}

ValueReader::ValueReader(ValueSet defaults) : given_(std::move(defaults)) {}

absl::StatusOr<ValueReader::Parsed> ValueReader::Parse(absl::string_view text) {
  Parsed parsed;
  if (text.empty() || IsComment(text)) return parsed;
  absl::string_view rest = text;
  if (rest[0] == ':') {
    rest.remove_prefix(1);
    uint32_t code = 0;
    if (!TakeCode(&rest, &code)) return BadValue();
    parsed.code = code;
    rest = SkipBlanks(rest);
    if (rest.empty()) return parsed;
    if (rest[0] != ':') return BadValue();
    // Behind the second colon all is text, a comment's sign too.
    rest = SkipBlanks(rest.substr(1));
    if (rest.empty()) {
      parsed.text_is = Parsed::Text::kNone;
      return parsed;
    }
  }
  parsed.text_is = Parsed::Text::kGiven;
  parsed.text = std::string(absl::StripTrailingAsciiWhitespace(rest));
  return parsed;
}

ValueReader::Number ValueReader::InternRaw(Raw raw) {
  std::string key;
  key.push_back(static_cast<char>(
      (raw.whole_given_set ? 1 : 0) | (raw.given_text ? 2 : 0) |
      (raw.has_text ? 4 : 0) | (raw.condition.always() ? 0 : 8)));
  key.append(reinterpret_cast<const char*>(&raw.code), sizeof(raw.code));
  if (!raw.condition.always()) {
    key.append(reinterpret_cast<const char*>(&raw.condition.not_before),
               sizeof(raw.condition.not_before));
    key.push_back(static_cast<char>((raw.condition.needs_key ? 1 : 0) |
                                    (raw.condition.key_skips_wait ? 2 : 0)));
  }
  key += raw.text;
  const auto [it, fresh] =
      numbers_.try_emplace(std::move(key), static_cast<Number>(raw_.size()));
  if (fresh) raw_.push_back(std::move(raw));
  return it->second;
}

ValueReader::Number ValueReader::Intern(const Parsed& parsed) {
  Raw raw;
  // Without a default line, the given set's first value stands for one.
  const uint32_t default_code = line_default_.has_value()
                                    ? line_default_->code.value_or(kDefaultCode)
                                    : given_.front().code;
  raw.code = parsed.code.value_or(default_code);
  const Parsed* text = &parsed;
  if (parsed.text_is == Parsed::Text::kDefault && line_default_.has_value()) {
    text = &*line_default_;
  }
  if (text->text_is == Parsed::Text::kGiven) {
    raw.has_text = true;
    raw.text = text->text;
  } else if (text->text_is == Parsed::Text::kDefault &&
             !line_default_.has_value()) {
    raw.given_text = true;
    raw.whole_given_set = !parsed.code.has_value();
  }
  raw.condition = parsed.condition;
  return InternRaw(std::move(raw));
}

absl::StatusOr<ValueReader::Number> ValueReader::ForEntry(
    absl::string_view text, const ValueCondition& condition) {
  absl::StatusOr<Parsed> parsed = Parse(text);
  if (!parsed.ok()) return parsed.status();
  parsed->condition = condition;
  return Intern(*parsed);
}

absl::Status ValueReader::SetDefault(absl::string_view text, bool inherits) {
  absl::StatusOr<Parsed> parsed = Parse(text);
  if (!parsed.ok()) return parsed.status();
  if (inherits && line_default_.has_value()) {
    if (!parsed->code.has_value()) parsed->code = line_default_->code;
    if (parsed->text_is == Parsed::Text::kDefault) {
      parsed->text_is = line_default_->text_is;
      parsed->text = line_default_->text;
    }
  }
  line_default_ = *std::move(parsed);
  return absl::OkStatus();
}

ValueSet ValueReader::Resolve(Number number, const Templates& templates) const {
  const Raw& raw = raw_[number];
  Value value;
  value.code = raw.code;
  value.condition = raw.condition;
  value.ttl_seconds = templates.ttl_seconds != 0 ? templates.ttl_seconds
                                                 : given_.front().ttl_seconds;
  const bool has_base = templates.variables[kBaseTemplate].has_value();
  if (raw.has_text) {
    value.reason = ToReason(raw.text, templates);
  } else if (has_base) {
    // The base template makes a text even where an entry wants none.
    value.reason = ToReason("", templates);
  } else if (raw.whole_given_set) {
    ValueSet values = given_;
    for (Value& each : values) {
      each.condition = raw.condition;
      if (templates.ttl_seconds != 0) each.ttl_seconds = templates.ttl_seconds;
    }
    return values;
  } else if (raw.given_text) {
    value.reason = given_.front().reason;
  }
  return {value};
}

}  // namespace rbld
