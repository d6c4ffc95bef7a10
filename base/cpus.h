// Cpus: which CPUs this process may use, and a thread that keeps to one.
#ifndef RBLD_BASE_CPUS_H_
#define RBLD_BASE_CPUS_H_

#include <vector>

#include "absl/status/status.h"

namespace rbld {

// The numbers of the CPUs that the calling thread may use, as the kernel has
// them (taskset, cgroups), in ascending order.
std::vector<int> UsableCpus();

// Keeps the calling thread on one of them.
absl::Status KeepToCpu(int cpu);

}  // namespace rbld

#endif  // RBLD_BASE_CPUS_H_
