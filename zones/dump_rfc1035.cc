// The RFC 1035 zone file whose answers on any name server equal ours.
//
// Wildcards (RFC 4592) are where this is hard: one applies only to names whose
// closest encloser is its parent, so any name that exists below it, be it an
// empty non-terminal, takes its own subtree out of it; and it applies to names
// of any depth and to labels that are no octets or nibbles.
// - IPv4: only *.c.b.a for a whole /24 that answers the same; nothing else
//   exists below c.b.a then. Other addresses are written singly.
// - IPv6: *.NIBBLES for a whole nibble prefix that answers the same. The runs
//   are disjoint, so nothing else exists below it, but in a zone with IPv4 too:
//   there a wildcard has at least four nibbles before it, so that it never
//   reaches a name of four labels, and a /24 whose octets are all nibbles
//   (2.0.0.0/24 and 2001:db8::) is written singly.
// - Names: a wildcard is repeated with its values at each name that exists
//   below it. A listed name whose first label is only "*" cannot be told from
//   a wildcard, however it is written (RFC 4592 §2.1.1), and is left out.
#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "dns/name.h"
#include "zones/dump_writer.h"
#include "zones/rfc1035_text.h"

namespace rbld {
namespace {

constexpr uint64_t kProgressRuns = 1 << 16;
constexpr int kIpv4Labels = 4;
constexpr int kIpv6Labels = 32;
constexpr uint16_t kTypeA = 1;
constexpr uint16_t kTypeCname = 5;
constexpr uint16_t kTypeTxt = 16;

class Rfc1035Writer {
 public:
  explicit Rfc1035Writer(const DumpContext& context)
      : context_(context), stream_(*context.stream), zone_(stream_.zone()) {}

  absl::Status Write() {
    const absl::StatusOr<DumpFile*> file = context_.files->New(
        absl::StrCat(zone_.name, ".zone"), DumpFormat::kRfc1035);
    if (!file.ok()) return file.status();
    file_ = *file;
    WriteHead();
    absl::Status status =
        stream_.Ipv4([this](uint32_t first, uint32_t last, AnswerId answer) {
          Progress(static_cast<double>(first) / 4294967296.0 / 3);
          return AddIpv4Run(first, last, answer);
        });
    if (!status.ok()) return status;
    status = stream_.Ipv6(
        [this](absl::uint128 first, absl::uint128 last, AnswerId answer) {
          Progress((1 + static_cast<double>(absl::Uint128High64(first)) /
                            18446744073709551616.0) /
                   3);
          return AddIpv6Run(first, last, answer);
        });
    if (!status.ok()) return status;
    status = AddNames();
    if (!status.ok()) return status;
    return file_->status();
  }

 private:
  // The static records of one name below the apex.
  using StaticNames = std::map<std::string, std::vector<const StaticRecord*>>;

  void Progress(double part) {
    if (++runs_ % kProgressRuns == 0) context_.progress(part);
  }

  void WriteHead() {
    file_->Append(
        absl::StrCat("$ORIGIN ", AbsoluteText(zone_.wire_name), "\n"));
    // RFC 2308 §5: the TTL of a negative answer is the lesser of the SOA's own
    // and its MINIMUM, which a name server works out by itself.
    file_->Append(absl::StrCat("@ ", zone_.soa_ttl_seconds, " IN SOA ",
                               AbsoluteText(zone_.soa_mname_wire), " ",
                               AbsoluteText(zone_.soa_rname_wire), " ",
                               context_.serial, " ", zone_.refresh_seconds, " ",
                               zone_.retry_seconds, " ", zone_.expire_seconds,
                               " ", zone_.negative_ttl_seconds, "\n"),
                  1);
    for (const std::string& ns : zone_.ns_wire) {
      file_->Append(absl::StrCat("@ ", zone_.ns_ttl_seconds, " IN NS ",
                                 AbsoluteText(ns), "\n"),
                    1);
    }
    // In a zone of names those below the apex come with the names.
    const bool with_names =
        zone_.has_names && zone_.state == ZoneState::kServing;
    for (const StaticRecord& record : zone_.records) {
      const size_t below_bytes =
          record.owner_wire.size() - zone_.wire_name.size();
      if (with_names && below_bytes > 0) {
        statics_[ReversedLabels(record.owner_wire.substr(0, below_bytes))]
            .push_back(&record);
        continue;
      }
      AppendStatic(below_bytes == 0
                       ? "@"
                       : RelativeText(record.owner_wire.substr(0, below_bytes)),
                   record, record.ttl_seconds);
    }
  }

  void AppendStatic(absl::string_view owner, const StaticRecord& record,
                    uint32_t ttl_seconds) {
    file_->Append(absl::StrCat(owner, " ", ttl_seconds, " IN ",
                               RdataText(record.type, record.rdata), "\n"),
                  1);
  }

  // The records of one answer at one owner.
  void AppendAnswer(absl::string_view owner, const ZoneAnswer& answer,
                    absl::string_view subject) {
    text_.clear();
    for (const uint32_t code : answer.codes) {
      absl::StrAppend(&text_, owner, " ", answer.a_ttl_seconds, " IN A ",
                      CodeText(code), "\n");
    }
    file_->Append(text_, static_cast<int>(answer.codes.size()));
    std::set<std::string> texts;
    for (const std::string& reason : answer.reasons) {
      std::string rendered = RenderReason(reason, subject);
      text_.clear();
      absl::StrAppend(&text_, owner, " ", answer.txt_ttl_seconds, " IN TXT ",
                      TxtStrings(rendered), "\n");
      // Different templates can make the same text.
      if (answer.reasons.size() > 1 &&
          !texts.insert(std::move(rendered)).second) {
        continue;
      }
      file_->Append(text_, 1);
    }
  }

  // Does writing `count` names singly keep within the limit? If not they are
  // left out.
  bool Expand(absl::uint128 count, const ZoneAnswer& answer,
              absl::string_view what) {
    const uint64_t each = answer.codes.size() + answer.reasons.size();
    const uint64_t left = context_.max_expanded_records - expanded_records_;
    if (count > left / each) {
      file_->LeaveOut(
          what,
          absl::StrCat(
              "it cannot be one wildcard and would take the zone file over ",
              context_.max_expanded_records, " records of single addresses; ",
              answer.has_subject
                  ? "its reason holds `$`, so each address has a text of its "
                    "own: give it one without `$`"
                  : "list fewer addresses"));
      return false;
    }
    expanded_records_ += absl::Uint128Low64(count) * each;
    return true;
  }

  absl::Status AddIpv4Run(uint32_t first, uint32_t last, AnswerId id) {
    const ZoneAnswer& answer = stream_.answer(id);
    if (answer.has_subject) {
      // All of it will be written singly, or nothing.
      if (!Expand(uint64_t{last} - first + 1, answer, Ipv4Range(first, last))) {
        return file_->status();
      }
    }
    for (uint64_t start = first; start <= last;) {
      const uint64_t end = std::min<uint64_t>(start | 255, last);
      const auto a = static_cast<uint32_t>(start);
      if (start % 256 == 0 && end - start == 255 && !answer.has_subject &&
          !ReadsAsNibbles(a)) {
        AppendAnswer(absl::StrCat("*.", (a >> 8) & 255, ".", (a >> 16) & 255,
                                  ".", a >> 24),
                     answer, "");
        ++(*context_.differences)
            ["names under a /24's wildcard that are no address (x.2.0.192, "
             "256.2.0.192, 1.5.2.0.192) are answered as listed"];
      } else if (answer.has_subject ||
                 Expand(end - start + 1, answer,
                        Ipv4Range(a, static_cast<uint32_t>(end)))) {
        for (uint64_t address = start; address <= end; ++address) {
          AppendIpv4(static_cast<uint32_t>(address), answer);
        }
      }
      start = end + 1;
    }
    return file_->status();
  }

  static std::string Ipv4Range(uint32_t first, uint32_t last) {
    return first == last ? CodeText(first)
                         : absl::StrCat(CodeText(first), "-", CodeText(last));
  }

  void AppendIpv4(uint32_t a, const ZoneAnswer& answer) {
    AppendAnswer(absl::StrCat(a & 255, ".", (a >> 8) & 255, ".",
                              (a >> 16) & 255, ".", a >> 24),
                 answer, CodeText(a));
  }

  // Are the first three octets also nibbles of an IPv6 name in this zone?
  bool ReadsAsNibbles(uint32_t address) const {
    return zone_.has_ipv6 && address >> 24 < 10 &&
           ((address >> 16) & 255) < 10 && ((address >> 8) & 255) < 10;
  }

  absl::Status AddIpv6Run(absl::uint128 first, absl::uint128 last,
                          AnswerId id) {
    const ZoneAnswer& answer = stream_.answer(id);
    for (const IpPrefix& prefix :
         CoverRange(Family::kIpv6, WordToAddress(first), WordToAddress(last))) {
      AddIpv6Prefix(prefix, answer);
    }
    return file_->status();
  }

  void AddIpv6Prefix(const IpPrefix& prefix, const ZoneAnswer& answer) {
    const absl::uint128 start = AddressToWord(prefix.bytes);
    if (answer.has_subject || prefix.IsSingleAddress()) {
      const int host_bits = 128 - prefix.length_bits;
      // 2^64 addresses are too many for any limit.
      const absl::uint128 count = host_bits >= 64
                                      ? absl::uint128(1) << 64
                                      : absl::uint128(1) << host_bits;
      if (!Expand(count, answer, prefix.ToString())) return;
      for (absl::uint128 i = 0; i < count; ++i) {
        const AddressBytes address = WordToAddress(start + i);
        AppendAnswer(
            NibbleOwner(address, kIpv6Labels), answer,
            SubjectOfAddress(IpPrefix::Make(Family::kIpv6, address, 128)));
      }
      return;
    }
    int nibbles = (prefix.length_bits + 3) / 4;
    // A name of four labels is an IPv4 address too; no wildcard may reach it.
    if (zone_.has_ipv4) nibbles = std::max(nibbles, kIpv4Labels);
    if (nibbles == kIpv6Labels) {
      // /125 to /127: up to eight addresses.
      AddIpv6Singles(prefix, answer);
      return;
    }
    const int shift = 128 - 4 * nibbles;
    const int parts_bits = 4 * nibbles - prefix.length_bits;
    for (uint32_t part = 0; part < 1u << parts_bits; ++part) {
      const AddressBytes address =
          WordToAddress(start + (absl::uint128(part) << shift));
      AppendAnswer(absl::StrCat("*.", NibbleOwner(address, nibbles)), answer,
                   "");
      ++(*context_.differences)
          ["partial and other names under an IPv6 prefix's wildcard are "
           "answered as listed"];
    }
  }

  void AddIpv6Singles(const IpPrefix& prefix, const ZoneAnswer& answer) {
    const absl::uint128 start = AddressToWord(prefix.bytes);
    const uint32_t count = 1u << (128 - prefix.length_bits);
    if (!Expand(count, answer, prefix.ToString())) return;
    for (uint32_t i = 0; i < count; ++i) {
      AppendAnswer(NibbleOwner(WordToAddress(start + i), kIpv6Labels), answer,
                   "");
    }
  }

  // ---- names ----

  // A name on the way from the apex to the present one that exists in the zone
  // file, and what it says of names below.
  struct OpenNode {
    std::string wire;
    AnswerId below;
  };

  absl::Status AddNames() {
    const absl::Status status = stream_.Names([this](const ZoneName& name) {
      const absl::Status before = AddStaticsBefore(name.reversed_wire);
      return before.ok() ? AddName(name) : before;
    });
    if (!status.ok()) return status;
    return AddStaticsBefore("");
  }

  // The static names that sort before `wire`; all that are left for "".
  absl::Status AddStaticsBefore(const std::string& wire) {
    while (!statics_.empty() &&
           (wire.empty() || statics_.begin()->first < wire)) {
      const std::string owner = statics_.begin()->first;
      CloseNodes(owner);
      const AnswerId inherited = open_.empty() ? 0 : open_.back().below;
      const absl::Status status =
          AddName(ZoneName{owner, inherited, inherited, inherited});
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  void CloseNodes(absl::string_view wire) {
    while (!open_.empty() &&
           wire.substr(0, open_.back().wire.size()) != open_.back().wire) {
      open_.pop_back();
    }
  }

  absl::Status AddName(const ZoneName& name) {
    const std::string& wire = name.reversed_wire;
    // A name that does not fit before the zone's cannot be asked for.
    if (wire.size() + zone_.wire_name.size() >
        static_cast<size_t>(kMaxWireNameBytes)) {
      return absl::OkStatus();
    }
    // All names that end in such a label are left out, so that an exemption
    // among them hides nothing of the file.
    if (EndsAsAddress(wire)) {
      LeaveOutAddress(name);
      return file_->status();
    }
    const auto statics = statics_.find(wire);
    const bool has_static = statics != statics_.end();
    CloseNodes(wire);
    if (name.exact == 0 && name.below == 0 && name.inherited == 0 &&
        !has_static) {
      return absl::OkStatus();  // exempt from nothing
    }
    // The names between now exist, and a wildcard above no longer applies to
    // them or below them.
    size_t at = open_.empty() ? 0 : open_.back().wire.size();
    while (true) {
      at += 1 + static_cast<size_t>(static_cast<uint8_t>(wire[at]));
      if (at >= wire.size()) break;
      const absl::Status status = WriteNode(wire.substr(0, at), name.inherited,
                                            name.inherited, nullptr);
      if (!status.ok()) return status;
    }
    if (has_static) {
      const std::vector<const StaticRecord*> records = statics->second;
      statics_.erase(statics);
      return WriteNode(wire, name.exact, name.below, &records);
    }
    if (name.exact == 0 && name.below == 0 && !EndsInAsterisk(wire)) {
      // Exempt under a wildcard: the name must exist to be out of its reach.
      ++(*context_.differences)
          ["an exempt name under a name with subdomains answers NODATA, not "
           "NXDOMAIN"];
      file_->Append(absl::StrCat(RelativeText(ReversedLabels(wire)), " ",
                                 zone_.negative_ttl_seconds,
                                 " IN HINFO \"exempt\" \"not listed\"\n"),
                    1);
    }
    return WriteNode(wire, name.exact, name.below, nullptr);
  }

  // In a zone of addresses too, a name may not end in what reads as the first
  // part of an address.
  bool EndsAsAddress(absl::string_view wire) const {
    const absl::string_view top = wire.substr(1, static_cast<uint8_t>(wire[0]));
    const bool nibble =
        zone_.has_ipv6 && top.size() == 1 && absl::ascii_isxdigit(top[0]);
    const bool octet =
        zone_.has_ipv4 && top.size() <= 3 &&
        top.find_first_not_of("0123456789") == absl::string_view::npos;
    return nibble || octet;
  }

  void LeaveOutAddress(const ZoneName& name) {
    constexpr char kWhy[] =
        "its last label is also one of this zone's addresses, and a zone file "
        "cannot keep the two apart; publish names in a zone of their own";
    // What only says again what a name above does is no listing.
    const std::string text = RelativeText(ReversedLabels(name.reversed_wire));
    const bool exact = name.exact != 0 && name.exact != name.inherited;
    const bool below = name.below != 0 && name.below != name.inherited;
    if (exact || below) {
      file_->LeaveOut(absl::StrCat(exact ? "" : "*.", text), kWhy);
    } else if (name.inherited != 0 && (name.exact == 0 || name.below == 0)) {
      file_->LeaveOut(absl::StrCat("the exemption ", text), kWhy);
    }
  }

  absl::Status WriteNode(const std::string& wire, AnswerId exact,
                         AnswerId below,
                         const std::vector<const StaticRecord*>* statics) {
    const AnswerId above = open_.empty() ? 0 : open_.back().below;
    open_.push_back({wire, below});
    const std::string owner = RelativeText(ReversedLabels(wire));
    if (EndsInAsterisk(wire)) {
      const absl::Status status = LeaveOutAsterisk(owner, exact, above);
      if (!status.ok()) return status;
    } else {
      ZoneAnswer answer = exact == 0 ? ZoneAnswer() : stream_.answer(exact);
      if (statics != nullptr) WriteStaticsAt(owner, *statics, &answer);
      AppendAnswer(owner, answer, SubjectOfName(wire));
    }
    if (below == 0) return absl::OkStatus();
    const ZoneAnswer& wildcard = stream_.answer(below);
    if (wildcard.has_subject) ++(*context_.differences)[kSubjectBelow];
    if (wire.size() + 2 + zone_.wire_name.size() <=
        static_cast<size_t>(kMaxWireNameBytes)) {
      AppendAnswer(absl::StrCat("*.", owner), wildcard, SubjectOfName(wire));
    }
    return absl::OkStatus();
  }

  // Is the name's first label as it is written, the last of its wire, "*"?
  static bool EndsInAsterisk(absl::string_view wire) {
    absl::string_view label;
    while (!wire.empty()) {
      const size_t bytes = static_cast<uint8_t>(wire[0]);
      label = wire.substr(1, bytes);
      wire.remove_prefix(1 + label.size());
    }
    return label == "*";
  }

  // `exact` is what a name answers that in this file is the wildcard of the
  // name above it, whose own is `above`.
  absl::Status LeaveOutAsterisk(const std::string& owner, AnswerId exact,
                                AnswerId above) {
    ++(*context_.differences)
        ["names beside one whose first label is only \"*\" answer NODATA, not "
         "NXDOMAIN"];
    if (exact == above) return absl::OkStatus();
    if (exact == 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the name ", owner,
          " is exempt, but in a zone file it is the wildcard of a listing with "
          "subdomains; exempt its names with their subdomains one by one, or "
          "leave rfc1035 out of this zone's formats"));
    }
    file_->LeaveOut(owner,
                    "in a zone file a first label that is only \"*\" is a "
                    "wildcard (RFC 4592 §2.1.1)");
    return absl::OkStatus();
  }

  // Static records of a name that may be listed too: one set of each type.
  void WriteStaticsAt(absl::string_view owner,
                      const std::vector<const StaticRecord*>& statics,
                      ZoneAnswer* answer) {
    for (const StaticRecord* record : statics) {
      if (record->type == kTypeCname) *answer = ZoneAnswer();
      if (record->type == kTypeA && !answer->codes.empty()) {
        answer->a_ttl_seconds =
            std::min(answer->a_ttl_seconds, record->ttl_seconds);
      }
      if (record->type == kTypeTxt && !answer->reasons.empty()) {
        answer->txt_ttl_seconds =
            std::min(answer->txt_ttl_seconds, record->ttl_seconds);
      }
    }
    for (const StaticRecord* record : statics) {
      uint32_t ttl_seconds = record->ttl_seconds;
      if (record->type == kTypeA && !answer->codes.empty()) {
        ttl_seconds = answer->a_ttl_seconds;
      }
      if (record->type == kTypeTxt && !answer->reasons.empty()) {
        ttl_seconds = answer->txt_ttl_seconds;
      }
      AppendStatic(owner, *record, ttl_seconds);
    }
  }

  const DumpContext& context_;
  ZoneStream& stream_;
  const ZoneConfig& zone_;
  DumpFile* file_ = nullptr;
  uint64_t expanded_records_ = 0;
  uint64_t runs_ = 0;
  std::string text_;     // kept for its memory
  StaticNames statics_;  // by reversed_wire; written ones are taken out
  std::vector<OpenNode> open_;
};

}  // namespace

absl::Status WriteRfc1035(const DumpContext& context) {
  return Rfc1035Writer(context).Write();
}

}  // namespace rbld
