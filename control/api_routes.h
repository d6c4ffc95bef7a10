// ApiRoutes: what stands behind each route of the Api, one function for each.
// Private to control/: everybody else uses api.h.
//
// Thread-safe: it holds no state of its own.
#ifndef RBLD_CONTROL_API_ROUTES_H_
#define RBLD_CONTROL_API_ROUTES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "control/api.h"
#include "control/daemon_control.h"
#include "control/json.h"
#include "control/json_codec.h"
#include "store/publisher.h"

namespace rbld {

ApiResponse JsonResponse(const Json& json);
ApiResponse ErrorResponse(const absl::Status& status);
ApiResponse ErrorResponse(int http_status, absl::string_view code,
                          absl::string_view detail);

// Runs `work` while it streams its progress as lines of JSON:
// {"progress":0.25} …, then {"result":…} or {"problem":…}. The client's going
// away does not stop the work.
using ProgressCallback = std::function<void(double)>;
ApiResponse ProgressResponse(
    std::function<absl::StatusOr<Json>(const ProgressCallback&)> work);
// Whether the client asked for that.
bool WantsProgress(const ApiRequest& request);

class ApiRoutes {
 public:
  ApiRoutes(Publisher* publisher, DaemonControl* daemon, const Clock* clock)
      : publisher_(*publisher), daemon_(*daemon), clock_(*clock) {}

  // `argument` is what stands in the path at the route's '*'.
  // api_changes.cc
  ApiResponse PostChanges(ApiRequest& request, const std::string& argument);
  // api_reads.cc
  ApiResponse GetTarget(ApiRequest& request, const std::string& argument);
  ApiResponse GetListings(ApiRequest& request, const std::string& argument);
  ApiResponse GetHistory(ApiRequest& request, const std::string& argument);
  ApiResponse GetAudit(ApiRequest& request, const std::string& argument);
  // api_lists.cc
  ApiResponse GetLists(ApiRequest& request, const std::string& argument);
  ApiResponse GetList(ApiRequest& request, const std::string& argument);
  ApiResponse GetListDump(ApiRequest& request, const std::string& argument);
  ApiResponse GetZones(ApiRequest& request, const std::string& argument);
  ApiResponse GetZone(ApiRequest& request, const std::string& argument);
  // api_imports.cc
  ApiResponse PostImports(ApiRequest& request, const std::string& argument);
  // api_relay.cc
  ApiResponse PostRelayReports(ApiRequest& request, const std::string&);
  ApiResponse PostRelayRechecks(ApiRequest& request, const std::string&);
  ApiResponse PostRelayOptOuts(ApiRequest& request, const std::string&);
  ApiResponse GetRelayOptOuts(ApiRequest& request, const std::string&);
  ApiResponse PostRelayLeases(ApiRequest& request, const std::string&);
  ApiResponse PostRelayResults(ApiRequest& request, const std::string&);
  ApiResponse PostRelayTokens(ApiRequest& request, const std::string&);
  ApiResponse PostRelayArrivals(ApiRequest& request, const std::string&);
  ApiResponse PostRelayProven(ApiRequest& request, const std::string&);
  ApiResponse GetRelaySettings(ApiRequest& request, const std::string&);
  ApiResponse GetRelayCases(ApiRequest& request, const std::string&);
  ApiResponse GetRelayCase(ApiRequest& request, const std::string& argument);
  ApiResponse GetRelayEvidence(ApiRequest& request,
                               const std::string& argument);
  // api_daemon.cc
  ApiResponse PostDumps(ApiRequest& request, const std::string& argument);
  ApiResponse PostReload(ApiRequest& request, const std::string& argument);
  ApiResponse PostBackup(ApiRequest& request, const std::string& argument);
  ApiResponse GetStatus(ApiRequest& request, const std::string& argument);
  ApiResponse GetStats(ApiRequest& request, const std::string& argument);
  ApiResponse GetMetrics(ApiRequest& request, const std::string& argument);

 private:
  // The only list that is configured, or "".
  std::string DefaultList() const;
  // `list`, or the only one; an error that names the lists there are.
  absl::StatusOr<std::string> ListOrDefault(const std::string& list) const;
  std::vector<std::string> ListNames() const;
  // What to say to whoever lists targets of that kind, if no zone publishes
  // them; else "".
  std::string UnpublishedNote(const std::string& list, TargetKind kind) const;
  Json ZoneToJson(const ZoneConfig& zone, bool whole) const;

  Publisher& publisher_;
  DaemonControl& daemon_;
  const Clock& clock_;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_API_ROUTES_H_
