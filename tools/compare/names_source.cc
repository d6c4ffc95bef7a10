#include "tools/compare/names_source.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/ip_prefix.h"
#include "dns/mnemonics.h"
#include "dns/name.h"
#include "tools/compare/address_name.h"

namespace rbld {

NamesSource::NamesSource(std::unique_ptr<Input> input,
                         std::vector<uint16_t> types, std::string zone)
    : input_(std::move(input)),
      default_types_(std::move(types)),
      zone_(std::move(zone)),
      lines_(input_->bytes(), LineReader::kMaxTextLineBytes) {}

absl::StatusOr<bool> NamesSource::Next(Question* question) {
  LineReader::Line line;
  while (next_type_ == types_.size()) {
    next_type_ = 0;
    types_.clear();
    if (!lines_.Next(&line)) {
      if (!lines_.status().ok()) return lines_.status();
      return false;
    }
    done_bytes_ += line.text.size() + 1;
    const absl::Status status =
        line.too_long ? absl::InvalidArgumentError("the line is too long")
                      : ReadLine(line.text);
    if (!status.ok()) {
      types_.clear();
      left_out_.Add(absl::StrCat(input_->name(), ":", line.number, ": ",
                                 status.message()));
    }
  }
  *question = {name_, types_[next_type_++]};
  return true;
}

absl::Status NamesSource::ReadLine(absl::string_view text) {
  text = text.substr(0, text.find('#'));
  const std::vector<absl::string_view> words =
      absl::StrSplit(text, absl::ByAnyChar(" \t,"), absl::SkipEmpty());
  if (words.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> name = NameOf(words[0]);
  if (!name.ok()) return name.status();
  name_ = *std::move(name);
  absl::AsciiStrToLower(&name_);
  for (size_t i = 1; i < words.size(); ++i) {
    const absl::StatusOr<uint16_t> type = ParseRrType(words[i]);
    if (!type.ok()) return type.status();
    types_.push_back(*type);
  }
  if (types_.empty()) types_ = default_types_;
  return absl::OkStatus();
}

absl::StatusOr<std::string> NamesSource::NameOf(absl::string_view word) const {
  const absl::StatusOr<IpPrefix> address = ParseIpPrefix(word);
  if (!address.ok()) {
    return absl::StrContains(word, '/')
               ? absl::InvalidArgumentError(
                     absl::StrCat("\"", word.substr(0, 80), "\" is no name"))
               : NameFromText(word);
  }
  if (!address->IsSingleAddress()) {
    return absl::InvalidArgumentError(
        "is a prefix; give names, or single addresses with --zone");
  }
  if (zone_.empty()) {
    return absl::InvalidArgumentError(
        "is an address, not a name; --zone ZONE asks for it in that zone");
  }
  const std::string name = absl::StrCat(address->family == Family::kIpv4
                                            ? Ipv4Labels(address->ipv4(), 4)
                                            : Ipv6Labels(address->bytes, 32),
                                        zone_);
  if (name.size() > kMaxWireNameBytes) {
    return absl::InvalidArgumentError("is too long for a name in the zone");
  }
  return name;
}

}  // namespace rbld
