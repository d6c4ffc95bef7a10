// The daemon's figures in Prometheus' text format (version 0.0.4).
#ifndef RBLD_CONTROL_METRICS_H_
#define RBLD_CONTROL_METRICS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "control/daemon_control.h"
#include "store/listing.h"
#include "store/publisher.h"
#include "store/relay/cases.h"

namespace rbld {

inline constexpr char kMetricsContentType[] =
    "text/plain; version=0.0.4; charset=utf-8";

// Pure function.
std::string MetricsText(const DaemonStatus& status,
                        const DaemonCounters& counters, const StoreStats& store,
                        const RelayCounts& relay, const StoreView& view,
                        const std::vector<ListInfo>& lists,
                        int64_t now_seconds);

}  // namespace rbld

#endif  // RBLD_CONTROL_METRICS_H_
