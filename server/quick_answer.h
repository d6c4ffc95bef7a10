// The quick path: the queries that nearly all clients send (QuickQuery),
// answered without the general path (server/answer), byte for byte as that
// would.
//
// It declines when the answer is not of the common form: several reasons, many
// codes, or more bytes than every client takes. Then the general path, which
// defines what is right, does all.
//
// Pure functions: no lock, no allocation; any thread.
#ifndef RBLD_SERVER_QUICK_ANSWER_H_
#define RBLD_SERVER_QUICK_ANSWER_H_

#include <cstddef>
#include <cstdint>

#include "server/outcome.h"
#include "server/quick_query.h"

namespace rbld {

// Writes the reply into `out`, of which kQuickReplyRoomBytes may be written to,
// and returns its size. 0: it declines; `*outcome` is not set then.
size_t FinishQuickAnswer(const QuickQuery& query, const uint8_t* message,
                         size_t message_bytes, uint8_t* out, Outcome* outcome);

// Its replies are no longer than what every client takes (RFC 1035 §4.2.1), so
// that neither the transport nor the client's own size counts.
inline constexpr size_t kQuickReplyRoomBytes = 512;

}  // namespace rbld

#endif  // RBLD_SERVER_QUICK_ANSWER_H_
