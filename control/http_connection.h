// HttpConnection: one client's connection as httplib wants it (a Stream), with
// the limits that httplib does not keep: a head of a bounded size that is there
// whole before a thread is spent on it, a body by a deadline, no wait without
// an end.
//
// Used by one thread, but for Interrupt.
#ifndef RBLD_CONTROL_HTTP_CONNECTION_H_
#define RBLD_CONTROL_HTTP_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "httplib.h"

namespace rbld {

struct ConnectionLimits {
  uint64_t max_head_bytes = 64 << 10;
  int idle_timeout_seconds = 30;
};

class HttpConnection : public httplib::Stream {
 public:
  // Takes the socket over and closes it at the end. `peer` is what requests get
  // as their remote_addr.
  HttpConnection(int socket_fd, std::string peer, ConnectionLimits limits);
  ~HttpConnection() override;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  enum class Head {
    kIncomplete,
    kComplete,  // read() gives the head, then the body
    kClosed,    // the client is gone
    kTooLarge,
  };
  // Takes what has come, without waiting, and looks for the empty line that
  // ends a request's head. A complete head has lost the fields that this
  // server has no use for and httplib has too much (Range).
  Head GatherHead();
  // Whether a part of a request is here.
  bool has_input() const { return taken_bytes_ < buffer_.size(); }

  // The rest of the request and the response must be through by then; 0: no
  // such limit.
  void SetDeadline(int seconds);

  // Makes reads end at once; writes go on, so that the response to a request
  // that is being served still leaves. Any thread, while the object lives.
  void Interrupt();

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* buffer, size_t size) override;
  ssize_t write(const char* bytes, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_fd_; }

 private:
  using Time = std::chrono::steady_clock::time_point;

  // False when nothing happened by `until`.
  bool Wait(short events, Time until) const;
  Time IdleUntil() const;
  // Appends what the socket has to buffer_; false at the end or on an error.
  bool Fill();

  const int socket_fd_;
  const std::string peer_;
  const ConnectionLimits limits_;
  std::string buffer_;         // bytes that came
  size_t taken_bytes_ = 0;     // of them, read already
  size_t searched_bytes_ = 0;  // of them, without a head's end
  Time deadline_ = Time::max();
};

}  // namespace rbld

#endif  // RBLD_CONTROL_HTTP_CONNECTION_H_
