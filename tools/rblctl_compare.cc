// compare: two servers, the same questions.
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/file_util.h"
#include "control/json.h"
#include "dns/constants.h"
#include "dns/mnemonics.h"
#include "dns/name.h"
#include "tools/compare/capture_source.h"
#include "tools/compare/comparison.h"
#include "tools/compare/data_source.h"
#include "tools/compare/exchanger.h"
#include "tools/compare/input.h"
#include "tools/compare/names_source.h"
#include "tools/compare/question_filter.h"
#include "tools/rblctl_context.h"
#include "tools/table.h"
#include "zones/config.h"

namespace rbld {
namespace {

// Of an example on the screen, for each server; JSON has all of it.
constexpr size_t kShownColumns = 160;

// ---- the command line ----

struct Settings {
  ListenAddress servers[2];
  ExchangeOptions exchange;
  std::string zone;  // wire form, lower case; empty: none
  std::vector<uint16_t> types;
  uint16_t port = 53;
  double sample = 1;
  DifferenceSet ignored = 0;
  size_t max_shown = 5;
  std::vector<DataSpec> data;
};

absl::Status BadOption(const char* option, absl::string_view text,
                       absl::string_view wanted) {
  return absl::InvalidArgumentError(
      absl::StrCat("--", option, " ", text, ": ", wanted));
}

// Leaves `*value` as it is where the option is not given.
absl::Status TakeNumber(const ParsedCommand& command, const char* option,
                        double min, double max, bool whole, double* value) {
  if (!command.Has(option)) return absl::OkStatus();
  const std::string text = command.Get(option);
  double number = 0;
  if (!absl::SimpleAtod(text, &number) || !(number >= min && number <= max) ||
      (whole && number != std::floor(number))) {
    return BadOption(option, text,
                     absl::StrFormat("must be a %snumber from %g to %.10g",
                                     whole ? "whole " : "", min, max));
  }
  *value = number;
  return absl::OkStatus();
}

absl::Status TakeServers(const ParsedCommand& command, Settings* settings) {
  for (size_t i = 0; i < 2; ++i) {
    absl::StatusOr<ListenAddress> address =
        ParseListenAddress(command.arguments[i]);
    if (!address.ok()) return address.status();
    if (address->port == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          command.arguments[i], ": port 0 is no port that one could ask"));
    }
    if (!absl::StrContains(address->text.substr(address->text.rfind(']') + 1),
                           ':')) {
      absl::StrAppend(&address->text, ":", address->port);
    }
    settings->servers[i] = *std::move(address);
  }
  return absl::OkStatus();
}

absl::Status TakeNumbers(const ParsedCommand& command, Settings* settings) {
  double timeout_seconds = 1;
  double retries = 2;
  double edns_bytes = 0;
  double max_shown = 5;
  double port = 53;
  double percent = 100;
  struct Row {
    const char* option;
    double min;
    double max;
    bool whole;
    double* value;
  };
  for (const Row& row : {
           Row{"rate", 0, 10'000'000, false, &settings->exchange.rate},
           Row{"timeout", 0.01, 60, false, &timeout_seconds},
           Row{"retries", 0, 20, true, &retries},
           Row{"edns", 512, 65535, true, &edns_bytes},
           Row{"max-shown", 0, 100'000, true, &max_shown},
           Row{"port", 1, 65535, true, &port},
           Row{"sample", 0, 100, false, &percent},
       }) {
    const absl::Status status =
        TakeNumber(command, row.option, row.min, row.max, row.whole, row.value);
    if (!status.ok()) return status;
  }
  settings->exchange.timeout = std::chrono::milliseconds(
      static_cast<int64_t>(std::lround(timeout_seconds * 1000)));
  settings->exchange.retries = static_cast<int>(retries);
  settings->exchange.edns_bytes = static_cast<uint16_t>(edns_bytes);
  settings->exchange.tcp = command.Has("tcp");
  settings->max_shown = static_cast<size_t>(max_shown);
  settings->port = static_cast<uint16_t>(port);
  settings->sample = percent / 100;
  return absl::OkStatus();
}

// What the options of the three sources have to do with each other.
absl::Status CheckSources(const ParsedCommand& command) {
  const int sources =
      command.Has("names") + command.Has("pcap") + command.Has("data");
  if (sources != 1) {
    return absl::InvalidArgumentError(
        sources == 0 ? "say what to ask: --names FILE, --pcap FILE or --zone "
                       "ZONE --data TYPE:FILE"
                     : "give one of --names, --pcap and --data, not several");
  }
  if (command.Has("data") && !command.Has("zone")) {
    return absl::InvalidArgumentError(
        "--data needs --zone: data files do not say which zone they are for");
  }
  if (command.Has("port") && !command.Has("pcap")) {
    return absl::InvalidArgumentError(
        "--port is the port that a capture (--pcap) shows queries to; a "
        "server's port stands behind its address: 127.0.0.1:5300");
  }
  return absl::OkStatus();
}

absl::StatusOr<Settings> ReadSettings(const ParsedCommand& command) {
  Settings settings;
  absl::Status status = TakeServers(command, &settings);
  if (!status.ok()) return status;
  status = TakeNumbers(command, &settings);
  if (!status.ok()) return status;
  status = CheckSources(command);
  if (!status.ok()) return status;
  if (command.Has("zone")) {
    absl::StatusOr<std::string> zone = NameFromText(command.Get("zone"));
    if (!zone.ok()) {
      return BadOption("zone", command.Get("zone"), zone.status().message());
    }
    settings.zone = *std::move(zone);
    absl::AsciiStrToLower(&settings.zone);
  }
  for (const absl::string_view text :
       absl::StrSplit(command.Get("types"), ',', absl::SkipEmpty())) {
    const absl::StatusOr<uint16_t> type = ParseRrType(text);
    if (!type.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--types: ", type.status().message()));
    }
    settings.types.push_back(*type);
  }
  for (const std::string& texts : command.All("ignore")) {
    for (const absl::string_view text :
         absl::StrSplit(texts, ',', absl::SkipEmpty())) {
      const absl::StatusOr<DifferenceKind> kind = ParseDifference(text);
      if (!kind.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("--ignore: ", kind.status().message()));
      }
      settings.ignored |= BitOf(*kind);
    }
  }
  for (const std::string& text : command.All("data")) {
    absl::StatusOr<DataSpec> spec = ParseDataSpec(text);
    if (!spec.ok()) return spec.status();
    settings.data.push_back(*std::move(spec));
  }
  return settings;
}

// ---- the questions ----

struct Questions {
  std::unique_ptr<QuestionFilter> filter;
  // Inside the filter, if it is of that kind.
  const CaptureSource* capture = nullptr;
  const DataSource* data = nullptr;
  std::string name;  // for people
};

// Each file is opened in its turn; what is not there is better known before
// anything is asked.
absl::Status CheckFiles(const std::vector<DataSpec>& specs) {
  for (const DataSpec& spec : specs) {
    for (const std::string& file : spec.files) {
      if (file != "-" && access(file.c_str(), R_OK) != 0) {
        return ErrnoStatus(errno, file, "opening a data file");
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Questions> OpenQuestions(const RblctlContext& context,
                                        const Settings& settings) {
  const ParsedCommand& command = context.command();
  std::vector<uint16_t> types = settings.types;
  if (types.empty()) {
    types = {static_cast<uint16_t>(RrType::kA),
             static_cast<uint16_t>(RrType::kTxt)};
  }
  QuestionFilterOptions options;
  options.zone = settings.zone;
  options.repeats = command.Has("all");
  options.sample = settings.sample;
  Questions questions;
  std::unique_ptr<QuestionSource> source;
  if (command.Has("data")) {
    const absl::Status status = CheckFiles(settings.data);
    if (!status.ok()) return status;
    auto data = std::make_unique<DataSource>(settings.data, settings.zone,
                                             types, context.streams().in);
    questions.data = data.get();
    source = std::move(data);
    questions.name = "the data files";
  } else {
    const std::string path =
        command.Get(command.Has("names") ? "names" : "pcap");
    absl::StatusOr<std::unique_ptr<Input>> input =
        Input::Open(path, context.streams().in);
    if (!input.ok()) return input.status();
    questions.name = (*input)->name();
    if (command.Has("names")) {
      source = std::make_unique<NamesSource>(*std::move(input), types,
                                             settings.zone);
    } else {
      absl::StatusOr<std::unique_ptr<CaptureSource>> capture =
          CaptureSource::Open(*std::move(input), settings.port);
      if (!capture.ok()) return capture.status();
      questions.capture = capture->get();
      source = *std::move(capture);
      options.types = settings.types;
    }
  }
  questions.filter =
      std::make_unique<QuestionFilter>(std::move(source), std::move(options));
  return questions;
}

// Why nothing was asked.
std::string NoQuestions(const Settings& settings, const Questions& questions) {
  const QuestionFilter& filter = *questions.filter;
  if (filter.outside() > 0) {
    return absl::StrCat(questions.name, ": none of the ",
                        Grouped(filter.outside()),
                        " questions is in the zone and of the types");
  }
  if (questions.capture != nullptr) {
    return absl::StrCat(questions.name, ": no query to port ", settings.port,
                        " is in its ", Grouped(questions.capture->packets()),
                        " packets; --port N names another port");
  }
  const LeftOut& left_out = filter.left_out();
  return absl::StrCat(
      questions.name, ": there is nothing to ask",
      left_out.count > 0 ? absl::StrCat("; ", left_out.first.front()) : "");
}

// ---- the outcome ----

struct Example {
  uint64_t number;
  std::string name;
  std::string type;
  std::string old;
  std::string fresh;
};

struct Kind {
  uint64_t count = 0;
  std::vector<Example> examples;  // the first ones, in the order of questions
};

struct Outcome {
  uint64_t queries = 0;
  uint64_t different = 0;
  uint64_t ignored = 0;  // differ, but only as --ignore allows
  // Of those that are the same.
  uint64_t with_records = 0;
  uint64_t without_records = 0;
  uint64_t errors = 0;  // RCODEs such as REFUSED
  std::array<Kind, kDifferenceKinds> kinds;
  double seconds = 0;

  uint64_t same() const { return queries - different; }
  // Nothing was learned.
  bool only_errors() const { return errors > 0 && errors == queries; }
};

class Tally {
 public:
  explicit Tally(const Settings& settings) : settings_(settings) {}

  // `zones`: those that are known, for their test entries.
  void Add(uint64_t number, const Question& question,
           const std::vector<std::string>& zones, const ServerReply& old,
           const ServerReply& fresh) {
    ++outcome_.queries;
    const DifferenceSet found = CompareReplies(question, zones, old, fresh);
    if (found == 0) {
      const Response& response = old.response;
      if (response.rcode != static_cast<uint16_t>(Rcode::kNoError) &&
          response.rcode != static_cast<uint16_t>(Rcode::kNxDomain)) {
        ++outcome_.errors;
      } else if (response.answers.empty()) {
        ++outcome_.without_records;
      } else {
        ++outcome_.with_records;
      }
      return;
    }
    const DifferenceSet counted = found & ~settings_.ignored;
    ++(counted == 0 ? outcome_.ignored : outcome_.different);
    // The lowest bit is the gravest kind.
    const int place = __builtin_ctz(counted == 0 ? found : counted);
    Kind& kind = outcome_.kinds[static_cast<size_t>(place)];
    ++kind.count;
    std::vector<Example>& examples = kind.examples;
    if (examples.size() == settings_.max_shown) {
      if (examples.empty() || examples.back().number < number) return;
      examples.pop_back();
    }
    const auto shown_as = static_cast<DifferenceKind>(place);
    Example example{number, QuestionName(question), RrTypeText(question.type),
                    ReplyText(old, shown_as), ReplyText(fresh, shown_as)};
    const auto at = std::find_if(
        examples.begin(), examples.end(),
        [number](const Example& other) { return other.number > number; });
    examples.insert(at, std::move(example));
  }

  Outcome& outcome() { return outcome_; }

 private:
  const Settings& settings_;
  Outcome outcome_;
};

bool IsIgnored(const Settings& settings, size_t kind) {
  return (settings.ignored & BitOf(static_cast<DifferenceKind>(kind))) != 0;
}

double ShareOf(uint64_t count, uint64_t total) {
  return total == 0 ? 0
                    : static_cast<double>(count) / static_cast<double>(total);
}

Json OutcomeJson(const Settings& settings, const Questions& questions,
                 const Outcome& outcome, const ExchangeResult& result) {
  Json kinds = Json::array();
  for (size_t i = 0; i < outcome.kinds.size(); ++i) {
    const Kind& kind = outcome.kinds[i];
    Json examples = Json::array();
    for (const Example& example : kind.examples) {
      examples.push_back(Json{{"name", example.name},
                              {"type", example.type},
                              {"old", example.old},
                              {"new", example.fresh}});
    }
    kinds.push_back(
        Json{{"kind", DifferenceName(static_cast<DifferenceKind>(i))},
             {"count", kind.count},
             {"share", ShareOf(kind.count, outcome.queries)},
             {"ignored", IsIgnored(settings, i)},
             {"examples", std::move(examples)}});
  }
  const QuestionFilter& filter = *questions.filter;
  Json json{{"old", settings.servers[0].text},
            {"new", settings.servers[1].text},
            {"complete", result.end == ExchangeResult::End::kDone},
            {"stopped_because", result.why.empty() ? Json() : Json(result.why)},
            {"queries", outcome.queries},
            {"same", outcome.same()},
            {"different", outcome.different},
            {"ignored", outcome.ignored},
            {"same_with_records", outcome.with_records},
            {"same_without_records", outcome.without_records},
            {"same_errors", outcome.errors},
            {"repeated", filter.repeats()},
            {"outside", filter.outside()},
            {"left_out", filter.left_out().count},
            {"left_out_first", filter.left_out().first},
            {"seconds", outcome.seconds},
            {"kinds", std::move(kinds)}};
  return json;
}

void PrintLeftOut(const RblctlContext& context, const LeftOut& left_out) {
  constexpr size_t kShown = 5;
  for (size_t i = 0; i < left_out.first.size() && i < kShown; ++i) {
    context.err() << "rblctl: left out: " << Printable(left_out.first[i])
                  << "\n";
  }
  if (left_out.count > kShown) {
    context.err() << "rblctl: " << Grouped(left_out.count)
                  << " lines were left out in all\n";
  }
}

void PrintExamples(const RblctlContext& context, const Outcome& outcome) {
  for (size_t i = 0; i < outcome.kinds.size(); ++i) {
    const Kind& kind = outcome.kinds[i];
    if (kind.examples.empty()) continue;
    context.out() << "\n"
                  << context.Bold(
                         DifferenceName(static_cast<DifferenceKind>(i)))
                  << "\n";
    for (const Example& example : kind.examples) {
      context.out() << "  " << Printable(example.name) << " " << example.type
                    << ": OLD "
                    << Shorten(Printable(example.old), kShownColumns)
                    << " | NEW "
                    << Shorten(Printable(example.fresh), kShownColumns) << "\n";
    }
    if (kind.count > kind.examples.size()) {
      context.out() << "  … and " << Grouped(kind.count - kind.examples.size())
                    << " more (--max-shown)\n";
    }
  }
}

void PrintNotAsked(const RblctlContext& context, const Questions& questions) {
  const QuestionFilter& filter = *questions.filter;
  // Entries that lie side by side have names in common.
  const uint64_t repeats = context.command().Has("data") ? 0 : filter.repeats();
  if (repeats > 0) {
    context.out() << "Not asked again: " << Grouped(repeats)
                  << " repeated questions\n";
  }
  if (filter.outside() > 0) {
    context.out() << "Not asked: " << Grouped(filter.outside())
                  << " questions for other zones or types\n";
  }
}

void PrintOutcome(const RblctlContext& context, const Settings& settings,
                  const Questions& questions, const Outcome& outcome) {
  Table table({"kind", ">count", ">share", "what it means"});
  for (size_t i = 0; i < outcome.kinds.size(); ++i) {
    const uint64_t count = outcome.kinds[i].count;
    if (count == 0) continue;
    const auto kind = static_cast<DifferenceKind>(i);
    table.Add(
        {DifferenceName(kind), Grouped(count),
         absl::StrFormat("%.2f %%", 100 * ShareOf(count, outcome.queries)),
         absl::StrCat(IsIgnored(settings, i) ? "(ignored) " : "",
                      DifferenceMeaning(kind))});
  }
  if (!table.empty()) {
    context.out() << "OLD is " << settings.servers[0].text << ", NEW is "
                  << settings.servers[1].text << "\n\n"
                  << table.Text(context.colours());
    PrintExamples(context, outcome);
    context.out() << "\n";
  }
  PrintNotAsked(context, questions);
  if (outcome.errors > 0) {
    context.out() << "Both servers answered " << Grouped(outcome.errors)
                  << " queries with an error such as REFUSED: is it a zone of "
                     "theirs?\n";
  } else if (outcome.different == 0 && outcome.with_records == 0) {
    context.out() << "Neither server had a record for any of them.\n";
  }
  context.out() << Grouped(outcome.queries) << " queries, "
                << Grouped(outcome.same()) << " the same, "
                << Grouped(outcome.different) << " different\n";
}

// ---- Ctrl-C ----

volatile sig_atomic_t interrupted = 0;

// While it lives, SIGINT and SIGTERM only set `interrupted`, so that what was
// found is shown.
class InterruptGuard {
 public:
  InterruptGuard() {
    interrupted = 0;
    struct sigaction action = {};
    action.sa_handler = [](int) { interrupted = 1; };
    // A second one ends the program as usual.
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, &old_int_);
    sigaction(SIGTERM, &action, &old_term_);
  }
  ~InterruptGuard() {
    sigaction(SIGINT, &old_int_, nullptr);
    sigaction(SIGTERM, &old_term_, nullptr);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction old_int_;
  struct sigaction old_term_;
};

int ExitCodeOf(const ExchangeResult& result, const Outcome& outcome) {
  switch (result.end) {
    case ExchangeResult::End::kNoServer:
      return kExitNoDaemon;
    case ExchangeResult::End::kServerLost:
    case ExchangeResult::End::kSourceFailed:
    case ExchangeResult::End::kStopped:
      return kExitUnknown;
    case ExchangeResult::End::kDone:
      break;
  }
  return outcome.different == 0 && !outcome.only_errors() ? kExitDone
                                                          : kExitNothing;
}

}  // namespace

int RunCompare(const RblctlContext& context) {
  absl::StatusOr<Settings> settings = ReadSettings(context.command());
  if (!settings.ok()) {
    return context.Fail(kExitUsage, settings.status().message());
  }
  absl::StatusOr<Questions> questions = OpenQuestions(context, *settings);
  if (!questions.ok()) {
    return context.Fail(kExitUsage, questions.status().message());
  }
  std::vector<std::string> zones;
  if (!settings->zone.empty()) zones = {settings->zone};
  Tally tally(*settings);
  Outcome& outcome = tally.outcome();
  ExchangeResult result;
  {
    const InterruptGuard guard;
    settings->exchange.stop = [] { return interrupted != 0; };
    ProgressBar bar(context.shows_progress(), "comparing");
    const auto start = std::chrono::steady_clock::now();
    Exchanger exchanger(settings->servers[0], settings->servers[1],
                        settings->exchange);
    result = exchanger.Run(
        questions->filter.get(),
        [&](uint64_t number, const Question& question, const ServerReply& old,
            const ServerReply& fresh) {
          tally.Add(
              number, question,
              questions->data != nullptr ? questions->data->zones() : zones,
              old, fresh);
          bar.Update(questions->filter->part(),
                     absl::StrCat(Grouped(outcome.queries), " queries, ",
                                  Grouped(outcome.different), " different"));
        });
    outcome.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
  }
  using End = ExchangeResult::End;
  if (result.asked == 0) {
    if (result.end == End::kSourceFailed) {
      return context.Fail(kExitUsage, result.why);
    }
    if (result.end == End::kDone) {
      return context.Fail(kExitUsage, NoQuestions(*settings, *questions));
    }
  }
  if (result.end == End::kNoServer) {
    return context.Fail(kExitNoDaemon, result.why);
  }
  if (context.json()) {
    context.out() << JsonText(
                         OutcomeJson(*settings, *questions, outcome, result))
                  << "\n";
  } else {
    PrintOutcome(context, *settings, *questions, outcome);
  }
  PrintLeftOut(context, questions->filter->left_out());
  if (result.end == End::kDone) return ExitCodeOf(result, outcome);
  context.out().flush();
  return context.Fail(
      ExitCodeOf(result, outcome),
      absl::StrCat(result.why, "; what was compared until then is shown"));
}

}  // namespace rbld
