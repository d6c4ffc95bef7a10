#include "tools/option_parser.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace rbld {
namespace {

constexpr size_t kHelpWidth = 79;

// The candidate that is near enough to `word` to be what was meant, or "".
std::string Nearest(absl::string_view word,
                    const std::vector<std::string>& candidates) {
  std::string best;
  int best_distance = static_cast<int>(word.size()) / 3 + 2;
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

// Breaks `text` at blanks; every line begins `indent` columns to the right,
// but for the first one, which begins at `column`.
std::string Wrap(absl::string_view text, size_t indent, size_t column) {
  std::string wrapped;
  for (const absl::string_view word :
       absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (column > indent && column + 1 + word.size() > kHelpWidth) {
      absl::StrAppend(&wrapped, "\n", std::string(indent, ' '));
      column = indent;
    } else if (column > indent) {
      wrapped += ' ';
      ++column;
    }
    absl::StrAppend(&wrapped, word);
    column += word.size();
  }
  return wrapped;
}

std::string OptionText(const OptionSpec& option) {
  return option.value.empty()
             ? absl::StrCat("--", option.name)
             : absl::StrCat("--", option.name, " ", option.value);
}

std::string OptionRows(const std::vector<OptionSpec>& options) {
  constexpr size_t kHelpColumn = 22;
  std::string rows;
  for (const OptionSpec& option : options) {
    const std::string left = absl::StrCat("  ", OptionText(option));
    absl::StrAppend(&rows, left);
    if (left.size() + 2 > kHelpColumn) {
      absl::StrAppend(&rows, "\n", std::string(kHelpColumn, ' '));
    } else {
      absl::StrAppend(&rows, std::string(kHelpColumn - left.size(), ' '));
    }
    absl::StrAppend(&rows, Wrap(option.help, kHelpColumn, kHelpColumn), "\n");
  }
  return rows;
}

class Parser {
 public:
  Parser(const CommandTable& table, const std::vector<std::string>& words)
      : table_(table), words_(words) {}

  absl::StatusOr<ParsedCommand> Parse() {
    for (; next_ < words_.size(); ++next_) {
      const std::string& word = words_[next_];
      absl::Status status;
      if (only_arguments_ || word == "-" || !absl::StartsWith(word, "-")) {
        status = TakeWord(word);
      } else if (word == "--") {
        only_arguments_ = true;
      } else if (word == "-h" || word == "--help") {
        command_.help = true;
      } else if (word == "--version") {
        command_.version = true;
      } else {
        status = TakeOption(word);
      }
      if (!status.ok()) return status;
    }
    if (command_.help || command_.version) return std::move(command_);
    if (absl::Status status = CheckComplete(); !status.ok()) return status;
    return std::move(command_);
  }

 private:
  std::vector<std::string> VerbNames() const {
    std::vector<std::string> names;
    for (const VerbSpec& verb : table_.verbs) names.push_back(verb.name);
    return names;
  }

  const VerbSpec* FindVerb(const std::string& name) const {
    for (const VerbSpec& verb : table_.verbs) {
      if (verb.name == name) return &verb;
    }
    return nullptr;
  }

  absl::Status TakeWord(const std::string& word) {
    if (command_.verb != nullptr) {
      command_.arguments.push_back(word);
      return absl::OkStatus();
    }
    if (word == "help" && first_word_.empty()) {
      command_.help = true;
      return absl::OkStatus();
    }
    const std::string name =
        first_word_.empty() ? word : absl::StrCat(first_word_, " ", word);
    command_.verb = FindVerb(name);
    if (command_.verb != nullptr) return absl::OkStatus();
    if (first_word_.empty()) {
      for (const VerbSpec& verb : table_.verbs) {
        if (absl::StartsWith(verb.name, word + " ")) {
          first_word_ = word;
          return absl::OkStatus();
        }
      }
    }
    return NoSuchVerb(name);
  }

  absl::Status NoSuchVerb(const std::string& name) const {
    const std::string nearest = Nearest(name, VerbNames());
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no verb \"", name, "\"",
        nearest.empty() ? ""
                        : absl::StrCat("; did you mean \"", nearest, "\"?"),
        " (", table_.program, " --help lists them)"));
  }

  const OptionSpec* FindOption(absl::string_view name) const {
    for (const OptionSpec& option : table_.global_options) {
      if (option.name == name) return &option;
    }
    if (command_.verb == nullptr) return nullptr;
    for (const OptionSpec& option : command_.verb->options) {
      if (option.name == name) return &option;
    }
    return nullptr;
  }

  absl::Status TakeOption(const std::string& word) {
    const size_t equals = word.find('=');
    const std::string name =
        absl::StartsWith(word, "--")
            ? word.substr(2, equals == std::string::npos ? equals : equals - 2)
            : "";
    const OptionSpec* option = FindOption(name);
    if (option == nullptr) return NoSuchOption(word.substr(0, equals));
    std::string value;
    if (equals != std::string::npos) {
      if (option->value.empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat("--", name, " takes no value"));
      }
      value = word.substr(equals + 1);
    } else if (!option->value.empty()) {
      if (next_ + 1 == words_.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("--", name, " needs a value: ", OptionText(*option)));
      }
      value = words_[++next_];
    }
    std::vector<std::string>& values = command_.options[name];
    if (!values.empty() && !option->repeated) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, " is given twice"));
    }
    values.push_back(std::move(value));
    return absl::OkStatus();
  }

  absl::Status NoSuchOption(const std::string& word) const {
    std::vector<std::string> names;
    for (const OptionSpec& option : table_.global_options) {
      names.push_back("--" + option.name);
    }
    if (command_.verb != nullptr) {
      for (const OptionSpec& option : command_.verb->options) {
        names.push_back("--" + option.name);
      }
    }
    const std::string nearest = Nearest(word, names);
    const std::string where =
        command_.verb == nullptr
            ? absl::StrCat(" before the verb")
            : absl::StrCat(" of \"", command_.verb->name, "\"");
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no option ", word, where,
        nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"),
        " (", table_.program, " ",
        command_.verb == nullptr ? "" : command_.verb->name + " ",
        "--help lists them)"));
  }

  absl::Status CheckComplete() const {
    if (command_.verb == nullptr) {
      if (!first_word_.empty()) return NoSuchVerb(first_word_);
      return absl::InvalidArgumentError(absl::StrCat(
          "say what to do; ", table_.program, " --help lists the verbs"));
    }
    const VerbSpec& verb = *command_.verb;
    const int count = static_cast<int>(command_.arguments.size());
    if (count >= verb.min_arguments &&
        (verb.max_arguments < 0 || count <= verb.max_arguments)) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat(count < verb.min_arguments ? "too few" : "too many",
                     " arguments; write: ", table_.program, " ", verb.name,
                     verb.arguments.empty() ? "" : " ", verb.arguments));
  }

  const CommandTable& table_;
  const std::vector<std::string>& words_;
  size_t next_ = 0;
  bool only_arguments_ = false;
  std::string first_word_;  // of a verb of two words
  ParsedCommand command_;
};

}  // namespace

std::string ParsedCommand::Get(const std::string& name,
                               const std::string& fallback) const {
  const auto found = options.find(name);
  return found == options.end() ? fallback : found->second.back();
}

std::vector<std::string> ParsedCommand::All(const std::string& name) const {
  const auto found = options.find(name);
  return found == options.end() ? std::vector<std::string>() : found->second;
}

absl::StatusOr<ParsedCommand> ParseCommand(
    const CommandTable& table, const std::vector<std::string>& words) {
  return Parser(table, words).Parse();
}

std::string GeneralHelp(const CommandTable& table) {
  std::string text =
      absl::StrCat(table.summary, "\n\nUsage: ", table.program,
                   " [OPTIONS] VERB [ARGUMENTS] [OPTIONS]\n\nVerbs:\n");
  size_t width = 0;
  for (const VerbSpec& verb : table.verbs) {
    width = std::max(width, verb.name.size());
  }
  for (const VerbSpec& verb : table.verbs) {
    absl::StrAppend(&text, "  ", verb.name,
                    std::string(width + 2 - verb.name.size(), ' '),
                    verb.summary, "\n");
  }
  absl::StrAppend(&text, "\nOptions of every verb:\n",
                  OptionRows(table.global_options),
                  "  --help              Explain the verb.\n\n", table.footer);
  return text;
}

std::string VerbHelp(const CommandTable& table, const VerbSpec& verb) {
  std::string text = absl::StrCat(
      verb.summary, "\n\nUsage: ", table.program, " ", verb.name,
      verb.arguments.empty() ? "" : " ", verb.arguments, " [OPTIONS]\n");
  if (!verb.details.empty()) absl::StrAppend(&text, "\n", verb.details, "\n");
  if (!verb.options.empty()) {
    absl::StrAppend(&text, "\nOptions:\n", OptionRows(verb.options));
  }
  absl::StrAppend(&text, "\nOptions of every verb:\n",
                  OptionRows(table.global_options));
  return text;
}

int EditDistance(absl::string_view a, absl::string_view b) {
  // Rows of the usual table; the one before the last is kept for swaps.
  std::vector<int> before_last(b.size() + 1);
  std::vector<int> last(b.size() + 1);
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace rbld
