// Giving up root.
#ifndef RBLD_SERVER_USER_H_
#define RBLD_SERVER_USER_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rbld {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// NotFound names the user and the cure.
absl::StatusOr<User> FindUser(const std::string& name);

// Becomes `user` for good, with that user's groups. Ok at once when we are that
// user already; PermissionDenied when we are neither that user nor root. To be
// called before any other thread is started.
absl::Status BecomeUser(const User& user);

}  // namespace rbld

#endif  // RBLD_SERVER_USER_H_
