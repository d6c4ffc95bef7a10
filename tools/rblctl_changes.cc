// add, remove, exempt, unexempt: single targets and batches.
#include <unistd.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "control/api.h"
#include "store/target.h"
#include "tools/rblctl_context.h"
#include "tools/table.h"

namespace rbld {
namespace {

constexpr int kAskBelowIpv4Bits = 16;
constexpr int kAskBelowIpv6Bits = 32;
constexpr size_t kMaxLineBytes = 64 << 10;
// A request whose connection broke is sent once more under the same key: the
// server then answers what came of the first.
constexpr int kTries = 2;

std::string RandomKey() {
  std::random_device random;
  std::string key;
  for (int i = 0; i < 4; ++i) {
    absl::StrAppend(&key, absl::Hex(random(), absl::kZeroPad8));
  }
  return key;
}

// What the options say of every change; {} with an error printed.
bool Template(const RblctlContext& context, Json* change, int* exit_code) {
  const ParsedCommand& command = context.command();
  (*change)["verb"] = command.verb->name;
  for (const char* key : {"list", "source", "expires", "note"}) {
    if (command.Has(key)) (*change)[key] = command.Get(key);
  }
  std::vector<std::string> codes = command.All("code");
  uint64_t ttl = 0;
  if (command.Has("ttl") && !absl::SimpleAtoi(command.Get("ttl"), &ttl)) {
    *exit_code = context.Fail(kExitUsage, "--ttl needs a number of seconds");
    return false;
  }
  std::string reason = command.Get("reason");
  // What is given of a value is completed by the list's; the server knows it.
  if (codes.empty() ? command.Has("reason") || command.Has("ttl")
                    : !command.Has("reason")) {
    std::string list = command.Get("list");
    Json reply;
    if (list.empty()) {
      ClientRequest lists;
      lists.path = "/v1/lists";
      if (!context.Call(lists, &reply, exit_code)) return false;
      if (reply["lists"].size() != 1) {
        *exit_code = context.Fail(
            kExitUsage, "there is more than one list; name one with --list");
        return false;
      }
      list = TextOf(reply["lists"][0], "name");
    }
    ClientRequest show;
    show.path = "/v1/lists/" + PercentEncode(list);
    if (!context.Call(show, &reply, exit_code)) return false;
    if (codes.empty()) {
      for (const Json& value : reply["default_values"]) {
        codes.push_back(TextOf(value, "code"));
      }
    } else if (!reply["default_values"].empty()) {
      reason = TextOf(reply["default_values"][0], "reason");
    }
  }
  for (const std::string& code : codes) {
    Json value;
    value["code"] = code;
    if (!reason.empty()) value["reason"] = reason;
    if (ttl != 0) value["ttl"] = ttl;
    (*change)["values"].push_back(std::move(value));
  }
  return true;
}

// One line of a batch over the template.
absl::StatusOr<Json> ChangeOfLine(absl::string_view line, const Json& base) {
  Json change = base;
  if (line.front() != '{') {
    change["target"] = std::string(line);
    return change;
  }
  const absl::StatusOr<Json> object = ParseJson(line);
  if (!object.ok()) return object.status();
  for (const auto& [key, value] : object->items()) {
    if (key == "created" || key == "updated" || key == "author") continue;
    if (key == "verb") {
      return absl::InvalidArgumentError(
          "the verb stands on the command line, not in the line");
    }
    change[key] = value;
  }
  return change;
}

// "change 3 (…)" and "changes[3].target" in a message count within a request;
// people count lines of their input.
std::string WithLine(const std::string& detail,
                     const std::vector<uint64_t>& lines) {
  absl::string_view rest = detail;
  size_t index = 0;
  size_t first = 0;
  if (absl::ConsumePrefix(&rest, "changes[")) {
    first = 0;
  } else if (absl::ConsumePrefix(&rest, "change ")) {
    first = 1;
  } else {
    return detail;
  }
  const size_t end = rest.find_first_not_of("0123456789");
  if (!absl::SimpleAtoi(rest.substr(0, end), &index) || index < first ||
      index - first >= lines.size()) {
    return detail;
  }
  return absl::StrCat("line ", lines[index - first], ": ", detail);
}

// Sends changes in requests, and adds up what came of them.
class ChangeSender {
 public:
  explicit ChangeSender(const RblctlContext& context) : context_(context) {}

  // False: it was refused or failed; exit_code() says how.
  bool Send(Json changes, const std::vector<uint64_t>& lines) {
    const ParsedCommand& command = context_.command();
    Json body;
    body["changes"] = std::move(changes);
    body["request"] = command.verb->name;
    body["dry_run"] = command.Has("dry-run");
    if (command.Has("why")) body["why"] = command.Get("why");
    if (command.Has("actor")) body["actor"] = command.Get("actor");
    if (command.Has("if-sequence")) {
      uint64_t sequence = 0;
      if (!absl::SimpleAtoi(command.Get("if-sequence"), &sequence)) {
        exit_code_ = context_.Fail(kExitUsage, "--if-sequence needs a number");
        return false;
      }
      // The requests behind the first one follow on what that one made of it.
      body["if_sequence"] = requests_ == 0 ? sequence : last_sequence_;
    }
    ClientRequest request;
    request.method = "POST";
    request.path = "/v1/changes";
    request.body = JsonText(body);
    request.idempotency_key = RandomKey();
    absl::StatusOr<ClientReply> reply = context_.Send(request);
    for (int i = 1; i < kTries && absl::IsUnavailable(reply.status()); ++i) {
      reply = context_.Send(request);
    }
    if (!reply.ok()) {
      exit_code_ = context_.Fail(reply.status());
      return false;
    }
    if (reply->status != 200) {
      Problem problem = ParseProblem(reply->status, reply->body);
      problem.detail = WithLine(problem.detail, lines);
      exit_code_ = context_.Fail(problem);
      return false;
    }
    const absl::StatusOr<Json> result = ParseJson(reply->body);
    if (!result.ok()) {
      exit_code_ = context_.Fail(kExitUnknown, "the reply is no JSON");
      return false;
    }
    Take(*result);
    return true;
  }

  int exit_code() const { return exit_code_; }
  uint64_t requests() const { return requests_; }
  uint64_t changes() const { return changes_; }

  // Says what was done; `single` names each target.
  int Report(bool single) const {
    if (context_.json()) return ExitCode();
    const bool dry_run = context_.command().Has("dry-run");
    const std::string tail = dry_run
                                 ? "dry run: nothing was changed"
                                 : absl::StrCat("sequence ", last_sequence_);
    if (single) {
      for (const Json& result : results_) {
        context_.out() << Printable(TextOf(result, "target")) << ": "
                       << Words(TextOf(result, "outcome")) << " ("
                       << Printable(TextOf(result, "list")) << ", " << tail
                       << ")\n";
      }
      return ExitCode();
    }
    std::vector<std::string> parts;
    for (const auto& [outcome, count] : counts_) {
      if (count > 0) {
        parts.push_back(absl::StrCat(Grouped(count), " ", outcome));
      }
    }
    context_.out() << absl::StrJoin(parts, ", ") << " (" << tail << ")\n";
    return ExitCode();
  }

 private:
  void Take(const Json& result) {
    ++requests_;
    last_sequence_ = NumberOf(result, "sequence");
    if (context_.json()) context_.out() << JsonText(result) << "\n";
    // Once for all the requests of a batch.
    if (const auto notes = result.find("notes");
        !context_.json() && notes != result.end()) {
      Json fresh = Json::array();
      for (const Json& note : *notes) {
        if (said_.insert(JsonText(note)).second) fresh.push_back(note);
      }
      PrintNotes(context_, Json{{"notes", fresh}});
    }
    const auto results = result.find("results");
    if (results == result.end()) return;
    for (const Json& one : *results) {
      ++changes_;
      const std::string outcome = Words(TextOf(one, "outcome"));
      const auto found =
          std::find_if(counts_.begin(), counts_.end(),
                       [&](const auto& pair) { return pair.first == outcome; });
      if (found == counts_.end()) {
        counts_.emplace_back(outcome, 1);
      } else {
        ++found->second;
      }
      if (TextOf(one, "outcome") == "not_found") ++not_found_;
      if (results_.size() < kMaxResultsShown) {
        results_.push_back(one);
        if (!context_.json()) PrintNotes(context_, one);
      }
    }
  }

  // An exemption is an entry of its own: what becomes of it is not what becomes
  // of a listing.
  std::string Words(std::string outcome) const {
    std::replace(outcome.begin(), outcome.end(), '_', ' ');
    const absl::string_view verb = context_.command().verb->name;
    if (verb == "exempt") {
      if (outcome == "added") return "exempted";
      if (outcome == "unchanged") return "already exempt";
    }
    if (verb == "unexempt") {
      if (outcome == "removed") return "no longer exempt";
      if (outcome == "not found") return "was not exempt";
    }
    return outcome;
  }

  int ExitCode() const {
    return changes_ > 0 && not_found_ == changes_ ? kExitNothing : kExitDone;
  }

  static constexpr size_t kMaxResultsShown = 1000;

  const RblctlContext& context_;
  int exit_code_ = kExitDone;
  uint64_t requests_ = 0;
  uint64_t changes_ = 0;
  uint64_t not_found_ = 0;
  uint64_t last_sequence_ = 0;
  std::vector<std::pair<std::string, uint64_t>> counts_;
  std::vector<Json> results_;
  std::set<std::string> said_;
};

// Wide prefixes are seldom meant.
bool ConfirmWide(const RblctlContext& context, const std::string& text) {
  const std::string& verb = context.command().verb->name;
  if (verb != "add" && verb != "exempt") return true;
  if (context.command().Has("dry-run")) return true;
  const absl::StatusOr<Target> target = Target::Parse(text);
  if (!target.ok() || target->is_name()) return true;
  const IpPrefix& prefix = target->prefix();
  const bool ipv4 = prefix.family == Family::kIpv4;
  const int length = prefix.length_bits;
  if (length >= (ipv4 ? kAskBelowIpv4Bits : kAskBelowIpv6Bits)) return true;
  const std::string size =
      ipv4 ? absl::StrCat(Grouped(uint64_t{1} << (32 - length)), " addresses")
           : absl::StrCat("2^", 128 - length, " addresses");
  return context.Confirm(
      absl::StrCat(target->ToString(), " covers ", size, "; ", verb, " it?"));
}

int RunBatch(const RblctlContext& context, const Json& base) {
  ChangeSender sender(context);
  Json changes = Json::array();
  std::vector<uint64_t> lines;
  uint64_t number = 0;
  uint64_t sent_through = 0;
  const auto flush = [&] {
    if (changes.empty()) return true;
    if (!sender.Send(std::exchange(changes, Json::array()), lines)) {
      return false;
    }
    sent_through = lines.back();
    lines.clear();
    return true;
  };
  const auto stop = [&](int code) {
    if (sender.requests() == 0 || context.command().Has("dry-run")) return code;
    return context.Fail(kExitUnknown,
                        absl::StrCat("only a part was done: the lines up to ",
                                     sent_through, " (", sender.changes(),
                                     " targets); those behind are "
                                     "unchanged"));
  };
  std::string line;
  while (std::getline(*context.streams().in, line)) {
    ++number;
    absl::string_view text = line;
    if (number == 1) absl::ConsumePrefix(&text, "\xef\xbb\xbf");
    text = absl::StripAsciiWhitespace(text);
    if (text.empty() || text.front() == '#') continue;
    if (text.front() != '{') text = text.substr(0, text.find_first_of(" \t#"));
    absl::Status status;
    absl::StatusOr<Json> change =
        text.size() > kMaxLineBytes
            ? absl::InvalidArgumentError("longer than 64 KiB")
            : ChangeOfLine(text, base);
    if (!change.ok()) {
      return stop(context.Fail(
          kExitUsage,
          absl::StrCat("line ", number, ": ", change.status().message())));
    }
    changes.push_back(*std::move(change));
    lines.push_back(number);
    if (changes.size() == static_cast<size_t>(kMaxChangesPerRequest) &&
        !flush()) {
      return stop(sender.exit_code());
    }
  }
  if (!flush()) return stop(sender.exit_code());
  if (sender.requests() == 0) {
    return context.Fail(kExitUsage, "no target came on standard input");
  }
  return sender.Report(/*single=*/false);
}

}  // namespace

int RunChanges(const RblctlContext& context) {
  const ParsedCommand& command = context.command();
  Json base;
  int exit_code = kExitDone;
  if (!Template(context, &base, &exit_code)) return exit_code;
  if (command.arguments == std::vector<std::string>{"-"}) {
    return RunBatch(context, base);
  }
  if (command.arguments.size() > static_cast<size_t>(kMaxChangesPerRequest)) {
    return context.Fail(kExitUsage,
                        "too many targets; give them on standard input (-)");
  }
  Json changes = Json::array();
  for (const std::string& target : command.arguments) {
    if (!ConfirmWide(context, target)) {
      return context.Fail(kExitRefused, "nothing was changed");
    }
    Json change = base;
    change["target"] = target;
    changes.push_back(std::move(change));
  }
  ChangeSender sender(context);
  if (!sender.Send(std::move(changes), {})) return sender.exit_code();
  return sender.Report(/*single=*/true);
}

}  // namespace rbld
