// POST /v1/imports.
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/api_routes.h"
#include "control/peer.h"
#include "control/query_reader.h"
#include "control/time_text.h"
#include "store/guard.h"
#include "store/import.h"
#include "store/value.h"
#include "zones/byte_source.h"
#include "zones/feed_reader.h"

namespace rbld {
namespace {

constexpr size_t kMaxTextBytes = 1024;

// What the query says, checked as far as it can be without the list.
struct ImportQuery {
  ImportOptions options;
  FeedFormat format = FeedFormat::kPlain;
  std::string code;
  std::string reason;
};

absl::Status CheckText(const char* key, absl::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the parameter ", key, " has more than ", kMaxTextBytes, " bytes"));
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return absl::InvalidArgumentError(
          absl::StrCat("the parameter ", key, " holds a control character"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ImportQuery> ReadQuery(const ApiRequest& request,
                                      int64_t now_seconds) {
  ImportQuery import;
  ImportOptions& options = import.options;
  std::string format = "plain";
  std::string expires;
  std::string file;
  std::string actor;
  QueryReader query(request.query);
  query.Take("list", &options.list);
  query.Take("source", &options.source);
  query.Take("format", &format);
  query.Take("code", &import.code);
  query.Take("reason", &import.reason);
  query.Take("expires", &expires);
  query.TakePercent("max_shrink", &options.max_shrink);
  query.TakePercent("max_grow", &options.max_grow);
  query.Take("force", &options.force);
  query.Take("strict", &options.strict);
  query.Take("dry_run", &options.dry_run);
  query.Take("why", &options.why);
  query.Take("file", &file);
  query.Take("actor", &actor);
  if (absl::Status s = query.Finish(); !s.ok()) return s;
  for (const auto& [key, text] :
       {std::pair<const char*, const std::string&>("why", options.why),
        {"file", file},
        {"actor", actor},
        {"source", options.source}}) {
    if (absl::Status s = CheckText(key, text); !s.ok()) return s;
  }
  if (options.source.empty()) {
    return absl::InvalidArgumentError(
        "name the feed: source=NAME (its import replaces what that source "
        "listed before)");
  }
  const absl::StatusOr<FeedFormat> parsed = ParseFeedFormat(format);
  if (!parsed.ok()) return parsed.status();
  import.format = *parsed;
  options.precedence = PrecedenceOf(import.format);
  if (!expires.empty()) {
    const absl::StatusOr<int64_t> moment = ParseExpiry(expires, now_seconds);
    if (!moment.ok()) return moment.status();
    options.expires = *moment;
  }
  options.actor = ActorText(actor, request.peer);
  options.request = file.empty() ? "import" : absl::StrCat("import ", file);
  return import;
}

// What an importer, a program that fetches feeds by itself, may not do.
absl::Status CheckImporterRights(const ImportOptions& options) {
  if (options.source == "manual" || options.source == "relay-test") {
    return absl::PermissionDeniedError(absl::StrCat(
        "the importer socket may not replace the listings of the source ",
        options.source, "; use the operator's socket"));
  }
  const ImportOptions defaults;
  if (options.force || options.max_shrink > defaults.max_shrink ||
      options.max_grow > defaults.max_grow) {
    return absl::PermissionDeniedError(
        "the importer socket may not pass the guard of growth and shrinking; "
        "look at the feed, then import it through the operator's socket");
  }
  return absl::OkStatus();
}

// The values of lines that give none.
absl::StatusOr<ValueSet> DefaultValues(const ImportQuery& query,
                                       const ListSpec& spec) {
  if (query.code.empty() && query.reason.empty()) return spec.default_values;
  Value value = spec.default_values.front();
  if (!query.code.empty()) {
    const absl::StatusOr<uint32_t> code = ParseCode(query.code);
    if (!code.ok()) return code.status();
    value.code = *code;
  }
  if (!query.reason.empty()) value.reason = query.reason;
  const ValueSet values = {value};
  if (absl::Status s = CheckValues(spec.policy, values); !s.ok()) return s;
  return values;
}

// A feed that cannot be unpacked is the client's mistake, not a fault of ours,
// and one that is too large has nothing to do with the disk.
absl::Status FeedError(const absl::Status& status) {
  if (absl::IsDataLoss(status) || absl::IsResourceExhausted(status)) {
    return absl::InvalidArgumentError(status.message());
  }
  return status;
}

absl::Status StrictError(const Import& import) {
  const FeedLineNote& first = import.rejected().front();
  return absl::FailedPreconditionError(absl::StrCat(
      import.rejected_count(), " lines were rejected, the first is line ",
      first.line, " (", first.text, "): ", first.why,
      "; repair the feed, or import it without strict"));
}

Json SummaryToJson(const ImportSummary& summary, const FeedCounts& counts,
                   const ImportOptions& options) {
  Json json;
  json["list"] = options.list;
  json["source"] = options.source;
  json["dry_run"] = options.dry_run;
  json["lines"] = counts.lines;
  json["entries"] = counts.entries;
  json["other_source"] = counts.other_source;
  json.update(ToJson(summary));
  return json;
}

// The kinds of what it lists.
std::set<TargetKind> KindsOf(Import& import) {
  std::set<TargetKind> kinds;
  if (!import.ipv4().empty()) kinds.insert(TargetKind::kIpv4);
  for (const Import::OtherEntry& entry : import.others()) {
    if (!entry.exemption) kinds.insert(entry.target.kind());
  }
  return kinds;
}

}  // namespace

ApiResponse ApiRoutes::PostImports(ApiRequest& request, const std::string&) {
  absl::StatusOr<ImportQuery> query = ReadQuery(request, clock_.NowSeconds());
  if (!query.ok()) return ErrorResponse(query.status());
  ImportOptions& options = query->options;
  if (request.role == Role::kImporter) {
    if (absl::Status s = CheckImporterRights(options); !s.ok()) {
      return ErrorResponse(s);
    }
  }
  const absl::StatusOr<std::string> list = ListOrDefault(options.list);
  if (!list.ok()) return ErrorResponse(list.status());
  options.list = *list;
  const absl::StatusOr<ListSpec> spec = publisher_.list_spec(options.list);
  if (!spec.ok()) return ErrorResponse(spec.status());
  absl::StatusOr<ValueSet> values = DefaultValues(*query, *spec);
  if (!values.ok()) return ErrorResponse(values.status());

  FeedOptions feed;
  feed.format = query->format;
  feed.default_values = *std::move(values);
  feed.source = options.source;
  auto import = std::make_shared<Import>(spec->policy);
  std::unique_ptr<ByteSource> body =
      request.body_stream != nullptr ? std::move(request.body_stream)
                                     : StringSource(std::move(request.body));
  const std::unique_ptr<ByteSource> bytes = Decompress(std::move(body));
  const absl::StatusOr<FeedCounts> counts =
      ReadFeed(bytes.get(), feed, import.get());
  if (!counts.ok()) return ErrorResponse(FeedError(counts.status()));

  if (options.strict && import->rejected_count() > 0) {
    return ErrorResponse(StrictError(*import));
  }

  Json notes = Json::array();
  for (const TargetKind kind : KindsOf(*import)) {
    const std::string note = UnpublishedNote(options.list, kind);
    if (!note.empty()) notes.push_back(note);
  }
  auto run = [this, import, options, counts = *counts,
              notes](const ProgressCallback& progress) -> absl::StatusOr<Json> {
    const absl::StatusOr<ImportSummary> summary =
        publisher_.RunImport(std::move(*import), options, progress);
    if (!summary.ok()) return summary.status();
    Json json = SummaryToJson(*summary, counts, options);
    if (!notes.empty()) json["notes"] = notes;
    return json;
  };
  if (WantsProgress(request)) return ProgressResponse(std::move(run));
  const absl::StatusOr<Json> json = run(nullptr);
  return json.ok() ? JsonResponse(*json) : ErrorResponse(json.status());
}

}  // namespace rbld
