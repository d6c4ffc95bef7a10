// Giving up root.
#ifndef RBLD_BASE_USER_H_
#define RBLD_BASE_USER_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  bool own_group = true;  // the user's own, so that its other groups come too
};

// "USER" or "USER:GROUP", either by name or by number: 102:105. A number
// without a group has the group of that number. NotFound names the user or the
// group and the cure. `setting` is what the user was named by: "server.user".
absl::StatusOr<User> FindUser(absl::string_view setting,
                              const std::string& name);

// Changes the root directory (root only) and then the working directory; an
// empty one is left as it is. Errors name the directory.
absl::Status EnterDirectories(const std::string& root, const std::string& work);

// Becomes `user` for good, with that user's groups. Ok at once when we are that
// user already; PermissionDenied when we are neither that user nor root. To be
// called before any other thread is started. `setting` as in FindUser.
absl::Status BecomeUser(absl::string_view setting, const User& user);

}  // namespace rbld

#endif  // RBLD_BASE_USER_H_
