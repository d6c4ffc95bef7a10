#include "server/udp_batch.h"

#include <errno.h>
#include <string.h>

#include <algorithm>

#include "dns/response_writer.h"
#include "server/query_log.h"

namespace rbld {
namespace {

union ClientAddress {
  sockaddr any;
  sockaddr_in ipv4;
  sockaddr_in6 ipv6;
};

constexpr size_t kControlBytes = CMSG_SPACE(sizeof(in6_pktinfo));
static_assert(sizeof(in6_pktinfo) >= sizeof(in_pktinfo));

// Buffers that lie a power of two apart fall into the same few sets of the
// cache and push one another out; an odd number of lines spreads them.
constexpr size_t kReceiveStride = kUdpReceiveBytes + kCacheLineBytes;
constexpr size_t kSendStride =
    (kUdpReplyBytes + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
static_assert(kReceiveStride / kCacheLineBytes % 2 == 1);

uint16_t PortOf(const ClientAddress& client) {
  // The port stands at the same place for both families.
  static_assert(offsetof(sockaddr_in, sin_port) ==
                offsetof(sockaddr_in6, sin6_port));
  return client.ipv4.sin_port;
}

// Turns what the kernel said of a query's arrival into what it wants to hear
// for the reply: from the same address, on whatever interface the route says.
void TurnPacketInfo(msghdr* header) {
  for (cmsghdr* part = CMSG_FIRSTHDR(header); part != nullptr;
       part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      reinterpret_cast<in_pktinfo*>(CMSG_DATA(part))->ipi_ifindex = 0;
    } else if (part->cmsg_level == IPPROTO_IPV6 &&
               part->cmsg_type == IPV6_PKTINFO) {
      auto* const info = reinterpret_cast<in6_pktinfo*>(CMSG_DATA(part));
      // A link-local address means nothing without its interface.
      if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr)) info->ipi6_ifindex = 0;
    }
  }
}

}  // namespace

struct UdpBatch::Buffers {
  mmsghdr received[kUdpBatchMessages];
  mmsghdr replies[kUdpBatchMessages];
  iovec received_vectors[kUdpBatchMessages];
  iovec reply_vectors[kUdpBatchMessages];
  ClientAddress clients[kUdpBatchMessages];
  PreparedQuery prepared[kUdpPrefetchGroup];
  alignas(cmsghdr) uint8_t control[kUdpBatchMessages][kControlBytes];
  alignas(kCacheLineBytes) uint8_t
      receive_bytes[kUdpBatchMessages][kReceiveStride];
  alignas(kCacheLineBytes) uint8_t send_bytes[kUdpBatchMessages][kSendStride];
};

UdpBatch::UdpBatch(SnapshotHolder::Reader* snapshots, WorkerStats* stats,
                   const Clock* clock)
    : snapshots_(snapshots),
      stats_(stats),
      clock_(clock),
      buffers_(std::make_unique<Buffers>()) {
  Buffers& buffers = *buffers_;
  for (int i = 0; i < kUdpBatchMessages; ++i) {
    buffers.received_vectors[i] = {buffers.receive_bytes[i], kUdpReceiveBytes};
    buffers.reply_vectors[i] = {buffers.send_bytes[i], 0};
    msghdr& received = buffers.received[i].msg_hdr;
    memset(&received, 0, sizeof(received));
    received.msg_name = &buffers.clients[i];
    received.msg_iov = &buffers.received_vectors[i];
    received.msg_iovlen = 1;
    msghdr& reply = buffers.replies[i].msg_hdr;
    memset(&reply, 0, sizeof(reply));
    reply.msg_iov = &buffers.reply_vectors[i];
    reply.msg_iovlen = 1;
  }
}

UdpBatch::~UdpBatch() = default;

// Sets again what the last receive overwrote.
void UdpBatch::PrepareReceive(bool wildcard) {
  Buffers& buffers = *buffers_;
  const int stale =
      wildcard == ready_for_wildcard_ ? received_ : kUdpBatchMessages;
  ready_for_wildcard_ = wildcard;
  for (int i = 0; i < stale; ++i) {
    msghdr& header = buffers.received[i].msg_hdr;
    header.msg_namelen = sizeof(ClientAddress);
    header.msg_control = wildcard ? buffers.control[i] : nullptr;
    header.msg_controllen = wildcard ? kControlBytes : 0;
  }
  received_ = 0;
}

int UdpBatch::Serve(int fd, bool wildcard, bool wait) {
  PrepareReceive(wildcard);
  const int count = recvmmsg(fd, buffers_->received, kUdpBatchMessages,
                             wait ? MSG_WAITFORONE : MSG_DONTWAIT, nullptr);
  if (count <= 0) return 0;
  received_ = count;
  stats_->counters.udp_batches.Add();
  stats_->counters.udp_queries.Add(static_cast<uint64_t>(count));
  // Taken after the messages came, so that whoever was told that a change is
  // visible and asks then is answered by it.
  const Snapshot* const snapshot = snapshots_->Get();
  replies_ = 0;
  if (snapshot != nullptr) {
    const int64_t now_seconds = clock_->NowSeconds();
    for (int first = 0; first < count; first += kUdpPrefetchGroup) {
      AnswerGroup(*snapshot, first, std::min(first + kUdpPrefetchGroup, count),
                  now_seconds, wildcard);
    }
  }
  Send(fd);
  if (stats_->log != nullptr) [[unlikely]]
    stats_->log->Flush();
  return count;
}

void UdpBatch::AnswerGroup(const Snapshot& snapshot, int first, int last,
                           int64_t now_seconds, bool wildcard) {
  Buffers& buffers = *buffers_;
  Request requests[kUdpPrefetchGroup];
  for (int i = first; i < last; ++i) {
    Request& request = requests[i - first];
    request.message = buffers.receive_bytes[i];
    request.message_bytes = buffers.received[i].msg_len;
    request.client = &buffers.clients[i].any;
    request.transport = Transport::kUdp;
    request.now_seconds = now_seconds;
  }
  PrepareAnswers(
      snapshot,
      absl::MakeConstSpan(requests, static_cast<size_t>(last - first)),
      buffers.prepared);
  for (int i = first; i < last; ++i) {
    // Nothing can be sent to port 0, and nobody honest sends from it.
    if (PortOf(buffers.clients[i]) == 0) {
      stats_->counters.udp_bad_sources.Add();
      continue;
    }
    Outcome outcome;
    const size_t bytes =
        FinishAnswer(requests[i - first], buffers.prepared[i - first],
                     buffers.send_bytes[replies_], &outcome);
    stats_->Count(outcome);
    if (bytes == 0) continue;
    if (stats_->log != nullptr) [[unlikely]] {
      stats_->log->Add(requests[i - first], buffers.send_bytes[replies_],
                       bytes);
    }
    msghdr& received = buffers.received[i].msg_hdr;
    msghdr& reply = buffers.replies[replies_].msg_hdr;
    reply.msg_name = received.msg_name;
    reply.msg_namelen = received.msg_namelen;
    reply.msg_control = nullptr;
    reply.msg_controllen = 0;
    if (wildcard && received.msg_controllen > 0) {
      TurnPacketInfo(&received);
      reply.msg_control = received.msg_control;
      reply.msg_controllen = received.msg_controllen;
    }
    buffers.reply_vectors[replies_].iov_len = bytes;
    ++replies_;
  }
}

void UdpBatch::Send(int fd) {
  mmsghdr* const replies = buffers_->replies;
  int sent = 0;
  while (sent < replies_) {
    const int count =
        sendmmsg(fd, replies + sent, static_cast<unsigned>(replies_ - sent),
                 MSG_DONTWAIT);
    if (count > 0) {
      sent += count;
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
      // The way out is full. Waiting would only make the queue in longer, and
      // the clients ask again.
      stats_->counters.udp_send_drops.Add(
          static_cast<uint64_t>(replies_ - sent));
      return;
    }
    iovec& reply = *replies[sent].msg_hdr.msg_iov;
    // Longer than its interface takes in one piece: the client shall ask by
    // TCP.
    if (count < 0 && errno == EMSGSIZE &&
        CutToQuestion(static_cast<uint8_t*>(reply.iov_base), &reply.iov_len)) {
      continue;
    }
    // This one cannot be sent (no route, filtered); the others may.
    stats_->counters.udp_send_drops.Add();
    ++sent;
  }
}

}  // namespace rbld
