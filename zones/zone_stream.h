// ZoneStream: what a zone answers, as sorted streams: its lists united, its
// test entries in place. It tells of a zone what store/resolved.h tells of a
// list, and the responder's answers for the same zone are the same.
//
// Used by one thread. With one list it holds nothing but the answers; with
// several it holds the runs of one family, or the names, of all.
#ifndef RBLD_ZONES_ZONE_STREAM_H_
#define RBLD_ZONES_ZONE_STREAM_H_

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/publisher.h"
#include "zones/config.h"

namespace rbld {

// What the zone says of a name: A records and TXT templates.
struct ZoneAnswer {
  // United; TTLs filled in.
  ValueSet values;
  std::vector<uint32_t> codes;       // each once
  std::vector<std::string> reasons;  // each once, never empty
  // RFC 2181 §5.2: one for each set of records, the smallest of its values'.
  uint32_t a_ttl_seconds = 0;
  uint32_t txt_ttl_seconds = 0;
  // A reason names what was asked, so its text differs from name to name.
  bool has_subject = false;
};

// Does `reason` hold a `$` that stands for what was asked?
bool HasSubject(absl::string_view reason);
// `reason` with each `$` replaced and each `$$` as one, as the responder does.
std::string RenderReason(absl::string_view reason, absl::string_view subject);

// Numbers an answer of this stream; 0 is "not listed".
using AnswerId = uint32_t;

// A node of the zone's names. `exact` is what the name itself answers,
// `below` what names under it answer that have no nearer node; `inherited` is
// the `below` of the nearest node above.
struct ZoneName {
  std::string reversed_wire;
  AnswerId exact = 0;
  AnswerId below = 0;
  AnswerId inherited = 0;
};

class ZoneStream {
 public:
  // Both must outlive it.
  ZoneStream(const ZoneConfig& zone, const PinnedStore& store);

  using Ipv4Sink =
      std::function<absl::Status(uint32_t first, uint32_t last, AnswerId)>;
  using Ipv6Sink = std::function<absl::Status(absl::uint128 first,
                                              absl::uint128 last, AnswerId)>;
  using NameSink = std::function<absl::Status(const ZoneName&)>;

  // Ascending, disjoint; runs that touch have different answers. Nothing if
  // the zone is not of the kind or is retired. A sink's error ends the stream.
  absl::Status Ipv4(const Ipv4Sink& sink);
  absl::Status Ipv6(const Ipv6Sink& sink);
  // In order of reversed_wire.
  absl::Status Names(const NameSink& sink);

  const ZoneAnswer& answer(AnswerId id) const { return answers_[id]; }
  const ZoneConfig& zone() const { return zone_; }

 private:
  template <typename Word>
  class Merger;
  struct NameState;

  template <typename Word, typename Sink>
  absl::Status Runs(Family family, const Sink& sink);
  absl::Status UniteNames(const NameSink& sink);
  absl::StatusOr<bool> TakeName(std::vector<NameState>* lists,
                                const NameSink& sink);
  // A value set as a list has it, and which of the zone's ListValues hold for
  // it.
  struct Member {
    ValueSetId set = kNotListed;
    uint32_t list_values = 0;  // place in list_values_

    friend auto operator<=>(const Member&, const Member&) = default;
  };
  Member MemberOf(size_t list, ValueSetId set) const {
    return {set, list_values_of_[list]};
  }
  // The answer of the union; kNotListed ones are left out.
  AnswerId AnswerOf(std::vector<Member> members);
  AnswerId TestAnswer();
  AnswerId AddAnswer(ValueSet values);

  const ZoneConfig& zone_;
  const PinnedStore& store_;
  std::vector<ListValues> list_values_;   // the first says nothing
  std::vector<uint32_t> list_values_of_;  // by list
  std::vector<ZoneAnswer> answers_;       // by id; the first is no answer
  absl::flat_hash_map<std::string, AnswerId> known_;  // by the members
  AnswerId test_answer_ = 0;
};

}  // namespace rbld

#endif  // RBLD_ZONES_ZONE_STREAM_H_
