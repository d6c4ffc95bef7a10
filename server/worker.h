// Worker: one thread that answers queries: a libuv loop, its own UDP and TCP
// sockets, its own counters.
//
// Made, started and stopped by one thread.
#ifndef RBLD_SERVER_WORKER_H_
#define RBLD_SERVER_WORKER_H_

#include <uv.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "server/snapshot_holder.h"
#include "server/sockets.h"
#include "server/stats.h"
#include "server/tcp_server.h"
#include "server/udp_batch.h"

namespace rbld {

// Batches that one UDP socket may have before the worker looks at the others.
inline constexpr int kUdpBatchesPerTurn = 16;
// A batch of so many means that more come at once, and the next is asked for
// before anything else is done.
inline constexpr int kUdpBusyMessages = 2;
// A socket that gets so many messages in a millisecond is busy: it is no longer
// watched by the event loop, whose interest costs each reply a wake-up of
// nobody, but read from in every turn of the loop. The socket of a worker that
// has no other is waited for in the read, for kUdpWaitMicroseconds at most,
// which the kernel rounds up to its own ticks; when nothing came in that time,
// the loop watches it again.
inline constexpr int kUdpBusyMessagesInMillisecond = 16;
inline constexpr int kUdpWaitMicroseconds = 1000;

class Worker {
 public:
  // Only the sockets are owned; the rest outlives the worker. `cpu` is the one
  // that its thread keeps to, if any.
  static absl::StatusOr<std::unique_ptr<Worker>> Create(
      std::vector<SocketPair> sockets, TcpLimits tcp_limits,
      SnapshotHolder* snapshots, WorkerStats* stats, const Clock* clock,
      std::optional<int> cpu = std::nullopt);
  // Stops.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Start();
  // Lets an idle worker look for a new snapshot. Any thread, until Stop.
  void Wake();
  // Closes the sockets and connections and ends the thread. May be called
  // twice.
  void Stop();

 private:
  struct UdpSocket;

  Worker(TcpLimits tcp_limits, SnapshotHolder* snapshots, WorkerStats* stats,
         const Clock* clock, std::optional<int> cpu);
  absl::Status Init(std::vector<SocketPair> sockets);
  void OnWake();
  void CloseHandles();
  // Serves some batches; decides whether the socket is busy from now on.
  void ServeTurn(UdpSocket* udp);
  absl::Status Watch(UdpSocket* udp);
  void Unwatch(UdpSocket* udp);

  uv_loop_t loop_;
  bool loop_made_ = false;
  const TcpLimits tcp_limits_;
  SnapshotHolder::Reader snapshots_;
  WorkerStats* const stats_;
  const Clock* const clock_;
  const std::optional<int> cpu_;
  UdpBatch udp_batch_;
  std::unique_ptr<TcpServer> tcp_server_;
  std::vector<std::unique_ptr<UdpSocket>> udp_sockets_;
  uv_async_t wake_;
  // Runs while some sockets are busy, and serves them.
  uv_idle_t busy_turns_;
  int busy_sockets_ = 0;
  std::atomic<bool> stopping_{false};
  bool handles_closed_ = false;
  uint64_t seen_generation_ = 0;
  std::thread thread_;
};

}  // namespace rbld

#endif  // RBLD_SERVER_WORKER_H_
