// rbld: the daemon. See docs/OPERATIONS.md.

#include <gflags/gflags.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/service_sockets.h"
#include "server/daemon.h"
#include "server/notify.h"
#include "server/sockets.h"
#include "server/stats_report.h"
#include "zones/config.h"

DEFINE_string(config, "/etc/rbld/rbld.toml", "the configuration file");
DEFINE_bool(check_config, false,
            "check the configuration, say what is wrong with it, and exit");
DEFINE_string(listen, "",
              "addresses to answer on instead of the configuration's: "
              "\"127.0.0.1:5300,[::1]:5300\"");
DEFINE_int32(config_fd, -1,
             "read the configuration from this descriptor instead; --config is "
             "then only its name in messages");
DEFINE_string(chroot, "",
              "make this the root directory once the sockets are open");
DEFINE_string(workdir, "", "make this the working directory after that");
DEFINE_string(stats_file, "",
              "append counters to this file in rbldnsd's form; '+' before the "
              "name: differences");
DEFINE_int32(stats_every, 60, "how often, in seconds");
DEFINE_int32(workers, 0, "how many workers, instead of the configuration's");

namespace rbld {
namespace {

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kMaxWorkers = 256;

int CheckConfig() {
  const absl::StatusOr<Config> config = LoadConfig(FLAGS_config);
  if (!config.ok()) {
    fprintf(stderr, "%s\n", std::string(config.status().message()).c_str());
    return kExitFailed;
  }
  const auto zones =
      ZoneTable::Build(config->zones, [](const std::string&) { return 0; });
  if (!zones.ok()) {
    fprintf(stderr, "%s: %s\n", FLAGS_config.c_str(),
            std::string(zones.status().message()).c_str());
    return kExitFailed;
  }
  const size_t lists = config->lists.size();
  const size_t zone_count = config->zones.size();
  printf("%s: ok: %zu list%s, %zu zone%s\n", FLAGS_config.c_str(), lists,
         lists == 1 ? "" : "s", zone_count, zone_count == 1 ? "" : "s");
  return kExitDone;
}

// False after a message when the flags make no sense.
bool ReadOverrides(DaemonOptions* options) {
  if (FLAGS_workers < 0 || FLAGS_workers > kMaxWorkers) {
    fprintf(stderr, "--workers: %d is not from 1 to %d\n", FLAGS_workers,
            kMaxWorkers);
    return false;
  }
  options->workers = FLAGS_workers;
  for (absl::string_view text :
       absl::StrSplit(FLAGS_listen, ',', absl::SkipEmpty())) {
    absl::StatusOr<ListenAddress> address = ParseListenFlag(text);
    if (!address.ok()) {
      fprintf(stderr, "--listen: %s\n",
              std::string(address.status().message()).c_str());
      return false;
    }
    options->listen.push_back(*std::move(address));
  }
  return true;
}

// The whole of a descriptor; empty when it cannot be read.
std::string ReadAll(int fd) {
  std::string text;
  char buffer[4096];
  ssize_t got;
  while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
    text.append(buffer, static_cast<size_t>(got));
  }
  close(fd);
  return text;
}

// What is written of the counters, and when.
class Reporting {
 public:
  Reporting(const Daemon* daemon, const Clock* clock)
      : daemon_(*daemon),
        clock_(*clock),
        report_(FLAGS_stats_file.substr(FLAGS_stats_file[0] == '+' ? 1 : 0),
                FLAGS_stats_file[0] == '+'),
        next_(clock->NowSeconds() + FLAGS_stats_every) {
    // From zero: the workers may have answered queries already.
    report_.Reset(clock_.NowSeconds(), StatsTotals());
    Say(report_.Mark(clock_.NowSeconds()));
  }
  ~Reporting() { Say(report_.Mark(clock_.NowSeconds())); }

  void WriteIfDue() {
    if (FLAGS_stats_every <= 0 || clock_.NowSeconds() < next_) return;
    next_ = clock_.NowSeconds() + FLAGS_stats_every;
    Say(report_.Write(clock_.NowSeconds(), daemon_.SumStats()));
  }

  void LogNow(bool reset) {
    const StatsTotals totals = daemon_.SumStats();
    const int64_t now_seconds = clock_.NowSeconds();
    for (const std::string& line : report_.LogLines(now_seconds, totals)) {
      LogInfo(line);
    }
    if (!reset) return;
    report_.Reset(now_seconds, totals);
    Say(report_.Mark(now_seconds));
  }

 private:
  static void Say(const absl::Status& status) {
    if (!status.ok()) LogWarning(status.message());
  }

  const Daemon& daemon_;
  const Clock& clock_;
  StatsReport report_;
  int64_t next_;
};

// Serves until SIGTERM or SIGINT. The signals are blocked in every thread and
// taken here, so no handler ever interrupts anything.
void ServeUntilToldToStop(Daemon* daemon, const Clock& clock,
                          const ServiceManager& manager,
                          const sigset_t& signals) {
  Reporting reporting(daemon, &clock);
  constexpr timespec kWait = {0, kHousekeepingMs * 1'000'000L};
  while (true) {
    const int signal = sigtimedwait(&signals, nullptr, &kWait);
    if (signal == SIGTERM || signal == SIGINT) {
      LogInfo(absl::StrCat("stopping on ",
                           signal == SIGTERM ? "SIGTERM" : "SIGINT"));
      return;
    }
    if (signal == SIGHUP) {
      manager.NotifyReloading();
      // Reload logs how it went.
      daemon->Reload().IgnoreError();
      manager.Notify("READY=1");
    }
    if (signal == SIGUSR1 || signal == SIGUSR2) {
      reporting.LogNow(signal == SIGUSR2);
    }
    reporting.WriteIfDue();
    daemon->Housekeep();
  }
}

int Main(int argc, char** argv) {
  gflags::SetVersionString(kVersion);
  gflags::SetUsageMessage("answers DNS blocklist queries: rbld --config FILE");
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  if (argc > 1) {
    fprintf(stderr, "rbld: unexpected argument \"%s\"; see rbld --help\n",
            argv[1]);
    return kExitUsage;
  }
  SystemClock clock;
  DaemonOptions options;
  options.config_path = FLAGS_config;
  if (FLAGS_config_fd >= 0) {
    options.config_text = ReadAll(FLAGS_config_fd);
    if (options.config_text.empty()) {
      fprintf(stderr, "rbld: --config_fd %d: there is nothing to read\n",
              FLAGS_config_fd);
      return kExitUsage;
    }
  }
  options.root_directory = FLAGS_chroot;
  options.work_directory = FLAGS_workdir;
  options.clock = &clock;
  if (!ReadOverrides(&options)) return kExitUsage;
  if (FLAGS_check_config) return CheckConfig();

  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) {
    sigaddset(&signals, signal);
  }
  // Before any thread is made, so that all have the mask.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  // Before a jail hides its path.
  const ServiceManager manager;
  options.passed_sockets = TakePassedSockets();
  absl::StatusOr<std::unique_ptr<Daemon>> daemon =
      Daemon::Start(std::move(options));
  if (!daemon.ok()) {
    LogError(daemon.status().message());
    return kExitFailed;
  }
  LogInfo(absl::StrCat("rbld ", kVersion, " answers on ",
                       absl::StrJoin((*daemon)->listeners(), ", ")));
  manager.Notify("READY=1");
  ServeUntilToldToStop(daemon->get(), clock, manager, signals);
  manager.Notify("STOPPING=1");
  (*daemon)->Stop();
  LogInfo("stopped");
  return kExitDone;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) { return rbld::Main(argc, argv); }
