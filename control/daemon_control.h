// DaemonControl: what the control API asks of the program around it: how it is
// doing, what it counts, which configuration it serves, and to load that again.
//
// server/ implements it for the daemon, rblctl for work on a store that no
// daemon serves (control/offline_control.h). Thread-safe: the API's threads
// call every method at any time.
#ifndef RBLD_CONTROL_DAEMON_CONTROL_H_
#define RBLD_CONTROL_DAEMON_CONTROL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/target_answers.h"
#include "store/target.h"
#include "zones/config.h"
#include "zones/dump.h"

namespace rbld {

// A dataset of watched files: what is served of it, and how the last try to
// load a newer version went.
struct DatasetStatus {
  std::string name;
  std::string type;                // "ip4set"
  std::vector<std::string> files;  // as configured
  // Of the data that is served; all 0 while none could be loaded yet.
  uint64_t entries = 0;
  uint64_t lines = 0;
  uint64_t left_out_lines = 0;
  uint64_t warned_lines = 0;
  int64_t loaded = 0;        // when it was; seconds since 1970 UTC; 0: never
  int64_t newest_mtime = 0;  // of its files; likewise
  int64_t expires = 0;       // $TIMESTAMP; likewise; 0: never
  bool expired = false;      // its zones answer SERVFAIL
  // Why a newer version could not be loaded; empty: the last try was fine.
  std::string last_error;
  int64_t failing_since = 0;  // seconds since 1970 UTC; 0: it is not failing

  bool served() const { return loaded != 0 && !expired; }
};

struct DaemonStatus {
  std::string version;   // "0.1.0"
  bool offline = false;  // no daemon: a tool opened the store itself
  int64_t started = 0;   // seconds since 1970 UTC
  int pid = 0;
  int64_t config_loaded = 0;           // seconds since 1970 UTC
  std::string last_reload_error;       // empty: the last reload was fine
  std::vector<std::string> listeners;  // "127.0.0.1:5300", both transports
  int workers = 0;
  uint64_t tcp_connections = 0;         // open now
  std::vector<DatasetStatus> datasets;  // by name
};

// One counter since the start. `name` is a word of Prometheus' alphabet
// ([a-z_]+), such as "udp_queries"; the API writes "rbld_NAME_total".
struct DaemonCounter {
  std::string name;
  std::string help;  // one sentence
  uint64_t value = 0;
};

// Queries to one zone by outcome: "listed", "nodata", "nxdomain", "static", …
struct ZoneCounters {
  struct Outcome {
    std::string name;
    uint64_t queries = 0;
  };
  std::string zone;
  std::vector<Outcome> outcomes;
};

// How a key in queried names was used since the start. The key itself is a
// secret; `name` is what its file calls it, or the key's first characters.
struct KeyCounters {
  std::string dataset;
  std::string name;
  uint64_t queries = 0;
  uint64_t over_quota = 0;  // of these, how many were too many
  uint32_t quota = 0;       // for each period; 0: none
  uint32_t quota_seconds = 0;
  uint32_t in_period = 0;  // of this period so far
  int64_t last_used = 0;   // seconds since 1970 UTC; 0: never
  int64_t expires = 0;     // likewise
};

struct DaemonCounters {
  std::vector<DaemonCounter> totals;
  std::vector<ZoneCounters> zones;
  std::vector<KeyCounters> keys;  // by dataset and name
};

class DaemonControl {
 public:
  virtual ~DaemonControl() = default;

  virtual DaemonStatus Status() const = 0;
  // Sums the workers' counters.
  virtual DaemonCounters Counters() const = 0;
  // What the zones answer about `target`; nothing, if nobody asks them: on a
  // store without a daemon. With `lines`, the files of the datasets that have
  // it are read again, which takes as long as loading them.
  virtual std::optional<TargetAnswers> AnswersAbout(const Target& target,
                                                    bool lines) const = 0;
  // The configuration that is being served; never null.
  virtual std::shared_ptr<const Config> config() const = 0;
  // Reads the configuration file again. All or nothing: on an error, whose
  // message names file and line, the old configuration keeps serving.
  virtual absl::Status Reload() = 0;
  // Writes a dump of a configured zone; NotFound for another. Dumps into one
  // folder run one after the other, scheduled ones included. `progress` may be
  // null; 0.0 to 1.0 from the calling thread.
  virtual absl::StatusOr<DumpSummary> Dump(
      const std::string& zone, const DumpOptions& options,
      const std::function<void(double)>& progress) = 0;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_DAEMON_CONTROL_H_
