#include "tests/bench/flight.h"

#include "gtest/gtest.h"

namespace rbld {
namespace {

uint16_t Add(Flight* flight, uint32_t query, int64_t sent_ns) {
  bool displaced;
  const uint16_t id = flight->Add(query, sent_ns - 5, sent_ns, &displaced);
  EXPECT_FALSE(displaced);
  return id;
}

TEST(Flight, FindsAQueryByItsId) {
  Flight flight(4);
  EXPECT_EQ(nullptr, flight.Find(0));
  const uint16_t first = Add(&flight, 70, 100);
  const uint16_t second = Add(&flight, 71, 200);
  EXPECT_EQ(2u, flight.waiting());
  EXPECT_EQ(70u, flight.Find(first)->query);
  EXPECT_EQ(71u, flight.Find(second)->query);
  EXPECT_EQ(195, flight.Find(second)->scheduled_ns);
  EXPECT_EQ(nullptr, flight.Find(second + 1));
  EXPECT_EQ(nullptr, flight.Find(second + 4));
}

TEST(Flight, KnowsASecondAnswer) {
  Flight flight(4);
  const uint16_t id = Add(&flight, 1, 100);
  flight.Answered(flight.Find(id));
  EXPECT_EQ(0u, flight.waiting());
  EXPECT_EQ(Flight::State::kAnswered, flight.Find(id)->state);
}

TEST(Flight, GivesUpTheOldAndKnowsALateAnswer) {
  Flight flight(8);
  const uint16_t first = Add(&flight, 1, 100);
  const uint16_t answered = Add(&flight, 2, 110);
  const uint16_t third = Add(&flight, 3, 120);
  const uint16_t young = Add(&flight, 4, 130);
  flight.Answered(flight.Find(answered));
  EXPECT_EQ(0u, flight.Expire(99));
  EXPECT_EQ(2u, flight.Expire(120));
  EXPECT_EQ(1u, flight.waiting());
  EXPECT_EQ(Flight::State::kLost, flight.Find(first)->state);
  EXPECT_EQ(Flight::State::kAnswered, flight.Find(answered)->state);
  EXPECT_EQ(Flight::State::kLost, flight.Find(third)->state);
  flight.CameLate(flight.Find(third));
  EXPECT_EQ(Flight::State::kAnswered, flight.Find(third)->state);
  EXPECT_EQ(1u, flight.waiting());
  EXPECT_EQ(Flight::State::kWaiting, flight.Find(young)->state);
  EXPECT_EQ(1u, flight.Expire(1000));
  EXPECT_EQ(0u, flight.Expire(1000));
}

TEST(Flight, AFullRingTakesThePlaceOfTheOldest) {
  Flight flight(4);
  for (uint32_t i = 0; i < 4; ++i) Add(&flight, i, i);
  flight.Answered(flight.Find(0));
  flight.Answered(flight.Find(2));
  EXPECT_EQ(4, Add(&flight, 4, 4));  // in that of 0, which is settled
  bool displaced;
  EXPECT_EQ(5, flight.Add(5, 5, 5, &displaced));  // 1 still waits
  EXPECT_TRUE(displaced);
  EXPECT_EQ(nullptr, flight.Find(1));
  EXPECT_EQ(3u, flight.waiting());   // 3, 4 and 5
  EXPECT_EQ(6, Add(&flight, 6, 6));  // in that of 2
  EXPECT_EQ(4u, flight.Expire(INT64_MAX));
}

TEST(Flight, IdsGoRound) {
  Flight flight(65536);
  for (uint32_t i = 0; i < 200'000; ++i) {
    const uint16_t id = Add(&flight, i, i);
    ASSERT_EQ(static_cast<uint16_t>(i), id);
    ASSERT_EQ(i, flight.Find(id)->query);
    flight.Answered(flight.Find(id));
  }
  EXPECT_EQ(0u, flight.waiting());
}

}  // namespace
}  // namespace rbld
