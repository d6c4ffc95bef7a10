// Fuzzes any bytes as data files of any of rbldnsd's types. The first byte
// chooses the type and options; a 0xff byte begins the next file. The index is
// built, too, which is most of the time; see dataset_reader_fuzzer.cc.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/fuzz/fuzz_target.h"
#include "zones/rbldnsd/file_dataset.h"

namespace rbld {
namespace {

constexpr int kTypeCount = 10;
// What is at least this means a type that came later.
constexpr uint8_t kAclKey = 0xf0;
constexpr uint8_t kHostBits = 0x10;
constexpr uint8_t kTimeKnown = 0x20;
constexpr uint8_t kCutOffIsError = 0x40;
constexpr uint8_t kDecompress = 0x80;

// Every value set that the index names is there, and can be answered.
void CheckDataset(const FileDataset& data) {
  const auto check_id = [&data](ValueSetId id) {
    if (data.type == DatasetType::kAcl) {
      FuzzCheck(id <= data.rules.size());
      return;
    }
    FuzzCheck(id <= data.values->size());
    for (const ValueView value : data.values->Get(id)) {
      FuzzCheck(value.code != 0);
      FuzzCheck(value.reason.size() <= size_t{kMaxReasonBytes});
    }
  };
  uint64_t next = 0;
  data.index.ipv4->ForEachRun(0, 0xffffffff, [&](const Ipv4Run& run) {
    FuzzCheck(run.first >= next && run.last >= run.first);
    next = uint64_t{run.last} + 1;
    check_id(run.values);
    FuzzCheck(data.index.ipv4->Lookup(run.first) == run.values);
    FuzzCheck(data.index.ipv4->Lookup(run.last) == run.values);
    return true;
  });
  AddressBytes first = {}, last;
  last.fill(0xff);
  data.index.ipv6->ForEachRun(first, last, [&](const Ipv6Run& run) {
    check_id(run.values);
    FuzzCheck(data.index.ipv6->Lookup(run.first) == run.values);
    return true;
  });
  for (const FileDataset::Key& key : data.keys) {
    FuzzCheck(!key.label.empty() && key.label.size() <= 63);
    FuzzCheck((key.rule.action == AccessAction::kListed) ==
              (key.rule.values != kNotListed));
    FuzzCheck((key.terms.quota == 0) == (key.terms.quota_seconds == 0));
  }
  for (const GenericRecord& record : data.records) {
    FuzzCheck(record.owner.size() < 255 && record.rdata.size() < 65536);
  }
  FuzzCheck(data.MemoryBytes() > 0);
  for (const auto& section : data.sections) CheckDataset(*section);
  for (const auto& subzone : data.subzones) {
    for (const size_t section : subzone.sections) {
      FuzzCheck(section < data.sections.size());
    }
  }
}

}  // namespace

std::string FuzzOne(absl::string_view input) {
  if (input.empty()) return "";
  const auto first = static_cast<uint8_t>(input[0]);
  FileDatasetSpec spec;
  spec.name = "fuzzed";
  spec.type = first >= kAclKey ? DatasetType::kAclKey
                               : static_cast<DatasetType>(first % kTypeCount);
  spec.host_bits = (first & kHostBits) != 0;
  spec.decompress = (first & kDecompress) != 0;
  // The two have nothing to do with each other.
  spec.entry_parameters = (first & kCutOffIsError) != 0;
  std::vector<std::string> texts(1);
  for (const char byte : input.substr(1)) {
    if (byte == '\xff') {
      texts.emplace_back();
    } else {
      texts.back().push_back(byte);
    }
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    spec.files.push_back(absl::StrCat(i));
  }
  FileDatasetLoadOptions options;
  options.now_seconds = (first & kTimeKnown) != 0 ? 1'700'000'000 : 0;
  options.cut_off_is_error = (first & kCutOffIsError) != 0;
  options.keep_names = spec.host_bits;
  size_t next = 0;
  options.open_file =
      [&](const std::string&) -> absl::StatusOr<std::unique_ptr<ByteSource>> {
    return StringSource(std::move(texts[next++]));
  };
  const auto loaded = LoadFileDataset(spec, options);
  if (loaded.ok()) CheckDataset(**loaded);
  return "";
}

}  // namespace rbld
