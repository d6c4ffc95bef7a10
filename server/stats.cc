#include "server/stats.h"

#include <algorithm>

namespace rbld {
namespace {

struct CounterRow {
  const char* name;
  const char* help;
  Counter WorkerCounters::*counter;
};

// The table that makes the API's and the metrics' lines.
constexpr CounterRow kCounterRows[] = {
    {"udp_queries", "Messages received over UDP.",
     &WorkerCounters::udp_queries},
    {"tcp_queries", "Messages received over TCP.",
     &WorkerCounters::tcp_queries},
    {"request_bytes", "Bytes of the messages that were looked at.",
     &WorkerCounters::request_bytes},
    {"reply_bytes", "Bytes of the replies.", &WorkerCounters::reply_bytes},
    {"truncated", "Replies that did not fit and said so with TC.",
     &WorkerCounters::truncated},
    {"udp_batches", "Batches of messages received over UDP.",
     &WorkerCounters::udp_batches},
    {"udp_send_drops", "UDP replies that the kernel did not take.",
     &WorkerCounters::udp_send_drops},
    {"udp_bad_sources", "UDP messages from port 0, which were ignored.",
     &WorkerCounters::udp_bad_sources},
    {"tcp_accepted", "TCP connections accepted.",
     &WorkerCounters::tcp_accepted},
    {"tcp_refused", "TCP connections closed at once for want of room.",
     &WorkerCounters::tcp_refused},
    {"tcp_evicted", "Idle TCP connections closed to make room for new ones.",
     &WorkerCounters::tcp_evicted},
    {"tcp_timeouts", "TCP connections closed because they took too long.",
     &WorkerCounters::tcp_timeouts},
    {"snapshots", "Snapshots that workers took up.",
     &WorkerCounters::snapshots},
};

struct OutcomeRow {
  AnswerKind kind;
  const char* name;
  const char* help;
};

constexpr OutcomeRow kOutcomeRows[kAnswerKinds] = {
    {AnswerKind::kDropped, "dropped", "Messages that got no reply."},
    {AnswerKind::kFormErr, "formerr", "Replies FORMERR."},
    {AnswerKind::kNotImp, "notimp", "Replies NOTIMP."},
    {AnswerKind::kBadVers, "badvers", "Replies BADVERS."},
    {AnswerKind::kRefused, "refused", "Replies REFUSED."},
    {AnswerKind::kServFail, "servfail",
     "Replies SERVFAIL: the zone's data is not there."},
    {AnswerKind::kListed, "listed", "Answers from a listing."},
    {AnswerKind::kStatic, "static", "Answers from the configuration."},
    {AnswerKind::kNoData, "nodata",
     "Answers that the name has no such records."},
    {AnswerKind::kNxDomain, "nxdomain", "Answers that there is no such name."},
    {AnswerKind::kChaos, "chaos", "Answers about the server itself."},
};

}  // namespace

const char* AnswerKindName(AnswerKind kind) {
  return kOutcomeRows[static_cast<size_t>(kind)].name;
}

Stats::Stats(int workers) {
  for (int i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<WorkerStats>());
  }
}

int Stats::ZoneSlot(const std::string& zone) {
  MutexLock lock(&mutex_);
  const auto found = slots_.find(zone);
  if (found != slots_.end()) return found->second;
  const int slot = std::min(static_cast<int>(slots_.size()), kSharedZoneSlot);
  slots_.emplace(zone, slot);
  return slot;
}

StatsTotals Stats::Sum() const {
  StatsTotals totals;
  for (const CounterRow& row : kCounterRows) {
    uint64_t sum = 0;
    for (const auto& worker : workers_) {
      sum += (worker->counters.*row.counter).Get();
    }
    totals.rows.push_back({row.name, row.help, sum});
  }
  for (const OutcomeRow& row : kOutcomeRows) {
    uint64_t sum = 0;
    for (const auto& worker : workers_) {
      sum += worker->counters.outcomes[static_cast<size_t>(row.kind)].Get();
    }
    totals.rows.push_back({row.name, row.help, sum});
  }
  MutexLock lock(&mutex_);
  for (const auto& [zone, slot] : slots_) {
    StatsTotals::ZoneRow row;
    row.zone = zone;
    row.outcomes = {};
    for (const auto& worker : workers_) {
      for (size_t kind = 0; kind < row.outcomes.size(); ++kind) {
        row.outcomes[kind] += worker->zone(slot).outcomes[kind].Get();
      }
      row.request_bytes += worker->zone(slot).request_bytes.Get();
      row.reply_bytes += worker->zone(slot).reply_bytes.Get();
    }
    totals.zones.push_back(std::move(row));
  }
  std::sort(totals.zones.begin(), totals.zones.end(),
            [](const auto& a, const auto& b) { return a.zone < b.zone; });
  return totals;
}

}  // namespace rbld
