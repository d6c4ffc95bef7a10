#include "zones/rbldnsd/file_dataset.h"

#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file_util.h"
#include "store/dataset_builder.h"
#include "xxhash.h"
#include "zones/byte_source.h"
#include "zones/line_reader.h"
#include "zones/rbldnsd/section_head.h"

namespace rbld {
namespace {

// Is `one` equal to `entry` or inside it?
bool IsInside(const Target& one, const Target& entry) {
  if (one.kind() != entry.kind()) return false;
  if (!one.is_name()) return entry.prefix().Contains(one.prefix());
  if (!absl::StartsWith(one.reversed_wire(), entry.reversed_wire())) {
    return false;
  }
  const bool is_same = one.reversed_wire() == entry.reversed_wire();
  return is_same ? entry.scope() == one.scope() ||
                       entry.scope() == NameScope::kWithSubdomains
                 : entry.scope() != NameScope::kExact;
}

// Puts the entries of one section into a builder; or, when a target is wanted,
// only looks for that.
class BuilderSink : public EntrySink {
 public:
  // `wanted` may be null.
  BuilderSink(DatasetBuilder::Options options, const Target* wanted)
      : builder_(std::move(options)), wanted_(wanted) {}

  absl::Status AddIpv4(const Ipv4Range& range, bool excluded,
                       ValueReader::Number values) override {
    if (wanted_ != nullptr) {
      if (wanted_->kind() == TargetKind::kIpv4 &&
          range.first <= wanted_->prefix().ipv4() &&
          Ipv4Of(wanted_->prefix().LastAddress()) <= range.last) {
        Find(excluded);
      }
      return absl::OkStatus();
    }
    if (range.first == range.last) {
      return Ended(builder_.AddIpv4(range.first, 32, excluded, values));
    }
    for (const IpPrefix& prefix :
         CoverRange(Family::kIpv4, IpPrefix::FromIpv4(range.first).bytes,
                    IpPrefix::FromIpv4(range.last).bytes)) {
      const absl::Status status =
          builder_.AddIpv4(prefix.ipv4(), prefix.length_bits, excluded, values);
      if (!status.ok()) return Ended(status);
    }
    return absl::OkStatus();
  }

  absl::Status AddIpv6(const IpPrefix& prefix, bool excluded,
                       ValueReader::Number values) override {
    if (wanted_ != nullptr) {
      if (IsInside(*wanted_, Target::OfPrefix(prefix))) Find(excluded);
      return absl::OkStatus();
    }
    return Ended(builder_.AddIpv6(prefix, excluded, values));
  }

  absl::Status AddName(const Target& name, bool excluded,
                       ValueReader::Number values) override {
    if (wanted_ != nullptr) {
      if (IsInside(*wanted_, name)) Find(excluded);
      return absl::OkStatus();
    }
    builder_.AddName(name, excluded, values);
    return absl::OkStatus();
  }

  // What the files may answer is their owner's affair; only what no answer
  // could carry is cut, once all templates are known.
  absl::Status CheckValues(const ValueSet& values) override {
    for (const Value& value : values) {
      if (value.reason.size() > size_t{kMaxReasonBytes}) {
        Warn(absl::StrCat("the text is over ", kMaxReasonBytes,
                          " bytes and is cut there"));
      }
    }
    return absl::OkStatus();
  }

  void Warn(absl::string_view why) override { warning_ = std::string(why); }

  // What was said of the line that was read last, once.
  std::string TakeWarning() { return std::exchange(warning_, std::string()); }

  // Did the line that was read last have what is wanted, and was it excluded?
  // Once.
  std::optional<bool> TakeFound() { return std::exchange(found_, {}); }

  DatasetBuilder* builder() { return &builder_; }

 private:
  void Find(bool excluded) { found_ = excluded; }

  // A scratch file that fails ends the loading.
  static absl::Status Ended(const absl::Status& status) {
    return status.ok() ? status : absl::AbortedError(status.message());
  }

  DatasetBuilder builder_;
  const Target* const wanted_;
  std::string warning_;
  std::optional<bool> found_;
};

// One dataset while it is read.
struct Section {
  std::string name;
  std::unique_ptr<std::vector<ResolvedName>> names;
  std::unique_ptr<BuilderSink> sink;
  std::unique_ptr<DatasetReader> reader;
};

class FileDatasetReader {
 public:
  FileDatasetReader(const FileDatasetSpec& spec,
                    const FileDatasetLoadOptions& options,
                    const Target* wanted = nullptr)
      : spec_(spec),
        options_(options),
        wanted_(wanted),
        dataset_(std::make_shared<FileDataset>()) {
    dataset_->type = spec.type;
    dataset_->name = spec.name;
    base_ = NewSection(spec.type, spec.name, Templates());
    current_ = &base_;
  }

  absl::Status ReadFile(const std::string& path) {
    absl::StatusOr<std::unique_ptr<ByteSource>> source =
        options_.open_file != nullptr ? options_.open_file(path) : Open(path);
    if (!source.ok()) return source.status();
    if (spec_.decompress) source = Decompress(*std::move(source));
    LineReader lines(source->get(), LineReader::kMaxTextLineBytes);
    LineReader::Line line;
    // A combined file's last section goes on in the next file, with its
    // defaults.
    if (spec_.type != DatasetType::kCombined) current_->reader->StartFile();
    while (lines.Next(&line)) {
      absl::Status status;
      if (line.too_long) {
        status = absl::InvalidArgumentError(absl::StrCat(
            "the line is over ", LineReader::kMaxTextLineBytes, " bytes"));
      } else if (line.cut_off && options_.cut_off_is_error) {
        return absl::UnavailableError(
            absl::StrCat(path, ":", line.number,
                         ": no newline ends the last line, so that the file "
                         "may not be complete yet"));
      } else {
        status = ReadLine(line.text);
      }
      ++dataset_->lines;
      dataset_->text_digest = XXH3_64bits_withSeed(
          line.text.data(), line.text.size(), dataset_->text_digest);
      if (const auto excluded = current_->sink->TakeFound(); excluded) {
        KeepFound(path, line, *excluded);
      }
      std::string warning = current_->sink->TakeWarning();
      if (status.ok() && warning.empty()) continue;
      LeftOutLine noted{
          path, line.number,
          status.ok() ? std::move(warning) : std::string(status.message())};
      if (absl::IsAborted(status)) {
        return absl::FailedPreconditionError(noted.ToString());
      }
      if (status.ok() || IsOfAnotherKind(status)) {
        ++dataset_->warned_count;
        Keep(std::move(noted), &dataset_->warned);
      } else {
        ++dataset_->left_out_count;
        Keep(std::move(noted), &dataset_->left_out);
      }
    }
    return lines.status();
  }

  // When all files were read for a target.
  FoundLines TakeFound() {
    found_.text_digest = dataset_->text_digest;
    return std::move(found_);
  }

  absl::StatusOr<std::shared_ptr<const FileDataset>> Finish() {
    dataset_->specials = specials_;
    for (Section& section : sections_) {
      auto part = std::make_shared<FileDataset>();
      part->type = section.reader->type();
      part->name = section.name;
      const absl::Status status = FinishSection(&section, part.get());
      if (!status.ok()) return status;
      dataset_->entries += part->entries;
      dataset_->sections.push_back(std::move(part));
    }
    const absl::Status status = FinishSection(&base_, dataset_.get());
    if (!status.ok()) return status;
    return std::shared_ptr<const FileDataset>(std::move(dataset_));
  }

 private:
  static void Keep(LeftOutLine line, std::vector<LeftOutLine>* lines) {
    if (lines->size() < kMaxLeftOutKept) lines->push_back(std::move(line));
  }

  void KeepFound(const std::string& path, const LineReader::Line& line,
                 bool excluded) {
    if (++found_.count > kMaxFoundLines) return;
    found_.lines.push_back(
        {path, line.number,
         std::string(line.text.substr(0, kMaxFoundTextBytes)), excluded});
  }

  absl::StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& path) {
    struct stat found;
    if (stat(path.c_str(), &found) != 0) {
      return ErrnoStatus(errno, path, "opening a data file");
    }
    dataset_->newest_mtime =
        std::max<int64_t>(dataset_->newest_mtime, found.st_mtim.tv_sec);
    return OpenFileSource(path);
  }

  Section NewSection(DatasetType type, std::string name, Templates templates) {
    DatasetBuilder::Options builder_options;
    builder_options.precedence = PrecedenceOf(type);
    builder_options.equal_entries =
        UnitesEqualEntries(type) ? EqualEntries::kUnited : EqualEntries::kFirst;
    builder_options.scratch_directory = options_.scratch_directory;
    builder_options.name_seed = options_.name_seed;
    builder_options.digest = !IsAccessList(type);
    DatasetReaderOptions reader_options;
    reader_options.host_bits = spec_.host_bits;
    reader_options.entry_parameters = spec_.entry_parameters;
    reader_options.now_seconds = options_.now_seconds;
    reader_options.in_combined =
        spec_.type == DatasetType::kCombined && type != DatasetType::kCombined;
    Section section;
    section.name = std::move(name);
    if (options_.keep_names) {
      section.names = std::make_unique<std::vector<ResolvedName>>();
      builder_options.names = section.names.get();
    }
    section.sink =
        std::make_unique<BuilderSink>(std::move(builder_options), wanted_);
    section.reader = std::make_unique<DatasetReader>(
        type, reader_options, std::move(templates), &specials_,
        section.sink.get());
    return section;
  }

  absl::Status ReadLine(absl::string_view text) {
    if (spec_.type != DatasetType::kCombined) {
      return base_.reader->ReadLine(text);
    }
    absl::string_view rest;
    if (TakeSectionKeyword(text, &rest)) return StartSection(rest);
    return current_->reader->ReadLine(text);
  }

  absl::Status StartSection(absl::string_view text) {
    absl::StatusOr<SectionHead> head = ParseSectionHead(text);
    if (!head.ok()) return head.status();
    const size_t number = sections_.size();
    if (number == kMaxSections) {
      return absl::AbortedError(absl::StrCat(
          "over ", kMaxSections, " sections; split the file into several"));
    }
    sections_.push_back(NewSection(head->type,
                                   absl::StrCat(spec_.name, ":", head->name),
                                   base_.reader->templates()));
    current_ = &sections_.back();
    for (std::string& labels : head->subzones) {
      AddToSubzone(std::move(labels), number);
    }
    return absl::OkStatus();
  }

  void AddToSubzone(std::string labels, size_t section) {
    for (FileDataset::Subzone& subzone : dataset_->subzones) {
      if (subzone.labels == labels) {
        subzone.sections.push_back(section);
        return;
      }
    }
    dataset_->subzones.push_back({std::move(labels), {section}});
  }

  absl::Status FinishSection(Section* section, FileDataset* out) const {
    const DatasetReader& reader = *section->reader;
    auto table = std::make_shared<ValueTable>();
    std::vector<ValueSetId> ids;
    for (ValueSet& values : reader.values()) {
      for (Value& value : values) {
        value.ttl_seconds = spec_.ttl.Apply(value.ttl_seconds);
        out->conditional |= !value.condition.always();
        // A template that came late can make a text too long that was not.
        CutReason(&value.reason);
      }
      ids.push_back(table->Intern(values));
    }
    const auto rule_of = [&ids](const AccessRule& rule) {
      return FileDataset::Rule{rule.action, rule.action == AccessAction::kListed
                                                ? ids[rule.values]
                                                : kNotListed};
    };
    for (const KeyRule& key : reader.keys()) {
      out->keys.push_back({key.label, rule_of(key.access), key.terms});
    }
    if (out->type == DatasetType::kAclKey) {
      out->keyless_rule = rule_of(reader.keyless_rule());
    }
    if (out->type == DatasetType::kAcl) {
      std::vector<ValueSetId> places;
      for (const AccessRule& rule : reader.rules()) {
        out->rules.push_back(rule_of(rule));
        places.push_back(static_cast<ValueSetId>(out->rules.size()));
      }
      ids = std::move(places);
    }
    out->records = reader.records();
    for (GenericRecord& record : out->records) {
      record.ttl_seconds = spec_.ttl.Apply(record.ttl_seconds);
    }
    absl::StatusOr<ListIndex> index =
        section->sink->builder()->Build(ids, table.get());
    if (!index.ok()) return index.status();
    out->index = *std::move(index);
    out->digest_hex = section->sink->builder()->digest_hex();
    if (section->names != nullptr) out->names = std::move(*section->names);
    out->values = std::move(table);
    out->entries += reader.entries();
    return absl::OkStatus();
  }

  const FileDatasetSpec& spec_;
  const FileDatasetLoadOptions& options_;
  const Target* const wanted_;
  FoundLines found_;
  std::shared_ptr<FileDataset> dataset_;
  ZoneSpecials specials_;
  Section base_;
  std::deque<Section> sections_;  // of a combined file; never moved
  Section* current_ = nullptr;
};

}  // namespace

std::string LeftOutLine::ToString() const {
  return absl::StrCat(file, ":", line, ": ", why);
}

uint64_t FileDataset::MemoryBytes() const {
  uint64_t bytes = index.MemoryBytes() + values->MemoryBytes();
  for (const auto& section : sections) bytes += section->MemoryBytes();
  return bytes;
}

absl::StatusOr<FoundLines> FindInFiles(const FileDatasetSpec& spec,
                                       const FileDatasetLoadOptions& options,
                                       const Target& wanted) {
  FileDatasetReader reader(spec, options, &wanted);
  for (const std::string& path : spec.files) {
    const absl::Status status = reader.ReadFile(path);
    if (!status.ok()) return status;
  }
  return reader.TakeFound();
}

absl::StatusOr<std::shared_ptr<const FileDataset>> LoadFileDataset(
    const FileDatasetSpec& spec, const FileDatasetLoadOptions& options) {
  FileDatasetReader reader(spec, options);
  for (const std::string& path : spec.files) {
    const absl::Status status = reader.ReadFile(path);
    if (!status.ok()) return status;
  }
  return reader.Finish();
}

}  // namespace rbld
