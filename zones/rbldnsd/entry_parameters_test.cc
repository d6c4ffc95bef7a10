#include "zones/rbldnsd/entry_parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rbld {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kNow = 1'700'000'000;

TEST(TakeEntryParameters, TakesWhatStandsBehindAnAtSign) {
  absl::string_view line = "a.example :2:text  @ ts=1;delay=2";
  EXPECT_EQ(TakeEntryParameters(&line), "ts=1;delay=2");
  EXPECT_EQ(line, "a.example :2:text");
  // An address of mail has no blank before it.
  line = "a.example write to me@example.org";
  EXPECT_EQ(TakeEntryParameters(&line), "");
  EXPECT_EQ(line, "a.example write to me@example.org");
}

TEST(ParseEntryCondition, AWaitEndsDelayAfterTs) {
  const auto condition = ParseEntryCondition("ts=1700000000;delay=60s", kNow);
  ASSERT_TRUE(condition.ok()) << condition.status();
  EXPECT_EQ(condition->not_before, kNow + 60);
  EXPECT_FALSE(condition->Holds(kNow + 59, false));
  EXPECT_FALSE(condition->Holds(kNow + 59, true));
  EXPECT_TRUE(condition->Holds(kNow + 60, false));
  // One that is over takes no memory.
  EXPECT_TRUE(ParseEntryCondition("ts=1699999000;delay=60s", kNow)->always());
  EXPECT_TRUE(ParseEntryCondition("", kNow)->always());
}

TEST(ParseEntryCondition, AKeyIsNeededOrSkipsTheWait) {
  const auto needed = ParseEntryCondition("key=require", kNow);
  ASSERT_TRUE(needed.ok()) << needed.status();
  EXPECT_FALSE(needed->Holds(kNow, false));
  EXPECT_TRUE(needed->Holds(kNow, true));
  const auto skips =
      ParseEntryCondition("ts=1700000000:delay=1h:key=nodelay # soon", kNow);
  ASSERT_TRUE(skips.ok()) << skips.status();
  EXPECT_FALSE(skips->Holds(kNow, false));
  EXPECT_TRUE(skips->Holds(kNow, true));
  EXPECT_TRUE(skips->Holds(kNow + 3600, false));
  EXPECT_TRUE(ParseEntryCondition("key=nodelay", kNow)->always());
}

TEST(ParseEntryCondition, ErrorsSayWhatIsWanted) {
  const auto error = [](absl::string_view text) {
    return std::string(ParseEntryCondition(text, kNow).status().message());
  };
  EXPECT_THAT(error("delay=60"), HasSubstr("ts="));
  EXPECT_THAT(error("ts=soon"), HasSubstr("1700000000"));
  EXPECT_THAT(error("ts=1;delay=long"), HasSubstr("duration"));
  EXPECT_THAT(error("key=maybe"), HasSubstr("key=require"));
  EXPECT_THAT(error("colour=red"), HasSubstr("ts, delay and key"));
  EXPECT_THAT(error("example.org"), HasSubstr("NAME=VALUE"));
}

TEST(ParseKeyTerms, NameExpiryAndQuota) {
  const auto terms =
      ParseKeyTerms("name=Acme Mail;expires=2027-01-31;quota=1000000/1d");
  ASSERT_TRUE(terms.ok()) << terms.status();
  EXPECT_EQ(*terms, (KeyTerms{"Acme Mail", 1'801'353'600, 1'000'000, 86400}));
  EXPECT_EQ(ParseKeyTerms("expires=1700000000")->expires, 1'700'000'000);
  EXPECT_EQ(*ParseKeyTerms(""), KeyTerms());
}

TEST(ParseKeyTerms, ErrorsSayWhatIsWanted) {
  const auto error = [](absl::string_view text) {
    return std::string(ParseKeyTerms(text).status().message());
  };
  EXPECT_THAT(error("name="), HasSubstr("1 to 100"));
  EXPECT_THAT(error("expires=2027-02-30"), HasSubstr("2027-01-31"));
  for (const char* quota :
       {"quota=0/1d", "quota=5", "quota=5/0", "quota=x/1d", "quota=5/soon"}) {
    EXPECT_THAT(error(quota), HasSubstr("1000000/1d")) << quota;
  }
  EXPECT_THAT(error("ts=1"), HasSubstr("name, expires and quota"));
}

}  // namespace
}  // namespace rbld
