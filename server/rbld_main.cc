// rbld: the daemon. See docs/OPERATIONS.md.

#include <gflags/gflags.h>
#include <signal.h>
#include <time.h>

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
#include "server/daemon.h"
#include "server/notify.h"
#include "server/sockets.h"
#include "zones/config.h"

DEFINE_string(config, "/etc/rbld/rbld.toml", "the configuration file");
DEFINE_bool(check_config, false,
            "check the configuration, say what is wrong with it, and exit");
DEFINE_string(listen, "",
              "addresses to answer on instead of the configuration's: "
              "\"127.0.0.1:5300,[::1]:5300\"");
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

// Serves until SIGTERM or SIGINT. The signals are blocked in every thread and
// taken here, so no handler ever interrupts anything.
void ServeUntilToldToStop(Daemon* daemon, const sigset_t& signals) {
  constexpr timespec kWait = {0, kHousekeepingMs * 1'000'000L};
  while (true) {
    const int signal = sigtimedwait(&signals, nullptr, &kWait);
    if (signal == SIGTERM || signal == SIGINT) {
      LogInfo(absl::StrCat("stopping on ",
                           signal == SIGTERM ? "SIGTERM" : "SIGINT"));
      return;
    }
    if (signal == SIGHUP) {
      // Reload logs how it went.
      daemon->Reload().IgnoreError();
    }
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
  options.clock = &clock;
  if (!ReadOverrides(&options)) return kExitUsage;
  if (FLAGS_check_config) return CheckConfig();

  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    sigaddset(&signals, signal);
  }
  // Before any thread is made, so that all have the mask.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  absl::StatusOr<std::unique_ptr<Daemon>> daemon =
      Daemon::Start(std::move(options));
  if (!daemon.ok()) {
    LogError(daemon.status().message());
    return kExitFailed;
  }
  LogInfo(absl::StrCat("rbld ", kVersion, " answers on ",
                       absl::StrJoin((*daemon)->listeners(), ", ")));
  NotifyServiceManager("READY=1");
  ServeUntilToldToStop(daemon->get(), signals);
  NotifyServiceManager("STOPPING=1");
  (*daemon)->Stop();
  LogInfo("stopped");
  return kExitDone;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) { return rbld::Main(argc, argv); }
