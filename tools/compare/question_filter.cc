#include "tools/compare/question_filter.h"

#include <algorithm>
#include <utility>

#include "dns/name.h"
#include "xxhash.h"

namespace rbld {

QuestionFilter::QuestionFilter(std::unique_ptr<QuestionSource> source,
                               QuestionFilterOptions options)
    : source_(std::move(source)), options_(std::move(options)) {}

bool QuestionFilter::IsInSample(const Question& question) const {
  if (options_.sample >= 1) return true;
  constexpr double kHashes = 18446744073709551616.0;  // 2^64
  const uint64_t hash = XXH3_64bits(question.name.data(), question.name.size());
  return static_cast<double>(hash) < options_.sample * kHashes;
}

absl::StatusOr<bool> QuestionFilter::Next(Question* question) {
  while (true) {
    const absl::StatusOr<bool> more = source_->Next(question);
    if (!more.ok() || !*more) return more;
    const bool type_fits =
        options_.types.empty() ||
        std::find(options_.types.begin(), options_.types.end(),
                  question->type) != options_.types.end();
    if (!type_fits || (!options_.zone.empty() &&
                       !NameEndsIn(question->name, options_.zone))) {
      ++outside_;
      continue;
    }
    if (!IsInSample(*question)) continue;
    if (!options_.repeats) {
      const uint64_t print = XXH3_64bits_withSeed(
          question->name.data(), question->name.size(), question->type);
      if (!seen_.insert(print).second) {
        ++repeats_;
        continue;
      }
    }
    return true;
  }
}

}  // namespace rbld
