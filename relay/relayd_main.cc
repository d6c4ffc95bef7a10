// rbl-relayd: tests reported mail servers for open relaying. See
// docs/RELAY_TESTING.md.

#include <gflags/gflags.h>
#include <limits.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/ip_prefix.h"
#include "relay/relayd.h"
#include "zones/config.h"

DEFINE_string(control, "/run/rbld/relayd.sock",
              "the control socket of rbld with the role relayd");
DEFINE_string(listen, "",
              "where to receive the test messages that come back: "
              "\"192.0.2.1:25,[2001:db8::1]:25\"; empty: not here");
DEFINE_string(source, "",
              "the addresses to test from, at most one IPv4 and one IPv6; "
              "empty: the system's choice");
DEFINE_string(name, "",
              "this host's name, for EHLO and the greeting; empty: the "
              "system's");
DEFINE_string(user, "",
              "whom to become once the ports are taken, \"USER\" or "
              "\"USER:GROUP\"; empty: nobody else");
DEFINE_int32(max_sessions, 1000, "test sessions at a time");
DEFINE_int32(
    command_seconds, 300,
    "how long a server may take for its greeting, and for a reply to a "
    "command; RFC 5321 wants 300");
DEFINE_int32(session_seconds, 1200, "how long a whole session may take");
DEFINE_int32(proof_seconds, 15,
             "how long a message's return is waited for before the next form");
DEFINE_int32(idle_seconds, 300,
             "how long who delivers a message may be silent; RFC 5321 wants "
             "300");
DEFINE_bool(reverse_names, true, "look up the reverse names of targets");
DEFINE_bool(tests, true, "make tests; false: only receive");

namespace rbld {
namespace {

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kMostSessions = 100'000;
constexpr int kMostSeconds = 3600;
constexpr uint16_t kSmtpPort = 25;

// The name that the resolver knows this host by.
std::string SystemName() {
  char name[HOST_NAME_MAX + 1] = {};
  gethostname(name, sizeof(name) - 1);
  addrinfo hints = {};
  hints.ai_flags = AI_CANONNAME;
  addrinfo* found = nullptr;
  std::string full = name;
  if (getaddrinfo(name, nullptr, &hints, &found) == 0) {
    if (found->ai_canonname != nullptr) full = found->ai_canonname;
    freeaddrinfo(found);
  }
  return full;
}

// False after a message when the flags make no sense.
bool ReadFlags(RelaydOptions* options) {
  options->control_socket = FLAGS_control;
  options->host_name = FLAGS_name.empty() ? SystemName() : FLAGS_name;
  options->reverse_names = FLAGS_reverse_names;
  options->tests = FLAGS_tests;
  options->user = FLAGS_user;
  options->max_sessions = FLAGS_max_sessions;
  if (FLAGS_max_sessions < 1 || FLAGS_max_sessions > kMostSessions) {
    fprintf(stderr, "--max_sessions: %d is not from 1 to %d\n",
            FLAGS_max_sessions, kMostSessions);
    return false;
  }
  for (const auto& [name, seconds] :
       {std::pair("command_seconds", FLAGS_command_seconds),
        std::pair("session_seconds", FLAGS_session_seconds),
        std::pair("proof_seconds", FLAGS_proof_seconds),
        std::pair("idle_seconds", FLAGS_idle_seconds)}) {
    if (seconds >= 1 && seconds <= kMostSeconds) continue;
    fprintf(stderr, "--%s: %d is not from 1 to %d\n", name, seconds,
            kMostSeconds);
    return false;
  }
  options->dialogue.greeting_seconds = FLAGS_command_seconds;
  options->dialogue.command_seconds = FLAGS_command_seconds;
  options->dialogue.session_seconds = FLAGS_session_seconds;
  options->dialogue.proof_seconds = FLAGS_proof_seconds;
  options->idle_seconds = FLAGS_idle_seconds;
  for (const absl::string_view text :
       absl::StrSplit(FLAGS_listen, ',', absl::SkipEmpty())) {
    const absl::StatusOr<ListenAddress> where =
        ParseListenAddress(std::string(text), kSmtpPort);
    if (!where.ok()) {
      fprintf(stderr, "--listen: %s\n",
              std::string(where.status().message()).c_str());
      return false;
    }
    const absl::StatusOr<IpPrefix> address = ParseIpPrefix(where->address);
    if (!address.ok()) {
      fprintf(stderr, "--listen: %s\n",
              std::string(address.status().message()).c_str());
      return false;
    }
    options->listen.emplace_back(*address, where->port);
  }
  for (const absl::string_view text :
       absl::StrSplit(FLAGS_source, ',', absl::SkipEmpty())) {
    const absl::StatusOr<IpPrefix> address = ParseIpPrefix(text);
    if (!address.ok() || !address->IsSingleAddress()) {
      fprintf(stderr, "--source: \"%s\" is not an address\n",
              std::string(text).c_str());
      return false;
    }
    options->source_addresses.push_back(*address);
  }
  if (!FLAGS_tests && options->listen.empty()) {
    fprintf(stderr, "--tests=false without --listen: nothing to do\n");
    return false;
  }
  return true;
}

int Main() {
  RelaydOptions options;
  if (!ReadFlags(&options)) return kExitUsage;
  Relayd relayd(std::move(options));
  const absl::Status status = relayd.Run();
  if (status.ok()) return kExitDone;
  fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return kExitFailed;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) {
  gflags::SetUsageMessage(
      "tests reported mail servers for open relaying; work comes from rbld");
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  if (argc > 1) {
    fprintf(stderr, "\"%s\" is not a flag; try --help\n", argv[1]);
    return rbld::kExitUsage;
  }
  return rbld::Main();
}
