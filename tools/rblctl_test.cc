// rblctl's verbs, each over a socket to the real server and, where it differs,
// on a store itself. What the words on the screen are is part of what is
// tested: people and scripts read them.
#include "tools/rblctl.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/api_test_util.h"
#include "control/json.h"
#include "tools/rblctl_test_util.h"

namespace rbld {
namespace {

TEST_F(RblctlTest, AddShowRemoveShow) {
  Result result =
      Ctl({"add", "192.0.2.7", "--list", "relays", "--code", "127.0.0.4",
           "--reason", "seen $", "--expires", "30d", "--note", "by hand"});
  EXPECT_EQ(result.code, kExitDone) << result.err;
  EXPECT_EQ(result.out, "192.0.2.7: added (relays, sequence 1)\n");
  EXPECT_EQ(result.err, "");

  result = Ctl({"show", "192.0.2.7"});
  EXPECT_EQ(result.code, kExitDone);
  EXPECT_TRUE(Has(result.out, "192.0.2.7 is listed\n")) << result.out;
  EXPECT_TRUE(Has(result.out, "DNS answers 127.0.0.4  \"seen $\""));
  EXPECT_TRUE(Has(result.out, "2027-02-14 08:00:00")) << result.out;
  EXPECT_TRUE(Has(result.out, "by hand"));

  result = Ctl({"remove", "192.0.2.7"});
  EXPECT_EQ(result.code, kExitDone);
  EXPECT_EQ(result.out, "192.0.2.7: removed (relays, sequence 2)\n");
  result = Ctl({"show", "192.0.2.7"});
  EXPECT_EQ(result.code, kExitNothing);
  EXPECT_EQ(result.out, "192.0.2.7 is not listed\n");
  result = Ctl({"remove", "192.0.2.7"});
  EXPECT_EQ(result.code, kExitNothing);
  EXPECT_TRUE(Has(result.out, "not found"));
}

TEST_F(RblctlTest, AReasonAloneKeepsTheListsCode) {
  ASSERT_EQ(Ctl({"add", "192.0.2.7", "--reason", "r"}).code, kExitDone);
  EXPECT_TRUE(Has(Ctl({"show", "192.0.2.7"}).out, "127.0.0.2  \"r\""));
}

TEST_F(RblctlTest, JsonIsOneObjectWithTimesInUtc) {
  ASSERT_EQ(Ctl({"add", "192.0.2.7"}).code, kExitDone);
  const Result result = Ctl({"--json", "show", "192.0.2.7"});
  const absl::StatusOr<Json> json = ParseJson(result.out);
  ASSERT_TRUE(json.ok()) << result.out;
  EXPECT_EQ((*json)["lists"][0]["listings"][0]["created"],
            "2027-01-15T08:00:00Z");
}

TEST_F(RblctlTest, DryRunSaysSoAndChangesNothing) {
  const Result result = Ctl({"add", "192.0.2.7", "--dry-run"});
  EXPECT_EQ(result.code, kExitDone);
  EXPECT_EQ(result.out,
            "192.0.2.7: added (relays, dry run: nothing was changed)\n");
  EXPECT_EQ(Sequence(), 0u);
}

TEST_F(RblctlTest, ARefusalTellsTheReasonAndExits3) {
  const Result result = Ctl({"add", "127.0.0.9"});
  EXPECT_EQ(result.code, kExitRefused);
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(Has(result.err, "rblctl: ")) << result.err;
  EXPECT_TRUE(Has(result.err, "127.0.0.9")) << result.err;
}

TEST_F(RblctlTest, UsageErrorsExit2) {
  EXPECT_EQ(Run({}).code, kExitUsage);
  EXPECT_EQ(Run({"fnid"}).code, kExitUsage);
  EXPECT_TRUE(Has(Run({"fnid"}).err, "did you mean \"find\"?"));
  for (const char* target :
       {"8.99.1.1:25", "8.1.1.1,8.1.1.2", "foo", "https://x.example/y",
        "bad.example.com(phishing)", "a.8.8.1234"}) {
    EXPECT_EQ(Ctl({"add", target}).code, kExitUsage) << target;
    EXPECT_EQ(Ctl({"exempt", target}).code, kExitUsage) << target;
    // What is there already may have such a name.
    EXPECT_EQ(Ctl({"remove", target}).code, Ctl({"remove", "x.example"}).code)
        << target;
  }
  EXPECT_EQ(Ctl({"add", "300.1.1.1"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"add", "192.0.2.1", "--expires", "soon"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"add", "192.0.2.1", "--ttl", "x"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"find", "--limit", "-1"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"dump"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"status", "--config", "x"}).code, kExitUsage);
  EXPECT_EQ(Sequence(), 0u);
}

TEST_F(RblctlTest, NamesOfAnImportAreRemovedByTheTextThatFindShows) {
  const std::string feed = WriteFile(
      "odd.dnset", "a;b\na\\.b.example\na\\032b.example\n8.8.8.8\n-\n{x}\n");
  ASSERT_EQ(Ctl({"import", "--source", "f", "--format", "dnset", feed}).code,
            kExitDone);
  const std::vector<std::string> names = {
      "a;b",         "a\\.b.example", "a\\032b.example",
      "\\056.8.8.8", "\\045",         "\\123x}"};
  const std::string found = Ctl({"find"}).out;
  for (const std::string& name : names) {
    EXPECT_TRUE(Has(found, name)) << name << "\n" << found;
    EXPECT_TRUE(Has(Ctl({"show", name}).out, "relays: listed")) << name;
  }
  EXPECT_EQ(Ctl({"remove", names[0]}).out.substr(0, 12), "a;b: removed");
  std::string rest;
  for (size_t i = 1; i < names.size(); ++i) rest += names[i] + "\n";
  EXPECT_TRUE(Has(Ctl({"remove", "-"}, rest).out, "5 removed"));
  EXPECT_EQ(Ctl({"history", names[1]}).code, kExitDone);
}

TEST_F(RblctlTest, SaysWhatANameInUtf8IsListedAs) {
  Result result = Ctl({"add", "bücher.example"});
  EXPECT_EQ(result.out, "xn--bcher-kva.example: added (relays, sequence 1)\n");
  EXPECT_EQ(result.err,
            "rblctl: no zone publishes names of the list relays, so that DNS "
            "answers nothing of them\n"
            "rblctl: bücher.example is listed as xn--bcher-kva.example\n");
  EXPECT_TRUE(
      Has(Ctl({"show", "bücher.example"}).out, "xn--bcher-kva.example"));
  EXPECT_TRUE(Has(Ctl({"find", "--within", "bücher.example"}).out,
                  "xn--bcher-kva.example"));
  result = Ctl({"remove", "-"}, "bücher.example\n");
  EXPECT_EQ(result.out, "1 removed (sequence 2)\n");
  EXPECT_TRUE(Has(result.err, "is read as xn--bcher-kva.example"));
  result = Ctl({"add", "☃.example"});
  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_TRUE(Has(result.err, "UTS #46")) << result.err;
}

TEST_F(RblctlTest, ANetmaskIsAPrefixLength) {
  EXPECT_EQ(Ctl({"add", "8.1.1.0/255.255.255.0"}).out.substr(0, 17),
            "8.1.1.0/24: added");
  const Result result = Ctl({"add", "8.1.1.1/255.255.255.0"});
  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_TRUE(Has(result.err, "was 8.1.1.0/24 meant?")) << result.err;
}

TEST_F(RblctlTest, WithoutADaemonItExits4AndSaysWhatToDo) {
  Result result = Run({"--socket", world_.directory() + "/none", "status"});
  EXPECT_EQ(result.code, kExitNoDaemon);
  EXPECT_TRUE(Has(result.err, "/none: no such socket; start rbld"))
      << result.err;
  setenv("RBLD_SOCKET", (world_.directory() + "/env").c_str(), 1);
  result = Run({"status"});
  unsetenv("RBLD_SOCKET");
  EXPECT_EQ(result.code, kExitNoDaemon);
  EXPECT_TRUE(Has(result.err, "/env: no such socket")) << result.err;
}

TEST_F(RblctlTest, ABatchIsOneRequestAndReadsObjects) {
  const Result result = Ctl({"add", "-", "--note", "all"},
                            "# a comment\n"
                            "192.0.2.1\n"
                            "\n"
                            "  192.0.2.2   and more columns\r\n"
                            "{\"target\":\"192.0.2.3\",\"note\":\"own\","
                            "\"values\":[{\"code\":\"127.0.0.8\",\"ttl\":5}]}\n"
                            "192.0.2.4");
  EXPECT_EQ(result.code, kExitDone) << result.err;
  EXPECT_EQ(result.out, "4 added (sequence 1)\n");
  const std::string shown = Ctl({"show", "192.0.2.3"}).out;
  EXPECT_TRUE(Has(shown, "127.0.0.8"));
  EXPECT_TRUE(Has(shown, "own"));
  EXPECT_TRUE(Has(Ctl({"show", "192.0.2.2"}).out, "all"));
}

TEST_F(RblctlTest, ARefusedBatchNamesTheLineAndChangesNothing) {
  Result result = Ctl({"add", "-"}, "192.0.2.1\n# x\n127.0.0.9\n");
  EXPECT_EQ(result.code, kExitRefused);
  EXPECT_TRUE(Has(result.err, "line 3: change 2")) << result.err;
  result = Ctl({"add", "-"}, "192.0.2.1\n\n300.1.1.1\n");
  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_TRUE(Has(result.err, "line 3: changes[1].target")) << result.err;
  result = Ctl({"add", "-"}, "192.0.2.1\n{\"target\":\n");
  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_TRUE(Has(result.err, "line 2: not JSON")) << result.err;
  EXPECT_EQ(Ctl({"add", "-"}, "# nothing\n").code, kExitUsage);
  EXPECT_EQ(Sequence(), 0u);
}

TEST_F(RblctlTest, ALongBatchThatStopsHalfwayExits5) {
  std::string lines;
  for (int i = 0; i < 10'000; ++i) {
    absl::StrAppend(&lines, "20.0.", i / 256, ".", i % 256, "\n");
  }
  const Result result = Ctl({"add", "-"}, lines + "127.0.0.9\n");
  EXPECT_EQ(result.code, kExitUnknown);
  EXPECT_TRUE(Has(result.err, "line 10001: ")) << result.err;
  EXPECT_TRUE(Has(result.err, "the lines up to 10000 (10000 targets)"))
      << result.err;
  EXPECT_EQ(Sequence(), 1u);
}

TEST_F(RblctlTest, AsksBeforeItListsAWidePrefixOnATerminal) {
  Result result = Ctl({"add", "20.0.0.0/8"}, "n\n", /*terminal=*/true);
  EXPECT_EQ(result.code, kExitRefused);
  EXPECT_TRUE(Has(result.err, "20.0.0.0/8 covers 16,777,216 addresses"));
  EXPECT_EQ(Sequence(), 0u);
  EXPECT_EQ(Ctl({"add", "20.0.0.0/8"}, "y\n", true).code, kExitDone);
  EXPECT_EQ(Ctl({"add", "21.0.0.0/8", "--yes"}, "", true).code, kExitDone);
  EXPECT_EQ(Ctl({"add", "22.0.0.0/8"}, "", false).code, kExitDone);
}

TEST_F(RblctlTest, ExemptTakesAPartOut) {
  ASSERT_EQ(Ctl({"add", "192.0.2.0/24"}).code, kExitDone);
  const Result exempted = Ctl({"exempt", "192.0.2.9", "--note", "ours"});
  ASSERT_EQ(exempted.code, kExitDone);
  EXPECT_TRUE(Has(exempted.out, "192.0.2.9: exempted (")) << exempted.out;
  const Result shown = Ctl({"show", "192.0.2.9"});
  EXPECT_EQ(shown.code, kExitNothing);
  EXPECT_TRUE(Has(shown.out, "every source")) << shown.out;
  EXPECT_TRUE(Has(shown.out, "ours"));
  const Result back = Ctl({"unexempt", "192.0.2.9"});
  ASSERT_EQ(back.code, kExitDone);
  EXPECT_TRUE(Has(back.out, "192.0.2.9: no longer exempt (")) << back.out;
  EXPECT_EQ(Ctl({"show", "192.0.2.9"}).code, kExitDone);
}

TEST_F(RblctlTest, FindsByTextSourceAndPlace) {
  ASSERT_EQ(Ctl({"add", "192.0.2.1", "--reason", "spam trap"}).code, kExitDone);
  ASSERT_EQ(Ctl({"add", "198.51.100.1", "--source", "other"}).code, kExitDone);
  EXPECT_TRUE(Has(Ctl({"find", "trap"}).out, "192.0.2.1"));
  EXPECT_FALSE(Has(Ctl({"find", "trap"}).out, "198.51.100.1"));
  EXPECT_TRUE(Has(Ctl({"find", "--source", "other"}).out, "198.51.100.1"));
  EXPECT_TRUE(Has(Ctl({"find", "--within", "192.0.2.0/24"}).out, "192.0.2.1"));
  const Result nothing = Ctl({"find", "no such text"});
  EXPECT_EQ(nothing.code, kExitNothing);
  EXPECT_EQ(nothing.out, "");
}

TEST_F(RblctlTest, FindPagesThroughEverythingWithLimit0) {
  std::string lines;
  for (int i = 0; i < 2500; ++i) {
    absl::StrAppend(&lines, "20.0.", i / 256, ".", i % 256, "\n");
  }
  ASSERT_EQ(Ctl({"add", "-"}, lines).code, kExitDone);
  const Result all = Ctl({"find", "--limit", "0", "--json"});
  EXPECT_EQ(std::count(all.out.begin(), all.out.end(), '\n'), 2500);
  const Result some = Ctl({"find", "--limit", "1500", "--json"});
  EXPECT_EQ(std::count(some.out.begin(), some.out.end(), '\n'), 1500);
  EXPECT_TRUE(Has(Ctl({"find"}).err, "There are more"));
}

TEST_F(RblctlTest, HistoryAndAuditTellWhoAndWhy) {
  ASSERT_EQ(
      Ctl({"add", "192.0.2.1", "--why", "ticket 7", "--actor", "alice"}).code,
      kExitDone);
  const Result history = Ctl({"history", "192.0.2.1"});
  EXPECT_EQ(history.code, kExitDone);
  EXPECT_TRUE(Has(history.out, "ticket 7"));
  EXPECT_TRUE(Has(history.out, "alice via uid:"));
  EXPECT_TRUE(Has(Ctl({"audit"}).out, "alice via uid:"));
  EXPECT_EQ(Ctl({"history", "192.0.2.99"}).code, kExitNothing);
}

TEST_F(RblctlTest, ImportNamesTheSourceAfterTheFileAndSumsUp) {
  const std::string file = WriteFile(
      "black.list.txt", "192.0.2.1\n192.0.2.2\nnot an address\n192.0.2.2\n");
  const Result result = Ctl({"import", file});
  EXPECT_EQ(result.code, kExitDone) << result.err;
  EXPECT_TRUE(Has(result.out, "black.list.txt  relays  black ")) << result.out;
  EXPECT_TRUE(Has(result.out, "rejected\n")) << result.out;
  EXPECT_TRUE(Has(result.out, "     3  not an address")) << result.out;
  EXPECT_EQ(result.err, "");
  EXPECT_TRUE(Has(Ctl({"list", "show", "relays"}).out, "black"));
  EXPECT_TRUE(Has(Ctl({"audit"}).out, "import black.list.txt"));
}

TEST_F(RblctlTest, ImportTakesTheFormatFromNameOrBeginning) {
  const std::string object =
      "{\"target\":\"192.0.2.9\",\"values\":[{\"code\":\"127.0.0.7\"}]}\n";
  ASSERT_EQ(Ctl({"import", WriteFile("a.txt", object)}).code, kExitDone);
  EXPECT_TRUE(Has(Ctl({"show", "192.0.2.9"}).out, "127.0.0.7"));
  ASSERT_EQ(
      Ctl({"import", WriteFile("b.ip4set", ":127.0.0.5:five\n192.0.2.10\n")})
          .code,
      kExitDone);
  EXPECT_TRUE(Has(Ctl({"show", "192.0.2.10"}).out, "127.0.0.5  \"five\""));
  const Result unclear =
      Ctl({"import", WriteFile("c.txt", ":127.0.0.5:five\n192.0.2.10\n")});
  EXPECT_EQ(unclear.code, kExitUsage);
  EXPECT_TRUE(Has(unclear.err, "--format ip4set")) << unclear.err;
}

TEST_F(RblctlTest, ImportReadsStandardInput) {
  EXPECT_EQ(Ctl({"import", "-"}, "192.0.2.1\n").code, kExitUsage);
  // A guard refuses all that there is, or the operator allows no bad line.
  EXPECT_EQ(Ctl({"import", WriteFile("one.txt", "127.0.0.9\n")}).code,
            kExitRefused);
  EXPECT_EQ(Ctl({"import", "--strict",
                 WriteFile("two.txt", "127.0.0.9\n192.0.2.1\n")})
                .code,
            kExitRefused);
  EXPECT_EQ(Ctl({"import", "-", "--source", "s"}, "192.0.2.1\n").code,
            kExitDone);
  EXPECT_EQ(Ctl({"show", "192.0.2.1"}).code, kExitDone);
}

TEST_F(RblctlTest, ImportGuardsAndDryRun) {
  std::string feed;
  for (int i = 0; i < 200; ++i) absl::StrAppend(&feed, "192.0.2.", i, "\n");
  const std::string file = WriteFile("f.txt", feed);
  ASSERT_EQ(Ctl({"import", file, "--dry-run"}).code, kExitDone);
  EXPECT_EQ(Sequence(), 0u);
  ASSERT_EQ(Ctl({"import", file}).code, kExitDone);
  WriteFile("f.txt", "192.0.2.1\n");
  const Result refused = Ctl({"import", file});
  EXPECT_EQ(refused.code, kExitRefused) << refused.out;
  EXPECT_EQ(Sequence(), 1u);
  EXPECT_EQ(Ctl({"import", file, "--force"}).code, kExitDone);
  WriteFile("f.txt", "192.0.2.1\nxx yy\n");
  EXPECT_EQ(Ctl({"import", file, "--strict"}).code, kExitRefused);
}

TEST_F(RblctlTest, ImportOfSeveralFilesOfWhichOneFailsExits5) {
  const std::string good = WriteFile("good.txt", "192.0.2.1\n");
  const Result result =
      Ctl({"import", world_.directory() + "/missing.txt", good});
  EXPECT_EQ(result.code, kExitUnknown);
  EXPECT_TRUE(Has(result.err, "missing.txt"));
  EXPECT_TRUE(Has(result.out, "good.txt"));
  EXPECT_EQ(Ctl({"import", world_.directory() + "/missing.txt"}).code,
            kExitUsage);
  EXPECT_EQ(Ctl({"import", good, good, "--source", "x"}).code, kExitUsage);
}

TEST_F(RblctlTest, ADumpedListCanBeImportedAgain) {
  ASSERT_EQ(Ctl({"add", "192.0.2.1", "192.0.2.0/28", "--note", "n"}).code,
            kExitDone);
  const Result dump = Ctl({"dump", "--list", "relays"});
  EXPECT_EQ(dump.code, kExitDone);
  EXPECT_EQ(std::count(dump.out.begin(), dump.out.end(), '\n'), 2);
  const std::string file = WriteFile("manual.jsonl", dump.out);
  const Result again = Ctl({"import", file, "--json"});
  EXPECT_TRUE(Has(again.out, "\"unchanged\":2")) << again.out << again.err;
  EXPECT_EQ(Ctl({"dump", "--list", "none"}).code, kExitNothing);
}

TEST_F(RblctlTest, DumpsAZoneBackupsAndRestores) {
  ASSERT_EQ(Ctl({"add", "192.0.2.1"}).code, kExitDone);
  const Result dump =
      Ctl({"dump", "relays.rbld.test", "--to", world_.directory() + "/m",
           "--format", "ip4trie,jsonl"});
  EXPECT_EQ(dump.code, kExitDone) << dump.err;
  EXPECT_TRUE(Has(dump.out, "ip4trie"));
  EXPECT_TRUE(std::filesystem::exists(world_.directory() + "/m/MANIFEST"));

  const std::string backup = world_.directory() + "/b";
  const std::string restored = world_.directory() + "/r";
  EXPECT_TRUE(Has(Ctl({"backup", backup}).out, "sequence 1"));
  EXPECT_EQ(Run({"restore", backup, restored}).code, kExitDone);
  // The restored store answers by itself.
  const Result shown = Run({"--store", restored, "show", "192.0.2.1"});
  EXPECT_EQ(shown.code, kExitDone) << shown.err;
  // And is not overwritten.
  EXPECT_EQ(Run({"restore", backup, restored}).code, kExitRefused);
  EXPECT_NE(Run({"restore", world_.directory() + "/none", restored + "2"}).code,
            kExitDone);
}

TEST_F(RblctlTest, ADumpSaysWhatIsLeftOut) {
  const std::string store = world_.directory() + "/names";
  const std::string config =
      WriteFile("names.toml",
                "[store]\ndirectory = \"" + store +
                    "\"\n[server]\nlisten = [\"127.0.0.1\"]\n[[list]]\nname = "
                    "\"l\"\n[[zone]]\nname = \"z.test\"\nkind = [\"ipv6\", "
                    "\"names\"]\nlists = [\"l\"]\nns = [\"ns.z.test\"]\n");
  // What is an address at a name server is no name.
  const std::vector<std::string> offline = {"--store", store, "--config",
                                            config};
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), offline.begin(), offline.end());
    return Run(std::move(words));
  };
  ASSERT_EQ(run({"add", "x.a"}).code, kExitDone);
  const Result dump = run({"dump", "z.test", "--to", world_.directory() + "/m",
                           "--format", "dnset,rfc1035"});
  EXPECT_EQ(dump.code, kExitDone) << dump.err;
  EXPECT_TRUE(Has(dump.out, "left out")) << dump.out;
  EXPECT_TRUE(Has(dump.err, "left out of z.test.zone: x.a: its last label"))
      << dump.err;
}

TEST_F(RblctlTest, ShowsListsZonesStatusAndStats) {
  EXPECT_TRUE(Has(Ctl({"list", "ls"}).out, "relays"));
  EXPECT_TRUE(Has(Ctl({"list", "show", "relays"}).out, "relays.rbld.test"));
  EXPECT_TRUE(Has(Ctl({"zone", "ls"}).out, "relays.rbld.test  serving"));
  EXPECT_TRUE(
      Has(Ctl({"zone", "show", "relays.rbld.test"}).out, "ns.rbld.test."));
  EXPECT_EQ(Ctl({"zone", "show", "none"}).code, kExitNothing);
  EXPECT_EQ(Ctl({"list", "show", "none"}).code, kExitNothing);
  EXPECT_TRUE(Has(Ctl({"status"}).out, "sequence          0"));
  EXPECT_TRUE(Has(Ctl({"stats"}).out, "store commits"));
  for (const char* verb : {"status", "stats"}) {
    EXPECT_TRUE(ParseJson(Ctl({verb, "--json"}).out).ok()) << verb;
  }
  EXPECT_EQ(Ctl({"reload"}).code, kExitRefused);
}

TEST_F(RblctlTest, WorksOnAStoreOfItsOwn) {
  const std::string store = world_.directory() + "/own";
  EXPECT_EQ(Run({"--store", store, "status"}).code, kExitNothing);
  EXPECT_FALSE(std::filesystem::exists(store));
  Result result = Run({"--store", store, "add", "20.0.0.1", "--list", "mine"});
  EXPECT_EQ(result.code, kExitDone) << result.err;
  // The list is known from now on.
  EXPECT_EQ(Run({"--store", store, "add", "20.0.0.2"}).code, kExitDone);
  result = Run({"--store", store, "show", "20.0.0.2"});
  EXPECT_EQ(result.code, kExitDone);
  EXPECT_TRUE(Has(Run({"--store", store, "audit"}).out, " offline"));
  // The default policy holds: no private space.
  EXPECT_EQ(Run({"--store", store, "add", "10.0.0.1"}).code, kExitRefused);
}

TEST_F(RblctlTest, AStoreThatADaemonHoldsIsRefused) {
  const Result result =
      Run({"--store", world_.directory() + "/store", "status"});
  EXPECT_EQ(result.code, kExitRefused);
  EXPECT_TRUE(Has(result.err, world_.directory() + "/store")) << result.err;
}

TEST_F(RblctlTest, OfflineWorkFollowsTheConfiguration) {
  const std::string store = world_.directory() + "/own";
  const std::string config =
      WriteFile("own.toml", TestConfigText(store, /*two_lists=*/false));
  // allow_special_purpose of that list.
  Result result =
      Run({"--store", store, "--config", config, "add", "192.0.2.1"});
  EXPECT_EQ(result.code, kExitDone) << result.err;
  result = Run({"--store", store, "--config", config, "zone", "show",
                "relays.rbld.test"});
  EXPECT_EQ(result.code, kExitDone) << result.err;
  const std::string bad = WriteFile("bad.toml", "[store]\nnonsense = 1\n");
  result = Run({"--store", store, "--config", bad, "status"});
  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_TRUE(Has(result.err, "bad.toml:2")) << result.err;
}

TEST_F(RblctlTest, HelpExplainsEveryVerb) {
  EXPECT_EQ(Run({"--help"}).code, kExitDone);
  const std::string help = Run({"--help"}).out;
  for (const char* verb :
       {"add",     "remove",    "exempt",  "unexempt", "show",    "find",
        "history", "audit",     "import",  "dump",     "list ls", "list show",
        "zone ls", "zone show", "reload",  "status",   "stats",   "backup",
        "restore", "report",    "recheck", "optout",   "optouts", "probes"}) {
    EXPECT_TRUE(Has(help, verb)) << verb;
    std::vector<std::string> words;
    std::istringstream split(verb);
    for (std::string word; split >> word;) words.push_back(word);
    words.push_back("--help");
    const Result result = Run(words);
    EXPECT_EQ(result.code, kExitDone) << verb;
    EXPECT_TRUE(Has(result.out, "Usage: rblctl " + std::string(verb))) << verb;
    std::istringstream lines(result.out);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 96u) << line;
    }
  }
  EXPECT_EQ(Run({"--version"}).out, "rblctl 0.1.0\n");
}

TEST_F(RblctlTest, StoredTextCannotSteerTheTerminal) {
  ASSERT_EQ(Ctl({"add", "192.0.2.1", "--reason",
                 "\xc2\x9b"
                 "31m"})
                .code,
            kExitDone);
  EXPECT_FALSE(Has(Ctl({"show", "192.0.2.1"}).out, "\xc2\x9b"));
  EXPECT_FALSE(Has(Ctl({"find"}).out, "\xc2\x9b"));
}

class RblctlTwoListsTest : public RblctlTest {
 protected:
  RblctlTwoListsTest() : RblctlTest(/*two_lists=*/true) {}
};

TEST_F(RblctlTwoListsTest, AsksForTheListOnlyWhereItMustBeNamed) {
  const Result result = Ctl({"add", "192.0.2.1"});
  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_TRUE(Has(result.err, "name one")) << result.err;
  EXPECT_EQ(Ctl({"add", "192.0.2.1", "--reason", "x"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"add", "192.0.2.1", "--list", "relays"}).code, kExitDone);
  EXPECT_EQ(Ctl({"show", "192.0.2.1"}).code, kExitDone);
  EXPECT_EQ(Ctl({"show", "192.0.2.1", "--list", "names"}).code, kExitNothing);
  EXPECT_EQ(Ctl({"history", "192.0.2.1"}).code, kExitDone);
}

}  // namespace
}  // namespace rbld
