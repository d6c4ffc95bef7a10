#include "server/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/cpus.h"
#include "base/log.h"
#include "base/turns.h"

namespace rbld {
namespace {

// A socket that is read with MSG_DONTWAIT, or waited for only so long; libuv
// has made it one that never waits.
absl::Status SetWaiting(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  const timeval longest = {0, kUdpWaitMicroseconds};
  if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest)) != 0) {
    return absl::InternalError(
        absl::StrCat("cannot set up a socket: ", strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

struct Worker::UdpSocket {
  uv_poll_t poll;
  Fd socket;
  bool wildcard;
  // Nothing else would be kept waiting but TCP, for a moment.
  bool may_wait;
  // Not watched by the loop.
  bool busy = false;
  // Messages in the loop's millisecond `counted_ms`.
  uint64_t counted_ms = 0;
  int messages = 0;
  Worker* worker;
};

absl::StatusOr<std::unique_ptr<Worker>> Worker::Create(
    std::vector<SocketPair> sockets, TcpLimits tcp_limits,
    SnapshotHolder* snapshots, WorkerStats* stats, const Clock* clock,
    std::optional<int> cpu) {
  std::unique_ptr<Worker> worker(
      new Worker(tcp_limits, snapshots, stats, clock, cpu));
  absl::Status status = worker->Init(std::move(sockets));
  if (!status.ok()) return status;
  return worker;
}

Worker::Worker(TcpLimits tcp_limits, SnapshotHolder* snapshots,
               WorkerStats* stats, const Clock* clock, std::optional<int> cpu)
    : tcp_limits_(tcp_limits),
      snapshots_(snapshots),
      stats_(stats),
      clock_(clock),
      cpu_(cpu),
      udp_batch_(&snapshots_, stats, clock) {}

absl::Status Worker::Init(std::vector<SocketPair> sockets) {
  int error = uv_loop_init(&loop_);
  if (error != 0) {
    return absl::InternalError(
        absl::StrCat("cannot make an event loop: ", uv_strerror(error)));
  }
  loop_made_ = true;
  error = uv_async_init(&loop_, &wake_, [](uv_async_t* handle) {
    static_cast<Worker*>(handle->data)->OnWake();
  });
  if (error != 0) {
    return absl::InternalError(
        absl::StrCat("cannot make a wake-up handle: ", uv_strerror(error)));
  }
  wake_.data = this;
  uv_idle_init(&loop_, &busy_turns_);
  busy_turns_.data = this;
  tcp_server_ = std::make_unique<TcpServer>(&loop_, tcp_limits_, &snapshots_,
                                            stats_, clock_);
  for (SocketPair& pair : sockets) {
    if (pair.tcp.valid()) tcp_server_->Listen(std::move(pair.tcp));
    if (!pair.udp.valid()) continue;
    auto udp = std::make_unique<UdpSocket>();
    udp->socket = std::move(pair.udp);
    udp->wildcard = pair.wildcard;
    udp->may_wait = sockets.size() == 1;
    udp->worker = this;
    error = uv_poll_init(&loop_, &udp->poll, udp->socket.get());
    if (error != 0) {
      return absl::InternalError(
          absl::StrCat("cannot watch a socket: ", uv_strerror(error)));
    }
    udp->poll.data = udp.get();
    if (absl::Status s = SetWaiting(udp->socket.get()); !s.ok()) return s;
    if (absl::Status s = Watch(udp.get()); !s.ok()) return s;
    udp_sockets_.push_back(std::move(udp));
  }
  return absl::OkStatus();
}

absl::Status Worker::Watch(UdpSocket* udp) {
  const int error =
      uv_poll_start(&udp->poll, UV_READABLE, [](uv_poll_t* poll, int, int) {
        auto* const self = static_cast<UdpSocket*>(poll->data);
        self->worker->ServeTurn(self);
      });
  if (error != 0) {
    return absl::InternalError(
        absl::StrCat("cannot watch a socket: ", uv_strerror(error)));
  }
  if (udp->busy) {
    udp->busy = false;
    if (--busy_sockets_ == 0) uv_idle_stop(&busy_turns_);
  }
  return absl::OkStatus();
}

void Worker::Unwatch(UdpSocket* udp) {
  uv_poll_stop(&udp->poll);
  udp->busy = true;
  if (busy_sockets_++ > 0) return;
  uv_idle_start(&busy_turns_, [](uv_idle_t* idle) {
    auto* const self = static_cast<Worker*>(idle->data);
    for (const auto& socket : self->udp_sockets_) {
      if (socket->busy) self->ServeTurn(socket.get());
    }
  });
}

void Worker::ServeTurn(UdpSocket* udp) {
  const int fd = udp->socket.get();
  const bool wait = udp->busy && udp->may_wait;
  int batch = 0;
  int batches = 0;
  int messages = 0;
  do {
    batch = udp_batch_.Serve(fd, udp->wildcard, wait);
    messages += batch;
  } while (++batches < kUdpBatchesPerTurn && batch >= kUdpBusyMessages);
  if (udp->busy) {
    // Where it cannot be, the socket stays busy.
    if (batch == 0) Watch(udp).IgnoreError();
    return;
  }
  const uint64_t now_ms = uv_now(&loop_);
  if (now_ms != udp->counted_ms) udp->messages = 0;
  udp->counted_ms = now_ms;
  udp->messages += messages;
  // One that is not waited for would come and go with every gap.
  if (udp->may_wait ? udp->messages >= kUdpBusyMessagesInMillisecond
                    : batches == kUdpBatchesPerTurn) {
    Unwatch(udp);
  }
}

Worker::~Worker() {
  Stop();
  if (!loop_made_) return;
  // A worker that never ran has its handles still.
  CloseHandles();
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

void Worker::Start() {
  thread_ = std::thread([this] {
    TakeTurnsFor(Work::kQueries);
    if (cpu_.has_value()) {
      if (absl::Status s = KeepToCpu(*cpu_); !s.ok()) {
        LogWarning(s.message());
      }
    }
    uv_run(&loop_, UV_RUN_DEFAULT);
  });
  pthread_setname_np(thread_.native_handle(), "rbld-worker");
}

void Worker::Wake() { uv_async_send(&wake_); }

void Worker::Stop() {
  if (!thread_.joinable()) return;
  // Release pairs with the acquire in OnWake.
  stopping_.store(true, std::memory_order_release);
  uv_async_send(&wake_);
  thread_.join();
}

void Worker::OnWake() {
  snapshots_.Get();
  if (snapshots_.generation() != seen_generation_) {
    seen_generation_ = snapshots_.generation();
    stats_->counters.snapshots.Add();
  }
  // Acquire pairs with the release in Stop.
  if (stopping_.load(std::memory_order_acquire)) CloseHandles();
}

void Worker::CloseHandles() {
  if (handles_closed_) return;
  handles_closed_ = true;
  if (tcp_server_ != nullptr) {
    uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&busy_turns_), nullptr);
    tcp_server_->Shutdown();
  }
  for (const auto& udp : udp_sockets_) {
    uv_close(reinterpret_cast<uv_handle_t*>(&udp->poll), nullptr);
    udp->busy = false;
    udp->socket.Close();
  }
}

}  // namespace rbld
