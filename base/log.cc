#include "base/log.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace rbld {
namespace {

struct LevelNames {
  absl::string_view systemd_prefix;  // sd-daemon(3)
  absl::string_view word;
};

LevelNames NamesOf(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return {"<3>", "error: "};
    case LogLevel::kWarning:
      return {"<4>", "warning: "};
    case LogLevel::kInfo:
      break;
  }
  return {"<6>", ""};
}

}  // namespace

void Log(LogLevel level, absl::string_view message) {
  const LevelNames names = NamesOf(level);
  // The journal stamps lines by itself.
  const bool under_systemd =
      getenv("INVOCATION_ID") != nullptr && getenv("JOURNAL_STREAM") != nullptr;
  std::string line;
  if (under_systemd) {
    line = std::string(names.systemd_prefix);
  } else {
    line = absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E3S%Ez", absl::Now(),
                                         absl::LocalTimeZone()),
                        " ");
  }
  absl::StrAppend(&line, names.word);
  for (const char c : message) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&line, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      line.push_back(c);
    }
  }
  line.push_back('\n');
  // A log that cannot be written must not stop the service.
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace rbld
