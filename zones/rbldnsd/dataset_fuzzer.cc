// libFuzzer target: any bytes as data files of any of rbldnsd's types. The
// first byte chooses the type and options; a 0xff byte begins the next file.
// Built with clang (`--repo_env=CC=clang
// --copt=-fsanitize=fuzzer-no-link,address
// --linkopt=-fsanitize=address`) it takes a folder for what it finds and
// zones/rbldnsd/corpus as arguments; dataset_corpus_test replays the corpus.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "zones/rbldnsd/file_dataset.h"

namespace {

constexpr int kTypeCount = 10;
// What is at least this means a type that came later.
constexpr uint8_t kAclKey = 0xf0;
constexpr uint8_t kHostBits = 0x10;
constexpr uint8_t kTimeKnown = 0x20;
constexpr uint8_t kCutOffIsError = 0x40;
constexpr uint8_t kEntryParameters = 0x80;

void Check(bool holds) {
  if (!holds) abort();
}

// Every value set that the index names is there, and can be answered.
void CheckDataset(const rbld::FileDataset& data) {
  const auto check_id = [&data](rbld::ValueSetId id) {
    if (data.type == rbld::DatasetType::kAcl) {
      Check(id <= data.rules.size());
      return;
    }
    Check(id <= data.values->size());
    for (const rbld::Value& value : data.values->Get(id)) {
      Check(value.code != 0);
      Check(value.reason.size() <= size_t{rbld::kMaxReasonBytes});
    }
  };
  uint64_t next = 0;
  data.index.ipv4->ForEachRun(0, 0xffffffff, [&](const rbld::Ipv4Run& run) {
    Check(run.first >= next && run.last >= run.first);
    next = uint64_t{run.last} + 1;
    check_id(run.values);
    Check(data.index.ipv4->Lookup(run.first) == run.values);
    Check(data.index.ipv4->Lookup(run.last) == run.values);
    return true;
  });
  rbld::AddressBytes first = {}, last;
  last.fill(0xff);
  data.index.ipv6->ForEachRun(first, last, [&](const rbld::Ipv6Run& run) {
    check_id(run.values);
    Check(data.index.ipv6->Lookup(run.first) == run.values);
    return true;
  });
  for (const rbld::FileDataset::Key& key : data.keys) {
    Check(!key.label.empty() && key.label.size() <= 63);
    Check((key.rule.action == rbld::AccessAction::kListed) ==
          (key.rule.values != rbld::kNotListed));
    Check((key.terms.quota == 0) == (key.terms.quota_seconds == 0));
  }
  for (const rbld::GenericRecord& record : data.records) {
    Check(record.owner.size() < 255 && record.rdata.size() < 65536);
  }
  for (const auto& section : data.sections) CheckDataset(*section);
  for (const auto& subzone : data.subzones) {
    for (const size_t section : subzone.sections) {
      Check(section < data.sections.size());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  rbld::FileDatasetSpec spec;
  spec.name = "fuzzed";
  spec.type = data[0] >= kAclKey
                  ? rbld::DatasetType::kAclKey
                  : static_cast<rbld::DatasetType>(data[0] % kTypeCount);
  spec.entry_parameters = (data[0] & kEntryParameters) != 0;
  spec.host_bits = (data[0] & kHostBits) != 0;
  std::vector<std::string> texts(1);
  for (size_t i = 1; i < size; ++i) {
    if (data[i] == 0xff) {
      texts.emplace_back();
    } else {
      texts.back().push_back(static_cast<char>(data[i]));
    }
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    spec.files.push_back(absl::StrCat(i));
  }
  rbld::FileDatasetLoadOptions options;
  options.now_seconds = (data[0] & kTimeKnown) != 0 ? 1'700'000'000 : 0;
  options.cut_off_is_error = (data[0] & kCutOffIsError) != 0;
  size_t next = 0;
  options.open_file = [&](const std::string&)
      -> absl::StatusOr<std::unique_ptr<rbld::ByteSource>> {
    return rbld::StringSource(std::move(texts[next++]));
  };
  const auto loaded = rbld::LoadFileDataset(spec, options);
  if (loaded.ok()) CheckDataset(**loaded);
  return 0;
}
