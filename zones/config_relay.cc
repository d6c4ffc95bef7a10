#include "zones/config_relay.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/ip_prefix.h"
#include "store/relay/form.h"
#include "store/relay/lifecycle.h"
#include "store/relay/token.h"
#include "zones/config_settings.h"
#include "zones/config_zone.h"

namespace rbld {
namespace {

constexpr int64_t kMaxInterval = 366ll * 86400;
constexpr int64_t kMaxOwnerGap = 14ll * 86400;
// A case remembers no more sessions than these.
constexpr int64_t kMaxSessionsRemembered = 1000;
constexpr size_t kMaxContactBytes = 254;  // RFC 5321 §4.5.3.1.3, as a path
constexpr size_t kMaxUrlBytes = 400;      // a reply line has 512 bytes
constexpr size_t kMaxSteps = 32;

template <auto kField, int64_t kMin, int64_t kMax>
absl::Status Seconds(const TomlNode& node, RelayDraft* out) {
  return node.ReadSeconds(&(out->relay.settings.policy.*kField), kMin, kMax);
}

template <auto kField, size_t kFewest>
absl::Status Steps(const TomlNode& node, RelayDraft* out) {
  std::vector<TomlNode> elements;
  if (absl::Status s = node.ReadArray(&elements); !s.ok()) return s;
  if (elements.size() < kFewest || elements.size() > kMaxSteps) {
    return node.Error(absl::StrCat("must have ", kFewest, " to ", kMaxSteps,
                                   " durations, not ", elements.size()));
  }
  std::vector<int64_t> steps;
  for (const TomlNode& element : elements) {
    if (absl::Status s =
            element.ReadSeconds(&steps.emplace_back(), 1, kMaxInterval);
        !s.ok()) {
      return s;
    }
  }
  out->relay.settings.policy.*kField = std::move(steps);
  return absl::OkStatus();
}

template <auto kField, int64_t kMin, int64_t kMax>
absl::Status Count(const TomlNode& node, RelayDraft* out) {
  return node.ReadInteger(kMin, kMax, &(out->relay.settings.*kField));
}

template <auto kField, int64_t kMin, int64_t kMax>
absl::Status PolicyCount(const TomlNode& node, RelayDraft* out) {
  return node.ReadInteger(kMin, kMax, &(out->relay.settings.policy.*kField));
}

template <auto kField, auto kNode>
absl::Status Text(const TomlNode& node, RelayDraft* out) {
  out->*kNode = node;
  return node.ReadString(&(out->relay.*kField));
}

template <auto kField, auto kNode>
absl::Status ListName(const TomlNode& node, RelayDraft* out) {
  out->*kNode = node;
  return node.ReadString(&(out->relay.settings.*kField));
}

template <auto kField>
absl::Status Prefixes(const TomlNode& node, RelayDraft* out) {
  return node.ReadStrings(&(out->*kField));
}

bool IsHostName(absl::string_view name) {
  const std::vector<absl::string_view> labels = absl::StrSplit(name, '.');
  for (const absl::string_view label : labels) {
    if (label.empty() || label.front() == '-' || label.back() == '-') {
      return false;
    }
    for (const char c : label) {
      if (!absl::ascii_isalnum(c) && c != '-') return false;
    }
  }
  return labels.size() >= 2;
}

// What goes into SMTP replies and messages as it is.
bool IsPlainWord(absl::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), absl::ascii_isgraph);
}

absl::Status FinishDomain(RelayDraft* draft) {
  std::string& domain = draft->relay.domain;
  domain = absl::AsciiStrToLower(domain);
  if (!domain.empty() && domain.back() == '.') domain.pop_back();
  if (!IsHostName(domain)) {
    return draft->domain_node.Error(
        absl::StrCat("\"", domain,
                     "\" is no domain for mail; give a whole name of letters, "
                     "digits and hyphens, such as \"relay.example.org\""));
  }
  if (domain.size() > static_cast<size_t>(kMaxTokenDomainBytes)) {
    return draft->domain_node.Error(absl::StrCat(
        "is ", domain.size(), " bytes long; at most ", kMaxTokenDomainBytes,
        " fit into an address's local part beside a token (RFC 5321 "
        "§4.5.3.1.1), so choose a shorter name"));
  }
  return absl::OkStatus();
}

absl::Status FinishContact(RelayDraft* draft) {
  RelayConfig& relay = draft->relay;
  if (!draft->url_node.present()) {
    relay.url = absl::StrCat("https://", relay.domain, "/");
  } else if (!IsPlainWord(relay.url) || relay.url.size() > kMaxUrlBytes ||
             (!absl::StartsWith(relay.url, "https://") &&
              !absl::StartsWith(relay.url, "http://"))) {
    return draft->url_node.Error(absl::StrCat(
        "must be the address of a page, of at most ", kMaxUrlBytes,
        " bytes without blanks, such as \"https://", relay.domain, "/\""));
  }
  if (!draft->contact_node.present()) {
    relay.contact = absl::StrCat("postmaster@", relay.domain);
    return absl::OkStatus();
  }
  const size_t at = relay.contact.rfind('@');
  if (!IsPlainWord(relay.contact) || relay.contact.size() > kMaxContactBytes ||
      at == std::string::npos || at == 0 ||
      !IsHostName(absl::string_view(relay.contact).substr(at + 1)) ||
      relay.contact.find_first_of("<>") != std::string::npos) {
    return draft->contact_node.Error(absl::StrCat(
        "must be a mail address, such as \"postmaster@", relay.domain, "\""));
  }
  return absl::OkStatus();
}

absl::Status ReadPrefixes(const PlacedTexts& texts,
                          std::vector<IpPrefix>* prefixes) {
  for (const auto& [text, node] : texts) {
    const absl::StatusOr<IpPrefix> prefix = ParseIpPrefix(text);
    if (!prefix.ok()) return node.Error(prefix.status().message());
    prefixes->push_back(*prefix);
  }
  return absl::OkStatus();
}

absl::Status CheckLists(const RelayDraft& draft, const Config& config) {
  const RelaySettings& settings = draft.relay.settings;
  absl::Status status =
      CheckListIsKnown(config, settings.list, draft.list_node);
  if (!status.ok() || settings.output_list.empty()) return status;
  if (settings.output_list == settings.list) {
    return draft.output_list_node.Error(
        "is the list of the relays themselves; name another one, or leave it "
        "out");
  }
  return CheckListIsKnown(config, settings.output_list, draft.output_list_node);
}

// What no single key can be wrong about.
absl::Status CheckSchedule(const RelayDraft& draft) {
  const RelayPolicy& policy = draft.relay.settings.policy;
  const int64_t latest_mail = policy.lease_seconds + policy.late_mail_seconds;
  if (policy.token_seconds < latest_mail) {
    return draft.node.Error(absl::StrCat(
        "token_life is ", policy.token_seconds,
        " seconds, less than lease and late_mail together, so that a token "
        "could end before the verdict; it must be at least ",
        latest_mail));
  }
  const int64_t longest = *std::max_element(policy.retest_seconds.begin(),
                                            policy.retest_seconds.end());
  if (policy.hard_expiry_seconds <= longest) {
    return draft.node.Error(absl::StrCat(
        "hard_expiry is ", policy.hard_expiry_seconds,
        " seconds, so that a listing could end before its next test; it must "
        "be more than the longest of retest, ",
        longest));
  }
  return absl::OkStatus();
}

}  // namespace

const std::vector<Setting<RelayDraft>>& RelayTestSettings() {
  static const auto* const settings = new std::vector<Setting<RelayDraft>>{
      {{"list", "string", "", true, "the list of the proven relays"},
       ListName<&RelaySettings::list, &RelayDraft::list_node>},
      {{"output_list", "string", "", false,
        "the list of the hosts that deliver for relays which pass mail on to "
        "them; by default they are not listed"},
       ListName<&RelaySettings::output_list, &RelayDraft::output_list_node>},
      {{"domain", "string", "", true,
        "the domain that test messages are addressed to and come back to; 29 "
        "bytes at most"},
       Text<&RelayConfig::domain, &RelayDraft::domain_node>},
      {{"url", "string", "", false,
        "the page that tells the tested what is done; by default "
        "https://DOMAIN/"},
       Text<&RelayConfig::url, &RelayDraft::url_node>},
      {{"contact", "string", "", false,
        "the mail address of who runs the tests; by default "
        "postmaster@DOMAIN"},
       Text<&RelayConfig::contact, &RelayDraft::contact_node>},
      {{"never", "array of strings", "[]", false,
        "addresses and prefixes of our own, which are never tested"},
       Prefixes<&RelayDraft::never>},
      {{"lab_networks", "array of strings", "[]", false,
        "prefixes of special-purpose space that a closed lab tests; the two "
        "lists may hold them"},
       Prefixes<&RelayDraft::lab_networks>},
      {{"port", "integer 1 to 65535", "25", false, "where relays listen"},
       Count<&RelaySettings::port, 1, 65535>},
      {{"max_sessions", "integer", "5000", false, "sessions at once"},
       Count<&RelaySettings::max_sessions, 1, 1'000'000>},
      {{"sessions_per_network_hour", "integer 1 to 1000", "10", false,
        "sessions to one /24 or /64 in an hour; never two at once"},
       Count<&RelaySettings::max_sessions_per_network_hour, 1,
             kMaxSessionsRemembered>},
      {{"reports_per_day", "integer", "1000", false, "of one reporter"},
       Count<&RelaySettings::max_reports_per_day, 1, 1'000'000'000>},
      {{"retry", "array of durations", "[\"30m\", \"2h\", \"8h\"]", false,
        "when a test whose session got nowhere is tried again; after the last "
        "it ends"},
       Steps<&RelayPolicy::retry_seconds, 0>},
      {{"retest", "array of durations",
        "[\"1d\", \"2d\", \"4d\", \"1w\", \"2w\"]", false,
        "from one test of a listed address to the next; the last one repeats"},
       Steps<&RelayPolicy::retest_seconds, 1>},
      {{"jitter", "number 0 to 0.5", "0.2", false,
        "the part of `retest` by which a test may come earlier or later"},
       [](const TomlNode& node, RelayDraft* out) {
         return node.ReadNumber(0, 0.5,
                                &out->relay.settings.policy.retest_jitter);
       }},
      {{"clean_gap", "duration", "\"1d\"", false,
        "between the two clean tests that take an address off"},
       Seconds<&RelayPolicy::clean_gap_seconds, 1, kMaxInterval>},
      {{"late_mail", "duration", "\"1h\"", false,
        "how long a test waits for its messages to come back"},
       Seconds<&RelayPolicy::late_mail_seconds, 1, kMaxInterval>},
      {{"token_life", "duration", "\"1w\"", false,
        "how long a message that comes back still proves anything"},
       Seconds<&RelayPolicy::token_seconds, 1, kMaxInterval>},
      {{"report_gap", "duration", "\"1d\"", false,
        "from a test to the one that the next report may cause"},
       Seconds<&RelayPolicy::report_gap_seconds, 0, kMaxInterval>},
      {{"owner_gap", "duration of at most 2w", "\"6h\"", false,
        "between two requests to be taken off; doubled after each that was "
        "not justified, up to two weeks"},
       Seconds<&RelayPolicy::owner_gap_seconds, 0, kMaxOwnerGap>},
      {{"owner_wait", "duration", "\"1h\"", false,
        "from the clean test of such a request to the removal"},
       Seconds<&RelayPolicy::owner_wait_seconds, 0, kMaxInterval>},
      {{"follow_up", "array of durations", "[\"1d\", \"1w\", \"30d\"]", false,
        "when an address that was taken off on request is tested again, from "
        "the removal"},
       Steps<&RelayPolicy::follow_up_seconds, 0>},
      {{"unreachable_after", "duration", "\"30d\"", false,
        "a listed address that nobody answers at for so long is taken off"},
       Seconds<&RelayPolicy::unreachable_seconds, 0, kMaxInterval>},
      {{"hard_expiry", "duration", "\"90d\"", false,
        "a listing ends so long after its last proof"},
       Seconds<&RelayPolicy::hard_expiry_seconds, 1, 10 * kMaxInterval>},
      {{"session_gap", "duration", "\"10m\"", false,
        "between two sessions to one address"},
       Seconds<&RelayPolicy::session_gap_seconds, 0, 86400>},
      {{"lease", "duration", "\"25m\"", false,
        "when a session of which nothing is heard is given up; more than the "
        "20 minutes that the tester gives one"},
       Seconds<&RelayPolicy::lease_seconds, 1, 86400>},
      {{"sessions_per_day", "integer 1 to 1000", "4", false, "to one address"},
       PolicyCount<&RelayPolicy::max_sessions_per_day, 1,
                   kMaxSessionsRemembered>},
      {{"messages_per_test", "integer 1 to 22", "3", false,
        "a test ends when so many messages were accepted"},
       PolicyCount<&RelayPolicy::max_messages_per_test, 1, kFormCount>},
  };
  return *settings;
}

absl::Status FinishRelay(const TomlNode& node, Config* config) {
  RelayDraft draft;
  draft.node = node;
  absl::Status status = ReadTable(node, RelayTestSettings(), &draft);
  if (!status.ok()) return status;
  if (config->store_directory.empty()) {
    return node.Error("needs a store to keep its cases in; add [store]");
  }
  status = CheckLists(draft, *config);
  if (!status.ok()) return status;
  status = FinishDomain(&draft);
  if (!status.ok()) return status;
  status = FinishContact(&draft);
  if (!status.ok()) return status;
  RelaySettings& settings = draft.relay.settings;
  status = ReadPrefixes(draft.never, &settings.never);
  if (!status.ok()) return status;
  status = ReadPrefixes(draft.lab_networks, &settings.lab_networks);
  if (!status.ok()) return status;
  status = CheckSchedule(draft);
  if (!status.ok()) return status;
  for (ListConfig& list : config->lists) {
    if (list.name != settings.list && list.name != settings.output_list) {
      continue;
    }
    list.policy.allowed_special.insert(list.policy.allowed_special.end(),
                                       settings.lab_networks.begin(),
                                       settings.lab_networks.end());
  }
  config->relay = std::move(draft.relay);
  return absl::OkStatus();
}

}  // namespace rbld
