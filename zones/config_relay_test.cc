// [relay] of rbld.toml.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "zones/config.h"
#include "zones/config_reference.h"

namespace rbld {
namespace {

constexpr char kBase[] = R"([store]
directory = "store"
[server]
listen = ["127.0.0.1:5300"]
[[list]]
name = "relays"
[[list]]
name = "outputs"
[[list]]
name = "other"
)";

constexpr char kRelay[] = R"([relay]
list = "relays"
output_list = "outputs"
domain = "Probe.Example.ORG."
url = "https://example.org/relays"
contact = "relays@example.org"
never = ["192.0.2.1", "2001:db8:1::/48"]
lab_networks = ["10.1.0.0/16"]
port = 2525
max_sessions = 7
sessions_per_network_hour = 8
reports_per_day = 9
retry = ["1m", 120]
retest = ["2h"]
jitter = 0.5
clean_gap = "3h"
late_mail = "4m"
token_life = "2d"
report_gap = "5h"
owner_gap = "6m"
owner_wait = "7m"
follow_up = []
unreachable_after = "8d"
hard_expiry = "9d"
session_gap = "10s"
lease = "11m"
sessions_per_day = 12
messages_per_test = 2
)";

std::string Both() { return absl::StrCat(kBase, kRelay); }

// A good file in which one piece of text is replaced.
std::string ErrorWith(absl::string_view from, absl::string_view to) {
  const std::string text = absl::StrReplaceAll(Both(), {{from, to}});
  EXPECT_NE(text, Both()) << from;
  const absl::StatusOr<Config> config = ParseConfig(text, "/etc/rbld.toml");
  if (config.ok()) return "ok";
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(config.status().message());
}

void ExpectError(absl::string_view from, absl::string_view to,
                 absl::string_view part) {
  const std::string error = ErrorWith(from, to);
  EXPECT_TRUE(absl::StrContains(error, part)) << to << "\n" << error;
}

TEST(RelayConfig, ReadsEveryKey) {
  const Config config = ParseConfig(Both(), "/etc/rbld.toml").value();
  ASSERT_TRUE(config.relay.has_value());
  const RelayConfig& relay = *config.relay;
  EXPECT_EQ(relay.domain, "probe.example.org");
  EXPECT_EQ(relay.url, "https://example.org/relays");
  EXPECT_EQ(relay.contact, "relays@example.org");
  const RelaySettings settings = RelaySettingsOf(config);
  EXPECT_EQ(settings.list, "relays");
  EXPECT_EQ(settings.output_list, "outputs");
  ASSERT_EQ(settings.never.size(), 2u);
  EXPECT_EQ(settings.never[1].ToString(), "2001:db8:1::/48");
  ASSERT_EQ(settings.lab_networks.size(), 1u);
  EXPECT_EQ(settings.lab_networks[0].ToString(), "10.1.0.0/16");
  EXPECT_EQ(settings.port, 2525);
  EXPECT_EQ(settings.max_sessions, 7);
  EXPECT_EQ(settings.max_sessions_per_network_hour, 8);
  EXPECT_EQ(settings.max_reports_per_day, 9);
  const RelayPolicy& policy = settings.policy;
  EXPECT_EQ(policy.retry_seconds, (std::vector<int64_t>{60, 120}));
  EXPECT_EQ(policy.retest_seconds, (std::vector<int64_t>{7200}));
  EXPECT_EQ(policy.retest_jitter, 0.5);
  EXPECT_EQ(policy.clean_gap_seconds, 3 * 3600);
  EXPECT_EQ(policy.late_mail_seconds, 240);
  EXPECT_EQ(policy.token_seconds, 2 * 86400);
  EXPECT_EQ(policy.report_gap_seconds, 5 * 3600);
  EXPECT_EQ(policy.owner_gap_seconds, 360);
  EXPECT_EQ(policy.owner_wait_seconds, 420);
  EXPECT_TRUE(policy.follow_up_seconds.empty());
  EXPECT_EQ(policy.unreachable_seconds, 8 * 86400);
  EXPECT_EQ(policy.hard_expiry_seconds, 9 * 86400);
  EXPECT_EQ(policy.session_gap_seconds, 10);
  EXPECT_EQ(policy.lease_seconds, 660);
  EXPECT_EQ(policy.max_sessions_per_day, 12);
  EXPECT_EQ(policy.max_messages_per_test, 2);
}

TEST(RelayConfig, WithoutTheTableThereAreNoTests) {
  const Config config = ParseConfig(kBase, "/etc/rbld.toml").value();
  EXPECT_FALSE(config.relay.has_value());
  EXPECT_TRUE(RelaySettingsOf(config).list.empty());
}

TEST(RelayConfig, FillsInUrlAndContact) {
  const std::string text = absl::StrCat(
      kBase, "[relay]\nlist = \"relays\"\ndomain = \"relay.example.org\"\n");
  const Config config = ParseConfig(text, "/etc/rbld.toml").value();
  EXPECT_EQ(config.relay->url, "https://relay.example.org/");
  EXPECT_EQ(config.relay->contact, "postmaster@relay.example.org");
  EXPECT_TRUE(config.relay->settings.output_list.empty());
}

TEST(RelayConfig, TheReferenceTellsTheRealDefaults) {
  const absl::StatusOr<Config> spelled =
      ParseConfig(ConfigOfDefaults(), "/etc/rbld.toml");
  ASSERT_TRUE(spelled.ok()) << spelled.status();
  const RelaySettings settings = RelaySettingsOf(*spelled);
  const RelaySettings fallback;
  EXPECT_EQ(settings.port, fallback.port);
  EXPECT_EQ(settings.max_sessions, fallback.max_sessions);
  EXPECT_EQ(settings.max_sessions_per_network_hour,
            fallback.max_sessions_per_network_hour);
  EXPECT_EQ(settings.max_reports_per_day, fallback.max_reports_per_day);
  const RelayPolicy& policy = settings.policy;
  const RelayPolicy& real = fallback.policy;
  EXPECT_EQ(policy.retry_seconds, real.retry_seconds);
  EXPECT_EQ(policy.retest_seconds, real.retest_seconds);
  EXPECT_EQ(policy.retest_jitter, real.retest_jitter);
  EXPECT_EQ(policy.clean_gap_seconds, real.clean_gap_seconds);
  EXPECT_EQ(policy.late_mail_seconds, real.late_mail_seconds);
  EXPECT_EQ(policy.token_seconds, real.token_seconds);
  EXPECT_EQ(policy.report_gap_seconds, real.report_gap_seconds);
  EXPECT_EQ(policy.owner_gap_seconds, real.owner_gap_seconds);
  EXPECT_EQ(policy.owner_wait_seconds, real.owner_wait_seconds);
  EXPECT_EQ(policy.follow_up_seconds, real.follow_up_seconds);
  EXPECT_EQ(policy.unreachable_seconds, real.unreachable_seconds);
  EXPECT_EQ(policy.hard_expiry_seconds, real.hard_expiry_seconds);
  EXPECT_EQ(policy.session_gap_seconds, real.session_gap_seconds);
  EXPECT_EQ(policy.lease_seconds, real.lease_seconds);
  EXPECT_EQ(policy.max_sessions_per_day, real.max_sessions_per_day);
  EXPECT_EQ(policy.max_messages_per_test, real.max_messages_per_test);
}

TEST(RelayConfig, ItsListsMayHoldTheLabsNetworksAndNoOtherMay) {
  const Config config = ParseConfig(Both(), "/etc/rbld.toml").value();
  const Target inside = Target::Parse("10.1.2.3").value();
  const Target outside = Target::Parse("10.2.2.3").value();
  for (const ListSpec& list : ListSpecs(config)) {
    EXPECT_EQ(CheckTarget(list.policy, inside).ok(), list.name != "other")
        << list.name;
    EXPECT_FALSE(CheckTarget(list.policy, outside).ok()) << list.name;
  }
}

TEST(RelayConfig, MistakesInListsAreNamed) {
  ExpectError("list = \"relays\"\no", "list = \"relay\"\no",
              "/etc/rbld.toml:12:8: relay.list: there is no list \"relay\"");
  ExpectError("\"outputs\"\nd", "\"out\"\nd",
              "relay.output_list: there is no list \"out\"");
  ExpectError("\"outputs\"\nd", "\"relays\"\nd",
              "is the list of the relays themselves");
  ExpectError("list = \"relays\"\no", "o",
              "relay.list: is missing; it must be given");
  ExpectError("[store]\ndirectory = \"store\"\n", "",
              "relay: needs a store to keep its cases in");
}

TEST(RelayConfig, MistakesInNamesAreNamed) {
  ExpectError("Probe.Example.ORG.", "probe", "is no domain for mail");
  ExpectError("Probe.Example.ORG.", "pro_be.example.org",
              "is no domain for mail");
  ExpectError("Probe.Example.ORG.", "-probe.example.org",
              "is no domain for mail");
  ExpectError("Probe.Example.ORG.", "probe..example.org",
              "is no domain for mail");
  // 29 bytes are the most that fit beside a token.
  const std::string longest =
      absl::StrCat(std::string(17, 'a'), ".example.org");
  EXPECT_EQ(ErrorWith("Probe.Example.ORG.", longest), "ok");
  ExpectError("Probe.Example.ORG.", "a" + longest,
              "relay.domain: is 30 bytes long; at most 29 fit");
  // A line break here would be one in the dialogue with the tested.
  ExpectError("https://example.org/relays", "https://a\\r\\nDATA",
              "relay.url: must be the address of a page");
  ExpectError("https://example.org/relays", "example.org", "relay.url: must");
  ExpectError("relays@example.org", "relays@example.org\\r\\n",
              "relay.contact: must be a mail address");
  for (const char* contact :
       {"", "relays", "@example.org", "a@b", "a b@c.de"}) {
    ExpectError("relays@example.org", contact,
                "relay.contact: must be a mail address");
  }
  ExpectError("192.0.2.1", "192.0.2.1/24", "relay.never: ");
  ExpectError("10.1.0.0/16", "10.1", "relay.lab_networks: ");
}

TEST(RelayConfig, MistakesInTheScheduleAreNamed) {
  ExpectError("[\"2h\"]", "[]",
              "relay.retest: must have 1 to 32 durations, not 0");
  ExpectError("[\"2h\"]", "\"2h\"", "relay.retest: must be an array");
  ExpectError("[\"2h\"]", "[\"2h\", 0]", "is 0 seconds; must be from 1");
  ExpectError("jitter = 0.5", "jitter = 0.51",
              "relay.jitter: is 0.51; must be from 0 to 0.5");
  ExpectError("jitter = 0.5", "jitter = nan", "must be from 0 to 0.5");
  ExpectError("jitter = 0.5", "jitter = \"x\"",
              "must be a number from 0 to 0.5, not a string");
  EXPECT_EQ(ErrorWith("jitter = 0.5", "jitter = 0"), "ok");
  ExpectError("port = 2525", "port = 65536", "relay.port: is 65536");
  ExpectError("sessions_per_day = 12", "sessions_per_day = 1001",
              "must be from 1 to 1000");
  ExpectError("messages_per_test = 2", "messages_per_test = 23",
              "must be from 1 to 22");
  ExpectError("owner_gap = \"6m\"", "owner_gap = \"15d\"", "relay.owner_gap");
  ExpectError("token_life = \"2d\"", "token_life = \"14m\"",
              "relay: token_life is 840 seconds, less than lease and late_mail "
              "together");
  EXPECT_EQ(ErrorWith("token_life = \"2d\"", "token_life = \"15m\""), "ok");
  ExpectError("hard_expiry = \"9d\"", "hard_expiry = \"2h\"",
              "so that a listing could end before its next test");
  ExpectError("clean_gap", "clean_gaps", "did you mean `clean_gap`?");
}

}  // namespace
}  // namespace rbld
