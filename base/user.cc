#include "base/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr size_t kPasswordEntryBytes = 16 << 10;

// The highest number means "none" to setresuid.
bool ParseId(absl::string_view text, uint32_t* id) {
  return !text.empty() && absl::c_all_of(text, absl::ascii_isdigit) &&
         absl::SimpleAtoi(text, id) && *id != 0xffffffff;
}

}  // namespace

absl::StatusOr<User> FindUser(absl::string_view setting,
                              const std::string& text) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  std::vector<char> buffer(kPasswordEntryBytes);
  passwd entry;
  passwd* found = nullptr;
  const int error =
      getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  uint32_t number = 0;
  const bool is_number = found == nullptr && ParseId(name, &number);
  if (found == nullptr && !is_number) {
    return absl::NotFoundError(absl::StrCat(
        setting, ": there is no user \"", name, "\"",
        error != 0 ? absl::StrCat(" (", strerror(error), ")") : "",
        "; make one (`adduser --system --group ", name, "`) or name another"));
  }
  // A number needs no entry, and its group has the same number.
  User user{name, is_number ? number : entry.pw_uid,
            is_number ? number : entry.pw_gid, !is_number};
  if (colon == std::string::npos) return user;
  const std::string group = text.substr(colon + 1);
  struct group group_entry;
  struct group* found_group = nullptr;
  getgrnam_r(group.c_str(), &group_entry, buffer.data(), buffer.size(),
             &found_group);
  const bool is_group_number =
      found_group == nullptr && ParseId(group, &number);
  if (found_group == nullptr && !is_group_number) {
    return absl::NotFoundError(absl::StrCat(
        setting, ": there is no group \"", group,
        "\"; make one (`addgroup --system ", group, "`) or name another"));
  }
  user.gid = is_group_number ? number : group_entry.gr_gid;
  user.own_group = false;
  return user;
}

absl::Status EnterDirectories(const std::string& root,
                              const std::string& work) {
  if (!root.empty() && (chroot(root.c_str()) != 0 || chdir("/") != 0)) {
    return absl::PermissionDeniedError(absl::StrCat(
        root, ": cannot become the root directory: ", strerror(errno)));
  }
  if (!work.empty() && chdir(work.c_str()) != 0) {
    return absl::NotFoundError(absl::StrCat(
        work, ": cannot become the working directory: ", strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status BecomeUser(absl::string_view setting, const User& user) {
  if (geteuid() == user.uid && getuid() == user.uid) return absl::OkStatus();
  if (geteuid() != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot become user ", user.name,
                     ": only root can change its user; start as root or as ",
                     user.name, ", or leave ", setting, " out"));
  }
  const int groups = user.own_group ? initgroups(user.name.c_str(), user.gid)
                                    : setgroups(1, &user.gid);
  if (groups != 0 || setresgid(user.gid, user.gid, user.gid) != 0 ||
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
