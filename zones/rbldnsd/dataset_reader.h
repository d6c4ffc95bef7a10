// DatasetReader: the lines of one dataset of rbldnsd's language, read to the
// letter: what its binary makes of a line is what is made of it here.
//
// Used by one thread. A combined file's sections are read by one reader each;
// who splits it is FileDatasetReader.
#ifndef RBLD_ZONES_RBLDNSD_DATASET_READER_H_
#define RBLD_ZONES_RBLDNSD_DATASET_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "base/prefix_set.h"
#include "store/target.h"
#include "zones/rbldnsd/dataset_type.h"
#include "zones/rbldnsd/entry.h"
#include "zones/rbldnsd/entry_parameters.h"
#include "zones/rbldnsd/generic_record.h"
#include "zones/rbldnsd/specials.h"
#include "zones/rbldnsd/timestamp.h"
#include "zones/rbldnsd/values.h"

namespace rbld {

// Where entries go. An error leaves the line out; an Aborted one ends the
// whole. `values` means nothing for excluded entries.
class EntrySink {
 public:
  virtual ~EntrySink() = default;
  virtual absl::Status AddIpv4(const Ipv4Range& range, bool excluded,
                               ValueReader::Number values) = 0;
  virtual absl::Status AddIpv6(const IpPrefix& prefix, bool excluded,
                               ValueReader::Number values) = 0;
  virtual absl::Status AddName(const Target& name, bool excluded,
                               ValueReader::Number values) = 0;
  // What an entry would answer if nothing more were said of its values; an
  // error leaves the entry out.
  virtual absl::Status CheckValues(const ValueSet& values) = 0;
  // The line that is read is taken, but perhaps not as its author meant it.
  virtual void Warn(absl::string_view why) { (void)why; }
};

// The line is an entry of a dataset of another kind: an IPv6 address where
// there are IPv4 ones, or the other way round. It is left out, and says nothing
// of the state of the file.
bool IsOfAnotherKind(const absl::Status& status);

// What lines say of the zone and of the data as a whole. The first $SOA and
// $NS hold.
struct ZoneSpecials {
  std::optional<SoaSpecial> soa;
  std::optional<NsSpecial> ns;
  // The earliest time at which some of the data expires; 0: never.
  int64_t expires = 0;
  // $TTL of the file itself, not of a combined file's sections: what $SOA and
  // $NS lines without a TTL have.
  uint32_t ttl_seconds = 0;
  // $MAXRANGE4: how many addresses an entry may have. It holds from its line
  // on, in a combined file's later sections too.
  uint64_t max_ipv4_range = uint64_t{1} << 32;
};

// What an access list does with a client's query. The order is that of
// strength: of two lists, the lesser action is taken.
enum class AccessAction : uint8_t {
  kIgnore,  // no answer at all
  kRefuse,
  kEmpty,   // nothing is listed
  kListed,  // everything is listed, with values of the access list's own
  kPass,
};

struct AccessRule {
  AccessAction action = AccessAction::kIgnore;
  ValueReader::Number values = 0;  // of kListed

  friend bool operator==(const AccessRule&, const AccessRule&) = default;
};

// A key that may stand in a queried name, as its label before the zone's.
struct KeyRule {
  std::string label;  // lower case, without its length byte
  AccessRule access;
  KeyTerms terms;
};

struct DatasetReaderOptions {
  bool host_bits = false;  // rbldnsd's -e
  // "@ ts=;delay=;key=" behind entries, of the types that may have it
  // (MayHaveParameters); elsewhere it is text.
  bool entry_parameters = false;
  // May entries be not for all, or not at once? Else they are errors.
  bool conditional_entries = true;
  bool in_combined = false;  // a section of a combined file
  // Where no line gives a default.
  ValueSet defaults = {Value{}};
  // For $TIMESTAMP: data from the future, or expired, ends the whole. For
  // waits that are over. 0: not known.
  int64_t now_seconds = 0;
};

class DatasetReader {
 public:
  // Borrows `specials` and `sink`, which may be null for generic. `templates`
  // are what the dataset begins with.
  DatasetReader(DatasetType type, const DatasetReaderOptions& options,
                Templates templates, ZoneSpecials* specials, EntrySink* sink);

  // A default line holds up to the end of its file.
  void StartFile() {
    values_.StartFile();
    if (type_ == DatasetType::kAcl) default_rule_.reset();
  }

  // `line` is without its newline. InvalidArgument or FailedPrecondition: it
  // is left out, and the rest can go on. Aborted: the data may not be used.
  absl::Status ReadLine(absl::string_view line);

  DatasetType type() const { return type_; }
  uint64_t entries() const { return entries_; }
  // What the numbers that the sink got mean. Once the last line was read.
  std::vector<ValueSet> values() const;
  const Templates& templates() const { return templates_; }
  // Of generic.
  const std::vector<GenericRecord>& records() const { return records_; }
  // Of acl: the sink gets places in this table as numbers.
  const std::vector<AccessRule>& rules() const { return rules_; }
  // Of aclkey: the keys, and what holds without one.
  const std::vector<KeyRule>& keys() const { return keys_; }
  AccessRule keyless_rule() const {
    return default_rule_.value_or(AccessRule{AccessAction::kRefuse, 0});
  }

 private:
  absl::Status ReadSpecial(absl::string_view line, bool in_comment);
  absl::Status ReadDefault(absl::string_view line);
  absl::Status ReadEntry(absl::string_view line);
  absl::Status ReadIpv4(absl::string_view line, bool excluded);
  absl::Status ReadIpv6(absl::string_view line, bool excluded);
  absl::Status ReadName(absl::string_view line, bool excluded);
  // `status`, or IsOfAnotherKind if the line begins with an address of the
  // other family.
  absl::Status OrOfAnotherKind(absl::string_view line,
                               const absl::Status& status) const;
  absl::Status ReadClients(absl::string_view line);
  absl::Status ReadKey(absl::string_view line);
  absl::StatusOr<ValueReader::Number> ValuesOf(absl::string_view rest);
  absl::StatusOr<AccessRule> RuleOf(absl::string_view text);
  ValueReader::Number RuleNumber(const AccessRule& rule);
  // What $MAXRANGE4 allows.
  absl::Status CheckRange(const Ipv4Range& range) const;
  // Of a trie: the first entry of a prefix holds, and later ones are errors.
  absl::Status CheckFirst(const IpPrefix& prefix);

  const DatasetType type_;
  const DatasetReaderOptions options_;
  Templates templates_;
  ZoneSpecials* const specials_;
  EntrySink* const sink_;
  ValueReader values_;
  // What the entries of a trivial set have, once a line said so.
  std::optional<ValueReader::Number> trivial_values_;
  uint64_t entries_ = 0;
  std::vector<GenericRecord> records_;
  std::vector<AccessRule> rules_;
  std::vector<KeyRule> keys_;
  ValueCondition condition_;  // of the entry that is read
  std::optional<AccessRule> default_rule_;
  PrefixSet seen_prefixes_;
  absl::flat_hash_set<std::string> seen_keys_;
};

}  // namespace rbld

#endif  // RBLD_ZONES_RBLDNSD_DATASET_READER_H_
