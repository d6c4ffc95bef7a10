// Measures the lookup indexes alone: time of a lookup, bytes of an entry, time
// of a build and of a change. Prints a table.
//
//   bazel run -c opt //store:index_bench -- [--entries=1000000,10000000]
#include <gflags/gflags.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "store/ipv4_index.h"
#include "store/ipv6_index.h"
#include "store/name_index.h"
#include "store/query_name.h"

DEFINE_string(entries, "1000000,10000000",
              "how many entries the indexes have, several numbers with commas");
DEFINE_string(only, "", "ipv4, ipv6 or names; all if empty");

namespace rbld {
namespace {

constexpr int kQueries = 2000000;
constexpr int kChanges = 20000;
constexpr int kBatch = 16;
constexpr uint32_t kValueSets = 3;
constexpr int kListedPercent = 30;

class Stopwatch {
 public:
  double Nanoseconds() const {
    return static_cast<double>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(
            std::chrono::steady_clock::now() - start_)
            .count());
  }

 private:
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

void Row(const char* kind, size_t entries, const char* what, double figure,
         const char* unit) {
  std::printf("%-6s %9zu  %-28s %10.2f %s\n", kind, entries, what, figure,
              unit);
  std::fflush(stdout);
}

// Keeps the compiler from leaving lookups out.
volatile uint64_t sink;

// The least of several rounds: what disturbs a round only makes it longer.
template <typename Round>
double LeastOfRounds(const Round& round) {
  constexpr int kRounds = 7;
  double least = 0;
  for (int i = 0; i < kRounds; ++i) {
    const Stopwatch watch;
    sink = round();
    const double time = watch.Nanoseconds();
    if (i == 0 || time < least) least = time;
  }
  return least / kQueries;
}

// Nanoseconds of lookup(query), one after the other.
template <typename Query, typename Lookup>
double TimeOfEach(const std::vector<Query>& queries, const Lookup& lookup) {
  return LeastOfRounds([&] {
    uint64_t sum = 0;
    for (const Query& query : queries) sum += lookup(query);
    return sum;
  });
}

template <typename Query, typename Prefetch, typename Lookup>
double TimeInBatches(const std::vector<Query>& queries,
                     const Prefetch& prefetch, const Lookup& lookup) {
  return LeastOfRounds([&] {
    uint64_t sum = 0;
    for (size_t i = 0; i + kBatch <= queries.size(); i += kBatch) {
      for (size_t k = i; k < i + kBatch; ++k) prefetch(queries[k]);
      for (size_t k = i; k < i + kBatch; ++k) sum += lookup(queries[k]);
    }
    return sum;
  });
}

// find(query) gives what the other steps get.
template <typename Found, typename Query, typename Find, typename FindMore,
          typename Prefetch, typename Lookup>
double TimeInSteps(const std::vector<Query>& queries, const Find& find,
                   const FindMore& find_more, const Prefetch& prefetch,
                   const Lookup& lookup) {
  return LeastOfRounds([&] {
    uint64_t sum = 0;
    Found found[kBatch];
    for (size_t i = 0; i + kBatch <= queries.size(); i += kBatch) {
      for (size_t k = 0; k < kBatch; ++k) found[k] = find(queries[i + k]);
      for (size_t k = 0; k < kBatch; ++k) find_more(&found[k], queries[i + k]);
      for (size_t k = 0; k < kBatch; ++k) prefetch(found[k], queries[i + k]);
      for (size_t k = 0; k < kBatch; ++k) {
        sum += lookup(found[k], queries[i + k]);
      }
    }
    return sum;
  });
}

bool Listed(std::mt19937_64* random) {
  return static_cast<int>((*random)() % 100) < kListedPercent;
}

void BenchIpv4(size_t entries) {
  std::mt19937_64 random(1);
  std::vector<uint32_t> addresses(entries);
  for (uint32_t& address : addresses) {
    address = static_cast<uint32_t>(random());
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()),
                  addresses.end());
  std::vector<ValueSetId> values(addresses.size());
  for (ValueSetId& value : values) {
    value = 1 + static_cast<uint32_t>(random() % kValueSets);
  }
  Stopwatch watch;
  Ipv4IndexBuilder builder;
  for (size_t i = 0; i < addresses.size(); ++i) {
    builder.Add(addresses[i], addresses[i], values[i]);
  }
  std::shared_ptr<const Ipv4Index> index = builder.Build();
  Row("ipv4", entries, "build", watch.Nanoseconds() / 1e6, "ms");
  Row("ipv4", entries, "memory",
      static_cast<double>(index->MemoryBytes()) /
          static_cast<double>(addresses.size()),
      "bytes an entry");

  std::vector<uint32_t> queries(kQueries);
  for (uint32_t& query : queries) {
    query = Listed(&random) ? addresses[random() % addresses.size()]
                            : static_cast<uint32_t>(random());
  }
  auto lookup = [&index](uint32_t query) { return index->Lookup(query); };
  auto prefetch = [&index](uint32_t query) { index->Prefetch(query); };
  Row("ipv4", entries, "lookup", TimeOfEach(queries, lookup), "ns");
  Row("ipv4", entries, "lookup, prefetched by 16",
      TimeInBatches(queries, prefetch, lookup), "ns");
  Row("ipv4", entries, "anything in the /24",
      TimeOfEach(queries,
                 [&index](uint32_t query) {
                   return index->AnyWithin(query & ~255u, query | 255u);
                 }),
      "ns");

  watch = Stopwatch();
  for (int i = 0; i < kChanges; ++i) {
    const auto address = static_cast<uint32_t>(random());
    const Ipv4Run run = {address, address, 1};
    index = index->WithReplaced(address, address, absl::MakeSpan(&run, 1));
  }
  Row("ipv4", entries, "change of one address",
      watch.Nanoseconds() / kChanges / 1e3, "us");
  Row("ipv4", entries, "lookup after the changes", TimeOfEach(queries, lookup),
      "ns");
  const Ipv4Run half = {0, 0x7fffffff, 2};
  watch = Stopwatch();
  index = index->WithReplaced(0, 0x7fffffff, absl::MakeSpan(&half, 1));
  Row("ipv4", entries, "change of a /1", watch.Nanoseconds() / 1e3, "us");
}

struct Ipv6Probe {
  Ipv6Index::Block block;
  const char* leaf = nullptr;
};

void BenchIpv6(size_t entries) {
  std::mt19937_64 random(1);
  // Half are /64 networks, half single addresses.
  struct Entry {
    AddressBytes first;
    AddressBytes last;
  };
  auto any_address = [&random] {
    AddressBytes address;
    for (uint8_t& byte : address) byte = static_cast<uint8_t>(random());
    address[0] = 0x20 | (address[0] & 0x1f);
    return address;
  };
  std::vector<Entry> all(entries);
  for (size_t i = 0; i < entries; ++i) {
    all[i].first = all[i].last = any_address();
    if (i % 2 != 0) continue;
    std::fill(all[i].first.begin() + 8, all[i].first.end(), 0);
    std::fill(all[i].last.begin() + 8, all[i].last.end(), 0xff);
  }
  std::sort(all.begin(), all.end(),
            [](const Entry& a, const Entry& b) { return a.first < b.first; });
  Stopwatch watch;
  Ipv6IndexBuilder builder;
  const Entry* previous = nullptr;
  for (const Entry& entry : all) {
    if (previous != nullptr && entry.first <= previous->last) continue;
    builder.Add(entry.first, entry.last,
                1 + static_cast<uint32_t>(random() % kValueSets));
    previous = &entry;
  }
  std::shared_ptr<const Ipv6Index> index = builder.Build();
  Row("ipv6", entries, "build", watch.Nanoseconds() / 1e6, "ms");
  Row("ipv6", entries, "memory",
      static_cast<double>(index->MemoryBytes()) / static_cast<double>(entries),
      "bytes an entry");

  std::vector<AddressBytes> queries(kQueries);
  for (AddressBytes& query : queries) {
    query = Listed(&random) ? all[random() % all.size()].last : any_address();
  }
  auto lookup = [&index](const AddressBytes& query) {
    return index->Lookup(query);
  };
  Row("ipv6", entries, "lookup", TimeOfEach(queries, lookup), "ns");
  Row("ipv6", entries, "lookup, in steps by 16",
      TimeInSteps<Ipv6Probe>(
          queries,
          [&index](const AddressBytes& query) {
            return Ipv6Probe{index->FindBlock(query)};
          },
          [](Ipv6Probe* probe, const AddressBytes& query) {
            probe->leaf = Ipv6Index::FindLeaf(probe->block, query);
          },
          [](const Ipv6Probe& probe, const AddressBytes& query) {
            Ipv6Index::Prefetch(probe.leaf, query);
          },
          [&index](const Ipv6Probe& probe, const AddressBytes& query) {
            return index->Lookup(probe.leaf, query);
          }),
      "ns");
  Row("ipv6", entries, "anything in the /48",
      TimeOfEach(queries,
                 [&index](const AddressBytes& query) {
                   AddressBytes first = query;
                   AddressBytes last = query;
                   std::fill(first.begin() + 6, first.end(), 0);
                   std::fill(last.begin() + 6, last.end(), 0xff);
                   return index->AnyWithin(first, last);
                 }),
      "ns");

  watch = Stopwatch();
  for (int i = 0; i < kChanges; ++i) {
    const AddressBytes address = any_address();
    const Ipv6Run run = {address, address, 1};
    index = index->WithReplaced(address, address, absl::MakeSpan(&run, 1));
  }
  Row("ipv6", entries, "change of one address",
      watch.Nanoseconds() / kChanges / 1e3, "us");
  Row("ipv6", entries, "lookup after the changes", TimeOfEach(queries, lookup),
      "ns");
}

std::string WireOf(const std::vector<std::string>& labels_from_top) {
  std::string wire;
  for (const std::string& label : labels_from_top) {
    wire += static_cast<char>(label.size());
    wire += label;
  }
  return wire;
}

void BenchNames(size_t entries) {
  std::mt19937_64 random(1);
  static constexpr const char* kTops[] = {"com", "net", "org", "example"};
  auto any_name = [&random] {
    return WireOf({kTops[random() % 4], absl::StrCat("d", random() % 100000000),
                   absl::StrCat("h", random() % 10)});
  };
  std::vector<std::string> names(entries);
  for (std::string& name : names) name = any_name();
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  Stopwatch watch;
  NameIndexBuilder builder(random());
  ResolvedName resolved;
  resolved.has_exact = true;
  for (const std::string& name : names) {
    resolved.reversed_wire = name;
    resolved.exact = 1 + static_cast<uint32_t>(random() % kValueSets);
    builder.Add(resolved);
  }
  std::shared_ptr<const NameIndex> index = builder.Build();
  Row("names", entries, "build", watch.Nanoseconds() / 1e6, "ms");
  Row("names", entries, "nodes",
      static_cast<double>(index->node_count()) /
          static_cast<double>(names.size()),
      "a name");
  Row("names", entries, "memory",
      static_cast<double>(index->MemoryBytes()) /
          static_cast<double>(names.size()),
      "bytes a name");

  std::vector<std::string> queries(kQueries);
  for (std::string& query : queries) {
    query = Listed(&random) ? names[random() % names.size()] : any_name();
  }
  auto lookup = [&index](const std::string& query) {
    return index->Lookup(query).values;
  };
  Row("names", entries, "lookup", TimeOfEach(queries, lookup), "ns");
  std::vector<QueryName> query_names;
  for (const std::string& query : queries) query_names.emplace_back(query);
  Row("names", entries, "lookup, in steps by 16",
      TimeInSteps<NamePath>(
          query_names,
          [&index](const QueryName& query) {
            const NamePath path(index->seed(), query.labels());
            index->PrefetchHeads(path);
            return path;
          },
          [](NamePath*, const QueryName&) {},
          [&index](const NamePath& path, const QueryName&) {
            index->Prefetch(path);
          },
          [&index](const NamePath& path, const QueryName& query) {
            return index->Lookup(query.labels(), path).values;
          }),
      "ns");

  watch = Stopwatch();
  for (int i = 0; i < kChanges; ++i) {
    NameNode node;
    node.name.reversed_wire = any_name();
    node.name.has_exact = true;
    node.name.exact = 1;
    index = index->WithReplaced(absl::MakeSpan(&node, 1));
  }
  Row("names", entries, "change of one node",
      watch.Nanoseconds() / kChanges / 1e3, "us");
  Row("names", entries, "lookup after the changes", TimeOfEach(queries, lookup),
      "ns");
}

bool Wanted(const char* kind) {
  return FLAGS_only.empty() || FLAGS_only == kind;
}

int Main() {
  for (absl::string_view text : absl::StrSplit(FLAGS_entries, ',')) {
    uint64_t entries = 0;
    if (!absl::SimpleAtoi(text, &entries) || entries == 0) {
      std::fprintf(stderr, "--entries: \"%s\" is not a number above 0\n",
                   std::string(text).c_str());
      return 2;
    }
    if (Wanted("ipv4")) BenchIpv4(entries);
    if (Wanted("ipv6")) BenchIpv6(entries);
    if (Wanted("names")) BenchNames(entries);
  }
  return 0;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) {
  gflags::SetUsageMessage("Measures the lookup indexes.");
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  return rbld::Main();
}
