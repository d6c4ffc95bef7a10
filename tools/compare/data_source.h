// DataSource: the names worth asking of a zone, from the data files that
// rbldnsd serves it from: the ends of each entry and their neighbours, the
// names above it, subdomains, the zone itself and the test entries of RFC 5782.
#ifndef RBLD_TOOLS_COMPARE_DATA_SOURCE_H_
#define RBLD_TOOLS_COMPARE_DATA_SOURCE_H_

#include <cstdint>
#include <deque>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/compare/input.h"
#include "tools/compare/question.h"
#include "zones/line_reader.h"
#include "zones/rbldnsd/dataset_reader.h"
#include "zones/rbldnsd/dataset_type.h"

namespace rbld {

struct DataSpec {
  DatasetType type = DatasetType::kIp4Set;
  std::vector<std::string> files;
};

// "ip4set:FILE[,FILE…]", as rbldnsd's command line has it.
absl::StatusOr<DataSpec> ParseDataSpec(absl::string_view text);

// Used by one thread. The same name may come several times.
class DataSource : public QuestionSource {
 public:
  // `zone` in wire form; each name is asked for each of `types`, and a record
  // of generic data for its own too. `standard_input` must outlive it.
  DataSource(std::vector<DataSpec> specs, std::string zone,
             std::vector<uint16_t> types, std::istream* standard_input);
  ~DataSource() override;

  // Of a file that cannot be read or is malformed as a whole.
  absl::StatusOr<bool> Next(Question* question) override;
  double part() const override;
  const LeftOut& left_out() const override { return left_out_; }

  // The zone, and the subzones of combined files so far; in wire form.
  const std::vector<std::string>& zones() const { return zones_; }

 private:
  class Sink;

  void AddTestEntries(DatasetType type);
  // False when there are no more files.
  absl::StatusOr<bool> OpenNextFile();
  absl::Status ReadLine(const LineReader::Line& line);
  void StartReader(DatasetType type, Templates templates);
  // Labels below the zone, or below each of the section's subzones.
  void AddName(absl::string_view labels);
  void AddName(absl::string_view labels, const std::vector<uint16_t>& types);

  const std::vector<DataSpec> specs_;
  const std::string zone_;
  const std::vector<uint16_t> types_;
  std::istream* const standard_input_;

  size_t spec_ = 0;       // the one that is read
  size_t next_file_ = 0;  // of it
  size_t files_done_ = 0;
  size_t files_total_ = 0;
  std::unique_ptr<Input> input_;
  std::unique_ptr<LineReader> lines_;
  uint64_t done_bytes_ = 0;  // of the file
  std::unique_ptr<Sink> sink_;
  ZoneSpecials specials_;
  std::unique_ptr<DatasetReader> base_;
  std::unique_ptr<DatasetReader> section_;  // of a combined file, once it began
  size_t records_seen_ = 0;                 // of the reader's generic records
  std::vector<std::string> suffixes_;  // where names are put: zone or subzones
  std::vector<std::string> zones_;     // all that suffixes_ ever had
  std::deque<Question> queue_;
  LeftOut left_out_;
};

}  // namespace rbld

#endif  // RBLD_TOOLS_COMPARE_DATA_SOURCE_H_
