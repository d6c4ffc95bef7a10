// rblctl over a socket to the real server: what its tests stand on.
#ifndef RBLD_TOOLS_RBLCTL_TEST_UTIL_H_
#define RBLD_TOOLS_RBLCTL_TEST_UTIL_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "control/api_test_util.h"
#include "control/http_server.h"
#include "tools/rblctl.h"

namespace rbld {

inline bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class RblctlTest : public testing::Test {
 protected:
  struct Result {
    int code;
    std::string out;
    std::string err;
  };

  // `more` is added to the server's configuration.
  explicit RblctlTest(bool two_lists = false, const std::string& more = "")
      : world_(two_lists, more) {}

  void SetUp() override {
    setenv("TZ", "UTC", 1);
    socket_ = world_.directory() + "/op";
    auto server =
        HttpServer::Bind({{.path = socket_, .role = Role::kOperator}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->Start(world_.api());
  }

  Result Run(std::vector<std::string> words, const std::string& input = "",
             bool terminal = false) {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    RblctlStreams streams;
    streams.in = &in;
    streams.out = &out;
    streams.err = &err;
    streams.in_is_terminal = terminal;
    const int code = RunRblctl(words, streams);
    return {code, out.str(), err.str()};
  }
  Result Ctl(std::vector<std::string> words, const std::string& input = "",
             bool terminal = false) {
    words.insert(words.begin(), {"--socket", socket_});
    return Run(std::move(words), input, terminal);
  }
  std::string WriteFile(const std::string& name, const std::string& text) {
    const std::string path = world_.directory() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  uint64_t Sequence() { return world_.publisher()->Stats().sequence; }

  ApiForTests world_;
  std::string socket_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace rbld

#endif  // RBLD_TOOLS_RBLCTL_TEST_UTIL_H_
