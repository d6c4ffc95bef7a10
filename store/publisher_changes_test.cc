// Random requests about few addresses: after each, the index must be what the
// records say when all of them are read, and so after starts that make the
// changes again from the journal.
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <random>
#include <string>

#include "base/clock.h"
#include "store/publisher.h"

namespace rbld {
namespace {

constexpr int kRequests = 500;
constexpr int kRequestsAStart = 40;
constexpr size_t kAddresses = 256;
constexpr const char* kLists[] = {"relays", "proxies"};
constexpr const char* kSources[] = {"manual", "feed"};

// The addresses differ in their last byte.
AddressBytes AddressOf(Family family, size_t number) {
  if (family == Family::kIpv4) {
    return {8, 8, 8, static_cast<uint8_t>(number)};
  }
  AddressBytes bytes = {0x2a, 0x02, 0x08, 0x10};
  bytes[15] = static_cast<uint8_t>(number);
  return bytes;
}

// What each of the addresses answers.
using Answers = std::array<ValueSet, kAddresses>;

Answers ByIndex(const StoreView& view, const std::string& list, Family family) {
  Answers answers;
  const ListIndex& index = *view.lists.find(list)->second;
  for (size_t i = 0; i < kAddresses; ++i) {
    const AddressBytes address = AddressOf(family, i);
    const ValueSetId id = family == Family::kIpv4
                              ? index.ipv4->Lookup(Ipv4Of(address))
                              : index.ipv6->Lookup(address);
    if (id != kNotListed) answers[i] = view.values->Get(id).ToSet();
  }
  return answers;
}

Answers ByRecords(const PinnedStore& store, const std::string& list,
                  Family family) {
  Answers answers;
  EXPECT_TRUE(store
                  .ResolveAddresses(
                      list, family,
                      [&](const ResolvedRun& run) {
                        const size_t at = family == Family::kIpv4 ? 3 : 15;
                        for (size_t i = run.first[at]; i <= run.last[at]; ++i) {
                          answers[i] = store.values().Get(run.values).ToSet();
                        }
                        return true;
                      })
                  .ok());
  return answers;
}

struct Mix {
  const char* name;
  unsigned exemptions;  // of a thousand changes
  unsigned prefixes;
};

class PublisherChangesTest : public testing::TestWithParam<Mix> {
 protected:
  PublisherChangesTest()
      : directory_(testing::TempDir() + "/publisher_changes_test_" +
                   GetParam().name) {
    std::filesystem::remove_all(directory_);
    Open();
  }
  ~PublisherChangesTest() override {
    publisher_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Open() {
    publisher_.reset();
    PublisherOptions options;
    options.directory = directory_;
    options.clock = &clock_;
    options.sync = false;
    options.index_file_min_records = 1;
    // Most stops write none: starts make the changes again.
    options.index_file_max_changes = random_() % 3 == 0 ? 10 : 100'000;
    std::vector<ListSpec> lists;
    for (const char* const name : kLists) {
      ListSpec list;
      list.name = name;
      list.default_values = {{0x7f000002, "", 0}};
      lists.push_back(list);
    }
    absl::StatusOr<std::unique_ptr<Publisher>> publisher =
        Publisher::Open(options, lists, {});
    ASSERT_TRUE(publisher.ok()) << publisher.status();
    publisher_ = *std::move(publisher);
    files_read_ += publisher_->Stats().index_files_read;
  }

  Change RandomChange() {
    Change change;
    change.list = kLists[random_() % 2];
    change.source = kSources[random_() % 2];
    const Family family = random_() % 2 ? Family::kIpv4 : Family::kIpv6;
    int length_bits = IpPrefix::WidthBits(family);
    if (random_() % 1000 < GetParam().prefixes)
      length_bits -= 1 + static_cast<int>(random_() % 8);
    change.target = Target::OfPrefix(IpPrefix::Make(
        family, AddressOf(family, random_() % kAddresses), length_bits));
    if (random_() % 1000 < GetParam().exemptions) {
      change.verb = Change::Verb::kExempt;
    } else if (random_() % 2 == 0) {
      change.verb = Change::Verb::kAdd;
      change.values = {
          {0x7f000002 + static_cast<uint32_t>(random_() % 3), "", 0}};
      return change;
    } else {
      change.verb = Change::Verb::kRemove;
    }
    if (random_() % 2 == 0) change.source = "";
    return change;
  }

  // Takes off all exemptions there are.
  void Unexempt(std::vector<Change>* changes) {
    const std::unique_ptr<PinnedStore> store = publisher_->Pin();
    for (const char* const list : kLists) {
      EXPECT_TRUE(store
                      ->ForEachExemption(list,
                                         [&](const Exemption& exemption) {
                                           Change change;
                                           change.verb =
                                               Change::Verb::kUnexempt;
                                           change.list = list;
                                           change.source =
                                               exemption.scope_source;
                                           change.target = exemption.target;
                                           changes->push_back(change);
                                           return true;
                                         })
                      .ok());
    }
  }

  void ChangeSomething() {
    ChangeRequest request;
    request.actor = "changer";
    for (uint32_t i = random_() % 5; request.changes.size() <= i;) {
      request.changes.push_back(RandomChange());
    }
    unexempted_ = random_() % 20 == 0;
    if (unexempted_) Unexempt(&request.changes);
    for (size_t i = random_() % 3; i > 0; --i) {
      request.changes.push_back(RandomChange());
    }
    const auto result = publisher_->Apply(request);
    ASSERT_TRUE(result.ok()) << result.status();
  }

  void Check() {
    const std::unique_ptr<PinnedStore> store = publisher_->Pin();
    const std::shared_ptr<const StoreView> view = publisher_->view();
    ASSERT_EQ(store->sequence(), view->sequence);
    const std::vector<ListInfo> infos = publisher_->Lists().value();
    for (const ListInfo& info : infos) {
      for (const Family family : {Family::kIpv4, Family::kIpv6}) {
        const Answers answers = ByIndex(*view, info.name, family);
        ASSERT_EQ(answers, ByRecords(*store, info.name, family));
        for (const ValueSet& values : answers) listed_ += !values.empty();
      }
      uint64_t listings = 0, exemptions = 0;
      ASSERT_TRUE(store
                      ->ForEachListing(info.name,
                                       [&](const Listing&) {
                                         ++listings;
                                         return true;
                                       })
                      .ok());
      ASSERT_TRUE(store
                      ->ForEachExemption(info.name,
                                         [&](const Exemption&) {
                                           ++exemptions;
                                           return true;
                                         })
                      .ok());
      ASSERT_EQ(info.listings, listings);
      ASSERT_EQ(info.exemptions, exemptions);
      exemptions_ += exemptions;
    }
  }

  FakeClock clock_{1'700'000'000};
  const std::string directory_;
  std::unique_ptr<Publisher> publisher_;
  std::mt19937 random_{1};
  bool unexempted_ = false;  // by the last request
  uint64_t files_read_ = 0;
  uint64_t listed_ = 0;
  uint64_t exemptions_ = 0;
};

TEST_P(PublisherChangesTest, AnswersWhatTheRecordsSay) {
  for (int i = 1; i <= kRequests; ++i) {
    ASSERT_NO_FATAL_FAILURE(ChangeSomething());
    ASSERT_NO_FATAL_FAILURE(Check()) << "after request " << i;
    if (i % kRequestsAStart != 0 && !unexempted_) continue;
    ASSERT_NO_FATAL_FAILURE(Open());
    ASSERT_NO_FATAL_FAILURE(Check()) << "after a start, request " << i;
  }
  EXPECT_GT(files_read_, 10u);
  EXPECT_GT(listed_, kRequests * kAddresses / 5);
  EXPECT_LT(listed_, kRequests * kAddresses * 4);
  EXPECT_EQ(exemptions_ > 0, GetParam().exemptions > 0);
}

INSTANTIATE_TEST_SUITE_P(Mixes, PublisherChangesTest,
                         testing::Values(Mix{"Addresses", 0, 0},
                                         Mix{"Prefixes", 0, 120},
                                         Mix{"FewExemptions", 10, 0},
                                         Mix{"ManyExemptions", 150, 120}),
                         [](const testing::TestParamInfo<Mix>& info) {
                           return info.param.name;
                         });

}  // namespace
}  // namespace rbld
