// RbldnsdValues: the values of rbldnsd's data files: ":A:TXT", templates with
// `$`, variables `$0` to `$9`, the base template `$=`, defaults and `$TTL`.
//
// A reason of ours has `$` for what was asked and `$$` for a dollar sign.
// Everything else of rbldnsd's template language is worked out when the line is
// read.
//
// Used by one thread.
#ifndef RBLD_ZONES_RBLDNSD_VALUES_H_
#define RBLD_ZONES_RBLDNSD_VALUES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/import.h"
#include "store/value.h"

namespace rbld {

class RbldnsdValues {
 public:
  // `defaults` hold until a line sets others. Borrows `import`.
  RbldnsdValues(ValueSet defaults, Import* import);

  // The text behind an entry, blanks skipped. Empty and comments mean the
  // default.
  absl::StatusOr<Import::ValuesNumber> ForEntry(absl::string_view text);
  absl::StatusOr<Import::ValuesNumber> Default();

  // A line that begins with ':'.
  absl::Status SetDefault(absl::string_view text);
  // `$0` to `$9`, and '=' for the base template; the first one counts. rbldnsd
  // lets them hold for the whole file, wherever they stand; here they must
  // stand before the first entry, which the caller sees to.
  void SetVariable(char name, absl::string_view text);
  void SetTtl(uint32_t ttl_seconds);

 private:
  struct Parsed {
    enum class Text { kDefault, kNone, kGiven };
    std::optional<uint32_t> code;
    Text text_is = Text::kDefault;
    std::string text;
  };

  absl::StatusOr<Parsed> ParseValue(absl::string_view text) const;
  std::string ReasonOf(const Parsed& parsed) const;
  // One value of the parsed text and the defaults.
  Value Resolve(const Parsed& parsed) const;
  std::string ToReason(absl::string_view raw) const;
  std::string Expand(absl::string_view raw, const std::string& base_text) const;

  Import* const import_;
  // From the caller, in our own template language.
  ValueSet given_defaults_;
  // Of a default line; unset until there is one.
  std::optional<Parsed> line_default_;
  // '0' to '9', then '='.
  std::array<std::optional<std::string>, 11> variables_;
  uint32_t ttl_seconds_ = 0;
  std::optional<Import::ValuesNumber> default_number_;
};

}  // namespace rbld

#endif  // RBLD_ZONES_RBLDNSD_VALUES_H_
