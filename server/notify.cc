#include "server/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace rbld {

ServiceManager::ServiceManager() {
  const char* const path = getenv("NOTIFY_SOCKET");
  if (path == nullptr || path[0] == '\0') return;
  sockaddr_un address;
  memset(&address, 0, sizeof(address));
  address.sun_family = AF_UNIX;
  const size_t path_bytes = strlen(path);
  if (path_bytes >= sizeof(address.sun_path)) {
    LogWarning(absl::StrCat("NOTIFY_SOCKET is too long: ", path));
    return;
  }
  memcpy(address.sun_path, path, path_bytes);
  // "@" stands for the 0 byte of a name in the abstract namespace.
  if (path[0] == '@') address.sun_path[0] = '\0';
  const socklen_t address_bytes =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_bytes);
  socket_ = Fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_.valid() ||
      connect(socket_.get(), reinterpret_cast<sockaddr*>(&address),
              address_bytes) != 0) {
    LogWarning(absl::StrCat("cannot open NOTIFY_SOCKET ", path, ": ",
                            strerror(errno)));
    socket_.Close();
  }
}

void ServiceManager::Notify(absl::string_view state) const {
  if (!socket_.valid()) return;
  if (send(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL) < 0) {
    LogWarning(
        absl::StrCat("cannot write to NOTIFY_SOCKET: ", strerror(errno)));
  }
}

void ServiceManager::NotifyReloading() const {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  Notify(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=",
                      int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000));
}

}  // namespace rbld
