// Connection: one TCP connection and one timer on a libuv loop.
//
// Used by the loop's thread. It may be destroyed at any time, also from inside
// its owner's calls; what libuv still holds goes by itself.
#ifndef RBLD_RELAY_CONNECTION_H_
#define RBLD_RELAY_CONNECTION_H_

#include <uv.h>

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"

namespace rbld {

class Connection {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void OnConnected() {}
    virtual void OnConnectFailed(absl::string_view /*why*/) {}
    virtual void OnBytes(absl::string_view bytes) = 0;
    // By the other side, an error, or Close once all is sent. Nothing follows.
    virtual void OnClosed(absl::string_view why) = 0;
    virtual void OnTimer() = 0;
  };

  // Both outlive it.
  Connection(uv_loop_t* loop, Owner* owner);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // From `local`, unless it is null. OnConnected or OnConnectFailed follows,
  // the latter perhaps at once.
  void Connect(const sockaddr* peer, const sockaddr* local);
  // Takes a connection that waits on `server`; false if there is none.
  bool Accept(uv_stream_t* server);
  // The other side's address, an IPv4-mapped one as IPv4; a zero one if nobody
  // knows.
  IpPrefix Peer() const;
  IpPrefix Local() const;

  // What cannot leave at once is kept, up to kMaxUnsentBytes; beyond that the
  // connection closes.
  void Send(absl::string_view bytes);
  // Closes when all that was given to Send has left, or has not left in time.
  void CloseWhenSent();

  // Calls OnTimer once after `milliseconds`; a new time replaces the old.
  void SetTimer(uint64_t milliseconds);
  void StopTimer();

 private:
  struct Handles;
  static void OnReadable(uv_stream_t* stream, ssize_t bytes,
                         const uv_buf_t* buffer);
  void StartReading();
  void Lose(absl::string_view why);
  void AfterWrite(int status);

  uv_loop_t* const loop_;
  Owner* const owner_;
  Handles* handles_;  // deletes itself when libuv lets go of it
  size_t unsent_bytes_ = 0;
  bool closing_ = false;
  bool is_over_ = false;
};

inline constexpr size_t kMaxUnsentBytes = size_t{1} << 20;

// "192.0.2.7" and a port as libuv takes it.
sockaddr_storage SocketAddress(const IpPrefix& address, uint16_t port);
// An IPv4-mapped address is the IPv4 one.
IpPrefix AddressOf(const sockaddr_storage& address);

}  // namespace rbld

#endif  // RBLD_RELAY_CONNECTION_H_
