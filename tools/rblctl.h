// rblctl: the operator's command, all of it but main().
//
// Used by one thread.
#ifndef RBLD_TOOLS_RBLCTL_H_
#define RBLD_TOOLS_RBLCTL_H_

#include <istream>
#include <ostream>
#include <string>
#include <vector>

namespace rbld {

// docs/OPERATIONS.md lists them.
enum ExitCode : int {
  kExitDone = 0,
  kExitNothing = 1,  // not listed, nothing found; compare: differences
  kExitUsage = 2,
  kExitRefused = 3,   // the reason is printed
  kExitNoDaemon = 4,  // compare: a server that does not answer
  kExitUnknown = 5,   // outcome unknown, or only a part was done
};

struct RblctlStreams {
  std::istream* in = nullptr;
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  bool in_is_terminal = false;
  bool out_is_terminal = false;  // tables with colours
  bool err_is_terminal = false;  // progress bars
};

// `words` without the program's name. Reads $RBLD_SOCKET and $NO_COLOR.
int RunRblctl(const std::vector<std::string>& words,
              const RblctlStreams& streams);

}  // namespace rbld

#endif  // RBLD_TOOLS_RBLCTL_H_
