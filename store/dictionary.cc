#include "store/dictionary.h"

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "store/rocks.h"
#include "store/sorted_file.h"
#include "xxhash.h"

namespace rbld {
namespace {

// Blobs whose ids are kept at hand.
constexpr size_t kRecentBlobs = 4096;
// So many sets are interned one by one; so many new ones go into the store as
// files and not as a batch.
constexpr size_t kFewSets = 4;
constexpr size_t kManyNewSets = 20'000;
// How far the next key that is looked for may be before it is sought.
constexpr int kMostSteps = 16;

constexpr size_t kIdBytes = 4;

// Under which a blob's ids stand; in the order of such keys.
struct BlobHash {
  XXH128_hash_t hash;

  explicit BlobHash(absl::string_view blob)
      : hash(XXH3_128bits(blob.data(), blob.size())) {}
  std::string Key() const {
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, hash);
    return std::string(reinterpret_cast<const char*>(bytes.digest),
                       sizeof(bytes.digest));
  }
  friend bool operator<(const BlobHash& a, const BlobHash& b) {
    return a.hash.high64 != b.hash.high64 ? a.hash.high64 < b.hash.high64
                                          : a.hash.low64 < b.hash.low64;
  }
  friend bool operator==(const BlobHash& a, const BlobHash& b) {
    return XXH128_isEqual(a.hash, b.hash) != 0;
  }
};

std::string IdKey(BlobId id) {
  std::string key;
  AppendU32(&key, id);
  return key;
}

absl::Status FromReading(const rocksdb::Status& status) {
  return FromRocks(status, "reading the dictionary");
}

// Finds ascending keys of a family, without a search for those that are near
// to one another.
class AscendingReader {
 public:
  AscendingReader(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family) {
    rocksdb::ReadOptions read;
    read.fill_cache = false;
    read.readahead_size = 1 << 20;
    it_.reset(db->NewIterator(read, family));
    it_->SeekToFirst();
  }

  // The value; empty if the key is not there.
  absl::string_view Find(absl::string_view key) {
    for (int i = 0; it_->Valid() && View(it_->key()) < key; ++i) {
      if (i < kMostSteps) {
        it_->Next();
      } else {
        it_->Seek(ToSlice(key));
      }
    }
    return it_->Valid() && View(it_->key()) == key ? View(it_->value())
                                                   : absl::string_view();
  }
  absl::Status status() const { return FromReading(it_->status()); }

 private:
  std::unique_ptr<rocksdb::Iterator> it_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Dictionary>> Dictionary::Open(
    DictionaryPlace place) {
  std::unique_ptr<Dictionary> dictionary(new Dictionary(std::move(place)));
  absl::Status status = dictionary->FindLast();
  if (!status.ok()) return status;
  return dictionary;
}

absl::Status Dictionary::FindLast() {
  BlobId last = 0;
  {
    std::unique_ptr<rocksdb::Iterator> it(
        place_.db->NewIterator(rocksdb::ReadOptions(), place_.blobs));
    it->SeekToLast();
    absl::Status status = FromReading(it->status());
    if (!status.ok()) return status;
    if (it->Valid()) {
      absl::string_view key = View(it->key());
      if (!ConsumeU32(&key, &last)) return CorruptRecord("dictionary key");
    }
    it.reset(place_.db->NewIterator(rocksdb::ReadOptions(), place_.ids));
    it->SeekToFirst();
    if (last != 0 && !it->Valid()) {
      status = FillIds();
      if (!status.ok()) return status;
    }
  }
  MutexLock lock(&mutex_);
  next_id_ = last + 1;
  return absl::OkStatus();
}

absl::Status Dictionary::FillIds() {
  rocksdb::WriteBatch batch;
  absl::flat_hash_map<std::string, std::string> entries;
  std::unique_ptr<rocksdb::Iterator> it(
      place_.db->NewIterator(rocksdb::ReadOptions(), place_.blobs));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    entries[BlobHash(View(it->value())).Key()] += it->key().ToString();
  }
  absl::Status status = FromReading(it->status());
  if (!status.ok()) return status;
  for (const auto& [hash, ids] : entries) batch.Put(place_.ids, hash, ids);
  return FromRocks(place_.db->Write(place_.write_options, &batch),
                   "writing the dictionary's ids");
}

std::string Dictionary::ReadBlob(BlobId id) const {
  std::string blob;
  const rocksdb::Status status =
      place_.db->Get(rocksdb::ReadOptions(), place_.blobs, IdKey(id), &blob);
  if (!status.ok()) blob.clear();
  return blob;
}

absl::StatusOr<std::string> Dictionary::IdsOf(absl::string_view hash) const {
  std::string ids;
  const rocksdb::Status status =
      place_.db->Get(rocksdb::ReadOptions(), place_.ids, ToSlice(hash), &ids);
  if (status.IsNotFound()) return std::string();
  if (!status.ok()) return FromReading(status);
  return ids;
}

BlobId Dictionary::Among(absl::string_view ids, absl::string_view blob) const {
  BlobId id = 0;
  while (ConsumeU32(&ids, &id)) {
    if (ReadBlob(id) == blob) return id;
  }
  return 0;
}

void Dictionary::RememberRecent(const std::string& blob, BlobId id) {
  if (recent_ids_.size() >= kRecentBlobs) recent_ids_.clear();
  recent_ids_[blob] = id;
}

absl::StatusOr<BlobId> Dictionary::Intern(const std::string& blob) {
  MutexLock lock(&mutex_);
  const auto recent = recent_ids_.find(blob);
  if (recent != recent_ids_.end()) return recent->second;
  const std::string hash = BlobHash(blob).Key();
  absl::StatusOr<std::string> ids = IdsOf(hash);
  if (!ids.ok()) return ids.status();
  BlobId id = Among(*ids, blob);
  if (id == 0) {
    id = next_id_++;
    rocksdb::WriteBatch batch;
    batch.Put(place_.blobs, IdKey(id), blob);
    batch.Put(place_.ids, hash, *ids + IdKey(id));
    absl::Status status =
        FromRocks(place_.db->Write(place_.write_options, &batch),
                  "writing the dictionary");
    if (!status.ok()) return status;
  }
  RememberRecent(blob, id);
  return id;
}

absl::StatusOr<BlobId> Dictionary::InternValues(const ValueSet& values) {
  return Intern(ValueSetBlob(values));
}

absl::StatusOr<BlobId> Dictionary::InternAuthor(absl::string_view author) {
  return Intern(AuthorBlob(author));
}

// Many sets in the order of the keys that they have: what is there is found,
// and what is not is written, from one end of the store to the other.
class Dictionary::ManySets {
 public:
  ManySets(Dictionary* dictionary, absl::Span<const ValueSet> sets)
      : dictionary_(*dictionary), place_(dictionary->place_), sets_(sets) {
    wanted_.reserve(sets.size());
    for (const ValueSet& values : sets) {
      const auto number = static_cast<uint32_t>(wanted_.size());
      wanted_.push_back({BlobHash(ValueSetBlob(values)), number});
    }
    std::sort(wanted_.begin(), wanted_.end(),
              [](const Wanted& a, const Wanted& b) {
                return a.hash == b.hash ? a.number < b.number : a.hash < b.hash;
              });
  }

  absl::Status Find();
  // Gives those that are not there ids from `*next_id` on and writes them.
  // Nobody else may write to the dictionary between Find and its end.
  absl::Status AddNew(BlobId* next_id);

  // By the sets' numbers.
  std::vector<BlobId> ids() const {
    std::vector<BlobId> ids(wanted_.size());
    for (const Wanted& one : wanted_) ids[one.number] = one.id;
    return ids;
  }

 private:
  struct Wanted {
    BlobHash hash;
    uint32_t number;  // of the set
    BlobId id = 0;    // 0: it is not there
    // Something stands under its hash.
    bool hash_is_known = false;
  };

  std::string BlobOf(const Wanted& wanted) const {
    return ValueSetBlob(sets_[wanted.number]);
  }
  absl::Status FindIds();
  absl::Status CheckContents();
  template <typename Put>
  absl::Status PutNew(BlobId* next_id, const Put& put);

  Dictionary& dictionary_;
  const DictionaryPlace& place_;
  const absl::Span<const ValueSet> sets_;
  std::vector<Wanted> wanted_;  // in the order of their hashes
};

absl::Status Dictionary::ManySets::Find() {
  absl::Status status = FindIds();
  return status.ok() ? CheckContents() : status;
}

// What stands under the hash, which is nearly always the set itself.
absl::Status Dictionary::ManySets::FindIds() {
  AscendingReader reader(place_.db, place_.ids);
  for (Wanted& one : wanted_) {
    const absl::string_view ids = reader.Find(one.hash.Key());
    one.hash_is_known = !ids.empty();
    absl::string_view left = ids;
    if (ids.size() > kIdBytes) {
      one.id = dictionary_.Among(ids, BlobOf(one));
    } else if (!ids.empty() && !ConsumeU32(&left, &one.id)) {
      return CorruptRecord("dictionary entry");
    }
  }
  return reader.status();
}

// Ids that were given by one import ascend with the hashes, so that the blobs
// too are read from one end to the other.
absl::Status Dictionary::ManySets::CheckContents() {
  std::vector<Wanted*> found;
  for (Wanted& one : wanted_) {
    if (one.id != 0) found.push_back(&one);
  }
  std::sort(found.begin(), found.end(),
            [](const Wanted* a, const Wanted* b) { return a->id < b->id; });
  AscendingReader reader(place_.db, place_.blobs);
  for (Wanted* one : found) {
    if (reader.Find(IdKey(one->id)) != BlobOf(*one)) one->id = 0;
  }
  return reader.status();
}

// Calls put(family, key, value) for all that is new, with ascending keys in
// each family.
template <typename Put>
absl::Status Dictionary::ManySets::PutNew(BlobId* next_id, const Put& put) {
  for (size_t begin = 0, end = 0; begin < wanted_.size(); begin = end) {
    const BlobHash hash = wanted_[begin].hash;
    std::string ids;
    for (; end < wanted_.size() && wanted_[end].hash == hash; ++end) {
      Wanted& one = wanted_[end];
      if (one.id != 0) continue;
      const std::string blob = BlobOf(one);
      // A set may be there twice.
      for (size_t before = begin; before < end && one.id == 0; ++before) {
        if (BlobOf(wanted_[before]) == blob) one.id = wanted_[before].id;
      }
      if (one.id != 0) continue;
      one.id = (*next_id)++;
      ids += IdKey(one.id);
      absl::Status status = put(place_.blobs, IdKey(one.id), blob);
      if (!status.ok()) return status;
    }
    if (ids.empty()) continue;
    const std::string key = hash.Key();
    if (wanted_[begin].hash_is_known) {
      absl::StatusOr<std::string> known = dictionary_.IdsOf(key);
      if (!known.ok()) return known.status();
      ids = *known + ids;
    }
    absl::Status status = put(place_.ids, key, ids);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Dictionary::ManySets::AddNew(BlobId* next_id) {
  const size_t missing = static_cast<size_t>(
      std::count_if(wanted_.begin(), wanted_.end(),
                    [](const Wanted& one) { return one.id == 0; }));
  if (missing == 0) return absl::OkStatus();
  if (missing < kManyNewSets) {
    rocksdb::WriteBatch batch;
    absl::Status status = PutNew(
        next_id,
        [&batch](auto* family, absl::string_view key, absl::string_view value) {
          return FromRocks(batch.Put(family, ToSlice(key), ToSlice(value)),
                           "writing the dictionary");
        });
    if (!status.ok()) return status;
    return FromRocks(place_.db->Write(place_.write_options, &batch),
                     "writing the dictionary");
  }
  const auto file = [this](auto* family, absl::string_view name) {
    return SortedFile(place_.env, family,
                      absl::StrCat(place_.import_folder, "/", name, ".sst"));
  };
  SortedFile blobs = file(place_.blobs, "blobs");
  SortedFile ids = file(place_.ids, "ids");
  absl::Status status = PutNew(next_id, [&](auto* family, absl::string_view key,
                                            absl::string_view value) {
    return (family == place_.blobs ? blobs : ids).Put(key, value);
  });
  for (SortedFile* one : {&blobs, &ids}) {
    if (status.ok()) status = one->Finish();
  }
  if (status.ok()) status = Ingest(place_.db, {&blobs, &ids});
  std::error_code ignored;
  std::filesystem::remove_all(place_.import_folder, ignored);
  return status;
}

absl::StatusOr<std::vector<BlobId>> Dictionary::InternAllValues(
    absl::Span<const ValueSet> sets) {
  if (sets.size() <= kFewSets) {
    std::vector<BlobId> ids;
    for (const ValueSet& values : sets) {
      absl::StatusOr<BlobId> id = InternValues(values);
      if (!id.ok()) return id.status();
      ids.push_back(*id);
    }
    return ids;
  }
  ManySets many(this, sets);
  MutexLock lock(&mutex_);
  absl::Status status = many.Find();
  if (status.ok()) status = many.AddNew(&next_id_);
  if (!status.ok()) return status;
  return many.ids();
}

ValueSetId Dictionary::RuntimeValues(BlobId id) const {
  MutexLock lock(&mutex_);
  if (id < runtime_values_.size() && runtime_values_[id] != kNotListed) {
    return runtime_values_[id];
  }
  ValueSet values;
  if (id == 0 || id >= next_id_ || !ParseValueSetBlob(ReadBlob(id), &values)) {
    return kNotListed;
  }
  if (id >= runtime_values_.size()) {
    runtime_values_.resize(next_id_, kNotListed);
  }
  return runtime_values_[id] = values_->Intern(values);
}

std::string Dictionary::Author(BlobId id) const {
  MutexLock lock(&mutex_);
  const auto found = authors_.find(id);
  if (found != authors_.end()) return found->second;
  std::string author;
  if (id == 0 || !ParseAuthorBlob(ReadBlob(id), &author)) return "";
  return authors_[id] = author;
}

absl::Status Dictionary::LoadValues() const {
  MutexLock lock(&mutex_);
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  read.readahead_size = 2 << 20;
  std::unique_ptr<rocksdb::Iterator> it(
      place_.db->NewIterator(read, place_.blobs));
  ValueSet values;
  runtime_values_.resize(next_id_, kNotListed);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    absl::string_view key = View(it->key());
    BlobId id = 0;
    if (!ConsumeU32(&key, &id)) return CorruptRecord("dictionary key");
    if (id >= next_id_ || runtime_values_[id] != kNotListed) continue;
    if (ParseValueSetBlob(View(it->value()), &values)) {
      runtime_values_[id] = values_->Intern(values);
    }
  }
  return FromReading(it->status());
}

uint64_t Dictionary::size() const {
  MutexLock lock(&mutex_);
  return next_id_ - 1;
}

}  // namespace rbld
