// ValueReader: the values of rbldnsd's data files: ":A:TXT", templates with
// `$`, variables `$0` to `$9`, the base template `$=`, defaults and `$TTL`.
//
// Variables and `$TTL` hold for the whole dataset, wherever they stand, so an
// entry's value gets a number when its line is read, and what the numbers mean
// is known at the end. Our own template language has `$` for what was asked and
// `$$` for a dollar sign; everything else of rbldnsd's is worked out here.
//
// Used by one thread.
#ifndef RBLD_ZONES_RBLDNSD_VALUES_H_
#define RBLD_ZONES_RBLDNSD_VALUES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/value.h"

namespace rbld {

// How often records may be kept, of `-t` and the configuration.
struct TtlLimits {
  uint32_t default_seconds = 0;  // of data without $TTL; 0: the zone's
  uint32_t min_seconds = 0;      // 0: none
  uint32_t max_seconds = 0;

  // 0 stands for "not said".
  uint32_t Apply(uint32_t ttl_seconds) const;

  friend bool operator==(const TtlLimits&, const TtlLimits&) = default;
};

// What a dataset's lines may refer to from everywhere; a combined file's
// sections begin with those of the file.
struct Templates {
  // '0' to '9', then '='.
  std::array<std::optional<std::string>, 11> variables;
  uint32_t ttl_seconds = 0;  // 0: none given

  // `name` is '0' to '9' or '='. The first text of a name holds.
  void Set(char name, absl::string_view text);
};

// Cuts a reason that is too long to be served (kMaxReasonBytes), as rbldnsd
// cuts texts. Returns whether it was.
bool CutReason(std::string* reason);

class ValueReader {
 public:
  using Number = uint32_t;

  // `defaults` hold where no line sets others; not empty.
  explicit ValueReader(ValueSet defaults);

  // The text behind an entry, blanks skipped. Empty and comments mean the
  // default.
  absl::StatusOr<Number> ForEntry(absl::string_view text,
                                  const ValueCondition& condition = {});
  Number Default() { return Intern(Parsed()); }

  // A line that begins with ':'; it holds up to the end of its file. What it
  // does not say is rbldnsd's own, or what the default before it said.
  absl::Status SetDefault(absl::string_view text, bool inherits = false);
  void StartFile() { line_default_.reset(); }

  // What a number means with these templates.
  ValueSet Resolve(Number number, const Templates& templates) const;
  size_t size() const { return raw_.size(); }

 private:
  struct Raw {
    bool whole_given_set = false;
    bool given_text = false;  // that of the given set's first value
    uint32_t code = 0;
    bool has_text = false;  // else there is none, or only the base template's
    std::string text;
    ValueCondition condition;
  };
  struct Parsed {
    enum class Text { kDefault, kNone, kGiven };
    std::optional<uint32_t> code;
    Text text_is = Text::kDefault;
    std::string text;
    ValueCondition condition;
  };

  static absl::StatusOr<Parsed> Parse(absl::string_view text);
  Number Intern(const Parsed& parsed);
  Number InternRaw(Raw raw);

  const ValueSet given_;
  std::optional<Parsed> line_default_;
  std::vector<Raw> raw_;
  absl::flat_hash_map<std::string, Number> numbers_;
};

// "127.0.0.5" is itself, "5" is 0.0.0.5, "1.2" 1.0.0.2 and "1.2.3" 1.2.0.3, as
// inet_aton(3) has it. Removes what it read; returns how many octets that was,
// 0 when it is no address.
int TakeInetAddress(absl::string_view* text, uint32_t* address);

// The same, but "5" is 127.0.0.5, and 0.0.0.0 is none.
bool TakeCode(absl::string_view* text, uint32_t* code);

}  // namespace rbld

#endif  // RBLD_ZONES_RBLDNSD_VALUES_H_
