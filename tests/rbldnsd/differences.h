// Where rbld deliberately answers otherwise than rbldnsd: a table of
// predicates, each with its reason. Every row is explained in
// docs/MIGRATING.md under its name.
#ifndef RBLD_TESTS_RBLDNSD_DIFFERENCES_H_
#define RBLD_TESTS_RBLDNSD_DIFFERENCES_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "zones/rbldnsd/dataset_type.h"

namespace rbld {

// A reply as the comparison sees it. Records are "TTL TYPE RDATA".
struct DnsReply {
  bool none = false;  // dropped
  int rcode = -1;
  bool authoritative = false;
  std::multiset<std::string> answers;
  std::multiset<std::string> authorities;

  friend bool operator==(const DnsReply&, const DnsReply&) = default;
  std::string ToString() const;
};

// What was asked of which zone.
struct Asked {
  // Of the zone's datasets.
  std::vector<DatasetType> types;
  bool has_soa = false;  // a file has a $SOA that can be read
  std::string name;      // below the zone, in lower case, "" for itself
  uint16_t type = 0;

  bool Has(DatasetType wanted) const;
};

struct Difference {
  const char* name;
  std::function<bool(const Asked& asked, const DnsReply& ours,
                     const DnsReply& theirs)>
      holds;
  int count = 0;
};

std::vector<Difference> DeliberateDifferences();

// Where rbld deliberately makes something else of a line: a table of what the
// lines are to rbldnsd if they are to mean the same. Explained likewise.
struct LineDifference {
  struct Place {
    DatasetType type;  // of the section; kCombined before the first one
    bool first_in_file;
  };
  const char* name;
  // Changes a line of this row, and leaves others.
  std::function<void(const Place& place, std::string* line)> rewrite;
  int count = 0;
};

std::vector<LineDifference> DeliberateLineDifferences();

// The files of one dataset as rbldnsd gets them, one after another. Counts in
// the table.
class FilesForRbldnsd {
 public:
  FilesForRbldnsd(DatasetType type, std::vector<LineDifference>* table)
      : type_(type), table_(table) {}
  std::string Next(absl::string_view text);

 private:
  DatasetType type_;
  std::vector<LineDifference>* const table_;
};

}  // namespace rbld

#endif  // RBLD_TESTS_RBLDNSD_DIFFERENCES_H_
