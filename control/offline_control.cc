#include "control/offline_control.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace rbld {

OfflineControl::OfflineControl(Config config, const Publisher* publisher,
                               const Clock* clock)
    : config_(std::make_shared<const Config>(std::move(config))),
      publisher_(*publisher),
      clock_(*clock),
      started_(clock->NowSeconds()) {}

std::optional<TargetAnswers> OfflineControl::AnswersAbout(const Target&,
                                                          bool) const {
  return std::nullopt;
}

DaemonStatus OfflineControl::Status() const {
  DaemonStatus status;
  status.version = "offline";
  status.offline = true;
  status.started = started_;
  status.pid = getpid();
  status.config_loaded = config_->path.empty() ? 0 : started_;
  return status;
}

absl::Status OfflineControl::Reload() {
  return absl::FailedPreconditionError(
      "no daemon serves this store, so nothing can reload; leave --store out "
      "to talk to rbld");
}

absl::StatusOr<DumpSummary> OfflineControl::Dump(
    const std::string& zone, const DumpOptions& options,
    const std::function<void(double)>& progress) {
  for (const ZoneConfig& configured : config_->zones) {
    if (configured.name != zone) continue;
    return DumpZone(configured, *publisher_.Pin(), clock_.NowSeconds(), options,
                    progress);
  }
  return absl::NotFoundError(absl::StrCat(
      "there is no zone ", zone.substr(0, 255),
      config_->path.empty() ? "; name the configuration with --config FILE"
                            : absl::StrCat(" in ", config_->path)));
}

}  // namespace rbld
