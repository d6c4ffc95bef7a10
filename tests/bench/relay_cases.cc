// relay_cases: fills a store with reported relay cases, as fast as the store
// takes them: through the publisher, but without waiting for the disk.
//
//   relay_cases STORE FIRST_ADDRESS STEP COUNT BEGIN SECONDS
//
// Case i is of FIRST_ADDRESS + i * STEP (IPv4). Their sessions are planned for
// BEGIN (Unix time) and, evenly, the SECONDS after it, in no order of address.
// The store's list is "relays", and tests are of port 25.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/ip_prefix.h"
#include "store/publisher.h"
#include "store/relay/cases.h"

namespace rbld {
namespace {

// They share commits.
constexpr int kThreads = 16;

struct Work {
  uint32_t first = 0;
  uint32_t step = 0;
  uint64_t count = 0;
  int64_t begin = 0;
  int64_t seconds = 0;
};

// Another order: a prime that no count here is a multiple of.
uint64_t Shuffled(uint64_t i, uint64_t count) {
  constexpr uint64_t kPrime = 2'147'483'647;
  return i * kPrime % count;
}

int Fill(const char* directory, const Work& work) {
  FakeClock clock(work.begin);
  PublisherOptions options;
  options.directory = directory;
  options.clock = &clock;
  options.sync = false;
  ListSpec spec;
  spec.name = "relays";
  spec.default_values = {{0x7f000002, "open relay $", 0}};
  absl::StatusOr<std::unique_ptr<Publisher>> publisher =
      Publisher::Open(options, {spec}, {});
  if (!publisher.ok()) {
    std::fprintf(stderr, "%s\n", publisher.status().ToString().c_str());
    return 1;
  }
  RelaySettings settings;
  settings.list = spec.name;
  settings.max_reports_per_day = std::numeric_limits<int>::max();
  // All of it: what is tested, the daemon's configuration says.
  settings.lab_networks = {*ParseIpPrefix("0.0.0.0/0")};
  RelayCases& cases = (*publisher)->relay_cases();
  absl::Status configured = cases.Configure(settings);
  std::atomic<uint64_t> next{0};
  std::atomic<bool> failed{!configured.ok()};
  const auto report = [&] {
    for (uint64_t i; !failed && (i = next++) < work.count;) {
      // Nobody minds if another thread's case is a second off.
      const int64_t now = work.begin + static_cast<int64_t>(i) * work.seconds /
                                           static_cast<int64_t>(work.count);
      if (now > clock.NowSeconds()) clock.Advance(now - clock.NowSeconds());
      const uint32_t address =
          work.first +
          static_cast<uint32_t>(Shuffled(i, work.count)) * work.step;
      const absl::StatusOr<ReportResult> result =
          cases.Report({IpPrefix::FromIpv4(address), "bench"});
      if (!result.ok() && !failed.exchange(true)) {
        std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(report);
  for (std::thread& thread : threads) thread.join();
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(
        stderr,
        "usage: relay_cases STORE FIRST_ADDRESS STEP COUNT BEGIN SECONDS\n");
    return 2;
  }
  const absl::StatusOr<rbld::IpPrefix> first = rbld::ParseIpPrefix(argv[2]);
  if (!first.ok() || first->family != rbld::Family::kIpv4) {
    std::fprintf(stderr, "\"%s\" is no IPv4 address\n", argv[2]);
    return 2;
  }
  rbld::Work work;
  for (int i = 0; i < 4; ++i) work.first = work.first << 8 | first->bytes[i];
  work.step = static_cast<uint32_t>(std::strtoul(argv[3], nullptr, 10));
  work.count = std::strtoull(argv[4], nullptr, 10);
  work.begin = std::strtoll(argv[5], nullptr, 10);
  work.seconds = std::strtoll(argv[6], nullptr, 10);
  return rbld::Fill(argv[1], work);
}
