#include "server/stats_report.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/file_util.h"

namespace rbld {
namespace {

constexpr char kAll[] = "*";

uint64_t Row(const StatsTotals& totals, absl::string_view name) {
  for (const StatsTotals::Row& row : totals.rows) {
    if (name == row.name) return row.value;
  }
  return 0;
}

}  // namespace

StatsReport::StatsReport(std::string path, bool deltas)
    : path_(std::move(path)), deltas_(deltas) {}

StatsReport::Counts StatsReport::Counts::Minus(const Counts& other) const {
  return {total - other.total,       positive - other.positive,
          nxdomain - other.nxdomain, errors - other.errors,
          bytes_in - other.bytes_in, bytes_out - other.bytes_out};
}

StatsReport::Table StatsReport::Read(const StatsTotals& totals) {
  Table table;
  const auto add = [](const auto& outcomes, Counts* counts) {
    for (size_t i = 0; i < outcomes.size(); ++i) {
      counts->total += outcomes[i];
      switch (static_cast<AnswerKind>(i)) {
        case AnswerKind::kListed:
        case AnswerKind::kStatic:
        case AnswerKind::kNoData:
        case AnswerKind::kChaos:
          counts->positive += outcomes[i];
          break;
        case AnswerKind::kNxDomain:
          counts->nxdomain += outcomes[i];
          break;
        default:
          counts->errors += outcomes[i];
      }
    }
  };
  for (const StatsTotals::ZoneRow& row : totals.zones) {
    Counts& counts = table[row.zone];
    add(row.outcomes, &counts);
    counts.bytes_in = row.request_bytes;
    counts.bytes_out = row.reply_bytes;
  }
  // What was asked of no zone of ours is in the sum too.
  Counts& all = table[kAll];
  std::array<uint64_t, kAnswerKinds> outcomes = {};
  for (size_t i = 0; i < outcomes.size(); ++i) {
    outcomes[i] = Row(totals, AnswerKindName(static_cast<AnswerKind>(i)));
  }
  add(outcomes, &all);
  all.bytes_in = Row(totals, "request_bytes");
  all.bytes_out = Row(totals, "reply_bytes");
  return table;
}

StatsReport::Counts StatsReport::Since(const Table& table, const Table& before,
                                       const std::string& zone) {
  const auto found = before.find(zone);
  const Counts& now = table.at(zone);
  return found == before.end() ? now : now.Minus(found->second);
}

absl::Status StatsReport::Append(const std::string& line) const {
  if (path_.empty()) return absl::OkStatus();
  const int fd =
      open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus(errno, path_, "opening the statistics file");
  const ssize_t wrote = write(fd, line.data(), line.size());
  const int error = errno;
  close(fd);
  if (wrote != static_cast<ssize_t>(line.size())) {
    return ErrnoStatus(error, path_, "writing the statistics file");
  }
  return absl::OkStatus();
}

absl::Status StatsReport::Mark(int64_t now_seconds) const {
  return Append(absl::StrCat(now_seconds, "\n"));
}

absl::Status StatsReport::Write(int64_t now_seconds,
                                const StatsTotals& totals) {
  const Table table = Read(totals);
  std::string line = absl::StrCat(now_seconds);
  const auto add = [&](const std::string& zone) {
    const Counts counts = Since(table, deltas_ ? previous_ : zero_, zone);
    absl::StrAppend(&line, " ", zone, ":", counts.total, ":", counts.positive,
                    ":", counts.nxdomain, ":", counts.bytes_in, ":",
                    counts.bytes_out);
  };
  for (const auto& [zone, counts] : table) {
    if (zone != kAll) add(zone);
  }
  add(kAll);
  previous_ = table;
  return Append(line + "\n");
}

std::vector<std::string> StatsReport::LogLines(
    int64_t now_seconds, const StatsTotals& totals) const {
  const Table table = Read(totals);
  std::vector<std::string> lines;
  const auto add = [&](const std::string& zone) {
    const Counts counts = Since(table, zero_, zone);
    lines.push_back(
        absl::StrCat("stats for ", now_seconds - since_, "sec",
                     zone == kAll ? "" : absl::StrCat(" zone ", zone),
                     ": tot=", counts.total, " ok=", counts.positive,
                     " nxd=", counts.nxdomain, " err=", counts.errors,
                     " in=", counts.bytes_in, " out=", counts.bytes_out));
  };
  for (const auto& [zone, counts] : table) {
    if (zone != kAll) add(zone);
  }
  add(kAll);
  return lines;
}

void StatsReport::Reset(int64_t now_seconds, const StatsTotals& totals) {
  since_ = now_seconds;
  zero_ = Read(totals);
  previous_ = zero_;
}

}  // namespace rbld
