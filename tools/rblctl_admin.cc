// Lists, zones, dumps, reload, status, stats, backup, restore.
#include <limits.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "control/time_text.h"
#include "store/publisher.h"
#include "tools/rblctl_context.h"
#include "tools/table.h"
#include "zones/duration.h"

namespace rbld {
namespace {

// The daemon's working folder is another one than ours.
std::string Absolute(const std::string& path) {
  if (absl::StartsWith(path, "/")) return path;
  char folder[PATH_MAX];
  if (getcwd(folder, sizeof folder) == nullptr) return path;
  return absl::StrCat(folder, "/", path);
}

std::string Joined(const Json& strings) {
  std::vector<std::string> parts;
  for (const Json& one : strings) {
    if (one.is_string()) parts.push_back(one.get<std::string>());
  }
  return absl::StrJoin(parts, ", ");
}

// Gets `path` and prints it if JSON is wanted. True: `*result` is to be shown.
bool Fetch(const RblctlContext& context, const std::string& path, Json* result,
           int* exit_code) {
  *exit_code = kExitDone;
  ClientRequest request;
  request.path = path;
  if (!context.Call(request, result, exit_code)) return false;
  if (!context.json()) return true;
  context.out() << JsonText(*result) << "\n";
  return false;
}

// "name      value" rows under a bold head.
class Facts {
 public:
  explicit Facts(const RblctlContext& context) : context_(context) {}
  void Head(absl::string_view text) {
    context_.out() << context_.Bold(Printable(text)) << "\n";
  }
  void Row(absl::string_view name, absl::string_view value) {
    constexpr size_t kNameColumns = 18;
    const size_t width = TextColumns(name);
    context_.out() << "  " << name
                   << std::string(
                          width < kNameColumns ? kNameColumns - width : 1, ' ')
                   << Printable(value) << "\n";
  }

 private:
  const RblctlContext& context_;
};

int DumpList(const RblctlContext& context) {
  ClientRequest request;
  request.path = absl::StrCat(
      "/v1/lists/", PercentEncode(context.command().Get("list")), "/dump");
  context.AddQuery("source", "source", &request);
  std::string last_line;
  request.on_bytes = [&](absl::string_view bytes) {
    // Only a short tail is kept, to see whether the end is an error.
    last_line.append(bytes.data(), bytes.size());
    const size_t cut = last_line.size() < 2
                           ? std::string::npos
                           : last_line.rfind('\n', last_line.size() - 2);
    if (cut != std::string::npos) last_line.erase(0, cut + 1);
    context.out().write(bytes.data(),
                        static_cast<std::streamsize>(bytes.size()));
    return static_cast<bool>(context.out());
  };
  const absl::StatusOr<ClientReply> reply = context.Send(request);
  if (!reply.ok()) return context.Fail(reply.status());
  if (reply->status != 200) {
    return context.Fail(ParseProblem(reply->status, reply->body));
  }
  if (absl::StartsWith(last_line, "{\"problem\":")) {
    return context.Fail(kExitUnknown,
                        absl::StrCat("the dump broke off: ", last_line));
  }
  return kExitDone;
}

void PrintDatasets(const RblctlContext& context, const Json& list) {
  Table table({"source", ">listings", ">exemptions", "precedence",
               "last import", ">last sequence"});
  for (const Json& one : list["datasets"]) {
    table.Add({TextOf(one, "source"), Grouped(NumberOf(one, "listings")),
               Grouped(NumberOf(one, "exemptions")), TextOf(one, "precedence"),
               LocalTime(one["last_import"], "never"),
               absl::StrCat(NumberOf(one, "last_sequence"))});
  }
  if (!table.empty()) context.out() << table.Text(context.colours(), "  ");
}

void PrintZones(const RblctlContext& context, const Json& zones) {
  Table table({"zone", "state", ">serial", "kinds", "lists"});
  for (const Json& one : zones) {
    table.Add({TextOf(one, "name"), TextOf(one, "state"),
               absl::StrCat(NumberOf(one, "serial")), Joined(one["kinds"]),
               Joined(one["lists"])});
  }
  context.out() << table.Text(context.colours());
}

// How a dataset of watched files is doing, in a few words.
std::string StateOf(const Json& dataset) {
  std::string state = "served";
  if (dataset.value("expired", false)) {
    state = "EXPIRED: its zones answer SERVFAIL";
  } else if (!dataset.value("served", false)) {
    state = "NO DATA: its zones answer SERVFAIL";
  } else if (!dataset["last_error"].is_null()) {
    state = "FAILING, the last good data is served";
  }
  return dataset["failing_since"].is_null()
             ? state
             : absl::StrCat(state, "; failing since ",
                            LocalTime(dataset["failing_since"]));
}

void PrintWatched(const RblctlContext& context, const Json& datasets) {
  Table table(
      {"dataset", "type", ">entries", ">left out", "age", "loaded", "state"});
  for (const Json& one : datasets) {
    const Json& age = one["age_seconds"];
    table.Add(
        {TextOf(one, "name"), TextOf(one, "type"),
         Grouped(NumberOf(one, "entries")),
         Grouped(NumberOf(one, "left_out_lines")),
         age.is_number() ? FormatSpan(age.get<int64_t>()) : std::string("-"),
         LocalTime(one["loaded"], "never"), StateOf(one)});
  }
  context.out() << table.Text(context.colours());
  for (const Json& one : datasets) {
    if (const std::string error = TextOf(one, "last_error"); !error.empty()) {
      context.out() << "  " << Printable(TextOf(one, "name")) << ": "
                    << context.Red(Printable(error)) << "\n";
    }
  }
}

void PrintDump(const RblctlContext& context, Json& result) {
  context.out() << Printable(TextOf(result, "zone")) << ", serial "
                << NumberOf(result, "serial") << ", into "
                << Printable(TextOf(result, "directory")) << "\n";
  Table table({"file", "format", ">records", ">left out", ">size", "SHA-256"});
  for (const Json& file : result["files"]) {
    table.Add({TextOf(file, "name"), TextOf(file, "format"),
               Grouped(NumberOf(file, "records")),
               Grouped(NumberOf(file, "left_out")),
               Bytes(NumberOf(file, "bytes")),
               TextOf(file, "sha256").substr(0, 16) + "…"});
  }
  context.out() << table.Text(context.colours(), "  ");
  for (Json& file : result["files"]) {
    for (const Json& example : file["left_out_examples"]) {
      if (!example.is_string()) continue;
      context.err() << "left out of " << Printable(TextOf(file, "name")) << ": "
                    << Printable(example.get<std::string>()) << "\n";
    }
  }
  for (Json& one : result["refused"]) {
    context.err() << Printable(TextOf(one, "format"))
                  << " is refused: " << Printable(TextOf(one, "reason"));
    if (!one["kept"].empty()) {
      context.err() << "; left as it was: " << Joined(one["kept"]);
    }
    context.err() << "\n";
  }
}

}  // namespace

int RunDump(const RblctlContext& context) {
  const ParsedCommand& command = context.command();
  const bool of_list = command.Has("list");
  if (of_list == !command.arguments.empty()) {
    return context.Fail(kExitUsage, "name a zone, or a list with --list LIST");
  }
  if (of_list) {
    if (command.Has("to") || command.Has("format")) {
      return context.Fail(kExitUsage,
                          "a list goes to standard output as JSON Lines; --to "
                          "and --format are for zones");
    }
    return DumpList(context);
  }
  if (command.Has("source")) {
    return context.Fail(kExitUsage, "--source goes with --list");
  }
  Json body;
  body["zone"] = command.arguments[0];
  if (command.Has("to")) body["directory"] = Absolute(command.Get("to"));
  for (const std::string& formats : command.All("format")) {
    for (const absl::string_view format : absl::StrSplit(formats, ',')) {
      body["formats"].push_back(std::string(format));
    }
  }
  ClientRequest request;
  request.method = "POST";
  request.path = "/v1/dumps";
  request.body = JsonText(body);
  Json result;
  int exit_code = kExitDone;
  {
    ProgressBar bar(context.shows_progress(), command.arguments[0]);
    if (!context.CallWithProgress(
            request, [&bar](double part) { bar.Update(part); }, &result,
            &exit_code)) {
      return exit_code;
    }
  }
  const bool refused =
      result["refused"].is_array() && !result["refused"].empty();
  if (context.json()) {
    context.out() << JsonText(result) << "\n";
  } else {
    PrintDump(context, result);
  }
  return refused ? kExitUnknown : kExitDone;
}

int RunLists(const RblctlContext& context) {
  Json result;
  int exit_code = kExitDone;
  if (context.command().verb->name == "list ls") {
    if (!Fetch(context, "/v1/lists", &result, &exit_code)) return exit_code;
    Table table({"list", ">listings", ">IPv4", ">IPv6", ">names", ">exemptions",
                 ">index"});
    for (const Json& one : result["lists"]) {
      table.Add({TextOf(one, "name"), Grouped(NumberOf(one, "listings")),
                 Grouped(NumberOf(one, "ipv4")), Grouped(NumberOf(one, "ipv6")),
                 Grouped(NumberOf(one, "names")),
                 Grouped(NumberOf(one, "exemptions")),
                 Bytes(NumberOf(one, "index_bytes"))});
    }
    context.out() << table.Text(context.colours());
    return kExitDone;
  }
  const std::string path =
      absl::StrCat("/v1/lists/", PercentEncode(context.command().arguments[0]));
  if (!Fetch(context, path, &result, &exit_code)) return exit_code;
  Facts facts(context);
  facts.Head(TextOf(result, "name"));
  facts.Row("listings",
            absl::StrCat(Grouped(NumberOf(result, "listings")), " (IPv4 ",
                         Grouped(NumberOf(result, "ipv4")), ", IPv6 ",
                         Grouped(NumberOf(result, "ipv6")), ", names ",
                         Grouped(NumberOf(result, "names")), ")"));
  facts.Row("exemptions", Grouped(NumberOf(result, "exemptions")));
  facts.Row("index", Bytes(NumberOf(result, "index_bytes")));
  facts.Row("zones", Joined(result["zones"]));
  if (!result["watched"].empty()) {
    facts.Row("watched files",
              absl::StrCat(Joined(result["watched"]),
                           "; not counted here (rblctl status)"));
  }
  if (result.contains("policy")) {
    const Json& policy = result["policy"];
    for (const Json& value : result["default_values"]) {
      facts.Row("default answer", absl::StrCat(TextOf(value, "code"), " \"",
                                               TextOf(value, "reason"), "\""));
    }
    facts.Row("shortest prefix",
              absl::StrCat(
                  "/", NumberOf(policy, "min_ipv4_length_bits"), " (IPv4), /",
                  NumberOf(policy, "min_ipv6_length_bits"), " (IPv6)"));
    facts.Row("special space", policy.value("allow_special_purpose", false)
                                   ? "may be listed"
                                   : "never listed");
    facts.Row("names", TextOf(policy, "names") == "any"
                           ? "hosts, domains and single labels"
                           : "hosts and domains");
    facts.Row("never listed", Joined(policy["never"]));
  }
  PrintDatasets(context, result);
  return kExitDone;
}

int RunZones(const RblctlContext& context) {
  Json result;
  int exit_code = kExitDone;
  if (context.command().verb->name == "zone ls") {
    if (!Fetch(context, "/v1/zones", &result, &exit_code)) return exit_code;
    PrintZones(context, result["zones"]);
    return kExitDone;
  }
  const std::string path =
      absl::StrCat("/v1/zones/", PercentEncode(context.command().arguments[0]));
  if (!Fetch(context, path, &result, &exit_code)) return exit_code;
  const Json& soa = result["soa"];
  Facts facts(context);
  facts.Head(TextOf(result, "name"));
  facts.Row("state", TextOf(result, "state"));
  facts.Row("kinds", Joined(result["kinds"]));
  facts.Row("lists", Joined(result["lists"]));
  facts.Row("serial", absl::StrCat(NumberOf(result, "serial")));
  facts.Row(
      "TTL",
      absl::StrCat(NumberOf(result, "ttl_seconds"), " s; of negative answers ",
                   NumberOf(result, "negative_ttl_seconds"), " s"));
  facts.Row("SOA", absl::StrCat(TextOf(soa, "mname"), " ", TextOf(soa, "rname"),
                                " refresh ", NumberOf(soa, "refresh_seconds"),
                                " retry ", NumberOf(soa, "retry_seconds"),
                                " expire ", NumberOf(soa, "expire_seconds")));
  facts.Row("name servers", Joined(result["ns"]));
  facts.Row("static records", absl::StrCat(NumberOf(result, "static_records")));
  return kExitDone;
}

int RunReload(const RblctlContext& context) {
  ClientRequest request;
  request.method = "POST";
  request.path = "/v1/reload";
  Json result;
  int exit_code = kExitDone;
  if (!context.Call(request, &result, &exit_code)) return exit_code;
  if (context.json()) {
    context.out() << JsonText(result) << "\n";
  } else {
    context.out() << "loaded " << Printable(TextOf(result, "config")) << ": "
                  << NumberOf(result, "lists") << " lists, "
                  << NumberOf(result, "zones") << " zones\n";
  }
  return kExitDone;
}

int RunStatus(const RblctlContext& context) {
  Json result;
  int exit_code = kExitDone;
  if (!Fetch(context, "/v1/status", &result, &exit_code)) return exit_code;
  const Json& store = result["store"];
  const Json& config = result["config"];
  Facts facts(context);
  if (result.value("offline", false)) {
    facts.Head("no daemon; the store itself");
  } else {
    facts.Head(absl::StrCat("rbld ", TextOf(result, "version")));
    facts.Row("up", absl::StrCat(FormatSpan(static_cast<int64_t>(
                                     NumberOf(result, "uptime_seconds"))),
                                 ", since ", LocalTime(result["started"]),
                                 ", process ", NumberOf(result, "pid")));
    facts.Row("listening", Joined(result["listeners"]));
    facts.Row("workers", absl::StrCat(NumberOf(result, "workers"), ", ",
                                      NumberOf(result, "tcp_connections"),
                                      " TCP connections"));
    facts.Row("configuration", absl::StrCat(TextOf(config, "path"), ", loaded ",
                                            LocalTime(config["loaded"])));
    if (const std::string error = TextOf(config, "last_reload_error");
        !error.empty()) {
      facts.Row("LAST RELOAD", absl::StrCat("failed: ", error));
    }
  }
  facts.Row("store", absl::StrCat(TextOf(store, "directory"), ", ",
                                  Bytes(NumberOf(store, "disk_bytes"))));
  facts.Row("sequence", absl::StrCat(NumberOf(store, "sequence")));
  facts.Row("epoch", TextOf(store, "epoch"));
  for (const Json& list : result["lists"]) {
    facts.Row(
        absl::StrCat("list ", TextOf(list, "name")),
        absl::StrCat(Grouped(NumberOf(list, "listings")), " listings, ",
                     Grouped(NumberOf(list, "exemptions")), " exemptions"));
  }
  if (!result["zones"].empty()) {
    context.out() << "\n";
    PrintZones(context, result["zones"]);
  }
  if (!result["datasets"].empty()) {
    context.out() << "\n";
    PrintWatched(context, result["datasets"]);
  }
  return kExitDone;
}

int RunStats(const RblctlContext& context) {
  Json result;
  int exit_code = kExitDone;
  if (!Fetch(context, "/v1/stats", &result, &exit_code)) return exit_code;
  const Json& queries = result["queries"];
  Table totals({"since the start", ">count"});
  for (const auto& [name, count] : queries["totals"].items()) {
    std::string words = name;
    for (char& c : words) {
      if (c == '_') c = ' ';
    }
    totals.Add(
        {words,
         Grouped(count.is_number_unsigned() ? count.get<uint64_t>() : 0)});
  }
  for (const char* key : {"commits", "changes", "expired", "imports"}) {
    totals.Add(
        {absl::StrCat("store ", key), Grouped(NumberOf(result["store"], key))});
  }
  for (const auto& [name, count] : result["relay"].items()) {
    totals.Add({absl::StrCat("relay ", absl::StrReplaceAll(name, {{"_", " "}})),
                Grouped(NumberOf(result["relay"], name.c_str()))});
  }
  context.out() << totals.Text(context.colours());
  Table zones({"zone", "outcome", ">queries"});
  for (const auto& [zone, outcomes] : queries["zones"].items()) {
    for (const auto& [outcome, count] : outcomes.items()) {
      const uint64_t number =
          count.is_number_unsigned() ? count.get<uint64_t>() : 0;
      if (number > 0) zones.Add({zone, outcome, Grouped(number)});
    }
  }
  if (!zones.empty()) {
    context.out() << "\n" << zones.Text(context.colours());
  }
  Table keys({"dataset", "key", ">queries", ">too many", "quota", "last used",
              "expires"});
  for (const Json& key : queries["keys"]) {
    std::string quota = "-";
    if (NumberOf(key, "quota") != 0) {
      quota = absl::StrCat(
          Grouped(NumberOf(key, "in_period")), " of ",
          Grouped(NumberOf(key, "quota")), " in ",
          DurationText(static_cast<int64_t>(NumberOf(key, "quota_seconds"))));
    }
    keys.Add({Printable(TextOf(key, "dataset")), Printable(TextOf(key, "name")),
              Grouped(NumberOf(key, "queries")),
              Grouped(NumberOf(key, "over_quota")), quota,
              LocalTime(key.value("last_used", Json()), "never"),
              LocalTime(key.value("expires", Json()), "never")});
  }
  if (!keys.empty()) {
    context.out() << "\n" << keys.Text(context.colours());
  }
  return kExitDone;
}

int RunBackup(const RblctlContext& context) {
  Json body;
  body["directory"] = Absolute(context.command().arguments[0]);
  ClientRequest request;
  request.method = "POST";
  request.path = "/v1/backup";
  request.body = JsonText(body);
  Json result;
  int exit_code = kExitDone;
  {
    ProgressBar bar(context.shows_progress(), "copying the store …");
    if (!context.CallWithProgress(
            request, [&bar](double) { bar.Update(-1); }, &result, &exit_code)) {
      return exit_code;
    }
  }
  if (context.json()) {
    context.out() << JsonText(result) << "\n";
  } else {
    context.out() << "backup of sequence " << NumberOf(result, "sequence")
                  << " in " << Printable(TextOf(result, "directory")) << "\n";
  }
  return kExitDone;
}

int RunRestore(const RblctlContext& context) {
  const std::string backup = Absolute(context.command().arguments[0]);
  const std::string directory = Absolute(context.command().arguments[1]);
  if (context.command().Has("store")) {
    return context.Fail(kExitUsage,
                        "restore takes its folders as arguments: rblctl "
                        "restore BACKUP DIR");
  }
  if (absl::Status status = Publisher::Restore(backup, directory);
      !status.ok()) {
    return context.Fail(ExitCodeOf(ProblemFromStatus(status)),
                        status.message());
  }
  if (context.json()) {
    Json result;
    result["directory"] = directory;
    context.out() << JsonText(result) << "\n";
  } else {
    context.out() << "restored into " << Printable(directory)
                  << "; start rbld on it\n";
  }
  return kExitDone;
}

}  // namespace rbld
