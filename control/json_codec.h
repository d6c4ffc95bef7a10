// The records of the store as JSON and back. docs/CONTROL_API.md describes the
// shapes; times are RFC 3339 in UTC, and null where there is none.
//
// Pure functions; any thread.
#ifndef RBLD_CONTROL_JSON_CODEC_H_
#define RBLD_CONTROL_JSON_CODEC_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/json.h"
#include "store/import.h"
#include "store/listing.h"
#include "store/publisher.h"
#include "store/target.h"
#include "store/value.h"
#include "zones/dump.h"

namespace rbld {

// How much of a record is shown: the public does not see who wrote what about
// whom.
enum class Detail { kFull, kPublic };

Json TimeToJson(int64_t seconds);  // null for 0
Json ToJson(const ValueSet& values);
Json ToJson(const Listing& listing, Detail detail);
Json ToJson(const Exemption& exemption, Detail detail);
Json ToJson(const TargetReport::PerList& report, Detail detail);
Json ToJson(const HistoryEntry& entry);
Json ToJson(const DatasetInfo& dataset);
Json ToJson(const ListInfo& list);
Json ToJson(const ImportSummary& summary);
Json ToJson(const DumpSummary& summary);
// `request` is what `result` answers; `notes` as of ChangeRequestFromJson.
Json ToJson(const ChangeRequest& request, const ChangeResult& result,
            const std::vector<std::string>& notes = {});

// What a request for changes is read with.
struct ChangeContext {
  // Fills in for a change that names no list; without one such a change is an
  // error.
  std::string default_list;
  int64_t now_seconds = 0;  // durations count from here
  // By list; others have NameRule::kHost.
  std::map<std::string, NameRule> name_rules;
};

// What a request body for POST /v1/changes says. An unknown key, a missing one
// and a value of the wrong kind are InvalidArgument with their place, as in
// "changes[3].target: …". `*notes`, if it is not null, gets one text for each
// change: what must be said of it, such as the xn-- form of its name, or "".
absl::StatusOr<ChangeRequest> ChangeRequestFromJson(
    const Json& json, const ChangeContext& context,
    std::vector<std::string>* notes = nullptr);

// The inverse of ChangeRequestFromJson, for clients.
Json ToJson(const ChangeRequest& request);

// "add", "remove", "exempt", "unexempt".
const char* VerbName(Change::Verb verb);
// "longest", "octet".
const char* PrecedenceName(Precedence precedence);

// Text that ends up in audit records and on terminals: one line, not too long.
absl::Status CheckText(absl::string_view text, absl::string_view place);

// The members of an object, taken one by one; what is left at the end is an
// error. Every error begins with `place`.
class ObjectReader {
 public:
  // `json` must outlive the reader.
  ObjectReader(const Json& json, std::string place);

  // Null and absent are the same: the value stays as it is.
  void Take(const char* key, std::string* value);
  void Take(const char* key, bool* value);
  void Take(const char* key, uint64_t* value);
  // The member itself, or null.
  const Json* Take(const char* key);

  // The first error: of a value, or of a key that nobody took.
  absl::Status Finish();

 private:
  void Fail(absl::string_view key, absl::string_view why);

  const Json& json_;
  const std::string place_;
  std::vector<std::string> taken_;
  absl::Status status_;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_JSON_CODEC_H_
