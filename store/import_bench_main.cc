// Times a bulk import into a fresh store, the same one again, one with every
// hundredth listing replaced, and the first one sorted:
//   bazel run -c opt //store:import_bench -- [LISTINGS]
// and prints seconds, CPU seconds (on a machine that others use, half of them
// is what two idle cores would take), peak memory and the index's bytes a
// listing.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "store/publisher.h"

namespace rbld {
namespace {

double Seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Of all threads.
double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double PeakMiB() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// `count` addresses; others for another seed.
std::vector<uint32_t> Addresses(uint64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  Import import{ListPolicy()};
  std::vector<uint32_t> addresses;
  while (addresses.size() < count) {
    const uint32_t address = random();
    if (import.AddIpv4(address, 32, 0) == nullptr) addresses.push_back(address);
  }
  return addresses;
}

bool RunOne(const char* name, const std::vector<uint32_t>& addresses,
            const char* source, Publisher* publisher) {
  Import import{ListPolicy()};
  Import::ValuesNumber values[3];
  for (uint32_t i = 0; i < 3; ++i) {
    values[i] = *import.InternValues({{0x7f000002 + i, "a reason", 0}});
  }
  for (const uint32_t address : addresses) {
    import.AddIpv4(address, 32, values[address % 3]);
  }
  ImportOptions options;
  options.list = source;
  options.source = source;
  options.actor = "bench";
  const double start = Seconds();
  const double cpu_start = CpuSeconds();
  auto summary = publisher->RunImport(std::move(import), options, nullptr);
  if (!summary.ok()) {
    std::fprintf(stderr, "%s\n", summary.status().ToString().c_str());
    return false;
  }
  const double seconds = Seconds() - start;
  const double cpu_seconds = CpuSeconds() - cpu_start;
  ListInfo info;
  const absl::StatusOr<std::vector<ListInfo>> lists = publisher->Lists();
  for (const ListInfo& list : *lists) {
    if (list.name == source) info = list;
  }
  std::printf(
      "%-20s %9llu changes, %9llu unchanged; %.2f s, %.2f s of CPU; peak %.0f "
      "MiB; index %.2f bytes a listing\n",
      name,
      static_cast<unsigned long long>(summary->added + summary->removed +
                                      summary->changed),
      static_cast<unsigned long long>(summary->unchanged), seconds, cpu_seconds,
      PeakMiB(),
      static_cast<double>(info.index_bytes) /
          static_cast<double>(info.listings));
  return true;
}

absl::StatusOr<std::unique_ptr<Publisher>> OpenStore(
    const std::string& directory, SystemClock* clock) {
  PublisherOptions options;
  options.directory = directory;
  options.clock = clock;
  std::vector<ListSpec> specs;
  for (const char* name : {"unsorted", "sorted"}) {
    ListSpec spec;
    spec.name = name;
    spec.default_values = {{0x7f000002, "listed", 0}};
    specs.push_back(spec);
  }
  return Publisher::Open(options, std::move(specs), {});
}

int Run(uint64_t count) {
  const std::string directory =
      (std::filesystem::temp_directory_path() / "rbld_import_bench").string();
  std::filesystem::remove_all(directory);
  SystemClock clock;
  auto publisher = OpenStore(directory, &clock);
  if (!publisher.ok()) {
    std::fprintf(stderr, "%s\n", publisher.status().ToString().c_str());
    return 1;
  }
  std::vector<uint32_t> addresses = Addresses(count, 1);
  bool ok = RunOne("unsorted", addresses, "unsorted", publisher->get()) &&
            RunOne("the same again", addresses, "unsorted", publisher->get());
  const std::vector<uint32_t> others = Addresses(count / 100, 2);
  for (size_t i = 0; i < others.size(); ++i) addresses[i * 100] = others[i];
  ok = ok && RunOne("1 % replaced", addresses, "unsorted", publisher->get());
  const double closing = Seconds();
  publisher->reset();
  publisher = OpenStore(directory, &clock);
  std::printf("restart: %.2f s\n", Seconds() - closing);
  std::sort(addresses.begin(), addresses.end());
  ok = ok && RunOne("sorted", addresses, "sorted", publisher->get());
  publisher->reset();
  std::filesystem::remove_all(directory);
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) {
  return rbld::Run(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000);
}
