#include "store/index_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "store/byte_sink.h"
#include "store/database.h"
#include "store/encoding.h"
#include "store/exemption_index.h"
#include "store/local_ids.h"
#include "store/records.h"
#include "xxhash.h"

namespace rbld {
namespace {

constexpr char kMagic[8] = {'R', 'B', 'L', 'D', 'I', 'D', 'X', '\n'};
// To be raised when a base's layout, or what the resolver makes of the same
// records, changes.
constexpr uint32_t kVersion = 1;
// Bases are read as they are in memory.
constexpr uint32_t kByteOrder = 0x01020304;

constexpr size_t kWriteBytes = size_t{1} << 20;
constexpr size_t kReadBytes = size_t{2} << 20;

// Appends to a file of RocksDB's environment, with a hash for each section.
class FileSink : public ByteSink {
 public:
  explicit FileSink(std::unique_ptr<rocksdb::WritableFile> file)
      : file_(std::move(file)), hash_(XXH3_createState()) {
    XXH3_64bits_reset(hash_);
    buffer_.reserve(kWriteBytes);
  }
  ~FileSink() override { XXH3_freeState(hash_); }

  // Starts at the next page.
  void BeginSection() {
    AlignTo(kPageBytes);
    XXH3_64bits_reset(hash_);
  }
  uint64_t hash() const { return XXH3_64bits_digest(hash_); }

  absl::Status Finish() {
    Flush();
    if (status_.ok()) status_ = file_->Sync();
    if (status_.ok()) status_ = file_->Close();
    return FromRocks(status_, "writing an index file");
  }

 private:
  void DoAppend(const void* bytes, size_t count) override {
    XXH3_64bits_update(hash_, bytes, count);
    const char* from = static_cast<const char*>(bytes);
    while (count > 0) {
      const size_t part = std::min(count, kWriteBytes - buffer_.size());
      buffer_.append(from, part);
      from += part;
      count -= part;
      if (buffer_.size() == kWriteBytes) Flush();
    }
  }
  void Flush() {
    if (status_.ok() && !buffer_.empty()) status_ = file_->Append(buffer_);
    buffer_.clear();
  }

  std::unique_ptr<rocksdb::WritableFile> file_;
  XXH3_state_t* hash_;
  std::string buffer_;
  rocksdb::Status status_;
};

std::string FolderOf(const std::string& path) {
  return path.substr(0, path.find_last_of('/'));
}

uint64_t SeedCheck(uint64_t name_seed) {
  // The file is no more secret than the store, but the seed need not be in it.
  return XXH3_64bits_withSeed(kMagic, sizeof(kMagic), name_seed);
}

}  // namespace

// The last bytes of a file.
struct IndexFile::Foot {
  char magic[8];
  uint32_t version;
  uint32_t byte_order;
  char epoch[32];
  uint32_t list;
  uint32_t reserved;
  uint64_t seed_check;
  uint64_t sequence;
  Section sections[kParts];
  uint64_t hash;  // of the foot up to here

  uint64_t Hash() const { return XXH3_64bits(this, offsetof(Foot, hash)); }
};

absl::Status WriteIndexFile(rocksdb::Env* env, const std::string& path,
                            const IndexFileId& id, uint64_t sequence,
                            const ListIndex& index, const ValueTable& values) {
  const std::string fresh_path = absl::StrCat(path, ".new");
  rocksdb::EnvOptions options;
  // So that the sync at the end does not hold up that of a change.
  options.bytes_per_sync = kWriteBytes;
  std::unique_ptr<rocksdb::WritableFile> file;
  absl::Status status =
      FromRocks(env->NewWritableFile(fresh_path, &file, options),
                absl::StrCat("making ", fresh_path));
  if (!status.ok()) return status;
  FileSink sink(std::move(file));
  IndexFile::Foot foot = {};
  LocalIds numbers;
  sink.Append(kMagic, sizeof(kMagic));
  const auto write = [&](IndexFile::Part part, bool empty, const auto& append) {
    sink.BeginSection();
    const uint64_t offset = sink.size();
    if (!empty) append();
    foot.sections[part] = {offset, sink.size() - offset, sink.hash()};
  };
  write(IndexFile::kIpv4, index.ipv4->empty(),
        [&] { index.ipv4->WriteBase(&numbers, &sink); });
  write(IndexFile::kIpv6, index.ipv6->empty(),
        [&] { index.ipv6->WriteBase(&numbers, &sink); });
  write(IndexFile::kNames, index.names->empty(),
        [&] { index.names->WriteBase(&numbers, &sink); });
  write(IndexFile::kValues, false, [&] {
    for (size_t i = 1; i < numbers.table().size(); ++i) {
      const ServedValues& set = values.Get(numbers.table()[i]);
      sink.Append(&set, set.bytes());
    }
  });
  write(IndexFile::kExemptions, index.exemptions == nullptr, [&] {
    std::string bytes;
    for (const std::string& key : index.exemptions->target_keys()) {
      AppendString(&bytes, key);
    }
    sink.Append(bytes.data(), bytes.size());
  });
  std::copy(std::begin(kMagic), std::end(kMagic), foot.magic);
  foot.version = kVersion;
  foot.byte_order = kByteOrder;
  id.epoch.copy(foot.epoch, sizeof(foot.epoch));
  foot.list = id.list;
  foot.seed_check = SeedCheck(id.name_seed);
  foot.sequence = sequence;
  foot.hash = foot.Hash();
  sink.Append(&foot, sizeof(foot));
  status = sink.Finish();
  if (status.ok()) {
    status = FromRocks(env->RenameFile(fresh_path, path),
                       absl::StrCat("renaming ", fresh_path));
  }
  std::unique_ptr<rocksdb::Directory> folder;
  if (status.ok()) {
    status = FromRocks(env->NewDirectory(FolderOf(path), &folder),
                       "opening the folder of index files");
  }
  if (status.ok()) status = FromRocks(folder->Fsync(), "syncing a rename");
  if (!status.ok()) env->DeleteFile(fresh_path);
  return status;
}

absl::StatusOr<IndexFile> IndexFile::Open(const std::string& path,
                                          const IndexFileId& id) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return absl::NotFoundError(path);
  if (fd < 0) {
    return absl::UnavailableError(
        absl::StrCat("opening ", path, ": ", strerror(errno)));
  }
  IndexFile file(path, fd);
  file.name_seed_ = id.name_seed;
  absl::Status status = file.ReadFoot(id);
  if (!status.ok()) return status;
  return file;
}

IndexFile::~IndexFile() {
  if (fd_ >= 0) close(fd_);
}

IndexFile::IndexFile(IndexFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      name_seed_(other.name_seed_),
      sequence_(other.sequence_),
      mapped_(std::move(other.mapped_)) {
  std::copy(std::begin(other.sections_), std::end(other.sections_), sections_);
}

absl::Status IndexFile::Damaged(const char* what) const {
  return absl::DataLossError(absl::StrCat(path_, " is damaged: ", what));
}

absl::Status IndexFile::ReadFoot(const IndexFileId& id) {
  struct stat status;
  if (fstat(fd_, &status) != 0) return Damaged("it has no size");
  const auto size = static_cast<uint64_t>(status.st_size);
  Foot foot;
  if (size < sizeof(foot) ||
      pread(fd_, &foot, sizeof(foot),
            static_cast<off_t>(size - sizeof(foot))) != sizeof(foot) ||
      !std::equal(std::begin(kMagic), std::end(kMagic), foot.magic)) {
    return Damaged("it has no end");
  }
  if (foot.version != kVersion || foot.byte_order != kByteOrder) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " is of another version of rbld"));
  }
  if (foot.hash != foot.Hash()) return Damaged("its end is not as written");
  if (std::string(foot.epoch, sizeof(foot.epoch)) != id.epoch ||
      foot.list != id.list || foot.seed_check != SeedCheck(id.name_seed)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " is of another store"));
  }
  uint64_t end = 0;
  for (int part = 0; part < kParts; ++part) {
    const Section& section = foot.sections[part];
    if (section.offset % kPageBytes != 0 || section.offset < end ||
        section.offset > size || section.bytes > size - section.offset) {
      return Damaged("a part is outside");
    }
    end = section.offset + section.bytes;
    sections_[part] = section;
  }
  sequence_ = foot.sequence;
  return absl::OkStatus();
}

absl::StatusOr<PageRegion> IndexFile::ReadSection(Part part) const {
  const Section& section = sections_[part];
  PageRegion region(static_cast<size_t>(section.bytes));
  XXH3_state_t* const hash = XXH3_createState();
  XXH3_64bits_reset(hash);
  bool whole = true;
  for (uint64_t done = 0; whole && done < section.bytes;) {
    const auto part_bytes = static_cast<size_t>(
        std::min<uint64_t>(kReadBytes, section.bytes - done));
    const ssize_t got = pread(fd_, region.data() + done, part_bytes,
                              static_cast<off_t>(section.offset + done));
    if (got < 0 && errno == EINTR) continue;
    whole = got > 0;
    if (!whole) break;
    // Hashed while it is in the cache.
    XXH3_64bits_update(hash, region.data() + done, static_cast<size_t>(got));
    done += static_cast<uint64_t>(got);
  }
  const uint64_t digest = XXH3_64bits_digest(hash);
  XXH3_freeState(hash);
  if (!whole) return Damaged("it cannot be read to its end");
  if (digest != section.hash) return Damaged("a part is not as written");
  return region;
}

absl::StatusOr<std::shared_ptr<const PageRegion>> IndexFile::Region(Part part,
                                                                    bool map) {
  const Section& section = sections_[part];
  if (map) {
    auto region = std::make_shared<PageRegion>(PageRegion::MapFile(
        fd_, static_cast<size_t>(section.bytes), section.offset));
    mapped_.push_back({part, region});
    return std::shared_ptr<const PageRegion>(std::move(region));
  }
  absl::StatusOr<PageRegion> region = ReadSection(part);
  if (!region.ok()) return region.status();
  return std::make_shared<const PageRegion>(*std::move(region));
}

absl::StatusOr<std::shared_ptr<const ListIndex>> IndexFile::Load(
    ValueTable* values, bool map) {
  std::vector<ValueSetId> ids = {kNotListed};
  // The values' text stays in the file: most of it is never asked for.
  const Section& section = sections_[kValues];
  const auto sets = std::make_shared<PageRegion>(PageRegion::MapFile(
      fd_, static_cast<size_t>(section.bytes), section.offset));
  if (XXH3_64bits(sets->data(), sets->size()) != section.hash) {
    return Damaged("the value sets are not as written");
  }
  for (size_t at = 0; at < sets->size();) {
    const ServedValues* const set =
        ServedValues::Read(sets->data() + at, sets->size() - at);
    if (set == nullptr) return Damaged("a value set");
    ids.push_back(values->InternKept(*set, sets));
    at += set->bytes();
  }
  auto index = std::make_shared<ListIndex>();
  index->ipv4 = Ipv4Index::Empty();
  index->ipv6 = Ipv6Index::Empty();
  index->names = NameIndex::Empty(name_seed_);
  const auto load = [&](Part part, const auto& make) -> absl::Status {
    if (sections_[part].bytes == 0) return absl::OkStatus();
    absl::StatusOr<std::shared_ptr<const PageRegion>> region =
        Region(part, map);
    return region.ok() ? make(*std::move(region)) : region.status();
  };
  const auto take = [](auto loaded, auto* out) {
    if (loaded.ok()) *out = *std::move(loaded);
    return loaded.status();
  };
  absl::Status status = load(kIpv4, [&](auto region) {
    return take(Ipv4Index::FromBase(std::move(region), ids), &index->ipv4);
  });
  if (status.ok()) {
    status = load(kIpv6, [&](auto region) {
      return take(Ipv6Index::FromBase(std::move(region), ids), &index->ipv6);
    });
  }
  if (status.ok()) {
    status = load(kNames, [&](auto region) {
      return take(NameIndex::FromBase(std::move(region), ids, name_seed_),
                  &index->names);
    });
  }
  if (!status.ok()) return status;
  absl::StatusOr<PageRegion> keys = ReadSection(kExemptions);
  if (!keys.ok()) return keys.status();
  std::set<std::string> exemptions;
  absl::string_view left(keys->data(), keys->size());
  while (!left.empty()) {
    absl::string_view key;
    if (!ConsumeString(&left, &key)) return Damaged("an exemption");
    exemptions.emplace(key);
  }
  index->exemptions = ExemptionIndex::Build(std::move(exemptions), name_seed_);
  return std::shared_ptr<const ListIndex>(std::move(index));
}

absl::StatusOr<std::shared_ptr<const ListIndex>> IndexFile::Read(
    ValueTable* values) {
  return Load(values, /*map=*/false);
}

absl::StatusOr<std::shared_ptr<const ListIndex>> IndexFile::Map(
    ValueTable* values) {
  return Load(values, /*map=*/true);
}

bool IndexFile::MoveToMemory(Mapped* mapped, size_t bytes) {
  const size_t begin = mapped->moved_bytes;
  if (bytes <= begin) return true;
  mapped->moved_bytes = (bytes + PageRegion::kMoveBytes - 1) /
                        PageRegion::kMoveBytes * PageRegion::kMoveBytes;
  return mapped->region->MoveToMemory(fd_, sections_[mapped->part].offset,
                                      begin, mapped->moved_bytes);
}

bool IndexFile::MoveIpv4ToMemory(uint64_t bytes) {
  for (Mapped& mapped : mapped_) {
    if (mapped.part == kIpv4) {
      return MoveToMemory(&mapped, static_cast<size_t>(bytes));
    }
  }
  return true;
}

bool IndexFile::MoveToMemory() {
  bool all = true;
  for (Mapped& mapped : mapped_) {
    all = MoveToMemory(&mapped, mapped.region->size()) && all;
  }
  mapped_.clear();
  return all;
}

}  // namespace rbld
