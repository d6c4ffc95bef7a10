#include "control/peer.h"

#include <pwd.h>
#include <sys/socket.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr size_t kPasswdBufferBytes = 16 << 10;

}  // namespace

std::string UserText(uid_t uid) {
  std::vector<char> buffer(kPasswdBufferBytes);
  passwd entry;
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr) {
    return absl::StrCat("uid:", uid, "(", found->pw_name, ")");
  }
  return absl::StrCat("uid:", uid);
}

std::string PeerName(int socket_fd) {
  ucred credentials;
  socklen_t size = sizeof credentials;
  if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) !=
      0) {
    return "unknown";
  }
  return UserText(credentials.uid);
}

std::string ActorText(absl::string_view claimed, absl::string_view peer) {
  if (claimed.empty()) return std::string(peer);
  return absl::StrCat(claimed, " via ", peer);
}

}  // namespace rbld
