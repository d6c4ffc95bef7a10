#include "tools/relay_words.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/rblctl_context.h"

namespace rbld {
namespace {

bool IsTime(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string();
}

std::string TimeOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? "" : LocalTime(*found);
}

// A member that is an object; an empty one where there is none.
Json ObjectOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : Json::object();
}

// Of the test under way, else of the one that is planned.
std::string ReasonOf(const Json& relay) {
  const std::string reason = TextOf(ObjectOf(relay, "test"), "reason");
  return reason.empty() ? TextOf(relay, "next_reason") : reason;
}

std::string ListingWords(const Json& relay) {
  const std::string form = TextOf(relay, "proven_form");
  const uint64_t times = NumberOf(relay, "times_listed");
  if (relay.value("listed", false)) {
    return absl::StrCat(
        "listed since ", TimeOf(relay, "listed_since"), " by the form ", form,
        times > 1 ? absl::StrCat(", ", times, " times by now") : "");
  }
  if (IsTime(relay, "delisted")) {
    return absl::StrCat("taken off ", TimeOf(relay, "delisted"),
                        "; had been listed by the form ", form);
  }
  return "not listed by a relay test";
}

// What the next test decides.
std::string OutlookWords(const Json& relay) {
  const std::string state = TextOf(relay, "state");
  const bool under_test = !ObjectOf(relay, "test").empty();
  if (IsTime(relay, "delist_at")) {
    return absl::StrCat("its owner asked, and the test was clean; taken off ",
                        TimeOf(relay, "delist_at"));
  }
  if (!relay.value("listed", false)) {
    if (state == "idle") return "";
    return "listed if a test message comes back";
  }
  if (state == "idle") return "stays listed until the listing ends by itself";
  if (ReasonOf(relay) == "owner's request") {
    return "its owner asked; taken off soon after the test if it is clean";
  }
  if (IsTime(relay, "first_clean")) {
    return absl::StrCat(
        "clean once; taken off if the test ",
        under_test ? "under way"
                   : absl::StrCat("after ", TimeOf(relay, "next_session")),
        " is clean, too");
  }
  return "taken off after two clean tests in a row";
}

enum class Weakness {
  kAnyRecipient,
  kTrustedSender,
  kPercent,
  kSourceRoute,
  kQuoted,
  kBang,
};

struct FormAdvice {
  const char* form;
  Weakness weakness;
};
constexpr FormAdvice kFormAdvice[] = {
    {"plain", Weakness::kAnyRecipient},
    {"null-sender", Weakness::kAnyRecipient},
    {"no-brackets", Weakness::kAnyRecipient},
    {"host-sender", Weakness::kTrustedSender},
    {"literal-sender", Weakness::kTrustedSender},
    {"bare-sender", Weakness::kTrustedSender},
    {"localhost-sender", Weakness::kTrustedSender},
    {"postmaster-sender", Weakness::kTrustedSender},
    {"percent-host", Weakness::kPercent},
    {"percent-literal", Weakness::kPercent},
    {"quoted-percent", Weakness::kPercent},
    {"percent", Weakness::kPercent},
    {"source-route", Weakness::kSourceRoute},
    {"source-route-literal", Weakness::kSourceRoute},
    {"quoted-host", Weakness::kQuoted},
    {"quoted", Weakness::kQuoted},
    {"quoted-literal", Weakness::kQuoted},
    {"double-at-host", Weakness::kQuoted},
    {"double-at-literal", Weakness::kQuoted},
    {"bang", Weakness::kBang},
    {"bang-host", Weakness::kBang},
    {"bang-literal", Weakness::kBang},
};

struct WeaknessAdvice {
  Weakness weakness;
  const char* what;
  const char* postfix;
  const char* exim;
  const char* sendmail;
  const char* exchange;
};
constexpr WeaknessAdvice kWeaknessAdvice[] = {
    {Weakness::kAnyRecipient, "It takes mail from anybody for anybody.",
     "smtpd_relay_restrictions must reach reject_unauth_destination; "
     "mynetworks "
     "only your own",
     "the RCPT ACL must end in \"require domains = +local_domains : "
     "+relay_to_domains\"; look at relay_from_hosts",
     "no FEATURE(`promiscuous_relay'); look at RELAY in the access map and at "
     "class R",
     "anonymous must not have Ms-Exch-SMTP-Accept-Any-Recipient on the receive "
     "connector; look at its RemoteIPRanges"},
    {Weakness::kTrustedSender,
     "It believes whoever claims one of its own senders.",
     "no check_sender_access that permits before reject_unauth_destination",
     "no \"accept senders = …\" in the RCPT ACL before relaying is refused",
     "no FEATURE(`relay_local_from') or FEATURE(`relay_mail_from')",
     "the connector must ask for authentication; being one of its own senders "
     "is no proof"},
    {Weakness::kPercent,
     "It, or the server behind it, makes USER%OTHER@ITSELF into USER@OTHER.",
     "allow_untrusted_routing = no; the server behind it must not resolve %",
     "percent_hack_domains empty; deny local parts that match "
     "^.*[@%!/|] in the RCPT ACL",
     "no FEATURE(`loose_relay_check')",
     "validate recipients (Set-RecipientFilterConfig "
     "-RecipientValidationEnabled $true)"},
    {Weakness::kSourceRoute, "It follows the route in <@ITSELF:USER@OTHER>.",
     "smtpd_relay_restrictions with reject_unauth_destination; "
     "allow_untrusted_routing = no",
     "the RCPT ACL must refuse by the domain of the last address; no router "
     "may keep the route",
     "confDONT_PRUNE_ROUTES false; no FEATURE(`loose_relay_check')",
     "validate recipients (Set-RecipientFilterConfig "
     "-RecipientValidationEnabled $true)"},
    {Weakness::kQuoted,
     "It, or the server behind it, takes the quoted part for an address of its "
     "own.",
     "resolve_dequoted_address = yes; allow_untrusted_routing = no",
     "deny local parts that match ^.*[@%!/|] in the RCPT ACL",
     "no FEATURE(`loose_relay_check')",
     "validate recipients (Set-RecipientFilterConfig "
     "-RecipientValidationEnabled $true)"},
    {Weakness::kBang,
     "It, or the server behind it, routes OTHER!USER as UUCP did.",
     "allow_untrusted_routing = no; the server behind it must not resolve !",
     "deny local parts that match ^.*[@%!/|] in the RCPT ACL",
     "FEATURE(`nouucp', `reject')",
     "validate recipients (Set-RecipientFilterConfig "
     "-RecipientValidationEnabled $true)"},
};

}  // namespace

std::string RelayStateWords(const Json& relay) {
  const std::string state = TextOf(relay, "state");
  const Json test = ObjectOf(relay, "test");
  std::string words = state;
  if (state == "planned") {
    absl::StrAppend(&words, ": a session after ", TimeOf(relay, "next_session"),
                    " (", ReasonOf(relay), ")");
  } else if (state == "running") {
    const Json lease = ObjectOf(relay, "lease");
    absl::StrAppend(&words, ": session ", NumberOf(lease, "session"),
                    " of test ", NumberOf(lease, "test"));
    // A test that is proven is over before its session is.
    if (!test.empty()) {
      absl::StrAppend(&words, " (", ReasonOf(relay), ")");
    } else if (IsTime(relay, "next_session")) {
      absl::StrAppend(&words, ", which has its verdict; the next test after ",
                      TimeOf(relay, "next_session"), " (", ReasonOf(relay),
                      ")");
    }
  } else if (state == "waiting") {
    absl::StrAppend(&words, ": messages may still come back until ",
                    TimeOf(test, "deadline"));
  } else {
    absl::StrAppend(&words, ": no test is planned");
  }
  if (!test.empty()) {
    uint64_t accepted = 0;
    for (const Json& one : test.value("outcomes", Json::array())) {
      if (TextOf(one, "outcome") == "accepted") ++accepted;
    }
    absl::StrAppend(&words, "; ", test.value("remaining", Json::array()).size(),
                    " forms to ask, ", accepted, " accepted");
  }
  return words;
}

std::string RelayVerdictWords(absl::string_view verdict) {
  static constexpr std::pair<absl::string_view, const char*> kWords[] = {
      {"none", "no test has ended yet"},
      {"open", "open: a test message came back from it"},
      {"multihop", "multihop: a test message came back by way of another host"},
      {"accepted", "accepted: it took messages, and none came back"},
      {"bounced", "bounced: it took messages, and sent them all back"},
      {"closed", "closed: every form was refused"},
      {"inconclusive", "inconclusive: not every form could be asked"},
  };
  for (const auto& [name, words] : kWords) {
    if (verdict == name) return words;
  }
  return std::string(verdict);
}

std::vector<std::string> RelayCaseWords(const Json& relay) {
  std::vector<std::string> lines = {ListingWords(relay)};
  const std::string verdict = TextOf(relay, "verdict");
  lines.push_back(verdict == "none"
                      ? RelayVerdictWords(verdict)
                      : absl::StrCat("last test, ",
                                     TimeOf(relay, "last_tested"), ": ",
                                     RelayVerdictWords(verdict)));
  lines.push_back(RelayStateWords(relay));
  if (std::string outlook = OutlookWords(relay); !outlook.empty()) {
    lines.push_back(std::move(outlook));
  }
  if (IsTime(relay, "listing_ends")) {
    lines.push_back(absl::StrCat("without fresh proof the listing ends ",
                                 TimeOf(relay, "listing_ends")));
  }
  if (const uint64_t failures = NumberOf(relay, "failures"); failures > 0) {
    lines.push_back(absl::StrCat("could not be reached since ",
                                 TimeOf(relay, "first_failure"), ", ", failures,
                                 " times"));
  }
  if (const uint64_t reports = NumberOf(relay, "reports"); reports > 0) {
    lines.push_back(absl::StrCat("reported ", reports,
                                 reports == 1 ? " time" : " times", ", last ",
                                 TimeOf(relay, "last_report")));
  }
  return lines;
}

std::vector<std::string> RelayAdvice(absl::string_view form) {
  for (const FormAdvice& row : kFormAdvice) {
    if (form != row.form) continue;
    for (const WeaknessAdvice& advice : kWeaknessAdvice) {
      if (advice.weakness != row.weakness) continue;
      return {absl::StrCat(form, ": ", advice.what),
              absl::StrCat("Postfix: ", advice.postfix),
              absl::StrCat("Exim: ", advice.exim),
              absl::StrCat("sendmail: ", advice.sendmail),
              absl::StrCat("Exchange: ", advice.exchange)};
    }
  }
  return {};
}

}  // namespace rbld
