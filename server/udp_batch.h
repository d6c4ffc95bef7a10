// UdpBatch: receives, answers and sends UDP queries, several at a time.
//
// Owned and used by one worker, for all of its UDP sockets. All memory is taken
// when it is made; serving allocates nothing and takes no lock (but once after
// a change of snapshot).
#ifndef RBLD_SERVER_UDP_BATCH_H_
#define RBLD_SERVER_UDP_BATCH_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "server/answer.h"
#include "server/snapshot_holder.h"
#include "server/stats.h"

namespace rbld {

// Messages for one recvmmsg.
inline constexpr int kUdpBatchMessages = 64;
// A longer query is cut, and then fails to parse. No client has reason to send
// one near that size.
inline constexpr int kUdpReceiveBytes = 2048;
// How many queries are read, and their index entries prefetched, before the
// first of them is answered. The prepared ones fit into the L1 cache together.
inline constexpr int kUdpPrefetchGroup = 16;

class UdpBatch {
 public:
  // None is owned; all outlive the batch.
  UdpBatch(SnapshotHolder::Reader* snapshots, WorkerStats* stats,
           const Clock* clock);
  ~UdpBatch();
  UdpBatch(const UdpBatch&) = delete;
  UdpBatch& operator=(const UdpBatch&) = delete;

  // One batch of a socket: returns how many messages it brought, 0 when there
  // was none. `wildcard` as in SocketPair. With `wait`, a blocking socket is
  // waited for until its SO_RCVTIMEO.
  int Serve(int fd, bool wildcard, bool wait);

 private:
  struct Buffers;

  void PrepareReceive(bool wildcard);
  // Answers messages first..last-1 of the batch; adds the replies to those to
  // be sent.
  void AnswerGroup(const Snapshot& snapshot, int first, int last,
                   int64_t now_seconds, bool wildcard);
  void Send(int fd);

  SnapshotHolder::Reader* const snapshots_;
  WorkerStats* const stats_;
  const Clock* const clock_;
  const std::unique_ptr<Buffers> buffers_;
  // How many headers the last receive used, and for which kind of socket they
  // are ready.
  int received_ = kUdpBatchMessages;
  bool ready_for_wildcard_ = false;
  int replies_ = 0;
};

}  // namespace rbld

#endif  // RBLD_SERVER_UDP_BATCH_H_
