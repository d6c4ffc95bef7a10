// Answer: the whole logic of the responder as one pure function of (snapshot,
// request, limit). UDP, TCP, tests, fuzzers and benchmarks all call it.
//
// No lock, no allocation, no system call; any thread. It first decides an
// outcome, then writes it.
#ifndef RBLD_SERVER_ANSWER_H_
#define RBLD_SERVER_ANSWER_H_

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "dns/query.h"
#include "dns/reversed_name.h"
#include "server/lookup.h"
#include "server/snapshot.h"

namespace rbld {

enum class Transport : uint8_t { kUdp, kTcp };

struct Request {
  const uint8_t* message = nullptr;
  size_t message_bytes = 0;
  // The client's address; null where none is known. Access rules hang on it.
  const sockaddr* client = nullptr;
  Transport transport = Transport::kUdp;
  int64_t now_seconds = 0;
};

// What became of a query. The counters and, later, cookies, rate limits and
// signing hang on it.
enum class AnswerKind : uint8_t {
  kDropped,  // no reply at all
  kFormErr,
  kNotImp,
  kBadVers,
  kRefused,
  kServFail,  // the zone's data is not there
  kListed,    // from a listing
  kStatic,    // SOA, NS and other records of the configuration
  kNoData,
  kNxDomain,
  kChaos,  // of the server itself: version.bind
};
inline constexpr int kAnswerKinds = 11;

struct Outcome {
  AnswerKind kind = AnswerKind::kDropped;
  bool truncated = false;
  int counter_slot = -1;  // the zone's; -1: no zone of ours
  uint32_t request_bytes = 0;
  uint32_t reply_bytes = 0;  // 0: no reply
};

// Where replies are written; no reply is longer.
inline constexpr size_t kUdpReplyBytes = kMaxUdpPayloadBytes;
inline constexpr size_t kTcpReplyBytes = kMaxMessageBytes;

// A request that was read and whose index entries are on their way into the
// cache. A batch prepares several before it finishes the first.
struct PreparedQuery {
  ParseResult parse = ParseResult::kDrop;
  const ServedZone* zone = nullptr;
  absl::string_view chaos;  // ZoneTable::FindChaos's, without a zone
  int labels_below = 0;     // labels of the name that are below the zone
  Place place;              // where below it
  ReversedAddress address;
  Query query;
};

// Borrows `snapshot` and the request's bytes until FinishAnswer. A batch calls
// PrefetchAnswer for all of its queries between the two.
void PrepareAnswer(const Snapshot& snapshot, const Request& request,
                   PreparedQuery* prepared);
void PrefetchAnswer(const PreparedQuery& prepared);

// Writes the reply into `out` and returns its size; 0: send nothing. `out` has
// kUdpReplyBytes or kTcpReplyBytes, by transport.
size_t FinishAnswer(const Request& request, const PreparedQuery& prepared,
                    uint8_t* out, Outcome* outcome);

// Both in one.
size_t Answer(const Snapshot& snapshot, const Request& request, uint8_t* out,
              Outcome* outcome);

}  // namespace rbld

#endif  // RBLD_SERVER_ANSWER_H_
