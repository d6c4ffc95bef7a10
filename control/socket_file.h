// The Unix socket's file: made with its mode from the first moment on, never
// taken away from a living server.
#ifndef RBLD_CONTROL_SOCKET_FILE_H_
#define RBLD_CONTROL_SOCKET_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace rbld {

// What sockaddr_un holds, less the final NUL.
inline constexpr int kMaxSocketPathBytes = 107;

// A listening socket and its file. Move-only; closes the socket and removes the
// file, if it is still the one that was made.
class SocketFile {
 public:
  struct Options {
    std::string path;
    int mode = 0660;
    int owner_uid = -1;  // -1: as the process
    int owner_gid = -1;
    int backlog = 128;
  };
  // A socket file on which nobody answers is replaced. AlreadyExists if
  // somebody does, FailedPrecondition if something else is there,
  // InvalidArgument for a path that does not fit; every message names path and
  // cure.
  static absl::StatusOr<SocketFile> Listen(const Options& options);

  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile();

  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

 private:
  SocketFile() = default;

  int fd_ = -1;
  std::string path_;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;  // 0: no file of ours
};

// Connects to a server's socket: its descriptor. NotFound, PermissionDenied or
// FailedPrecondition (nobody answers) with path and cure.
absl::StatusOr<int> ConnectToSocketFile(const std::string& path);

}  // namespace rbld

#endif  // RBLD_CONTROL_SOCKET_FILE_H_
