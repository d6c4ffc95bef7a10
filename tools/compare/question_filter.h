// QuestionFilter: those of a source's questions that are to be asked.
#ifndef RBLD_TOOLS_COMPARE_QUESTION_FILTER_H_
#define RBLD_TOOLS_COMPARE_QUESTION_FILTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "tools/compare/question.h"

namespace rbld {

struct QuestionFilterOptions {
  // Wire form: only names at it or below it. Empty: all.
  std::string zone;
  // Only these; empty: all.
  std::vector<uint16_t> types;
  // Questions that were there before are asked again.
  bool repeats = false;
  // This part of the names, 0.0 to 1.0; the same ones each time.
  double sample = 1;
};

// Used by one thread. Remembers 8 bytes of a question: of n different ones, one
// is taken for another, and so not asked, with probability n² · 2⁻⁶⁵.
class QuestionFilter : public QuestionSource {
 public:
  QuestionFilter(std::unique_ptr<QuestionSource> source,
                 QuestionFilterOptions options);

  absl::StatusOr<bool> Next(Question* question) override;
  double part() const override { return source_->part(); }
  const LeftOut& left_out() const override { return source_->left_out(); }

  uint64_t repeats() const { return repeats_; }  // left out as such
  uint64_t outside() const { return outside_; }  // of the zone or the types

 private:
  bool IsInSample(const Question& question) const;

  const std::unique_ptr<QuestionSource> source_;
  const QuestionFilterOptions options_;
  absl::flat_hash_set<uint64_t> seen_;
  uint64_t repeats_ = 0;
  uint64_t outside_ = 0;
};

}  // namespace rbld

#endif  // RBLD_TOOLS_COMPARE_QUESTION_FILTER_H_
