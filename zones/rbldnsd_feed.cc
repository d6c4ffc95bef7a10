// rbldnsd's data files as feeds: zones/rbldnsd reads the lines, and the
// entries go into an Import under the list's guards.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "zones/feed_formats.h"
#include "zones/rbldnsd/dataset_reader.h"

namespace rbld {
namespace {

DatasetType TypeOf(FeedFormat format) {
  switch (format) {
    case FeedFormat::kIp4Tset:
      return DatasetType::kIp4Tset;
    case FeedFormat::kIp4Trie:
      return DatasetType::kIp4Trie;
    case FeedFormat::kIp6Tset:
      return DatasetType::kIp6Tset;
    case FeedFormat::kIp6Trie:
      return DatasetType::kIp6Trie;
    case FeedFormat::kDnset:
      return DatasetType::kDnset;
    case FeedFormat::kDnhash:
      return DatasetType::kDnhash;
    default:
      return DatasetType::kIp4Set;
  }
}

class ImportSink : public EntrySink {
 public:
  explicit ImportSink(Import* import) : import_(import) {}

  absl::Status AddIpv4(const Ipv4Range& range, bool excluded,
                       ValueReader::Number values) override {
    if (range.first == range.last && !excluded) {
      return Refused(import_->AddIpv4(range.first, 32, NumberOf(values)));
    }
    const std::vector<IpPrefix> prefixes =
        CoverRange(Family::kIpv4, IpPrefix::FromIpv4(range.first).bytes,
                   IpPrefix::FromIpv4(range.last).bytes);
    // All of a range or nothing.
    for (const IpPrefix& prefix : prefixes) {
      const absl::Status status =
          excluded ? absl::OkStatus()
                   : Refused(WhyNotListable(import_->policy(), prefix));
      if (!status.ok()) return status;
    }
    for (const IpPrefix& prefix : prefixes) {
      const absl::Status status =
          Add(Target::OfPrefix(prefix), excluded, values);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status AddIpv6(const IpPrefix& prefix, bool excluded,
                       ValueReader::Number values) override {
    return Add(Target::OfPrefix(prefix), excluded, values);
  }

  absl::Status AddName(const Target& name, bool excluded,
                       ValueReader::Number values) override {
    return Add(name, excluded, values);
  }

  absl::Status CheckValues(const ValueSet& values) override {
    ValueSet cut = values;
    for (Value& value : cut) {
      if (CutReason(&value.reason)) {
        Warn(absl::StrCat("the text is over ", kMaxReasonBytes,
                          " bytes and is cut there"));
      }
    }
    return rbld::CheckValues(import_->policy(), cut);
  }

  void Warn(absl::string_view why) override {
    import_->Warn(line_, text_, why);
  }

  // What is read next.
  void SetLine(uint64_t number, absl::string_view text) {
    line_ = number;
    text_ = text;
  }

  // Tells the import what the numbers mean.
  absl::Status Define(const std::vector<ValueSet>& sets) {
    for (size_t i = 0; i < numbers_.size(); ++i) {
      if (!numbers_[i].has_value()) continue;
      ValueSet cut = sets[i];
      for (Value& value : cut) CutReason(&value.reason);
      const absl::Status status = rbld::CheckValues(import_->policy(), cut);
      if (!status.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "with the file's templates filled in, ", status.message()));
      }
      import_->DefineValues(*numbers_[i], std::move(cut));
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status Refused(const char* why) {
    return why == nullptr ? absl::OkStatus()
                          : absl::FailedPreconditionError(why);
  }

  absl::Status Add(const Target& target, bool excluded,
                   ValueReader::Number values) {
    return excluded ? import_->AddExemption(target)
                    : import_->AddListing(target, NumberOf(values));
  }

  Import::ValuesNumber NumberOf(ValueReader::Number number) {
    if (number >= numbers_.size()) numbers_.resize(number + 1);
    std::optional<Import::ValuesNumber>& known = numbers_[number];
    if (!known.has_value()) known = import_->ReserveValues();
    return *known;
  }

  Import* const import_;
  uint64_t line_ = 0;
  absl::string_view text_;
  std::vector<std::optional<Import::ValuesNumber>> numbers_;
};

class RbldnsdReader : public FeedFormatReader {
 public:
  RbldnsdReader(const FeedOptions& options, Import* import, FeedCounts* counts)
      : import_(import),
        counts_(counts),
        sink_(import),
        reader_(TypeOf(options.format), ReaderOptions(options), Templates(),
                &specials_, &sink_) {
    import->MergeDuplicates(UnitesEqualEntries(reader_.type()));
  }

  absl::Status ReadLine(uint64_t number, absl::string_view text) override {
    sink_.SetLine(number, text);
    const absl::Status status = reader_.ReadLine(text);
    if (absl::IsAborted(status)) {
      return absl::FailedPreconditionError(status.message());
    }
    if (!status.ok()) import_->Reject(number, text, status.message());
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    counts_->entries = reader_.entries();
    return sink_.Define(reader_.values());
  }

 private:
  static DatasetReaderOptions ReaderOptions(const FeedOptions& options) {
    DatasetReaderOptions reader_options;
    reader_options.defaults = options.default_values;
    reader_options.now_seconds = options.now_seconds;
    reader_options.entry_parameters = options.format == FeedFormat::kDnhash;
    reader_options.conditional_entries = false;
    return reader_options;
  }

  Import* const import_;
  FeedCounts* const counts_;
  // The configuration has a zone's SOA and NS, not its feeds.
  ZoneSpecials specials_;
  ImportSink sink_;
  DatasetReader reader_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FeedFormatReader>> NewRbldnsdReader(
    const FeedOptions& options, Import* import, FeedCounts* counts) {
  const absl::Status status =
      CheckValues(import->policy(), options.default_values);
  if (!status.ok()) return status;
  return std::unique_ptr<FeedFormatReader>(
      std::make_unique<RbldnsdReader>(options, import, counts));
}

}  // namespace rbld
