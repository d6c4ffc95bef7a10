// Answer: the whole logic of the responder as one pure function of (snapshot,
// request, limit). UDP, TCP, tests, fuzzers and benchmarks all call it.
//
// No lock, no allocation, no system call; any thread. Of two paths: the general
// one, here, first decides an outcome, then writes it, and defines what is
// right. The quick one (server/quick_answer) is asked first, and answers what
// most clients ask, as the general one would.
#ifndef RBLD_SERVER_ANSWER_H_
#define RBLD_SERVER_ANSWER_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "dns/query.h"
#include "dns/reversed_name.h"
#include "server/lookup.h"
#include "server/outcome.h"
#include "server/quick_answer.h"
#include "server/snapshot.h"

namespace rbld {

// Where replies are written; no reply is longer.
inline constexpr size_t kUdpReplyBytes = kMaxUdpPayloadBytes;
inline constexpr size_t kTcpReplyBytes = kMaxMessageBytes;

// A request that was read and whose index entries are on their way into the
// cache. A batch prepares several before it finishes the first.
struct PreparedQuery {
  // With a zone, the quick path's, and the rest means nothing. It is first, so
  // that such a query touches no more than that.
  QuickQuery quick;
  ParseResult parse = ParseResult::kDrop;
  const ServedZone* zone = nullptr;
  absl::string_view chaos;  // ZoneTable::FindChaos's, without a zone
  int labels_below = 0;     // labels of the name that are below the zone
  Place place;              // where below it
  Probe probe;              // with labels there
  Query query;
};

// Reads the requests, fills as many of `prepared` and begins to load what
// FinishAnswer will read. Borrows `snapshot` and the requests' bytes until
// then.
void PrepareAnswers(const Snapshot& snapshot,
                    absl::Span<const Request> requests,
                    PreparedQuery* prepared);

// The general path's part of FinishAnswer. If the quick path took up a query
// and then declined, it does all.
size_t FinishGenerally(const Request& request, const PreparedQuery& prepared,
                       uint8_t* out, Outcome* outcome);

// Writes the reply into `out` and returns its size; 0: send nothing. `out` has
// kUdpReplyBytes or kTcpReplyBytes, by transport.
inline size_t FinishAnswer(const Request& request,
                           const PreparedQuery& prepared, uint8_t* out,
                           Outcome* outcome) {
  if (prepared.quick.zone != nullptr) [[likely]] {
    const size_t bytes = FinishQuickAnswer(prepared.quick, request.message,
                                           request.message_bytes, out, outcome);
    if (bytes > 0) [[likely]] {
      return bytes;
    }
  }
  return FinishGenerally(request, prepared, out, outcome);
}

// All in one, for one request.
size_t Answer(const Snapshot& snapshot, const Request& request, uint8_t* out,
              Outcome* outcome);

// The same without the quick path; for tests, which compare the two.
size_t AnswerGenerally(const Snapshot& snapshot, const Request& request,
                       uint8_t* out, Outcome* outcome);

}  // namespace rbld

#endif  // RBLD_SERVER_ANSWER_H_
