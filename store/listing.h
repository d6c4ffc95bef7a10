// The records that people see: listings, exemptions, datasets, lists, and the
// journal's and audit's entries. Plain values, as the store decodes them.
#ifndef RBLD_STORE_LISTING_H_
#define RBLD_STORE_LISTING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/target.h"
#include "store/value.h"

namespace rbld {

using ListId = uint32_t;
using DatasetId = uint32_t;

// How a dataset picks among its listings that contain the queried address.
enum class Precedence : uint8_t {
  kLongest = 1,  // the longest prefix, its values
  kOctet = 2,    // rbldnsd's ip4set levels /32 > /24 > /16 > /8
};

// Times are seconds since 1970 UTC; expires 0 means never.
struct Listing {
  std::string list;
  std::string source;
  Target target;
  ValueSet values;
  int64_t created = 0;
  int64_t updated = 0;
  int64_t expires = 0;
  std::string author;
  std::string note;

  friend bool operator==(const Listing&, const Listing&) = default;
};

struct Exemption {
  std::string list;
  // The dataset it holds for; empty: the whole list.
  std::string scope_source;
  Target target;
  int64_t created = 0;
  int64_t expires = 0;
  std::string author;
  std::string note;

  friend bool operator==(const Exemption&, const Exemption&) = default;
};

struct DatasetInfo {
  std::string list;
  std::string source;
  Precedence precedence = Precedence::kLongest;
  uint64_t listings = 0;
  uint64_t exemptions = 0;
  uint64_t last_sequence = 0;    // of the last change to it
  int64_t last_import_time = 0;  // 0: never imported
};

struct ListInfo {
  std::string name;
  ListId id = 0;
  uint64_t listings = 0;
  uint64_t exemptions = 0;
  uint64_t ipv4 = 0;
  uint64_t ipv6 = 0;
  uint64_t names = 0;
  uint64_t index_bytes = 0;
  std::vector<DatasetInfo> datasets;
};

enum class ChangeKind : uint8_t {
  kAdd = 1,
  kChange = 2,
  kRemove = 3,
  kExempt = 4,
  kUnexempt = 5,
  kExpire = 6,
};

// "add", "change", …
const char* ChangeKindName(ChangeKind kind);

// One change as `history` shows it.
struct HistoryEntry {
  uint64_t sequence = 0;
  int64_t time = 0;
  ChangeKind kind = ChangeKind::kAdd;
  std::string actor;
  std::string why;
  std::string request;  // "add", "import FILE", …
  std::optional<Listing> before;
  std::optional<Listing> after;
  std::optional<Exemption> exemption;  // of kExempt and kUnexempt
  // Of an audit record only: how much it changed, and its first targets.
  uint64_t added = 0;
  uint64_t changed = 0;
  uint64_t removed = 0;
  std::string what;
};

}  // namespace rbld

#endif  // RBLD_STORE_LISTING_H_
