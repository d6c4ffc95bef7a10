#include "zones/zone_stream.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

namespace rbld {
namespace {

// RFC 5782 §5.
constexpr uint32_t kUnlistedTestIpv4 = 0x7f000001;
constexpr uint32_t kListedTestIpv4 = 0x7f000002;
constexpr absl::uint128 kMappedIpv4 = absl::uint128(0xffff) << 32;
constexpr char kListedTestName[] = "\4test";
constexpr char kUnlistedTestName[] = "\7invalid";

template <typename Word>
Word ToWord(const AddressBytes& bytes);

template <>
uint32_t ToWord<uint32_t>(const AddressBytes& bytes) {
  return Ipv4Of(bytes);
}

template <>
absl::uint128 ToWord<absl::uint128>(const AddressBytes& bytes) {
  absl::uint128 word = 0;
  for (const uint8_t byte : bytes) word = word << 8 | byte;
  return word;
}

template <typename Word>
struct TestAddresses;
template <>
struct TestAddresses<uint32_t> {
  static constexpr uint32_t kUnlisted = kUnlistedTestIpv4;
  static constexpr uint32_t kListed = kListedTestIpv4;
};
template <>
struct TestAddresses<absl::uint128> {
  static constexpr absl::uint128 kUnlisted = kMappedIpv4 | kUnlistedTestIpv4;
  static constexpr absl::uint128 kListed = kMappedIpv4 | kListedTestIpv4;
};

bool IsAbove(absl::string_view upper, absl::string_view lower) {
  return lower.size() > upper.size() && lower.substr(0, upper.size()) == upper;
}

}  // namespace

bool HasSubject(absl::string_view reason) {
  for (size_t i = 0; i < reason.size(); ++i) {
    if (reason[i] != '$') continue;
    if (i + 1 == reason.size() || reason[i + 1] != '$') return true;
    ++i;
  }
  return false;
}

std::string RenderReason(absl::string_view reason, absl::string_view subject) {
  std::string text;
  for (size_t i = 0; i < reason.size(); ++i) {
    if (reason[i] != '$') {
      text.push_back(reason[i]);
    } else if (i + 1 < reason.size() && reason[i + 1] == '$') {
      text.push_back('$');
      ++i;
    } else {
      text.append(subject.data(), subject.size());
    }
  }
  return text;
}

// Puts the test entries into a stream of runs and joins runs that touch and
// say the same.
template <typename Word>
class ZoneStream::Merger {
 public:
  template <typename Sink>
  Merger(AnswerId test_answer, const Sink& sink)
      : test_answer_(test_answer), sink_(sink) {}

  absl::Status Add(Word first, Word last, AnswerId answer) {
    using Test = TestAddresses<Word>;
    if (first > Test::kListed) {
      const absl::Status status = AddTestEntry();
      return status.ok() ? Join(first, last, answer) : status;
    }
    if (last >= Test::kListed) test_done_ = true;  // the list's values answer
    if (last < Test::kUnlisted || first > Test::kUnlisted) {
      return Join(first, last, answer);
    }
    // 127.0.0.1 is listed by nothing.
    if (first < Test::kUnlisted) {
      const absl::Status status = Join(first, Test::kUnlisted - 1, answer);
      if (!status.ok()) return status;
    }
    if (last == Test::kUnlisted) return absl::OkStatus();
    return Join(Test::kUnlisted + 1, last, answer);
  }

  absl::Status Finish() {
    const absl::Status status = AddTestEntry();
    if (!status.ok() || !open_) return status;
    return sink_(first_, last_, answer_);
  }

 private:
  absl::Status AddTestEntry() {
    if (test_done_) return absl::OkStatus();
    test_done_ = true;
    constexpr Word kListed = TestAddresses<Word>::kListed;
    return Join(kListed, kListed, test_answer_);
  }

  absl::Status Join(Word first, Word last, AnswerId answer) {
    if (open_ && answer == answer_ && first == last_ + 1) {
      last_ = last;
      return absl::OkStatus();
    }
    absl::Status status;
    if (open_) status = sink_(first_, last_, answer_);
    open_ = true;
    first_ = first;
    last_ = last;
    answer_ = answer;
    return status;
  }

  const AnswerId test_answer_;
  const std::function<absl::Status(Word, Word, AnswerId)> sink_;
  bool test_done_ = false;
  bool open_ = false;
  Word first_ = 0;
  Word last_ = 0;
  AnswerId answer_ = 0;
};

ZoneStream::ZoneStream(const ZoneConfig& zone, const PinnedStore& store)
    : zone_(zone), store_(store), list_values_(1), answers_(1) {
  for (const std::string& list : zone.lists) {
    const auto found = zone.list_values.find(list);
    list_values_of_.push_back(0);
    if (found == zone.list_values.end()) continue;
    list_values_of_.back() = static_cast<uint32_t>(list_values_.size());
    list_values_.push_back(found->second);
  }
}

AnswerId ZoneStream::AddAnswer(ValueSet values) {
  if (zone_.combining == Combining::kBitMask) {
    uint32_t bits = 0;
    for (const Value& value : values) bits |= value.code;
    for (Value& value : values) value.code = bits;
  }
  ZoneAnswer answer;
  constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  answer.a_ttl_seconds = answer.txt_ttl_seconds = kNone;
  for (Value& value : values) {
    if (value.ttl_seconds == 0) value.ttl_seconds = zone_.ttl_seconds;
    answer.a_ttl_seconds = std::min(answer.a_ttl_seconds, value.ttl_seconds);
    if (std::find(answer.codes.begin(), answer.codes.end(), value.code) ==
        answer.codes.end()) {
      answer.codes.push_back(value.code);
    }
    if (value.reason.empty()) continue;
    answer.txt_ttl_seconds =
        std::min(answer.txt_ttl_seconds, value.ttl_seconds);
    answer.has_subject = answer.has_subject || HasSubject(value.reason);
    if (std::find(answer.reasons.begin(), answer.reasons.end(), value.reason) ==
        answer.reasons.end()) {
      answer.reasons.push_back(value.reason);
    }
  }
  answer.values = std::move(values);
  answers_.push_back(std::move(answer));
  return static_cast<AnswerId>(answers_.size() - 1);
}

AnswerId ZoneStream::TestAnswer() {
  if (test_answer_ == 0) {
    test_answer_ = AddAnswer({{zone_.test_code, zone_.test_reason, 0}});
  }
  return test_answer_;
}

AnswerId ZoneStream::AnswerOf(std::vector<Member> members) {
  members.erase(std::remove_if(members.begin(), members.end(),
                               [](const Member& member) {
                                 return member.set == kNotListed;
                               }),
                members.end());
  if (members.empty()) return 0;
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  static_assert(std::has_unique_object_representations_v<Member>);
  std::string key(reinterpret_cast<const char*>(members.data()),
                  members.size() * sizeof(members[0]));
  const auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  ValueSet values;
  for (const Member& member : members) {
    const ListValues& instead = list_values_[member.list_values];
    for (Value value : store_.values().Get(member.set).ToSet()) {
      if (instead.code != 0) value.code = instead.code;
      if (instead.reason.has_value()) value.reason = *instead.reason;
      values.push_back(std::move(value));
    }
  }
  const AnswerId id = AddAnswer(std::move(values));
  known_.emplace(std::move(key), id);
  return id;
}

template <typename Word, typename Sink>
absl::Status ZoneStream::Runs(Family family, const Sink& sink) {
  struct Run {
    Word first;
    Word last;
    ValueSetId values;
  };
  Merger<Word> merger(TestAnswer(), sink);
  absl::Status status;
  if (zone_.lists.size() == 1) {
    // Neighbours often have the same values.
    ValueSetId last_values = kNotListed;
    AnswerId last_answer = 0;
    const absl::Status streamed = store_.ResolveAddresses(
        zone_.lists[0], family, [&](const ResolvedRun& run) {
          if (run.values != last_values) {
            last_values = run.values;
            last_answer = AnswerOf({MemberOf(0, run.values)});
          }
          status = merger.Add(ToWord<Word>(run.first), ToWord<Word>(run.last),
                              last_answer);
          return status.ok();
        });
    if (!status.ok()) return status;
    if (!streamed.ok()) return streamed;
    return merger.Finish();
  }
  std::vector<std::vector<Run>> lists(zone_.lists.size());
  for (size_t i = 0; i < lists.size(); ++i) {
    status = store_.ResolveAddresses(
        zone_.lists[i], family, [&](const ResolvedRun& run) {
          lists[i].push_back(
              {ToWord<Word>(run.first), ToWord<Word>(run.last), run.values});
          return true;
        });
    if (!status.ok()) return status;
  }
  // Sweeps from edge to edge of the runs of all lists.
  std::vector<size_t> at(lists.size(), 0);
  Word position = 0;
  while (true) {
    bool any = false;
    Word start = std::numeric_limits<Word>::max();
    for (size_t i = 0; i < lists.size(); ++i) {
      while (at[i] < lists[i].size() && lists[i][at[i]].last < position) {
        ++at[i];
      }
      if (at[i] == lists[i].size()) continue;
      any = true;
      start = std::min(start, std::max(lists[i][at[i]].first, position));
    }
    if (!any) return merger.Finish();
    Word end = std::numeric_limits<Word>::max();
    std::vector<Member> members;
    for (size_t i = 0; i < lists.size(); ++i) {
      if (at[i] == lists[i].size()) continue;
      const Run& run = lists[i][at[i]];
      if (run.first <= start) {
        members.push_back(MemberOf(i, run.values));
        end = std::min(end, run.last);
      } else {
        end = std::min(end, run.first - 1);
      }
    }
    status = merger.Add(start, end, AnswerOf(std::move(members)));
    if (!status.ok()) return status;
    if (end == std::numeric_limits<Word>::max()) return merger.Finish();
    position = end + 1;
  }
}

absl::Status ZoneStream::Ipv4(const Ipv4Sink& sink) {
  if (!zone_.has_ipv4 || zone_.state == ZoneState::kRetired) {
    return absl::OkStatus();
  }
  return Runs<uint32_t>(Family::kIpv4, sink);
}

absl::Status ZoneStream::Ipv6(const Ipv6Sink& sink) {
  if (!zone_.has_ipv6 || zone_.state == ZoneState::kRetired) {
    return absl::OkStatus();
  }
  return Runs<absl::uint128>(Family::kIpv6, sink);
}

// One list's names while they are walked together with the others'.
struct ZoneStream::NameState {
  std::vector<ResolvedName> names;
  size_t at = 0;
  // The nodes above the present one that decide what is below them.
  std::vector<std::pair<std::string, ValueSetId>> above;

  // What the list says of names below `name` that have no nearer node.
  ValueSetId Inherited(absl::string_view name) {
    while (!above.empty() && !IsAbove(above.back().first, name)) {
      above.pop_back();
    }
    return above.empty() ? kNotListed : above.back().second;
  }
};

// Hands on the first name that any list has next; false when none has.
absl::StatusOr<bool> ZoneStream::TakeName(std::vector<NameState>* lists,
                                          const NameSink& sink) {
  const std::string* next = nullptr;
  for (const NameState& list : *lists) {
    if (list.at == list.names.size()) continue;
    const std::string& wire = list.names[list.at].reversed_wire;
    if (next == nullptr || wire < *next) next = &wire;
  }
  if (next == nullptr) return false;
  ZoneName name;
  name.reversed_wire = *next;
  std::vector<Member> exact, below, inherited;
  for (size_t i = 0; i < lists->size(); ++i) {
    NameState& list = (*lists)[i];
    const ValueSetId from_above = list.Inherited(name.reversed_wire);
    ValueSetId here = from_above;
    ValueSetId under = from_above;
    if (list.at < list.names.size() &&
        list.names[list.at].reversed_wire == name.reversed_wire) {
      const ResolvedName& node = list.names[list.at++];
      if (node.has_exact) here = node.exact;
      if (node.has_below) {
        under = node.below;
        list.above.emplace_back(node.reversed_wire, under);
      }
    }
    exact.push_back(MemberOf(i, here));
    below.push_back(MemberOf(i, under));
    inherited.push_back(MemberOf(i, from_above));
  }
  name.exact = AnswerOf(std::move(exact));
  name.below = AnswerOf(std::move(below));
  name.inherited = AnswerOf(std::move(inherited));
  const absl::Status status = sink(name);
  if (!status.ok()) return status;
  return true;
}

absl::Status ZoneStream::UniteNames(const NameSink& sink) {
  std::vector<NameState> lists(zone_.lists.size());
  absl::StatusOr<bool> more = true;
  for (size_t i = 0; i < lists.size(); ++i) {
    const absl::Status status =
        store_.ResolveNames(zone_.lists[i], [&](const ResolvedName& name) {
          if (lists.size() > 1) {
            lists[i].names.push_back(name);
            return true;
          }
          // Of one list no name need be held.
          lists[i].names = {name};
          lists[i].at = 0;
          more = TakeName(&lists, sink);
          return more.ok();
        });
    if (!more.ok()) return more.status();
    if (!status.ok()) return status;
  }
  while (more.ok() && *more) more = TakeName(&lists, sink);
  return more.status();
}

absl::Status ZoneStream::Names(const NameSink& sink) {
  if (!zone_.has_names || zone_.state == ZoneState::kRetired) {
    return absl::OkStatus();
  }
  bool test_done = false;
  const auto add_test = [&] {
    test_done = true;
    ZoneName name;
    name.reversed_wire = kListedTestName;
    name.exact = TestAnswer();
    return sink(name);
  };
  const absl::Status status = UniteNames([&](const ZoneName& name) {
    if (!test_done && name.reversed_wire > kListedTestName) {
      const absl::Status added = add_test();
      if (!added.ok()) return added;
    }
    if (name.reversed_wire != kListedTestName &&
        name.reversed_wire != kUnlistedTestName) {
      return sink(name);
    }
    ZoneName tested = name;
    if (name.reversed_wire == kUnlistedTestName) {
      tested.exact = 0;
    } else {
      test_done = true;
      if (tested.exact == 0) tested.exact = TestAnswer();
    }
    return sink(tested);
  });
  if (!status.ok() || test_done) return status;
  return add_test();
}

}  // namespace rbld
