// What a zone answers of its lists and of its watched files, compared before
// and after a change: a zone's serial moves when an answer does, and only then.
//
// Pure functions; the caller keeps the indexes alive.
#ifndef RBLD_STORE_ZONE_ANSWERS_H_
#define RBLD_STORE_ZONE_ANSWERS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "store/list_index.h"
#include "store/value_table.h"

namespace rbld {

using IndexMap =
    std::map<std::string, std::shared_ptr<const ListIndex>, std::less<>>;

// What a zone says instead of the values of a list's listings.
struct ListValues {
  uint32_t code = 0;  // 0: the listing's own
  std::optional<std::string> reason;

  bool any() const { return code != 0 || reason.has_value(); }
};

struct PublishedList {
  std::string list;
  ListValues instead;
};

// Watched data that the zone answers from beside the store.
struct PublishedFile {
  std::shared_ptr<const ListIndex> index;
  std::shared_ptr<const ValueTable> values;
  ListValues instead;
  std::string hidden_by;  // the list whose exemptions hide it; "": none
};

// A zone, or one of its subzones: a set of names that is looked up by itself.
struct ZonePart {
  std::string labels;  // of the subzone; "": the zone itself
  // Which targets it answers for.
  bool has_ipv4 = true;
  bool has_ipv6 = true;
  bool has_names = true;
  std::vector<PublishedList> lists;
  std::vector<PublishedFile> files;
};

// How the values of several sources become an answer.
struct AnswerRules {
  bool bit_mask = false;
  uint32_t ttl_seconds = 300;  // of values without one of their own
  // Of the test entries (RFC 5782 §5), where no source lists them.
  uint32_t test_code = 0x7f000002;
  std::string test_reason;
};

// The indexes that a whole zone answers from at one time.
struct AnswerSide {
  const IndexMap* indexes = nullptr;
  const ValueTable* values = nullptr;  // of the lists
};

// The same of one part: a side of a comparison.
struct PartAnswers {
  const ZonePart* part = nullptr;
  const IndexMap* indexes = nullptr;   // the lists'
  const ValueTable* values = nullptr;  // of the lists
};

// Does any address of first..last answer differently? The two sides' kinds are
// the caller's affair. Ends at the first difference; a comparison that would
// take more than some millions of steps without one counts as different.
bool AddressesDiffer(const AnswerRules& rules, const PartAnswers& before,
                     const PartAnswers& after, Family family,
                     const AddressBytes& first, const AddressBytes& last);

// Does this name, or a name below it that no source mentions?
bool NameDiffers(const AnswerRules& rules, const PartAnswers& before,
                 const PartAnswers& after, absl::string_view reversed_wire);

// Does any name? An index cannot be asked for its names, so each source is
// compared for itself: a difference that another source hides counts.
bool AnyNameDiffers(const AnswerRules& rules, const PartAnswers& before,
                    const PartAnswers& after);

}  // namespace rbld

#endif  // RBLD_STORE_ZONE_ANSWERS_H_
