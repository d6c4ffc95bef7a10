// What a power cut leaves: a child process writes through FaultFileSystem,
// which keeps unsynced bytes in memory, and is killed; its parent reads.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "store/fault_file_system.h"
#include "store/publisher.h"

namespace rbld {
namespace {

// RBLD_CRASH_ROUNDS asks for more, up to kMaxRounds.
constexpr int kRounds = 12;
constexpr int kMaxRounds = 250;
// A bulk import has more changes than an ordinary batch may have.
constexpr uint32_t kBulkEntries = 3000;

std::vector<ListSpec> Lists() {
  ListSpec spec;
  spec.name = "relays";
  spec.default_values = {{0x7f000002, "listed", 0}};
  return {spec};
}

std::unique_ptr<Publisher> Open(const std::string& directory,
                                const Clock* clock, bool faulty, bool sync,
                                std::shared_ptr<FaultPlan> plan = nullptr) {
  PublisherOptions options;
  options.directory = directory;
  options.clock = clock;
  options.sync = sync;
  // Index files as often as can be, so that many a kill falls upon one.
  options.index_file_min_records = 1;
  options.index_file_max_changes = 10;
  options.index_file_look_milliseconds = 5;
  if (plan == nullptr) plan = std::make_shared<FaultPlan>();
  if (faulty) options.file_system = NewFaultFileSystem(plan);
  absl::StatusOr<std::unique_ptr<Publisher>> publisher =
      Publisher::Open(options, Lists(), {});
  EXPECT_TRUE(publisher.ok()) << publisher.status();
  return publisher.ok() ? *std::move(publisher) : nullptr;
}

Target Address(uint32_t host_order) {
  return Target::OfPrefix(IpPrefix::FromIpv4(host_order));
}

// A pair of neighbours is always added or removed together.
ChangeRequest PairRequest(uint32_t address, bool add) {
  ChangeRequest request;
  for (const uint32_t one : {address, address + 1}) {
    Change change;
    change.verb = add ? Change::Verb::kAdd : Change::Verb::kRemove;
    change.list = "relays";
    change.target = Address(one);
    request.changes.push_back(change);
  }
  request.actor = "child";
  return request;
}

absl::Status ImportBulk(Publisher* publisher, uint32_t round) {
  Import import{ListPolicy()};
  const auto values = import.InternValues({{0x7f000003, "", 0}}).value();
  for (uint32_t i = 0; i < kBulkEntries; ++i) {
    import.AddIpv4(0x09000000 + round * 0x10000 + i * 7, 32, values);
  }
  ImportOptions options;
  options.list = "relays";
  options.source = "bulk";
  options.force = true;
  return publisher->RunImport(std::move(import), options, nullptr).status();
}

// Writes until it is killed; tells the parent what was acknowledged: 8 bytes
// each, the address and 1 for added or 0 for removed; 2 for an import's round.
[[noreturn]] void WriteForEver(const std::string& directory, uint32_t round,
                               bool sync, int out) {
  SystemClock clock;
  std::unique_ptr<Publisher> publisher =
      Open(directory, &clock, /*faulty=*/true, sync);
  std::mt19937 random(round);
  const auto tell = [&](uint32_t what, uint32_t kind) {
    const uint32_t message[2] = {what, kind};
    if (write(out, message, sizeof(message)) != sizeof(message)) _exit(1);
  };
  for (uint32_t i = 0;; ++i) {
    if (i == 20) {
      if (!ImportBulk(publisher.get(), round).ok()) _exit(1);
      tell(round, 2);
    }
    const uint32_t address = 0x08000000 + (random() % 500) * 2;
    const bool add = random() % 3 != 0;
    if (!publisher->Apply(PairRequest(address, add)).ok()) _exit(1);
    tell(address, add ? 1 : 0);
  }
}

struct Known {
  std::map<uint32_t, bool> pairs;  // address -> listed, as acknowledged
  uint32_t import_round = 0;
  bool imported = false;
};

// Runs one child, kills it after `acknowledgements`, and notes what it said.
// The last change that it made may be durable without having been told.
void RunChild(const std::string& directory, uint32_t round, bool sync,
              int acknowledgements, Known* known) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // A process of its own: RocksDB's threads do not survive a fork.
    execl("/proc/self/exe", "crash_test", "--child", directory.c_str(),
          std::to_string(round).c_str(), sync ? "1" : "0",
          std::to_string(pipe_ends[1]).c_str(), nullptr);
    _exit(127);
  }
  close(pipe_ends[1]);
  uint32_t message[2];
  for (int i = 0; read(pipe_ends[0], message, sizeof(message)) ==
                  static_cast<ssize_t>(sizeof(message));
       ++i) {
    if (i == acknowledgements) kill(child, SIGKILL);
    if (message[1] == 2) {
      known->imported = true;
      known->import_round = message[0];
    } else {
      known->pairs[message[0]] = message[1] == 1;
    }
  }
  close(pipe_ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
}

// How many acknowledged changes are missing, and how many pairs are halved.
int CountLosses(const std::string& directory, Known* known) {
  SystemClock clock;
  std::unique_ptr<Publisher> publisher =
      Open(directory, &clock, /*faulty=*/false, /*sync=*/true);
  if (publisher == nullptr) return 1000;
  const std::shared_ptr<const StoreView> view = publisher->view();
  const Ipv4Index& index = *view->lists.at("relays")->ipv4;
  int losses = 0, differing = 0;
  for (uint32_t address = 0x08000000; address < 0x08000000 + 1000;
       address += 2) {
    const bool first = index.Lookup(address) != kNotListed;
    const bool second = index.Lookup(address + 1) != kNotListed;
    if (first != second) ++losses;
    // One pair may differ: the change that was cut off unacknowledged.
    if (known->pairs[address] != first) ++differing;
    known->pairs[address] = first;
  }
  if (differing > 1) losses += differing - 1;
  if (known->imported) {
    // All of the newest acknowledged import, or all of one that followed it.
    uint32_t listed[kMaxRounds + 1] = {};
    uint32_t rounds_present = 0;
    for (uint32_t round = 0; round <= kMaxRounds; ++round) {
      for (uint32_t i = 0; i < kBulkEntries; ++i) {
        listed[round] +=
            index.Lookup(0x09000000 + round * 0x10000 + i * 7) != kNotListed;
      }
      if (listed[round] != 0 && listed[round] != kBulkEntries) ++losses;
      rounds_present += listed[round] != 0;
    }
    if (rounds_present != 1) ++losses;
    if (listed[known->import_round] == 0 &&
        (known->import_round == kMaxRounds ||
         listed[known->import_round + 1] == 0)) {
      ++losses;
    }
  }
  // The index is what the records say, and the sequence has no gaps.
  const StoreStats stats = publisher->Stats();
  uint64_t expected = stats.sequence;
  const std::vector<HistoryEntry> audit = publisher->Audit(1'000'000).value();
  for (const HistoryEntry& entry : audit) {
    if (entry.sequence != expected--) ++losses;
  }
  uint64_t records = 0;
  std::unique_ptr<PinnedStore> pinned = publisher->Pin();
  EXPECT_TRUE(
      pinned
          ->ForEachListing("relays",
                           [&](const Listing& listing) {
                             ++records;
                             if (index.Lookup(listing.target.prefix().ipv4()) ==
                                 kNotListed) {
                               ++losses;
                             }
                             return true;
                           })
          .ok());
  if (records != publisher->Lists()->at(0).listings) ++losses;
  return losses;
}

int LossesOver(int rounds, bool sync) {
  const std::string directory = testing::TempDir() + "/crash";
  std::filesystem::remove_all(directory);
  Known known;
  std::mt19937 random(1);
  int losses = 0;
  for (int round = 0; round < rounds; ++round) {
    RunChild(directory, static_cast<uint32_t>(round), sync,
             static_cast<int>(5 + random() % 60), &known);
    losses += CountLosses(directory, &known);
    if (testing::Test::HasFatalFailure()) break;
  }
  std::filesystem::remove_all(directory);
  return losses;
}

TEST(Crash, LosesNothingThatWasAcknowledged) {
  const char* more = std::getenv("RBLD_CRASH_ROUNDS");
  const int rounds = more == nullptr ? kRounds : std::atoi(more);
  ASSERT_LE(rounds, kMaxRounds);
  EXPECT_EQ(LossesOver(rounds, /*sync=*/true), 0);
}

TEST(Crash, TheTestSeesTheLossOfUnsyncedCommits) {
  EXPECT_GT(LossesOver(4, /*sync=*/false), 0);
}

TEST(Crash, AFullDiskRefusesAndKeepsWhatIsThere) {
  const std::string directory = testing::TempDir() + "/full";
  std::filesystem::remove_all(directory);
  SystemClock clock;
  auto plan = std::make_shared<FaultPlan>();
  std::unique_ptr<Publisher> publisher =
      Open(directory, &clock, /*faulty=*/true, /*sync=*/true, plan);
  ASSERT_NE(publisher, nullptr);
  ASSERT_TRUE(publisher->Apply(PairRequest(0x08000000, true)).ok());
  plan->bytes_left = 10;
  const absl::Status refused =
      publisher->Apply(PairRequest(0x08000010, true)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_NE(refused.message().find("free disk space"), std::string::npos);
  const auto view = publisher->view();
  EXPECT_NE(view->lists.at("relays")->ipv4->Lookup(0x08000000), kNotListed);
  EXPECT_EQ(view->lists.at("relays")->ipv4->Lookup(0x08000010), kNotListed);
  const absl::Status bulk = ImportBulk(publisher.get(), 0);
  EXPECT_EQ(bulk.code(), absl::StatusCode::kResourceExhausted) << bulk;
  publisher.reset();
  plan->bytes_left = -1;
  publisher = Open(directory, &clock, /*faulty=*/false, /*sync=*/true);
  ASSERT_NE(publisher, nullptr);
  EXPECT_TRUE(publisher->Apply(PairRequest(0x08000010, true)).ok());
  publisher.reset();
  std::filesystem::remove_all(directory);
}

}  // namespace

int ChildMain(char** argv) {
  WriteForEver(argv[2], static_cast<uint32_t>(std::stoul(argv[3])),
               argv[4][0] == '1', std::stoi(argv[5]));
}

}  // namespace rbld

int main(int argc, char** argv) {
  if (argc == 6 && std::string(argv[1]) == "--child") {
    return rbld::ChildMain(argv);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
