#include "relay/open_files.h"

#include <sys/resource.h>

#include <algorithm>

namespace rbld {
namespace {

// Listeners, the loop's, rbld's control socket, lookups of names.
constexpr uint64_t kOtherFiles = 64;
constexpr uint64_t kMostFiles = 1'000'000;

}  // namespace

uint64_t RaiseOpenFileLimit() {
  rlimit files = {};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 0;
  const rlimit raised = {files.rlim_max, files.rlim_max};
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur
                                                : files.rlim_cur;
}

FileShares ShareFiles(uint64_t limit, int wanted_sessions,
                      int wanted_connections) {
  const int room = static_cast<int>(std::min(limit, kMostFiles) -
                                    std::min(limit, kOtherFiles));
  FileShares shares;
  shares.sessions =
      std::min(wanted_sessions, std::max(room / 2, room - wanted_connections));
  shares.connections = std::min(wanted_connections, room - shares.sessions);
  return shares;
}

}  // namespace rbld
