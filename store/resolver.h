// Resolver: works out what a list answers from its records: precedence inside
// each dataset, the union of the datasets, exemptions.
//
// One resolver is used by one thread; it reads through the iterators it is
// given, so that it sees a snapshot, the present store, or a batch that is not
// committed yet.
#ifndef RBLD_STORE_RESOLVER_H_
#define RBLD_STORE_RESOLVER_H_

#include <rocksdb/iterator.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "store/database.h"
#include "store/records.h"
#include "store/resolved.h"
#include "store/target.h"
#include "store/value_unions.h"

namespace rbld {

// What the resolver must know of one list's datasets.
struct ListShape {
  ListId list = 0;
  std::map<DatasetId, Precedence> precedence;
  // Prefix lengths that some record of the list has, ascending.
  std::vector<int> ipv4_lengths;
  std::vector<int> ipv6_lengths;
  // Some record of the list is an exemption.
  bool exemptions = false;
};

class Resolver {
 public:
  // `iterator` is over the listings family; it is moved, not kept open longer.
  Resolver(const Database& database, const ListShape& shape,
           std::unique_ptr<rocksdb::Iterator> iterator);

  // Streams the runs inside `region`. Errors are those of reading.
  absl::Status Addresses(const IpPrefix& region, const RunSink& sink);
  // The same of a region of IPv4, as numbers in host order. A sink returns
  // false to stop.
  using Ipv4Sink =
      std::function<bool(uint32_t first, uint32_t last, ValueSetId values)>;
  absl::Status Ipv4Addresses(const IpPrefix& region, const Ipv4Sink& sink);

  // Streams the nodes that are `region_wire` or below it; "" is everything.
  // With `node_only`, that one node.
  absl::Status Names(absl::string_view region_wire, bool node_only,
                     const NameSink& sink);

  // Is something listed strictly below this name?
  absl::StatusOr<bool> AnyNameListedBelow(absl::string_view node_wire);
  // Is the target exempt from the whole list, by itself?
  absl::StatusOr<bool> HasListExemption(const Target& target);
  // Gets the Target::Key()s of the whole list's exemptions among the records
  // that are read from now on; not owned.
  void CollectListExemptions(std::set<std::string>* target_keys) {
    list_exemptions_ = target_keys;
  }
  // Is there any record at or below this name?
  absl::StatusOr<bool> AnyNameRecordAtOrBelow(absl::string_view node_wire);

 private:
  // A record that contains what is being looked at. A higher rank is a closer
  // one: the prefix length, or for names twice the number of labels, plus one
  // for the scope that means just this.
  struct Cover {
    int rank = 0;
    RecordType type = RecordType::kListing;
    DatasetId dataset = 0;
    ValueSetId values = kNotListed;
    NameScope scope = NameScope::kExact;  // names only
  };
  using Covers = std::vector<Cover>;

  ValueSetId Decide(const Covers& covers, bool octet_levels);
  void DecideDataset(const Covers& covers, DatasetId dataset, bool octet_levels,
                     std::vector<ValueSetId>* winners) const;
  // Adds the record the iterator stands on; false for a damaged one.
  bool ReadCover(int rank, Covers* covers);
  absl::Status AddressAncestors(const IpPrefix& region, Covers* covers);
  // Address is uint32_t or WideAddress; sink(first, last, values).
  template <typename Address, typename Sink>
  absl::Status Sweep(const IpPrefix& region, const Sink& sink);
  absl::Status NameAncestors(absl::string_view region_wire, Covers* covers);
  ValueSetId NodeExact(const Covers& above, const Covers& own);
  ValueSetId NodeBelow(const Covers& above, const Covers& own);

  const ListShape& shape_;
  RuntimeValuesCache runtime_values_;
  std::shared_ptr<ValueTable> values_;
  ValueUnions unions_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  std::set<std::string>* list_exemptions_ = nullptr;
  // The last listing's record and what its values are: neighbours are often
  // equal, byte for byte.
  std::string last_record_;
  ValueSetId last_values_ = kNotListed;
};

// Labels of a reversed wire name, and each name from the top down to it.
int CountLabels(absl::string_view reversed_wire);
// "\3com" and "\3com\7example" for "\3com\7example\1a": the names above.
std::vector<absl::string_view> NamesAbove(absl::string_view reversed_wire);

}  // namespace rbld

#endif  // RBLD_STORE_RESOLVER_H_
