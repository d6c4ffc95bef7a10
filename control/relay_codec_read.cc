// The reading half of relay_codec.h.
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/json_codec.h"
#include "control/relay_codec.h"
#include "zones/duration.h"

namespace rbld {
namespace {

constexpr int kTokenStateCount = 5;
constexpr size_t kMaxPrefixes = 100'000;

std::string At(const std::string& place, absl::string_view key) {
  return place.empty() ? std::string(key) : absl::StrCat(place, ".", key);
}

absl::Status Wrong(absl::string_view place, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(place, ": ", why));
}

absl::StatusOr<IpPrefix> PrefixFrom(const std::string& text,
                                    const std::string& place) {
  if (text.empty()) return Wrong(place, "missing; give an address");
  absl::StatusOr<IpPrefix> prefix = ParseIpPrefix(text);
  if (!prefix.ok()) return Wrong(place, prefix.status().message());
  return prefix;
}

absl::StatusOr<IpPrefix> AddressFrom(const std::string& text,
                                     const std::string& place) {
  absl::StatusOr<IpPrefix> address = PrefixFrom(text, place);
  if (address.ok() && !address->IsSingleAddress()) {
    return Wrong(place, absl::StrCat(address->ToString(),
                                     " is a network; give a single address"));
  }
  return address;
}

template <typename Int>
absl::Status CheckRange(uint64_t value, uint64_t min, uint64_t max,
                        const std::string& place, Int* out) {
  if (value < min || value > max) {
    return Wrong(
        place, absl::StrCat("must be a whole number from ", min, " to ", max));
  }
  *out = static_cast<Int>(value);
  return absl::OkStatus();
}

template <typename Enum>
absl::Status ReadName(const std::string& text, int count,
                      const char* (*name_of)(Enum), const std::string& place,
                      Enum* out) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    const Enum value = static_cast<Enum>(i);
    names.push_back(name_of(value));
    if (text != names.back()) continue;
    *out = value;
    return absl::OkStatus();
  }
  return Wrong(place,
               absl::StrCat("must be one of: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<FormId> FormFrom(const std::string& name,
                                const std::string& place) {
  const std::optional<FormId> form = FindForm(name);
  if (!form.has_value()) {
    return Wrong(place,
                 absl::StrCat("there is no form \"", name.substr(0, 60), "\""));
  }
  return *form;
}

absl::Status CheckLength(const std::string& text, size_t most,
                         const std::string& place) {
  if (text.size() <= most) return absl::OkStatus();
  return Wrong(place,
               absl::StrCat(text.size(), " bytes long; send at most ", most));
}

// Reads each element with `read(element, place)`.
template <typename Read>
auto ReadElements(const Json* json, const std::string& place, size_t most,
                  Read read)
    -> absl::StatusOr<std::vector<typename std::invoke_result_t<
        Read, const Json&, std::string>::value_type>> {
  std::vector<
      typename std::invoke_result_t<Read, const Json&, std::string>::value_type>
      elements;
  if (json == nullptr || !json->is_array()) {
    return Wrong(place, "must be an array");
  }
  if (json->size() > most) {
    return Wrong(place, absl::StrCat("has ", json->size(),
                                     " elements; send at most ", most));
  }
  elements.reserve(json->size());
  for (size_t i = 0; i < json->size(); ++i) {
    auto element = read((*json)[i], absl::StrCat(place, "[", i, "]"));
    if (!element.ok()) return element.status();
    elements.push_back(*std::move(element));
  }
  return elements;
}

// The array of a body that has nothing else.
template <typename Read>
auto ReadOnlyArray(const Json& json, const char* key, size_t most, Read read)
    -> decltype(ReadElements(&json, "", most, read)) {
  ObjectReader reader(json, "");
  const Json* array = reader.Take(key);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  return ReadElements(array, key, most, read);
}

absl::StatusOr<IpPrefix> PrefixElement(const Json& json, std::string place) {
  if (!json.is_string()) return Wrong(place, "must be a string");
  return PrefixFrom(json.get<std::string>(), place);
}

absl::StatusOr<uint64_t> TestElement(const Json& json, std::string place) {
  uint64_t test = 0;
  if (!json.is_number_unsigned())
    return Wrong(place, "must be a test's number");
  absl::Status status =
      CheckRange(json.get<uint64_t>(), 1, kMaxTestId, place, &test);
  if (!status.ok()) return status;
  return test;
}

// What every session is known by.
struct SessionWords {
  std::string target;
  uint64_t port = 25;
  uint64_t test = 0;
  uint64_t session = 0;

  void TakeFrom(ObjectReader* reader) {
    reader->Take("target", &target);
    reader->Take("port", &port);
    reader->Take("test", &test);
    reader->Take("session", &session);
  }
  absl::Status Fill(const std::string& place, RelayTarget* relay_target,
                    uint64_t* test_id, int* session_number) const {
    absl::StatusOr<IpPrefix> address = AddressFrom(target, At(place, "target"));
    if (!address.ok()) return address.status();
    relay_target->address = *address;
    absl::Status status =
        CheckRange(port, 1, 65535, At(place, "port"), &relay_target->port);
    if (!status.ok()) return status;
    status = CheckRange(test, 1, kMaxTestId, At(place, "test"), test_id);
    if (!status.ok()) return status;
    return CheckRange(session, 1, 1'000'000, At(place, "session"),
                      session_number);
  }
};

absl::StatusOr<LeasedSession::Probe> ProbeElement(const Json& json,
                                                  std::string place) {
  LeasedSession::Probe probe;
  std::string form;
  ObjectReader reader(json, place);
  reader.Take("form", &form);
  reader.Take("token", &probe.token);
  reader.Take("sender_token", &probe.sender_token);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  absl::StatusOr<FormId> id = FormFrom(form, At(place, "form"));
  if (!id.ok()) return id.status();
  probe.form = *id;
  // They become parts of SMTP commands.
  for (const auto& [token, key] :
       {std::pair<const std::string&, const char*>(probe.token, "token"),
        {probe.sender_token, "sender_token"}}) {
    if (!ReadToken(token).has_value()) {
      return Wrong(At(place, key), "is no token");
    }
  }
  return probe;
}

absl::StatusOr<LeasedSession> LeasedElement(const Json& json,
                                            std::string place) {
  LeasedSession session;
  SessionWords words;
  std::string until;
  uint64_t max_messages = 0;
  ObjectReader reader(json, place);
  words.TakeFrom(&reader);
  reader.Take("until", &until);
  reader.Take("max_messages", &max_messages);
  const Json* probes = reader.Take("probes");
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  absl::Status status =
      words.Fill(place, &session.target, &session.test, &session.session);
  if (!status.ok()) return status;
  absl::StatusOr<int64_t> end = ParseIsoTime(until);
  if (!end.ok()) return Wrong(At(place, "until"), end.status().message());
  session.until = *end;
  status = CheckRange(max_messages, 0, kFormCount, At(place, "max_messages"),
                      &session.max_messages);
  if (!status.ok()) return status;
  absl::StatusOr<std::vector<LeasedSession::Probe>> read =
      ReadElements(probes, At(place, "probes"), kFormCount, ProbeElement);
  if (!read.ok()) return read.status();
  session.probes = *std::move(read);
  return session;
}

using AskedForm = std::pair<FormId, FormOutcome>;

absl::StatusOr<AskedForm> OutcomeElement(const Json& json, std::string place) {
  std::string form;
  std::string outcome;
  ObjectReader reader(json, place);
  reader.Take("form", &form);
  reader.Take("outcome", &outcome);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  absl::StatusOr<FormId> id = FormFrom(form, At(place, "form"));
  if (!id.ok()) return id.status();
  AskedForm asked = {*id, FormOutcome::kNotAsked};
  absl::Status status = ReadName(outcome, kFormOutcomeCount, &FormOutcomeName,
                                 At(place, "outcome"), &asked.second);
  if (!status.ok()) return status;
  return asked;
}

absl::StatusOr<FinishedSession> FinishedElement(const Json& json,
                                                std::string place) {
  FinishedSession session;
  SessionReport& report = session.report;
  SessionWords words;
  std::string end;
  std::string tester;
  ObjectReader reader(json, place);
  words.TakeFrom(&reader);
  reader.Take("end", &end);
  const Json* outcomes = reader.Take("outcomes");
  reader.Take("transcript", &session.transcript);
  reader.Take("tester", &tester);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  absl::Status status =
      words.Fill(place, &session.target, &report.test, &report.session);
  if (!status.ok()) return status;
  status = ReadName(end, kSessionEndCount, &SessionEndName, At(place, "end"),
                    &report.end);
  if (!status.ok()) return status;
  absl::StatusOr<std::vector<AskedForm>> asked =
      ReadElements(outcomes, At(place, "outcomes"), kFormCount, OutcomeElement);
  if (!asked.ok()) return asked.status();
  report.outcomes = *std::move(asked);
  FormSet seen = 0;
  for (const auto& [form, outcome] : report.outcomes) {
    if ((seen & BitOf(form)) != 0) {
      return Wrong(At(place, "outcomes"),
                   absl::StrCat(Forms()[form].name, " stands there twice"));
    }
    seen |= BitOf(form);
  }
  status = CheckLength(session.transcript, kMaxTranscriptBytes,
                       At(place, "transcript"));
  if (!status.ok()) return status;
  // Without a connection there is none.
  if (tester.empty()) return session;
  absl::StatusOr<IpPrefix> from = AddressFrom(tester, At(place, "tester"));
  if (!from.ok()) return from.status();
  session.tester = from->ToString();
  return session;
}

absl::StatusOr<RelayOptOut> OptOutElement(const Json& json, std::string place) {
  RelayOptOut opt_out;
  std::string prefix;
  std::string created;
  ObjectReader reader(json, place);
  reader.Take("prefix", &prefix);
  reader.Take("created", &created);
  reader.Take("author", &opt_out.author);
  reader.Take("note", &opt_out.note);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  absl::StatusOr<IpPrefix> read = PrefixFrom(prefix, At(place, "prefix"));
  if (!read.ok()) return read.status();
  opt_out.prefix = *read;
  absl::StatusOr<int64_t> time = ParseIsoTime(created);
  if (!time.ok()) return Wrong(At(place, "created"), time.status().message());
  opt_out.created = *time;
  return opt_out;
}

}  // namespace

absl::StatusOr<RelayReportRequest> RelayReportRequestFromJson(
    const Json& json) {
  RelayReportRequest request;
  std::string target;
  ObjectReader reader(json, "");
  reader.Take("target", &target);
  reader.Take("reporter", &request.reporter);
  reader.Take("note", &request.note);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  absl::StatusOr<IpPrefix> address = AddressFrom(target, "target");
  if (!address.ok()) return address.status();
  request.target = *address;
  absl::Status status = CheckText(request.reporter, "reporter");
  if (status.ok()) status = CheckText(request.note, "note");
  if (!status.ok()) return status;
  return request;
}

absl::StatusOr<IpPrefix> RecheckRequestFromJson(const Json& json) {
  std::string target;
  ObjectReader reader(json, "");
  reader.Take("target", &target);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  return AddressFrom(target, "target");
}

absl::StatusOr<OptOutRequest> OptOutRequestFromJson(const Json& json) {
  OptOutRequest request;
  std::string verb;
  std::string prefix;
  ObjectReader reader(json, "");
  reader.Take("verb", &verb);
  reader.Take("prefix", &prefix);
  reader.Take("note", &request.note);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  if (verb != "add" && verb != "remove") {
    return Wrong("verb", "must be add or remove");
  }
  request.add = verb == "add";
  absl::StatusOr<IpPrefix> read = PrefixFrom(prefix, "prefix");
  if (!read.ok()) return read.status();
  request.prefix = *read;
  if (!request.add && !request.note.empty()) {
    return Wrong("note", "only an \"add\" has one");
  }
  absl::Status status = CheckText(request.note, "note");
  if (!status.ok()) return status;
  return request;
}

absl::StatusOr<std::vector<RelayOptOut>> OptOutsFromJson(const Json& json) {
  return ReadOnlyArray(json, "optouts", kMaxPrefixes, OptOutElement);
}

absl::StatusOr<int> LeaseRequestFromJson(const Json& json) {
  uint64_t limit = 0;
  ObjectReader reader(json, "");
  reader.Take("limit", &limit);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  int checked = 0;
  absl::Status status =
      CheckRange(limit, 1, kMaxRelayLeases, "limit", &checked);
  if (!status.ok()) return status;
  return checked;
}

absl::StatusOr<std::vector<LeasedSession>> LeaseReplyFromJson(
    const Json& json) {
  return ReadOnlyArray(json, "sessions", kMaxRelayLeases, LeasedElement);
}

absl::StatusOr<std::vector<FinishedSession>> ResultsRequestFromJson(
    const Json& json) {
  return ReadOnlyArray(json, "sessions", kMaxRelayResults, FinishedElement);
}

absl::StatusOr<std::vector<bool>> ResultsReplyFromJson(const Json& json) {
  return ReadOnlyArray(
      json, "applied", kMaxRelayResults,
      [](const Json& one, std::string place) -> absl::StatusOr<bool> {
        if (!one.is_boolean()) return Wrong(place, "must be true or false");
        return one.get<bool>();
      });
}

absl::StatusOr<std::string> TokenRequestFromJson(const Json& json) {
  std::string token;
  ObjectReader reader(json, "");
  const bool present = reader.Take("token") != nullptr;
  reader.Take("token", &token);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  if (!present) return Wrong("token", "missing");
  return token;
}

absl::StatusOr<TokenReply> TokenReplyFromJson(const Json& json) {
  TokenReply reply;
  std::string state;
  std::string kind;
  std::string form;
  ObjectReader reader(json, "");
  reader.Take("state", &state);
  reader.Take("kind", &kind);
  reader.Take("form", &form);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  absl::Status status =
      ReadName(state, kTokenStateCount, &TokenStateName, "state", &reply.state);
  if (!status.ok()) return status;
  if (!kind.empty()) {
    TokenKind read = TokenKind::kRecipient;
    status = ReadName(kind, 2, &TokenKindName, "kind", &read);
    if (!status.ok()) return status;
    reply.kind = read;
  }
  if (!form.empty()) {
    absl::StatusOr<FormId> id = FormFrom(form, "form");
    if (!id.ok()) return id.status();
    reply.form = *id;
  }
  return reply;
}

absl::StatusOr<Arrival> ArrivalRequestFromJson(const Json& json) {
  Arrival arrival;
  std::string peer;
  ObjectReader reader(json, "");
  const bool present = reader.Take("token") != nullptr;
  reader.Take("token", &arrival.token);
  reader.Take("peer", &peer);
  reader.Take("message", &arrival.message);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  if (!present) return Wrong("token", "missing");
  absl::StatusOr<IpPrefix> address = AddressFrom(peer, "peer");
  if (!address.ok()) return address.status();
  arrival.peer = *address;
  absl::Status status =
      CheckLength(arrival.message, kMaxArrivedMessageBytes, "message");
  if (!status.ok()) return status;
  return arrival;
}

absl::StatusOr<ArrivalReply> ArrivalReplyFromJson(const Json& json) {
  ArrivalReply reply;
  std::string state;
  std::string verdict = VerdictName(Verdict::kNone);
  ObjectReader reader(json, "");
  reader.Take("state", &state);
  reader.Take("verdict", &verdict);
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  absl::Status status =
      ReadName(state, kTokenStateCount, &TokenStateName, "state", &reply.state);
  if (status.ok()) {
    status = ReadName(verdict, kVerdictCount, &VerdictName, "verdict",
                      &reply.verdict);
  }
  if (!status.ok()) return status;
  return reply;
}

absl::StatusOr<std::vector<uint64_t>> ProvenRequestFromJson(const Json& json) {
  return ReadOnlyArray(json, "tests", kMaxProvenTests, TestElement);
}

absl::StatusOr<std::vector<uint64_t>> ProvenReplyFromJson(const Json& json) {
  return ReadOnlyArray(json, "proven", kMaxProvenTests, TestElement);
}

absl::StatusOr<TesterSettings> TesterSettingsFromJson(const Json& json) {
  TesterSettings settings;
  uint64_t port = 0;
  ObjectReader reader(json, "");
  reader.Take("domain", &settings.domain);
  reader.Take("url", &settings.url);
  reader.Take("contact", &settings.contact);
  reader.Take("port", &port);
  const Json* never = reader.Take("never");
  const Json* lab_networks = reader.Take("lab_networks");
  if (absl::Status s = reader.Finish(); !s.ok()) return s;
  if (settings.domain.empty()) return Wrong("domain", "missing");
  absl::Status status = CheckRange(port, 1, 65535, "port", &settings.port);
  if (!status.ok()) return status;
  absl::StatusOr<std::vector<IpPrefix>> read =
      ReadElements(never, "never", kMaxPrefixes, PrefixElement);
  if (!read.ok()) return read.status();
  settings.never = *std::move(read);
  read =
      ReadElements(lab_networks, "lab_networks", kMaxPrefixes, PrefixElement);
  if (!read.ok()) return read.status();
  settings.lab_networks = *std::move(read);
  return settings;
}

}  // namespace rbld
