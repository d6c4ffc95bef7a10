#include "tools/rblctl.h"

#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/option_parser.h"
#include "tools/rblctl_context.h"
#include "tools/transport.h"

namespace rbld {
namespace {

constexpr char kVersion[] = "0.1.0";
constexpr char kDefaultSocket[] = "/run/rbld/operator.sock";

struct VerbRow {
  const char* name;
  int (*run)(const RblctlContext&);
  // With --store: the verb may begin a store that is not there yet.
  bool creates_store;
};

constexpr VerbRow kVerbRows[] = {
    {"add", RunChanges, true},       {"remove", RunChanges, false},
    {"exempt", RunChanges, true},    {"unexempt", RunChanges, false},
    {"show", RunShow, false},        {"find", RunFind, false},
    {"history", RunHistory, false},  {"audit", RunHistory, false},
    {"import", RunImportVerb, true}, {"dump", RunDump, false},
    {"list ls", RunLists, false},    {"list show", RunLists, false},
    {"zone ls", RunZones, false},    {"zone show", RunZones, false},
    {"reload", RunReload, false},    {"status", RunStatus, false},
    {"stats", RunStats, false},      {"backup", RunBackup, false},
    {"restore", RunRestore, false},  {"compare", RunCompare, false},
    {"report", RunReport, false},    {"recheck", RunRecheck, false},
    {"optout", RunOptOut, false},    {"optouts", RunOptOuts, false},
    {"probes", RunProbes, false},
};

std::string SocketPath(const ParsedCommand& command) {
  if (command.Has("socket")) return command.Get("socket");
  const char* from_environment = std::getenv("RBLD_SOCKET");
  return from_environment != nullptr && *from_environment != '\0'
             ? from_environment
             : kDefaultSocket;
}

// False: it failed, and `*exit_code` says how.
bool Connect(const ParsedCommand& command, const VerbRow& row,
             RblctlContext* context, int* exit_code) {
  if (row.run == RunRestore || row.run == RunCompare) return true;
  if (!command.Has("store")) {
    context->set_transport(SocketTransport(SocketPath(command)));
    return true;
  }
  StoreTransportOptions options;
  options.directory = command.Get("store");
  options.config_path = command.Get("config");
  options.create_if_missing = row.creates_store && !command.Has("dry-run");
  if (row.creates_store && command.Has("list")) {
    options.lists = command.All("list");
  }
  absl::StatusOr<std::unique_ptr<ApiTransport>> transport =
      StoreTransport(options);
  if (transport.ok()) {
    context->set_transport(*std::move(transport));
    return true;
  }
  int code = kExitRefused;
  if (absl::IsInvalidArgument(transport.status())) code = kExitUsage;
  if (absl::IsNotFound(transport.status())) code = kExitNothing;
  *exit_code = context->Fail(code, transport.status().message());
  return false;
}

}  // namespace

int RunRblctl(const std::vector<std::string>& words,
              const RblctlStreams& streams) {
  const CommandTable& table = RblctlCommands();
  const absl::StatusOr<ParsedCommand> command = ParseCommand(table, words);
  if (!command.ok()) {
    *streams.err << "rblctl: " << command.status().message() << "\n";
    return kExitUsage;
  }
  if (command->help || words.empty()) {
    *streams.out << (command->verb == nullptr
                         ? GeneralHelp(table)
                         : VerbHelp(table, *command->verb));
    return kExitDone;
  }
  if (command->version) {
    *streams.out << "rblctl " << kVersion << "\n";
    return kExitDone;
  }
  const bool colours = streams.out_is_terminal && !command->Has("json") &&
                       std::getenv("NO_COLOR") == nullptr;
  RblctlContext context(&*command, streams, colours);
  if (command->Has("config") && !command->Has("store")) {
    return context.Fail(kExitUsage,
                        "--config is only for work with --store DIR; a daemon "
                        "has its own");
  }
  for (const VerbRow& row : kVerbRows) {
    if (command->verb->name != row.name) continue;
    int exit_code = kExitDone;
    if (!Connect(*command, row, &context, &exit_code)) return exit_code;
    return row.run(context);
  }
  return context.Fail(kExitUsage, "the verb is not there yet");
}

}  // namespace rbld
