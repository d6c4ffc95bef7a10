#include "server/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr size_t kPasswordEntryBytes = 16 << 10;

}  // namespace

absl::StatusOr<User> FindUser(const std::string& name) {
  std::vector<char> buffer(kPasswordEntryBytes);
  passwd entry;
  passwd* found = nullptr;
  const int error =
      getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return absl::NotFoundError(absl::StrCat(
        "server.user: there is no user \"", name, "\"",
        error != 0 ? absl::StrCat(" (", strerror(error), ")") : "",
        "; make one (`adduser --system --group ", name, "`) or name another"));
  }
  return User{name, entry.pw_uid, entry.pw_gid};
}

absl::Status BecomeUser(const User& user) {
  if (geteuid() == user.uid && getuid() == user.uid) return absl::OkStatus();
  if (geteuid() != 0) {
    return absl::PermissionDeniedError(absl::StrCat(
        "cannot become user ", user.name,
        ": only root can change its user; start rbld as root or as ", user.name,
        ", or leave server.user out"));
  }
  if (initgroups(user.name.c_str(), user.gid) != 0 ||
      setresgid(user.gid, user.gid, user.gid) != 0 ||
      setresuid(user.uid, user.uid, user.uid) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot become user ", user.name, ": ", strerror(errno)));
  }
  // A way back would make the rest pointless.
  if (user.uid != 0 && setuid(0) == 0) {
    return absl::InternalError(
        absl::StrCat("root could not be given up for user ", user.name));
  }
  return absl::OkStatus();
}

}  // namespace rbld
