// Times a bulk import into a fresh store and the same one again:
//   bazel run -c opt //store:import_bench -- [LISTINGS]
// and prints seconds, peak memory and the index's bytes a listing.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "store/publisher.h"

namespace rbld {
namespace {

double Seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double PeakMiB() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

int Run(uint64_t count) {
  const std::string directory =
      (std::filesystem::temp_directory_path() / "rbld_import_bench").string();
  std::filesystem::remove_all(directory);
  SystemClock clock;
  PublisherOptions options;
  options.directory = directory;
  options.clock = &clock;
  ListSpec spec;
  spec.name = "bench";
  spec.default_values = {{0x7f000002, "listed", 0}};
  auto publisher = Publisher::Open(options, {spec}, {});
  if (!publisher.ok()) {
    std::fprintf(stderr, "%s\n", publisher.status().ToString().c_str());
    return 1;
  }
  for (int round = 0; round < 2; ++round) {
    Import import{ListPolicy()};
    Import::ValuesNumber values[3];
    for (uint32_t i = 0; i < 3; ++i) {
      values[i] = *import.InternValues({{0x7f000002 + i, "a reason", 0}});
    }
    std::mt19937 random(1);
    const double start = Seconds();
    for (uint64_t i = 0; i < count;) {
      if (import.AddIpv4(random(), 32, values[i % 3]) == nullptr) ++i;
    }
    const double filled = Seconds();
    ImportOptions import_options;
    import_options.list = "bench";
    import_options.source = "feed";
    import_options.actor = "bench";
    auto summary =
        (*publisher)->RunImport(std::move(import), import_options, nullptr);
    if (!summary.ok()) {
      std::fprintf(stderr, "%s\n", summary.status().ToString().c_str());
      return 1;
    }
    const ListInfo info = (*publisher)->Lists()->at(0);
    std::printf(
        "import %d: %llu added, %llu unchanged; %.2f s to gather, %.2f s to "
        "sort, store and index; peak %.0f MiB; index %.2f bytes a listing\n",
        round + 1, static_cast<unsigned long long>(summary->added),
        static_cast<unsigned long long>(summary->unchanged), filled - start,
        Seconds() - filled, PeakMiB(),
        static_cast<double>(info.index_bytes) /
            static_cast<double>(info.listings));
  }
  const double closing = Seconds();
  publisher->reset();
  publisher = Publisher::Open(options, {spec}, {});
  std::printf("restart: %.2f s\n", Seconds() - closing);
  publisher->reset();
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) {
  return rbld::Run(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000);
}
