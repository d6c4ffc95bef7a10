// rblctl's verbs of relay tests over a socket to the real server; the tester is
// played here.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "control/json.h"
#include "store/relay/cases.h"
#include "store/relay/form.h"
#include "tools/rblctl_test_util.h"
#include "tools/relay_words.h"

namespace rbld {
namespace {

// The other values are the defaults; the schedule is one that needs no wait.
constexpr char kRelayTable[] = R"(
[relay]
list = "relays"
domain = "probe.example.org"
lab_networks = ["192.0.2.0/24", "203.0.113.0/24"]
reports_per_day = 3
session_gap = 0
sessions_per_day = 1000
sessions_per_network_hour = 1000
)";

class RblctlRelayTest : public RblctlTest {
 protected:
  RblctlRelayTest() : RblctlTest(/*two_lists=*/false, kRelayTable) {}

  RelayCases& cases() { return world_.publisher()->relay_cases(); }
  std::vector<LeasedSession> Lease() {
    absl::StatusOr<std::vector<LeasedSession>> sessions = cases().Lease(10);
    EXPECT_TRUE(sessions.ok()) << sessions.status();
    return sessions.ok() ? *sessions : std::vector<LeasedSession>();
  }
  void Finish(const LeasedSession& lease, FormOutcome outcome) {
    FinishedSession session;
    session.target = lease.target;
    session.report.test = lease.test;
    session.report.session = lease.session;
    session.report.end = SessionEnd::kDone;
    for (const LeasedSession::Probe& probe : lease.probes) {
      session.report.outcomes.emplace_back(probe.form, outcome);
    }
    session.transcript = "S: 220 \033[31mhi\r\nC: RCPT TO:<x>\r\n";
    session.tester = "198.51.100.7";
    EXPECT_TRUE(cases().Finish({session}).ok());
  }
  // Listed since kTestNow by the form "plain"; the session is over.
  void Prove(const std::string& target) {
    ASSERT_EQ(Ctl({"report", target}).code, kExitDone);
    const std::vector<LeasedSession> leases = Lease();
    ASSERT_EQ(leases.size(), 1u);
    ASSERT_TRUE(cases()
                    .Arrive({leases[0].probes[0].token, *ParseIpPrefix(target),
                             "Subject: came back\n\nbody\n"})
                    .ok());
    Finish(leases[0], FormOutcome::kAccepted);
  }
};

constexpr char kSpam[] =
    "Received: from mx.example.net (mx.example.net [198.51.100.9])\n"
    "\tby mail.example.net; Tue, 24 Nov 2026 10:00:01 +0000\n"
    "Received: from relay.test (unknown [192.0.2.7])\n"
    "\tby mx.example.net; Tue, 24 Nov 2026 10:00:00 +0000\n"
    "Received: from victim.test (victim.test [203.0.113.99])\n"
    "\tby relay.test; Tue, 24 Nov 2026 09:59:00 +0000\n"
    "Subject: buy\n\nbody\n";

TEST_F(RblctlRelayTest, ReportsWhatAMailCameThrough) {
  const std::string path = WriteFile("spam.eml", kSpam);
  Result result =
      Ctl({"report", "--message", path, "--trust", "mail.example.net",
           "--trust", "MX.example.net", "--trust", "198.51.100.0/24"});
  EXPECT_EQ(result.out, "192.0.2.7: test planned\n") << result.err;
  EXPECT_EQ(result.code, kExitDone);
  // The hop that nobody trusts may have invented what it says.
  result = Ctl({"report", "--message", "-", "--trust", "mail.example.net",
                "--trust", "198.51.100.9"},
               kSpam);
  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_TRUE(Has(result.err, "standard input: Received field 2"))
      << result.err;
  result = Ctl({"report", "--message", path + ".none"});
  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_TRUE(Has(result.err, path + ".none")) << result.err;
  EXPECT_EQ(Ctl({"report"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"report", "192.0.2.1", "--trust", "x"}).code, kExitUsage);
  EXPECT_EQ(cases().List({})->cases.size(), 1u);
}

TEST_F(RblctlRelayTest, ReportsWhatAnAbuseReportIsAbout) {
  const Result result =
      Ctl({"report", "--message", "-"},
          "MIME-Version: 1.0\n"
          "Content-Type: multipart/report; report-type=feedback-report; "
          "boundary=p\n\n"
          "--p\nContent-Type: text/plain\n\nSpam.\n"
          "--p\nContent-Type: message/feedback-report\n\n"
          "Feedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\n"
          "Source-IP: 192.0.2.8\n\n"
          "--p\nContent-Type: message/rfc822\n\n" +
              std::string(kSpam) + "--p--\n");
  EXPECT_EQ(result.out, "192.0.2.8: test planned\n") << result.err;
}

TEST_F(RblctlRelayTest, ReportsAddresses) {
  Result result = Ctl({"report", "192.0.2.1", "--note", "to our trap"});
  EXPECT_EQ(result.code, kExitDone) << result.err;
  EXPECT_EQ(result.out, "192.0.2.1: test planned\n");
  EXPECT_EQ(Ctl({"report", "192.0.2.1"}).out, "192.0.2.1: joined\n");
  EXPECT_EQ(Ctl({"report", "10.0.0.1"}).code, kExitRefused);
  EXPECT_EQ(Ctl({"report", "192.0.2.0/24"}).code, kExitUsage);
  // What is refused does not keep the others from being reported.
  result = Ctl({"report", "10.0.0.1", "203.0.113.1", "--reporter", "alice"});
  EXPECT_EQ(result.code, kExitUnknown);
  EXPECT_EQ(result.out, "203.0.113.1: test planned\n");
  EXPECT_TRUE(Has(result.err, "10.0.0.1: is private address space"))
      << result.err;
  for (const char* target : {"203.0.113.2", "203.0.113.3"}) {
    EXPECT_EQ(Ctl({"report", target, "--reporter", "alice"}).code, kExitDone);
  }
  result = Ctl({"report", "203.0.113.4", "--reporter", "alice"});
  EXPECT_EQ(result.code, kExitRefused);
  EXPECT_TRUE(Has(result.err, "alice has made 3 reports")) << result.err;
  EXPECT_EQ(
      Run({"--socket", world_.directory() + "/none", "report", "192.0.2.1"})
          .code,
      kExitNoDaemon);
}

TEST_F(RblctlRelayTest, ShowTellsTheCaseInWordsAndWhereToLook) {
  EXPECT_FALSE(Has(Ctl({"show", "192.0.2.1"}).out, "relay tests"));
  Prove("192.0.2.1");
  const Result result = Ctl({"show", "192.0.2.1"});
  EXPECT_EQ(result.code, kExitDone) << result.err;
  for (const char* part :
       {"relay tests\n",
        "  listed since 2027-01-15 08:00:00 by the form plain\n",
        "  last test, 2027-01-15 08:00:00: open: a test message came back",
        "  planned: a session after 2027-01-1", " (re-test)\n",
        "  taken off after two clean tests in a row\n",
        "  without fresh proof the listing ends 2027-04-15 08:00:00\n",
        "  reported 1 time, last 2027-01-15 08:00:00\n",
        "  plain: It takes mail from anybody for anybody.\n",
        "  Postfix: smtpd_relay_restrictions",
        "  Exim: ", "  sendmail: ", "  Exchange: "}) {
    EXPECT_TRUE(Has(result.out, part)) << part << "\n" << result.out;
  }
  EXPECT_FALSE(Has(result.out, "came back\n\n    body"));
  EXPECT_FALSE(Has(result.out, "Subject"));
  // Of a prefix there is no case.
  EXPECT_FALSE(Has(Ctl({"show", "192.0.2.0/24"}).out, "relay tests"));
  EXPECT_FALSE(Has(Ctl({"show", "example.com"}).out, "relay tests"));
  const absl::StatusOr<Json> json =
      ParseJson(Ctl({"--json", "show", "192.0.2.1"}).out);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ((*json)["relay"]["proven_form"], "plain");
  EXPECT_FALSE((*json)["relay"].contains("evidence"));
}

TEST_F(RblctlRelayTest, ShowPrintsTheEvidenceSafely) {
  Prove("192.0.2.1");
  const Result result = Ctl({"show", "192.0.2.1", "--evidence"});
  for (const char* part :
       {"  test 1, 2027-01-15 08:00:00: session, done, 198.51.100.7\n",
        "    C: RCPT TO:<x>\n",
        "  test 1, 2027-01-15 08:00:00: message, plain, 192.0.2.1\n",
        "    Subject: came back\n", ": verdict, open\n",
        "    listed: relayed a test message: plain\n"}) {
    EXPECT_TRUE(Has(result.out, part)) << part << "\n" << result.out;
  }
  EXPECT_FALSE(Has(result.out, "\033"));
  const absl::StatusOr<Json> json =
      ParseJson(Ctl({"--json", "show", "192.0.2.1", "--evidence"}).out);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ((*json)["relay"]["evidence"].size(), 3u);
}

TEST_F(RblctlRelayTest, RecheckPlansATestAndTellsWhenItIsTooEarly) {
  EXPECT_EQ(Ctl({"recheck", "192.0.2.1"}).code, kExitRefused);
  Prove("192.0.2.1");
  const Result result = Ctl({"recheck", "192.0.2.1"});
  EXPECT_EQ(result.code, kExitDone) << result.err;
  EXPECT_TRUE(Has(result.out,
                  "  planned: a session after 2027-01-15 08:00:00 (owner's "
                  "request)\n"
                  "  its owner asked; taken off soon after the test if it is "
                  "clean\n"))
      << result.out;
  const Result again = Ctl({"recheck", "192.0.2.1"});
  EXPECT_EQ(again.code, kExitRefused);
  EXPECT_TRUE(Has(again.err, "2027-01-15T14:00:00Z")) << again.err;
  EXPECT_EQ(Ctl({"recheck", "192.0.2.1", "192.0.2.2"}).code, kExitUsage);
}

// Answers every session until it is told to stop.
class Tester {
 public:
  Tester(RelayCases* cases, std::function<void(const LeasedSession&)> answer)
      : thread_([this, cases, answer] {
          while (!stop_) {
            absl::StatusOr<std::vector<LeasedSession>> leases =
                cases->Lease(10);
            EXPECT_TRUE(leases.ok()) << leases.status();
            if (!leases.ok()) return;
            for (const LeasedSession& lease : *leases) answer(lease);
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
          }
        }) {}
  ~Tester() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST_F(RblctlRelayTest, RecheckWaitsForACleanVerdict) {
  Prove("192.0.2.1");
  world_.clock()->Advance(60);
  Tester tester(&cases(), [this](const LeasedSession& lease) {
    Finish(lease, FormOutcome::kRefused);
  });
  const Result result = Ctl({"recheck", "192.0.2.1", "--wait"});
  EXPECT_EQ(result.code, kExitDone) << result.err;
  EXPECT_TRUE(Has(result.out,
                  "planned: a session after 2027-01-15 08:01:00 "
                  "(owner's request)\n"))
      << result.out;
  EXPECT_TRUE(Has(result.out, "closed: every form was refused\n"))
      << result.out;
  EXPECT_TRUE(Has(result.out, "taken off 2027-01-15 09:01:00\n")) << result.out;
  EXPECT_TRUE(Has(Ctl({"show", "192.0.2.1"}).out,
                  "its owner asked, and the test was clean; taken off "));
}

TEST_F(RblctlRelayTest, RecheckWaitsForAVerdictThatItIsStillOpen) {
  Prove("192.0.2.1");
  world_.clock()->Advance(60);
  Tester tester(&cases(), [this](const LeasedSession& lease) {
    const auto percent = std::find_if(
        lease.probes.begin(), lease.probes.end(), [](const auto& probe) {
          return probe.form == *FindForm("percent-host");
        });
    if (percent != lease.probes.end()) {
      EXPECT_TRUE(cases()
                      .Arrive({percent->token, lease.target.address, "x: y\n"})
                      .ok());
    }
    Finish(lease, FormOutcome::kRefused);
  });
  const Result result = Ctl({"recheck", "192.0.2.1", "--wait"});
  EXPECT_EQ(result.code, kExitRefused) << result.out;
  EXPECT_TRUE(Has(result.out,
                  "open: a test message came back from it\n"
                  "  percent-host: It, or the server behind it, "
                  "makes USER%OTHER@ITSELF"))
      << result.out;
}

TEST_F(RblctlRelayTest, OptsPrefixesOutAndIn) {
  EXPECT_EQ(Ctl({"optouts"}).code, kExitNothing);
  Prove("192.0.2.1");
  Result result = Ctl({"optout", "192.0.2.1", "--note", "asked by mail"});
  EXPECT_EQ(result.code, kExitDone) << result.err;
  EXPECT_TRUE(Has(result.out,
                  "192.0.2.1: is not tested any more\nIt is listed. "
                  "The listing ends 2027-04-15 08:00:00"))
      << result.out;
  result = Ctl({"optout", "192.0.2.0/28"});
  EXPECT_TRUE(Has(result.out, "An address of it is listed. The listing ends"))
      << result.out;
  EXPECT_EQ(Ctl({"optout", "192.0.2.0/28", "--remove"}).code, kExitDone);
  EXPECT_EQ(Ctl({"probes", "--within", "192.0.2.0/24"}).code, kExitDone);
  EXPECT_EQ(Ctl({"probes", "--within", "192.0.3.0/24"}).code, kExitNothing);
  EXPECT_EQ(Ctl({"optout", "203.0.113.0/24"}).out,
            "203.0.113.0/24: is not tested any more\n");
  EXPECT_EQ(Ctl({"optout", "203.0.113.0/24"}).code, kExitRefused);
  EXPECT_EQ(Ctl({"report", "203.0.113.9"}).code, kExitRefused);
  result = Ctl({"optouts"});
  EXPECT_EQ(result.code, kExitDone);
  EXPECT_TRUE(Has(result.out, "192.0.2.1       2027-01-15 08:00:00"))
      << result.out;
  EXPECT_TRUE(Has(result.out, "asked by mail"));
  EXPECT_EQ(Ctl({"optout", "203.0.113.0/24", "--remove"}).out,
            "203.0.113.0/24: may be tested again\n");
  EXPECT_EQ(Ctl({"optout", "203.0.113.0/24", "--remove"}).code, kExitNothing);
  EXPECT_EQ(Ctl({"report", "203.0.113.9"}).code, kExitDone);
}

TEST_F(RblctlRelayTest, ListsTheCases) {
  EXPECT_EQ(Ctl({"probes"}).code, kExitNothing);
  Prove("192.0.2.1");
  ASSERT_EQ(Ctl({"report", "203.0.113.1"}).code, kExitDone);
  Result result = Ctl({"probes"});
  EXPECT_EQ(result.code, kExitDone);
  EXPECT_TRUE(Has(result.out, "192.0.2.1    planned  open     yes     plain"))
      << result.out;
  EXPECT_TRUE(Has(result.out, "203.0.113.1  planned  none     no"))
      << result.out;
  EXPECT_FALSE(Has(Ctl({"probes", "--listed"}).out, "203.0.113.1"));
  EXPECT_FALSE(Has(Ctl({"probes", "--verdict", "none"}).out, "192.0.2.1 "));
  EXPECT_EQ(Ctl({"probes", "--state", "waiting"}).code, kExitNothing);
  EXPECT_EQ(Ctl({"probes", "--state", "asleep"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"probes", "--limit", "x"}).code, kExitUsage);
  result = Ctl({"probes", "--limit", "1"});
  EXPECT_FALSE(Has(result.out, "203.0.113.1"));
  EXPECT_TRUE(Has(result.err, "There are more"));
  result = Ctl({"--json", "probes"});
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 2);
}

TEST_F(RblctlRelayTest, WorksOnAStoreOfItsOwn) {
  const std::string store = world_.directory() + "/own";
  ASSERT_EQ(Run({"--store", store, "add", "20.0.0.1", "--list", "relays"}).code,
            kExitDone);
  const Result bare = Run({"--store", store, "report", "20.0.0.9"});
  EXPECT_EQ(bare.code, kExitRefused);
  EXPECT_TRUE(Has(bare.err, "add [relay]")) << bare.err;
  const std::string config = WriteFile(
      "own.toml", TestConfigText(store, /*two_lists=*/false) + kRelayTable);
  const std::vector<std::string> with = {"--store", store, "--config", config};
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), with.begin(), with.end());
    return Run(words);
  };
  EXPECT_EQ(run({"report", "20.0.0.9"}).out, "20.0.0.9: test planned\n");
  EXPECT_TRUE(Has(run({"probes"}).out, "20.0.0.9  planned"));
  const Result wait = run({"recheck", "20.0.0.9", "--wait"});
  EXPECT_EQ(wait.code, kExitUsage);
  EXPECT_TRUE(Has(wait.err, "--wait needs a daemon")) << wait.err;
}

TEST(RelayWords, EachFormHasAdviceForEachServer) {
  for (const Form& form : Forms()) {
    const std::vector<std::string> lines = RelayAdvice(form.name);
    ASSERT_EQ(lines.size(), 5u) << form.name;
    EXPECT_TRUE(Has(lines[0], form.name));
  }
  EXPECT_TRUE(RelayAdvice("none such").empty());
}

std::string Words(const std::string& json) {
  std::string words;
  for (const std::string& line : RelayCaseWords(ParseJson(json).value())) {
    words += line + "\n";
  }
  return words;
}

TEST(RelayWords, TellWhatHappensNext) {
  setenv("TZ", "UTC", 1);
  EXPECT_TRUE(
      Has(Words(R"({"state":"planned","listed":true,"verdict":"closed",
                    "last_tested":"2026-11-24T10:00:00Z",
                    "listed_since":"2026-11-01T00:00:00Z","times_listed":2,
                    "proven_form":"bang","first_clean":"2026-11-24T10:00:00Z",
                    "next_session":"2026-11-25T10:00:00Z",
                    "next_reason":"re-test","test":null})"),
          "listed since 2026-11-01 00:00:00 by the form bang, 2 times by now\n"
          "last test, 2026-11-24 10:00:00: closed: every form was refused\n"
          "planned: a session after 2026-11-25 10:00:00 (re-test)\n"
          "clean once; taken off if the test after 2026-11-25 10:00:00 is "
          "clean, too\n"));
  EXPECT_EQ(
      Words(R"({"state":"running","listed":false,"verdict":"none",
                "lease":{"test":7,"session":2},
                "test":{"reason":"report","remaining":["bang","plain"],
                        "outcomes":[{"form":"quoted","outcome":"accepted"}]}})"),
      "not listed by a relay test\n"
      "no test has ended yet\n"
      "running: session 2 of test 7 (report); 2 forms to ask, 1 accepted\n"
      "listed if a test message comes back\n");
  // Proven, while the session that proved it is still being ended.
  EXPECT_TRUE(
      Has(Words(R"({"state":"running","listed":true,"verdict":"open",
                "lease":{"test":7,"session":2},"test":null,
                "next_session":"2026-11-25T10:00:00Z",
                "next_reason":"re-test"})"),
          "running: session 2 of test 7, which has its verdict; the next test "
          "after 2026-11-25 10:00:00 (re-test)\n"));
  EXPECT_EQ(
      Words(R"({"state":"idle","listed":false,"verdict":"inconclusive",
                "last_tested":"2026-11-24T10:00:00Z","proven_form":"bang",
                "delisted":"2026-11-20T10:00:00Z","failures":3,
                "first_failure":"2026-11-23T10:00:00Z"})"),
      "taken off 2026-11-20 10:00:00; had been listed by the form bang\n"
      "last test, 2026-11-24 10:00:00: inconclusive: not every form could be "
      "asked\n"
      "idle: no test is planned\n"
      "could not be reached since 2026-11-23 10:00:00, 3 times\n");
  EXPECT_TRUE(
      Has(Words(R"({"state":"waiting","listed":true,"verdict":"open",
                    "first_clean":"2026-11-24T10:00:00Z",
                    "test":{"reason":"re-test","remaining":[],"outcomes":[],
                            "deadline":"2026-11-25T11:00:00Z"}})"),
          "waiting: messages may still come back until 2026-11-25 11:00:00; 0 "
          "forms to ask, 0 accepted\n"
          "clean once; taken off if the test under way is clean, too\n"));
}

}  // namespace
}  // namespace rbld
