// test_rbld: rbld as it is, on what a test can do things to:
//
//   --forget_unsynced  a file system that keeps what was not synced in memory
//                      only, so that kill -9 does to it what a power cut does
//                      to a machine
//   --nosync           changes are acknowledged before they are synced, so
//                      that the former must be seen to lose some
//   --clock_file FILE  a clock that is ahead of the system's by as many seconds
//                      as the file's 8 bytes say, in this machine's order; the
//                      test writes them while rbld runs

#include <fcntl.h>
#include <gflags/gflags.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "server/daemon.h"
#include "store/fault_file_system.h"

DEFINE_string(config, "", "the configuration file");
DEFINE_bool(forget_unsynced, false, "keep what was not synced in memory only");
DEFINE_bool(sync, true, "sync each change before it is acknowledged");
DEFINE_string(clock_file, "", "how many seconds the clock is ahead");

namespace rbld {
namespace {

class AheadClock : public Clock {
 public:
  // Null if the file is not there or too short.
  static std::unique_ptr<AheadClock> Open(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return nullptr;
    struct stat status = {};
    void* mapped = MAP_FAILED;
    if (fstat(file, &status) == 0 && status.st_size >= 8) {
      mapped = mmap(nullptr, 8, PROT_READ, MAP_SHARED, file, 0);
    }
    close(file);
    if (mapped == MAP_FAILED) return nullptr;
    return std::unique_ptr<AheadClock>(
        new AheadClock(static_cast<const std::atomic<int64_t>*>(mapped)));
  }

  int64_t NowSeconds() const override {
    return SystemClock().NowSeconds() + seconds_->load();
  }

 private:
  explicit AheadClock(const std::atomic<int64_t>* seconds)
      : seconds_(seconds) {}

  // Stays mapped until the process ends.
  const std::atomic<int64_t>* const seconds_;
};

int Main() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  // Before any thread is made, so that all have the mask.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  std::unique_ptr<Clock> clock = std::make_unique<SystemClock>();
  if (!FLAGS_clock_file.empty()) {
    clock = AheadClock::Open(FLAGS_clock_file);
    if (clock == nullptr) {
      std::fprintf(stderr, "--clock_file: %s: not there, or under 8 bytes\n",
                   FLAGS_clock_file.c_str());
      return 1;
    }
  }
  DaemonOptions options;
  options.config_path = FLAGS_config;
  options.clock = clock.get();
  if (FLAGS_forget_unsynced) {
    options.file_system = NewFaultFileSystem(std::make_shared<FaultPlan>());
  }
  options.sync = FLAGS_sync;
  absl::StatusOr<std::unique_ptr<Daemon>> daemon =
      Daemon::Start(std::move(options));
  if (!daemon.ok()) {
    std::fprintf(stderr, "%s\n", daemon.status().ToString().c_str());
    return 1;
  }
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  (*daemon)->Stop();
  return 0;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  return rbld::Main();
}
