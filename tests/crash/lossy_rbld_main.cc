// lossy_rbld: rbld on a file system that keeps what was not synced in memory
// only, so that kill -9 does to it what a power cut does to a machine. With
// --nosync it acknowledges changes before they are synced, and must then be
// seen to lose some.

#include <gflags/gflags.h>
#include <signal.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "server/daemon.h"
#include "store/fault_file_system.h"

DEFINE_string(config, "", "the configuration file");
DEFINE_bool(sync, true, "sync each change before it is acknowledged");

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  // Before any thread is made, so that all have the mask.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  rbld::SystemClock clock;
  rbld::DaemonOptions options;
  options.config_path = FLAGS_config;
  options.clock = &clock;
  options.file_system =
      rbld::NewFaultFileSystem(std::make_shared<rbld::FaultPlan>());
  options.sync = FLAGS_sync;
  absl::StatusOr<std::unique_ptr<rbld::Daemon>> daemon =
      rbld::Daemon::Start(std::move(options));
  if (!daemon.ok()) {
    std::fprintf(stderr, "%s\n", daemon.status().ToString().c_str());
    return 1;
  }
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  (*daemon)->Stop();
  return 0;
}
