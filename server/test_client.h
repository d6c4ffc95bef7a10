// TestClient: DNS clients over real sockets, for tests.
#ifndef RBLD_SERVER_TEST_CLIENT_H_
#define RBLD_SERVER_TEST_CLIENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/sockets.h"

namespace rbld {

// How long a test waits for what must come.
inline constexpr int kTestTimeoutMs = 10'000;

// Used by one thread. `address` is "127.0.0.1" or "::1".
class UdpClient {
 public:
  UdpClient(const std::string& address, uint16_t port);
  void Send(absl::string_view message);
  // The next datagram, or nothing within the time.
  std::optional<std::string> Receive(int timeout_ms = kTestTimeoutMs);
  std::optional<std::string> Ask(absl::string_view message);

 private:
  Fd socket_;
};

class TcpClient {
 public:
  // `receive_buffer_bytes`: 0 for the system's own.
  TcpClient(const std::string& address, uint16_t port,
            int receive_buffer_bytes = 0);
  // Bytes as they are. False when the peer does not take them any more.
  bool SendRaw(absl::string_view bytes, int timeout_ms = kTestTimeoutMs);
  static std::string Frame(absl::string_view message);
  // The next message; nothing on a close or a timeout.
  std::optional<std::string> Receive(int timeout_ms = kTestTimeoutMs);
  // Ends the sending side.
  void HalfClose();
  // Has the peer closed, within the time, with nothing more to read?
  bool Closed(int timeout_ms = kTestTimeoutMs);
  int fd() const { return socket_.get(); }

 private:
  bool ReadExactly(size_t bytes, int timeout_ms, std::string* out);
  Fd socket_;
};

}  // namespace rbld

#endif  // RBLD_SERVER_TEST_CLIENT_H_
