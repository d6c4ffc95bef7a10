#include "control/metrics.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace rbld {
namespace {

std::string Sample() {
  DaemonStatus status;
  status.version = "1.2";
  status.started = 1000;
  status.last_reload_error = "x";
  DatasetStatus good;
  good.name = "good";
  good.entries = 12;
  good.left_out_lines = 1;
  good.loaded = 1010;
  good.newest_mtime = 1005;
  DatasetStatus bad;
  bad.name = "bad";
  bad.last_error = "bad.txt:1: no address";
  bad.failing_since = 1020;
  DatasetStatus expired = good;
  expired.name = "old";
  expired.expires = 1050;
  expired.expired = true;
  status.datasets = {bad, good, expired};
  DaemonCounters counters;
  counters.totals = {{"udp_queries", "Queries over UDP.\nReally.", 7}};
  counters.zones = {{"relays.example", {{"listed", 3}, {"nxdomain", 4}}}};
  StoreStats store;
  store.sequence = 42;
  StoreView view;
  view.zone_serials["relays.example"] = 17;
  ListInfo list;
  list.name = "relays";
  list.exemptions = 2;
  DatasetInfo dataset;
  dataset.source = "a\"b\\c";
  dataset.listings = 9;
  list.datasets = {dataset};
  RelayCounts relay;
  relay.running = 2;
  relay.leased = 5;
  return MetricsText(status, counters, store, relay, view, {list}, 1060);
}

bool HasLine(const std::string& text, const std::string& wanted) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line == wanted) return true;
  }
  return false;
}

TEST(Metrics, SaysWhatTheDaemonCounted) {
  const std::string text = Sample();
  for (const char* line :
       {"rbld_uptime_seconds 60", "rbld_config_reload_failed 1",
        "rbld_udp_queries_total 7",
        "rbld_zone_queries_total{zone=\"relays.example\",outcome=\"listed\"} 3",
        "rbld_store_sequence 42",
        "rbld_zone_serial{zone=\"relays.example\"} 17",
        "rbld_list_exemptions{list=\"relays\"} 2",
        "rbld_build_info{version=\"1.2\"} 1"}) {
    EXPECT_TRUE(HasLine(text, line)) << line << "\nin\n" << text;
  }
}

TEST(Metrics, SaysHowWatchedFilesAreDoing) {
  const std::string text = Sample();
  for (
      const char* line :
      {R"(rbld_dataset_entries{dataset="good"} 12)",
       R"(rbld_dataset_entries{dataset="bad"} 0)",
       R"(rbld_dataset_left_out_lines{dataset="good"} 1)",
       R"(rbld_dataset_loaded_timestamp_seconds{dataset="good"} 1010)",
       R"(rbld_dataset_newest_file_timestamp_seconds{dataset="good"} 1005)",
       R"(rbld_dataset_expires_timestamp_seconds{dataset="old"} 1050)",
       R"(rbld_dataset_served{dataset="good"} 1)",
       R"(rbld_dataset_served{dataset="bad"} 0)",
       R"(rbld_dataset_served{dataset="old"} 0)",
       R"(rbld_dataset_failing{dataset="good"} 0)",
       R"(rbld_dataset_failing{dataset="bad"} 1)",
       R"(rbld_dataset_failing_since_timestamp_seconds{dataset="bad"} 1020)"}) {
    EXPECT_TRUE(HasLine(text, line)) << line << "\nin\n" << text;
  }
  // It was never loaded.
  EXPECT_EQ(
      text.find(R"(rbld_dataset_loaded_timestamp_seconds{dataset="bad"})"),
      std::string::npos);
}

TEST(Metrics, EscapesLabels) {
  EXPECT_TRUE(HasLine(
      Sample(), R"(rbld_list_listings{list="relays",source="a\"b\\c"} 9)"));
}

TEST(Metrics, TellsHelpAndTypeOfEverySampleOnce) {
  std::istringstream lines(Sample());
  std::set<std::string> typed;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("# TYPE ", 0) == 0) {
      const std::string name = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(typed.insert(name).second) << name;
    } else if (line.rfind("# HELP ", 0) != 0) {
      EXPECT_EQ(typed.count(line.substr(0, line.find_first_of(" {"))), 1u)
          << line;
    }
  }
  EXPECT_GT(typed.size(), 10u);
}

}  // namespace
}  // namespace rbld
