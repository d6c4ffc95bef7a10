#include "control/http_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"

namespace rbld {
namespace {

constexpr size_t kReadBytes = 64 << 10;

// Where the head's empty line ends, or npos. Bare line feeds end lines too
// (RFC 9112 §2.2).
size_t FindHeadEnd(absl::string_view bytes, size_t from) {
  for (size_t at = bytes.find('\n', from); at != absl::string_view::npos;
       at = bytes.find('\n', at + 1)) {
    const absl::string_view rest = bytes.substr(at + 1, 2);
    if (absl::StartsWith(rest, "\n")) return at + 2;
    if (rest == "\r\n") return at + 3;
  }
  return absl::string_view::npos;
}

// RFC 9110 §14.2: a server may ignore Range.
std::string WithoutRange(absl::string_view head) {
  std::string kept;
  kept.reserve(head.size());
  while (!head.empty()) {
    const size_t end = std::min(head.find('\n'), head.size() - 1) + 1;
    const absl::string_view line = head.substr(0, end);
    if (!absl::StartsWithIgnoreCase(line, "range:")) {
      kept.append(line.data(), line.size());
    }
    head.remove_prefix(end);
  }
  return kept;
}

}  // namespace

HttpConnection::HttpConnection(int socket_fd, std::string peer,
                               ConnectionLimits limits)
    : socket_fd_(socket_fd), peer_(std::move(peer)), limits_(limits) {}

HttpConnection::~HttpConnection() {
  // Bytes that nobody read would make the kernel send a reset that overtakes
  // the response, so they are thrown away as far as they are here.
  shutdown(socket_fd_, SHUT_WR);
  char scrap[4096];
  for (int i = 0; i < 64; ++i) {
    if (recv(socket_fd_, scrap, sizeof scrap, MSG_DONTWAIT) <= 0) break;
  }
  close(socket_fd_);
}

HttpConnection::Head HttpConnection::GatherHead() {
  if (taken_bytes_ > 0) {
    buffer_.erase(0, taken_bytes_);
    taken_bytes_ = 0;
    searched_bytes_ = 0;
  }
  for (;;) {
    const size_t end = FindHeadEnd(buffer_, searched_bytes_);
    if (end != absl::string_view::npos && end <= limits_.max_head_bytes) {
      buffer_.replace(0, end, WithoutRange(buffer_.substr(0, end)));
      searched_bytes_ = 0;
      return Head::kComplete;
    }
    if (buffer_.size() > limits_.max_head_bytes) return Head::kTooLarge;
    // The end may begin with the last two bytes that are here.
    searched_bytes_ = buffer_.size() < 2 ? 0 : buffer_.size() - 2;
    pollfd poll_fd = {socket_fd_, POLLIN, 0};
    if (poll(&poll_fd, 1, 0) <= 0) return Head::kIncomplete;
    if (!Fill()) return Head::kClosed;
  }
}

void HttpConnection::SetDeadline(int seconds) {
  deadline_ = seconds == 0 ? Time::max()
                           : std::chrono::steady_clock::now() +
                                 std::chrono::seconds(seconds);
}

void HttpConnection::Interrupt() { shutdown(socket_fd_, SHUT_RD); }

bool HttpConnection::Wait(short events, Time until) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd poll_fd = {socket_fd_, events, 0};
    const int timeout_ms =
        static_cast<int>(std::min<int64_t>(left.count(), 60'000));
    const int ready = poll(&poll_fd, 1, timeout_ms);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

HttpConnection::Time HttpConnection::IdleUntil() const {
  return std::min(deadline_,
                  std::chrono::steady_clock::now() +
                      std::chrono::seconds(limits_.idle_timeout_seconds));
}

bool HttpConnection::Fill() {
  const size_t before = buffer_.size();
  buffer_.resize(before + kReadBytes);
  ssize_t count;
  do {
    count = recv(socket_fd_, buffer_.data() + before, kReadBytes, 0);
  } while (count < 0 && errno == EINTR);
  buffer_.resize(before + std::max<ssize_t>(count, 0));
  return count > 0;
}

bool HttpConnection::is_readable() const {
  if (taken_bytes_ < buffer_.size()) return true;
  return Wait(POLLIN, IdleUntil());
}

bool HttpConnection::is_writable() const { return Wait(POLLOUT, IdleUntil()); }

ssize_t HttpConnection::read(char* buffer, size_t size) {
  if (taken_bytes_ == buffer_.size()) {
    buffer_.clear();
    taken_bytes_ = 0;
    if (!Wait(POLLIN, IdleUntil())) return -1;
    // Large reads need no detour.
    if (size >= kReadBytes / 4) {
      ssize_t count;
      do {
        count = recv(socket_fd_, buffer, size, 0);
      } while (count < 0 && errno == EINTR);
      return count;
    }
    if (!Fill()) return 0;
  }
  const size_t count = std::min(size, buffer_.size() - taken_bytes_);
  memcpy(buffer, buffer_.data() + taken_bytes_, count);
  taken_bytes_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t HttpConnection::write(const char* bytes, size_t size) {
  for (;;) {
    if (!Wait(POLLOUT, IdleUntil())) return -1;
    const ssize_t count =
        send(socket_fd_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) return count;
    if (errno != EINTR && errno != EAGAIN) return -1;
  }
}

void HttpConnection::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip = peer_;
  port = 0;
}

void HttpConnection::get_local_ip_and_port(std::string& ip, int& port) const {
  ip = "unix";
  port = 0;
}

}  // namespace rbld
