// WantedEntries: what an import wants its dataset to hold: sorted as the
// store's keys are, without duplicates, with the value sets in the dictionary.
//
// Made by one thread, then read by any number.
#ifndef RBLD_STORE_WANTED_ENTRIES_H_
#define RBLD_STORE_WANTED_ENTRIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/database.h"
#include "store/import.h"
#include "store/records.h"

namespace rbld {

class WantedEntries {
 public:
  // An entry that is no plain IPv4 one.
  struct Other {
    std::string target_key;
    RecordType type = RecordType::kListing;
    BlobId values = 0;
    EntryDetails details;
  };

  // Takes the entries out of `import`. Interns value sets and the author.
  static absl::StatusOr<WantedEntries> Make(Database* database, Import import,
                                            const ImportOptions& options);

  const std::vector<Import::Ipv4Entry>& ipv4() const { return ipv4_; }
  const std::vector<Other>& others() const { return others_; }
  BlobId BlobOf(Import::ValuesNumber number) const { return blobs_[number]; }
  BlobId author() const { return author_; }
  uint64_t size() const { return ipv4_.size() + others_.size(); }
  uint64_t duplicates() const { return duplicates_; }
  bool has_names() const { return has_names_; }

  // A key's middle, target key and type byte, that has about 1/parts of the
  // entries before it, times `part`.
  std::string Boundary(int part, int parts) const;

 private:
  explicit WantedEntries(Import import) : import_(std::move(import)) {}
  void SortIpv4();
  void SortOthers();
  void DropIpv4WithDetails();
  absl::Status InternValues(Database* database);

  Import import_;
  std::vector<Import::Ipv4Entry> ipv4_;
  std::vector<Other> others_;
  std::vector<ValueSet> value_sets_;
  std::vector<BlobId> blobs_;  // by Import::ValuesNumber
  BlobId author_ = 0;
  uint64_t duplicates_ = 0;
  bool has_names_ = false;
};

// Walks the entries whose keys' middles are from `from` up to before `to`, an
// empty `to` meaning the end, as one sorted stream.
class WantedCursor {
 public:
  // `wanted` must outlive it.
  WantedCursor(const WantedEntries& wanted, const DatasetRecord& dataset,
               absl::string_view from, absl::string_view to);

  bool valid() const { return valid_; }
  // The whole RecordKey, and of it target key and type byte.
  absl::string_view key() const { return key_; }
  absl::string_view middle() const {
    return absl::string_view(key_).substr(4, key_.size() - 8);
  }
  BlobId values() const { return values_; }
  // Null for an entry that says nothing but its values.
  const EntryDetails* details() const { return details_; }
  void Next() {
    ++(details_ == nullptr ? ipv4_at_ : other_at_);
    Load();
  }

 private:
  void Load();
  void LoadIpv4(const Import::Ipv4Entry& entry);
  void LoadOther(const WantedEntries::Other& other);

  const WantedEntries& wanted_;
  size_t ipv4_at_ = 0;
  size_t ipv4_end_ = 0;
  size_t other_at_ = 0;
  size_t other_end_ = 0;
  const std::string list_prefix_;
  const std::string dataset_suffix_;
  bool valid_ = false;
  std::string key_;
  BlobId values_ = 0;
  const EntryDetails* details_ = nullptr;
};

}  // namespace rbld

#endif  // RBLD_STORE_WANTED_ENTRIES_H_
