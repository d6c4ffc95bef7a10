#include "server/target_answers.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "dns/constants.h"
#include "dns/name.h"
#include "dns/query_builder.h"
#include "dns/response_reader.h"
#include "server/answer.h"

namespace rbld {
namespace {

// One name to be asked for, below a zone.
struct Question {
  // In wire form, without the root's byte.
  std::string labels;
  // The same as a target: an address, or a name and nothing below it.
  Target target;
};

void AppendLabel(absl::string_view label, std::string* wire) {
  *wire += static_cast<char>(label.size());
  absl::StrAppend(wire, label);
}

Question AskForAddress(Family family, const AddressBytes& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  Question question;
  question.target = Target::OfPrefix(
      IpPrefix::Make(family, bytes, IpPrefix::WidthBits(family)));
  if (family == Family::kIpv4) {
    for (int i = 3; i >= 0; --i) {
      AppendLabel(absl::StrCat(bytes[static_cast<size_t>(i)]),
                  &question.labels);
    }
  } else {
    for (size_t i = bytes.size(); i-- > 0;) {
      AppendLabel(std::string(1, kDigits[bytes[i] & 15]), &question.labels);
      AppendLabel(std::string(1, kDigits[bytes[i] >> 4]), &question.labels);
    }
  }
  return question;
}

Question AskForName(const std::string& reversed_wire) {
  Question question;
  question.labels = ReversedLabels(reversed_wire);
  question.target = Target::OfName(reversed_wire, NameScope::kExact);
  return question;
}

// All of them must be listed for the target to be.
std::vector<Question> QuestionsAbout(const Target& target) {
  std::vector<Question> questions;
  if (!target.is_name()) {
    const IpPrefix& prefix = target.prefix();
    questions.push_back(AskForAddress(prefix.family, prefix.bytes));
    if (!prefix.IsSingleAddress()) {
      questions.push_back(AskForAddress(prefix.family, prefix.LastAddress()));
    }
    return questions;
  }
  if (target.scope() != NameScope::kSubdomains) {
    questions.push_back(AskForName(target.reversed_wire()));
  }
  if (target.scope() != NameScope::kExact) {
    std::string below = target.reversed_wire();
    AppendLabel("*", &below);
    questions.push_back(AskForName(below));
  }
  return questions;
}

// The IPv4 address that an IPv6 one is made of (mapped or 6to4), as a target;
// else `target` itself.
Target EmbeddedIn(const Target& target) {
  const AddressBytes& bytes = target.prefix().bytes;
  static constexpr AddressBytes kMapped = {0, 0, 0, 0, 0,    0,
                                           0, 0, 0, 0, 0xff, 0xff};
  const bool is_mapped =
      std::equal(kMapped.begin(), kMapped.begin() + 12, bytes.begin());
  const bool is_six_to_four = bytes[0] == 0x20 && bytes[1] == 0x02;
  if (!is_mapped && !is_six_to_four) return target;
  AddressBytes ipv4 = {};
  std::copy_n(bytes.begin() + (is_mapped ? 12 : 2), 4, ipv4.begin());
  return Target::OfPrefix(IpPrefix::Make(Family::kIpv4, ipv4, 32));
}

bool IsIn(const ListIndex& index, const Target& one) {
  switch (one.kind()) {
    case TargetKind::kIpv4:
      return index.ipv4->Lookup(one.prefix().ipv4()) != kNotListed;
    case TargetKind::kIpv6:
      return index.ipv6->Lookup(one.prefix().bytes) != kNotListed;
    case TargetKind::kName:
      return index.names->Lookup(one.reversed_wire()).values != kNotListed;
  }
  return false;
}

bool IsIn(const ExemptionIndex& exemptions, const Target& one) {
  switch (one.kind()) {
    case TargetKind::kIpv4:
      return exemptions.Has(one.prefix().ipv4());
    case TargetKind::kIpv6:
      return exemptions.Has(one.prefix().bytes);
    case TargetKind::kName:
      return exemptions.HasName(one.reversed_wire());
  }
  return false;
}

// Text of the labels of a zone's part: "sbl" for "\3sbl".
std::string LabelsText(const std::string& labels) {
  std::string text = NameToText(labels + std::string(1, '\0'));
  if (!text.empty() && text.back() == '.') text.pop_back();
  return text;
}

// The character strings of a TXT record, one behind the other.
std::string TextOfRdata(absl::string_view rdata) {
  std::string text;
  while (!rdata.empty()) {
    const size_t bytes = static_cast<uint8_t>(rdata[0]);
    absl::StrAppend(&text, rdata.substr(1, bytes));
    rdata.remove_prefix(std::min(rdata.size(), 1 + bytes));
  }
  return text;
}

// Asks one part of one zone.
class Asker {
 public:
  Asker(const Snapshot& snapshot, const ServedZone& zone,
        const std::string& subzone, const ServedSources& sources,
        int64_t now_seconds, bool with_key, uint8_t* reply)
      : snapshot_(snapshot),
        zone_(zone),
        subzone_(subzone),
        sources_(sources),
        now_seconds_(now_seconds),
        with_key_(with_key),
        reply_(reply) {}

  bool MayBeAskedFor(const Target& target) const {
    // What kind it has is not known, and nobody gets an answer.
    if (zone_.failed && zone_.zone->config.kind_from_files) return true;
    switch (target.kind()) {
      case TargetKind::kIpv4:
        return sources_.has_ipv4;
      case TargetKind::kIpv6:
        return sources_.has_ipv6 ||
               (sources_.has_ipv4 && sources_.ipv4_in_ipv6 &&
                target.prefix().IsSingleAddress() &&
                EmbeddedIn(target) != target);
      case TargetKind::kName:
        return sources_.has_names;
    }
    return false;
  }

  // False when a question's name is too long for the zone, or belongs to
  // another one.
  bool Ask(const std::vector<Question>& questions, TargetAnswer* answer) {
    answer->zone = zone_.zone->config.name;
    answer->subzone = LabelsText(subzone_);
    for (size_t i = 0; i < questions.size(); ++i) {
      const Question& question = questions[i];
      const std::string name =
          question.labels + subzone_ + zone_.zone->wire_name;
      if (name.size() > size_t{kMaxWireNameBytes}) return false;
      TargetAnswer one;
      if (!AskOne(name, RrType::kA, &one)) return false;
      if (one.state == TargetAnswer::State::kListed &&
          !AskOne(name, RrType::kTxt, &one)) {
        return false;
      }
      if (i == 0) {
        answer->asked = NameToText(name);
        answer->asked.pop_back();
        answer->state = one.state;
        answer->codes = std::move(one.codes);
        answer->texts = std::move(one.texts);
      } else if (one.state != TargetAnswer::State::kListed &&
                 answer->state == TargetAnswer::State::kListed) {
        answer->state = one.state;
      }
    }
    // Whom a zone refuses does not learn what it has.
    if (answer->state != TargetAnswer::State::kRefused || with_key_) {
      AddOrigins(questions.front(), answer);
    }
    return true;
  }

 private:
  bool AskOne(const std::string& name, RrType type, TargetAnswer* answer) {
    QueryBuilder builder;
    builder.RawQuestion(name, static_cast<uint16_t>(type));
    Request request;
    request.message = builder.data();
    request.message_bytes = builder.size();
    request.transport = Transport::kTcp;
    request.now_seconds = now_seconds_;
    PreparedQuery prepared;
    PrepareAnswers(snapshot_, absl::MakeConstSpan(&request, 1), &prepared);
    const ServedZone* const found = prepared.quick.zone != nullptr
                                        ? prepared.quick.zone->served
                                        : prepared.zone;
    if (found != &zone_) return false;
    const ServedKey key = KeyThatPasses();
    if (key.usage != nullptr) prepared.place.key = &key;
    Outcome outcome;
    const size_t bytes = FinishAnswer(request, prepared, reply_, &outcome);
    if (bytes == 0) {
      answer->state = TargetAnswer::State::kRefused;
      return true;
    }
    const absl::StatusOr<Response> response = ReadResponse(reply_, bytes);
    if (!response.ok()) return false;
    if (response->rcode == static_cast<uint16_t>(Rcode::kServFail)) {
      answer->state = TargetAnswer::State::kFailed;
    } else if (response->rcode == static_cast<uint16_t>(Rcode::kRefused)) {
      answer->state = TargetAnswer::State::kRefused;
    }
    for (const ResponseRecord& record : response->answers) {
      if (record.type == static_cast<uint16_t>(RrType::kA)) {
        answer->state = TargetAnswer::State::kListed;
        AddressBytes address = {};
        std::copy_n(record.rdata.begin(),
                    std::min(record.rdata.size(), size_t{4}), address.begin());
        answer->codes.push_back(
            IpPrefix::Make(Family::kIpv4, address, 32).ToString());
      } else if (record.type == static_cast<uint16_t>(RrType::kTxt)) {
        answer->texts.push_back(TextOfRdata(record.rdata));
      }
    }
    return true;
  }

  // One of the zone's, with a usage of its own; without, if there is none.
  ServedKey KeyThatPasses() const {
    if (!with_key_) return ServedKey();
    for (const ServedKeys* keys : zone_.keys) {
      for (const auto& [label, key] : keys->keys) {
        const bool expired =
            key.terms.expires != 0 && now_seconds_ >= key.terms.expires;
        if (expired || key.rule.action != AccessAction::kPass) continue;
        ServedKey own = key;
        own.usage = std::make_shared<KeyUsage>();
        return own;
      }
    }
    return ServedKey();
  }

  void AddOrigins(const Question& question, TargetAnswer* answer) const {
    const ZoneConfig& config = zone_.zone->config;
    if (config.state == ZoneState::kRetired) return;
    if (subzone_.empty()) AddOriginsOf(config, question, answer);
    for (const SubzoneConfig& subzone : config.subzones) {
      if (subzone.labels == subzone_) AddOriginsOf(subzone, question, answer);
    }
    // The sections of combined files.
    AddSections(config, question, answer);
    for (const SubzoneConfig& subzone : config.subzones) {
      AddSections(subzone, question, answer);
    }
  }

  bool Has(const ListIndex& index, const Target& one) const {
    return IsIn(index, one) ||
           (one.kind() == TargetKind::kIpv6 && sources_.ipv4_in_ipv6 &&
            sources_.has_ipv4 && IsIn(index, EmbeddedIn(one)));
  }

  void AddOriginsOf(const ZoneSources& sources, const Question& question,
                    TargetAnswer* answer) const {
    for (const std::string& name : sources.lists) {
      const auto list = snapshot_.view().lists.find(name);
      if (list != snapshot_.view().lists.end() &&
          Has(*list->second, question.target)) {
        answer->from.push_back({name, "", false});
      }
    }
    for (const std::string& name : sources.datasets) {
      const ServedDataset* const served = Usable(name);
      if (served == nullptr || IsAccessList(served->data->type)) continue;
      if (!Has(served->data->index, question.target) &&
          !served->nodes.contains(question.labels)) {
        continue;
      }
      TargetAnswer::Origin origin{"", name, false};
      const auto list = sources.dataset_lists.find(name);
      if (list != sources.dataset_lists.end()) {
        const auto index = snapshot_.view().lists.find(list->second);
        origin.exempt = index != snapshot_.view().lists.end() &&
                        index->second->exemptions != nullptr &&
                        IsIn(*index->second->exemptions, question.target);
      }
      answer->from.push_back(std::move(origin));
    }
  }

  void AddSections(const ZoneSources& sources, const Question& question,
                   TargetAnswer* answer) const {
    for (const std::string& name : sources.datasets) {
      const ServedDataset* const served = Usable(name);
      if (served == nullptr) continue;
      for (const FileDataset::Subzone& subzone : served->data->subzones) {
        if (subzone.labels != subzone_) continue;
        const auto has = [&](size_t section) {
          return Has(served->data->sections[section]->index, question.target) ||
                 served->section_nodes[section].contains(question.labels);
        };
        if (std::any_of(subzone.sections.begin(), subzone.sections.end(),
                        has)) {
          answer->from.push_back({"", name, false});
        }
      }
    }
  }

  const ServedDataset* Usable(const std::string& dataset) const {
    const auto found = snapshot_.files().datasets.find(dataset);
    return found == snapshot_.files().datasets.end() || !found->second->usable()
               ? nullptr
               : found->second.get();
  }

  const Snapshot& snapshot_;
  const ServedZone& zone_;
  const std::string& subzone_;
  const ServedSources& sources_;
  const int64_t now_seconds_;
  const bool with_key_;
  uint8_t* const reply_;  // kTcpReplyBytes
};

}  // namespace

std::vector<TargetAnswer> AnswersAbout(const Snapshot& snapshot,
                                       const Target& target,
                                       int64_t now_seconds, bool with_key) {
  const std::vector<Question> questions = QuestionsAbout(target);
  std::vector<TargetAnswer> answers;
  std::vector<uint8_t> reply(kTcpReplyBytes);
  const auto ask = [&](const ServedZone& zone, const std::string& subzone,
                       const ServedSources& sources) {
    Asker asker(snapshot, zone, subzone, sources, now_seconds, with_key,
                reply.data());
    TargetAnswer answer;
    if (asker.MayBeAskedFor(target) && asker.Ask(questions, &answer)) {
      answers.push_back(std::move(answer));
    }
  };
  for (const ServedZone& zone : snapshot.zones()) {
    ask(zone, "", zone.sources);
    std::vector<std::string> subzones;
    for (const auto& [labels, sources] : zone.subzones) {
      subzones.push_back(labels);
    }
    std::sort(subzones.begin(), subzones.end());
    for (const std::string& labels : subzones) {
      ask(zone, labels, zone.subzones.at(labels));
    }
  }
  return answers;
}

}  // namespace rbld
