#include "store/name_index.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "store/query_name.h"

namespace rbld {
namespace {

constexpr uint64_t kSeed = 0x123456789abcdef;

// "a.example.com" -> "\3com\7example\1a"
std::string Wire(absl::string_view text) {
  std::string wire;
  std::vector<std::string> labels = absl::StrSplit(text, '.');
  if (text.empty()) labels.clear();
  std::reverse(labels.begin(), labels.end());
  for (const std::string& label : labels) {
    wire += static_cast<char>(label.size());
    wire += label;
  }
  return wire;
}

struct Rule {
  bool has_exact = false;
  ValueSetId exact = kNotListed;
  bool has_below = false;
  ValueSetId below = kNotListed;

  bool Lists() const {
    return (has_exact && exact != kNotListed) ||
           (has_below && below != kNotListed);
  }
};

Rule Exact(ValueSetId values) { return {true, values, false, kNotListed}; }
Rule Below(ValueSetId values) { return {false, kNotListed, true, values}; }
Rule Both(ValueSetId values) { return {true, values, true, values}; }

ResolvedName Resolved(const std::string& wire, const Rule& rule) {
  return {wire, rule.has_exact, rule.exact, rule.has_below, rule.below};
}

// The names above a name, the root not counted, and the name itself.
std::vector<std::string> Path(const std::string& wire) {
  std::vector<std::string> path;
  for (size_t at = 0; at < wire.size();) {
    at += 1 + static_cast<unsigned char>(wire[at]);
    path.push_back(wire.substr(0, at));
  }
  return path;
}

// What an index should do, done simply: a map by reversed_wire.
class Model {
 public:
  void Set(const std::string& wire, const Rule& rule) { rules_[wire] = rule; }
  void Erase(const std::string& wire) { rules_.erase(wire); }
  const std::map<std::string, Rule>& rules() const { return rules_; }

  NameIndex::Result Lookup(const std::string& wire) const {
    NameIndex::Result result;
    std::vector<std::string> path = Path(wire);
    path.insert(path.begin(), "");
    for (size_t i = 0; i + 1 < path.size(); ++i) {
      auto it = rules_.find(path[i]);
      if (it == rules_.end() || !it->second.has_below) continue;
      result.values = it->second.below;
      result.matched_labels = static_cast<int>(i);
    }
    ValueSetId below = result.values;
    auto own = rules_.find(wire);
    if (own != rules_.end() && own->second.has_below) below = own->second.below;
    if (own != rules_.end() && own->second.has_exact) {
      result.values = own->second.exact;
      result.matched_labels = static_cast<int>(path.size()) - 1;
    }
    result.any_below = below != kNotListed || AnyListedBelow(wire);
    return result;
  }

  bool AnyListedBelow(const std::string& wire) const {
    for (auto it = rules_.upper_bound(wire);
         it != rules_.end() && it->first.substr(0, wire.size()) == wire; ++it) {
      if (it->second.Lists()) return true;
    }
    return false;
  }

  // What WithReplaced is told after the rule of `wire` has changed.
  void AppendNodes(const std::string& wire,
                   std::vector<NameNode>* nodes) const {
    for (const std::string& name : Path(wire)) {
      NameNode node;
      auto own = rules_.find(name);
      auto next = rules_.upper_bound(name);
      const bool has_below =
          next != rules_.end() && next->first.substr(0, name.size()) == name;
      node.present = own != rules_.end() || has_below;
      node.name = Resolved(name, own == rules_.end() ? Rule() : own->second);
      node.any_below = AnyListedBelow(name);
      nodes->push_back(node);
    }
  }

  std::shared_ptr<const NameIndex> Build() const {
    NameIndexBuilder builder(kSeed);
    for (const auto& [wire, rule] : rules_) builder.Add(Resolved(wire, rule));
    return builder.Build();
  }

 private:
  std::map<std::string, Rule> rules_;
};

bool operator==(const NameIndex::Result& a, const NameIndex::Result& b) {
  return a.values == b.values && a.matched_labels == b.matched_labels &&
         a.any_below == b.any_below;
}

std::string Text(const NameIndex::Result& result) {
  return absl::StrCat("values ", result.values, " labels ",
                      result.matched_labels, " below ", result.any_below);
}

std::shared_ptr<const NameIndex> Build(
    const std::vector<std::pair<std::string, Rule>>& rules) {
  Model model;
  for (const auto& [name, rule] : rules) model.Set(Wire(name), rule);
  return model.Build();
}

TEST(NameIndex, EmptyListsNothing) {
  for (const auto& index :
       {NameIndex::Empty(kSeed), NameIndexBuilder(kSeed).Build()}) {
    for (const char* name : {"", "com", "example.com"}) {
      const NameIndex::Result result = index->Lookup(Wire(name));
      EXPECT_EQ(Text(result), "values 0 labels 0 below 0") << name;
    }
    EXPECT_EQ(index->node_count(), 0u);
    EXPECT_LT(index->MemoryBytes(), 10000u);
  }
}

TEST(NameIndex, ExactListingIsForThatNameOnlyAndMakesEmptyNonTerminals) {
  const auto index = Build({{"a.example.com", Exact(3)}});
  EXPECT_EQ(Text(index->Lookup(Wire("a.example.com"))),
            "values 3 labels 3 below 0");
  EXPECT_EQ(Text(index->Lookup(Wire("b.a.example.com"))),
            "values 0 labels 0 below 0");
  EXPECT_EQ(Text(index->Lookup(Wire("example.com"))),
            "values 0 labels 0 below 1");
  EXPECT_EQ(Text(index->Lookup(Wire("com"))), "values 0 labels 0 below 1");
  EXPECT_EQ(Text(index->Lookup("")), "values 0 labels 0 below 1");
  EXPECT_EQ(Text(index->Lookup(Wire("b.example.com"))),
            "values 0 labels 0 below 0");
  EXPECT_EQ(Text(index->Lookup(Wire("net"))), "values 0 labels 0 below 0");
  EXPECT_EQ(index->node_count(), 3u);
}

TEST(NameIndex, ListingOfSubdomainsIsNotForTheNameItself) {
  const auto index = Build({{"example.com", Below(3)}});
  EXPECT_EQ(Text(index->Lookup(Wire("example.com"))),
            "values 0 labels 0 below 1");
  EXPECT_EQ(Text(index->Lookup(Wire("a.example.com"))),
            "values 3 labels 2 below 1");
  EXPECT_EQ(Text(index->Lookup(Wire("c.b.a.example.com"))),
            "values 3 labels 2 below 1");
}

TEST(NameIndex, ExemptionOfANameDoesNotReachThoseBelowIt) {
  const auto index = Build({{"x", Both(1)}, {"a.x", Exact(kNotListed)}});
  EXPECT_EQ(Text(index->Lookup(Wire("x"))), "values 1 labels 1 below 1");
  EXPECT_EQ(Text(index->Lookup(Wire("a.x"))), "values 0 labels 2 below 1");
  EXPECT_EQ(Text(index->Lookup(Wire("b.a.x"))), "values 1 labels 1 below 1");
}

TEST(NameIndex, ExemptionOfSubdomainsEndsTheListingAbove) {
  const auto index =
      Build({{"x", Both(1)}, {"a.x", Both(kNotListed)}, {"c.b.a.x", Exact(2)}});
  EXPECT_EQ(Text(index->Lookup(Wire("a.x"))), "values 0 labels 2 below 1");
  EXPECT_EQ(Text(index->Lookup(Wire("z.a.x"))), "values 0 labels 2 below 0");
  EXPECT_EQ(Text(index->Lookup(Wire("b.a.x"))), "values 0 labels 2 below 1");
  EXPECT_EQ(Text(index->Lookup(Wire("c.b.a.x"))), "values 2 labels 4 below 0");
}

TEST(NameIndex, ExemptionWithNothingListedAboveIsFoundAndListsNothing) {
  const auto index = Build({{"c.b.a.x", Exact(kNotListed)}});
  for (const char* name : {"x", "a.x", "b.a.x"}) {
    EXPECT_EQ(Text(index->Lookup(Wire(name))), "values 0 labels 0 below 0");
  }
  EXPECT_EQ(Text(index->Lookup(Wire("c.b.a.x"))), "values 0 labels 4 below 0");
  EXPECT_EQ(index->node_count(), 4u);
}

TEST(NameIndex, RootMayListEverything) {
  const auto index = Build({{"", Below(4)}, {"com", Exact(kNotListed)}});
  EXPECT_EQ(Text(index->Lookup("")), "values 0 labels 0 below 1");
  EXPECT_EQ(Text(index->Lookup(Wire("com"))), "values 0 labels 1 below 1");
  EXPECT_EQ(Text(index->Lookup(Wire("net"))), "values 4 labels 0 below 1");
  const auto changed = index->WithReplaced(
      std::vector<NameNode>{{true, Resolved("", Rule()), false}});
  EXPECT_EQ(Text(changed->Lookup(Wire("net"))), "values 0 labels 0 below 0");
}

TEST(NameIndex, LookupOfBytesThatAreNoNameStaysInside) {
  const auto index = Build({{"com", Both(1)}});
  const std::string bytes("\3com\377x", 6);
  EXPECT_EQ(index->Lookup(bytes).values, 1u);
  EXPECT_EQ(index->Lookup(absl::string_view("\0\0", 2)).values, kNotListed);
  EXPECT_EQ(index->Lookup("\77").values, kNotListed);
}

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint32_t Below(uint32_t limit) { return engine_() % limit; }

  // A name of few different labels, so that names lie above others.
  std::string Name() {
    std::string wire;
    const uint32_t labels = 1 + Below(Below(10) == 0 ? 12 : 4);
    for (uint32_t i = 0; i < labels; ++i) {
      std::string label(1 + Below(2), static_cast<char>('a' + Below(4)));
      if (Below(30) == 0) label = std::string(60, 'z');
      wire += static_cast<char>(label.size());
      wire += label;
    }
    return wire.size() > 254 ? wire.substr(0, 0) + Name() : wire;
  }

  Rule AnyRule() {
    const auto values = [this] { return Below(3) == 0 ? 0 : 1 + Below(4); };
    switch (Below(4)) {
      case 0:
        return Exact(values());
      case 1:
        return rbld::Below(values());
      case 2:
        return Both(values());
      default:
        return {true, values(), true, values()};
    }
  }

 private:
  std::mt19937 engine_;
};

void ExpectSame(const NameIndex& index, const Model& model, Random* random) {
  std::vector<std::string> names = {""};
  for (const auto& [wire, rule] : model.rules()) {
    for (const std::string& name : Path(wire)) names.push_back(name);
    names.push_back(wire + Wire("q"));
    names.push_back(wire + Wire("a.q"));
  }
  for (int i = 0; i < 300; ++i) names.push_back(random->Name());
  for (const std::string& name : names) {
    const NameIndex::Result got = index.Lookup(name);
    const NameIndex::Result want = model.Lookup(name);
    ASSERT_TRUE(got == want)
        << name << ": got " << Text(got) << ", want " << Text(want);
    // The same in steps, also with what another seed's index would need.
    const QueryName query(name);
    for (const uint64_t seed : {index.seed(), index.seed() + 1}) {
      const NamePath path(seed, query.labels());
      index.PrefetchHeads(path);
      index.Prefetch(path);
      const NameIndex::Result in_steps = index.Lookup(query.labels(), path);
      ASSERT_TRUE(in_steps == want)
          << name << ": got " << Text(in_steps) << ", want " << Text(want);
    }
  }
}

TEST(NameIndex, BuiltFromRandomRulesEqualsModel) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Model model;
    const uint32_t rules = random.Below(200);
    for (uint32_t i = 0; i < rules; ++i) {
      model.Set(random.Name(), random.AnyRule());
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSame(*model.Build(), model, &random));
  }
}

TEST(NameIndex, ReplacedEqualsModelAndOldVersionsStay) {
  for (uint32_t seed = 100; seed < 120; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Model model;
    if (seed % 2 == 0) {
      for (int i = 0; i < 100; ++i) model.Set(random.Name(), random.AnyRule());
    }
    auto index = model.Build();
    std::vector<std::pair<std::shared_ptr<const NameIndex>, Model>> versions;
    for (int round = 0; round < 60; ++round) {
      versions.emplace_back(index, model);
      std::string wire = random.Name();
      if (random.Below(2) == 0 && !model.rules().empty()) {
        auto it = model.rules().lower_bound(wire);
        if (it == model.rules().end()) it = model.rules().begin();
        wire = it->first;
        model.Erase(wire);
      } else {
        model.Set(wire, random.AnyRule());
      }
      std::vector<NameNode> nodes;
      model.AppendNodes(wire, &nodes);
      nodes.push_back({true, Resolved("", Rule()), model.AnyListedBelow("")});
      index = index->WithReplaced(nodes);
      ASSERT_NO_FATAL_FAILURE(ExpectSame(*index, model, &random));
      ASSERT_EQ(index->node_count(), model.Build()->node_count());
    }
    for (const auto& [old_index, old_model] : versions) {
      ASSERT_NO_FATAL_FAILURE(ExpectSame(*old_index, old_model, &random));
    }
  }
}

std::vector<std::string> ManyNames(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    names.push_back(Wire(absl::StrCat("host", i % 7, ".domain", i,
                                      i % 3 == 0 ? ".com" : ".example")));
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(NameIndex, ManyNamesAreFoundAndOthersAreNot) {
  const std::vector<std::string> names = ManyNames(60000);
  NameIndexBuilder builder(kSeed);
  for (size_t i = 0; i < names.size(); ++i) {
    builder.Add(Resolved(names[i], Exact(1 + i % 3)));
  }
  const auto index = builder.Build();
  EXPECT_EQ(index->node_count(), 120002u);
  for (size_t i = 0; i < names.size(); ++i) {
    ASSERT_EQ(index->Lookup(names[i]).values, 1 + i % 3);
    ASSERT_EQ(index->Lookup(names[i] + Wire("x")).values, kNotListed);
    const std::string above = Path(names[i])[1];
    const NameIndex::Result result = index->Lookup(above);
    ASSERT_EQ(result.values, kNotListed);
    ASSERT_TRUE(result.any_below);
    ASSERT_FALSE(index->Lookup(above + "x").any_below);
  }
}

TEST(NameIndex, TakesFewBytesANode) {
  const std::vector<std::string> names = ManyNames(300000);
  NameIndexBuilder builder(kSeed);
  for (size_t i = 0; i < names.size(); ++i) {
    builder.Add(Resolved(names[i], Both(1 + i % 3)));
  }
  const auto index = builder.Build();
  EXPECT_LT(static_cast<double>(index->MemoryBytes()) /
                static_cast<double>(index->node_count()),
            7.8);
  EXPECT_LT(static_cast<double>(index->MemoryBytes()) /
                static_cast<double>(names.size()),
            15.5);
}

TEST(NameIndex, ValuesMayDifferFromNameToName) {
  const std::vector<std::string> names = ManyNames(20000);
  NameIndexBuilder builder(kSeed);
  for (size_t i = 0; i < names.size(); ++i) {
    builder.Add(
        Resolved(names[i], Exact(static_cast<uint32_t>(UINT32_MAX - i))));
  }
  const auto index = builder.Build();
  for (size_t i = 0; i < names.size(); ++i) {
    ASSERT_EQ(index->Lookup(names[i]).values, UINT32_MAX - i);
  }
}

TEST(NameIndex, ChangesTouchOnlyTheirBlocks) {
  const auto index = Build({{"a.example.com", Exact(3)}});
  EXPECT_EQ(index->changed_blocks(), 0u);
  const std::vector<NameNode> change = {
      {true, Resolved(Wire("b.example.com"), Exact(1)), false}};
  const auto changed = index->WithReplaced(change);
  EXPECT_EQ(changed->changed_blocks(), 1u);
  EXPECT_EQ(changed->WithReplaced(change)->changed_blocks(), 1u);
  EXPECT_EQ(changed->WithReplaced(change)->MemoryBytes(),
            changed->MemoryBytes());
  EXPECT_EQ(changed->Lookup(Wire("b.example.com")).values, 1u);
  EXPECT_EQ(index->Lookup(Wire("b.example.com")).values, kNotListed);
}

TEST(NameIndex, ReadersMayReadWhileNewVersionsAreMade) {
  constexpr int kVersions = 300;
  std::vector<std::shared_ptr<const NameIndex>> versions(kVersions);
  std::atomic<int> published{0};
  std::atomic<uint32_t> wrong{0};
  versions[0] = Build({{"example.com", Exact(7)}});
  auto read = [&](uint32_t seed) {
    std::minstd_rand random(seed);
    for (int seen = 0; seen < kVersions - 1;) {
      seen = published.load(std::memory_order_acquire);
      const NameIndex& index = *versions[static_cast<size_t>(seen)];
      const auto listed = static_cast<uint32_t>(seen);
      if (listed > 0) {
        const uint32_t n = 1 + static_cast<uint32_t>(random()) % listed;
        if (index.Lookup(Wire(absl::StrCat("n", n, ".com"))).values != n) {
          ++wrong;
        }
      }
      const std::string later = absl::StrCat("n", listed + 1, ".com");
      if (index.Lookup(Wire(later)).values != kNotListed) ++wrong;
      if (index.Lookup(Wire("example.com")).values != 7) ++wrong;
    }
  };
  std::thread reader1(read, 1);
  std::thread reader2(read, 2);
  for (uint32_t n = 1; n < kVersions; ++n) {
    versions[n] = versions[n - 1]->WithReplaced(std::vector<NameNode>{
        {true, Resolved(Wire("com"), Rule()), true},
        {true, Resolved(Wire(absl::StrCat("n", n, ".com")), Exact(n)), false}});
    published.store(static_cast<int>(n), std::memory_order_release);
  }
  reader1.join();
  reader2.join();
  EXPECT_EQ(wrong, 0u);
}

TEST(NameIndexDeathTest, RefusesNamesOutOfOrder) {
  NameIndexBuilder builder(kSeed);
  builder.Add(Resolved(Wire("b.com"), Exact(1)));
  EXPECT_DEATH(builder.Add(Resolved(Wire("b.com"), Exact(1))), "ascending");
  EXPECT_DEATH(builder.Add(Resolved(Wire("a.com"), Exact(1))), "ascending");
  const NameNode node = {true, Resolved(Wire("com"), Exact(1)), false};
  EXPECT_DEATH(
      NameIndex::Empty(kSeed)->WithReplaced(std::vector<NameNode>{node, node}),
      "given once");
}

}  // namespace
}  // namespace rbld
