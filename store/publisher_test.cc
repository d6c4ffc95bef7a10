#include "store/publisher.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <thread>

namespace rbld {
namespace {

constexpr int64_t kStart = 1'700'000'000;

Target T(const std::string& text) {
  absl::StatusOr<Target> target = Target::Parse(text);
  EXPECT_TRUE(target.ok()) << text << ": " << target.status();
  return target.ok() ? *target : Target();
}

Change Add(const std::string& text, const std::string& source = "manual") {
  Change change;
  change.list = "relays";
  change.source = source;
  change.target = T(text);
  return change;
}

Change Make(Change::Verb verb, const std::string& text,
            const std::string& source) {
  Change change = Add(text, source);
  change.verb = verb;
  return change;
}

class PublisherTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    Open();
  }
  void TearDown() override {
    publisher_.reset();
    std::filesystem::remove_all(directory_);
  }

  static std::vector<ListSpec> Lists() {
    ListSpec spec;
    spec.name = "relays";
    spec.default_values = {{0x7f000002, "listed $", 0}};
    return {spec};
  }
  static std::vector<ZoneSpec> Zones() {
    ZoneSpec zone;
    zone.name = "relays.example";
    zone.parts.emplace_back();
    zone.parts[0].lists.push_back({"relays", {}});
    zone.fingerprint = "one";
    return {zone};
  }

  void Open() {
    publisher_.reset();
    PublisherOptions options;
    options.directory = directory_;
    options.clock = &clock_;
    absl::StatusOr<std::unique_ptr<Publisher>> publisher =
        Publisher::Open(options, Lists(), Zones());
    ASSERT_TRUE(publisher.ok()) << publisher.status();
    publisher_ = *std::move(publisher);
  }

  ChangeResult Apply(std::vector<Change> changes) {
    ChangeRequest request;
    request.changes = std::move(changes);
    request.actor = "tester";
    request.request = "test";
    absl::StatusOr<ChangeResult> result = publisher_->Apply(request);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : ChangeResult();
  }

  // The codes that the index answers, joined: "2 4", or "" for not listed.
  std::string Codes(const std::string& text) {
    const std::shared_ptr<const StoreView> view = publisher_->view();
    const ListIndex& index = *view->lists.at("relays");
    const Target target = T(text);
    ValueSetId id = kNotListed;
    if (target.is_name()) {
      id = index.names->Lookup(target.reversed_wire()).values;
    } else if (target.kind() == TargetKind::kIpv4) {
      id = index.ipv4->Lookup(target.prefix().ipv4());
    } else {
      id = index.ipv6->Lookup(target.prefix().bytes);
    }
    std::string codes;
    if (id == kNotListed) return codes;
    for (const ValueView value : view->values->Get(id)) {
      if (!codes.empty()) codes += ' ';
      codes += std::to_string(value.code & 0xff);
    }
    return codes;
  }

  uint32_t Serial() {
    return publisher_->view()->zone_serials.at("relays.example");
  }

  absl::StatusOr<ImportSummary> RunImport(
      const std::vector<std::string>& targets, const std::string& source,
      bool force = false, Precedence precedence = Precedence::kLongest) {
    Import import{ListPolicy()};
    const Import::ValuesNumber values =
        import.InternValues({{0x7f000003, "feed", 0}}).value();
    for (const std::string& text : targets) {
      EXPECT_TRUE(import.AddListing(T(text), values).ok()) << text;
    }
    ImportOptions options;
    options.list = "relays";
    options.source = source;
    options.actor = "importer";
    options.force = force;
    options.precedence = precedence;
    return publisher_->RunImport(std::move(import), options, nullptr);
  }

  FakeClock clock_{kStart};
  std::string directory_;
  std::unique_ptr<Publisher> publisher_;
};

TEST_F(PublisherTest, AddsAndRemovesAndKeepsOverRestart) {
  const uint32_t serial = Serial();
  EXPECT_EQ(Apply({Add("8.8.8.8")}).outcomes[0], ChangeOutcome::kAdded);
  EXPECT_EQ(Codes("8.8.8.8"), "2");
  EXPECT_EQ(Codes("8.8.8.9"), "");
  EXPECT_EQ(Serial(), serial + 1);
  EXPECT_EQ(Apply({Add("8.8.8.8")}).outcomes[0], ChangeOutcome::kUnchanged);
  EXPECT_EQ(Serial(), serial + 1) << "nothing changed";
  Open();
  EXPECT_EQ(Codes("8.8.8.8"), "2");
  EXPECT_EQ(Serial(), serial + 1);
  EXPECT_EQ(Apply({Make(Change::Verb::kRemove, "8.8.8.8", "")}).outcomes[0],
            ChangeOutcome::kRemoved);
  EXPECT_EQ(Codes("8.8.8.8"), "");
  EXPECT_EQ(Apply({Make(Change::Verb::kRemove, "8.8.8.8", "")}).outcomes[0],
            ChangeOutcome::kNotFound);
  Open();
  EXPECT_EQ(Codes("8.8.8.8"), "");
}

TEST_F(PublisherTest, ABatchIsAllOrNothing) {
  ChangeRequest request;
  request.changes = {Add("8.8.8.8"), Add("10.0.0.1")};
  const absl::Status status = publisher_->Apply(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("change 2 (10.0.0.1)"), std::string::npos)
      << status;
  EXPECT_EQ(Codes("8.8.8.8"), "");
  EXPECT_EQ(publisher_->Stats().sequence, 0u);
}

TEST_F(PublisherTest, ExemptionsWinAtTheSameOrALongerPrefixInTheirScope) {
  Apply({Add("8.8.8.0/24"), Add("8.8.8.8"), Add("8.8.8.0/24", "other")});
  Apply({Make(Change::Verb::kExempt, "8.8.8.8", "manual")});
  EXPECT_EQ(Codes("8.8.8.8"), "2") << "the other dataset still lists it";
  Apply({Make(Change::Verb::kExempt, "8.8.8.8", "")});
  EXPECT_EQ(Codes("8.8.8.8"), "");
  EXPECT_EQ(Codes("8.8.8.7"), "2");
  EXPECT_EQ(Codes("8.8.8.9"), "2");
  // A shorter exemption does not reach a longer listing.
  Apply({Make(Change::Verb::kUnexempt, "8.8.8.8", ""),
         Make(Change::Verb::kUnexempt, "8.8.8.8", "manual"),
         Make(Change::Verb::kExempt, "8.8.8.0/24", "")});
  EXPECT_EQ(Codes("8.8.8.8"), "2");
  EXPECT_EQ(Codes("8.8.8.7"), "");
}

TEST_F(PublisherTest, UnitesDatasetsAndTakesTheLongestInsideOne) {
  Change wide = Add("8.8.0.0/16", "a");
  wide.values = {{0x7f000004, "wide", 0}};
  Change narrow = Add("8.8.8.8", "a");
  narrow.values = {{0x7f000005, "narrow", 0}};
  Change other = Add("8.8.8.0/24", "b");
  other.values = {{0x7f000006, "other", 0}};
  Apply({wide, narrow, other});
  EXPECT_EQ(Codes("8.8.8.8"), "5 6");
  EXPECT_EQ(Codes("8.8.8.7"), "4 6");
  EXPECT_EQ(Codes("8.8.7.7"), "4");
}

TEST_F(PublisherTest, OctetDatasetsAnswerAllValuesOfTheWinningLevel) {
  Import import{ListPolicy()};
  const auto add = [&](const char* text, uint32_t code) {
    const auto values = import.InternValues({{code, "", 0}}).value();
    ASSERT_TRUE(import.AddListing(T(text), values).ok());
  };
  add("8.1.0.0/16", 0x7f000002);
  add("8.1.2.0/25", 0x7f000003);  // 128 entries of the /32 level
  add("8.1.2.3", 0x7f000004);
  ImportOptions options;
  options.list = "relays";
  options.source = "octets";
  options.precedence = Precedence::kOctet;
  ASSERT_TRUE(publisher_->RunImport(std::move(import), options, nullptr).ok());
  EXPECT_EQ(Codes("8.1.2.3"), "3 4");
  EXPECT_EQ(Codes("8.1.2.4"), "3");
  EXPECT_EQ(Codes("8.1.2.200"), "2");
}

TEST_F(PublisherTest, SerialStandsStillWhenAnswersDo) {
  Apply({Add("8.8.0.0/16")});
  const uint32_t serial = Serial();
  Apply({Add("8.8.8.8")});  // the same values as the range around it
  EXPECT_EQ(Serial(), serial);
  Change noted = Add("8.8.0.0/16");
  noted.note = "a note shows in no answer";
  EXPECT_EQ(Apply({noted}).outcomes[0], ChangeOutcome::kChanged);
  EXPECT_EQ(Serial(), serial);
}

TEST_F(PublisherTest, NamesListThemselvesOrWhatIsBelow) {
  Apply({Add(".spam.example"), Add("exact.example"), Add("*.sub.example")});
  EXPECT_EQ(Codes("spam.example"), "2");
  EXPECT_EQ(Codes("a.b.spam.example"), "2");
  EXPECT_EQ(Codes("exact.example"), "2");
  EXPECT_EQ(Codes("a.exact.example"), "");
  EXPECT_EQ(Codes("sub.example"), "");
  EXPECT_EQ(Codes("a.sub.example"), "2");
  Apply({Make(Change::Verb::kExempt, "ok.spam.example", "manual")});
  EXPECT_EQ(Codes("ok.spam.example"), "");
  EXPECT_EQ(Codes("a.ok.spam.example"), "2");
  const auto index = publisher_->view()->lists.at("relays");
  EXPECT_TRUE(index->names->Lookup(T("example").reversed_wire()).any_below);
  Apply({Make(Change::Verb::kRemove, ".spam.example", ""),
         Make(Change::Verb::kRemove, "exact.example", ""),
         Make(Change::Verb::kRemove, "*.sub.example", "")});
  EXPECT_FALSE(publisher_->view()
                   ->lists.at("relays")
                   ->names->Lookup(T("example").reversed_wire())
                   .any_below);
}

TEST_F(PublisherTest, ExpiresInItsSecond) {
  Change change = Add("8.8.8.8");
  change.expires = kStart + 10;
  Apply({change});
  clock_.Advance(9);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(Codes("8.8.8.8"), "2");
  clock_.Advance(1);
  for (int i = 0; i < 100 && Codes("8.8.8.8") != ""; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(Codes("8.8.8.8"), "");
  const auto history = publisher_->History("relays", T("8.8.8.8"), 10).value();
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].kind, ChangeKind::kExpire);
  EXPECT_EQ(history[1].kind, ChangeKind::kAdd);
}

TEST_F(PublisherTest, WhatExpiredWhileStoppedIsNeverServed) {
  Change change = Add("8.8.8.8");
  change.expires = kStart + 10;
  Apply({change});
  publisher_.reset();
  clock_.Advance(100);
  Open();
  EXPECT_EQ(Codes("8.8.8.8"), "");
}

TEST_F(PublisherTest, ImportReplacesItsOwnSourceByDifference) {
  Apply({Add("9.9.9.9")});
  auto summary = RunImport({"8.8.8.8", "8.8.4.4", "7.7.0.0/16"}, "feed");
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->added, 3u);
  EXPECT_EQ(Codes("7.7.7.7"), "3");
  const uint32_t serial = Serial();
  summary = RunImport({"7.7.0.0/16", "8.8.4.4", "8.8.8.8"}, "feed");
  EXPECT_EQ(summary->unchanged, 3u);
  EXPECT_EQ(summary->added + summary->removed + summary->changed, 0u);
  EXPECT_EQ(Serial(), serial);
  summary = RunImport({"7.7.0.0/16", "8.8.4.4", "8.8.8.9"}, "feed");
  EXPECT_EQ(summary->added, 1u);
  EXPECT_EQ(summary->removed, 1u);
  EXPECT_EQ(Codes("8.8.8.8"), "");
  EXPECT_EQ(Codes("9.9.9.9"), "2") << "another source's";
}

TEST_F(PublisherTest, GuardsRefuseAFeedThatShrinksOrGrows) {
  std::vector<std::string> targets;
  for (int i = 0; i < 100; ++i) targets.push_back("8.8.8." + std::to_string(i));
  ASSERT_TRUE(RunImport(targets, "feed").ok());
  const std::vector<std::string> few(targets.begin(), targets.begin() + 10);
  const auto refused = RunImport(few, "feed");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.status().message().find("--max-shrink"), std::string::npos);
  EXPECT_EQ(Codes("8.8.8.50"), "3");
  EXPECT_TRUE(RunImport(few, "feed", /*force=*/true).ok());
  EXPECT_EQ(Codes("8.8.8.50"), "");
  EXPECT_FALSE(RunImport(targets, "feed").ok()) << "grows tenfold";
}

TEST_F(PublisherTest, BulkImportIsOneSequenceWithItsJournal) {
  std::vector<std::string> targets;
  for (int i = 0; i < 5000; ++i) {
    targets.push_back("8." + std::to_string(i / 250) + "." +
                      std::to_string(i % 250) + ".1");
  }
  const uint64_t before = publisher_->Stats().sequence;
  const uint32_t serial = Serial();
  auto summary = RunImport(targets, "feed");
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->added, 5000u);
  EXPECT_EQ(publisher_->Stats().sequence, before + 1);
  EXPECT_EQ(Serial(), serial + 1);
  EXPECT_EQ(Codes(targets[4321]), "3");
  const auto history =
      publisher_->History("relays", T(targets[4321]), 10).value();
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].actor, "importer");
  ASSERT_TRUE(history[0].after.has_value());
  EXPECT_EQ(history[0].after->source, "feed");
  EXPECT_TRUE(publisher_->History("relays", T("8.1.1.2"), 10)->empty());
  Open();
  EXPECT_EQ(Codes(targets[17]), "3");
  EXPECT_EQ(publisher_->Lists()->at(0).listings, 5000u);
  EXPECT_EQ(Serial(), serial + 1);
}

TEST_F(PublisherTest, ChangesDuringABulkImportAreNotLost) {
  std::vector<std::string> targets;
  for (int i = 0; i < 60000; ++i) {
    targets.push_back("8." + std::to_string(i / 250) + "." +
                      std::to_string(i % 250) + ".1");
  }
  std::thread importer([&] { EXPECT_TRUE(RunImport(targets, "feed").ok()); });
  for (int i = 0; i < 200; ++i) {
    const std::string mine = "9.9." + std::to_string(i) + ".9";
    Apply({Add(mine)});
    EXPECT_EQ(Codes(mine), "2");
  }
  importer.join();
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(Codes("9.9." + std::to_string(i) + ".9"), "2");
  }
  EXPECT_EQ(Codes(targets.back()), "3");
}

// The index after random changes, against one that is built anew from the
// store.
TEST_F(PublisherTest, IndexFollowsRandomChangesAsIfBuiltAnew) {
  std::mt19937 random(7);
  const auto pick_target = [&]() -> std::string {
    const uint32_t a = random() % 4, b = random() % 4, c = random() % 4;
    switch (random() % 6) {
      case 0:
        return "8.8." + std::to_string(a) + ".0/24";
      case 1:
        return "8.8.0.0/16";
      case 2:
        return "2a00:" + std::to_string(a) + "::" + std::to_string(b);
      case 3:
        return "2a00:" + std::to_string(a) + "::/32";
      case 4:
        return std::string(random() % 2 ? "." : "") + "n" + std::to_string(a) +
               ".m" + std::to_string(b) + ".example";
      default:
        return "8.8." + std::to_string(a) + "." + std::to_string(c);
    }
  };
  const char* const kSources[] = {"manual", "b", "c"};
  for (int round = 0; round < 40; ++round) {
    std::vector<Change> changes;
    for (int i = 0; i < 10; ++i) {
      Change change = Add(pick_target(), kSources[random() % 3]);
      change.verb = static_cast<Change::Verb>(random() % 4);
      if (change.verb != Change::Verb::kAdd && random() % 2) change.source = "";
      if (change.verb == Change::Verb::kAdd) {
        change.values = {
            {0x7f000002 + static_cast<uint32_t>(random() % 3), "", 0}};
      }
      changes.push_back(change);
    }
    Apply(changes);
    if (round % 10 != 9) continue;
    std::vector<std::string> probes, before;
    for (int i = 0; i < 2000; ++i) {
      std::string text = pick_target();
      text = text.substr(0, text.find('/'));
      if (text[0] == '.') text = "x" + text;
      probes.push_back(text);
      before.push_back(Codes(text));
    }
    Open();
    for (size_t i = 0; i < probes.size(); ++i) {
      ASSERT_EQ(Codes(probes[i]), before[i]) << probes[i];
    }
  }
}

TEST_F(PublisherTest, ConcurrentRequestsShareCommits) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 100; ++i) {
        Apply({Add("8." + std::to_string(t) + ".0." + std::to_string(i))});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const StoreStats stats = publisher_->Stats();
  EXPECT_EQ(stats.sequence, 800u) << "a sequence for each request, no gaps";
  EXPECT_LT(stats.commits, 800u) << "but fewer synced batches";
  EXPECT_EQ(publisher_->Lists()->at(0).listings, 800u);
}

TEST_F(PublisherTest, IdempotencyKeyMakesARetryHarmless) {
  ChangeRequest request;
  request.changes = {Add("8.8.8.8")};
  request.idempotency_key = "k1";
  const ChangeResult first = publisher_->Apply(request).value();
  Apply({Make(Change::Verb::kRemove, "8.8.8.8", "")});
  const ChangeResult again = publisher_->Apply(request).value();
  EXPECT_EQ(again.sequence, first.sequence);
  EXPECT_EQ(Codes("8.8.8.8"), "");
}

TEST_F(PublisherTest, IfSequenceRefusesAStaleWriter) {
  Apply({Add("8.8.8.8")});
  ChangeRequest request;
  request.changes = {Add("8.8.8.9")};
  request.if_sequence = 0;
  EXPECT_EQ(publisher_->Apply(request).status().code(),
            absl::StatusCode::kAborted);
  request.if_sequence = 1;
  EXPECT_TRUE(publisher_->Apply(request).ok());
}

TEST_F(PublisherTest, DryRunChangesNothing) {
  ChangeRequest request;
  request.changes = {Add("8.8.8.8")};
  request.dry_run = true;
  EXPECT_EQ(publisher_->Apply(request)->outcomes[0], ChangeOutcome::kAdded);
  EXPECT_EQ(Codes("8.8.8.8"), "");
  EXPECT_EQ(publisher_->Stats().sequence, 0u);
}

TEST_F(PublisherTest, ASecondProcessIsToldThatTheStoreIsTaken) {
  PublisherOptions options;
  options.directory = directory_;
  options.clock = &clock_;
  const auto second = Publisher::Open(options, Lists(), Zones());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(second.status().message().find("another process"),
            std::string::npos)
      << second.status();
}

TEST_F(PublisherTest, BackupRestoresUnderANewEpochWithSerialsAhead) {
  Apply({Add("8.8.8.8")});
  const uint32_t serial = Serial();
  const std::string epoch = publisher_->Stats().epoch;
  const std::string backup = directory_ + "-backup";
  std::filesystem::remove_all(backup);
  ASSERT_TRUE(publisher_->Backup(backup).ok());
  Apply({Make(Change::Verb::kRemove, "8.8.8.8", "")});
  ASSERT_TRUE(publisher_->Backup(backup).ok());
  Apply({Add("8.8.8.1")});
  publisher_.reset();
  EXPECT_EQ(Publisher::Restore(backup, directory_).code(),
            absl::StatusCode::kFailedPrecondition)
      << "the folder is not empty";
  std::filesystem::remove_all(directory_);
  const absl::Status restored = Publisher::Restore(backup, directory_);
  ASSERT_TRUE(restored.ok()) << restored;
  Open();
  EXPECT_EQ(Codes("8.8.8.8"), "") << "the newest backup knows the removal";
  EXPECT_NE(publisher_->Stats().epoch, epoch);
  EXPECT_GT(Serial(), serial + 2);
  std::filesystem::remove_all(backup);
}

TEST_F(PublisherTest, FindPagesByCursor) {
  for (int i = 0; i < 25; ++i) {
    Apply({Add("8.8." + std::to_string(i % 5) + "." + std::to_string(i))});
  }
  FindQuery query;
  query.limit = 10;
  std::vector<std::string> seen;
  while (true) {
    const FindPage page = publisher_->Find(query).value();
    for (const Listing& listing : page.listings) {
      seen.push_back(listing.target.ToString());
    }
    if (page.next_cursor.empty()) break;
    query.cursor = page.next_cursor;
  }
  EXPECT_EQ(seen.size(), 25u);
  query = FindQuery();
  query.within = T("8.8.3.0/24");
  EXPECT_EQ(publisher_->Find(query)->listings.size(), 5u);
}

TEST_F(PublisherTest, NewConfigurationMovesTheSerialOfTheZone) {
  const uint32_t serial = Serial();
  std::vector<ZoneSpec> zones = Zones();
  zones[0].fingerprint = "two";
  ASSERT_TRUE(publisher_->Reconfigure(Lists(), zones).ok());
  EXPECT_EQ(Serial(), serial + 1);
  ASSERT_TRUE(publisher_->Reconfigure(Lists(), zones).ok());
  EXPECT_EQ(Serial(), serial + 1);
}

TEST_F(PublisherTest, TheStoresSizeIsThatOfItsFiles) {
  // What was added is in the write-ahead log, and in no other file yet.
  const uint64_t before = publisher_->Stats().disk_bytes;
  EXPECT_GT(before, 0u);
  Apply({Add("8.8.8.8")});
  EXPECT_GT(publisher_->Stats().disk_bytes, before);
}

}  // namespace
}  // namespace rbld
