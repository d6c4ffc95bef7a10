// Fuzzes the reading of data files alone: no index is built, so that many times
// as many inputs are tried as dataset_fuzzer can. The inputs are the same: the
// first byte chooses type and options; a 0xff byte begins the next file.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/fuzz/fuzz_target.h"
#include "zones/byte_source.h"
#include "zones/line_reader.h"
#include "zones/rbldnsd/dataset_reader.h"

namespace rbld {
namespace {

constexpr int kTypeCount = 10;
// What is at least this means a type that came later.
constexpr uint8_t kAclKey = 0xf0;
constexpr uint8_t kHostBits = 0x10;
constexpr uint8_t kTimeKnown = 0x20;
constexpr uint8_t kEntryParameters = 0x40;
constexpr uint8_t kInCombined = 0x80;

// Checks what comes, and keeps the greatest number of values.
class CheckingSink : public EntrySink {
 public:
  absl::Status AddIpv4(const Ipv4Range& range, bool excluded,
                       ValueReader::Number values) override {
    FuzzCheck(range.first <= range.last);
    return Take(excluded, values);
  }
  absl::Status AddIpv6(const IpPrefix& prefix, bool excluded,
                       ValueReader::Number values) override {
    FuzzCheck(prefix.family == Family::kIpv6 && prefix.length_bits <= 128);
    FuzzCheck(IpPrefix::Make(Family::kIpv6, prefix.bytes, prefix.length_bits) ==
              prefix);
    return Take(excluded, values);
  }
  absl::Status AddName(const Target& name, bool excluded,
                       ValueReader::Number values) override {
    FuzzCheck(name.is_name() && !name.reversed_wire().empty());
    return Take(excluded, values);
  }
  absl::Status CheckValues(const ValueSet& values) override {
    FuzzCheck(!values.empty());
    for (const Value& value : values) FuzzCheck(value.code != 0);
    return absl::OkStatus();
  }

  uint64_t numbers_end() const { return numbers_end_; }
  uint64_t entries() const { return entries_; }

 private:
  absl::Status Take(bool excluded, ValueReader::Number values) {
    ++entries_;
    if (!excluded) {
      numbers_end_ = std::max(numbers_end_, uint64_t{values} + 1);
    }
    return absl::OkStatus();
  }

  uint64_t numbers_end_ = 0;
  uint64_t entries_ = 0;
};

}  // namespace

std::string FuzzOne(absl::string_view input) {
  if (input.empty()) return "";
  const auto first = static_cast<uint8_t>(input[0]);
  DatasetReaderOptions options;
  options.host_bits = (first & kHostBits) != 0;
  options.in_combined = (first & kInCombined) != 0;
  options.entry_parameters = (first & kEntryParameters) != 0;
  options.now_seconds = (first & kTimeKnown) != 0 ? 1'700'000'000 : 0;
  const DatasetType type = first >= kAclKey
                               ? DatasetType::kAclKey
                               : static_cast<DatasetType>(first % kTypeCount);
  ZoneSpecials specials;
  CheckingSink sink;
  DatasetReader reader(type, options, Templates(), &specials, &sink);
  for (const absl::string_view text : absl::StrSplit(input.substr(1), '\xff')) {
    const std::unique_ptr<ByteSource> source = StringSource(std::string(text));
    LineReader lines(source.get(), LineReader::kMaxTextLineBytes);
    LineReader::Line line;
    reader.StartFile();
    while (lines.Next(&line)) {
      const absl::Status status = reader.ReadLine(line.text);
      FuzzCheck(status.ok() || !status.message().empty());
    }
  }
  const std::vector<ValueSet> values = reader.values();
  if (type == DatasetType::kAcl) {
    FuzzCheck(sink.numbers_end() <= reader.rules().size());
    for (const AccessRule& rule : reader.rules()) {
      FuzzCheck(rule.values < values.size());
    }
  } else {
    FuzzCheck(sink.numbers_end() <= values.size());
  }
  FuzzCheck(reader.entries() ==
            sink.entries() + reader.records().size() + reader.keys().size());
  for (const KeyRule& key : reader.keys()) {
    FuzzCheck(!key.label.empty() && key.label.size() <= 63);
    FuzzCheck(key.access.values < values.size());
    FuzzCheck((key.terms.quota == 0) == (key.terms.quota_seconds == 0));
  }
  for (const ValueSet& set : values) {
    FuzzCheck(!set.empty() && set[0].code != 0);
  }
  for (const GenericRecord& record : reader.records()) {
    FuzzCheck(record.owner.size() < 255 && record.rdata.size() < 65536);
  }
  return "";
}

}  // namespace rbld
