// The byte layouts of the store's keys and values; docs/STORE_FORMAT.md is
// their written form. Pure functions, any thread.
#ifndef RBLD_STORE_RECORDS_H_
#define RBLD_STORE_RECORDS_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "store/encoding.h"
#include "store/listing.h"
#include "store/target.h"

namespace rbld {

inline constexpr uint32_t kSchemaVersion = 1;

// Names a blob of the dictionary: a value set or an author; 0 is none.
using BlobId = uint32_t;

// An exemption of the whole list stands in dataset 0.
inline constexpr DatasetId kWholeList = 0;

enum class RecordType : uint8_t { kListing = 0, kExemption = 1 };

// ---- column family "listings" ----
// list id, target key, type, dataset id.
std::string RecordKey(ListId list, absl::string_view target_key,
                      RecordType type, DatasetId dataset);
struct ParsedKey {
  ListId list = 0;
  absl::string_view target_key;
  RecordType type = RecordType::kListing;
  DatasetId dataset = 0;
};
bool ParseRecordKey(absl::string_view key, ParsedKey* parsed);

// A listing's or an exemption's value; an exemption has no values blob.
struct Record {
  BlobId values = 0;
  BlobId author = 0;
  int64_t created = 0;
  int64_t updated = 0;
  int64_t expires = 0;
  absl::string_view note;  // borrowed from what was parsed
};
void AppendRecord(std::string* out, const Record& record);
bool ParseRecord(absl::string_view bytes, Record* record);

// ---- dictionary blobs ----
std::string ValueSetBlob(const ValueSet& values);
std::string AuthorBlob(absl::string_view author);
bool ParseValueSetBlob(absl::string_view blob, ValueSet* values);
bool ParseAuthorBlob(absl::string_view blob, std::string* author);

// ---- column family "meta" ----
// How many records of one dataset there are of each kind and length; the
// resolver asks only for lengths that exist.
struct LengthCounts {
  std::array<uint32_t, 33> ipv4 = {};
  std::array<uint32_t, 129> ipv6 = {};
  uint64_t names = 0;

  void Add(absl::string_view target_key, int64_t delta);
  // Adds counts that may be less than none, as wrapped numbers.
  void AddCounts(const LengthCounts& other);
};

struct DatasetRecord {
  DatasetId id = 0;
  ListId list = 0;
  std::string source;  // empty: the list-wide exemptions
  Precedence precedence = Precedence::kLongest;
  uint64_t listings = 0;
  uint64_t exemptions = 0;
  uint64_t last_sequence = 0;
  int64_t last_import_time = 0;
  LengthCounts lengths;
};
std::string DatasetKey(DatasetId id);
std::string DatasetValue(const DatasetRecord& record);
bool ParseDataset(absl::string_view bytes, DatasetRecord* record);

struct ZoneRecord {
  uint32_t serial = 0;
  uint64_t sequence = 0;  // of the last change of the serial
  int64_t time = 0;
  std::string fingerprint;
};
std::string ZoneKey(absl::string_view zone);
std::string ZoneValue(const ZoneRecord& record);
bool ParseZone(absl::string_view bytes, ZoneRecord* record);

// ---- journal ----
// One change inside an entry. Keys are RecordKeys without the list id where
// the entry is a bulk one. Empty before: it was not there; empty after: it is
// no more.
struct JournalChange {
  ChangeKind kind = ChangeKind::kAdd;
  absl::string_view key;
  absl::string_view before;
  absl::string_view after;
};
void AppendJournalChange(std::string* out, const JournalChange& change);
bool ConsumeJournalChange(absl::string_view* in, JournalChange* change);

struct JournalEntry {
  int64_t time = 0;
  std::string actor;
  std::string why;
  std::string request;
  uint64_t change_count = 0;
  uint64_t bulk_id = 0;       // not 0: the changes are in the bulk family
  bool gap = false;           // the changes were too many to keep
  absl::string_view changes;  // `change_count` JournalChanges
};
std::string JournalKey(uint64_t sequence);
std::string JournalValue(const JournalEntry& entry);
bool ParseJournal(absl::string_view bytes, JournalEntry* entry);

// ---- audit ----
struct AuditRecord {
  int64_t time = 0;
  std::string actor;
  std::string why;
  std::string request;
  uint64_t added = 0;
  uint64_t changed = 0;
  uint64_t removed = 0;
  std::string what;  // the first targets, as text
};
std::string AuditValue(const AuditRecord& record);
bool ParseAudit(absl::string_view bytes, AuditRecord* record);

}  // namespace rbld

#endif  // RBLD_STORE_RECORDS_H_
