#include "store/answer_digest.h"

#include "absl/strings/str_cat.h"
#include "store/encoding.h"
#include "xxhash.h"

namespace rbld {
namespace {

// Does `next` follow `last` without a gap?
bool Touch(const AddressBytes& last, const AddressBytes& next, int bytes) {
  AddressBytes after = last;
  for (int i = bytes; i-- > 0;) {
    if (++after[static_cast<size_t>(i)] != 0) break;
  }
  return after == next;
}

}  // namespace

struct AnswerDigest::State {
  XXH3_state_t hash;
};

AnswerDigest::AnswerDigest(const ValueTable* values)
    : values_(*values), state_(std::make_unique<State>()) {
  XXH3_128bits_reset(&state_->hash);
}

AnswerDigest::~AnswerDigest() = default;

void AnswerDigest::Add(absl::string_view bytes) {
  XXH3_128bits_update(&state_->hash, bytes.data(), bytes.size());
}

void AnswerDigest::AddNumber(uint64_t number) {
  std::string bytes;
  AppendU64(&bytes, number);
  Add(bytes);
}

// A set stands for itself by a digest of its own, so that ids, which differ
// from start to start, do not matter.
void AnswerDigest::AddValues(ValueSetId id) {
  if (id == kNotListed) return AddNumber(0);
  if (digests_of_sets_.size() <= id) digests_of_sets_.resize(id + size_t{1});
  uint64_t& digest = digests_of_sets_[id];
  if (digest == 0) {
    std::string bytes;
    for (const ValueView value : values_.Get(id)) {
      AppendU32(&bytes, value.code);
      AppendU32(&bytes, value.ttl_seconds);
      AppendU64(&bytes, static_cast<uint64_t>(value.condition.not_before));
      bytes.push_back(value.condition.needs_key ? 1 : 0);
      bytes.push_back(value.condition.key_skips_wait ? 1 : 0);
      AppendU64(&bytes, value.reason.size());
      bytes.append(value.reason.data(), value.reason.size());
    }
    digest = XXH3_64bits(bytes.data(), bytes.size()) | 1;
  }
  AddNumber(digest);
}

void AnswerDigest::FlushRun() {
  if (!has_run_) return;
  has_run_ = false;
  Add(family_ == Family::kIpv4 ? "4" : "6");
  Add(absl::string_view(reinterpret_cast<const char*>(first_.data()),
                        first_.size()));
  Add(absl::string_view(reinterpret_cast<const char*>(last_.data()),
                        last_.size()));
  AddValues(run_values_);
}

void AnswerDigest::AddRun(Family family, const AddressBytes& first,
                          const AddressBytes& last, ValueSetId values) {
  const int bytes = IpPrefix::WidthBits(family) / 8;
  if (has_run_ && family_ == family && run_values_ == values &&
      Touch(last_, first, bytes)) {
    last_ = last;
    return;
  }
  FlushRun();
  has_run_ = true;
  family_ = family;
  first_ = first;
  last_ = last;
  run_values_ = values;
}

void AnswerDigest::AddName(const ResolvedName& name) {
  FlushRun();
  Add("n");
  AddNumber(name.reversed_wire.size());
  Add(name.reversed_wire);
  AddNumber((name.has_exact ? 1u : 0u) | (name.has_below ? 2u : 0u));
  AddValues(name.has_exact ? name.exact : kNotListed);
  AddValues(name.has_below ? name.below : kNotListed);
}

std::string AnswerDigest::FinishHex() {
  FlushRun();
  const XXH128_hash_t digest = XXH3_128bits_digest(&state_->hash);
  return absl::StrCat(absl::Hex(digest.high64, absl::kZeroPad16),
                      absl::Hex(digest.low64, absl::kZeroPad16));
}

}  // namespace rbld
