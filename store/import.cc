#include "store/import.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr size_t kMaxShownTextBytes = 80;
constexpr size_t kMaxAuthorBytes = 255;
constexpr size_t kMaxNoteBytes = 4096;

// An unambiguous spelling of a set, as a map's key.
std::string SpellValues(const ValueSet& values) {
  std::string key;
  for (const Value& value : values) {
    const uint32_t numbers[3] = {value.code, value.ttl_seconds,
                                 static_cast<uint32_t>(value.reason.size())};
    key.append(reinterpret_cast<const char*>(numbers), sizeof(numbers));
    key.append(value.reason);
  }
  return key;
}

absl::Status CheckText(absl::string_view field, absl::string_view text,
                       size_t limit_bytes) {
  if (text.size() > limit_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": longer than ", limit_bytes, " bytes"));
  }
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ": has a control character"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDetails(const EntryDetails& details) {
  absl::Status status = CheckText("author", details.author, kMaxAuthorBytes);
  if (!status.ok()) return status;
  return CheckText("note", details.note, kMaxNoteBytes);
}

bool SaysNothing(const EntryDetails& details) {
  return details.created == 0 && details.updated == 0 && details.expires == 0 &&
         details.author.empty() && details.note.empty();
}

}  // namespace

Import::Import(ListPolicy policy) : policy_(std::move(policy)) {
  for (int octet = 0; octet < 256; ++octet) {
    // The floor is not of the octet; ask with none.
    ListPolicy no_floor = policy_;
    no_floor.min_ipv4_length_bits = 0;
    plain_octet_[octet] =
        WhyNotListable(no_floor, IpPrefix::FromIpv4(
                                     static_cast<uint32_t>(octet) << 24, 8)) ==
        nullptr;
  }
}

absl::StatusOr<Import::ValuesNumber> Import::InternValues(ValueSet values) {
  Normalize(&values);
  std::string key = SpellValues(values);
  const auto found = value_numbers_.find(key);
  if (found != value_numbers_.end()) return found->second;
  const absl::Status status = CheckValues(policy_, values);
  if (!status.ok()) return status;
  const auto number = static_cast<ValuesNumber>(value_sets_.size());
  value_sets_.push_back(std::move(values));
  value_numbers_.emplace(std::move(key), number);
  return number;
}

Import::ValuesNumber Import::ReserveValues() {
  value_sets_.emplace_back();
  return static_cast<ValuesNumber>(value_sets_.size() - 1);
}

void Import::DefineValues(ValuesNumber number, ValueSet values) {
  Normalize(&values);
  value_sets_[number] = std::move(values);
}

const char* Import::WhyNotIpv4(uint32_t host_order, int length_bits) const {
  if (length_bits < 0 || length_bits > 32) return "prefix length over 32";
  const IpPrefix prefix = IpPrefix::FromIpv4(host_order, length_bits);
  if (prefix.ipv4() != host_order) return "bits set behind the prefix";
  return WhyNotListable(policy_, prefix);
}

absl::Status Import::AddListing(const Target& target, ValuesNumber values,
                                EntryDetails details) {
  absl::Status status = CheckTarget(policy_, target);
  if (!status.ok()) return status;
  if (target.kind() == TargetKind::kIpv4 && SaysNothing(details)) {
    PushIpv4(
        Ipv4Entry(target.prefix().ipv4(), target.prefix().length_bits, values));
    return absl::OkStatus();
  }
  status = CheckDetails(details);
  if (!status.ok()) return status;
  others_.push_back({target, false, values, std::move(details)});
  return absl::OkStatus();
}

absl::Status Import::AddExemption(const Target& target, EntryDetails details) {
  // What is not listed harms nobody, so no guard asks where it is.
  const absl::Status status = CheckDetails(details);
  if (!status.ok()) return status;
  others_.push_back({target, true, 0, std::move(details)});
  return absl::OkStatus();
}

void FeedLineNotes::Add(uint64_t line, absl::string_view text,
                        absl::string_view why) {
  ++count_;
  if (kept_.size() >= kMaxKept) return;
  FeedLineNote note;
  note.line = line;
  for (const char c : text) {
    const bool control = absl::ascii_iscntrl(static_cast<unsigned char>(c));
    if (note.text.size() + (control ? 4 : 1) > kMaxShownTextBytes) break;
    if (control) {
      note.text += absl::StrCat(
          "\\x", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    } else {
      note.text.push_back(c);
    }
  }
  note.why = std::string(why);
  kept_.push_back(std::move(note));
}

}  // namespace rbld
