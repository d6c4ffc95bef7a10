#include "tools/rblctl_context.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "control/time_text.h"
#include "tools/table.h"
#include "zones/duration.h"

namespace rbld {

RblctlContext::RblctlContext(const ParsedCommand* command,
                             const RblctlStreams& streams, bool colours)
    : command_(*command), streams_(streams), colours_(colours) {}

int RblctlContext::Fail(int code, absl::string_view message) const {
  err() << "rblctl: " << Printable(message) << "\n";
  return code;
}

int RblctlContext::Fail(const absl::Status& transport_status) const {
  switch (transport_status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
      return Fail(kExitNoDaemon, transport_status.message());
    default:
      return Fail(kExitUnknown, transport_status.message());
  }
}

int RblctlContext::Fail(const Problem& problem) const {
  return Fail(ExitCodeOf(problem), problem.detail);
}

absl::StatusOr<ClientReply> RblctlContext::Send(
    const ClientRequest& request) const {
  return transport_->Send(request);
}

bool RblctlContext::Call(const ClientRequest& request, Json* result,
                         int* exit_code) const {
  const absl::StatusOr<ClientReply> reply = transport_->Send(request);
  if (!reply.ok()) {
    *exit_code = Fail(reply.status());
    return false;
  }
  if (reply->status != 200) {
    *exit_code = Fail(ParseProblem(reply->status, reply->body));
    return false;
  }
  absl::StatusOr<Json> json = ParseJson(reply->body);
  if (!json.ok()) {
    *exit_code = Fail(kExitUnknown, absl::StrCat("the server's reply is ",
                                                 json.status().message()));
    return false;
  }
  *result = *std::move(json);
  return true;
}

bool RblctlContext::CallWithProgress(
    ClientRequest request, const std::function<void(double)>& on_progress,
    Json* result, int* exit_code) const {
  std::string buffer;
  std::string last_line;
  request.accept = "application/x-ndjson";
  request.on_bytes = [&](absl::string_view bytes) {
    buffer.append(bytes.data(), bytes.size());
    size_t end;
    while ((end = buffer.find('\n')) != std::string::npos) {
      last_line = buffer.substr(0, end);
      buffer.erase(0, end + 1);
      const absl::StatusOr<Json> line = ParseJson(last_line);
      if (line.ok() && line->is_object() && line->contains("progress") &&
          (*line)["progress"].is_number()) {
        on_progress((*line)["progress"].get<double>());
      }
    }
    return true;
  };
  const absl::StatusOr<ClientReply> reply = transport_->Send(request);
  if (!reply.ok()) {
    *exit_code = Fail(reply.status());
    return false;
  }
  if (reply->status != 200) {
    *exit_code = Fail(ParseProblem(reply->status, reply->body));
    return false;
  }
  const absl::StatusOr<Json> line = ParseJson(last_line);
  if (line.ok() && line->is_object()) {
    if (line->contains("result")) {
      *result = (*line)["result"];
      return true;
    }
    if (line->contains("problem")) {
      const Json& problem = (*line)["problem"];
      *exit_code = Fail(ParseProblem(
          static_cast<int>(NumberOf(problem, "status")), JsonText(problem)));
      return false;
    }
  }
  *exit_code = Fail(kExitUnknown,
                    "the server's reply broke off, so the outcome is unknown; "
                    "look with `rblctl audit`");
  return false;
}

std::string RblctlContext::Bold(absl::string_view text) const {
  return colours_ ? absl::StrCat("\033[1m", text, "\033[0m")
                  : std::string(text);
}
std::string RblctlContext::Red(absl::string_view text) const {
  return colours_ ? absl::StrCat("\033[31m", text, "\033[0m")
                  : std::string(text);
}
std::string RblctlContext::Green(absl::string_view text) const {
  return colours_ ? absl::StrCat("\033[32m", text, "\033[0m")
                  : std::string(text);
}

void RblctlContext::AddQuery(const char* option, const char* parameter,
                             ClientRequest* request) const {
  if (command_.Has(option)) {
    request->query.emplace_back(parameter, command_.Get(option));
  }
}

bool RblctlContext::Confirm(absl::string_view question) const {
  if (command_.Has("yes") || !streams_.in_is_terminal) return true;
  err() << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(*streams_.in, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

ClientRequest PostRequest(const std::string& path, const Json& body) {
  ClientRequest request;
  request.method = "POST";
  request.path = path;
  request.body = JsonText(body);
  return request;
}

int ExitCodeOf(const Problem& problem) {
  if (problem.code == "busy") return kExitNoDaemon;
  switch (StatusFromProblem(problem).code()) {
    case absl::StatusCode::kNotFound:
      return kExitNothing;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kAlreadyExists:
      return kExitRefused;
    default:
      return kExitUnknown;
  }
}

std::string LocalTime(const Json& time, absl::string_view none) {
  if (!time.is_string()) return std::string(none);
  const absl::StatusOr<int64_t> seconds = ParseIsoTime(time.get<std::string>());
  return seconds.ok() ? FormatLocal(*seconds) : time.get<std::string>();
}

std::string LocalExpiry(const Json& time) {
  if (!time.is_string()) return "never";
  const absl::StatusOr<int64_t> seconds = ParseIsoTime(time.get<std::string>());
  if (!seconds.ok()) return time.get<std::string>();
  return absl::StrCat(FormatLocal(*seconds), " (in ",
                      FormatSpan(*seconds - SystemClock().NowSeconds()), ")");
}

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>()
                                                     : "";
}

uint64_t NumberOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned()
             ? found->get<uint64_t>()
             : 0;
}

void PrintNotes(const RblctlContext& context, const Json& reply) {
  const auto notes = reply.find("notes");
  if (notes == reply.end()) return;
  for (const Json& note : *notes) {
    if (!note.is_string()) continue;
    context.err() << "rblctl: " << Printable(note.get<std::string>()) << "\n";
  }
}

std::string CodesOf(const Json& values) {
  std::vector<std::string> codes;
  for (const Json& value : values) codes.push_back(TextOf(value, "code"));
  return absl::StrJoin(codes, ", ");
}

}  // namespace rbld
