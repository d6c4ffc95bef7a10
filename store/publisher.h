// Publisher: the one owner of the store and the only writer. Every change, by
// an operator, an import or an expiry, goes through it: checked, committed in a
// synced batch (group commit), put into the indexes, published, and only then
// acknowledged: durable before visible, visible before OK.
//
// Thread-safe: any thread may call any method unless a comment says otherwise.
// Calls that change something block until the change is visible.
#ifndef RBLD_STORE_PUBLISHER_H_
#define RBLD_STORE_PUBLISHER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "store/guard.h"
#include "store/import.h"
#include "store/list_index.h"
#include "store/listing.h"
#include "store/resolved.h"
#include "store/value_table.h"
#include "store/zone_answers.h"

namespace rocksdb {
class FileSystem;
}  // namespace rocksdb

namespace rbld {

// One list that the configuration names.
struct ListSpec {
  std::string name;
  ListPolicy policy;
  ValueSet default_values;  // of a change that names none; not empty
  // Watched files list more under the same name, which the exemptions of the
  // whole list hide, so that those change answers by themselves.
  bool beside_files = false;
};

// How one zone's serial moves.
struct ZoneSpec {
  std::string name;  // lower case, no final dot
  // What it and its subzones answer from; none of a retired zone.
  std::vector<ZonePart> parts;
  AnswerRules rules;
  // A digest of everything else in the configuration that its answers depend
  // on; a new one moves the serial.
  std::string fingerprint;
  // Of what its watched files say; empty: it has none, or they were not read.
  // A new one moves the serial, unless the parts show that no answer differs.
  std::string files_digest;
  // Of what they say beside listings: records, keys, access.
  std::string files_other;
  // The newest mtime of its files, which was their serial in earlier versions.
  uint32_t files_time = 0;
  bool unix_time_serial = false;  // next = max(last + 1, now)
  uint32_t serial_base = 1;       // next = max(last + 1, base)
};

// What the world may see at one sequence. Immutable.
struct StoreView {
  uint64_t sequence = 0;
  // How often lists and zones were configured: at the start, by Reconfigure.
  uint64_t configurations = 0;
  IndexMap lists;
  std::map<std::string, uint32_t, std::less<>> zone_serials;
  std::shared_ptr<const ValueTable> values;
};

// One change of a request.
struct Change {
  enum class Verb { kAdd, kRemove, kExempt, kUnexempt };
  Verb verb = Verb::kAdd;
  std::string list;
  // Whose dataset. For kExempt and kUnexempt: the dataset that it is scoped to,
  // or empty for the whole list. For kRemove: empty means every source's.
  std::string source = "manual";
  Target target;
  ValueSet values;  // kAdd: empty means the list's default
  int64_t expires = 0;
  std::string note;
};

enum class ChangeOutcome { kAdded, kChanged, kUnchanged, kRemoved, kNotFound };
const char* ChangeOutcomeName(ChangeOutcome outcome);

// All of it happens, in one sequence number, or nothing.
struct ChangeRequest {
  std::vector<Change> changes;
  std::string actor;    // who
  std::string why;      // free text
  std::string request;  // what was asked, for the audit: "add"
  bool dry_run = false;
  std::optional<uint64_t> if_sequence;  // Aborted if the store is past it
  // A request with a key that was seen in the last day gets the first one's
  // result and changes nothing.
  std::string idempotency_key;
};

struct ChangeResult {
  uint64_t sequence = 0;  // after it; for a dry run the present one
  std::vector<ChangeOutcome> outcomes;  // one for each change
};

struct PublisherOptions {
  std::string directory;
  const Clock* clock = nullptr;  // required, not owned
  bool create_if_missing = true;
  // Called on the publisher's thread with each new view, before the change is
  // acknowledged. Must not call the publisher.
  std::function<void(std::shared_ptr<const StoreView>)> on_publish;
  // Called, may be often, when a view before the last one holds much memory:
  // gives up those that nobody reads any more. Any thread.
  std::function<void()> free_old_views;
  uint64_t journal_max_changes = 20'000'000;
  int64_t journal_max_age_seconds = 30 * 86400;
  // Lists of fewer records have no index file: reading them takes no time.
  uint64_t index_file_min_records = 20'000;
  // A new one is written when so many targets differ from it, and at a stop
  // when a tenth of that do. It is looked for that so often.
  uint64_t index_file_max_changes = 50'000;
  int index_file_look_milliseconds = 1000;
  // The new one then takes the old one's place in parts of this size or more.
  uint64_t index_file_least_part_bytes = 4 << 20;
  // For tests that lose unsynced data or fail I/O.
  std::shared_ptr<rocksdb::FileSystem> file_system;
  bool sync = true;
};

struct StoreStats {
  uint64_t sequence = 0;
  std::string epoch;  // 32 hex digits
  int schema_version = 0;
  uint64_t journal_first_sequence = 0;
  uint64_t commits = 0;  // synced batches since start
  uint64_t changes = 0;  // changes in them
  uint64_t expired = 0;
  uint64_t imports = 0;
  uint64_t index_files_written = 0;  // since start
  uint64_t index_files_read = 0;
  uint64_t disk_bytes = 0;
  uint64_t value_sets = 0;
  // Every list that the store has data of, configured or not.
  std::vector<std::string> stored_lists;
};

// A frozen state of the store, for dumps and long reads. Keeps disk space
// until destroyed; outlive it with the publisher.
class PinnedStore {
 public:
  virtual ~PinnedStore() = default;
  virtual uint64_t sequence() const = 0;
  virtual const std::string& epoch() const = 0;
  virtual uint32_t zone_serial(absl::string_view zone) const = 0;  // 0: none
  // Streams what `list` answers; NotFound for an unknown list.
  virtual absl::Status ResolveAddresses(absl::string_view list, Family family,
                                        const RunSink& sink) const = 0;
  virtual absl::Status ResolveNames(absl::string_view list,
                                    const NameSink& sink) const = 0;
  // The records themselves, in target order. Return false to stop.
  virtual absl::Status ForEachListing(
      absl::string_view list,
      const std::function<bool(const Listing&)>& sink) const = 0;
  virtual absl::Status ForEachExemption(
      absl::string_view list,
      const std::function<bool(const Exemption&)>& sink) const = 0;
  // The sets behind ResolvedRun::values.
  virtual const ValueTable& values() const = 0;
};

// Everything about one target.
struct TargetReport {
  struct PerList {
    std::string list;
    ValueSet effective;                 // what DNS answers; empty: not listed
    std::vector<Listing> listings;      // equal to or containing the target
    std::vector<Exemption> exemptions;  // likewise
    uint64_t listings_within = 0;       // strictly inside, capped at 1000
  };
  std::vector<PerList> lists;
};

struct FindQuery {
  std::string list;              // empty: all
  std::string source;            // empty: all
  std::optional<Target> within;  // only targets equal to or inside
  std::string text;              // part of the reason or note
  std::string cursor;            // from the page before
  int limit = 100;               // 1 to 10,000
};
struct FindPage {
  std::vector<Listing> listings;
  std::vector<Exemption> exemptions;
  std::string next_cursor;  // empty: the end
};

class RelayCases;

class Publisher {
 public:
  // Opens the store, commits the expiries that are due, builds the indexes,
  // publishes the first view and starts the thread. Errors name the folder and
  // the cure: FailedPrecondition for a store of another schema or one that
  // another process holds.
  static absl::StatusOr<std::unique_ptr<Publisher>> Open(
      PublisherOptions options, std::vector<ListSpec> lists,
      std::vector<ZoneSpec> zones);
  virtual ~Publisher() = default;

  // The configuration's part, after a reload. All or nothing. A list that is
  // no longer named keeps its data and is not published.
  virtual absl::Status Reconfigure(std::vector<ListSpec> lists,
                                   std::vector<ZoneSpec> zones) = 0;

  // FailedPrecondition: refused by a guard. InvalidArgument: cannot be meant.
  // NotFound: no such list. Aborted: if_sequence. Messages of a batch begin
  // with "change N (TARGET): ". ResourceExhausted: the disk is full, nothing
  // was changed. Unavailable: the outcome is unknown; see docs/OPERATIONS.md.
  virtual absl::StatusOr<ChangeResult> Apply(ChangeRequest request) = 0;

  // Replaces the dataset (options.list, options.source) by difference.
  // `progress` may be null; called with 0.0 to 1.0 from the calling thread.
  virtual absl::StatusOr<ImportSummary> RunImport(
      Import import, const ImportOptions& options,
      const std::function<void(double)>& progress) = 0;

  // The newest view; never null.
  virtual std::shared_ptr<const StoreView> view() const = 0;
  virtual std::unique_ptr<PinnedStore> Pin() const = 0;

  // What the configuration says of a list; NotFound.
  virtual absl::StatusOr<ListSpec> list_spec(absl::string_view list) const = 0;

  virtual absl::StatusOr<TargetReport> Report(const Target& target) const = 0;
  virtual absl::StatusOr<FindPage> Find(const FindQuery& query) const = 0;
  // Newest first, at most `limit`.
  virtual absl::StatusOr<std::vector<HistoryEntry>> History(
      absl::string_view list, const Target& target, int limit) const = 0;
  // The newest `limit` audit records, newest first; before/after not filled.
  virtual absl::StatusOr<std::vector<HistoryEntry>> Audit(int limit) const = 0;
  virtual absl::StatusOr<std::vector<ListInfo>> Lists() const = 0;
  virtual StoreStats Stats() const = 0;

  // The cases of relay tests. It lives as long as the publisher.
  virtual RelayCases& relay_cases() = 0;

  // A consistent copy into a folder that must not exist yet or be a backup of
  // this store. Restore makes `directory` (must not exist or be empty) out of
  // one, under a new epoch; serials go on after the highest that was used.
  virtual absl::Status Backup(const std::string& backup_directory) = 0;
  static absl::Status Restore(const std::string& backup_directory,
                              const std::string& directory);
};

}  // namespace rbld

#endif  // RBLD_STORE_PUBLISHER_H_
