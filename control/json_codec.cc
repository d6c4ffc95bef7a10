#include "control/json_codec.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/time_text.h"
#include "store/target.h"
#include "zones/dump_format.h"
#include "zones/duration.h"
#include "zones/written_target.h"

namespace rbld {
namespace {

constexpr int kMaxTextBytes = 4096;  // of notes, reasons why, actors

absl::StatusOr<Value> ValueFromJson(const Json& json, std::string place) {
  Value value;
  std::string code;
  uint64_t ttl_seconds = 0;
  ObjectReader reader(json, place);
  reader.Take("code", &code);
  reader.Take("reason", &value.reason);
  reader.Take("ttl", &ttl_seconds);
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  absl::StatusOr<uint32_t> parsed = ParseCode(code);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ".code: ", parsed.status().message()));
  }
  value.code = *parsed;
  if (ttl_seconds > kMaxTtlSeconds) {
    return absl::InvalidArgumentError(absl::StrCat(
        place, ".ttl: at most ", kMaxTtlSeconds, " (RFC 2181 §8)"));
  }
  value.ttl_seconds = static_cast<uint32_t>(ttl_seconds);
  return value;
}

absl::Status TakeValues(const Json* json, const std::string& place,
                        ValueSet* values) {
  if (json == nullptr) return absl::OkStatus();
  if (!json->is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ": must be an array of objects"));
  }
  if (json->size() > static_cast<size_t>(kMaxValuesPerListing)) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ": at most ", kMaxValuesPerListing, " values"));
  }
  for (size_t i = 0; i < json->size(); ++i) {
    absl::StatusOr<Value> value =
        ValueFromJson((*json)[i], absl::StrCat(place, "[", i, "]"));
    if (!value.ok()) return value.status();
    values->push_back(*std::move(value));
  }
  Normalize(values);
  return absl::OkStatus();
}

absl::Status ParseVerb(const std::string& text, const std::string& place,
                       Change* change) {
  for (const Change::Verb verb :
       {Change::Verb::kAdd, Change::Verb::kRemove, Change::Verb::kExempt,
        Change::Verb::kUnexempt}) {
    if (text == VerbName(verb)) {
      change->verb = verb;
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat(place, ".verb: must be add, remove, exempt or unexempt"));
}

// The words of one change, before they are given a meaning.
struct ChangeWords {
  std::string verb;
  std::string target;
  std::string expires;
};

// What is said of a target in UTF-8, which becomes `ascii`.
std::string AsciiNote(Change::Verb verb, const std::string& text,
                      const std::string& ascii) {
  return absl::StrCat(text,
                      verb == Change::Verb::kAdd      ? " is listed as "
                      : verb == Change::Verb::kExempt ? " is exempt as "
                                                      : " is read as ",
                      ascii);
}

absl::Status FillInTarget(const ChangeWords& words, const std::string& place,
                          const ChangeContext& context, Change* change,
                          std::string* note) {
  absl::StatusOr<WrittenTarget> written = ParseWrittenTarget(words.target);
  absl::Status status = written.status();
  // What is there already may have other names, and must go again.
  if (status.ok() && (change->verb == Change::Verb::kAdd ||
                      change->verb == Change::Verb::kExempt)) {
    const auto rule = context.name_rules.find(change->list);
    status = CheckListable(written->target, rule == context.name_rules.end()
                                                ? NameRule::kHost
                                                : rule->second);
  }
  if (!status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ".target: ", status.message()));
  }
  if (!written->ascii.empty()) {
    *note = AsciiNote(change->verb, words.target, written->ascii);
  }
  change->target = std::move(written->target);
  return absl::OkStatus();
}

absl::Status FillIn(const ChangeWords& words, const Json* values,
                    const std::string& place, const ChangeContext& context,
                    Change* change, std::string* note) {
  if (absl::Status s = ParseVerb(words.verb, place, change); !s.ok()) return s;
  if (absl::Status s = FillInTarget(words, place, context, change, note);
      !s.ok()) {
    return s;
  }
  if (absl::Status s = TakeValues(values, place + ".values", &change->values);
      !s.ok()) {
    return s;
  }
  if (!change->values.empty() && change->verb != Change::Verb::kAdd) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ".values: only an \"add\" has values"));
  }
  if (!words.expires.empty()) {
    absl::StatusOr<int64_t> expires =
        ParseExpiry(words.expires, context.now_seconds);
    if (!expires.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(place, ".expires: ", expires.status().message()));
    }
    change->expires = *expires;
  }
  return CheckText(change->note, place + ".note");
}

absl::StatusOr<Change> ChangeFromJson(const Json& json,
                                      const std::string& place,
                                      const ChangeContext& context,
                                      std::string* note) {
  Change change;
  ChangeWords words;
  ObjectReader reader(json, place);
  reader.Take("verb", &words.verb);
  // Without a source an "add" is the operator's own, every other change
  // speaks of the whole list.
  change.source = words.verb == "add" ? "manual" : "";
  change.list = context.default_list;
  reader.Take("list", &change.list);
  reader.Take("source", &change.source);
  reader.Take("target", &words.target);
  reader.Take("expires", &words.expires);
  reader.Take("note", &change.note);
  const Json* values = reader.Take("values");
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  // A script's empty variable must not come to mean every source.
  const auto source = json.find("source");
  if (source != json.end() && source->is_string() && change.source.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        place, ".source: empty; name a source, or leave the key out"));
  }
  if (change.list.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        place,
        ".list: missing; name one (only where there is a single list may "
        "it be left out)"));
  }
  if (words.target.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        place, ".target: missing; give an address, a prefix or a name"));
  }
  if (absl::Status status =
          FillIn(words, values, place, context, &change, note);
      !status.ok()) {
    return status;
  }
  return change;
}

// Words for programs.
const char* OutcomeWord(ChangeOutcome outcome) {
  switch (outcome) {
    case ChangeOutcome::kAdded:
      return "added";
    case ChangeOutcome::kChanged:
      return "changed";
    case ChangeOutcome::kUnchanged:
      return "unchanged";
    case ChangeOutcome::kRemoved:
      return "removed";
    case ChangeOutcome::kNotFound:
      return "not_found";
  }
  return "unknown";
}

void PutText(Json* json, const char* key, const std::string& text) {
  if (!text.empty()) (*json)[key] = text;
}

Json ToJson(const std::vector<FeedLineNote>& lines) {
  Json json = Json::array();
  for (const FeedLineNote& line : lines) {
    Json one;
    one["line"] = line.line;
    one["text"] = line.text;
    one["why"] = line.why;
    json.push_back(std::move(one));
  }
  return json;
}

}  // namespace

absl::Status CheckText(absl::string_view text, absl::string_view place) {
  if (text.size() > kMaxTextBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ": ", text.size(), " bytes long; write at most ",
                     kMaxTextBytes));
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return absl::InvalidArgumentError(absl::StrCat(
          place, ": holds a control character; write one line of text"));
    }
  }
  return absl::OkStatus();
}

ObjectReader::ObjectReader(const Json& json, std::string place)
    : json_(json), place_(std::move(place)) {
  if (!json_.is_object()) {
    status_ = absl::InvalidArgumentError(
        place_.empty() ? "the body must be a JSON object"
                       : absl::StrCat(place_, ": must be an object"));
  }
}

const Json* ObjectReader::Take(const char* key) {
  taken_.push_back(key);
  if (!json_.is_object()) return nullptr;
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void ObjectReader::Take(const char* key, std::string* value) {
  const Json* json = Take(key);
  if (json == nullptr) return;
  if (!json->is_string()) return Fail(key, "must be a string");
  *value = json->get<std::string>();
}

void ObjectReader::Take(const char* key, bool* value) {
  const Json* json = Take(key);
  if (json == nullptr) return;
  if (!json->is_boolean()) return Fail(key, "must be true or false");
  *value = json->get<bool>();
}

void ObjectReader::Take(const char* key, uint64_t* value) {
  const Json* json = Take(key);
  if (json == nullptr) return;
  if (!json->is_number_unsigned()) {
    return Fail(key, "must be a whole number, 0 or more");
  }
  *value = json->get<uint64_t>();
}

void ObjectReader::Fail(absl::string_view key, absl::string_view why) {
  if (!status_.ok()) return;
  status_ = absl::InvalidArgumentError(
      absl::StrCat(place_, place_.empty() ? "" : ".", key, ": ", why));
}

absl::Status ObjectReader::Finish() {
  if (!status_.ok()) return status_;
  for (const auto& [key, value] : json_.items()) {
    if (std::find(taken_.begin(), taken_.end(), key) == taken_.end()) {
      Fail(key.substr(0, 60), absl::StrCat("is no key here; the keys are ",
                                           absl::StrJoin(taken_, ", ")));
    }
  }
  return status_;
}

const char* VerbName(Change::Verb verb) {
  switch (verb) {
    case Change::Verb::kAdd:
      return "add";
    case Change::Verb::kRemove:
      return "remove";
    case Change::Verb::kExempt:
      return "exempt";
    case Change::Verb::kUnexempt:
      return "unexempt";
  }
  return "unknown";
}

const char* PrecedenceName(Precedence precedence) {
  return precedence == Precedence::kOctet ? "octet" : "longest";
}

Json TimeToJson(int64_t seconds) {
  return seconds == 0 ? Json(nullptr) : Json(IsoTime(seconds));
}

Json ToJson(const ValueSet& values) {
  Json json = Json::array();
  for (const Value& value : values) {
    Json one;
    one["code"] = CodeText(value.code);
    one["reason"] = value.reason;
    one["ttl"] = value.ttl_seconds;
    json.push_back(std::move(one));
  }
  return json;
}

Json ToJson(const Listing& listing, Detail detail) {
  Json json;
  json["list"] = listing.list;
  json["source"] = listing.source;
  json["target"] = listing.target.ToString();
  json["values"] = ToJson(listing.values);
  json["created"] = TimeToJson(listing.created);
  json["updated"] = TimeToJson(listing.updated);
  json["expires"] = TimeToJson(listing.expires);
  if (detail == Detail::kFull) {
    json["author"] = listing.author;
    json["note"] = listing.note;
  }
  return json;
}

Json ToJson(const Exemption& exemption, Detail detail) {
  Json json;
  json["list"] = exemption.list;
  json["scope"] = exemption.scope_source.empty() ? "list" : "dataset";
  json["source"] = exemption.scope_source.empty()
                       ? Json(nullptr)
                       : Json(exemption.scope_source);
  json["target"] = exemption.target.ToString();
  json["created"] = TimeToJson(exemption.created);
  json["expires"] = TimeToJson(exemption.expires);
  if (detail == Detail::kFull) {
    json["author"] = exemption.author;
    json["note"] = exemption.note;
  }
  return json;
}

Json ToJson(const TargetReport::PerList& report, Detail detail) {
  Json json;
  json["list"] = report.list;
  json["listed"] = !report.effective.empty();
  json["effective"] = ToJson(report.effective);
  json["listings"] = Json::array();
  for (const Listing& listing : report.listings) {
    json["listings"].push_back(ToJson(listing, detail));
  }
  json["exemptions"] = Json::array();
  for (const Exemption& exemption : report.exemptions) {
    json["exemptions"].push_back(ToJson(exemption, detail));
  }
  json["listings_within"] = report.listings_within;
  return json;
}

Json ToJson(const HistoryEntry& entry) {
  Json json;
  json["sequence"] = entry.sequence;
  json["time"] = TimeToJson(entry.time);
  json["kind"] = ChangeKindName(entry.kind);
  json["actor"] = entry.actor;
  json["why"] = entry.why;
  json["request"] = entry.request;
  if (entry.before) json["before"] = ToJson(*entry.before, Detail::kFull);
  if (entry.after) json["after"] = ToJson(*entry.after, Detail::kFull);
  if (entry.exemption) {
    json["exemption"] = ToJson(*entry.exemption, Detail::kFull);
  }
  return json;
}

Json ToJson(const DatasetInfo& dataset) {
  Json json;
  json["source"] = dataset.source;
  json["precedence"] = PrecedenceName(dataset.precedence);
  json["listings"] = dataset.listings;
  json["exemptions"] = dataset.exemptions;
  json["last_sequence"] = dataset.last_sequence;
  json["last_import"] = TimeToJson(dataset.last_import_time);
  return json;
}

Json ToJson(const ListInfo& list) {
  Json json;
  json["name"] = list.name;
  json["listings"] = list.listings;
  json["exemptions"] = list.exemptions;
  json["ipv4"] = list.ipv4;
  json["ipv6"] = list.ipv6;
  json["names"] = list.names;
  json["index_bytes"] = list.index_bytes;
  json["datasets"] = Json::array();
  for (const DatasetInfo& dataset : list.datasets) {
    json["datasets"].push_back(ToJson(dataset));
  }
  return json;
}

Json ToJson(const ImportSummary& summary) {
  Json json;
  json["sequence"] = summary.sequence;
  json["added"] = summary.added;
  json["removed"] = summary.removed;
  json["changed"] = summary.changed;
  json["unchanged"] = summary.unchanged;
  json["duplicates"] = summary.duplicates;
  json["rejected"] = summary.rejected;
  json["rejected_lines"] = ToJson(summary.rejected_lines);
  json["warned"] = summary.warned;
  json["warned_lines"] = ToJson(summary.warned_lines);
  return json;
}

Json ToJson(const DumpSummary& summary) {
  Json json;
  json["zone"] = summary.zone;
  json["serial"] = summary.serial;
  json["sequence"] = summary.sequence;
  json["files"] = Json::array();
  for (const DumpedFile& file : summary.files) {
    Json one;
    one["name"] = file.name;
    one["format"] = DumpFormatName(file.format);
    one["records"] = file.records;
    one["bytes"] = file.bytes;
    one["sha256"] = file.sha256_hex;
    one["left_out"] = file.left_out;
    if (!file.left_out_examples.empty()) {
      one["left_out_examples"] = file.left_out_examples;
    }
    json["files"].push_back(std::move(one));
  }
  json["refused"] = Json::array();
  for (const RefusedFormat& refused : summary.refused) {
    Json one;
    one["format"] = DumpFormatName(refused.format);
    one["reason"] = refused.reason;
    one["kept"] = refused.kept;
    json["refused"].push_back(std::move(one));
  }
  json["manifest"] = summary.manifest_path;
  return json;
}

Json ToJson(const ChangeRequest& request, const ChangeResult& result,
            const std::vector<std::string>& notes) {
  Json json;
  json["sequence"] = result.sequence;
  json["dry_run"] = request.dry_run;
  Json results = Json::array();
  Json counts = Json::object();
  for (const ChangeOutcome outcome :
       {ChangeOutcome::kAdded, ChangeOutcome::kChanged,
        ChangeOutcome::kUnchanged, ChangeOutcome::kRemoved,
        ChangeOutcome::kNotFound}) {
    counts[OutcomeWord(outcome)] =
        std::count(result.outcomes.begin(), result.outcomes.end(), outcome);
  }
  for (size_t i = 0; i < result.outcomes.size(); ++i) {
    Json one;
    if (i < request.changes.size()) {
      one["list"] = request.changes[i].list;
      one["target"] = request.changes[i].target.ToString();
    }
    one["outcome"] = OutcomeWord(result.outcomes[i]);
    if (i < notes.size() && !notes[i].empty()) {
      one["notes"] = Json::array({notes[i]});
    }
    results.push_back(std::move(one));
  }
  json["counts"] = std::move(counts);
  json["results"] = std::move(results);
  return json;
}

absl::StatusOr<ChangeRequest> ChangeRequestFromJson(
    const Json& json, const ChangeContext& context,
    std::vector<std::string>* notes) {
  ChangeRequest request;
  ObjectReader reader(json, "");
  reader.Take("actor", &request.actor);
  reader.Take("why", &request.why);
  reader.Take("request", &request.request);
  reader.Take("dry_run", &request.dry_run);
  uint64_t if_sequence = 0;
  const bool has_if_sequence = reader.Take("if_sequence") != nullptr;
  reader.Take("if_sequence", &if_sequence);
  const Json* changes = reader.Take("changes");
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  if (has_if_sequence) request.if_sequence = if_sequence;
  for (const auto& [text, place] :
       {std::pair<const std::string&, const char*>(request.actor, "actor"),
        {request.why, "why"},
        {request.request, "request"}}) {
    if (absl::Status status = CheckText(text, place); !status.ok()) {
      return status;
    }
  }
  if (changes == nullptr || !changes->is_array() || changes->empty()) {
    return absl::InvalidArgumentError(
        "changes: must be an array of at least one change");
  }
  request.changes.reserve(changes->size());
  for (size_t i = 0; i < changes->size(); ++i) {
    std::string note;
    absl::StatusOr<Change> change = ChangeFromJson(
        (*changes)[i], absl::StrCat("changes[", i, "]"), context, &note);
    if (!change.ok()) return change.status();
    if (notes != nullptr) notes->push_back(std::move(note));
    request.changes.push_back(*std::move(change));
  }
  return request;
}

Json ToJson(const ChangeRequest& request) {
  Json json;
  json["changes"] = Json::array();
  for (const Change& change : request.changes) {
    Json one;
    one["verb"] = VerbName(change.verb);
    PutText(&one, "list", change.list);
    PutText(&one, "source", change.source);
    one["target"] = change.target.ToString();
    if (!change.values.empty()) one["values"] = ToJson(change.values);
    if (change.expires != 0) one["expires"] = IsoTime(change.expires);
    PutText(&one, "note", change.note);
    json["changes"].push_back(std::move(one));
  }
  PutText(&json, "actor", request.actor);
  PutText(&json, "why", request.why);
  PutText(&json, "request", request.request);
  json["dry_run"] = request.dry_run;
  if (request.if_sequence) json["if_sequence"] = *request.if_sequence;
  return json;
}

}  // namespace rbld
