#include "tests/bench/flight.h"

namespace rbld {

uint64_t Flight::Expire(int64_t limit_ns) {
  uint64_t lost = 0;
  for (SkipSettled(); oldest_ != next_; SkipSettled()) {
    Query& oldest = At(oldest_);
    if (oldest.sent_ns > limit_ns) break;
    oldest.state = State::kLost;
    --waiting_;
    ++lost;
  }
  return lost;
}

}  // namespace rbld
