// report: addresses, or the one that a mail is about.
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/file_util.h"
#include "base/ip_prefix.h"
#include "mail/received.h"
#include "mail/reported_mail.h"
#include "tools/rblctl_context.h"
#include "tools/stream_source.h"
#include "tools/table.h"

namespace rbld {
namespace {

absl::StatusOr<std::string> ReadMessage(const RblctlContext& context,
                                        const std::string& path) {
  if (path != "-") return ReadFile(path, kMaxReportedMailBytes);
  // One byte more than is allowed shows that it is too long.
  std::string bytes(kMaxReportedMailBytes + 1, 0);
  absl::StatusOr<size_t> size =
      StreamSource(context.streams().in).Read(&bytes[0], bytes.size());
  if (!size.ok()) return size.status();
  bytes.resize(*size);
  return bytes;
}

absl::StatusOr<IpPrefix> RelayInMessage(const RblctlContext& context,
                                        const std::string& path) {
  TrustedHops trusted;
  for (const std::string& hop : context.command().All("trust")) {
    const absl::StatusOr<IpPrefix> prefix = ParseIpPrefix(hop);
    if (prefix.ok()) {
      trusted.prefixes.push_back(*prefix);
    } else {
      trusted.names.push_back(absl::AsciiStrToLower(hop));
    }
  }
  const absl::StatusOr<std::string> bytes = ReadMessage(context, path);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<ReportedMail> mail = ReadReportedMail(*bytes);
  absl::StatusOr<IpPrefix> relay =
      mail.ok() ? ReportedRelay(*mail, trusted) : mail.status();
  if (relay.ok()) return relay;
  return absl::Status(relay.status().code(),
                      absl::StrCat(path == "-" ? "standard input" : path, ": ",
                                   relay.status().message()));
}

}  // namespace

int RunReport(const RblctlContext& context) {
  const ParsedCommand& command = context.command();
  std::vector<std::string> targets = command.arguments;
  if (command.Has("message")) {
    const absl::StatusOr<IpPrefix> relay =
        RelayInMessage(context, command.Get("message"));
    if (!relay.ok()) {
      return context.Fail(kExitUsage, relay.status().message());
    }
    targets.push_back(relay->ToString());
  } else if (command.Has("trust")) {
    return context.Fail(kExitUsage,
                        "--trust says how to read a mail; give "
                        "the mail with --message");
  } else if (targets.empty()) {
    return context.Fail(kExitUsage,
                        "give an address, or a mail with --message");
  }
  int exit_code = kExitDone;
  size_t done = 0;
  for (const std::string& target : targets) {
    Json body;
    body["target"] = target;
    for (const char* key : {"reporter", "note"}) {
      if (command.Has(key)) body[key] = command.Get(key);
    }
    Json reply;
    int code = kExitDone;
    if (!context.Call(PostRequest("/v1/relay/reports", body), &reply, &code)) {
      exit_code = code;
      if (code == kExitNoDaemon) break;
      continue;
    }
    ++done;
    if (context.json()) {
      context.out() << JsonText(reply) << "\n";
    } else {
      context.out() << Printable(TextOf(reply, "target")) << ": "
                    << Printable(TextOf(reply, "outcome")) << "\n";
    }
  }
  return exit_code != kExitDone && done > 0 ? kExitUnknown : exit_code;
}

}  // namespace rbld
