#include "store/pinned_store.h"

#include <functional>
#include <string>
#include <utility>

#include "store/record_reader.h"
#include "store/resolver.h"

namespace rbld {
namespace {

class PinnedStoreImpl : public PinnedStore {
 public:
  PinnedStoreImpl(Database* database, StoreState state)
      : database_(database),
        snapshot_(database->db()),
        state_(std::move(state)) {}

  uint64_t sequence() const override { return state_.sequence; }
  const std::string& epoch() const override { return database_->epoch(); }
  uint32_t zone_serial(absl::string_view zone) const override {
    const auto found = state_.zones.find(zone);
    return found == state_.zones.end() ? 0 : found->second.serial;
  }
  const ValueTable& values() const override {
    return *database_->dictionary().values();
  }

  absl::Status ResolveAddresses(absl::string_view list, Family family,
                                const RunSink& sink) const override {
    absl::StatusOr<ListShape> shape = ShapeOf(list);
    if (!shape.ok()) return shape.status();
    Resolver resolver(*database_, *shape, NewIterator());
    return resolver.Addresses(IpPrefix::Make(family, {}, 0), sink);
  }

  absl::Status ResolveNames(absl::string_view list,
                            const NameSink& sink) const override {
    absl::StatusOr<ListShape> shape = ShapeOf(list);
    if (!shape.ok()) return shape.status();
    Resolver resolver(*database_, *shape, NewIterator());
    return resolver.Names("", false, sink);
  }

  absl::Status ForEachListing(
      absl::string_view list,
      const std::function<bool(const Listing&)>& sink) const override {
    return ForEach(list, RecordType::kListing,
                   [&](const ParsedKey& key, const Record& record) {
                     return sink(ToListing(*database_, state_, key, record));
                   });
  }
  absl::Status ForEachExemption(
      absl::string_view list,
      const std::function<bool(const Exemption&)>& sink) const override {
    return ForEach(list, RecordType::kExemption,
                   [&](const ParsedKey& key, const Record& record) {
                     return sink(ToExemption(*database_, state_, key, record));
                   });
  }

 private:
  absl::StatusOr<ListShape> ShapeOf(absl::string_view list) const {
    const auto found = state_.lists.find(list);
    if (found == state_.lists.end()) {
      return NoSuchList(list);
    }
    return state_.Shape(found->second);
  }

  std::unique_ptr<rocksdb::Iterator> NewIterator() const {
    rocksdb::ReadOptions read;
    read.snapshot = snapshot_.snapshot();
    read.fill_cache = false;
    read.readahead_size = 2 << 20;
    return std::unique_ptr<rocksdb::Iterator>(database_->db()->NewIterator(
        read, database_->family(FamilyId::kListings)));
  }

  absl::Status ForEach(
      absl::string_view list, RecordType type,
      const std::function<bool(const ParsedKey&, const Record&)>& sink) const {
    const auto found = state_.lists.find(list);
    if (found == state_.lists.end()) {
      return NoSuchList(list);
    }
    const std::string prefix = ListPrefix(found->second);
    std::unique_ptr<rocksdb::Iterator> it = NewIterator();
    for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix);
         it->Next()) {
      ParsedKey key;
      Record record;
      if (!ReadRecord(*it, &key, &record)) return CorruptRecord("listing");
      if (key.type == type && !sink(key, record)) break;
    }
    return FromRocks(it->status(), "reading listings");
  }

  Database* const database_;
  mutable rocksdb::ManagedSnapshot snapshot_;
  const StoreState state_;
};

}  // namespace

std::unique_ptr<PinnedStore> PinStore(Database* database, StoreState state) {
  return std::make_unique<PinnedStoreImpl>(database, std::move(state));
}

}  // namespace rbld
