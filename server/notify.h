// ServiceManager: tells systemd, or another program that set NOTIFY_SOCKET, how
// the daemon is doing.
//
// Used by one thread. The socket is connected when this is made, so that it can
// be written from a jail where its path means nothing, and by a user who may
// not open it.
#ifndef RBLD_SERVER_NOTIFY_H_
#define RBLD_SERVER_NOTIFY_H_

#include "absl/strings/string_view.h"
#include "server/sockets.h"

namespace rbld {

class ServiceManager {
 public:
  // Connects to $NOTIFY_SOCKET; logs when that is set and cannot be used.
  ServiceManager();

  // Sends "READY=1", "STOPPING=1" or the like; nothing without a socket.
  void Notify(absl::string_view state) const;
  // "RELOADING=1" with the time that systemd wants beside it. "READY=1" must
  // follow.
  void NotifyReloading() const;

 private:
  Fd socket_;
};

}  // namespace rbld

#endif  // RBLD_SERVER_NOTIFY_H_
