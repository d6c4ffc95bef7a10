// OfflineControl: the DaemonControl of a store that no daemon serves, so that
// the same Api works on it.
//
// Thread-safe.
#ifndef RBLD_CONTROL_OFFLINE_CONTROL_H_
#define RBLD_CONTROL_OFFLINE_CONTROL_H_

#include <memory>
#include <string>

#include "base/clock.h"
#include "control/daemon_control.h"
#include "store/publisher.h"

namespace rbld {

class OfflineControl : public DaemonControl {
 public:
  // `publisher` and `clock` outlive it.
  OfflineControl(Config config, const Publisher* publisher, const Clock* clock);

  DaemonStatus Status() const override;
  std::optional<TargetAnswers> AnswersAbout(const Target& target,
                                            bool lines) const override;
  DaemonCounters Counters() const override { return {}; }
  std::shared_ptr<const Config> config() const override { return config_; }
  // FailedPrecondition: there is nothing that could be told to reload.
  absl::Status Reload() override;
  absl::StatusOr<DumpSummary> Dump(
      const std::string& zone, const DumpOptions& options,
      const std::function<void(double)>& progress) override;

 private:
  const std::shared_ptr<const Config> config_;
  const Publisher& publisher_;
  const Clock& clock_;
  const int64_t started_;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_OFFLINE_CONTROL_H_
