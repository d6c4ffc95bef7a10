// NamesSource: questions from a text, one name a line.
#ifndef RBLD_TOOLS_COMPARE_NAMES_SOURCE_H_
#define RBLD_TOOLS_COMPARE_NAMES_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/compare/input.h"
#include "tools/compare/question.h"
#include "zones/line_reader.h"

namespace rbld {

// "NAME [TYPE…]", types apart by blanks or commas; '#' begins a comment. Used
// by one thread.
class NamesSource : public QuestionSource {
 public:
  // `types` are asked where a line gives none. With a `zone` (wire form; empty:
  // none) a line may also be an address, which is then asked for in it.
  NamesSource(std::unique_ptr<Input> input, std::vector<uint16_t> types,
              std::string zone);

  absl::StatusOr<bool> Next(Question* question) override;
  double part() const override { return input_->PartDone(done_bytes_); }
  const LeftOut& left_out() const override { return left_out_; }

 private:
  absl::Status ReadLine(absl::string_view text);
  absl::StatusOr<std::string> NameOf(absl::string_view word) const;

  const std::unique_ptr<Input> input_;
  const std::vector<uint16_t> default_types_;
  const std::string zone_;
  LineReader lines_;
  uint64_t done_bytes_ = 0;
  LeftOut left_out_;
  // Of the line that was read last.
  std::string name_;
  std::vector<uint16_t> types_;
  size_t next_type_ = 0;
};

}  // namespace rbld

#endif  // RBLD_TOOLS_COMPARE_NAMES_SOURCE_H_
