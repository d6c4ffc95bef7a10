#include "control/socket_file.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_util.h"

namespace rbld {
namespace {

absl::Status FillAddress(const std::string& path, sockaddr_un* address) {
  if (path.empty() || path.size() > static_cast<size_t>(kMaxSocketPathBytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": a socket's path has 1 to ", kMaxSocketPathBytes,
                     " bytes, not ", path.size(), "; choose a shorter one"));
  }
  *address = {};
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path.data(), path.size());
  return absl::OkStatus();
}

// Whether `connect` succeeded; errno otherwise.
int TryConnect(int fd, const sockaddr_un& address) {
  while (connect(fd, reinterpret_cast<const sockaddr*>(&address),
                 sizeof address) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

// Takes a dead server's file away. Two daemons that start at the same moment
// are told apart by the store's lock, which each holds before it comes here.
absl::Status ClearTheWay(const std::string& path, const sockaddr_un& address) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return ErrnoStatus(errno, path, "cannot look at the control socket");
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path,
        ": is there already and is no socket, so it is left alone; move it "
        "away or configure another path under [control]"));
  }
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return ErrnoStatus(errno, path, "cannot make a socket");
  const int error = TryConnect(probe, address);
  close(probe);
  if (error == ECONNREFUSED) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, path,
                         "cannot remove the socket of a server that is gone");
    }
    return absl::OkStatus();
  }
  if (error == 0 || error == EAGAIN) {
    return absl::AlreadyExistsError(absl::StrCat(
        path,
        ": another server answers on this socket; stop it, or configure "
        "another path under [control]"));
  }
  return ErrnoStatus(error, path,
                     "is there already and cannot be asked who serves it");
}

}  // namespace

absl::StatusOr<SocketFile> SocketFile::Listen(const Options& options) {
  sockaddr_un address;
  if (absl::Status s = FillAddress(options.path, &address); !s.ok()) return s;
  if (absl::Status s = ClearTheWay(options.path, address); !s.ok()) return s;
  SocketFile file;
  file.path_ = options.path;
  file.fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (file.fd_ < 0) return ErrnoStatus(errno, file.path_, "cannot make it");
  // The file gets the mode of the socket's own inode less the umask, so that
  // it is never open to more than it should be; what the umask took away is
  // given back by chmod.
  fchmod(file.fd_, options.mode & 0777);
  if (bind(file.fd_, reinterpret_cast<const sockaddr*>(&address),
           sizeof address) != 0) {
    return ErrnoStatus(errno, file.path_,
                       "cannot make the control socket (its folder must exist "
                       "and be writable)");
  }
  struct stat info;
  if (lstat(file.path_.c_str(), &info) == 0) {
    file.device_ = info.st_dev;
    file.inode_ = info.st_ino;
  }
  if (chmod(file.path_.c_str(), options.mode & 0777) != 0) {
    return ErrnoStatus(errno, file.path_, "cannot set the socket's mode");
  }
  if ((options.owner_uid >= 0 || options.owner_gid >= 0) &&
      lchown(file.path_.c_str(), static_cast<uid_t>(options.owner_uid),
             static_cast<gid_t>(options.owner_gid)) != 0) {
    return ErrnoStatus(errno, file.path_, "cannot set the socket's owner");
  }
  if (listen(file.fd_, options.backlog) != 0) {
    return ErrnoStatus(errno, file.path_, "cannot listen");
  }
  return file;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      device_(other.device_),
      inode_(std::exchange(other.inode_, 0)) {}

SocketFile::~SocketFile() {
  if (fd_ >= 0) close(fd_);
  if (inode_ == 0) return;
  struct stat info;
  if (lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ &&
      info.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

absl::StatusOr<int> ConnectToSocketFile(const std::string& path) {
  sockaddr_un address;
  if (absl::Status s = FillAddress(path, &address); !s.ok()) return s;
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ErrnoStatus(errno, path, "cannot make a socket");
  const int error = TryConnect(fd, address);
  if (error == 0) return fd;
  close(fd);
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(absl::StrCat(
          path,
          ": no such socket; start rbld, name its socket with --socket or "
          "$RBLD_SOCKET, or work on the store itself with --store DIR"));
    case ECONNREFUSED:
      return absl::FailedPreconditionError(absl::StrCat(
          path,
          ": nobody answers on this socket; rbld is not running (start it, or "
          "work on the store itself with --store DIR)"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(absl::StrCat(
          path,
          ": you may not use this socket; become a member of its group (ls -l "
          "shows it) or use sudo"));
    default:
      return ErrnoStatus(error, path, "cannot connect");
  }
}

}  // namespace rbld
