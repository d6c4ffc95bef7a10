// Random lookups while imports, changes, index files and restarts go on, each
// against a naive reading of the records: RBLD_NAIVE_LOOKUPS says how many of
// each test (10,000,000 for the real thing; a few for the usual run).
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "base/mutex.h"
#include "store/publisher.h"

namespace rbld {
namespace {

constexpr uint64_t kUsualLookups = 200'000;
constexpr uint64_t kLookupsARound = 20'000;
constexpr uint32_t kFeedEntries = 60'000;

// What a list's records answer, worked out for one address at a time by the
// rules of docs and of nothing else.
class NaiveList {
 public:
  explicit NaiveList(const PinnedStore& store) {
    const auto see = [this](const Target& target, Entry entry) {
      if (target.kind() != TargetKind::kIpv4) return;
      const int length = target.prefix().length_bits;
      lengths_.insert(length);
      entries_[Key(target.prefix().ipv4(), length)].push_back(std::move(entry));
    };
    EXPECT_TRUE(store
                    .ForEachListing(
                        "relays",
                        [&](const Listing& listing) {
                          ++listings_;
                          see(listing.target, {listing.source, listing.values});
                          return true;
                        })
                    .ok());
    EXPECT_TRUE(store
                    .ForEachExemption(
                        "relays",
                        [&](const Exemption& exemption) {
                          see(exemption.target, {exemption.scope_source, {}});
                          return true;
                        })
                    .ok());
  }

  uint64_t listings() const { return listings_; }

  ValueSet Lookup(uint32_t address) const {
    // By source: the longest listing and the longest exemption; "" is the whole
    // list's.
    std::map<std::string, std::pair<int, const ValueSet*>> best;
    std::map<std::string, int> exempt;
    for (const int length : lengths_) {
      const auto found = entries_.find(Key(address, length));
      if (found == entries_.end()) continue;
      for (const Entry& entry : found->second) {
        if (entry.values.empty()) {
          exempt[entry.source] = length;
        } else {
          best[entry.source] = {length, &entry.values};
        }
      }
    }
    ValueSet values;
    for (const auto& [source, listing] : best) {
      const int length = listing.first;
      const auto beaten = [&](const std::string& scope) {
        const auto it = exempt.find(scope);
        return it != exempt.end() && it->second >= length;
      };
      if (beaten(source) || beaten("")) continue;
      values.insert(values.end(), listing.second->begin(),
                    listing.second->end());
    }
    Normalize(&values);
    return values;
  }

 private:
  struct Entry {
    std::string source;
    ValueSet values;  // empty: an exemption
  };
  static uint64_t Key(uint32_t address, int length) {
    const uint32_t mask = length == 0 ? 0 : ~uint32_t{0} << (32 - length);
    return uint64_t{address & mask} << 8 | static_cast<uint64_t>(length);
  }
  uint64_t listings_ = 0;
  std::set<int> lengths_;
  absl::flat_hash_map<uint64_t, std::vector<Entry>> entries_;
};

// Addresses are near one another, so that prefixes, changes and lookups meet.
uint32_t RandomAddress(std::mt19937* random) {
  return 0x08000000 | ((*random)() & 0x3ffff);
}

// With exemptions, and without: those of a list with none take shorter ways.
class NaiveLookupTest : public testing::TestWithParam<bool> {
 protected:
  NaiveLookupTest()
      : directory_(testing::TempDir() + "/naive_lookup_test" +
                   (GetParam() ? "_with" : "_without")) {
    std::filesystem::remove_all(directory_);
    Open();
  }
  ~NaiveLookupTest() override {
    publisher_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Open() {
    publisher_.reset();
    PublisherOptions options;
    options.directory = directory_;
    options.clock = &clock_;
    options.index_file_min_records = 1;
    options.index_file_max_changes = 300;
    options.index_file_look_milliseconds = 5;
    options.index_file_least_part_bytes = 4096;
    ListSpec list;
    list.name = "relays";
    list.default_values = {{0x7f000002, "", 0}};
    absl::StatusOr<std::unique_ptr<Publisher>> publisher =
        Publisher::Open(options, {list}, {});
    ASSERT_TRUE(publisher.ok()) << publisher.status();
    publisher_ = *std::move(publisher);
    const StoreStats stats = publisher_->Stats();
    files_read_ += stats.index_files_read;
    MutexLock lock(&mutex_);
    acknowledged_ = stats.sequence;
  }

  // Sequences are given without gaps; those that nobody has been told of yet
  // are an import that is stored and not yet shown.
  void Acknowledge() {
    MutexLock lock(&mutex_);
    ++acknowledged_;
  }

  Change RandomChange(uint32_t near, std::mt19937* random) {
    Change change;
    change.list = "relays";
    const int length = (*random)() % 8 == 0 ? 18 + (*random)() % 14 : 32;
    const uint32_t mask = ~uint32_t{0} << (32 - length);
    change.target = Target::OfPrefix(
        IpPrefix::FromIpv4((near ^ (*random)() % 4) & mask, length));
    static const char* const kSources[] = {"manual", "feed", "other"};
    change.source = kSources[(*random)() % 3];
    change.verb = static_cast<Change::Verb>((*random)() % 4);
    if (!GetParam() && change.verb == Change::Verb::kExempt) {
      change.verb = Change::Verb::kAdd;
    }
    if (change.verb != Change::Verb::kAdd && (*random)() % 2)
      change.source = "";
    if (change.verb == Change::Verb::kAdd) {
      change.values = {
          {0x7f000002 + static_cast<uint32_t>((*random)() % 4), "", 0}};
    }
    return change;
  }

  // One or more changes near one another, so that they meet in one request.
  void ChangeSomething(std::mt19937* random) {
    ChangeRequest request;
    request.actor = "changer";
    const uint32_t near = RandomAddress(random);
    for (uint32_t i = (*random)() % 4; request.changes.size() <= i;) {
      request.changes.push_back(RandomChange(near, random));
    }
    MutexLock turn(&turn_);
    const auto result = publisher_->Apply(request);
    ASSERT_TRUE(result.ok()) << result.status();
    for (const ChangeOutcome outcome : result->outcomes) {
      if (outcome != ChangeOutcome::kUnchanged &&
          outcome != ChangeOutcome::kNotFound) {
        return Acknowledge();
      }
    }
  }

  void ImportSomething(uint32_t round) {
    std::mt19937 random(round % 3 == 0 ? 1 : round);
    Import import{ListPolicy()};
    const auto values = import.InternValues({{0x7f000009, "", 0}}).value();
    for (uint32_t i = 0; i < kFeedEntries; ++i) {
      import.AddIpv4(RandomAddress(&random), 32, values);
    }
    ImportOptions options;
    options.list = "relays";
    options.source = "feed";
    options.actor = "importer";
    options.force = true;
    const auto summary =
        publisher_->RunImport(std::move(import), options, nullptr);
    if (summary.status().code() == absl::StatusCode::kAborted) return;
    ASSERT_TRUE(summary.ok()) << summary.status();
    if (summary->added + summary->removed + summary->changed > 0) Acknowledge();
  }

  // The same moment as records and as an index; false if there is none now.
  bool TakeMoment(std::unique_ptr<PinnedStore>* records,
                  std::shared_ptr<const StoreView>* view) {
    MutexLock turn(&turn_);
    *records = publisher_->Pin();
    *view = publisher_->view();
    MutexLock lock(&mutex_);
    return (*records)->sequence() == (*view)->sequence &&
           (*records)->sequence() == acknowledged_;
  }

  void Compare(const NaiveList& naive, const StoreView& view, uint64_t lookups,
               std::mt19937* random) {
    const Ipv4Index& index = *view.lists.at("relays")->ipv4;
    for (uint64_t n = 0; n < lookups; ++n) {
      const uint32_t address = RandomAddress(random);
      const ValueSetId id = index.Lookup(address);
      const ValueSet values =
          id == kNotListed ? ValueSet() : view.values->Get(id).ToSet();
      ASSERT_EQ(values, naive.Lookup(address))
          << std::hex << address << " at sequence " << view.sequence;
      listed_ += !values.empty();
    }
  }

  FakeClock clock_{1'700'000'000};
  const std::string directory_;
  std::unique_ptr<Publisher> publisher_;
  // Held while something changes, and while a moment is taken.
  Mutex turn_;
  Mutex mutex_;
  uint64_t acknowledged_ RBLD_GUARDED_BY(mutex_) = 0;
  uint64_t files_read_ = 0;
  uint64_t listed_ = 0;  // of the lookups
};

TEST_P(NaiveLookupTest, EqualsTheRecordsWhateverGoesOn) {
  const char* const asked = std::getenv("RBLD_NAIVE_LOOKUPS");
  const uint64_t wanted =
      asked == nullptr ? kUsualLookups : std::strtoull(asked, nullptr, 10);
  uint64_t lookups = 0, moments = 0, missed = 0, written = 0;
  uint32_t import_round = 0;
  std::mt19937 random(1);
  // However fast the lookups are: they find something, and some of them find
  // it in a file's index.
  ImportSomething(import_round++);
  while (lookups < wanted || written == 0 || files_read_ == 0) {
    std::atomic<bool> stop{false};
    std::thread changer([&, seed = random()] {
      std::mt19937 own(seed);
      while (!stop) ChangeSomething(&own);
    });
    std::thread importer([&] {
      while (!stop) ImportSomething(import_round++);
    });
    for (int i = 0; i < 3; ++i) {
      std::unique_ptr<PinnedStore> records;
      std::shared_ptr<const StoreView> view;
      while (!TakeMoment(&records, &view)) {
        ++missed;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      ++moments;
      const NaiveList naive(*records);
      ASSERT_NO_FATAL_FAILURE(Compare(naive, *view, kLookupsARound, &random));
      lookups += kLookupsARound;
    }
    stop = true;
    changer.join();
    importer.join();
    // What counts the records, and what a start makes of the journal.
    const NaiveList naive(*publisher_->Pin());
    ASSERT_EQ(publisher_->Lists().value()[0].listings, naive.listings());
    written += publisher_->Stats().index_files_written;
    Open();
    ASSERT_NO_FATAL_FAILURE(
        Compare(naive, *publisher_->view(), kLookupsARound, &random));
    lookups += kLookupsARound;
  }
  EXPECT_GT(listed_, lookups / 10);
  EXPECT_LT(listed_, lookups);
  EXPECT_GT(written, 0u);
  EXPECT_GT(files_read_, 0u);
  std::printf(
      "%llu lookups at %llu moments (%llu tries fell between an import and its "
      "index), %.1f %% listed; %u imports, %llu index files written, %llu "
      "starts from one\n",
      static_cast<unsigned long long>(lookups),
      static_cast<unsigned long long>(moments),
      static_cast<unsigned long long>(missed),
      100.0 * static_cast<double>(listed_) / static_cast<double>(lookups),
      import_round, static_cast<unsigned long long>(written),
      static_cast<unsigned long long>(files_read_));
}

INSTANTIATE_TEST_SUITE_P(Exemptions, NaiveLookupTest, testing::Bool(),
                         [](const testing::TestParamInfo<bool>& info) {
                           return info.param ? "With" : "Without";
                         });

}  // namespace
}  // namespace rbld
