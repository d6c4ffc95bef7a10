#include "zones/line_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace rbld {
namespace {

// Hands out a few bytes at a time, and at the end maybe an error.
class DripSource : public ByteSource {
 public:
  DripSource(std::string text, size_t step, absl::Status end = {})
      : text_(std::move(text)), step_(step), end_(std::move(end)) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    const size_t count = std::min({size, step_, text_.size() - at_});
    if (count == 0 && !end_.ok()) return end_;
    std::copy_n(text_.data() + at_, count, buffer);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  size_t step_;
  size_t at_ = 0;
  absl::Status end_;
};

std::vector<std::string> Lines(const std::string& text, size_t step) {
  DripSource source(text, step);
  LineReader reader(&source, LineReader::kMaxTextLineBytes);
  std::vector<std::string> lines;
  LineReader::Line line;
  while (reader.Next(&line)) {
    lines.push_back(std::to_string(line.number) + (line.too_long ? "!" : ":") +
                    std::string(line.text.substr(0, 20)));
  }
  EXPECT_TRUE(reader.status().ok());
  return lines;
}

using Expected = std::vector<std::string>;

TEST(LineReader, SplitsAtNewlinesHoweverTheBytesCome) {
  for (const size_t step : {1, 2, 3, 1000}) {
    EXPECT_EQ(Lines("a\nbc\n\nd", step),
              (Expected{"1:a", "2:bc", "3:", "4:d"}));
    EXPECT_EQ(Lines("a\n", step), (Expected{"1:a"}));
    EXPECT_EQ(Lines("", step), Expected{});
  }
}

TEST(LineReader, DropsCarriageReturnsAndTheByteOrderMark) {
  EXPECT_EQ(Lines("\xef\xbb\xbf"
                  "a\r\nb\rc\r\n\xef\xbb\xbf",
                  2),
            (Expected{"1:a", "2:b\rc", "3:\xef\xbb\xbf"}));
}

TEST(LineReader, PassesOverOverlongLinesWithoutHoldingThem) {
  const std::string longest(LineReader::kMaxTextLineBytes, 'x');
  for (const size_t step : {size_t{777}, size_t{1} << 20}) {
    EXPECT_EQ(Lines("a\n" + longest + "\nb", step),
              (Expected{"1:a", "2:" + std::string(20, 'x'), "3:b"}));
    EXPECT_EQ(Lines("a\n" + longest + "y\nb", step),
              (Expected{"1:a", "2!" + std::string(20, 'x'), "3:b"}));
    EXPECT_EQ(
        Lines(std::string(5 << 20, 'z') + "\nb\n" + std::string(5 << 20, 'w'),
              step),
        (Expected{"1!" + std::string(20, 'z'), "2:b",
                  "3!" + std::string(20, 'w')}));
  }
}

TEST(LineReader, EndsWithTheSourcesError) {
  DripSource source("a\nb", 100, absl::DataLossError("cut"));
  LineReader reader(&source, LineReader::kMaxTextLineBytes);
  LineReader::Line line;
  EXPECT_TRUE(reader.Next(&line));
  EXPECT_FALSE(reader.Next(&line));
  EXPECT_EQ(reader.status().message(), "cut");
}

}  // namespace
}  // namespace rbld
