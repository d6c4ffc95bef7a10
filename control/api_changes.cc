// POST /v1/changes.
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/api_routes.h"
#include "control/peer.h"
#include "xxhash.h"

namespace rbld {
namespace {

constexpr size_t kMaxIdempotencyKeyBytes = 128;

// The key that the store remembers. Who asked and what was asked are parts of
// it, so that a key that is used again for something else is a new request
// and never gets another one's result.
std::string StoredKey(const ApiRequest& request) {
  return absl::StrCat(
      request.peer, "/", request.idempotency_key, "/",
      absl::Hex(XXH3_64bits(request.body.data(), request.body.size()),
                absl::kZeroPad16));
}

}  // namespace

std::vector<std::string> ApiRoutes::ListNames() const {
  std::vector<std::string> names;
  for (const ListConfig& list : daemon_.config()->lists) {
    names.push_back(list.name);
  }
  return names;
}

std::string ApiRoutes::DefaultList() const {
  const std::vector<std::string> names = ListNames();
  return names.size() == 1 ? names.front() : "";
}

absl::StatusOr<std::string> ApiRoutes::ListOrDefault(
    const std::string& list) const {
  const std::string chosen = list.empty() ? DefaultList() : list;
  if (!chosen.empty()) return chosen;
  return absl::InvalidArgumentError(absl::StrCat(
      "name a list; there are: ", absl::StrJoin(ListNames(), ", ")));
}

std::string ApiRoutes::UnpublishedNote(const std::string& list,
                                       TargetKind kind) const {
  const std::shared_ptr<const Config> config = daemon_.config();
  // A store without its configuration: nobody knows who publishes it.
  if (config->zones.empty() && daemon_.Status().offline) return "";
  if (IsPublished(*config, list, kind)) return "";
  return absl::StrCat("no zone publishes ", KindWords(kind), " of the list ",
                      list, ", so that DNS answers nothing of them");
}

ApiResponse ApiRoutes::PostChanges(ApiRequest& request, const std::string&) {
  absl::StatusOr<Json> json = ParseJson(request.body);
  if (!json.ok()) return ErrorResponse(json.status());
  ChangeContext context{DefaultList(), clock_.NowSeconds(), {}};
  for (const ListConfig& list : daemon_.config()->lists) {
    context.name_rules[list.name] = list.policy.names;
  }
  std::vector<std::string> notes;
  absl::StatusOr<ChangeRequest> changes =
      ChangeRequestFromJson(*json, context, &notes);
  if (!changes.ok()) return ErrorResponse(changes.status());
  if (changes->changes.size() > static_cast<size_t>(kMaxChangesPerRequest)) {
    return ErrorResponse(
        413, "too_large",
        absl::StrCat("a request has at most ", kMaxChangesPerRequest,
                     " changes; send several, or use an import"));
  }
  for (const char c : request.idempotency_key) {
    if (c < 0x21 || c > 0x7e) {
      return ErrorResponse(400, "invalid",
                           "Idempotency-Key: printable ASCII without spaces");
    }
  }
  if (request.idempotency_key.size() > kMaxIdempotencyKeyBytes) {
    return ErrorResponse(400, "invalid",
                         absl::StrCat("Idempotency-Key: at most ",
                                      kMaxIdempotencyKeyBytes, " bytes"));
  }
  if (!request.idempotency_key.empty()) {
    changes->idempotency_key = StoredKey(request);
  }
  changes->actor = ActorText(changes->actor, request.peer);
  if (changes->request.empty()) {
    changes->request = VerbName(changes->changes.front().verb);
  }
  const absl::StatusOr<ChangeResult> result = publisher_.Apply(*changes);
  if (!result.ok()) return ErrorResponse(result.status());
  Json reply = ToJson(*changes, *result, notes);
  std::set<std::string> unpublished;
  for (const Change& change : changes->changes) {
    if (change.verb != Change::Verb::kAdd) continue;
    const std::string note = UnpublishedNote(change.list, change.target.kind());
    if (!note.empty()) unpublished.insert(note);
  }
  if (!unpublished.empty()) reply["notes"] = unpublished;
  return JsonResponse(reply);
}

}  // namespace rbld
