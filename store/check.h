// RBLD_CHECK: ends the process when our own code broke a promise. Bytes from
// outside never reach one; they return errors.
#ifndef RBLD_STORE_CHECK_H_
#define RBLD_STORE_CHECK_H_

#include <cstdio>
#include <cstdlib>

namespace rbld {

[[noreturn]] inline void CheckFailed(const char* file, int line,
                                     const char* condition,
                                     const char* message) {
  std::fprintf(stderr, "%s:%d: check failed: %s: %s\n", file, line, condition,
               message);
  std::abort();
}

}  // namespace rbld

#define RBLD_CHECK(condition, message)                                \
  do {                                                                \
    if (__builtin_expect(!(condition), 0)) {                          \
      ::rbld::CheckFailed(__FILE__, __LINE__, #condition, (message)); \
    }                                                                 \
  } while (false)

#endif  // RBLD_STORE_CHECK_H_
