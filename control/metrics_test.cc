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
