#include "base/cpus.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include <memory>

#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

// The most that the kernel can be built for.
constexpr int kMostCpus = 8192;

struct FreeCpuSet {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};
using CpuSet = std::unique_ptr<cpu_set_t, FreeCpuSet>;

CpuSet NoCpus() {
  CpuSet set(CPU_ALLOC(kMostCpus));
  CPU_ZERO_S(CPU_ALLOC_SIZE(kMostCpus), set.get());
  return set;
}

}  // namespace

std::vector<int> UsableCpus() {
  const size_t bytes = CPU_ALLOC_SIZE(kMostCpus);
  const CpuSet set = NoCpus();
  std::vector<int> cpus;
  if (sched_getaffinity(0, bytes, set.get()) != 0) return cpus;
  for (int cpu = 0; cpu < kMostCpus; ++cpu) {
    if (CPU_ISSET_S(cpu, bytes, set.get())) cpus.push_back(cpu);
  }
  return cpus;
}

absl::Status KeepToCpu(int cpu) {
  const size_t bytes = CPU_ALLOC_SIZE(kMostCpus);
  const CpuSet set = NoCpus();
  CPU_SET_S(cpu, bytes, set.get());
  if (sched_setaffinity(0, bytes, set.get()) == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("cannot keep a thread to CPU ", cpu, ": ", strerror(errno)));
}

}  // namespace rbld
