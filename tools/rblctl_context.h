// What every verb of rblctl works with: the parsed command, the way to the API,
// the streams. Private to tools/.
//
// Used by one thread.
#ifndef RBLD_TOOLS_RBLCTL_CONTEXT_H_
#define RBLD_TOOLS_RBLCTL_CONTEXT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/json.h"
#include "control/problem.h"
#include "tools/option_parser.h"
#include "tools/rblctl.h"
#include "tools/transport.h"

namespace rbld {

class RblctlContext {
 public:
  RblctlContext(const ParsedCommand* command, const RblctlStreams& streams,
                bool colours);

  const ParsedCommand& command() const { return command_; }
  const RblctlStreams& streams() const { return streams_; }
  std::ostream& out() const { return *streams_.out; }
  std::ostream& err() const { return *streams_.err; }
  bool json() const { return command_.Has("json"); }
  bool colours() const { return colours_; }
  bool shows_progress() const { return streams_.err_is_terminal && !json(); }
  void set_transport(std::unique_ptr<ApiTransport> transport) {
    transport_ = std::move(transport);
  }

  // "rblctl: MESSAGE" on standard error; returns `code`.
  int Fail(int code, absl::string_view message) const;
  // The same for a status that the transport gave, or for a problem.
  int Fail(const absl::Status& transport_status) const;
  int Fail(const Problem& problem) const;

  // Sends, and reads the reply's JSON. False: it failed, the reason is printed
  // and `*exit_code` set.
  bool Call(const ClientRequest& request, Json* result, int* exit_code) const;
  // The same for a route that reports its progress, which `on_progress` gets.
  bool CallWithProgress(ClientRequest request,
                        const std::function<void(double)>& on_progress,
                        Json* result, int* exit_code) const;
  absl::StatusOr<ClientReply> Send(const ClientRequest& request) const;

  // `text` in a colour of the terminal, where it is one.
  std::string Bold(absl::string_view text) const;
  std::string Red(absl::string_view text) const;
  std::string Green(absl::string_view text) const;

  // The command's option of that name, as a query parameter if it was given.
  void AddQuery(const char* option, const char* parameter,
                ClientRequest* request) const;

  // Asks on the terminal; true at once with --yes and where nobody can answer.
  bool Confirm(absl::string_view question) const;

 private:
  const ParsedCommand& command_;
  const RblctlStreams streams_;
  const bool colours_;
  std::unique_ptr<ApiTransport> transport_;
};

int ExitCodeOf(const Problem& problem);

ClientRequest PostRequest(const std::string& path, const Json& body);

// "2026-11-24 17:00:00" of what the API calls a time; `none` for null.
std::string LocalTime(const Json& time, absl::string_view none = "");
// The same with how long it is until then: "2026-… (in 29 d)".
std::string LocalExpiry(const Json& time);
std::string TextOf(const Json& object, const char* key);
uint64_t NumberOf(const Json& object, const char* key);
// The "notes" of a reply, or of one of its results, on standard error.
void PrintNotes(const RblctlContext& context, const Json& reply);
// "127.0.0.2, 127.0.0.4"
std::string CodesOf(const Json& values);

// The verbs. Each returns the exit code.
int RunChanges(const RblctlContext& context);  // add remove exempt unexempt
int RunShow(const RblctlContext& context);
int RunFind(const RblctlContext& context);
int RunHistory(const RblctlContext& context);  // and audit
int RunImportVerb(const RblctlContext& context);
int RunDump(const RblctlContext& context);
int RunLists(const RblctlContext& context);  // list ls, list show
int RunZones(const RblctlContext& context);  // zone ls, zone show
int RunReload(const RblctlContext& context);
int RunStatus(const RblctlContext& context);
int RunStats(const RblctlContext& context);
int RunBackup(const RblctlContext& context);
int RunRestore(const RblctlContext& context);
int RunCompare(const RblctlContext& context);
int RunReport(const RblctlContext& context);
int RunRecheck(const RblctlContext& context);
int RunOptOut(const RblctlContext& context);
int RunOptOuts(const RblctlContext& context);
int RunProbes(const RblctlContext& context);

// Puts the relay case of what `report` (of show) tells of into it as "relay",
// if it is an address that has one. False: that failed, as in Call.
bool AddRelayCase(const RblctlContext& context, Json* report, int* exit_code);
void PrintRelayCase(const RblctlContext& context, const Json& relay);

// What there is to say on the command line.
const CommandTable& RblctlCommands();

}  // namespace rbld

#endif  // RBLD_TOOLS_RBLCTL_CONTEXT_H_
