// A store, a control and an Api over a folder that is thrown away: what tests
// of the control API and of rblctl stand on. The publisher is the real one.
#ifndef RBLD_CONTROL_API_TEST_UTIL_H_
#define RBLD_CONTROL_API_TEST_UTIL_H_

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "control/api.h"
#include "control/offline_control.h"
#include "store/publisher.h"
#include "zones/config.h"

namespace rbld {

inline constexpr int64_t kTestNow = 1'800'000'000;

// A configuration of two lists and one zone; `store` is its folder.
inline std::string TestConfigText(const std::string& store, bool two_lists) {
  std::string text = "[store]\ndirectory = \"" + store + "\"\n" + R"(
[server]
listen = ["127.0.0.1:5300"]

[[list]]
name = "relays"
code = "127.0.0.2"
reason = "open relay $"
allow_special_purpose = true
)";
  if (two_lists) {
    text += R"(
[[list]]
name = "names"
code = "127.0.1.2"
reason = "bad name"
)";
  }
  text += R"(
[[zone]]
name = "relays.rbld.test"
lists = ["relays"]
ns = ["ns.rbld.test."]
)";
  return text;
}

class ApiForTests {
 public:
  // Dies with a message when something fails: there is nothing to test then.
  // `more` is added to the configuration, which is read as `config_path` if
  // that is not empty.
  explicit ApiForTests(bool two_lists = false, const std::string& more = "",
                       const std::string& config_path = "") {
    char name[] = "/tmp/rbldXXXXXX";
    if (mkdtemp(name) == nullptr) Die("mkdtemp");
    directory_ = name;
    absl::StatusOr<Config> config = ParseConfig(
        TestConfigText(directory_ + "/store", two_lists) + more,
        config_path.empty() ? directory_ + "/rbld.toml" : config_path);
    if (!config.ok()) Die(config.status().ToString());
    PublisherOptions options;
    options.directory = directory_ + "/store";
    options.clock = &clock_;
    absl::StatusOr<std::unique_ptr<Publisher>> publisher =
        Publisher::Open(options, ListSpecs(*config), ZoneSpecs(*config));
    if (!publisher.ok()) Die(publisher.status().ToString());
    publisher_ = *std::move(publisher);
    const absl::Status configured =
        publisher_->relay_cases().Configure(RelaySettingsOf(*config));
    if (!configured.ok()) Die(configured.ToString());
    control_ = std::make_unique<OfflineControl>(*std::move(config),
                                                publisher_.get(), &clock_);
    api_ = std::make_unique<Api>(publisher_.get(), control_.get(), &clock_);
  }
  ~ApiForTests() {
    api_.reset();
    control_.reset();
    publisher_.reset();
    std::filesystem::remove_all(directory_);
  }
  ApiForTests(const ApiForTests&) = delete;
  ApiForTests& operator=(const ApiForTests&) = delete;

  Api* api() { return api_.get(); }
  Publisher* publisher() { return publisher_.get(); }
  FakeClock* clock() { return &clock_; }
  // A folder for the test's own files, removed with the object.
  const std::string& directory() const { return directory_; }

 private:
  [[noreturn]] static void Die(const std::string& why) {
    fprintf(stderr, "cannot set the test up: %s\n", why.c_str());
    abort();
  }

  FakeClock clock_{kTestNow};
  std::string directory_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<OfflineControl> control_;
  std::unique_ptr<Api> api_;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_API_TEST_UTIL_H_
