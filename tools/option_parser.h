// The command line of a tool with verbs ("rblctl add TARGET --list relays"),
// from tables: parsing, help texts and suggestions all come from one place.
//
// Pure functions over constant tables; any thread.
#ifndef RBLD_TOOLS_OPTION_PARSER_H_
#define RBLD_TOOLS_OPTION_PARSER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

struct OptionSpec {
  std::string name;   // without the dashes
  std::string value;  // what its value is called; empty: it takes none
  std::string help;   // one sentence or two
  bool repeated = false;
};

struct VerbSpec {
  std::string name;       // one word or two: "add", "list show"
  std::string arguments;  // as help shows them: "TARGET…"
  int min_arguments = 0;
  int max_arguments = 0;  // -1: any number
  std::string summary;    // one line
  std::string details;    // paragraphs and examples
  std::vector<OptionSpec> options;
};

struct CommandTable {
  std::string program;
  std::string summary;
  std::vector<OptionSpec> global_options;  // allowed before and after the verb
  std::vector<VerbSpec> verbs;
  std::string footer;  // of the general help
};

// What was on the command line.
struct ParsedCommand {
  const VerbSpec* verb = nullptr;  // null: only help was asked for
  bool help = false;
  bool version = false;
  std::vector<std::string> arguments;
  std::map<std::string, std::vector<std::string>> options;

  bool Has(const std::string& name) const { return options.count(name) > 0; }
  // The last value given, or `fallback`.
  std::string Get(const std::string& name,
                  const std::string& fallback = "") const;
  std::vector<std::string> All(const std::string& name) const;
};

// InvalidArgument with a message for people; names the nearest verb or option
// where something was misspelt. `table` must outlive the result. Both
// "--name value" and "--name=value" are read; "--" ends the options; a lone
// "-" is an argument. "-h", "--help" and the verb "help" ask for help.
absl::StatusOr<ParsedCommand> ParseCommand(
    const CommandTable& table, const std::vector<std::string>& words);

// The text of `program --help`, and of `program VERB --help`.
std::string GeneralHelp(const CommandTable& table);
std::string VerbHelp(const CommandTable& table, const VerbSpec& verb);

// The fewest insertions, deletions, replacements and swaps of neighbours that
// turn one into the other.
int EditDistance(absl::string_view a, absl::string_view b);

}  // namespace rbld

#endif  // RBLD_TOOLS_OPTION_PARSER_H_
