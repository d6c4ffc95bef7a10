#include "server/daemon.h"

#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/cpus.h"
#include "dns/ldns_packet.h"
#include "dns/query_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/test_client.h"

namespace rbld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DaemonTest : public ::testing::Test {
 protected:
  DaemonTest() {
    // Socket paths have little room, so not under $TEST_TMPDIR.
    char name[] = "/tmp/rbldXXXXXX";
    directory_ = mkdtemp(name);
    config_path_ = directory_ + "/rbld.toml";
    WriteConfig("");
  }
  ~DaemonTest() override {
    daemon_.reset();
    const std::string command = absl::StrCat("rm -rf ", directory_);
    if (system(command.c_str()) != 0) ADD_FAILURE() << command;
  }

  void WriteConfig(const std::string& more,
                   const std::string& listen = "127.0.0.1:0",
                   const std::string& workers = "workers = 2\n") {
    std::ofstream file(config_path_);
    file << "[store]\ndirectory = \"store\"\n"
         << "[server]\nlisten = [\"" << listen << "\"]\n"
         << workers << "[control]\noperator_socket = \"op.sock\"\n"
         << "[[list]]\nname = \"relays\"\nreason = \"open relay $\"\n"
         << "allow_special_purpose = true\n"
         << "[[zone]]\nname = \"rbl.test\"\nlists = [\"relays\"]\n"
         << "ns = [\"ns.example.org\"]\n"
         << more;
  }

  absl::Status Start() {
    DaemonOptions options;
    options.config_path = config_path_;
    options.clock = &clock_;
    absl::StatusOr<std::unique_ptr<Daemon>> daemon = Daemon::Start(options);
    if (!daemon.ok()) return daemon.status();
    daemon_ = *std::move(daemon);
    const std::string address = daemon_->listeners()[0];
    port_ = static_cast<uint16_t>(
        atoi(address.substr(address.rfind(':') + 1).c_str()));
    return absl::OkStatus();
  }

  absl::Status Change(Change::Verb verb, absl::string_view target) {
    ChangeRequest request;
    request.actor = "test";
    request.request = "test";
    rbld::Change change;
    change.verb = verb;
    change.list = "relays";
    change.target = *Target::Parse(target);
    request.changes = {change};
    return daemon_->publisher()->Apply(request).status();
  }

  LdnsPacket Ask(absl::string_view name, RrType type = RrType::kA) {
    UdpClient client("127.0.0.1", port_);
    const auto reply =
        client.Ask(QueryBuilder().Question(name, type).message());
    EXPECT_TRUE(reply.has_value());
    return LdnsPacket(reinterpret_cast<const uint8_t*>(reply->data()),
                      reply->size());
  }
  uint32_t Serial(absl::string_view zone) {
    const std::string line = Ask(zone, RrType::kSoa).answers()[0];
    const size_t at = line.find("hostmaster");
    return static_cast<uint32_t>(
        strtoul(line.substr(line.find(' ', at) + 1).c_str(), nullptr, 10));
  }

  SystemClock clock_;
  std::string directory_;
  std::string config_path_;
  std::unique_ptr<Daemon> daemon_;
  uint16_t port_ = 0;
};

TEST_F(DaemonTest, AnswersWhatWasAddedAsSoonAsItIsAcknowledged) {
  ASSERT_EQ(absl::OkStatus(), Start());
  EXPECT_EQ(3, Ask("1.2.0.192.rbl.test").rcode());
  const uint32_t serial = Serial("rbl.test");
  for (int i = 1; i < 40; ++i) {
    const std::string address = absl::StrCat("192.0.2.", i);
    const std::string name = absl::StrCat(i, ".2.0.192.rbl.test");
    ASSERT_EQ(absl::OkStatus(), Change(Change::Verb::kAdd, address));
    EXPECT_EQ(1u, Ask(name).answers().size()) << name;
    ASSERT_EQ(absl::OkStatus(), Change(Change::Verb::kRemove, address));
    EXPECT_EQ(3, Ask(name).rcode()) << name;
  }
  EXPECT_GT(Serial("rbl.test"), serial);
}

TEST_F(DaemonTest, ServesTheSameAfterARestart) {
  ASSERT_EQ(absl::OkStatus(), Start());
  ASSERT_EQ(absl::OkStatus(), Change(Change::Verb::kAdd, "192.0.2.1"));
  const uint32_t serial = Serial("rbl.test");
  daemon_.reset();
  ASSERT_EQ(absl::OkStatus(), Start());
  EXPECT_THAT(Ask("1.2.0.192.rbl.test", RrType::kTxt).answers(),
              ElementsAre(HasSubstr("\"open relay 192.0.2.1\"")));
  EXPECT_EQ(serial, Serial("rbl.test"));
}

TEST_F(DaemonTest, TellsItsRelayCasesTheirSettingsAtTheStartAndAtAReload) {
  const std::string relay =
      "[relay]\nlist = \"relays\"\ndomain = \"relay.example.org\"\n";
  WriteConfig(relay);
  ASSERT_EQ(absl::OkStatus(), Start());
  EXPECT_EQ("relays", daemon_->publisher()->relay_cases().settings()->list);
  WriteConfig(relay + "port = 2525\n");
  ASSERT_EQ(absl::OkStatus(), daemon_->Reload());
  EXPECT_EQ(2525, daemon_->publisher()->relay_cases().settings()->port);
  WriteConfig(relay + "port = 0\n");
  EXPECT_NE(absl::OkStatus(), daemon_->Reload());
  EXPECT_EQ(2525, daemon_->publisher()->relay_cases().settings()->port);
  WriteConfig("");
  ASSERT_EQ(absl::OkStatus(), daemon_->Reload());
  EXPECT_EQ("", daemon_->publisher()->relay_cases().settings()->list);
}

TEST_F(DaemonTest, ReloadsZonesAndLists) {
  ASSERT_EQ(absl::OkStatus(), Start());
  ASSERT_EQ(absl::OkStatus(), Change(Change::Verb::kAdd, "192.0.2.1"));
  EXPECT_EQ(5, Ask("1.2.0.192.second.test").rcode());
  WriteConfig(
      "[[list]]\nname = \"more\"\n"
      "[[zone]]\nname = \"second.test\"\nlists = [\"more\", \"relays\"]\n"
      "ns = [\"ns.example.org\"]\nttl = 77\n");
  ASSERT_EQ(absl::OkStatus(), daemon_->Reload());
  EXPECT_THAT(Ask("1.2.0.192.second.test").answers(),
              ElementsAre("1.2.0.192.second.test.\t77\tIN\tA\t127.0.0.2"));
  EXPECT_EQ(2u, daemon_->config()->zones.size());
  WriteConfig("");
  ASSERT_EQ(absl::OkStatus(), daemon_->Reload());
  EXPECT_EQ(5, Ask("1.2.0.192.second.test").rcode());
  EXPECT_EQ(1u, Ask("1.2.0.192.rbl.test").answers().size());
}

TEST_F(DaemonTest, KeepsServingTheOldConfigurationWhenAReloadFails) {
  ASSERT_EQ(absl::OkStatus(), Start());
  WriteConfig("[[zone]]\nname = \"second.test\"\nnonsense = 1\n");
  const absl::Status status = daemon_->Reload();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("rbld.toml:"));
  EXPECT_EQ(std::string(status.message()), daemon_->Status().last_reload_error);
  EXPECT_EQ(1u, Ask("2.0.0.127.rbl.test").answers().size());
  WriteConfig("");
  EXPECT_EQ(absl::OkStatus(), daemon_->Reload());
  EXPECT_EQ("", daemon_->Status().last_reload_error);
}

TEST_F(DaemonTest, MovesTheSerialWhenAZonesConfigurationChanges) {
  ASSERT_EQ(absl::OkStatus(), Start());
  const uint32_t serial = Serial("rbl.test");
  ASSERT_EQ(absl::OkStatus(), daemon_->Reload());
  EXPECT_EQ(serial, Serial("rbl.test"));
  WriteConfig("ttl = 99\n");
  ASSERT_EQ(absl::OkStatus(), daemon_->Reload());
  EXPECT_GT(Serial("rbl.test"), serial);
  EXPECT_THAT(Ask("2.0.0.127.rbl.test").answers()[0], HasSubstr("\t99\t"));
}

TEST_F(DaemonTest, RefusesASecondDaemonWithAReason) {
  ASSERT_EQ(absl::OkStatus(), Start());
  const std::unique_ptr<Daemon> first = std::move(daemon_);
  // The address.
  WriteConfig("", absl::StrCat("127.0.0.1:", port_));
  absl::Status status = Start();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("127.0.0.1:", port_)));
  EXPECT_THAT(std::string(status.message()), HasSubstr("in use"));
  // The control socket.
  WriteConfig("");
  status = Start();
  EXPECT_THAT(std::string(status.message()), HasSubstr("op.sock"));
  // The store.
  std::ofstream(config_path_) << "[store]\ndirectory = \"store\"\n[server]\n"
                              << "listen = [\"127.0.0.1:0\"]\n";
  status = Start();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(directory_ + "/store"));
  // The first one never noticed.
  daemon_ = nullptr;
  port_ = static_cast<uint16_t>(
      atoi(first->listeners()[0]
               .substr(first->listeners()[0].rfind(':') + 1)
               .c_str()));
  EXPECT_EQ(1u, Ask("2.0.0.127.rbl.test").answers().size());
}

TEST_F(DaemonTest, SaysWhatIsWrongWithItsConfiguration) {
  std::ofstream(config_path_) << "[server]\nlisten = [\"127.0.0.1:0\"]\nx = 1";
  const absl::Status status = Start();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(config_path_ + ":"));
  // Nothing was made.
  EXPECT_NE(0, access((directory_ + "/store").c_str(), F_OK));
}

TEST_F(DaemonTest, KeepsEachWorkerToACpuOfItsOwn) {
  const std::vector<int> cpus = UsableCpus();
  WriteConfig("", "127.0.0.1:0", "workers = 1\ncpu_affinity = true\n");
  ASSERT_EQ(absl::OkStatus(), Start());
  EXPECT_EQ(1u, Ask("2.0.0.127.rbl.test").answers().size());
  // The kernel's name of each thread, and what it says of its CPUs.
  int workers = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "status");
    std::string name;
    for (std::string line; std::getline(file, line);) {
      const std::vector<std::string> parts = absl::StrSplit(line, ":\t");
      if (parts[0] == "Name") name = parts[1];
      if (parts[0] != "Cpus_allowed_list" || name != "rbld-worker") continue;
      ++workers;
      EXPECT_EQ(absl::StrCat(cpus[0]), parts[1]);
    }
  }
  EXPECT_EQ(1, workers);
  // Others may go where they like.
  EXPECT_EQ(cpus, UsableCpus());
}

TEST_F(DaemonTest, SaysThatThereAreTooFewCpus) {
  WriteConfig("", "127.0.0.1:0", "workers = 256\ncpu_affinity = true\n");
  if (UsableCpus().size() >= 256) GTEST_SKIP() << "here there are enough";
  const absl::Status status = Start();
  EXPECT_EQ(absl::StatusCode::kFailedPrecondition, status.code());
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("server.cpu_affinity: 256 workers want a CPU each, and "
                        "rbld may use "));
}

TEST_F(DaemonTest, CountsQueriesByOutcomeAndZone) {
  ASSERT_EQ(absl::OkStatus(), Start());
  Ask("2.0.0.127.rbl.test");
  Ask("1.0.0.127.rbl.test");
  Ask("x.other.test");
  const DaemonCounters counters = daemon_->Counters();
  const auto total = [&counters](const std::string& name) -> uint64_t {
    for (const DaemonCounter& counter : counters.totals) {
      if (counter.name == name) return counter.value;
    }
    return 0;
  };
  EXPECT_EQ(3u, total("udp_queries"));
  EXPECT_EQ(1u, total("listed"));
  EXPECT_EQ(1u, total("nxdomain"));
  EXPECT_EQ(1u, total("refused"));
  ASSERT_EQ(1u, counters.zones.size());
  EXPECT_EQ("rbl.test", counters.zones[0].zone);
  const DaemonStatus status = daemon_->Status();
  EXPECT_EQ(kVersion, status.version);
  EXPECT_EQ(2, status.workers);
  EXPECT_EQ(getpid(), status.pid);
}

TEST_F(DaemonTest, WritesDumpsOnDemandAndOnSchedule) {
  WriteConfig(
      absl::StrCat("[[dump]]\nzone = \"rbl.test\"\ndirectory = \"scheduled\"\n"
                   "formats = [\"ip4trie\"]\nevery = \"1h\"\n"));
  ASSERT_EQ(absl::OkStatus(), Start());
  const std::string manifest = directory_ + "/scheduled/MANIFEST";
  for (int i = 0; i < 100 && access(manifest.c_str(), F_OK) != 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(0, access(manifest.c_str(), F_OK));
  ASSERT_EQ(absl::OkStatus(), Change(Change::Verb::kAdd, "192.0.2.1"));
  DumpOptions options;
  options.directory = directory_ + "/demand";
  options.formats = {DumpFormat::kIp4Trie};
  const absl::StatusOr<DumpSummary> summary =
      daemon_->Dump("rbl.test", options, nullptr);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(Serial("rbl.test"), summary->serial);
  EXPECT_TRUE(
      absl::IsNotFound(daemon_->Dump("no.test", options, nullptr).status()));
}

TEST_F(DaemonTest, ADumpThatIsNotCompleteIsInTheLog) {
  WriteConfig(
      "[[zone]]\nname = \"both.test\"\nkind = [\"ipv6\", \"names\"]\n"
      "lists = [\"relays\"]\nns = [\"ns.example.org\"]\n");
  ASSERT_EQ(absl::OkStatus(), Start());
  ASSERT_EQ(absl::OkStatus(), Change(Change::Verb::kAdd, "x.a"));
  DumpOptions options;
  options.directory = directory_ + "/dump";
  options.formats = {DumpFormat::kDnset, DumpFormat::kRfc1035};
  testing::internal::CaptureStderr();
  const absl::StatusOr<DumpSummary> summary =
      daemon_->Dump("both.test", options, nullptr);
  const std::string log = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(log, HasSubstr("warning: dump of zone both.test into " +
                             options.directory +
                             ": 1 listing left out of both.test.zone (x.a: "));
}

}  // namespace
}  // namespace rbld
