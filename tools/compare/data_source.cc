#include "tools/compare/data_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dns/constants.h"
#include "dns/name.h"
#include "tools/compare/address_name.h"
#include "zones/rbldnsd/section_head.h"

namespace rbld {
namespace {

constexpr int kOctets = 4;
// What is asked below a listed name.
constexpr absl::string_view kSubdomain = "\1x";
constexpr uint32_t kTestListed = 0x7f000002;
constexpr uint32_t kTestUnlisted = 0x7f000001;

AddressBytes MappedTestEntry(uint32_t address) {
  AddressBytes bytes = {};
  bytes[10] = bytes[11] = 0xff;
  for (size_t i = 0; i < 4; ++i) {
    bytes[12 + i] = static_cast<uint8_t>(address >> (24 - 8 * i));
  }
  return bytes;
}

// The address before or behind; false where there is none.
bool Step(bool forward, AddressBytes* address) {
  const uint8_t edge = forward ? 0xff : 0;
  for (size_t i = address->size(); i-- > 0;) {
    uint8_t& byte = (*address)[i];
    const bool carries = byte == edge;
    byte = static_cast<uint8_t>(byte + (forward ? 1 : 0xff));
    if (!carries) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<DataSpec> ParseDataSpec(absl::string_view text) {
  const size_t colon = text.find(':');
  const absl::string_view type_text = text.substr(0, colon);
  DataSpec spec;
  if (colon != absl::string_view::npos) {
    spec.files = absl::StrSplit(text.substr(colon + 1), ',', absl::SkipEmpty());
  }
  if (spec.files.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--data ", text, ": write TYPE:FILE, such as ip4set:/srv/list"));
  }
  const absl::StatusOr<DatasetType> type = ParseDatasetType(type_text);
  if (!type.ok()) return type.status();
  if (*type == DatasetType::kAcl) {
    return absl::InvalidArgumentError(
        "an access list (acl) has no names that could be asked; give the "
        "zone's other data");
  }
  spec.type = *type;
  return spec;
}

// Makes names of entries.
class DataSource::Sink : public EntrySink {
 public:
  explicit Sink(DataSource* source) : source_(*source) {}

  absl::Status AddIpv4(const Ipv4Range& range, bool,
                       ValueReader::Number) override {
    AddAddress(range.first);
    if (range.last != range.first) AddAddress(range.last);
    if (range.first > 0) AddAddress(range.first - 1);
    if (range.last < 0xffffffff) AddAddress(range.last + 1);
    for (int octets = kOctets - 1; octets >= 1; --octets) {
      source_.AddName(Ipv4Labels(range.first, octets));
      source_.AddName(Ipv4Labels(range.last, octets));
    }
    return absl::OkStatus();
  }

  absl::Status AddIpv6(const IpPrefix& prefix, bool,
                       ValueReader::Number) override {
    AddAddress(prefix.bytes);
    AddressBytes address = prefix.bytes;
    if (Step(false, &address)) AddAddress(address);
    address = prefix.LastAddress();
    AddAddress(address);
    if (Step(true, &address)) AddAddress(address);
    // The names between the prefix and its addresses are many, and alike.
    const int nibbles = std::min(31, (prefix.length_bits + 3) / 4);
    for (int i = nibbles; i >= 1; --i) {
      source_.AddName(Ipv6Labels(prefix.bytes, i));
    }
    return absl::OkStatus();
  }

  absl::Status AddName(const Target& name, bool, ValueReader::Number) override {
    const std::string labels = ReversedLabels(name.reversed_wire());
    AddWithAbove(labels);
    source_.AddName(absl::StrCat(kSubdomain, labels));
    return absl::OkStatus();
  }

  absl::Status CheckValues(const ValueSet&) override {
    return absl::OkStatus();
  }

  // The name, and the names above it.
  void AddWithAbove(absl::string_view labels) {
    while (!labels.empty()) {
      source_.AddName(labels);
      labels.remove_prefix(size_t{1} + static_cast<uint8_t>(labels[0]));
    }
  }

 private:
  void AddAddress(uint32_t address) {
    source_.AddName(Ipv4Labels(address, kOctets));
  }
  void AddAddress(const AddressBytes& address) {
    source_.AddName(Ipv6Labels(address, 32));
  }

  DataSource& source_;
};

DataSource::DataSource(std::vector<DataSpec> specs, std::string zone,
                       std::vector<uint16_t> types,
                       std::istream* standard_input)
    : specs_(std::move(specs)),
      zone_(std::move(zone)),
      types_(std::move(types)),
      standard_input_(standard_input),
      sink_(std::make_unique<Sink>(this)),
      suffixes_({zone_}),
      zones_({zone_}) {
  for (const DataSpec& spec : specs_) files_total_ += spec.files.size();
  AddName("", {static_cast<uint16_t>(RrType::kSoa),
               static_cast<uint16_t>(RrType::kNs)});
  AddName("");
}

DataSource::~DataSource() = default;

// Those that monitors ask for (RFC 5782 §5).
void DataSource::AddTestEntries(DatasetType type) {
  if (IsIpv4Set(type)) {
    AddName(Ipv4Labels(kTestListed, kOctets));
    AddName(Ipv4Labels(kTestUnlisted, kOctets));
  } else if (IsIpv6Set(type)) {
    AddName(Ipv6Labels(MappedTestEntry(kTestListed), 32));
    AddName(Ipv6Labels(MappedTestEntry(kTestUnlisted), 32));
  } else if (IsNameSet(type)) {
    AddName("\4test");
    AddName("\7invalid");
  }
}

void DataSource::AddName(absl::string_view labels) { AddName(labels, types_); }

void DataSource::AddName(absl::string_view labels,
                         const std::vector<uint16_t>& types) {
  for (const std::string& suffix : suffixes_) {
    if (labels.size() + suffix.size() > kMaxWireNameBytes) continue;
    for (const uint16_t type : types) {
      queue_.push_back({absl::StrCat(labels, suffix), type});
    }
  }
}

double DataSource::part() const {
  const double in_file = input_ == nullptr ? 0 : input_->PartDone(done_bytes_);
  if (in_file < 0) return -1;
  return (static_cast<double>(files_done_) + in_file) /
         static_cast<double>(files_total_);
}

void DataSource::StartReader(DatasetType type, Templates templates) {
  DatasetReaderOptions options;
  options.in_combined = base_ != nullptr;
  std::unique_ptr<DatasetReader>& reader = base_ == nullptr ? base_ : section_;
  reader = std::make_unique<DatasetReader>(type, options, std::move(templates),
                                           &specials_, sink_.get());
  records_seen_ = 0;
  AddTestEntries(type);
}

absl::StatusOr<bool> DataSource::OpenNextFile() {
  if (input_ != nullptr) ++files_done_;
  lines_.reset();
  input_.reset();
  done_bytes_ = 0;
  while (spec_ < specs_.size() && next_file_ == specs_[spec_].files.size()) {
    ++spec_;
    next_file_ = 0;
    base_.reset();
    section_.reset();
    suffixes_ = {zone_};
    specials_ = ZoneSpecials();
  }
  if (spec_ == specs_.size()) return false;
  absl::StatusOr<std::unique_ptr<Input>> input =
      Input::Open(specs_[spec_].files[next_file_], standard_input_);
  if (!input.ok()) return input.status();
  input_ = *std::move(input);
  lines_ = std::make_unique<LineReader>(input_->bytes(),
                                        LineReader::kMaxTextLineBytes);
  if (base_ == nullptr) StartReader(specs_[spec_].type, Templates());
  // A combined file's last section goes on in the next file, with its
  // defaults.
  if (specs_[spec_].type != DatasetType::kCombined) base_->StartFile();
  ++next_file_;
  return true;
}

absl::Status DataSource::ReadLine(const LineReader::Line& line) {
  if (line.too_long) return absl::InvalidArgumentError("the line is too long");
  absl::string_view rest;
  if (specs_[spec_].type == DatasetType::kCombined &&
      TakeSectionKeyword(line.text, &rest)) {
    absl::StatusOr<SectionHead> head = ParseSectionHead(rest);
    if (!head.ok()) return head.status();
    suffixes_.clear();
    for (const std::string& labels : head->subzones) {
      suffixes_.push_back(absl::StrCat(labels, zone_));
      if (std::find(zones_.begin(), zones_.end(), suffixes_.back()) ==
          zones_.end()) {
        zones_.push_back(suffixes_.back());
      }
    }
    AddName("");
    StartReader(head->type, base_->templates());
    return absl::OkStatus();
  }
  DatasetReader& reader = section_ != nullptr ? *section_ : *base_;
  const absl::Status status = reader.ReadLine(line.text);
  for (; records_seen_ < reader.records().size(); ++records_seen_) {
    const GenericRecord& record = reader.records()[records_seen_];
    sink_->AddWithAbove(record.owner);
    AddName(record.owner, {record.type});
  }
  return status;
}

absl::StatusOr<bool> DataSource::Next(Question* question) {
  LineReader::Line line;
  while (queue_.empty()) {
    if (lines_ == nullptr || !lines_->Next(&line)) {
      if (lines_ != nullptr && !lines_->status().ok()) return lines_->status();
      const absl::StatusOr<bool> opened = OpenNextFile();
      if (!opened.ok() || !*opened) return opened;
      continue;
    }
    done_bytes_ += line.text.size() + 1;
    const absl::Status status = ReadLine(line);
    if (status.ok()) continue;
    std::string what =
        absl::StrCat(input_->name(), ":", line.number, ": ", status.message());
    if (absl::IsAborted(status)) return absl::FailedPreconditionError(what);
    left_out_.Add(std::move(what));
  }
  *question = std::move(queue_.front());
  queue_.pop_front();
  return true;
}

}  // namespace rbld
