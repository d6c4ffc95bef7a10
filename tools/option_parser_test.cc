#include "tools/option_parser.h"

#include <gtest/gtest.h>

namespace rbld {
namespace {

const CommandTable& Table() {
  static const CommandTable* const kTable =
      new CommandTable{"tool",
                       "A tool for tests.",
                       {{"json", "", "Print JSON.", false},
                        {"socket", "PATH", "Where to.", false}},
                       {{"add",
                         "TARGET…",
                         1,
                         -1,
                         "Add targets.",
                         "At length.",
                         {{"list", "LIST", "The list.", false},
                          {"code", "CODE", "A code.", true},
                          {"dry-run", "", "Do nothing.", false}}},
                        {"list ls", "", 0, 0, "List the lists.", "", {}},
                        {"list show", "LIST", 1, 1, "Show a list.", "", {}},
                        {"restore", "FROM TO", 2, 2, "Restore.", "", {}}},
                       "The end.\n"};
  return *kTable;
}

absl::StatusOr<ParsedCommand> Parse(const std::vector<std::string>& words) {
  return ParseCommand(Table(), words);
}
std::string ErrorOf(const std::vector<std::string>& words) {
  return std::string(Parse(words).status().message());
}

TEST(OptionParser, ReadsVerbArgumentsAndOptions) {
  const auto command = Parse({"--socket", "/s", "add", "a", "--list=x", "b",
                              "--code", "1", "--code=2", "--json"});
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_EQ(command->verb->name, "add");
  EXPECT_EQ(command->arguments, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(command->Get("socket"), "/s");
  EXPECT_EQ(command->Get("list"), "x");
  EXPECT_EQ(command->All("code"), (std::vector<std::string>{"1", "2"}));
  EXPECT_TRUE(command->Has("json"));
  EXPECT_FALSE(command->Has("dry-run"));
  EXPECT_EQ(command->Get("none", "fallback"), "fallback");
}

TEST(OptionParser, ReadsVerbsOfTwoWords) {
  EXPECT_EQ(Parse({"list", "ls"})->verb->name, "list ls");
  const auto show = Parse({"list", "--json", "show", "relays"});
  ASSERT_TRUE(show.ok()) << show.status();
  EXPECT_EQ(show->verb->name, "list show");
  EXPECT_EQ(show->arguments, std::vector<std::string>{"relays"});
}

TEST(OptionParser, TakesDashesAsArguments) {
  EXPECT_EQ(Parse({"add", "-"})->arguments, std::vector<std::string>{"-"});
  EXPECT_EQ(Parse({"add", "--", "--list", "-h"})->arguments,
            (std::vector<std::string>{"--list", "-h"}));
}

TEST(OptionParser, AValueMayBeginWithADash) {
  EXPECT_EQ(Parse({"add", "a", "--list", "-x"})->Get("list"), "-x");
  EXPECT_EQ(Parse({"add", "a", "--list="})->Get("list"), "");
}

TEST(OptionParser, SuggestsTheNearestVerb) {
  EXPECT_EQ(ErrorOf({"ad", "x"}),
            "there is no verb \"ad\"; did you mean \"add\"? (tool --help lists "
            "them)");
  EXPECT_NE(ErrorOf({"list", "shwo"}).find("\"list show\""), std::string::npos);
  EXPECT_EQ(ErrorOf({"xylophone"}),
            "there is no verb \"xylophone\" (tool --help lists them)");
}

TEST(OptionParser, SuggestsTheNearestOption) {
  EXPECT_EQ(ErrorOf({"add", "x", "--lsit", "y"}),
            "there is no option --lsit of \"add\"; did you mean --list? (tool "
            "add --help lists them)");
  EXPECT_NE(ErrorOf({"add", "x", "--dryrun"}).find("--dry-run"),
            std::string::npos);
  EXPECT_NE(ErrorOf({"--jsno", "add"}).find("did you mean --json"),
            std::string::npos);
  EXPECT_FALSE(Parse({"add", "x", "-l"}).ok());
}

TEST(OptionParser, RefusesWhatDoesNotFit) {
  EXPECT_EQ(ErrorOf({"add", "x", "--list"}),
            "--list needs a value: --list LIST");
  EXPECT_EQ(ErrorOf({"add", "x", "--dry-run=1"}), "--dry-run takes no value");
  EXPECT_EQ(ErrorOf({"add", "x", "--list", "a", "--list", "b"}),
            "--list is given twice");
  EXPECT_EQ(ErrorOf({"add"}), "too few arguments; write: tool add TARGET…");
  EXPECT_EQ(ErrorOf({"restore", "a", "b", "c"}),
            "too many arguments; write: tool restore FROM TO");
  EXPECT_EQ(ErrorOf({"list", "ls", "x"}),
            "too many arguments; write: tool list ls");
  EXPECT_NE(ErrorOf({}).find("say what to do"), std::string::npos);
  EXPECT_FALSE(Parse({"list"}).ok());
}

TEST(OptionParser, HelpNeedsNothingElse) {
  EXPECT_TRUE(Parse({"--help"})->help);
  EXPECT_TRUE(Parse({"-h"})->help);
  EXPECT_TRUE(Parse({"help"})->help);
  const auto help = Parse({"add", "--help"});
  ASSERT_TRUE(help.ok()) << help.status();
  EXPECT_EQ(help->verb->name, "add");
  EXPECT_EQ(Parse({"help", "list", "show"})->verb->name, "list show");
}

TEST(OptionParser, HelpNamesEveryVerbAndOption) {
  const std::string general = GeneralHelp(Table());
  for (const VerbSpec& verb : Table().verbs) {
    EXPECT_NE(general.find("  " + verb.name + " "), std::string::npos);
    EXPECT_NE(general.find(verb.summary), std::string::npos);
    const std::string help = VerbHelp(Table(), verb);
    for (const OptionSpec& option : verb.options) {
      EXPECT_NE(help.find("--" + option.name), std::string::npos);
    }
    EXPECT_NE(help.find("--socket PATH"), std::string::npos);
  }
}

TEST(EditDistance, CountsSwapsAsOne) {
  EXPECT_EQ(EditDistance("list", "lsit"), 1);
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("abc", ""), 3);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("same", "same"), 0);
}

}  // namespace
}  // namespace rbld
