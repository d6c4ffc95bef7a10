// StatsReport: the counters in rbldnsd's words: its statistics file (-s) and
// what it logs on SIGUSR1.
//
// Used by one thread.
#ifndef RBLD_SERVER_STATS_REPORT_H_
#define RBLD_SERVER_STATS_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/stats.h"

namespace rbld {

class StatsReport {
 public:
  // `path` may be empty: no file. With `deltas` each line of the file has what
  // came since the one before, not since the start.
  StatsReport(std::string path, bool deltas);

  // A bare time in the file: the counters begin at zero here. Errors name the
  // file.
  absl::Status Mark(int64_t now_seconds) const;
  // "TIME ZONE:TOTAL:OK:NXDOMAIN:BYTES-IN:BYTES-OUT … *:…".
  absl::Status Write(int64_t now_seconds, const StatsTotals& totals);
  // Lines for the log, one for each zone and one for all.
  std::vector<std::string> LogLines(int64_t now_seconds,
                                    const StatsTotals& totals) const;
  // Counts from here.
  void Reset(int64_t now_seconds, const StatsTotals& totals);

 private:
  struct Counts {
    uint64_t total = 0;
    uint64_t positive = 0;
    uint64_t nxdomain = 0;
    uint64_t errors = 0;
    uint64_t bytes_in = 0;
    uint64_t bytes_out = 0;

    Counts Minus(const Counts& other) const;
  };
  // By zone; "*" is all.
  using Table = std::map<std::string, Counts>;

  static Table Read(const StatsTotals& totals);
  static Counts Since(const Table& table, const Table& before,
                      const std::string& zone);
  absl::Status Append(const std::string& line) const;

  const std::string path_;
  const bool deltas_;
  int64_t since_ = 0;
  Table zero_;      // at the last reset
  Table previous_;  // at the last line
};

}  // namespace rbld

#endif  // RBLD_SERVER_STATS_REPORT_H_
