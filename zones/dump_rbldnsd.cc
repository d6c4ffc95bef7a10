// Dumps in rbldnsd's formats.
//
// A data file of rbldnsd gives one A and one TXT record to an entry, and one
// TTL to the whole file. So the values of an answer are dealt out to files by
// their number in the answer and its TTL; rbldnsd unites the files when each is
// given as a dataset of the same zone.
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "zones/dump_writer.h"
#include "zones/rfc1035_text.h"

namespace rbld {
namespace {

// What rbldnsd keeps of a template, and of the text made of it.
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

std::string RangeText(Family family, const AddressBytes& first,
                      const AddressBytes& last) {
  const int bits = family == Family::kIpv4 ? 32 : 128;
  std::string text = IpPrefix::Make(family, first, bits).ToString();
  if (first != last) {
    absl::StrAppend(&text, "-", IpPrefix::Make(family, last, bits).ToString());
  }
  return text;
}

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
    Slot slot{0, stream_.zone().ttl_seconds};
    const absl::StatusOr<DumpFile*> first = FileOf(&slot);
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
  // What the slots' files say of one answer: ":127.0.0.2:=text".
  struct Lines {
    std::map<Slot, std::string> by_slot;
    uint64_t without_file = 0;  // values
    // Each entry has a text of its own, for no template can make them all.
    bool by_entry = false;
  };

  // The file of a slot, made if there may be one more. Then another of the
  // same rank is the slot's: null if there is none.
  absl::StatusOr<DumpFile*> FileOf(Slot* slot) {
    const auto found = by_slot_.find(*slot);
    if (found != by_slot_.end()) return found->second;
    if (by_slot_.size() >= context_.max_files) return OtherFileOf(slot);
    const ZoneConfig& zone = stream_.zone();
    std::string name = absl::StrCat(zone.name, ".", DumpFormatName(format_));
    if (!by_slot_.empty()) absl::StrAppend(&name, ".", by_slot_.size() + 1);
    const absl::StatusOr<DumpFile*> file = context_.files->New(name, format_);
    if (!file.ok()) return file.status();
    if (by_slot_.empty()) first_ = *file;
    by_slot_.emplace(*slot, *file);
    (*file)->Append(Head(*slot));
    return *file;
  }

  // The nearest shorter TTL, or else the shortest.
  DumpFile* OtherFileOf(Slot* slot) {
    auto other = by_slot_.upper_bound(*slot);
    if (other != by_slot_.begin() &&
        std::prev(other)->first.rank == slot->rank) {
      --other;
    }
    if (other == by_slot_.end() || other->first.rank != slot->rank) {
      return nullptr;
    }
    ++(*context_.differences)
        ["answers have a shorter or longer TTL, for a file has one TTL and a "
         "dump 256 files"];
    *slot = other->first;
    return other->second;
  }

  std::string Head(const Slot& slot) const {
    const ZoneConfig& zone = stream_.zone();
    std::string head = absl::StrCat(
        "$SOA ", zone.soa_ttl_seconds, " ", AbsoluteText(zone.soa_mname_wire),
        " ", AbsoluteText(zone.soa_rname_wire), " ", context_.serial, " ",
        zone.refresh_seconds, " ", zone.retry_seconds, " ", zone.expire_seconds,
        " ", std::min(zone.negative_ttl_seconds, zone.soa_ttl_seconds),
        "\n$NS ", zone.ns_ttl_seconds);
    for (size_t i = 0; i < zone.ns_wire.size() && i < kMaxNameServers; ++i) {
      absl::StrAppend(&head, " ", AbsoluteText(zone.ns_wire[i]));
    }
    absl::StrAppend(&head, "\n$TTL ", slot.ttl_seconds, "\n");
    return head;
  }

  // Would rbldnsd take a `$` of the template for a variable?
  static bool HasVariable(absl::string_view reason) {
    for (size_t i = 0; i + 1 < reason.size(); ++i) {
      if (reason[i] != '$') continue;
      const char next = reason[++i];
      if (absl::ascii_isdigit(next) || next == '=') return true;
      if (next != '$') --i;
    }
    return false;
  }

  // The text behind an entry for one value.
  std::string Spell(uint32_t code, absl::string_view reason) {
    std::string text = absl::StrCat(":", CodeText(code), ":");
    if (reason.empty()) return text;
    if (reason.size() + 1 > kMaxTemplateBytes) {
      ++(*context_.differences)["reasons longer than 255 bytes are cut there"];
      reason = Cut(reason, kMaxTemplateBytes - 1);
    } else if (reason.size() > kMaxTextBytes - 40 && HasSubject(reason)) {
      // The address itself may push the text over.
      ++(*context_.differences)["reasons longer than 255 bytes are cut there"];
    }
    if (reason.back() == ' ') {
      ++(*context_.differences)["blanks at the end of a reason are dropped"];
    }
    // The '=' keeps blanks in front and is itself dropped.
    absl::StrAppend(&text, "=", reason);
    return text;
  }

  // The first `bytes` of a template, but not half of a `$$`.
  static absl::string_view Cut(absl::string_view reason, size_t bytes) {
    size_t at = 0;
    while (at < bytes) {
      const bool pair = reason.substr(at, 2) == "$$";
      if (pair && at + 2 > bytes) break;
      at += pair ? 2 : 1;
    }
    return reason.substr(0, at);
  }

  absl::StatusOr<const Lines*> LinesOf(AnswerId id) {
    if (id >= lines_.size()) lines_.resize(id + 1);
    std::unique_ptr<Lines>& lines = lines_[id];
    if (lines != nullptr) return lines.get();
    auto made = std::make_unique<Lines>();
    if (id != 0) {
      const ZoneAnswer& answer = stream_.answer(id);
      for (size_t rank = 0; rank < answer.values.size(); ++rank) {
        const Value& value = answer.values[rank];
        Slot slot{rank, answer.a_ttl_seconds};
        const absl::StatusOr<DumpFile*> file = FileOf(&slot);
        if (!file.ok()) return file.status();
        if (*file == nullptr) {
          ++made->without_file;
          continue;
        }
        made->by_entry = made->by_entry || HasVariable(value.reason);
        made->by_slot.emplace(slot, Spell(value.code, value.reason));
      }
    }
    lines = std::move(made);
    return lines.get();
  }

  // The same with the text of one entry.
  Lines LinesFor(AnswerId id, const Lines& lines, absl::string_view subject) {
    Lines made;
    for (const auto& [slot, unused] : lines.by_slot) {
      const Value& value = stream_.answer(id).values[slot.rank];
      made.by_slot.emplace(
          slot, Spell(value.code,
                      absl::StrReplaceAll(RenderReason(value.reason, subject),
                                          {{"$", "$$"}})));
    }
    return made;
  }

  void CountWithoutFile(const Lines& lines, absl::string_view what) {
    if (lines.without_file == 0) return;
    first_->LeaveOut(what,
                     "one value for each file, and a dump has 256 files; list "
                     "it with fewer values",
                     lines.without_file);
  }

  absl::Status AddRun(const AddressBytes& first, const AddressBytes& last,
                      Family family, AnswerId answer, double part) {
    if (++runs_ % kProgressRuns == 0) context_.progress(part);
    const absl::StatusOr<const Lines*> lines = LinesOf(answer);
    if (!lines.ok()) return lines.status();
    if ((*lines)->without_file > 0) {
      CountWithoutFile(**lines, RangeText(family, first, last));
    }
    if ((*lines)->by_entry) {
      return AddAddresses(first, last, family, answer, **lines);
    }
    entries_.clear();
    if (first == last && family == Family::kIpv4) {
      entries_.push_back(CodeText(IpPrefix::Make(family, first, 32).ipv4()));
    } else {
      for (const IpPrefix& prefix : CoverRange(family, first, last)) {
        entries_.push_back(family == Family::kIpv4 ? prefix.ToString()
                                                   : Ipv6Text(prefix));
      }
    }
    return AppendEntries(**lines);
  }

  absl::Status AppendEntries(const Lines& lines) {
    for (const auto& [slot, text] : lines.by_slot) {
      DumpFile* const file = by_slot_.at(slot);
      for (const std::string& entry : entries_) {
        line_.clear();
        absl::StrAppend(&line_, entry, " ", text, "\n");
        file->Append(line_, 1);
      }
      if (!file->status().ok()) return file->status();
    }
    return absl::OkStatus();
  }

  // A run whose addresses have texts of their own.
  absl::Status AddAddresses(const AddressBytes& first, const AddressBytes& last,
                            Family family, AnswerId answer,
                            const Lines& lines) {
    // An IPv4 address is the first four bytes.
    const int bits = family == Family::kIpv4 ? 32 : 128;
    const int shift = 128 - bits;
    const absl::uint128 start = AddressToWord(first) >> shift;
    // One less than there are.
    const absl::uint128 more = (AddressToWord(last) >> shift) - start;
    const uint64_t each = lines.by_slot.size();
    if (each == 0) return absl::OkStatus();
    const uint64_t left = context_.max_expanded_records - expanded_records_;
    if (more >= left / each) {
      first_->LeaveOut(
          RangeText(family, first, last),
          absl::StrCat("its reason has `$` before a digit or `=`, which "
                       "rbldnsd reads as a variable, and its addresses are too "
                       "many to be written singly; put something between "
                       "them"));
      return absl::OkStatus();
    }
    expanded_records_ += (absl::Uint128Low64(more) + 1) * each;
    for (absl::uint128 i = 0; i <= more; ++i) {
      const IpPrefix address =
          IpPrefix::Make(family, WordToAddress((start + i) << shift), bits);
      entries_ = {family == Family::kIpv4 ? CodeText(address.ipv4())
                                          : Ipv6Text(address)};
      const absl::Status status =
          AppendEntries(LinesFor(answer, lines, SubjectOfAddress(address)));
      if (!status.ok()) return status;
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
    const std::string text = RelativeText(ReversedLabels(name.reversed_wire));
    if (name.below != 0 && stream_.answer(name.below).has_subject) {
      ++(*context_.differences)[kSubjectBelow];
    }
    CountWithoutFile(**exact, text);
    if (name.below != name.exact) {
      CountWithoutFile(**below, absl::StrCat("*.", text));
    }
    const Lines exact_lines = LinesHere(name.exact, **exact, name);
    const Lines below_lines = LinesHere(name.below, **below, name);
    for (const auto& [slot, file] : by_slot_) {
      const auto line = [&slot = slot](const Lines& lines) {
        const auto found = lines.by_slot.find(slot);
        return found == lines.by_slot.end() ? std::string() : found->second;
      };
      const std::string inherited = line(**above);
      AddEntry("", text, line(exact_lines), inherited, file);
      AddEntry("*.", text, line(below_lines), inherited, file);
      if (!file->status().ok()) return file->status();
    }
    return absl::OkStatus();
  }

  // rbldnsd spells the name in a text as rbld does.
  Lines LinesHere(AnswerId id, const Lines& lines, const ZoneName& name) {
    return lines.by_entry
               ? LinesFor(id, lines, SubjectOfName(name.reversed_wire))
               : lines;
  }

  static void AddEntry(absl::string_view wildcard, const std::string& name,
                       const std::string& value, const std::string& inherited,
                       DumpFile* file) {
    // What a longer wildcard says again would do no harm, only cost. A text
    // that was written out never equals its template.
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
  DumpFile* first_ = nullptr;  // what has no file is left out of this one
  std::vector<std::unique_ptr<Lines>> lines_;  // by answer
  uint64_t runs_ = 0;
  uint64_t expanded_records_ = 0;
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
