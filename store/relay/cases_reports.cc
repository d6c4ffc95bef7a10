// RelayCasesImpl: reports, owners' requests and opt-outs.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "store/relay/cases_impl.h"
#include "store/relay/cases_staging.h"

namespace rbld {
namespace {

constexpr size_t kMaxReporterBytes = 255;

}  // namespace

absl::Status RelayCasesImpl::CountReport(StagedBatch* batch,
                                         const RelaySettings& settings,
                                         const std::string& reporter) const {
  const std::string key = ReporterKey(reporter);
  absl::StatusOr<std::string> bytes = batch->Get(FamilyId::kProbes, key);
  if (!bytes.ok()) return bytes.status();
  RelayReporter record;
  if (!bytes->empty() && !ParseReporter(*bytes, &record)) {
    return CorruptRecord("reporter");
  }
  const int64_t now = batch->now_seconds();
  if (now - record.day_start >= 86400) record = {now, 0};
  if (record.reports >= static_cast<uint32_t>(settings.max_reports_per_day)) {
    return RelayLimitError(
        absl::StrCat(reporter, " has made ", record.reports,
                     " reports since yesterday, which is the limit; go on in ",
                     (record.day_start + 86400 - now + 3599) / 3600, " h"));
  }
  ++record.reports;
  batch->Put(FamilyId::kProbes, key, ReporterValue(record));
  return absl::OkStatus();
}

absl::StatusOr<ReportResult> RelayCasesImpl::Report(const RelayReport& report) {
  const std::shared_ptr<const RelaySettings> settings = this->settings();
  if (settings->list.empty()) return RelaysNotConfigured();
  if (report.reporter.empty() || report.reporter.size() > kMaxReporterBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a reporter's name has 1 to ", kMaxReporterBytes, " bytes"));
  }
  absl::Status status = CheckTestable(*settings, report.address);
  if (!status.ok()) return status;
  ReportResult result;
  status = runner_([&](StagedBatch* batch) -> absl::Status {
    absl::StatusOr<Draft> draft = Load(batch, {report.address, settings->port});
    if (!draft.ok()) return draft.status();
    absl::Status counted = CountReport(batch, *settings, report.reporter);
    if (!counted.ok()) return counted;
    NoteIfForgotten(batch, &*draft);
    result.outcome =
        rbld::Report(settings->policy, batch->now_seconds(), &draft->after);
    result.relay = draft->after;
    return Save(batch, &*draft, {}, "");
  });
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<RelayCase> RelayCasesImpl::Recheck(const IpPrefix& address) {
  const std::shared_ptr<const RelaySettings> settings = this->settings();
  if (settings->list.empty()) return RelaysNotConfigured();
  absl::Status status = CheckTestable(*settings, address);
  if (!status.ok()) return status;
  RelayCase relay;
  status = runner_([&](StagedBatch* batch) -> absl::Status {
    absl::StatusOr<Draft> draft = Load(batch, {address, settings->port});
    if (!draft.ok()) return draft.status();
    NoteIfForgotten(batch, &*draft);
    absl::Status asked =
        RequestRecheck(settings->policy, batch->now_seconds(), &draft->after);
    if (!asked.ok()) {
      const std::string message =
          absl::StrCat(address.ToString(), ": ", asked.message());
      return absl::IsResourceExhausted(asked)
                 ? RelayLimitError(message)
                 : absl::Status(asked.code(), message);
    }
    relay = draft->after;
    return Save(batch, &*draft, {}, "");
  });
  if (!status.ok()) return status;
  return relay;
}

absl::Status RelayCasesImpl::AddOptOut(RelayOptOut opt_out) {
  {
    MutexLock lock(&mutex_);
    for (const RelayOptOut& known : opt_outs_) {
      if (known.prefix == opt_out.prefix) {
        return absl::AlreadyExistsError(
            absl::StrCat(opt_out.prefix.ToString(), " is opted out already"));
      }
    }
  }
  absl::Status status = runner_([&](StagedBatch* batch) -> absl::Status {
    opt_out.created = batch->now_seconds();
    batch->Put(FamilyId::kProbes, OptOutKey(opt_out.prefix),
               OptOutValue(opt_out));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  // Planned tests end when their time comes: the lease looks here.
  MutexLock lock(&mutex_);
  opt_outs_.push_back(std::move(opt_out));
  return absl::OkStatus();
}

absl::Status RelayCasesImpl::RemoveOptOut(const IpPrefix& prefix) {
  {
    MutexLock lock(&mutex_);
    const bool known = std::any_of(
        opt_outs_.begin(), opt_outs_.end(),
        [&](const RelayOptOut& one) { return one.prefix == prefix; });
    if (!known) {
      return absl::NotFoundError(
          absl::StrCat(prefix.ToString(), " is not opted out"));
    }
  }
  absl::Status status = runner_([&](StagedBatch* batch) -> absl::Status {
    batch->Erase(FamilyId::kProbes, OptOutKey(prefix));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  MutexLock lock(&mutex_);
  opt_outs_.erase(std::remove_if(opt_outs_.begin(), opt_outs_.end(),
                                 [&](const RelayOptOut& one) {
                                   return one.prefix == prefix;
                                 }),
                  opt_outs_.end());
  return absl::OkStatus();
}

std::vector<RelayOptOut> RelayCasesImpl::OptOuts() const {
  MutexLock lock(&mutex_);
  return opt_outs_;
}

}  // namespace rbld
