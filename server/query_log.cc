#include "server/query_log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_util.h"
#include "base/log.h"
#include "dns/constants.h"
#include "dns/mnemonics.h"
#include "dns/name.h"
#include "dns/reversed_name.h"
#include "server/access.h"

namespace rbld {
namespace {

// So much is written at once.
constexpr size_t kWriteBytes = 64 << 10;
constexpr int kFileMode = 0644;
// Where a reply has its RCODE and the number of its answers (RFC 1035 §4.1.1).
constexpr size_t kRcodeOffset = 3;
constexpr size_t kAnswersOffset = 6;

absl::StatusOr<Fd> OpenFile(const std::string& path) {
  Fd file(path == "-"
              ? dup(STDOUT_FILENO)
              : open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                     kFileMode));
  if (file.get() < 0) {
    return ErrnoStatus(errno, path, "opening the log of queries");
  }
  return file;
}

std::string ClassText(uint16_t qclass) {
  switch (qclass) {
    case kClassIn:
      return "IN";
    case kClassChaos:
      return "CH";
    case kClassAny:
      return "ANY";
    default:
      return absl::StrCat("CLASS", qclass);  // RFC 3597 §5
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<QueryLog>> QueryLog::Open(
    const std::string& path) {
  absl::StatusOr<Fd> file = OpenFile(path);
  if (!file.ok()) {
    LogError(absl::StrCat(file.status().message(),
                          "; queries are not logged until SIGHUP finds it"));
    // What cannot be written keeps the number until there is a file.
    file = Fd(open("/", O_PATH | O_CLOEXEC));
    if (!file->valid()) return ErrnoStatus(errno, "/", "opening");
  }
  return std::unique_ptr<QueryLog>(new QueryLog(path, *std::move(file)));
}

absl::Status QueryLog::Reopen() {
  if (path_ == "-") return absl::OkStatus();
  absl::StatusOr<Fd> file = OpenFile(path_);
  if (!file.ok()) return file.status();
  // In one step, so that no worker ever finds it closed.
  if (dup3(file->get(), file_.get(), O_CLOEXEC) < 0) {
    return ErrnoStatus(errno, path_, "opening the log of queries");
  }
  return absl::OkStatus();
}

void QueryLog::Write(absl::string_view lines) {
  while (!lines.empty()) {
    const ssize_t bytes = write(file_.get(), lines.data(), lines.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) return;
    lines.remove_prefix(static_cast<size_t>(bytes));
  }
}

void QueryLogWriter::Add(const Request& request, const uint8_t* reply,
                         size_t reply_bytes) {
  if (reply_bytes < kHeaderBytes) return;
  Query query;
  ParseQuery(request.message, request.message_bytes, &query);
  if (!query.has_question) return;
  char client[kMaxAddressTextBytes];
  const int client_bytes = WriteClientText(request.client, client);
  std::string name = NameToText(query.NameFrom(0));
  if (name.size() > 1) name.pop_back();
  absl::StrAppend(&lines_, request.now_seconds, " ",
                  absl::string_view(client, static_cast<size_t>(client_bytes)),
                  " ", name, " ", RrTypeText(query.type), " ",
                  ClassText(query.qclass), ": ",
                  RcodeText(reply[kRcodeOffset] & 15), "/",
                  reply[kAnswersOffset] << 8 | reply[kAnswersOffset + 1], "/",
                  reply_bytes, "\n");
  if (lines_.size() >= kWriteBytes) Flush();
}

void QueryLogWriter::Flush() {
  if (lines_.empty()) return;
  log_->Write(lines_);
  lines_.clear();
}

}  // namespace rbld
