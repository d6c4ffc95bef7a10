#include "zones/written_target.h"

#include <idn2.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

// The longest name has 254 characters, of up to 4 bytes each.
constexpr size_t kMaxUtf8Bytes = 4 * kMaxNameBytes;

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

// What stands before the name: "", "." or "*.".
absl::string_view ScopeOf(absl::string_view text) {
  if (absl::StartsWith(text, "*.")) return text.substr(0, 2);
  return text.substr(0, absl::StartsWith(text, ".") ? 1 : 0);
}

absl::Status CheckAsciiOf(absl::string_view name) {
  for (const char c : name) {
    if (!IsAscii(c) || absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        c == '-' || c == '_' || c == '.') {
      continue;
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "a name in UTF-8 cannot have the character \"",
        absl::CHexEscape(absl::string_view(&c, 1)),
        "\", for no host or domain has; give the host or domain alone"));
  }
  return absl::OkStatus();
}

// The name with xn-- labels.
absl::StatusOr<std::string> ToAscii(absl::string_view name) {
  if (absl::Status s = CheckAsciiOf(name); !s.ok()) return s;
  if (name.size() > kMaxUtf8Bytes) {
    return absl::InvalidArgumentError(
        "the name is longer than 255 bytes (RFC 1035 §2.3.4)");
  }
  char* ascii = nullptr;
  const int code = idn2_to_ascii_8z(std::string(name).c_str(), &ascii,
                                    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, void (*)(void*)> owned(ascii, idn2_free);
  if (code == IDN2_OK) return std::string(ascii);
  if (code == IDN2_ENCODING_ERROR) {
    return absl::InvalidArgumentError(
        "the name has bytes above 127, but is not UTF-8; give its xn-- form");
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the name is no internationalized one (UTS #46): ", idn2_strerror(code)));
}

}  // namespace

absl::StatusOr<WrittenTarget> ParseWrittenTarget(absl::string_view text) {
  if (std::all_of(text.begin(), text.end(), IsAscii)) {
    absl::StatusOr<Target> target = Target::Parse(text);
    if (!target.ok()) return target.status();
    return WrittenTarget{*std::move(target), ""};
  }
  const absl::string_view scope = ScopeOf(text);
  const absl::StatusOr<std::string> ascii = ToAscii(text.substr(scope.size()));
  if (!ascii.ok()) return ascii.status();
  const std::string meant = absl::StrCat(scope, *ascii);
  absl::StatusOr<Target> target = Target::Parse(meant);
  if (!target.ok()) return target.status();
  // The mapping makes digits, dots and asterisks of their wide forms.
  if (!target->is_name() || scope != ScopeOf(meant)) {
    return absl::InvalidArgumentError(
        absl::StrCat("this becomes ", meant,
                     " (UTS #46), which is no name; "
                     "write that if it is meant"));
  }
  WrittenTarget written{*std::move(target), ""};
  written.ascii = written.target.ToString();
  return written;
}

}  // namespace rbld
