// show, find, history, audit.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "store/target.h"
#include "tools/rblctl_context.h"
#include "tools/table.h"

namespace rbld {
namespace {

constexpr size_t kTextColumns = 60;
constexpr int kPage = 1000;

std::string TargetPath(const std::string& target) {
  return absl::StrCat("/v1/targets/", PercentEncode(target));
}

// "IPv4 addresses" of "ipv4".
const char* WordsOfKind(const std::string& kind) {
  for (const TargetKind one :
       {TargetKind::kIpv4, TargetKind::kIpv6, TargetKind::kName}) {
    if (kind == KindName(one)) return KindWords(one);
  }
  return "targets";
}

std::string ReasonsOf(const Json& values) {
  std::string text;
  for (const Json& value : values) {
    const std::string reason = TextOf(value, "reason");
    if (reason.empty()) continue;
    absl::StrAppend(&text, text.empty() ? "" : " | ", reason);
  }
  return Shorten(text, kTextColumns);
}

// What a watched file says of the target.
void PrintLines(const RblctlContext& context, const Json& dataset) {
  if (const std::string error = TextOf(dataset, "error"); !error.empty()) {
    context.out() << "    its lines cannot be told: " << Printable(error)
                  << "\n";
    return;
  }
  for (const Json& line : dataset["lines"]) {
    context.out() << "    " << Printable(TextOf(line, "file")) << ":"
                  << NumberOf(line, "line") << ": "
                  << Shorten(Printable(TextOf(line, "text")), kTextColumns)
                  << "\n";
  }
  const uint64_t more =
      NumberOf(dataset, "line_count") - dataset["lines"].size();
  if (more > 0) context.out() << "    and " << Grouped(more) << " more lines\n";
  if (dataset.value("changed", false)) {
    context.out() << "    its files have changed since they were loaded\n";
  }
}

void PrintZoneAnswer(const RblctlContext& context, const Json& report,
                     const Json& zone) {
  const std::string state = TextOf(zone, "state");
  const std::string subzone = TextOf(zone, "subzone");
  context.out() << context.Bold(Printable(
                       absl::StrCat(subzone, subzone.empty() ? "" : ".",
                                    TextOf(zone, "zone"))))
                << ": ";
  if (state == "listed") {
    context.out() << context.Red("listed") << "\n";
  } else if (state == "failed") {
    context.out()
        << context.Red("SERVFAIL")
        << ": data that the zone needs is not there (rblctl status)\n";
  } else if (state == "refused") {
    context.out() << "refused to all who have no key\n";
  } else {
    context.out() << context.Green("not listed") << "\n";
  }
  const Json& codes = zone["codes"];
  const Json& texts = zone["texts"];
  for (size_t i = 0; i < std::max(codes.size(), texts.size()); ++i) {
    context.out() << "  DNS answers ";
    if (i < codes.size()) context.out() << codes[i].get<std::string>();
    if (i < texts.size()) {
      context.out() << "  \"" << Printable(texts[i].get<std::string>()) << "\"";
    }
    context.out() << "\n";
  }
  for (const Json& origin : zone["from"]) {
    if (origin.contains("list")) {
      context.out() << "  from list " << Printable(TextOf(origin, "list"))
                    << "\n";
      continue;
    }
    const std::string name = TextOf(origin, "dataset");
    context.out() << "  "
                  << (origin.value("exempt", false)
                          ? "hidden by an exemption: watched dataset "
                          : "from watched dataset ")
                  << Printable(name) << "\n";
    if (!report.contains("datasets")) continue;
    for (const Json& dataset : report["datasets"]) {
      if (TextOf(dataset, "name") == name) PrintLines(context, dataset);
    }
  }
}

// `zones_answer`: what DNS answers has been said.
void PrintPerList(const RblctlContext& context, const Json& list,
                  const char* kind, bool zones_answer) {
  const bool listed = list.value("listed", false);
  const bool published = list.value("published", true);
  context.out() << "\n"
                << (zones_answer ? "list " : "")
                << context.Bold(Printable(TextOf(list, "list"))) << ": "
                << (listed ? context.Red("listed")
                           : context.Green("not listed"))
                << "\n";
  if (listed && !published) {
    context.out() << "  no zone publishes " << kind
                  << " of this list, so that DNS answers nothing\n";
  }
  if (!zones_answer && published) {
    for (const Json& value : list["effective"]) {
      context.out() << "  DNS answers " << TextOf(value, "code");
      if (const std::string reason = TextOf(value, "reason"); !reason.empty()) {
        context.out() << "  \"" << Printable(reason) << "\"";
      }
      context.out() << "\n";
    }
  }
  Table listings(
      {"listing", "source", "codes", "created", "expires", "by", "note"});
  for (const Json& one : list["listings"]) {
    listings.Add({TextOf(one, "target"), TextOf(one, "source"),
                  CodesOf(one["values"]), LocalTime(one["created"]),
                  LocalExpiry(one["expires"]), TextOf(one, "author"),
                  Shorten(TextOf(one, "note"), kTextColumns)});
  }
  if (!listings.empty()) {
    context.out() << listings.Text(context.colours(), "  ");
  }
  Table exemptions(
      {"exemption", "against", "created", "expires", "by", "note"});
  for (const Json& one : list["exemptions"]) {
    exemptions.Add({TextOf(one, "target"),
                    TextOf(one, "scope") == "list" ? "every source"
                                                   : TextOf(one, "source"),
                    LocalTime(one["created"]), LocalExpiry(one["expires"]),
                    TextOf(one, "author"),
                    Shorten(TextOf(one, "note"), kTextColumns)});
  }
  if (!exemptions.empty()) {
    context.out() << exemptions.Text(context.colours(), "  ");
  }
  if (const uint64_t within = NumberOf(list, "listings_within"); within > 0) {
    context.out() << "  "
                  << (within >= 1000 ? "1,000 or more" : Grouped(within))
                  << " listings inside it (rblctl find --within)\n";
  }
}

std::string WhatOf(const Json& entry) {
  for (const char* key : {"after", "before", "exemption"}) {
    const auto found = entry.find(key);
    if (found != entry.end() && found->is_object()) {
      const std::string target = TextOf(*found, "target");
      const auto values = found->find("values");
      return values == found->end()
                 ? target
                 : absl::StrCat(target, " ", CodesOf(*values), " ",
                                TextOf(*found, "source"));
    }
  }
  return "";
}

void PrintRecords(const RblctlContext& context, const Json& listings,
                  const Json& exemptions) {
  Table table({"target", "list", "source", "codes", "expires", "reason"});
  for (const Json& one : listings) {
    table.Add({TextOf(one, "target"), TextOf(one, "list"),
               TextOf(one, "source"), CodesOf(one["values"]),
               LocalTime(one["expires"], "never"), ReasonsOf(one["values"])});
  }
  for (const Json& one : exemptions) {
    table.Add({TextOf(one, "target"), TextOf(one, "list"),
               TextOf(one, "source"), "exempt",
               LocalTime(one["expires"], "never"),
               Shorten(TextOf(one, "note"), kTextColumns)});
  }
  context.out() << table.Text(context.colours());
}

}  // namespace

int RunShow(const RblctlContext& context) {
  ClientRequest request;
  request.path = TargetPath(context.command().arguments[0]);
  context.AddQuery("list", "list", &request);
  Json report;
  int exit_code = kExitDone;
  if (!context.Call(request, &report, &exit_code)) return exit_code;
  if (!AddRelayCase(context, &report, &exit_code)) return exit_code;
  const bool listed = report.value("listed", false);
  if (context.json()) {
    context.out() << JsonText(report) << "\n";
  } else {
    context.out() << context.Bold(Printable(TextOf(report, "target"))) << " is "
                  << (listed ? context.Red("listed")
                             : context.Green("not listed"))
                  << "\n";
    const bool zones_answer = report.contains("zones");
    if (zones_answer) {
      for (const Json& zone : report["zones"]) {
        // Zones that have nothing to say are not counted up.
        if (TextOf(zone, "state") != "not_listed" || !zone["from"].empty()) {
          context.out() << "\n";
          PrintZoneAnswer(context, report, zone);
        }
      }
    }
    for (const Json& list : report["lists"]) {
      if (list.value("listed", false) || !list["listings"].empty() ||
          !list["exemptions"].empty() ||
          NumberOf(list, "listings_within") > 0) {
        PrintPerList(context, list, WordsOfKind(TextOf(report, "kind")),
                     zones_answer);
      }
    }
    if (report.contains("relay")) PrintRelayCase(context, report["relay"]);
  }
  return listed ? kExitDone : kExitNothing;
}

int RunFind(const RblctlContext& context) {
  const ParsedCommand& command = context.command();
  int limit = 100;
  if (command.Has("limit") &&
      (!absl::SimpleAtoi(command.Get("limit"), &limit) || limit < 0)) {
    return context.Fail(kExitUsage, "--limit needs a number, 0 for all");
  }
  ClientRequest request;
  request.path = "/v1/listings";
  for (const char* name : {"list", "source", "within"}) {
    context.AddQuery(name, name, &request);
  }
  if (!command.arguments.empty()) {
    request.query.emplace_back("text", command.arguments[0]);
  }
  const size_t fixed = request.query.size();
  Json listings = Json::array();
  Json exemptions = Json::array();
  int found = 0;
  Json watched = Json::array();
  std::string cursor;
  bool more = true;
  while (more && (limit == 0 || found < limit)) {
    request.query.resize(fixed);
    const int page = limit == 0 ? kPage : std::min(kPage, limit - found);
    request.query.emplace_back("limit", absl::StrCat(page));
    if (!cursor.empty()) request.query.emplace_back("cursor", cursor);
    Json result;
    int exit_code = kExitDone;
    if (!context.Call(request, &result, &exit_code)) {
      return found > 0 && exit_code != kExitNoDaemon ? kExitUnknown : exit_code;
    }
    for (Json& one : result["listings"]) listings.push_back(std::move(one));
    for (Json& one : result["exemptions"]) exemptions.push_back(std::move(one));
    found += static_cast<int>(listings.size() + exemptions.size());
    if (context.json()) {
      for (const Json& one : listings) context.out() << JsonText(one) << "\n";
      for (const Json& one : exemptions) context.out() << JsonText(one) << "\n";
    } else if (!listings.empty() || !exemptions.empty()) {
      PrintRecords(context, listings, exemptions);
    }
    listings = Json::array();
    exemptions = Json::array();
    if (cursor.empty()) watched = result["watched"];
    cursor = TextOf(result, "next_cursor");
    more = !cursor.empty();
  }
  if (more && !context.json()) {
    context.err() << "There are more; --limit 0 shows all.\n";
  }
  if (!watched.empty() && !context.json()) {
    std::string names;
    for (const Json& name : watched) {
      absl::StrAppend(&names, names.empty() ? "" : ", ",
                      Printable(name.get<std::string>()));
    }
    context.err() << "Watched files are not searched (" << names
                  << "); rblctl show TARGET tells what they say of one.\n";
  }
  return found > 0 ? kExitDone : kExitNothing;
}

int RunHistory(const RblctlContext& context) {
  const ParsedCommand& command = context.command();
  const bool audit = command.verb->name == "audit";
  ClientRequest request;
  request.path = audit ? "/v1/audit" : "/v1/history";
  if (!audit) request.query.emplace_back("target", command.arguments[0]);
  context.AddQuery("list", "list", &request);
  context.AddQuery("limit", "limit", &request);
  Json result;
  int exit_code = kExitDone;
  if (!context.Call(request, &result, &exit_code)) return exit_code;
  const Json& entries = result["entries"];
  if (context.json()) {
    for (const Json& entry : entries) {
      context.out() << JsonText(entry) << "\n";
    }
  } else if (!entries.empty()) {
    Table table(audit
                    ? std::vector<std::string>{">sequence", "time", "by",
                                               "request", ">added", ">changed",
                                               ">removed", "what", "why"}
                    : std::vector<std::string>{">sequence", "time", "change",
                                               "what", "by", "why"});
    for (const Json& entry : entries) {
      const std::string sequence = absl::StrCat(NumberOf(entry, "sequence"));
      const std::string why = Shorten(TextOf(entry, "why"), kTextColumns);
      if (audit) {
        table.Add({sequence, LocalTime(entry["time"]), TextOf(entry, "actor"),
                   TextOf(entry, "request"), Grouped(NumberOf(entry, "added")),
                   Grouped(NumberOf(entry, "changed")),
                   Grouped(NumberOf(entry, "removed")),
                   Shorten(TextOf(entry, "what"), kTextColumns), why});
      } else {
        table.Add({sequence, LocalTime(entry["time"]), TextOf(entry, "kind"),
                   WhatOf(entry), TextOf(entry, "actor"), why});
      }
    }
    context.out() << table.Text(context.colours());
  }
  return entries.empty() ? kExitNothing : kExitDone;
}

}  // namespace rbld
