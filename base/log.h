// Log lines for people and service managers: one line to standard error, with
// the priority prefix that systemd understands when INVOCATION_ID is set.
//
// Thread-safe: a line is one write(2). Never called per query.
#ifndef RBLD_BASE_LOG_H_
#define RBLD_BASE_LOG_H_

#include "absl/strings/string_view.h"

namespace rbld {

enum class LogLevel { kError, kWarning, kInfo };

// Control characters in `message` are written as \xNN so that a line stays one.
void Log(LogLevel level, absl::string_view message);

inline void LogError(absl::string_view message) {
  Log(LogLevel::kError, message);
}
inline void LogWarning(absl::string_view message) {
  Log(LogLevel::kWarning, message);
}
inline void LogInfo(absl::string_view message) {
  Log(LogLevel::kInfo, message);
}

}  // namespace rbld

#endif  // RBLD_BASE_LOG_H_
