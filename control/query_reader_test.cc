#include "control/query_reader.h"

#include <gtest/gtest.h>

namespace rbld {
namespace {

using Query = std::map<std::string, std::string>;

TEST(QueryReader, TakesValuesOfEveryKind) {
  const Query query = {{"list", "relays"}, {"force", "true"},
                       {"strict", ""},     {"dry_run", "0"},
                       {"limit", "17"},    {"shrink", "12.5"}};
  QueryReader reader(query);
  std::string list;
  bool force = false;
  bool strict = false;
  bool dry_run = true;
  int limit = 0;
  double shrink = 0;
  EXPECT_TRUE(reader.Take("list", &list));
  EXPECT_TRUE(reader.Take("force", &force));
  EXPECT_TRUE(reader.Take("strict", &strict));
  EXPECT_TRUE(reader.Take("dry_run", &dry_run));
  EXPECT_TRUE(reader.Take("limit", 1, 100, &limit));
  EXPECT_TRUE(reader.TakePercent("shrink", &shrink));
  EXPECT_TRUE(reader.Finish().ok());
  EXPECT_EQ(list, "relays");
  EXPECT_TRUE(force);
  EXPECT_TRUE(strict);
  EXPECT_FALSE(dry_run);
  EXPECT_EQ(limit, 17);
  EXPECT_DOUBLE_EQ(shrink, 0.125);
}

TEST(QueryReader, LeavesAbsentValuesAlone) {
  const Query query;
  QueryReader reader(query);
  int limit = 5;
  EXPECT_FALSE(reader.Take("limit", 1, 10, &limit));
  EXPECT_EQ(limit, 5);
  EXPECT_TRUE(reader.Finish().ok());
}

TEST(QueryReader, NamesTheUnknownParameter) {
  const Query query = {{"lsit", "x"}};
  QueryReader reader(query);
  std::string list;
  reader.Take("list", &list);
  EXPECT_EQ(reader.Finish().message(),
            "the parameter lsit is not known here; the parameters are list, "
            "each at most once");
}

TEST(QueryReader, RefusesBadNumbers) {
  for (const char* bad : {"", "0", "11", "-1", "x", "1x", "99999999999"}) {
    const Query query = {{"limit", bad}};
    QueryReader reader(query);
    int limit = 5;
    reader.Take("limit", 1, 10, &limit);
    EXPECT_FALSE(reader.Finish().ok()) << bad;
    EXPECT_EQ(limit, 5);
  }
  for (const char* bad : {"", "nan", "inf", "-1", "x", "1e99"}) {
    const Query query = {{"shrink", bad}};
    QueryReader reader(query);
    double part = 0.25;
    reader.TakePercent("shrink", &part);
    EXPECT_FALSE(reader.Finish().ok()) << bad;
    EXPECT_EQ(part, 0.25);
  }
}

TEST(QueryReader, RefusesTruthThatIsNone) {
  const Query query = {{"force", "yes"}};
  QueryReader reader(query);
  bool force = false;
  reader.Take("force", &force);
  EXPECT_FALSE(reader.Finish().ok());
  EXPECT_FALSE(force);
}

}  // namespace
}  // namespace rbld
