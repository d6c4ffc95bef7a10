// Flight: the queries of one socket that wait for their answers, each in the
// place of a ring that its id names.
//
// Ids count up, so a place is taken again only after the whole ring; until then
// it tells a late answer or a second one from a stray.
//
// Used by one thread.
#ifndef RBLD_TESTS_BENCH_FLIGHT_H_
#define RBLD_TESTS_BENCH_FLIGHT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rbld {

class Flight {
 public:
  enum class State : uint8_t { kUnused, kWaiting, kAnswered, kLost };

  struct Query {
    int64_t scheduled_ns = 0;
    int64_t sent_ns = 0;
    uint32_t query = 0;  // its name in the QuerySet
    uint16_t id = 0;
    State state = State::kUnused;
  };

  // `places`: a power of two, at most 65,536.
  explicit Flight(size_t places) : places_(places) {}

  // The id of one more query. When the place is still waited for, that query
  // counts as lost, and *displaced becomes true.
  uint16_t Add(uint32_t query, int64_t scheduled_ns, int64_t sent_ns,
               bool* displaced) {
    if (next_ - oldest_ == places_.size()) SkipSettled();
    *displaced = next_ - oldest_ == places_.size();
    if (*displaced) {
      --waiting_;
      ++oldest_;
    }
    const auto id = static_cast<uint16_t>(next_);
    At(next_++) = {scheduled_ns, sent_ns, query, id, State::kWaiting};
    ++waiting_;
    return id;
  }

  // The last query that had this id, or null.
  Query* Find(uint16_t id) {
    Query* const found = &At(id);
    return found->id == id && found->state != State::kUnused ? found : nullptr;
  }

  // An answer has come to a query that waits.
  void Answered(Query* query) {
    query->state = State::kAnswered;
    --waiting_;
  }

  // The answer to a lost one has come after all; a further one is a duplicate.
  void CameLate(Query* query) { query->state = State::kAnswered; }

  // Gives up what was sent at `limit_ns` or before; returns how many.
  uint64_t Expire(int64_t limit_ns);

  size_t waiting() const { return waiting_; }

 private:
  Query& At(uint64_t number) { return places_[number & (places_.size() - 1)]; }
  void SkipSettled() {
    while (oldest_ != next_ && At(oldest_).state != State::kWaiting) ++oldest_;
  }

  std::vector<Query> places_;
  // Numbers of queries; their low 16 bits are the ids.
  uint64_t oldest_ = 0;  // all before it are settled
  uint64_t next_ = 0;
  size_t waiting_ = 0;
};

}  // namespace rbld

#endif  // RBLD_TESTS_BENCH_FLIGHT_H_
