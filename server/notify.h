// NotifyServiceManager: tells systemd, or whoever set NOTIFY_SOCKET, how the
// daemon is doing.
#ifndef RBLD_SERVER_NOTIFY_H_
#define RBLD_SERVER_NOTIFY_H_

#include "absl/strings/string_view.h"

namespace rbld {

// Sends "READY=1", "STOPPING=1" or the like to $NOTIFY_SOCKET. Does nothing
// when that is not set; logs when it is and cannot be used.
void NotifyServiceManager(absl::string_view state);

}  // namespace rbld

#endif  // RBLD_SERVER_NOTIFY_H_
