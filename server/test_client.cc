#include "server/test_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <chrono>

namespace rbld {
namespace {

Fd Connect(const std::string& address, uint16_t port, int type,
           int receive_buffer_bytes) {
  union {
    sockaddr any;
    sockaddr_in ipv4;
    sockaddr_in6 ipv6;
  } peer;
  memset(&peer, 0, sizeof(peer));
  socklen_t bytes = sizeof(peer.ipv4);
  if (inet_pton(AF_INET, address.c_str(), &peer.ipv4.sin_addr) == 1) {
    peer.ipv4.sin_family = AF_INET;
    peer.ipv4.sin_port = htons(port);
  } else {
    inet_pton(AF_INET6, address.c_str(), &peer.ipv6.sin6_addr);
    peer.ipv6.sin6_family = AF_INET6;
    peer.ipv6.sin6_port = htons(port);
    bytes = sizeof(peer.ipv6);
  }
  Fd fd(socket(peer.any.sa_family, type | SOCK_CLOEXEC, 0));
  if (receive_buffer_bytes > 0) {
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
               sizeof(receive_buffer_bytes));
  }
  if (connect(fd.get(), &peer.any, bytes) != 0) {
    perror("connect");
    abort();
  }
  return fd;
}

bool WaitFor(int fd, short events, int timeout_ms) {
  pollfd poll_fd = {fd, events, 0};
  return poll(&poll_fd, 1, timeout_ms) == 1;
}

}  // namespace

UdpClient::UdpClient(const std::string& address, uint16_t port)
    : socket_(Connect(address, port, SOCK_DGRAM, 0)) {}

void UdpClient::Send(absl::string_view message) {
  if (send(socket_.get(), message.data(), message.size(), 0) < 0) {
    perror("send");
  }
}

std::optional<std::string> UdpClient::Receive(int timeout_ms) {
  char buffer[65536];
  if (!WaitFor(socket_.get(), POLLIN, timeout_ms)) return std::nullopt;
  const ssize_t count = recv(socket_.get(), buffer, sizeof(buffer), 0);
  if (count < 0) return std::nullopt;
  return std::string(buffer, static_cast<size_t>(count));
}

std::optional<std::string> UdpClient::Ask(absl::string_view message) {
  Send(message);
  return Receive();
}

TcpClient::TcpClient(const std::string& address, uint16_t port,
                     int receive_buffer_bytes)
    : socket_(Connect(address, port, SOCK_STREAM, receive_buffer_bytes)) {}

bool TcpClient::SendRaw(absl::string_view bytes, int timeout_ms) {
  while (!bytes.empty()) {
    if (!WaitFor(socket_.get(), POLLOUT, timeout_ms)) return false;
    const ssize_t count = send(socket_.get(), bytes.data(), bytes.size(),
                               MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) {
      if (errno == EAGAIN) continue;
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

std::string TcpClient::Frame(absl::string_view message) {
  std::string frame;
  frame.push_back(static_cast<char>(message.size() >> 8));
  frame.push_back(static_cast<char>(message.size()));
  frame.append(message.data(), message.size());
  return frame;
}

bool TcpClient::ReadExactly(size_t bytes, int timeout_ms, std::string* out) {
  out->resize(bytes);
  size_t at = 0;
  while (at < bytes) {
    if (!WaitFor(socket_.get(), POLLIN, timeout_ms)) return false;
    const ssize_t count = recv(socket_.get(), &(*out)[at], bytes - at, 0);
    if (count <= 0) return false;
    at += static_cast<size_t>(count);
  }
  return true;
}

std::optional<std::string> TcpClient::Receive(int timeout_ms) {
  std::string head;
  if (!ReadExactly(2, timeout_ms, &head)) return std::nullopt;
  const size_t bytes = static_cast<size_t>(static_cast<uint8_t>(head[0])) << 8 |
                       static_cast<uint8_t>(head[1]);
  std::string message;
  if (!ReadExactly(bytes, timeout_ms, &message)) return std::nullopt;
  return message;
}

void TcpClient::HalfClose() { shutdown(socket_.get(), SHUT_WR); }

bool TcpClient::Closed(int timeout_ms) {
  if (!WaitFor(socket_.get(), POLLIN, timeout_ms)) return false;
  char byte;
  return recv(socket_.get(), &byte, 1, 0) <= 0;
}

}  // namespace rbld
