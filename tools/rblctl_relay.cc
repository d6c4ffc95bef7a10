// recheck, optout, optouts, probes, and the relay case of show.
#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "store/target.h"
#include "tools/rblctl_context.h"
#include "tools/relay_words.h"
#include "tools/table.h"

namespace rbld {
namespace {

constexpr size_t kTextColumns = 60;
constexpr int kPage = 1000;
constexpr std::chrono::seconds kPollInterval{1};

ClientRequest CaseRequest(const char* what, const std::string& target) {
  ClientRequest request;
  request.path = absl::StrCat("/v1/relay/", what, "/", PercentEncode(target));
  return request;
}

// What people and programs read of a case while they wait.
void PrintStep(const RblctlContext& context, const Json& relay,
               std::string* last) {
  const std::string step =
      context.json() ? JsonText(relay) : RelayStateWords(relay);
  if (step == *last) return;
  context.out() << (context.json() ? step : Printable(step)) << "\n"
                << std::flush;
  *last = step;
}

// Has the test that was asked for come to its end?
bool HasEnded(const Json& before, const Json& now) {
  return now["last_tested"] != before["last_tested"];
}

// Nothing will be tested, or nothing need be.
bool IsOver(const Json& now) {
  return TextOf(now, "state") == "idle" || now["delist_at"].is_string();
}

int WaitForVerdict(const RblctlContext& context, const std::string& target,
                   const Json& before) {
  std::string last;
  Json now = before;
  PrintStep(context, now, &last);
  while (!HasEnded(before, now) && !IsOver(now)) {
    std::this_thread::sleep_for(kPollInterval);
    int exit_code = kExitDone;
    Json next;
    if (!context.Call(CaseRequest("cases", target), &next, &exit_code)) {
      return exit_code;
    }
    now = std::move(next);
    PrintStep(context, now, &last);
  }
  if (!HasEnded(before, now) && !now["delist_at"].is_string()) {
    return context.Fail(kExitNothing,
                        "no test is planned any more, and none has ended");
  }
  const std::string verdict = TextOf(now, "verdict");
  if (!context.json()) {
    context.out() << Printable(RelayVerdictWords(verdict)) << "\n";
    for (const std::string& line : verdict == "open" || verdict == "multihop"
                                       ? RelayAdvice(TextOf(now, "proven_form"))
                                       : std::vector<std::string>()) {
      context.out() << "  " << Printable(line) << "\n";
    }
    if (now["delist_at"].is_string()) {
      context.out() << "taken off " << LocalTime(now["delist_at"]) << "\n";
    }
  }
  if (verdict == "open" || verdict == "multihop") return kExitRefused;
  return verdict == "inconclusive" ? kExitNothing : kExitDone;
}

void PrintEvidence(const RblctlContext& context, const Json& evidence) {
  for (const Json& piece : evidence) {
    context.out() << "\n  test " << NumberOf(piece, "test") << ", "
                  << LocalTime(piece["time"]) << ": "
                  << Printable(TextOf(piece, "kind"));
    if (const std::string what = TextOf(piece, "what"); !what.empty()) {
      context.out() << ", " << Printable(what);
    }
    if (const std::string peer = TextOf(piece, "peer"); !peer.empty()) {
      context.out() << ", " << Printable(peer);
    }
    context.out() << "\n";
    const std::string text = TextOf(piece, "text");
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (line.empty()) continue;
      context.out() << "    " << Printable(line) << "\n";
    }
  }
}

}  // namespace

bool AddRelayCase(const RblctlContext& context, Json* report, int* exit_code) {
  const std::string target = TextOf(*report, "target");
  const absl::StatusOr<Target> parsed = Target::Parse(target);
  if (!parsed.ok() || parsed->is_name() ||
      !parsed->prefix().IsSingleAddress()) {
    return true;
  }
  const absl::StatusOr<ClientReply> reply =
      context.Send(CaseRequest("cases", target));
  if (!reply.ok()) {
    *exit_code = context.Fail(reply.status());
    return false;
  }
  // Nobody reported it, or this socket does not tell.
  if (reply->status == 404 || reply->status == 403) return true;
  if (reply->status != 200) {
    *exit_code = context.Fail(ParseProblem(reply->status, reply->body));
    return false;
  }
  absl::StatusOr<Json> relay = ParseJson(reply->body);
  if (!relay.ok()) {
    *exit_code = context.Fail(kExitUnknown, relay.status().message());
    return false;
  }
  (*report)["relay"] = *std::move(relay);
  if (!context.command().Has("evidence")) return true;
  Json evidence;
  if (!context.Call(CaseRequest("evidence", target), &evidence, exit_code)) {
    return false;
  }
  (*report)["relay"]["evidence"] = std::move(evidence["evidence"]);
  return true;
}

void PrintRelayCase(const RblctlContext& context, const Json& relay) {
  context.out() << "\n" << context.Bold("relay tests") << "\n";
  for (const std::string& line : RelayCaseWords(relay)) {
    context.out() << "  " << Printable(line) << "\n";
  }
  if (relay.value("listed", false)) {
    for (const std::string& line : RelayAdvice(TextOf(relay, "proven_form"))) {
      context.out() << "  " << Printable(line) << "\n";
    }
  }
  if (const auto evidence = relay.find("evidence"); evidence != relay.end()) {
    PrintEvidence(context, *evidence);
  }
}

int RunRecheck(const RblctlContext& context) {
  const ParsedCommand& command = context.command();
  if (command.Has("wait") && command.Has("store")) {
    return context.Fail(
        kExitUsage, "--wait needs a daemon: nobody tests for a store alone");
  }
  Json body;
  body["target"] = command.arguments[0];
  Json reply;
  int exit_code = kExitDone;
  if (!context.Call(PostRequest("/v1/relay/rechecks", body), &reply,
                    &exit_code)) {
    return exit_code;
  }
  const Json& relay = reply["case"];
  if (command.Has("wait")) {
    return WaitForVerdict(context, TextOf(relay, "target"), relay);
  }
  if (context.json()) {
    context.out() << JsonText(reply) << "\n";
    return kExitDone;
  }
  context.out() << Printable(TextOf(relay, "target")) << "\n";
  for (const std::string& line : RelayCaseWords(relay)) {
    context.out() << "  " << Printable(line) << "\n";
  }
  return kExitDone;
}

int RunOptOut(const RblctlContext& context) {
  const ParsedCommand& command = context.command();
  const bool remove = command.Has("remove");
  Json body;
  body["verb"] = remove ? "remove" : "add";
  body["prefix"] = command.arguments[0];
  if (command.Has("note")) body["note"] = command.Get("note");
  Json reply;
  int exit_code = kExitDone;
  if (!context.Call(PostRequest("/v1/relay/optouts", body), &reply,
                    &exit_code)) {
    return exit_code;
  }
  if (context.json()) {
    context.out() << JsonText(reply) << "\n";
    return kExitDone;
  }
  context.out() << Printable(TextOf(reply, "prefix"))
                << (remove ? ": may be tested again\n"
                           : ": is not tested any more\n");
  const uint64_t listed = NumberOf(reply, "listed");
  if (!remove && listed > 0) {
    if (listed > 1) {
      context.out() << Grouped(listed)
                    << " addresses of it are listed. The last listing ends ";
    } else if (absl::StrContains(TextOf(reply, "prefix"), "/")) {
      context.out() << "An address of it is listed. The listing ends ";
    } else {
      context.out() << "It is listed. The listing ends ";
    }
    context.out() << LocalExpiry(reply["listing_ends"])
                  << "; rblctl remove takes it off now.\n";
  }
  return kExitDone;
}

int RunOptOuts(const RblctlContext& context) {
  ClientRequest request;
  request.path = "/v1/relay/optouts";
  Json reply;
  int exit_code = kExitDone;
  if (!context.Call(request, &reply, &exit_code)) return exit_code;
  const Json& opt_outs = reply["optouts"];
  Table table({"prefix", "since", "by", "note"});
  for (const Json& one : opt_outs) {
    if (context.json()) context.out() << JsonText(one) << "\n";
    table.Add({TextOf(one, "prefix"), LocalTime(one["created"]),
               TextOf(one, "author"),
               Shorten(TextOf(one, "note"), kTextColumns)});
  }
  if (!context.json() && !table.empty()) {
    context.out() << table.Text(context.colours());
  }
  return opt_outs.empty() ? kExitNothing : kExitDone;
}

int RunProbes(const RblctlContext& context) {
  const ParsedCommand& command = context.command();
  int limit = 100;
  if (command.Has("limit") &&
      (!absl::SimpleAtoi(command.Get("limit"), &limit) || limit < 0)) {
    return context.Fail(kExitUsage, "--limit needs a number, 0 for all");
  }
  ClientRequest request;
  request.path = "/v1/relay/cases";
  context.AddQuery("state", "state", &request);
  context.AddQuery("verdict", "verdict", &request);
  context.AddQuery("within", "within", &request);
  if (command.Has("listed")) request.query.emplace_back("listed", "true");
  const size_t fixed = request.query.size();
  Table table({"target", "state", "verdict", "listed", "form", "last test",
               "next session", "reason", ">reports"});
  int found = 0;
  std::string cursor;
  bool more = true;
  while (more && (limit == 0 || found < limit)) {
    request.query.resize(fixed);
    const int page = limit == 0 ? kPage : std::min(kPage, limit - found);
    request.query.emplace_back("limit", absl::StrCat(page));
    if (!cursor.empty()) request.query.emplace_back("cursor", cursor);
    Json reply;
    int exit_code = kExitDone;
    if (!context.Call(request, &reply, &exit_code)) return exit_code;
    for (const Json& one : reply["cases"]) {
      ++found;
      if (context.json()) {
        context.out() << JsonText(one) << "\n";
        continue;
      }
      table.Add({TextOf(one, "target"), TextOf(one, "state"),
                 TextOf(one, "verdict"),
                 one.value("listed", false) ? "yes" : "no",
                 TextOf(one, "proven_form"), LocalTime(one["last_tested"]),
                 LocalTime(one["next_session"]), TextOf(one, "next_reason"),
                 Grouped(NumberOf(one, "reports"))});
    }
    cursor = TextOf(reply, "next_cursor");
    more = !cursor.empty();
  }
  if (!table.empty()) context.out() << table.Text(context.colours());
  if (more && !context.json()) {
    context.err() << "There are more; --limit 0 shows all.\n";
  }
  return found > 0 ? kExitDone : kExitNothing;
}

}  // namespace rbld
