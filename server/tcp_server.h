// TcpServer: DNS over TCP (RFC 7766) for one worker: many queries on a
// connection, pipelined, each answered as it comes.
//
// Lives on its worker's loop; every call is on that thread. A connection reads
// nothing while replies wait for its peer, so the memory it holds is bounded:
// one unfinished frame, one read, and the replies of one flush.
#ifndef RBLD_SERVER_TCP_SERVER_H_
#define RBLD_SERVER_TCP_SERVER_H_

#include <uv.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "dns/tcp_framing.h"
#include "server/answer.h"
#include "server/snapshot_holder.h"
#include "server/sockets.h"
#include "server/stats.h"

namespace rbld {

struct TcpLimits {
  int max_connections = 1024;  // of all workers that share `open`
  uint64_t idle_ms = 10'000;   // without a whole query or a reply's progress
  uint64_t total_ms = 120'000;
  // How many are open in all workers. Not owned.
  std::atomic<int>* open = nullptr;
};

// What one read takes.
inline constexpr size_t kTcpReadBytes = 16 << 10;
// Replies are written once they are this many bytes.
inline constexpr size_t kTcpFlushBytes = 16 << 10;
// Reads of one connection before the others have their turn.
inline constexpr int kTcpReadsPerTurn = 4;
// Connections accepted before the others have their turn.
inline constexpr int kTcpAcceptsPerTurn = 64;
// How exactly the time limits are kept.
inline constexpr uint64_t kTcpSweepMs = 100;

class TcpServer {
 public:
  // None is owned; all outlive the server.
  TcpServer(uv_loop_t* loop, TcpLimits limits,
            SnapshotHolder::Reader* snapshots, WorkerStats* stats,
            const Clock* clock);
  // The loop must have run until the handles that Shutdown closed were done.
  ~TcpServer();
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;

  // Accepts on a listening, non-blocking socket.
  void Listen(Fd socket);
  // Closes everything. Once.
  void Shutdown();

 private:
  struct Listener;
  struct Connection;
  enum class Progress { kGoOn, kWait, kClosed };

  void WatchListener(Listener* listener);
  void Accept(Listener* listener);
  void Open(int fd);
  void OnEvent(Connection* connection, int status, int events);
  Progress ReadAndAnswer(Connection* connection);
  // Answers the whole frames of `bytes`; sets how many bytes were used.
  Progress AnswerFrames(Connection* connection, const uint8_t* bytes,
                        size_t size, size_t* used);
  Progress AnswerKeptInput(Connection* connection);
  // Sends the flush buffer; keeps what the peer does not take yet.
  Progress Flush(Connection* connection);
  Progress SendKeptOutput(Connection* connection);
  void Watch(Connection* connection);
  void Touch(Connection* connection);
  void Close(Connection* connection);
  bool EvictOldestIdle();
  void Sweep();
  void StartSweeping();

  uv_loop_t* const loop_;
  const TcpLimits limits_;
  SnapshotHolder::Reader* const snapshots_;
  WorkerStats* const stats_;
  const Clock* const clock_;

  std::vector<std::unique_ptr<Listener>> listeners_;
  uv_timer_t sweep_timer_;
  bool sweeping_ = false;
  bool accept_paused_ = false;
  bool shut_down_ = false;
  // Longest without activity first, and oldest first.
  std::list<Connection*> by_activity_;
  std::list<Connection*> by_age_;
  // Of whichever connection is being served.
  std::vector<uint8_t> read_buffer_;
  std::vector<uint8_t> flush_buffer_;
  size_t flush_bytes_ = 0;
};

}  // namespace rbld

#endif  // RBLD_SERVER_TCP_SERVER_H_
