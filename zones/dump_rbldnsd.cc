// Dumps in rbldnsd's formats.
//
// A data file of rbldnsd gives one A and one TXT record to an entry, and one
// TTL to the whole file. So the values of an answer are dealt out to files by
// their number in the answer and its TTL; rbldnsd unites the files when each is
// given as a dataset of the same zone.
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dns/name.h"
#include "zones/dump_writer.h"
#include "zones/rfc1035_text.h"

namespace rbld {
namespace {

// rbldnsd keeps so many bytes of a template, and one less of the text made of
// it.
constexpr size_t kMaxTemplateBytes = 255;
constexpr size_t kMaxTextBytes = 254;
constexpr size_t kMaxNameServers = 32;
constexpr uint64_t kProgressRuns = 1 << 16;

// The values of one answer that one file gets: the first, the second, …
struct Slot {
  size_t rank;
  uint32_t ttl_seconds;
  friend auto operator<=>(const Slot&, const Slot&) = default;
};

std::string Ipv6Text(const IpPrefix& prefix) {
  std::string text = prefix.ToString();
  // rbldnsd reads no dotted quads inside IPv6 addresses.
  if (absl::StrContains(text, '.')) {
    text.clear();
    for (int i = 0; i < 16; i += 2) {
      absl::StrAppend(
          &text, i == 0 ? "" : ":",
          absl::Hex(uint32_t{prefix.bytes[static_cast<size_t>(i)]} << 8 |
                    prefix.bytes[static_cast<size_t>(i) + 1]));
    }
    if (prefix.length_bits < 128) {
      absl::StrAppend(&text, "/", static_cast<int>(prefix.length_bits));
    }
  }
  return text;
}

class RbldnsdWriter {
 public:
  RbldnsdWriter(DumpFormat format, const DumpContext& context)
      : format_(format), context_(context), stream_(*context.stream) {}

  absl::Status Write() {
    // The first file is there however little is listed, so that a server that
    // loads it always finds it.
    const absl::StatusOr<DumpFile*> first =
        FileOf(Slot{0, stream_.zone().ttl_seconds});
    if (!first.ok()) return first.status();
    switch (format_) {
      case DumpFormat::kIp4Trie:
        return stream_.Ipv4([this](uint32_t first_address, uint32_t last,
                                   AnswerId answer) {
          return AddRun(IpPrefix::FromIpv4(first_address).bytes,
                        IpPrefix::FromIpv4(last).bytes, Family::kIpv4, answer,
                        static_cast<double>(first_address) / 4294967296.0);
        });
      case DumpFormat::kIp6Trie:
        return stream_.Ipv6([this](absl::uint128 first_address,
                                   absl::uint128 last, AnswerId answer) {
          return AddRun(
              WordToAddress(first_address), WordToAddress(last), Family::kIpv6,
              answer,
              static_cast<double>(absl::Uint128High64(first_address)) /
                  18446744073709551616.0);
        });
      default:
        return stream_.Names(
            [this](const ZoneName& name) { return AddName(name); });
    }
  }

 private:
  // What a slot's file says of one answer: ":127.0.0.2:=text". Empty: nothing.
  struct Lines {
    std::map<Slot, std::string> by_slot;
  };

  absl::StatusOr<DumpFile*> FileOf(const Slot& slot) {
    const auto found = by_slot_.find(slot);
    if (found != by_slot_.end()) return found->second;
    const ZoneConfig& zone = stream_.zone();
    std::string name = absl::StrCat(zone.name, ".", DumpFormatName(format_));
    if (!by_slot_.empty()) absl::StrAppend(&name, ".", by_slot_.size() + 1);
    const absl::StatusOr<DumpFile*> file = context_.files->New(name, format_);
    if (!file.ok()) return file.status();
    by_slot_.emplace(slot, *file);
    (*file)->Append(Head(slot));
    return *file;
  }

  std::string Head(const Slot& slot) const {
    const ZoneConfig& zone = stream_.zone();
    std::string head = absl::StrCat(
        "$SOA ", zone.soa_ttl_seconds, " ", NameToText(zone.soa_mname_wire),
        " ", NameToText(zone.soa_rname_wire), " ", context_.serial, " ",
        zone.refresh_seconds, " ", zone.retry_seconds, " ", zone.expire_seconds,
        " ", std::min(zone.negative_ttl_seconds, zone.soa_ttl_seconds),
        "\n$NS ", zone.ns_ttl_seconds);
    for (size_t i = 0; i < zone.ns_wire.size() && i < kMaxNameServers; ++i) {
      absl::StrAppend(&head, " ", NameToText(zone.ns_wire[i]));
    }
    absl::StrAppend(&head, "\n$TTL ", slot.ttl_seconds, "\n");
    return head;
  }

  // The text behind an entry for one value.
  absl::StatusOr<std::string> Spell(const Value& value) {
    std::string text = absl::StrCat(":", CodeText(value.code), ":");
    if (value.reason.empty()) return text;
    // The '=' keeps blanks in front and is itself dropped.
    absl::string_view reason = value.reason;
    for (size_t i = 0; i < reason.size(); ++i) {
      if (reason[i] != '$' || i + 1 == reason.size()) continue;
      const char next = reason[++i];
      if (absl::ascii_isdigit(next) || next == '=') {
        return absl::FailedPreconditionError(absl::StrCat(
            "the reason \"", reason,
            "\" has `$` before a digit or `=`, which rbldnsd reads as a "
            "variable; put something between them"));
      }
      if (next != '$') --i;
    }
    if (reason.size() + 1 > kMaxTemplateBytes) {
      ++(*context_.differences)["reasons longer than 255 bytes are cut there"];
      reason = reason.substr(0, kMaxTemplateBytes - 1);
    } else if (reason.size() > kMaxTextBytes - 40 && HasSubject(reason)) {
      // The address itself may push the text over.
      ++(*context_.differences)["reasons longer than 255 bytes are cut there"];
    }
    if (reason.back() == ' ') {
      ++(*context_.differences)["blanks at the end of a reason are dropped"];
    }
    absl::StrAppend(&text, "=", reason);
    return text;
  }

  absl::StatusOr<const Lines*> LinesOf(AnswerId id) {
    if (id >= lines_.size()) lines_.resize(id + 1);
    std::unique_ptr<Lines>& lines = lines_[id];
    if (lines != nullptr) return lines.get();
    auto made = std::make_unique<Lines>();
    if (id != 0) {
      const ZoneAnswer& answer = stream_.answer(id);
      for (size_t rank = 0; rank < answer.values.size(); ++rank) {
        absl::StatusOr<std::string> text = Spell(answer.values[rank]);
        if (!text.ok()) return text.status();
        made->by_slot.emplace(Slot{rank, answer.a_ttl_seconds},
                              *std::move(text));
      }
    }
    lines = std::move(made);
    return lines.get();
  }

  absl::Status AddRun(const AddressBytes& first, const AddressBytes& last,
                      Family family, AnswerId answer, double part) {
    if (++runs_ % kProgressRuns == 0) context_.progress(part);
    const absl::StatusOr<const Lines*> lines = LinesOf(answer);
    if (!lines.ok()) return lines.status();
    entries_.clear();
    if (first == last && family == Family::kIpv4) {
      entries_.push_back(CodeText(IpPrefix::Make(family, first, 32).ipv4()));
    } else {
      for (const IpPrefix& prefix : CoverRange(family, first, last)) {
        entries_.push_back(family == Family::kIpv4 ? prefix.ToString()
                                                   : Ipv6Text(prefix));
      }
    }
    for (const auto& [slot, text] : (*lines)->by_slot) {
      const absl::StatusOr<DumpFile*> file = FileOf(slot);
      if (!file.ok()) return file.status();
      for (const std::string& entry : entries_) {
        line_.clear();
        absl::StrAppend(&line_, entry, " ", text, "\n");
        (*file)->Append(line_, 1);
      }
      if (!(*file)->status().ok()) return (*file)->status();
    }
    return absl::OkStatus();
  }

  // What a file says of one node: an entry where the answer has a value of the
  // file's slot, and an exclusion where it has none but a node above does.
  absl::Status AddName(const ZoneName& name) {
    const absl::StatusOr<const Lines*> exact = LinesOf(name.exact);
    if (!exact.ok()) return exact.status();
    const absl::StatusOr<const Lines*> below = LinesOf(name.below);
    if (!below.ok()) return below.status();
    const absl::StatusOr<const Lines*> above = LinesOf(name.inherited);
    if (!above.ok()) return above.status();
    if (name.below != 0 && stream_.answer(name.below).has_subject) {
      ++(*context_.differences)
          ["`$` below a name with subdomains is the listed name, not the "
           "queried one"];
    }
    for (const Lines* lines : {*exact, *below}) {
      for (const auto& [slot, text] : lines->by_slot) {
        const absl::StatusOr<DumpFile*> file = FileOf(slot);
        if (!file.ok()) return file.status();
      }
    }
    const std::string text = RelativeText(ReversedLabels(name.reversed_wire));
    for (const auto& [slot, file] : by_slot_) {
      const auto line = [&slot = slot](const Lines* lines) {
        const auto found = lines->by_slot.find(slot);
        return found == lines->by_slot.end() ? std::string() : found->second;
      };
      const std::string here = line(*exact);
      const std::string under = line(*below);
      const std::string inherited = line(*above);
      AddEntry("", text, here, inherited, file);
      AddEntry("*.", text, under, inherited, file);
      if (!file->status().ok()) return file->status();
    }
    return absl::OkStatus();
  }

  static void AddEntry(absl::string_view wildcard, const std::string& name,
                       const std::string& value, const std::string& inherited,
                       DumpFile* file) {
    // What a longer wildcard says again would do no harm, only cost.
    if (value == inherited && !HasSubject(value)) return;
    if (value.empty()) {
      file->Append(absl::StrCat("!", wildcard, name, "\n"), 1);
    } else {
      file->Append(absl::StrCat(wildcard, name, " ", value, "\n"), 1);
    }
  }

  const DumpFormat format_;
  const DumpContext& context_;
  ZoneStream& stream_;
  std::map<Slot, DumpFile*> by_slot_;
  std::vector<std::unique_ptr<Lines>> lines_;  // by answer
  uint64_t runs_ = 0;
  // Kept between runs for their memory.
  std::vector<std::string> entries_;
  std::string line_;
};

}  // namespace

absl::uint128 AddressToWord(const AddressBytes& bytes) {
  absl::uint128 word = 0;
  for (const uint8_t byte : bytes) word = word << 8 | byte;
  return word;
}

AddressBytes WordToAddress(absl::uint128 word) {
  AddressBytes bytes;
  for (size_t i = 16; i-- > 0;) {
    bytes[i] = static_cast<uint8_t>(absl::Uint128Low64(word));
    word >>= 8;
  }
  return bytes;
}

absl::Status WriteRbldnsd(DumpFormat format, const DumpContext& context) {
  ++(*context.differences)
      ["rbldnsd answers NXDOMAIN, not NODATA, for names that only have names "
       "below them"];
  if (!context.stream->zone().records.empty()) {
    (*context.differences)["static records are not in this format"] =
        context.stream->zone().records.size();
  }
  return RbldnsdWriter(format, context).Write();
}

}  // namespace rbld
