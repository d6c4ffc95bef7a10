#include "zones/rbldnsd_values.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "zones/feed_formats.h"

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

bool IsEnd(absl::string_view text) { return text.empty() || IsComment(text); }

// "5" is 127.0.0.5, "127.0.0.5" itself. Removes what it read.
bool TakeCode(absl::string_view* text, uint32_t* code) {
  uint32_t address = 0;
  int octets = 0;
  size_t i = 0;
  while (octets < 4) {
    uint32_t value = 0;
    const size_t start = i;
    while (i < text->size() && absl::ascii_isdigit((*text)[i]) &&
           i - start < 3) {
      value = value * 10 + static_cast<uint32_t>((*text)[i++] - '0');
    }
    if (i == start || value > 255) return false;
    address = address << 8 | value;
    ++octets;
    if (i == text->size() || (*text)[i] != '.') break;
    ++i;
  }
  if (octets == 1) address |= 0x7f000000;
  if ((octets != 1 && octets != 4) || address == 0 || address == 0x7f000000) {
    return false;
  }
  *code = address;
  text->remove_prefix(i);
  return true;
}

}  // namespace

RbldnsdValues::RbldnsdValues(ValueSet defaults, Import* import)
    : import_(import), given_defaults_(std::move(defaults)) {}

absl::StatusOr<RbldnsdValues::Parsed> RbldnsdValues::ParseValue(
    absl::string_view text) const {
  Parsed parsed;
  if (IsEnd(text)) return parsed;
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

std::string RbldnsdValues::Expand(absl::string_view raw,
                                  const std::string& base_text) const {
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
    } else if (absl::ascii_isdigit(next)) {
      const std::optional<std::string>& variable =
          variables_[static_cast<size_t>(next - '0')];
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

std::string RbldnsdValues::ToReason(absl::string_view raw) const {
  if (!raw.empty() && raw[0] == '=') {
    return Expand(raw.substr(1), Literal(raw));
  }
  const std::optional<std::string>& base = variables_[kBaseTemplate];
  if (!base.has_value()) return Expand(raw, Literal(raw));
  // The entry's own text goes in as it is; without one, what was asked does.
  return Expand(*base, raw.empty() ? std::string("$") : Literal(raw));
}

std::string RbldnsdValues::ReasonOf(const Parsed& parsed) const {
  const Parsed* text = &parsed;
  if (parsed.text_is == Parsed::Text::kDefault) {
    if (line_default_.has_value()) {
      text = &*line_default_;
    } else if (!variables_[kBaseTemplate].has_value()) {
      return given_defaults_.empty() ? "" : given_defaults_.front().reason;
    }
  }
  if (text->text_is == Parsed::Text::kGiven) return ToReason(text->text);
  // The base template makes a text even where an entry wants none.
  return variables_[kBaseTemplate].has_value() ? ToReason("") : "";
}

Value RbldnsdValues::Resolve(const Parsed& parsed) const {
  Value value;
  const Value* const given =
      given_defaults_.empty() ? nullptr : &given_defaults_.front();
  value.code = parsed.code.value_or(
      line_default_.has_value() ? line_default_->code.value_or(kDefaultCode)
      : given != nullptr        ? given->code
                                : kDefaultCode);
  value.ttl_seconds = ttl_seconds_;
  value.reason = ReasonOf(parsed);
  if (value.ttl_seconds == 0 && given != nullptr) {
    value.ttl_seconds = given->ttl_seconds;
  }
  return value;
}

absl::StatusOr<Import::ValuesNumber> RbldnsdValues::Default() {
  if (default_number_.has_value()) return *default_number_;
  ValueSet values;
  if (line_default_.has_value() || variables_[kBaseTemplate].has_value()) {
    values = {Resolve(Parsed())};
  } else {
    values = given_defaults_;
    for (Value& value : values) {
      if (ttl_seconds_ != 0) value.ttl_seconds = ttl_seconds_;
    }
  }
  const absl::StatusOr<Import::ValuesNumber> number =
      import_->InternValues(std::move(values));
  if (number.ok()) default_number_ = *number;
  return number;
}

absl::StatusOr<Import::ValuesNumber> RbldnsdValues::ForEntry(
    absl::string_view text) {
  if (IsEnd(text)) return Default();
  const absl::StatusOr<Parsed> parsed = ParseValue(text);
  if (!parsed.ok()) return parsed.status();
  return import_->InternValues({Resolve(*parsed)});
}

absl::Status RbldnsdValues::SetDefault(absl::string_view text) {
  absl::StatusOr<Parsed> parsed = ParseValue(text);
  if (!parsed.ok()) return parsed.status();
  line_default_ = *std::move(parsed);
  default_number_.reset();
  return absl::OkStatus();
}

void RbldnsdValues::SetVariable(char name, absl::string_view text) {
  std::optional<std::string>& variable =
      variables_[name == '=' ? kBaseTemplate : static_cast<size_t>(name - '0')];
  if (variable.has_value()) return;
  variable = std::string(text);
  default_number_.reset();
}

void RbldnsdValues::SetTtl(uint32_t ttl_seconds) {
  ttl_seconds_ = ttl_seconds;
  default_number_.reset();
}

}  // namespace rbld
