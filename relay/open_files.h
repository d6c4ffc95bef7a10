// The process's limit of open files, shared out: who comes to the catcher must
// not leave the tester without a socket, or servers would look unreachable.
//
// Any thread.
#ifndef RBLD_RELAY_OPEN_FILES_H_
#define RBLD_RELAY_OPEN_FILES_H_

#include <cstdint>

namespace rbld {

// Raises the limit as far as the system lets us; what it is then.
uint64_t RaiseOpenFileLimit();

struct FileShares {
  int sessions = 0;     // of the tester
  int connections = 0;  // to the catcher
};
// No more than what is wanted of either; sessions have what connections leave,
// and half of all at least.
FileShares ShareFiles(uint64_t limit, int wanted_sessions,
                      int wanted_connections);

}  // namespace rbld

#endif  // RBLD_RELAY_OPEN_FILES_H_
