// Fuzzes any bytes as a target that people write. The word says what was read.
#include <algorithm>
#include <string>

#include "base/fuzz/fuzz_target.h"
#include "zones/written_target.h"

namespace rbld {

std::string FuzzOne(absl::string_view text) {
  const absl::StatusOr<WrittenTarget> written = ParseWrittenTarget(text);
  if (!written.ok()) {
    FuzzCheck(!written.status().message().empty());
    return "bad";
  }
  const Target& target = written->target;
  const std::string shown = target.ToString();
  FuzzCheck(std::all_of(shown.begin(), shown.end(),
                        [](char c) { return c > ' ' && c < 0x7f; }));
  FuzzCheck(written->ascii.empty() || written->ascii == shown);
  const absl::StatusOr<Target> again = Target::Parse(shown);
  FuzzCheck(again.ok() && *again == target);
  const std::string key = target.Key();
  absl::string_view bytes = key;
  const absl::StatusOr<Target> stored = Target::ConsumeKey(&bytes);
  FuzzCheck(stored.ok() && *stored == target && bytes.empty());
  // What the stricter rule takes the other one takes, too.
  FuzzCheck(!CheckListable(target, NameRule::kHost).ok() ||
            CheckListable(target, NameRule::kAny).ok());
  if (!target.is_name()) return "address";
  return written->ascii.empty() ? "name" : "utf8";
}

}  // namespace rbld
