// Sockets: makes the listening sockets, one UDP and one TCP socket for each
// worker on each address, all sharing the port (SO_REUSEPORT).
//
// Called while the daemon starts, by one thread.
#ifndef RBLD_SERVER_SOCKETS_H_
#define RBLD_SERVER_SOCKETS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "zones/config.h"

namespace rbld {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Close();

 private:
  int fd_ = -1;
};

// A worker's pair for one listen address. One that the service manager passed
// may lack either.
struct SocketPair {
  Fd udp;
  Fd tcp;
  // The address is 0.0.0.0 or [::], so that replies must be told which of the
  // machine's addresses was asked.
  bool wildcard = false;
};

// What Bind made of one ListenAddress.
struct BoundAddress {
  std::string text;  // "127.0.0.1:5300", with the port that was really taken
  uint16_t port = 0;
  std::vector<SocketPair> sockets;  // one for each worker
};

inline constexpr int kTcpBacklog = 1024;
inline constexpr int kUdpSocketBufferBytes = 4 << 20;

// Port 0 takes a free one, the same for both transports and all workers. An
// address that is in use, not ours or not allowed is an error that names it
// and the cure. A port that another process listens on is found even if that
// one shares it.
absl::StatusOr<BoundAddress> Bind(const ListenAddress& address, int workers);

// From now on a UDP query goes to the worker of the CPU on which the kernel
// received it: cpus[i] is that of worker i. What other CPUs receive is spread
// over all, as it is without this.
absl::Status SteerByCpu(const BoundAddress& address,
                        absl::Span<const int> cpus);

// Sets what a worker needs of a bound UDP socket of that family.
void TuneUdp(int family, bool wildcard, int fd);

// "127.0.0.1:5300", "[::1]:5300", "192.0.2.1" (port 53), as command lines give
// them. InvalidArgument says what it should look like.
absl::StatusOr<ListenAddress> ParseListenFlag(absl::string_view text);

}  // namespace rbld

#endif  // RBLD_SERVER_SOCKETS_H_
