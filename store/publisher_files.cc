// The index files of PublisherImpl: read at the start, written behind what
// serves by a thread of their own.

#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_util.h"
#include "base/log.h"
#include "base/turns.h"
#include "store/index_file.h"
#include "store/index_replay.h"
#include "store/publisher_impl.h"

namespace rbld {
namespace {

// What makes a new file besides many changes: memory for what differs from the
// base beyond this part of the index and this much; or the file's age, if
// anything changed at all.
constexpr uint64_t kChangedPart = 16;
constexpr uint64_t kChangedBytes = 4 << 20;
constexpr int64_t kOldestSeconds = 86400;
constexpr int64_t kRetrySeconds = 60;
// A start does not replay more than this and this part of the list.
constexpr uint64_t kMostReplayed = 10'000;
constexpr uint64_t kReplayedPart = 20;
// How long an index is waited for that some query still looks at.
constexpr int kMostWaits = 25;
constexpr std::chrono::milliseconds kWait{20};
// The same while changes wait for it.
constexpr int kMostShortWaits = 100;
constexpr std::chrono::microseconds kShortWait{100};
// An IPv4 base is exchanged in so many parts, or in fewer.
constexpr uint64_t kMostParts = 16;

uint64_t ChangedBytes(const ListIndex& index) {
  return index.ipv4->ChangedBytes() + index.ipv6->ChangedBytes() +
         index.names->ChangedBytes();
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace

std::string PublisherImpl::IndexFolder() const {
  return absl::StrCat(options_.directory, "/index");
}

std::string PublisherImpl::IndexPath(ListId list) const {
  return absl::StrCat(IndexFolder(), "/", list, ".idx");
}

IndexFileId PublisherImpl::IndexIdOf(ListId list) const {
  return {database_->epoch(), list, database_->name_seed()};
}

absl::StatusOr<std::shared_ptr<const ListIndex>> PublisherImpl::ReadIndex(
    ListId list, const StoreState& state, uint64_t records,
    IndexFileState* file_state) {
  absl::StatusOr<IndexFile> file =
      IndexFile::Open(IndexPath(list), IndexIdOf(list));
  if (!file.ok()) return file.status();
  if (file->sequence() > state.sequence) {
    return absl::FailedPreconditionError(
        absl::StrCat(IndexPath(list), " is of sequence ", file->sequence(),
                     ", which the store has lost"));
  }
  absl::StatusOr<std::shared_ptr<const ListIndex>> index =
      file->Read(database_->dictionary().values().get());
  if (!index.ok()) return index.status();
  absl::StatusOr<ReplayedIndex> replayed = ReplayJournal(
      *database_, state, list, file->sequence(), *std::move(index),
      std::max(kMostReplayed, records / kReplayedPart));
  if (!replayed.ok()) return replayed.status();
  file_state->sequence = file->sequence();
  file_state->changes_behind = replayed->targets;
  file_state->written_seconds = options_.clock->NowSeconds();
  return std::move(replayed->index);
}

absl::StatusOr<std::shared_ptr<const ListIndex>> PublisherImpl::StartIndex(
    const std::string& name, const StoreState& state) {
  const ListId list = state.lists.find(name)->second;
  const uint64_t records = state.Records(list);
  const auto start = std::chrono::steady_clock::now();
  IndexFileState file_state;
  absl::StatusOr<std::shared_ptr<const ListIndex>> index =
      ReadIndex(list, state, records, &file_state);
  if (index.ok()) {
    LogInfo(absl::StrCat("list ", name, ": ", records,
                         " records; index of sequence ", file_state.sequence,
                         " read, ", file_state.changes_behind,
                         " targets resolved again, ",
                         static_cast<int>(SecondsSince(start) * 1000), " ms"));
    MutexLock lock(&state_mutex_);
    index_files_[list] = file_state;
    ++stats_.index_files_read;
    return index;
  }
  if (!absl::IsNotFound(index.status())) {
    LogWarning(absl::StrCat(
        "list ", name,
        ": the index is built from the records: ", index.status().message()));
    // It must not come to be of use later, when the sequence that it tells has
    // been given to something else.
    std::error_code ignored;
    std::filesystem::remove(IndexPath(list), ignored);
  }
  return BuildIndex(name, state, nullptr);
}

bool PublisherImpl::WantsIndexFile(const ListIndex& index,
                                   const IndexFileState& file, bool at_stop,
                                   int64_t now_seconds) const {
  if (file.sequence == 0 || file.rebuilt) return true;
  if (file.changes_behind == 0) return false;
  // A start has to make the changes again.
  const uint64_t most = options_.index_file_max_changes;
  if (at_stop) return file.changes_behind > most / 10;
  return file.changes_behind > most ||
         ChangedBytes(index) >
             index.MemoryBytes() / kChangedPart + kChangedBytes ||
         now_seconds - file.written_seconds >= kOldestSeconds;
}

absl::Status PublisherImpl::WriteIndexFiles(bool at_stop) {
  struct Due {
    std::string name;
    ListId list;
    std::shared_ptr<const ListIndex> index;
    uint64_t sequence;
    uint64_t changes_behind;
  };
  const int64_t now_seconds = options_.clock->NowSeconds();
  std::vector<Due> due;
  {
    MutexLock lock(&state_mutex_);
    for (const auto& [name, index] : indexes_) {
      const ListId list = state_.lists.find(name)->second;
      // While an import's index is being built, what is shown is not what is
      // stored.
      if (unshown_.count(name) != 0 ||
          state_.Records(list) < options_.index_file_min_records) {
        continue;
      }
      IndexFileState& file = index_files_[list];
      if (!file.never && now_seconds >= file.retry_seconds &&
          WantsIndexFile(*index, file, at_stop, now_seconds)) {
        due.push_back(
            {name, list, index, state_.sequence, file.changes_behind});
        file.rebuilt = false;
      }
    }
  }
  for (Due& one : due) {
    absl::Status status = WriteOneIndexFile(one.name, one.list, one.sequence,
                                            *one.index, one.changes_behind);
    if (!status.ok()) {
      MutexLock lock(&state_mutex_);
      IndexFileState& file = index_files_[one.list];
      file.rebuilt = true;
      file.retry_seconds = now_seconds + kRetrySeconds;
      return status;
    }
    if (at_stop || ChangedBytes(*one.index) == 0) continue;
    status = RebaseIndex(one.name, one.list, std::move(one.index));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status PublisherImpl::WriteOneIndexFile(const std::string& name,
                                              ListId list, uint64_t sequence,
                                              const ListIndex& index,
                                              uint64_t changes_behind) {
  absl::Status status = MakeDirectories(IndexFolder());
  if (!status.ok()) return status;
  const auto start = std::chrono::steady_clock::now();
  status = WriteIndexFile(database_->env(), IndexPath(list), IndexIdOf(list),
                          sequence, index, *database_->dictionary().values());
  if (!status.ok()) return status;
  {
    MutexLock lock(&state_mutex_);
    IndexFileState& file = index_files_[list];
    file.sequence = sequence;
    file.written_seconds = options_.clock->NowSeconds();
    // What came meanwhile is counted for the next one.
    file.changes_behind -= changes_behind;
    ++stats_.index_files_written;
  }
  LogInfo(absl::StrCat("list ", name, ": index of sequence ", sequence,
                       " written in ",
                       static_cast<int>(SecondsSince(start) * 1000), " ms"));
  return absl::OkStatus();
}

// Puts the file just written under the index, so that what was changed before
// needs no memory of its own any more.
class PublisherImpl::Rebase {
 public:
  Rebase(PublisherImpl* publisher, std::string name, IndexFile file,
         std::shared_ptr<const ListIndex> written,
         std::shared_ptr<const ListIndex> from_file)
      : publisher_(*publisher),
        name_(std::move(name)),
        file_(std::move(file)),
        use_(written->ipv4->base_use()),
        from_file_(std::move(from_file)) {
    auto kept = std::make_shared<ListIndex>(*written);
    kept->ipv4 = written->ipv4->WithoutBaseUse();
    written_ = std::move(kept);
  }

  absl::Status Run();

 private:
  // What the newest index becomes; null: it cannot.
  using Change =
      std::function<std::shared_ptr<const ListIndex>(const ListIndex& newest)>;

  absl::Status MoveIpv4InParts();
  absl::Status Finish();
  // Installs what `change` makes of the newest index. True if it did.
  absl::StatusOr<bool> Install(const Change& change);
  // Whether the object behind `use` is gone; and waiting for that, on the
  // publisher's thread and on this one.
  bool IsGone(const std::weak_ptr<const void>& use);
  void AwaitBriefly(const std::weak_ptr<const void>& use);
  bool Await(const std::weak_ptr<const void>& use);

  PublisherImpl& publisher_;
  const std::string name_;
  IndexFile file_;
  // Lives as long as somebody looks something up in the base of `written_`,
  // which is itself no user of it.
  const std::weak_ptr<const void> use_;
  std::shared_ptr<const ListIndex> written_;
  std::shared_ptr<const ListIndex> from_file_;
};

absl::Status PublisherImpl::Rebase::Run() {
  absl::Status status = MoveIpv4InParts();
  return status.ok() ? Finish() : status;
}

absl::StatusOr<bool> PublisherImpl::Rebase::Install(const Change& change) {
  bool installed = false;
  absl::Status status = publisher_.RunOnThread([&]() -> absl::Status {
    std::weak_ptr<const ListIndex> old;
    {
      MutexLock lock(&publisher_.state_mutex_);
      const auto newest = publisher_.indexes_.find(name_);
      if (newest == publisher_.indexes_.end() ||
          publisher_.unshown_.count(name_) != 0) {
        return absl::OkStatus();
      }
      std::shared_ptr<const ListIndex> changed = change(*newest->second);
      if (changed == nullptr) return absl::OkStatus();
      old = newest->second;
      newest->second = std::move(changed);
      installed = true;
      publisher_.PublishView();
    }
    // At once, and not when the other thread is next given its turn: there is
    // room for one base.
    AwaitBriefly(old);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return installed;
}

bool PublisherImpl::Rebase::IsGone(const std::weak_ptr<const void>& use) {
  const auto& free_old_views = publisher_.options_.free_old_views;
  if (free_old_views) free_old_views();
  return use.expired();
}

void PublisherImpl::Rebase::AwaitBriefly(const std::weak_ptr<const void>& use) {
  for (int i = 0; i < kMostShortWaits && !IsGone(use); ++i) {
    std::this_thread::sleep_for(kShortWait);
  }
}

bool PublisherImpl::Rebase::Await(const std::weak_ptr<const void>& use) {
  for (int i = 0; i < kMostWaits; ++i) {
    if (IsGone(use)) return true;
    MutexLock lock(&publisher_.files_mutex_);
    if (publisher_.files_stopping_) return false;
    publisher_.files_wake_.WaitFor(&publisher_.files_mutex_, kWait);
  }
  return false;
}

// A part of the file comes into memory, queries read it there, and then that
// part of the old base goes.
absl::Status PublisherImpl::Rebase::MoveIpv4InParts() {
  const uint64_t part_bytes =
      std::max(publisher_.options_.index_file_least_part_bytes,
               file_.ipv4_bytes() / kMostParts);
  const Ipv4Index& old_base = *written_->ipv4;
  std::weak_ptr<const void> use = use_;
  for (uint64_t end = part_bytes; end < file_.ipv4_bytes(); end += part_bytes) {
    // What cannot be moved stays mapped.
    file_.MoveIpv4ToMemory(end);
    const uint32_t slots = from_file_->ipv4->SlotsWithin(end);
    std::weak_ptr<const void> next_use;
    absl::StatusOr<bool> installed = Install(
        [&](const ListIndex& newest) -> std::shared_ptr<const ListIndex> {
          auto changed = std::make_shared<ListIndex>(newest);
          changed->ipv4 = Ipv4Index::PartlyRebased(*newest.ipv4, old_base,
                                                   *from_file_->ipv4, slots);
          if (changed->ipv4 == nullptr) return nullptr;
          next_use = changed->ipv4->base_use();
          return changed;
        });
    if (!installed.ok()) return installed.status();
    // Whoever looks for longer at what was before, such as a dump, keeps all of
    // it until he is done.
    if (!*installed || !Await(use)) return absl::OkStatus();
    old_base.ReleaseBaseBelow(slots);
    use = next_use;
  }
  return absl::OkStatus();
}

absl::Status PublisherImpl::Rebase::Finish() {
  std::weak_ptr<const ListIndex> old;
  absl::StatusOr<bool> installed =
      Install([&](const ListIndex& newest) RBLD_REQUIRES(
                  publisher_.state_mutex_) -> std::shared_ptr<const ListIndex> {
        auto changed = std::make_shared<ListIndex>(newest);
        changed->ipv4 = Ipv4Index::Rebased(*newest.ipv4, *written_->ipv4,
                                           *from_file_->ipv4);
        changed->ipv6 = Ipv6Index::Rebased(*newest.ipv6, *written_->ipv6,
                                           *from_file_->ipv6);
        changed->names = NameIndex::Rebased(*newest.names, *written_->names,
                                            *from_file_->names);
        // An import has built it anew meanwhile.
        if (changed->ipv4 == nullptr || changed->ipv6 == nullptr ||
            changed->names == nullptr) {
          return nullptr;
        }
        old = publisher_.indexes_.find(name_)->second;
        written_.reset();
        return changed;
      });
  from_file_.reset();
  if (!installed.ok() || !*installed) return installed.status();
  // The old index first gives up its memory.
  Await(old);
  if (!file_.MoveToMemory()) {
    LogWarning(absl::StrCat("list ", name_,
                            ": part of the index stays mapped from its file"));
  }
  return absl::OkStatus();
}

absl::Status PublisherImpl::RebaseIndex(
    const std::string& name, ListId list,
    std::shared_ptr<const ListIndex> written) {
  absl::StatusOr<IndexFile> file =
      IndexFile::Open(IndexPath(list), IndexIdOf(list));
  if (!file.ok()) return file.status();
  absl::StatusOr<std::shared_ptr<const ListIndex>> from_file =
      file->Map(database_->dictionary().values().get());
  if (!from_file.ok()) return from_file.status();
  // Not in one expression: to its end the constructor's argument would be a
  // user of the old base.
  Rebase rebase(this, name, *std::move(file), std::move(written),
                *std::move(from_file));
  return rebase.Run();
}

void PublisherImpl::FilesLoop() {
  // Who asks must not notice.
  TakeTurnsFor(Work::kBackground);
  const std::chrono::milliseconds look(options_.index_file_look_milliseconds);
  while (true) {
    {
      MutexLock lock(&files_mutex_);
      if (!files_stopping_) files_wake_.WaitFor(&files_mutex_, look);
      if (files_stopping_) return;
    }
    absl::Status status = WriteIndexFiles(/*at_stop=*/false);
    if (!status.ok()) {
      LogError(absl::StrCat("writing the index of a list: ", status.message(),
                            "; the next start takes longer. It is tried again "
                            "in ",
                            kRetrySeconds, " seconds"));
    }
  }
}

void PublisherImpl::StopFiles() {
  {
    MutexLock lock(&files_mutex_);
    files_stopping_ = true;
  }
  files_wake_.NotifyAll();
  if (files_thread_.joinable()) files_thread_.join();
}

}  // namespace rbld
