// What goes into an answer besides a snapshot, and what comes out of it besides
// the reply: for all that answer, and for all that count.
#ifndef RBLD_SERVER_OUTCOME_H_
#define RBLD_SERVER_OUTCOME_H_

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

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

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

}  // namespace rbld

#endif  // RBLD_SERVER_OUTCOME_H_
