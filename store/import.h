// Import: the wanted content of one dataset, gathered from a feed and handed to
// the publisher, which replaces the dataset's content by difference.
//
// Used by one thread. Holds 8 bytes for each IPv4 entry.
#ifndef RBLD_STORE_IMPORT_H_
#define RBLD_STORE_IMPORT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "store/guard.h"
#include "store/listing.h"
#include "store/target.h"
#include "store/value.h"

namespace rbld {

// A feed line of which something must be said.
struct FeedLineNote {
  uint64_t line = 0;  // from 1
  std::string text;   // its beginning, at most 80 bytes, control bytes as \xNN
  std::string why;
};

// Counts such lines and keeps the first kMaxKept of them.
class FeedLineNotes {
 public:
  static constexpr size_t kMaxKept = 1000;

  void Add(uint64_t line, absl::string_view text, absl::string_view why);

  uint64_t count() const { return count_; }
  const std::vector<FeedLineNote>& kept() const { return kept_; }

 private:
  uint64_t count_ = 0;
  std::vector<FeedLineNote> kept_;
};

// What a feed may say of an entry besides its values. 0 and "" mean that it
// says nothing: the publisher then keeps what an equal listing has, or takes
// the import's own time, expiry and actor.
struct EntryDetails {
  int64_t created = 0;
  int64_t updated = 0;
  int64_t expires = 0;
  std::string author;
  std::string note;
};

class Import {
 public:
  // Names a value set inside this import.
  using ValuesNumber = uint32_t;

  // A plain IPv4 listing in 64 bits that sort like its key in the store:
  // address, prefix length, values.
  class Ipv4Entry {
   public:
    // What is left of the bits beside an address and a prefix length. A feed
    // with more value sets is refused before anybody reads its entries.
    static constexpr int kValuesBits = 26;
    static constexpr ValuesNumber kMaxValues =
        (ValuesNumber{1} << kValuesBits) - 1;

    Ipv4Entry() = default;
    Ipv4Entry(uint32_t address, int length_bits, ValuesNumber values)
        : bits_(uint64_t{address} << 32 |
                static_cast<uint64_t>(length_bits) << kValuesBits |
                (values & kMaxValues)) {}

    uint64_t bits() const { return bits_; }
    // Address and prefix length: equal for equal targets, ordered as keys are.
    uint64_t target() const { return bits_ >> kValuesBits; }
    uint32_t address() const { return static_cast<uint32_t>(bits_ >> 32); }
    int length_bits() const {
      return static_cast<int>(bits_ >> kValuesBits & 0x3f);
    }
    ValuesNumber values() const {
      return static_cast<ValuesNumber>(bits_) & kMaxValues;
    }

   private:
    uint64_t bits_ = 0;
  };

  explicit Import(ListPolicy policy);

  // Checks and normalises; the same set gets the same number.
  absl::StatusOr<ValuesNumber> InternValues(ValueSet values);

  // A number whose set is not known yet, and what it turned out to be. The
  // set is normalised, but not checked.
  ValuesNumber ReserveValues();
  void DefineValues(ValuesNumber number, ValueSet values);

  // Adding the same target twice: the last one wins where the format says
  // one value, and the values are united where MergeDuplicates(true) was set.
  void MergeDuplicates(bool merge) { merge_duplicates_ = merge; }

  // Fast path for addresses. nullptr, or a static text why it may not be.
  const char* AddIpv4(uint32_t host_order, int length_bits,
                      ValuesNumber values) {
    if (length_bits != 32 || !plain_octet_[host_order >> 24]) {
      const char* const why = WhyNotIpv4(host_order, length_bits);
      if (why != nullptr) return why;
    }
    PushIpv4(Ipv4Entry(host_order, length_bits, values));
    return nullptr;
  }

  // Any target, with details. Errors as CheckTarget.
  absl::Status AddListing(const Target& target, ValuesNumber values,
                          EntryDetails details = {});
  // An exemption of dataset scope.
  absl::Status AddExemption(const Target& target, EntryDetails details = {});

  // A line that was left out.
  void Reject(uint64_t line, absl::string_view text, absl::string_view why) {
    rejected_.Add(line, text, why);
  }
  // A line that was taken, but perhaps not as its author meant it.
  void Warn(uint64_t line, absl::string_view text, absl::string_view why) {
    warned_.Add(line, text, why);
  }

  const std::vector<FeedLineNote>& rejected() const { return rejected_.kept(); }
  uint64_t rejected_count() const { return rejected_.count(); }
  const FeedLineNotes& warned() const { return warned_; }
  uint64_t accepted_count() const { return ipv4_.size() + others_.size(); }
  const ListPolicy& policy() const { return policy_; }

  // What the publisher reads.
  struct OtherEntry {
    Target target;
    bool exemption = false;
    ValuesNumber values = 0;
    EntryDetails details;
  };
  std::vector<Ipv4Entry>& ipv4() { return ipv4_; }
  // Whether the feed brought its IPv4 entries in the order of their targets.
  bool ipv4_is_sorted() const { return ipv4_is_sorted_; }
  std::vector<OtherEntry>& others() { return others_; }
  const std::vector<ValueSet>& value_sets() const { return value_sets_; }
  bool merge_duplicates() const { return merge_duplicates_; }

 private:
  const char* WhyNotIpv4(uint32_t host_order, int length_bits) const;
  void PushIpv4(Ipv4Entry entry) {
    ipv4_is_sorted_ &= entry.target() >= last_ipv4_target_;
    last_ipv4_target_ = entry.target();
    ipv4_.push_back(entry);
  }

  ListPolicy policy_;
  // By first octet: no address in it is refused, so a single address needs no
  // further check.
  bool plain_octet_[256] = {};
  bool merge_duplicates_ = false;
  bool ipv4_is_sorted_ = true;
  uint64_t last_ipv4_target_ = 0;
  std::vector<Ipv4Entry> ipv4_;
  std::vector<OtherEntry> others_;
  std::vector<ValueSet> value_sets_;
  absl::flat_hash_map<std::string, ValuesNumber> value_numbers_;
  FeedLineNotes rejected_;
  FeedLineNotes warned_;
};

struct ImportOptions {
  std::string list;
  std::string source;
  Precedence precedence = Precedence::kLongest;
  std::string actor;
  std::string why;
  std::string request;  // for the audit record: "import feed.txt"
  int64_t expires = 0;
  double max_shrink = 0.30;  // part of the present count
  double max_grow = 0.30;
  bool force = false;   // pass both guards
  bool strict = false;  // refuse if any line was rejected
  bool dry_run = false;
};

struct ImportSummary {
  uint64_t sequence = 0;  // of the change, or the present one if none
  uint64_t added = 0;
  uint64_t removed = 0;
  uint64_t changed = 0;
  uint64_t unchanged = 0;
  uint64_t duplicates = 0;
  uint64_t rejected = 0;
  std::vector<FeedLineNote> rejected_lines;
  uint64_t warned = 0;  // lines taken with a warning
  std::vector<FeedLineNote> warned_lines;
};

}  // namespace rbld

#endif  // RBLD_STORE_IMPORT_H_
