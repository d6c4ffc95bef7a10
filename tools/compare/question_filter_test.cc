#include "tools/compare/question_filter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "dns/name.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

Question Ask(absl::string_view name, uint16_t type) {
  return {*NameFromText(name), type};
}

class ListSource : public QuestionSource {
 public:
  explicit ListSource(std::vector<Question> questions)
      : questions_(std::move(questions)) {}
  absl::StatusOr<bool> Next(Question* question) override {
    if (next_ == questions_.size()) return false;
    *question = questions_[next_++];
    return true;
  }
  double part() const override { return 0.5; }
  const LeftOut& left_out() const override { return left_out_; }

 private:
  std::vector<Question> questions_;
  size_t next_ = 0;
  LeftOut left_out_;
};

std::vector<Question> Drain(QuestionFilter* filter) {
  std::vector<Question> questions;
  Question question;
  while (*filter->Next(&question)) questions.push_back(question);
  return questions;
}

TEST(QuestionFilter, AsksEachQuestionOnceUnlessToldOtherwise) {
  const std::vector<Question> all = {Ask("a.test", 1), Ask("a.test", 16),
                                     Ask("a.test", 1)};
  QuestionFilter once(std::make_unique<ListSource>(all), {});
  EXPECT_EQ(Drain(&once), (std::vector<Question>{all[0], all[1]}));
  EXPECT_EQ(1u, once.repeats());
  QuestionFilterOptions options;
  options.repeats = true;
  QuestionFilter every(std::make_unique<ListSource>(all), options);
  EXPECT_EQ(all, Drain(&every));
}

TEST(QuestionFilter, KeepsToTheZoneAndTheTypes) {
  QuestionFilterOptions options;
  options.zone = *NameFromText("bl.test");
  options.types = {16};
  QuestionFilter filter(
      std::make_unique<ListSource>(std::vector<Question>{
          Ask("bl.test", 16), Ask("a.bl.test", 16), Ask("a.bl.test", 1),
          Ask("abl.test", 16), Ask("test", 16)}),
      options);
  EXPECT_EQ(Drain(&filter),
            (std::vector<Question>{Ask("bl.test", 16), Ask("a.bl.test", 16)}));
  EXPECT_EQ(3u, filter.outside());
}

TEST(QuestionFilter, TakesTheSameSampleOfNamesEachTime) {
  std::vector<Question> all;
  for (int i = 0; i < 2000; ++i) {
    all.push_back(Ask(absl::StrCat(i, ".test"), 1));
    all.push_back(Ask(absl::StrCat(i, ".test"), 16));
  }
  QuestionFilterOptions options;
  options.sample = 0.1;
  QuestionFilter first(std::make_unique<ListSource>(all), options);
  QuestionFilter second(std::make_unique<ListSource>(all), options);
  const std::vector<Question> some = Drain(&first);
  EXPECT_EQ(some, Drain(&second));
  EXPECT_GT(some.size(), 200u);
  EXPECT_LT(some.size(), 600u);
  for (size_t i = 0; i < some.size(); i += 2) {
    EXPECT_EQ(some[i].name, some[i + 1].name);
  }
}

}  // namespace
}  // namespace rbld
