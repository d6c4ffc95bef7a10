// Looking things up: targets, listings, history, audit.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/api_routes.h"
#include "control/query_reader.h"
#include "control/target_answers.h"
#include "store/target.h"
#include "zones/written_target.h"

namespace rbld {
namespace {

constexpr int kMaxPage = 10'000;
constexpr int kDefaultPage = 100;

Detail DetailFor(Role role) {
  return role == Role::kPublic ? Detail::kPublic : Detail::kFull;
}

const char* StateName(TargetAnswer::State state) {
  switch (state) {
    case TargetAnswer::State::kNotListed:
      return "not_listed";
    case TargetAnswer::State::kListed:
      return "listed";
    case TargetAnswer::State::kRefused:
      return "refused";
    case TargetAnswer::State::kFailed:
      return "failed";
  }
  return "unknown";
}

Json ToJson(const TargetAnswer& answer) {
  Json json;
  json["zone"] = answer.zone;
  json["subzone"] =
      answer.subzone.empty() ? Json(nullptr) : Json(answer.subzone);
  json["asked"] = answer.asked;
  json["state"] = StateName(answer.state);
  json["codes"] = answer.codes;
  json["texts"] = Json::array();
  for (const std::string& text : answer.texts) {
    json["texts"].push_back(text);
  }
  json["from"] = Json::array();
  for (const TargetAnswer::Origin& origin : answer.from) {
    Json one;
    if (!origin.list.empty()) {
      one["list"] = origin.list;
    } else {
      one["dataset"] = origin.dataset;
      one["exempt"] = origin.exempt;
    }
    json["from"].push_back(std::move(one));
  }
  return json;
}

Json ToJson(const DatasetLines& dataset) {
  Json json;
  json["name"] = dataset.dataset;
  json["changed"] = dataset.changed;
  json["error"] = dataset.error.empty() ? Json(nullptr) : Json(dataset.error);
  json["lines"] = Json::array();
  for (const DatasetLines::Line& line : dataset.lines) {
    Json one;
    one["file"] = line.file;
    one["line"] = line.line;
    one["text"] = line.text;
    one["excluded"] = line.excluded;
    json["lines"].push_back(std::move(one));
  }
  json["line_count"] = dataset.count;
  return json;
}

void AddTo(Json* json, const TargetAnswers& answers, Role role) {
  (*json)["zones"] = Json::array();
  for (const TargetAnswer& answer : answers.zones) {
    (*json)["zones"].push_back(ToJson(answer));
  }
  if (role != Role::kOperator) return;
  (*json)["datasets"] = Json::array();
  for (const DatasetLines& dataset : answers.datasets) {
    (*json)["datasets"].push_back(ToJson(dataset));
  }
}

bool Holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The reply says what a name in UTF-8 was taken for.
absl::StatusOr<Target> ParsedTarget(absl::string_view text) {
  absl::StatusOr<WrittenTarget> written = ParseWrittenTarget(text);
  if (!written.ok()) return written.status();
  return std::move(written->target);
}

absl::Status NoSuchList(const std::string& list,
                        const std::vector<std::string>& names) {
  return absl::NotFoundError(
      absl::StrCat("there is no list ", list.substr(0, 64),
                   "; there are: ", absl::StrJoin(names, ", ")));
}

}  // namespace

ApiResponse ApiRoutes::GetTarget(ApiRequest& request,
                                 const std::string& argument) {
  QueryReader query(request.query);
  std::string list;
  query.Take("list", &list);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  const absl::StatusOr<Target> target = ParsedTarget(argument);
  if (!target.ok()) return ErrorResponse(target.status());
  if (!list.empty() && !Holds(ListNames(), list)) {
    return ErrorResponse(NoSuchList(list, ListNames()));
  }
  const absl::StatusOr<TargetReport> report = publisher_.Report(*target);
  if (!report.ok()) return ErrorResponse(report.status());

  const std::shared_ptr<const Config> config = daemon_.config();
  Json json;
  json["target"] = target->ToString();
  json["kind"] = KindName(target->kind());
  bool listed = false;
  Json lists = Json::array();
  for (const TargetReport::PerList& per_list : report->lists) {
    if (!list.empty() && per_list.list != list) continue;
    Json one = ToJson(per_list, DetailFor(request.role));
    // Without zones, this is a store without its configuration, of which
    // nobody knows who publishes it.
    const bool published = config->zones.empty() ||
                           IsPublished(*config, per_list.list, target->kind());
    one["published"] = published;
    listed = listed || (published && !per_list.effective.empty());
    lists.push_back(std::move(one));
  }
  if (list.empty()) {
    const std::optional<TargetAnswers> answers = daemon_.AnswersAbout(
        *target, /*lines=*/request.role == Role::kOperator);
    if (answers.has_value()) {
      // Of a zone that refuses to tell, the lists are all that is known.
      const bool in_lists = listed;
      listed = false;
      for (const TargetAnswer& answer : answers->zones) {
        listed = listed || answer.state == TargetAnswer::State::kListed ||
                 (in_lists && answer.state == TargetAnswer::State::kRefused);
      }
      AddTo(&json, *answers, request.role);
    }
  }
  json["listed"] = listed;
  json["lists"] = std::move(lists);
  return JsonResponse(json);
}

ApiResponse ApiRoutes::GetListings(ApiRequest& request, const std::string&) {
  FindQuery find;
  find.limit = kDefaultPage;
  std::string within;
  std::string cursor;
  QueryReader query(request.query);
  query.Take("list", &find.list);
  query.Take("source", &find.source);
  query.Take("within", &within);
  query.Take("text", &find.text);
  query.Take("cursor", &cursor);
  query.Take("limit", 1, kMaxPage, &find.limit);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  if (!find.list.empty() && !Holds(ListNames(), find.list)) {
    return ErrorResponse(NoSuchList(find.list, ListNames()));
  }
  if (!within.empty()) {
    const absl::StatusOr<Target> target = ParsedTarget(within);
    if (!target.ok()) {
      return ErrorResponse(absl::InvalidArgumentError(
          absl::StrCat("within: ", target.status().message())));
    }
    find.within = *target;
  }
  // The store's cursors are bytes; the API's are text without meaning.
  if (!absl::WebSafeBase64Unescape(cursor, &find.cursor)) {
    return ErrorResponse(400, "invalid",
                         "cursor: give next_cursor of the page before");
  }
  const absl::StatusOr<FindPage> page = publisher_.Find(find);
  if (!page.ok()) return ErrorResponse(page.status());

  const Detail detail = DetailFor(request.role);
  Json json;
  json["listings"] = Json::array();
  for (const Listing& listing : page->listings) {
    json["listings"].push_back(ToJson(listing, detail));
  }
  json["exemptions"] = Json::array();
  for (const Exemption& exemption : page->exemptions) {
    json["exemptions"].push_back(ToJson(exemption, detail));
  }
  // These are served, too, and cannot be searched here.
  json["watched"] = WatchedDatasets(*daemon_.config(), find.list);
  json["next_cursor"] =
      page->next_cursor.empty()
          ? Json(nullptr)
          : Json(absl::WebSafeBase64Escape(page->next_cursor));
  return JsonResponse(json);
}

ApiResponse ApiRoutes::GetHistory(ApiRequest& request, const std::string&) {
  std::string list;
  std::string text;
  int limit = kDefaultPage;
  QueryReader query(request.query);
  query.Take("list", &list);
  query.Take("target", &text);
  query.Take("limit", 1, kMaxPage, &limit);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  const absl::StatusOr<Target> target = ParsedTarget(text);
  if (!target.ok()) {
    return ErrorResponse(absl::InvalidArgumentError(
        absl::StrCat("target: ", target.status().message())));
  }
  if (!list.empty() && !Holds(ListNames(), list)) {
    return ErrorResponse(NoSuchList(list, ListNames()));
  }
  std::vector<HistoryEntry> entries;
  for (const std::string& name :
       list.empty() ? ListNames() : std::vector<std::string>{list}) {
    absl::StatusOr<std::vector<HistoryEntry>> part =
        publisher_.History(name, *target, limit);
    if (!part.ok()) return ErrorResponse(part.status());
    std::move(part->begin(), part->end(), std::back_inserter(entries));
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const HistoryEntry& a, const HistoryEntry& b) {
                     return a.sequence > b.sequence;
                   });
  if (entries.size() > static_cast<size_t>(limit)) entries.resize(limit);
  Json json;
  json["target"] = target->ToString();
  json["entries"] = Json::array();
  for (const HistoryEntry& entry : entries) {
    json["entries"].push_back(ToJson(entry));
  }
  return JsonResponse(json);
}

ApiResponse ApiRoutes::GetAudit(ApiRequest& request, const std::string&) {
  int limit = kDefaultPage;
  QueryReader query(request.query);
  query.Take("limit", 1, kMaxPage, &limit);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  const absl::StatusOr<std::vector<HistoryEntry>> entries =
      publisher_.Audit(limit);
  if (!entries.ok()) return ErrorResponse(entries.status());
  Json json;
  json["entries"] = Json::array();
  for (const HistoryEntry& entry : *entries) {
    Json one = ToJson(entry);
    // An audit record counts what it changed; the history has each change.
    one.erase("kind");
    one["added"] = entry.added;
    one["changed"] = entry.changed;
    one["removed"] = entry.removed;
    one["what"] = entry.what;
    json["entries"].push_back(std::move(one));
  }
  return JsonResponse(json);
}

}  // namespace rbld
