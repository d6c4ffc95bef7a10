// The program itself: flags, exit codes, signals.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/sockets.h"

namespace rbld {
namespace {

using ::testing::HasSubstr;

constexpr char kConfig[] =
    "[store]\ndirectory = \"store\"\n[server]\nlisten = [\"127.0.0.1:0\"]\n"
    "[[list]]\nname = \"relays\"\n[[zone]]\nname = \"rbl.test\"\n"
    "lists = [\"relays\"]\nns = [\"ns.example.org\"]\n";

class RbldTest : public ::testing::Test {
 protected:
  RbldTest() {
    char name[] = "/tmp/rbldXXXXXX";
    directory_ = mkdtemp(name);
    config_ = directory_ + "/rbld.toml";
    std::ofstream(config_) << kConfig;
  }
  ~RbldTest() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    const std::string command = absl::StrCat("rm -rf ", directory_);
    if (system(command.c_str()) != 0) ADD_FAILURE() << command;
  }

  // Starts the program; its output goes to files.
  void Spawn(std::vector<std::string> arguments) {
    const std::string program = absl::StrCat(
        getenv("TEST_SRCDIR"), "/", getenv("TEST_WORKSPACE"), "/server/rbld");
    arguments.insert(arguments.begin(), program);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      const int out = open((directory_ + "/out").c_str(),
                           O_CREAT | O_TRUNC | O_WRONLY, 0600);
      const int err = open((directory_ + "/err").c_str(),
                           O_CREAT | O_TRUNC | O_WRONLY, 0600);
      dup2(out, 1);
      dup2(err, 2);
      execv(program.c_str(), argv.data());
      _exit(127);
    }
  }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  int Run(const std::vector<std::string>& arguments) {
    Spawn(arguments);
    return Wait();
  }
  std::string Read(const std::string& name) {
    std::ifstream file(directory_ + "/" + name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::string out() { return Read("out"); }
  std::string err() { return Read("err"); }
  // Waits until the program has logged `text`.
  bool WaitForLog(const std::string& text) {
    for (int i = 0; i < 200; ++i) {
      if (err().find(text) != std::string::npos) return true;
      usleep(50'000);
    }
    return false;
  }

  std::string directory_;
  std::string config_;
  pid_t pid_ = -1;
};

TEST_F(RbldTest, ChecksAGoodConfiguration) {
  EXPECT_EQ(0, Run({"--config", config_, "--check_config"}));
  EXPECT_EQ(config_ + ": ok: 1 list, 1 zone\n", out());
  EXPECT_EQ("", err());
  EXPECT_NE(0, access((directory_ + "/store").c_str(), F_OK));
}

TEST_F(RbldTest, NamesFileAndLineOfABadConfiguration) {
  std::ofstream(config_) << kConfig << "nonsense = 1\n";
  EXPECT_EQ(1, Run({"--config", config_, "--check_config"}));
  EXPECT_THAT(err(), HasSubstr(config_ + ":11:"));
  EXPECT_THAT(err(), HasSubstr("nonsense"));
  EXPECT_EQ(1, Run({"--config", config_}));
  EXPECT_THAT(err(), HasSubstr(config_ + ":11:"));
  EXPECT_EQ(1, Run({"--config", directory_ + "/none", "--check_config"}));
  EXPECT_THAT(err(), HasSubstr(directory_ + "/none"));
}

TEST_F(RbldTest, SaysThatTheCommandLineIsWrong) {
  EXPECT_EQ(2, Run({"--config", config_, "stray"}));
  EXPECT_THAT(err(), HasSubstr("stray"));
  EXPECT_EQ(2, Run({"--config", config_, "--workers", "1000"}));
  EXPECT_EQ(2, Run({"--config", config_, "--listen", "localhost"}));
  EXPECT_THAT(err(), HasSubstr("localhost"));
}

TEST_F(RbldTest, SaysItsVersion) {
  EXPECT_EQ(0, Run({"--version"}));
  EXPECT_THAT(out(), HasSubstr("0.1.0"));
}

TEST_F(RbldTest, ServesReloadsAndStopsBySignals) {
  Spawn({"--config", config_, "--workers", "2"});
  ASSERT_TRUE(WaitForLog("answers on 127.0.0.1:")) << err();
  kill(pid_, SIGHUP);
  EXPECT_TRUE(WaitForLog("reloaded")) << err();
  std::ofstream(config_) << "nonsense";
  kill(pid_, SIGHUP);
  EXPECT_TRUE(WaitForLog("reload failed")) << err();
  EXPECT_THAT(err(), HasSubstr(config_ + ":1:"));
  kill(pid_, SIGTERM);
  EXPECT_EQ(0, Wait());
  EXPECT_THAT(err(), HasSubstr("stopped"));
}

TEST_F(RbldTest, StopsOnSigintToo) {
  Spawn({"--config", config_});
  ASSERT_TRUE(WaitForLog("answers on")) << err();
  kill(pid_, SIGINT);
  EXPECT_EQ(0, Wait());
}

TEST_F(RbldTest, TellsTheServiceManager) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = directory_ + "/notify";
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const Fd notify(socket(AF_UNIX, SOCK_DGRAM, 0));
  ASSERT_EQ(0, bind(notify.get(), reinterpret_cast<sockaddr*>(&address),
                    sizeof(address)));
  const auto next = [&notify]() -> std::string {
    pollfd waiting = {notify.get(), POLLIN, 0};
    if (poll(&waiting, 1, 10'000) != 1) return "nothing";
    char text[100];
    const ssize_t bytes = recv(notify.get(), text, sizeof(text), 0);
    return std::string(text, bytes > 0 ? static_cast<size_t>(bytes) : 0);
  };
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  Spawn({"--config", config_});
  unsetenv("NOTIFY_SOCKET");
  EXPECT_EQ("READY=1", next());
  kill(pid_, SIGTERM);
  EXPECT_EQ("STOPPING=1", next());
  EXPECT_EQ(0, Wait());
}

}  // namespace
}  // namespace rbld
