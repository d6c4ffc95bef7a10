#include "store/target.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr size_t kMaxLabelBytes = 63;  // RFC 1035 §2.3.4
constexpr size_t kMaxLabels = 127;     // of one byte each
constexpr char kNameTooLong[] =
    "the name is longer than 255 bytes (RFC 1035 §2.3.4)";
constexpr size_t kMaxShownBytes = 80;  // of hostile text in a message

std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text.substr(0, kMaxShownBytes)) {
    if (absl::ascii_isprint(static_cast<unsigned char>(c))) {
      quoted.push_back(c);
    } else {
      quoted += absl::StrCat(
          "\\x", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  if (text.size() > kMaxShownBytes) quoted += "…";
  quoted.push_back('"');
  return quoted;
}

absl::Status NotATarget(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(Quoted(text), ": ", why));
}

// What a name's text shows as it stands. A dot and a backslash mean something
// in it, "*." in front, too; lines of `rblctl add -` end at '#'.
bool IsPlainByte(char c) {
  return c > ' ' && c < 0x7f && c != '.' && c != '\\' && c != '*' && c != '#';
}

// A byte by its number, "\042" (RFC 1035 §5.1).
void AppendNumbered(char c, std::string* out) {
  const auto byte = static_cast<uint8_t>(c);
  out->push_back('\\');
  out->push_back(static_cast<char>('0' + byte / 100));
  out->push_back(static_cast<char>('0' + byte / 10 % 10));
  out->push_back(static_cast<char>('0' + byte % 10));
}

// Text that only an address, prefix or range is written with. A top-level
// domain is never all digits (RFC 3696 §2), so no real name is lost; a name
// that looks so is written with an escape.
bool LooksLikeAddress(absl::string_view text) {
  if (absl::StrContains(text, '\\')) return false;
  if (std::count(text.begin(), text.end(), ':') >= 2) return true;
  return absl::ascii_isdigit(static_cast<unsigned char>(text[0])) &&
         text.find_first_not_of("0123456789./-") == absl::string_view::npos &&
         text.find_first_of("./") != absl::string_view::npos;
}

// Takes the byte behind a backslash: "\." or "\046" (RFC 1035 §5.1). `*at` is
// behind the backslash and moves to the last character of the escape.
bool TakeEscape(absl::string_view text, size_t* at, char* byte) {
  if (*at == text.size()) return false;
  const auto is_digit = [&](size_t i) {
    return i < text.size() &&
           absl::ascii_isdigit(static_cast<unsigned char>(text[i]));
  };
  if (!is_digit(*at)) {
    *byte = text[*at];
    return absl::ascii_isprint(static_cast<unsigned char>(*byte));
  }
  if (!is_digit(*at + 1) || !is_digit(*at + 2)) return false;
  const int number = (text[*at] - '0') * 100 + (text[*at + 1] - '0') * 10 +
                     (text[*at + 2] - '0');
  *at += 2;
  *byte = static_cast<char>(number);
  return number <= 255;
}

// Appends the wire form of one label of `text`.
absl::Status AppendLabel(absl::string_view text, absl::string_view label,
                         std::string* wire) {
  if (label.empty()) return NotATarget(text, "a label of the name is empty");
  const size_t start = wire->size();
  wire->push_back('\0');
  for (size_t i = 0; i < label.size(); ++i) {
    char byte = label[i];
    if (byte == '\\') {
      ++i;
      if (!TakeEscape(label, &i, &byte)) {
        return NotATarget(text,
                          "behind a backslash stands a character, or three "
                          "digits up to 255 (RFC 1035 §5.1)");
      }
    } else if (!IsPlainByte(byte) && byte != '#') {
      std::string escaped;
      AppendNumbered(byte, &escaped);
      return NotATarget(
          text, absl::StrCat(
                    "not an address, and as a name it has a character that no "
                    "host or domain has; to name a listing that has it, write "
                    "it as ",
                    escaped));
    }
    wire->push_back(absl::ascii_tolower(static_cast<unsigned char>(byte)));
  }
  const size_t bytes = wire->size() - start - 1;
  if (bytes > kMaxLabelBytes) {
    return NotATarget(
        text, "a label of the name is longer than 63 bytes (RFC 1035 §2.3.4)");
  }
  (*wire)[start] = static_cast<char>(bytes);
  return absl::OkStatus();
}

absl::StatusOr<Target> ParseName(absl::string_view text) {
  absl::string_view rest = text;
  NameScope scope = NameScope::kExact;
  if (rest.size() >= 2 && rest[0] == '*' && rest[1] == '.') {
    scope = NameScope::kSubdomains;
    rest.remove_prefix(2);
  } else if (!rest.empty() && rest[0] == '.') {
    scope = NameScope::kWithSubdomains;
    rest.remove_prefix(1);
  }
  if (rest.empty() || rest == ".") {
    return NotATarget(text, "that is no name; the root cannot be listed");
  }
  // Where the labels end; a final dot ends the last one.
  std::array<size_t, kMaxLabels> ends;
  size_t labels = 0;
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '.') {
      if (labels == kMaxLabels) return NotATarget(text, kNameTooLong);
      ends[labels++] = i;
    }
  }
  const bool has_final_dot = labels > 0 && ends[labels - 1] + 1 == rest.size();
  if (!has_final_dot) {
    if (labels == kMaxLabels) return NotATarget(text, kNameTooLong);
    ends[labels++] = rest.size();
  }
  std::string wire;
  wire.reserve(rest.size() + 1);
  for (size_t i = labels; i-- > 0;) {
    const size_t start = i == 0 ? 0 : ends[i - 1] + 1;
    const absl::Status status =
        AppendLabel(text, rest.substr(start, ends[i] - start), &wire);
    if (!status.ok()) return status;
  }
  if (wire.size() > static_cast<size_t>(kMaxNameBytes)) {
    return NotATarget(text, kNameTooLong);
  }
  return Target::OfName(std::move(wire), scope);
}

void AppendNameText(absl::string_view reversed_wire, std::string* text) {
  std::array<absl::string_view, kMaxLabels> labels;
  size_t count = 0;
  for (size_t i = 0; i < reversed_wire.size() && count < kMaxLabels;) {
    const size_t label_bytes = static_cast<uint8_t>(reversed_wire[i]);
    labels[count++] = reversed_wire.substr(i + 1, label_bytes);
    i += 1 + label_bytes;
  }
  for (size_t i = count; i-- > 0;) {
    for (const char c : labels[i]) {
      if (IsPlainByte(c)) {
        text->push_back(c);
      } else if (c == '.' || c == '\\') {
        text->push_back('\\');
        text->push_back(c);
      } else {
        AppendNumbered(c, text);
      }
    }
    if (i > 0) text->push_back('.');
  }
}

// "192.0.2.0/255.255.255.0", or what was wrong with the text.
absl::StatusOr<Target> ParseWithNetmask(absl::string_view text,
                                        const absl::Status& status) {
  const size_t slash = text.find('/');
  uint32_t mask = 0;
  int bits = 0;
  if (slash == absl::string_view::npos ||
      !ParseDottedQuad(text.substr(slash + 1), &mask)) {
    return status;
  }
  const absl::string_view address = text.substr(0, slash);
  if (!ParseNetmask(mask, &bits)) {
    if (mask == 0 || !ParseNetmask(~mask, &bits)) return status;
    return NotATarget(
        text, absl::StrCat("a wildcard mask is not read here; write ", address,
                           "/", bits, " if that is meant"));
  }
  const absl::StatusOr<IpPrefix> prefix =
      ParseIpPrefix(absl::StrCat(address, "/", bits));
  if (!prefix.ok()) return prefix.status();
  return Target::OfPrefix(*prefix);
}

absl::Status BadKey(absl::string_view why) {
  return absl::DataLossError(absl::StrCat("a stored target's key ", why));
}

}  // namespace

const char* KindName(TargetKind kind) {
  switch (kind) {
    case TargetKind::kName:
      return "name";
    case TargetKind::kIpv4:
      return "ipv4";
    case TargetKind::kIpv6:
      return "ipv6";
  }
  return "unknown";
}

const char* KindWords(TargetKind kind) {
  switch (kind) {
    case TargetKind::kName:
      return "names";
    case TargetKind::kIpv4:
      return "IPv4 addresses";
    case TargetKind::kIpv6:
      return "IPv6 addresses";
  }
  return "targets";
}

Target Target::OfPrefix(const IpPrefix& prefix) {
  Target target;
  target.kind_ =
      prefix.family == Family::kIpv4 ? TargetKind::kIpv4 : TargetKind::kIpv6;
  target.prefix_ = prefix;
  return target;
}

Target Target::OfName(std::string reversed_wire, NameScope scope) {
  Target target;
  target.kind_ = TargetKind::kName;
  target.scope_ = scope;
  target.reversed_wire_ = std::move(reversed_wire);
  return target;
}

absl::StatusOr<Target> Target::Parse(absl::string_view text) {
  if (text.empty()) return NotATarget(text, "no address and no name");
  const absl::StatusOr<IpPrefix> prefix = ParseIpPrefix(text);
  if (prefix.ok()) return OfPrefix(*prefix);
  if (LooksLikeAddress(text)) return ParseWithNetmask(text, prefix.status());
  return ParseName(text);
}

std::string Target::ToString() const {
  if (!is_name()) return prefix_.ToString();
  std::string text;
  if (scope_ == NameScope::kSubdomains) text = "*.";
  if (scope_ == NameScope::kWithSubdomains) text = ".";
  const size_t start = text.size();
  AppendNameText(reversed_wire_, &text);
  // What would be read as an address, as the sign for the standard input or as
  // JSON begins with an escape instead.
  if (LooksLikeAddress(text) || text == "-" || text[0] == '{') {
    std::string escaped;
    AppendNumbered(text[start], &escaped);
    text.replace(start, 1, escaped);
  }
  return text;
}

void Target::AppendKey(std::string* key) const {
  key->push_back(static_cast<char>(kind_));
  if (is_name()) {
    key->append(reversed_wire_);
    key->push_back('\0');
    key->push_back(static_cast<char>(scope_));
    return;
  }
  const size_t address_bytes =
      static_cast<size_t>(IpPrefix::WidthBits(prefix_.family)) / 8;
  key->append(reinterpret_cast<const char*>(prefix_.bytes.data()),
              address_bytes);
  key->push_back(static_cast<char>(prefix_.length_bits));
}

absl::StatusOr<Target> Target::ConsumeKey(absl::string_view* bytes) {
  if (bytes->empty()) return BadKey("is empty");
  const auto kind = static_cast<TargetKind>((*bytes)[0]);
  absl::string_view rest = bytes->substr(1);
  if (kind == TargetKind::kName) {
    size_t i = 0;
    while (i < rest.size() && rest[i] != '\0') {
      const size_t label_bytes = static_cast<uint8_t>(rest[i]);
      if (label_bytes > kMaxLabelBytes) return BadKey("has a label too long");
      i += 1 + label_bytes;
    }
    if (i + 1 >= rest.size()) return BadKey("ends inside a name");
    if (i == 0) return BadKey("names the root");
    if (i > static_cast<size_t>(kMaxNameBytes)) {
      return BadKey("has a name too long");
    }
    const uint8_t scope = static_cast<uint8_t>(rest[i + 1]);
    if (scope < 1 || scope > 3) return BadKey("has an unknown scope");
    *bytes = rest.substr(i + 2);
    return OfName(std::string(rest.substr(0, i)),
                  static_cast<NameScope>(scope));
  }
  if (kind != TargetKind::kIpv4 && kind != TargetKind::kIpv6) {
    return BadKey("has an unknown kind");
  }
  const Family family =
      kind == TargetKind::kIpv4 ? Family::kIpv4 : Family::kIpv6;
  const int width_bits = IpPrefix::WidthBits(family);
  const size_t address_bytes = static_cast<size_t>(width_bits) / 8;
  if (rest.size() < address_bytes + 1) return BadKey("ends inside an address");
  AddressBytes address = {};
  std::copy_n(rest.begin(), address_bytes, address.begin());
  const int length_bits = static_cast<uint8_t>(rest[address_bytes]);
  if (length_bits > width_bits) return BadKey("has a prefix length too long");
  const IpPrefix prefix = IpPrefix::Make(family, address, length_bits);
  if (prefix.bytes != address) return BadKey("has bits set behind its prefix");
  *bytes = rest.substr(address_bytes + 1);
  return OfPrefix(prefix);
}

absl::Status CheckListable(const Target& target, NameRule rule) {
  if (!target.is_name()) return absl::OkStatus();
  const std::string text = target.ToString();
  const absl::string_view wire = target.reversed_wire();
  for (size_t i = 0; i < wire.size();) {
    const size_t label_bytes = static_cast<uint8_t>(wire[i]);
    for (const char c : wire.substr(i + 1, label_bytes)) {
      if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
          c == '_') {
        continue;
      }
      return NotATarget(
          text,
          absl::StrContains(text, "://") ? "a URL; give its host alone"
          : c == ':' ? "has a port or another colon; give the address or the "
                       "name alone"
          : c == '/' ? "neither a prefix of an address nor a name; give the "
                       "host alone"
          : c == ',' ? "several in one; give them one by one"
                     : "no address, and as a name it has a character that no "
                       "host or domain has; those have letters, digits, "
                       "hyphens and underscores");
    }
    i += 1 + label_bytes;
  }
  const size_t top_bytes = static_cast<uint8_t>(wire[0]);
  const absl::string_view top = wire.substr(1, top_bytes);
  const bool is_single = top_bytes + 1 == wire.size();
  if (is_single && rule == NameRule::kAny) return absl::OkStatus();
  if (std::all_of(top.begin(), top.end(),
                  [](unsigned char c) { return absl::ascii_isdigit(c); })) {
    return NotATarget(text,
                      "ends in a number, as no name does; a mistyped address?");
  }
  if (is_single && target.scope() == NameScope::kExact) {
    return absl::InvalidArgumentError(absl::StrCat(
        Quoted(text),
        " is neither an address nor a name with a dot; to list a whole "
        "top-level domain write .",
        text, "; a list of hashes or the like needs names = \"any\""));
  }
  return absl::OkStatus();
}

}  // namespace rbld
