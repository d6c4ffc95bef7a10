#include "control/http_listener.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/turns.h"
#include "control/http_worker.h"
#include "control/peer.h"
#include "control/problem.h"

namespace rbld {
namespace {

// How long the waiting thread rests when descriptors have run out, instead of
// spinning on a connection that it cannot accept.
constexpr std::chrono::milliseconds kNoDescriptorsPause(100);

}  // namespace

HttpListener::HttpListener(SocketFile file, Role role,
                           const HttpServerOptions& options)
    : file_(std::move(file)),
      role_(role),
      options_(options),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

HttpListener::~HttpListener() {
  Interrupt();
  Join();
  close(wake_fd_);
}

void HttpListener::Start(Api* api) {
  threads_.emplace_back([this] {
    TakeTurnsFor(Work::kChanges);
    WaitLoop();
  });
  for (int i = 0; i < options_.threads_per_socket; ++i) {
    threads_.emplace_back([this, api] {
      TakeTurnsFor(Work::kChanges);
      WorkLoop(api);
    });
  }
}

void HttpListener::Interrupt() {
  MutexLock lock(&mutex_);
  stopping_ = true;
  for (HttpConnection* connection : served_) connection->Interrupt();
  queue_changed_.NotifyAll();
  Wake();
}

void HttpListener::Join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  waiting_.clear();
}

void HttpListener::Wake() {
  const uint64_t one = 1;
  // A full counter wakes just as well.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

void HttpListener::WaitLoop() {
  std::vector<pollfd> polled;
  for (;;) {
    {
      MutexLock lock(&mutex_);
      if (stopping_) return;
    }
    Time until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    for (const Waiting& waiting : waiting_) {
      until = std::min(until, waiting.until);
    }
    const bool room = waiting_.size() <
                      static_cast<size_t>(options_.max_connections_per_socket);
    polled.assign({{wake_fd_, POLLIN, 0}, {room ? file_.fd() : -1, POLLIN, 0}});
    for (const Waiting& waiting : waiting_) {
      polled.push_back({waiting.connection->socket(), POLLIN, 0});
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    poll(polled.data(), polled.size(),
         static_cast<int>(std::max<int64_t>(left.count(), 0)));

    std::vector<Waiting> before = std::move(waiting_);
    waiting_.clear();
    for (size_t i = 0; i < before.size(); ++i) {
      if (polled[i + 2].revents != 0) {
        Look(std::move(before[i]));
      } else if (before[i].until <= std::chrono::steady_clock::now()) {
        if (before[i].connection->has_input()) {
          Dismiss(std::move(before[i].connection), 408, "too_slow",
                  "the request's head did not come in time");
        }
      } else {
        waiting_.push_back(std::move(before[i]));
      }
    }
    if (polled[0].revents != 0) TakeReturned();
    if (polled[1].revents != 0) AcceptAll();
  }
}

void HttpListener::AcceptAll() {
  while (waiting_.size() <
         static_cast<size_t>(options_.max_connections_per_socket)) {
    const int fd = accept4(file_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
        LogWarning(absl::StrCat(file_.path(),
                                ": no more file descriptors for clients; raise "
                                "LimitNOFILE"));
        std::this_thread::sleep_for(kNoDescriptorsPause);
      }
      return;
    }
    auto connection = std::make_unique<HttpConnection>(
        fd, PeerName(fd),
        ConnectionLimits{
            .max_head_bytes = options_.max_head_bytes,
            .idle_timeout_seconds = options_.idle_timeout_seconds});
    waiting_.push_back(
        {std::move(connection),
         std::chrono::steady_clock::now() +
             std::chrono::seconds(options_.head_timeout_seconds)});
  }
}

void HttpListener::TakeReturned() {
  uint64_t count;
  [[maybe_unused]] const ssize_t got = read(wake_fd_, &count, sizeof count);
  std::vector<std::unique_ptr<HttpConnection>> returned;
  {
    MutexLock lock(&mutex_);
    returned.swap(returned_);
  }
  for (auto& connection : returned) {
    // A part of the next request, or the whole of it, may have come with the
    // last one.
    Look({std::move(connection),
          std::chrono::steady_clock::now() +
              std::chrono::seconds(options_.keep_alive_seconds)});
  }
}

void HttpListener::Look(Waiting waiting) {
  const bool had_input = waiting.connection->has_input();
  switch (waiting.connection->GatherHead()) {
    case HttpConnection::Head::kComplete:
      return Enqueue(std::move(waiting.connection));
    case HttpConnection::Head::kClosed:
      return;
    case HttpConnection::Head::kTooLarge:
      return Dismiss(std::move(waiting.connection), 431, "head_too_large",
                     "the request's line and header fields are too long");
    case HttpConnection::Head::kIncomplete:
      break;
  }
  if (!had_input && waiting.connection->has_input()) {
    waiting.until = std::chrono::steady_clock::now() +
                    std::chrono::seconds(options_.head_timeout_seconds);
  }
  waiting_.push_back(std::move(waiting));
}

void HttpListener::Enqueue(std::unique_ptr<HttpConnection> connection) {
  {
    MutexLock lock(&mutex_);
    if (queue_.size() < static_cast<size_t>(options_.max_waiting_requests)) {
      queue_.push_back(std::move(connection));
      queue_changed_.NotifyOne();
      return;
    }
  }
  Dismiss(std::move(connection), 503, "busy",
          "too many requests wait already, so this one was not begun; try "
          "again in a moment");
}

void HttpListener::Dismiss(std::unique_ptr<HttpConnection> connection,
                           int status, const char* code, const char* detail) {
  const std::string body = ProblemJson(MakeProblem(status, code, detail));
  const std::string response = absl::StrCat(
      "HTTP/1.1 ", status, " Refused\r\nContent-Type: ", kProblemContentType,
      "\r\nContent-Length: ", body.size(), "\r\nConnection: close\r\n\r\n",
      body);
  // A client that does not even take this much need not know why.
  send(connection->socket(), response.data(), response.size(),
       MSG_NOSIGNAL | MSG_DONTWAIT);
}

void HttpListener::WorkLoop(Api* api) {
  HttpWorker worker(api, role_, options_);
  for (;;) {
    std::unique_ptr<HttpConnection> connection;
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !stopping_) queue_changed_.Wait(&mutex_);
      if (stopping_) return;
      connection = std::move(queue_.front());
      queue_.pop_front();
      served_.insert(connection.get());
    }
    const bool keep = worker.Serve(connection.get());
    MutexLock lock(&mutex_);
    served_.erase(connection.get());
    if (keep && !stopping_) {
      returned_.push_back(std::move(connection));
      Wake();
    }
  }
}

}  // namespace rbld
