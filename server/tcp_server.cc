#include "server/tcp_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "server/query_log.h"

namespace rbld {

struct TcpServer::Listener {
  uv_poll_t poll;
  Fd socket;
  TcpServer* server;
};

struct TcpServer::Connection {
  uv_poll_t poll;
  int fd;
  TcpServer* server;
  sockaddr_storage client;
  std::vector<uint8_t> input;   // read and not yet answered
  std::vector<uint8_t> output;  // answered and not yet taken by the peer
  size_t output_sent = 0;
  // Close once `output` is gone: the peer has ended its side or sent nonsense.
  bool last_words = false;
  uint64_t opened_ms;
  uint64_t active_ms;
  std::list<Connection*>::iterator activity_place;
  std::list<Connection*>::iterator age_place;
  int watched_events = 0;
};

TcpServer::TcpServer(uv_loop_t* loop, TcpLimits limits,
                     SnapshotHolder::Reader* snapshots, WorkerStats* stats,
                     const Clock* clock)
    : loop_(loop),
      limits_(limits),
      snapshots_(snapshots),
      stats_(stats),
      clock_(clock),
      read_buffer_(kTcpReadBytes),
      flush_buffer_(kTcpFlushBytes + kMaxFrameBytes) {
  uv_timer_init(loop_, &sweep_timer_);
  sweep_timer_.data = this;
}

TcpServer::~TcpServer() = default;

void TcpServer::Listen(Fd socket) {
  auto listener = std::make_unique<Listener>();
  listener->server = this;
  listener->socket = std::move(socket);
  uv_poll_init(loop_, &listener->poll, listener->socket.get());
  listener->poll.data = listener.get();
  WatchListener(listener.get());
  listeners_.push_back(std::move(listener));
}

void TcpServer::WatchListener(Listener* listener) {
  uv_poll_start(&listener->poll, UV_READABLE,
                [](uv_poll_t* poll, int /*status*/, int /*events*/) {
                  auto* const self = static_cast<Listener*>(poll->data);
                  self->server->Accept(self);
                });
}

void TcpServer::Shutdown() {
  shut_down_ = true;
  while (!by_age_.empty()) Close(by_age_.front());
  for (const auto& listener : listeners_) {
    uv_close(reinterpret_cast<uv_handle_t*>(&listener->poll), nullptr);
    listener->socket.Close();
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&sweep_timer_), nullptr);
}

void TcpServer::Accept(Listener* listener) {
  for (int i = 0; i < kTcpAcceptsPerTurn; ++i) {
    const int fd = accept4(listener->socket.get(), nullptr, nullptr,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      Open(fd);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
        errno == ENOMEM) {
      if (EvictOldestIdle()) continue;
      // The connection stays in the backlog and would wake us at once again;
      // the sweep tries anew.
      stats_->counters.tcp_refused.Add();
      accept_paused_ = true;
      for (const auto& each : listeners_) uv_poll_stop(&each->poll);
      StartSweeping();
    }
    return;
  }
}

void TcpServer::Open(int fd) {
  // Relaxed: only the number matters.
  if (limits_.open->fetch_add(1, std::memory_order_relaxed) + 1 >
          limits_.max_connections &&
      !EvictOldestIdle()) {
    limits_.open->fetch_sub(1, std::memory_order_relaxed);
    stats_->counters.tcp_refused.Add();
    close(fd);
    return;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  auto* const connection = new Connection;  // owned by its handle
  connection->fd = fd;
  connection->server = this;
  memset(&connection->client, 0, sizeof(connection->client));
  socklen_t client_bytes = sizeof(connection->client);
  getpeername(fd, reinterpret_cast<sockaddr*>(&connection->client),
              &client_bytes);
  connection->opened_ms = connection->active_ms = uv_now(loop_);
  connection->activity_place =
      by_activity_.insert(by_activity_.end(), connection);
  connection->age_place = by_age_.insert(by_age_.end(), connection);
  uv_poll_init(loop_, &connection->poll, fd);
  connection->poll.data = connection;
  stats_->counters.tcp_accepted.Add();
  Watch(connection);
  StartSweeping();
}

// Tells the loop what the connection waits for: room for its replies, or, when
// none wait, more queries.
void TcpServer::Watch(Connection* connection) {
  const int events = connection->output.empty() ? UV_READABLE : UV_WRITABLE;
  if (events == connection->watched_events) return;
  connection->watched_events = events;
  uv_poll_start(&connection->poll, events,
                [](uv_poll_t* poll, int status, int ready) {
                  auto* const self = static_cast<Connection*>(poll->data);
                  self->server->OnEvent(self, status, ready);
                });
}

void TcpServer::OnEvent(Connection* connection, int status, int events) {
  if (status < 0) {
    Close(connection);
    return;
  }
  Progress progress = Progress::kGoOn;
  if (!connection->output.empty()) {
    if ((events & UV_WRITABLE) == 0) return;
    progress = SendKeptOutput(connection);
    if (progress == Progress::kGoOn) progress = AnswerKeptInput(connection);
  } else if ((events & UV_READABLE) == 0) {
    return;
  }
  for (int i = 0; i < kTcpReadsPerTurn && progress == Progress::kGoOn; ++i) {
    progress = ReadAndAnswer(connection);
  }
  if (progress != Progress::kClosed) Watch(connection);
}

TcpServer::Progress TcpServer::ReadAndAnswer(Connection* connection) {
  const ssize_t count =
      recv(connection->fd, read_buffer_.data(), read_buffer_.size(), 0);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return Progress::kWait;
    Close(connection);
    return Progress::kClosed;
  }
  if (count == 0) {
    // RFC 7766 §6.2.4: a half-closed connection is owed the answers to what it
    // asked; they have been sent by now.
    Close(connection);
    return Progress::kClosed;
  }
  const size_t size = static_cast<size_t>(count);
  if (!connection->input.empty()) {
    connection->input.insert(connection->input.end(), read_buffer_.begin(),
                             read_buffer_.begin() + count);
    return AnswerKeptInput(connection);
  }
  size_t used = 0;
  const Progress progress =
      AnswerFrames(connection, read_buffer_.data(), size, &used);
  if (progress != Progress::kClosed && used < size) {
    connection->input.assign(read_buffer_.begin() + static_cast<int>(used),
                             read_buffer_.begin() + count);
  }
  return progress;
}

TcpServer::Progress TcpServer::AnswerKeptInput(Connection* connection) {
  if (connection->input.empty()) return Progress::kGoOn;
  size_t used = 0;
  const Progress progress = AnswerFrames(connection, connection->input.data(),
                                         connection->input.size(), &used);
  if (progress == Progress::kClosed) return progress;
  connection->input.erase(
      connection->input.begin(),
      connection->input.begin() + static_cast<int64_t>(used));
  // A connection that is only kept open should cost little.
  if (connection->input.empty()) {
    std::vector<uint8_t>().swap(connection->input);
  }
  return progress;
}

TcpServer::Progress TcpServer::AnswerFrames(Connection* connection,
                                            const uint8_t* bytes, size_t size,
                                            size_t* used) {
  // After the read, as for UDP: a change that was acknowledged before the query
  // was sent is seen.
  const Snapshot* const snapshot = snapshots_->Get();
  flush_bytes_ = 0;
  *used = 0;
  while (true) {
    Frame frame;
    const FrameResult result = ReadFrame(bytes + *used, size - *used, &frame);
    if (result == FrameResult::kIncomplete) break;
    if (result == FrameResult::kEmpty || snapshot == nullptr) {
      connection->last_words = true;
      *used = size;
      break;
    }
    *used += frame.frame_bytes;
    Request request;
    request.message = frame.message;
    request.message_bytes = frame.message_bytes;
    request.client = reinterpret_cast<const sockaddr*>(&connection->client);
    request.transport = Transport::kTcp;
    request.now_seconds = clock_->NowSeconds();
    Outcome outcome;
    uint8_t* const place = flush_buffer_.data() + flush_bytes_;
    const size_t reply_bytes =
        Answer(*snapshot, request, place + kFrameHeadBytes, &outcome);
    stats_->counters.tcp_queries.Add();
    stats_->Count(outcome);
    Touch(connection);
    if (reply_bytes == 0) continue;
    if (stats_->log != nullptr) [[unlikely]] {
      stats_->log->Add(request, place + kFrameHeadBytes, reply_bytes);
      stats_->log->Flush();
    }
    WriteU16(place, static_cast<uint16_t>(reply_bytes));
    flush_bytes_ += kFrameHeadBytes + reply_bytes;
    if (flush_bytes_ >= kTcpFlushBytes) {
      const Progress progress = Flush(connection);
      if (progress != Progress::kGoOn) return progress;
    }
  }
  return Flush(connection);
}

TcpServer::Progress TcpServer::Flush(Connection* connection) {
  size_t sent = 0;
  while (sent < flush_bytes_) {
    const ssize_t count =
        send(connection->fd, flush_buffer_.data() + sent, flush_bytes_ - sent,
             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      sent += static_cast<size_t>(count);
    } else if (count < 0 && errno == EINTR) {
      continue;
    } else if (count < 0 && errno == EAGAIN) {
      connection->output.assign(
          flush_buffer_.begin() + static_cast<int64_t>(sent),
          flush_buffer_.begin() + static_cast<int64_t>(flush_bytes_));
      connection->output_sent = 0;
      flush_bytes_ = 0;
      return Progress::kWait;
    } else {
      Close(connection);
      return Progress::kClosed;
    }
  }
  flush_bytes_ = 0;
  if (connection->last_words) {
    Close(connection);
    return Progress::kClosed;
  }
  return Progress::kGoOn;
}

TcpServer::Progress TcpServer::SendKeptOutput(Connection* connection) {
  std::vector<uint8_t>& output = connection->output;
  const ssize_t count = send(
      connection->fd, output.data() + connection->output_sent,
      output.size() - connection->output_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return Progress::kWait;
    Close(connection);
    return Progress::kClosed;
  }
  Touch(connection);
  connection->output_sent += static_cast<size_t>(count);
  if (connection->output_sent < output.size()) return Progress::kWait;
  std::vector<uint8_t>().swap(output);
  if (connection->last_words) {
    Close(connection);
    return Progress::kClosed;
  }
  return Progress::kGoOn;
}

void TcpServer::Touch(Connection* connection) {
  connection->active_ms = uv_now(loop_);
  by_activity_.splice(by_activity_.end(), by_activity_,
                      connection->activity_place);
}

void TcpServer::Close(Connection* connection) {
  by_activity_.erase(connection->activity_place);
  by_age_.erase(connection->age_place);
  limits_.open->fetch_sub(1, std::memory_order_relaxed);
  uv_close(reinterpret_cast<uv_handle_t*>(&connection->poll),
           [](uv_handle_t* handle) {
             delete static_cast<Connection*>(handle->data);
           });
  // The loop no longer looks at it after uv_close.
  close(connection->fd);
}

bool TcpServer::EvictOldestIdle() {
  for (Connection* connection : by_activity_) {
    if (!connection->input.empty() || !connection->output.empty()) continue;
    stats_->counters.tcp_evicted.Add();
    Close(connection);
    return true;
  }
  return false;
}

void TcpServer::StartSweeping() {
  if (sweeping_ || shut_down_) return;
  sweeping_ = true;
  uv_timer_start(
      &sweep_timer_,
      [](uv_timer_t* timer) { static_cast<TcpServer*>(timer->data)->Sweep(); },
      kTcpSweepMs, kTcpSweepMs);
}

void TcpServer::Sweep() {
  const uint64_t now_ms = uv_now(loop_);
  while (!by_activity_.empty() &&
         now_ms - by_activity_.front()->active_ms >= limits_.idle_ms) {
    stats_->counters.tcp_timeouts.Add();
    Close(by_activity_.front());
  }
  while (!by_age_.empty() &&
         now_ms - by_age_.front()->opened_ms >= limits_.total_ms) {
    stats_->counters.tcp_timeouts.Add();
    Close(by_age_.front());
  }
  if (accept_paused_) {
    accept_paused_ = false;
    for (const auto& listener : listeners_) {
      WatchListener(listener.get());
    }
  }
  if (by_age_.empty() && !accept_paused_) {
    // An idle worker sleeps.
    sweeping_ = false;
    uv_timer_stop(&sweep_timer_);
  }
}

}  // namespace rbld
