#include "relay/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

namespace rbld {
namespace {

// How long the last bytes may take to leave.
constexpr uint64_t kFlushMilliseconds = 10'000;

// One loop, one read at a time: all connections share the buffer.
constexpr size_t kReadBytes = size_t{1} << 16;
thread_local std::array<char, kReadBytes> read_buffer;

struct Write {
  uv_write_t request;
  std::string bytes;
};

// Leaves the port's choice to connect(), which may use one port for many peers;
// bind() takes it for this connection alone, and for the minute of TIME_WAIT
// after it, so that some 28,000 ports would last for 500 connections a second.
int BindAddress(uv_tcp_t* tcp, const sockaddr* local) {
  const int socket_fd =
      socket(local->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return uv_translate_sys_error(errno);
  const int on = 1;
  // A kernel without it works all the same.
  setsockopt(socket_fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  const int error = uv_tcp_open(tcp, socket_fd);
  if (error != 0) {
    close(socket_fd);
    return error;
  }
  return uv_tcp_bind(tcp, local, 0);
}

}  // namespace

struct Connection::Handles {
  uv_tcp_t tcp;
  uv_timer_t timer;
  uv_connect_t connect;
  Connection* connection = nullptr;  // null once it is gone
  int open = 2;

  static Handles* Of(void* data) { return static_cast<Handles*>(data); }
  void Close() {
    const auto closed = [](uv_handle_t* handle) {
      Handles* const handles = Of(handle->data);
      if (--handles->open == 0) delete handles;
    };
    uv_close(reinterpret_cast<uv_handle_t*>(&tcp), closed);
    uv_close(reinterpret_cast<uv_handle_t*>(&timer), closed);
  }
};

Connection::Connection(uv_loop_t* loop, Owner* owner)
    : loop_(loop), owner_(owner), handles_(new Handles) {
  uv_tcp_init(loop_, &handles_->tcp);
  uv_timer_init(loop_, &handles_->timer);
  handles_->tcp.data = handles_;
  handles_->timer.data = handles_;
  handles_->connection = this;
}

Connection::~Connection() {
  handles_->connection = nullptr;
  handles_->Close();
}

void Connection::Connect(const sockaddr* peer, const sockaddr* local) {
  int error = local == nullptr ? 0 : BindAddress(&handles_->tcp, local);
  if (error == 0) {
    handles_->connect.data = handles_;
    error = uv_tcp_connect(
        &handles_->connect, &handles_->tcp, peer,
        [](uv_connect_t* request, int status) {
          Connection* const self = Handles::Of(request->data)->connection;
          if (self == nullptr) return;
          if (status != 0) {
            self->is_over_ = true;
            self->owner_->OnConnectFailed(uv_strerror(status));
            return;
          }
          self->StartReading();
          self->owner_->OnConnected();
        });
  }
  if (error != 0) {
    is_over_ = true;
    owner_->OnConnectFailed(uv_strerror(error));
  }
}

bool Connection::Accept(uv_stream_t* server) {
  if (uv_accept(server, reinterpret_cast<uv_stream_t*>(&handles_->tcp)) != 0) {
    is_over_ = true;
    return false;
  }
  StartReading();
  return true;
}

void Connection::StartReading() {
  uv_tcp_nodelay(&handles_->tcp, 1);
  uv_read_start(
      reinterpret_cast<uv_stream_t*>(&handles_->tcp),
      [](uv_handle_t*, size_t, uv_buf_t* buffer) {
        *buffer = uv_buf_init(read_buffer.data(), kReadBytes);
      },
      OnReadable);
}

void Connection::OnReadable(uv_stream_t* stream, ssize_t bytes,
                            const uv_buf_t* buffer) {
  Connection* const self = Handles::Of(stream->data)->connection;
  if (self == nullptr || self->is_over_ || bytes == 0) return;
  if (bytes < 0) {
    self->Lose(bytes == UV_EOF ? "closed by the other side"
                               : uv_strerror(static_cast<int>(bytes)));
    return;
  }
  if (self->closing_) return;
  self->owner_->OnBytes(
      absl::string_view(buffer->base, static_cast<size_t>(bytes)));
}

void Connection::Lose(absl::string_view why) {
  if (is_over_) return;
  is_over_ = true;
  uv_read_stop(reinterpret_cast<uv_stream_t*>(&handles_->tcp));
  owner_->OnClosed(why);
}

IpPrefix Connection::Peer() const {
  sockaddr_storage address = {};
  int bytes = sizeof(address);
  uv_tcp_getpeername(&handles_->tcp, reinterpret_cast<sockaddr*>(&address),
                     &bytes);
  return AddressOf(address);
}

IpPrefix Connection::Local() const {
  sockaddr_storage address = {};
  int bytes = sizeof(address);
  uv_tcp_getsockname(&handles_->tcp, reinterpret_cast<sockaddr*>(&address),
                     &bytes);
  return AddressOf(address);
}

void Connection::Send(absl::string_view bytes) {
  if (is_over_ || closing_ || bytes.empty()) return;
  uv_stream_t* const stream = reinterpret_cast<uv_stream_t*>(&handles_->tcp);
  if (unsent_bytes_ == 0) {
    uv_buf_t whole = uv_buf_init(const_cast<char*>(bytes.data()),
                                 static_cast<unsigned>(bytes.size()));
    const int sent = uv_try_write(stream, &whole, 1);
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
    if (bytes.empty()) return;
  }
  if (unsent_bytes_ + bytes.size() > kMaxUnsentBytes) {
    CloseWhenSent();
    return;
  }
  Write* const write = new Write{{}, std::string(bytes)};
  write->request.data = write;
  uv_buf_t buffer = uv_buf_init(write->bytes.data(),
                                static_cast<unsigned>(write->bytes.size()));
  unsent_bytes_ += bytes.size();
  const int error = uv_write(
      &write->request, stream, &buffer, 1, [](uv_write_t* request, int status) {
        const std::unique_ptr<Write> done(static_cast<Write*>(request->data));
        Connection* const self = Handles::Of(request->handle->data)->connection;
        if (self == nullptr) return;
        self->unsent_bytes_ -= done->bytes.size();
        self->AfterWrite(status);
      });
  if (error != 0) {
    delete write;
    closing_ = true;
    SetTimer(0);
  }
}

void Connection::AfterWrite(int status) {
  if (status != 0) {
    Lose(uv_strerror(status));
  } else if (closing_ && unsent_bytes_ == 0) {
    Lose("closed");
  }
}

void Connection::CloseWhenSent() {
  if (is_over_ || closing_) return;
  closing_ = true;
  // Never from inside the caller: it may be the owner's own call.
  SetTimer(unsent_bytes_ == 0 ? 0 : kFlushMilliseconds);
}

void Connection::SetTimer(uint64_t milliseconds) {
  uv_timer_start(
      &handles_->timer,
      [](uv_timer_t* timer) {
        Connection* const self = Handles::Of(timer->data)->connection;
        if (self == nullptr || self->is_over_) return;
        if (self->closing_) {
          self->Lose("closed");
        } else {
          self->owner_->OnTimer();
        }
      },
      milliseconds, 0);
}

void Connection::StopTimer() {
  if (!closing_) uv_timer_stop(&handles_->timer);
}

sockaddr_storage SocketAddress(const IpPrefix& address, uint16_t port) {
  sockaddr_storage storage = {};
  if (address.family == Family::kIpv4) {
    sockaddr_in* const ipv4 = reinterpret_cast<sockaddr_in*>(&storage);
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons(port);
    memcpy(&ipv4->sin_addr, address.bytes.data(), 4);
  } else {
    sockaddr_in6* const ipv6 = reinterpret_cast<sockaddr_in6*>(&storage);
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(port);
    memcpy(&ipv6->sin6_addr, address.bytes.data(), 16);
  }
  return storage;
}

IpPrefix AddressOf(const sockaddr_storage& address) {
  AddressBytes bytes = {};
  if (address.ss_family == AF_INET6) {
    const auto* const ipv6 = reinterpret_cast<const sockaddr_in6*>(&address);
    if (!IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr)) {
      memcpy(bytes.data(), &ipv6->sin6_addr, 16);
      return IpPrefix::Make(Family::kIpv6, bytes, 128);
    }
    memcpy(bytes.data(), &ipv6->sin6_addr.s6_addr[12], 4);
  } else if (address.ss_family == AF_INET) {
    const auto* const ipv4 = reinterpret_cast<const sockaddr_in*>(&address);
    memcpy(bytes.data(), &ipv4->sin_addr, 4);
  }
  return IpPrefix::Make(Family::kIpv4, bytes, 32);
}

}  // namespace rbld
