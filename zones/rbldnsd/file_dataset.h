// FileDataset: what rbldnsd's data files hold, in the form that answers
// queries. Built straight from the files, without the store.
//
// Immutable; any thread may read one. Loading is done by one thread each.
#ifndef RBLD_ZONES_RBLDNSD_FILE_DATASET_H_
#define RBLD_ZONES_RBLDNSD_FILE_DATASET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "store/list_index.h"
#include "store/resolved.h"
#include "store/target.h"
#include "store/value_table.h"
#include "zones/byte_source.h"
#include "zones/rbldnsd/dataset_reader.h"
#include "zones/rbldnsd/dataset_type.h"

namespace rbld {

struct FileDatasetSpec {
  std::string name;  // for messages
  DatasetType type = DatasetType::kIp4Set;
  // Read one after another as if they were one file.
  std::vector<std::string> files;
  TtlLimits ttl;
  bool host_bits = false;  // rbldnsd's -e
  bool decompress = true;  // gzip and zstd; rbldnsd's -C says no
  // "@ ts=;delay=;key=" behind entries (DatasetReaderOptions).
  bool entry_parameters = false;

  friend bool operator==(const FileDatasetSpec&,
                         const FileDatasetSpec&) = default;
};

// A line that was left out, or taken with a warning.
struct LeftOutLine {
  std::string file;
  uint64_t line = 0;
  std::string why;

  std::string ToString() const;  // "FILE:LINE: WHY"
};

struct FileDataset {
  DatasetType type = DatasetType::kIp4Set;
  std::string name;

  // The listings; of acl, the clients.
  ListIndex index;
  // The names of the index, with FileDatasetLoadOptions::keep_names.
  std::vector<ResolvedName> names;
  // The sets that the index and the rules name; never null.
  std::shared_ptr<const ValueTable> values;
  // Of generic.
  std::vector<GenericRecord> records;
  // Not all values are for everybody at once (Value::condition).
  bool conditional = false;
  // Of acl: the index has places in this table, plus 1.
  struct Rule {
    AccessAction action = AccessAction::kIgnore;
    ValueSetId values = kNotListed;  // of kListed
  };
  std::vector<Rule> rules;
  // Of aclkey, and what holds without a key that is known.
  struct Key {
    std::string label;  // lower case, without its length byte
    Rule rule;
    KeyTerms terms;
  };
  std::vector<Key> keys;
  Rule keyless_rule;
  // Of combined: its sections, and which of them a subzone has. `labels` are
  // those of the subzone below the zone in wire form, lower case, without the
  // root's byte; empty for the zone itself.
  struct Subzone {
    std::string labels;
    std::vector<size_t> sections;
  };
  std::vector<std::shared_ptr<const FileDataset>> sections;
  std::vector<Subzone> subzones;

  ZoneSpecials specials;
  int64_t newest_mtime = 0;  // of its files
  // Of what the index answers (store/answer_digest.h), not of the sections;
  // empty of access lists.
  std::string digest_hex;

  uint64_t lines = 0;
  uint64_t entries = 0;  // of the sections too
  uint64_t left_out_count = 0;
  std::vector<LeftOutLine> left_out;  // the first kMaxLeftOutKept of them
  // Lines that were taken, but perhaps not as their authors meant them, and
  // skipped ones that are for datasets of another kind.
  uint64_t warned_count = 0;
  std::vector<LeftOutLine> warned;  // likewise
  // Of the files' lines, in order: the same for the same text.
  uint64_t text_digest = 0;

  uint64_t MemoryBytes() const;
};

inline constexpr size_t kMaxLeftOutKept = 20;
// Of a combined file; a zone looks names up in each.
inline constexpr size_t kMaxSections = 64;

struct FileDatasetLoadOptions {
  int64_t now_seconds = 0;
  uint64_t name_seed = 0;  // NameIndex's
  // For scratch files while a big file is sorted; empty: memory.
  std::string scratch_directory;
  // A last line that no newline ends is an entry like the others. With this it
  // is an error, Unavailable: the file may still be being written.
  bool cut_off_is_error = false;
  bool keep_names = false;  // for who wants more than to look names up
  // Instead of the file of that path; null: the file. For tests.
  std::function<absl::StatusOr<std::unique_ptr<ByteSource>>(
      const std::string& path)>
      open_file;
};

// A line whose entry lists, or excludes, a target or what contains it.
struct FoundLine {
  std::string file;
  uint64_t line = 0;
  std::string text;  // at most kMaxFoundTextBytes of it
  bool excluded = false;
};

struct FoundLines {
  std::vector<FoundLine> lines;  // the first kMaxFoundLines
  uint64_t count = 0;            // of all
  uint64_t text_digest = 0;      // FileDataset's: of the files as they are now
};

inline constexpr size_t kMaxFoundLines = 20;
inline constexpr size_t kMaxFoundTextBytes = 200;

// Reads the files of listings for their lines about `wanted`; of `options`, the
// time and `open_file` count. Builds no index. Errors are those of
// LoadFileDataset.
absl::StatusOr<FoundLines> FindInFiles(const FileDatasetSpec& spec,
                                       const FileDatasetLoadOptions& options,
                                       const Target& wanted);

// Errors name the file and, where there is one, the line; the data may not be
// used: a file cannot be read or changed meanwhile, its compressed data is
// damaged, its $TIMESTAMP forbids it, or a combined file is malformed.
absl::StatusOr<std::shared_ptr<const FileDataset>> LoadFileDataset(
    const FileDatasetSpec& spec, const FileDatasetLoadOptions& options);

}  // namespace rbld

#endif  // RBLD_ZONES_RBLDNSD_FILE_DATASET_H_
